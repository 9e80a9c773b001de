-- SPDX-License-Identifier: MIT
--
-- rack.multipart: forms with files, cut at any place, whole and broken.

local fake = require("fake")
local multipart = require("rack.multipart")
local tap = require("tap")

local TYPE = "multipart/form-data; boundary=XyZ"

local function parse(body, step, limits, content_type)
    local env = fake.env("POST", "/", {
        ["content-type"] = content_type or TYPE,
    })
    env["rack.input"] = fake.input(body, step)
    return multipart.parse(env, limits)
end

-- A body of parts: { disposition parameters, bytes [, further headers] }.
local function body_of(parts)
    local out = {}
    for _, part in ipairs(parts) do
        out[#out + 1] = "--XyZ\r\nContent-Disposition: form-data; " .. part[1]
            .. "\r\n" .. (part[3] or "") .. "\r\n" .. part[2] .. "\r\n"
    end
    return table.concat(out) .. "--XyZ--\r\n"
end

-- Files with their bytes in place of their handles.
local function contents(files)
    local out = {}
    for i, one in ipairs(files) do
        out[i] = {
            name = one.name,
            filename = one.filename,
            content_type = one.content_type,
            size = one.size,
            bytes = one.file:read("a"),
        }
    end
    multipart.close(files)
    return out
end

local function fails(want_message, want_status, name, ...)
    local fields, message, status = parse(...)
    tap.is({ fields, message, status }, { nil, want_message, want_status },
        name)
end

-- A form with all there is, read in pieces of every size.
local TRICKY = "\r\n--XyZ\0\r\n--XyZW\r\n--XyZ-\r\n-\r--XyZ--\n--XyZ\r\n"
    .. "\r\r\n--XyZ \r-\r\n\r\n--Xy"
local whole = "preamble\r\n" .. body_of({
    { 'name="title"', "One" },
    { 'name="empty"', "" },
    { 'name="title"', "Two\r\n" },
    { 'name="data"; filename="d.bin"', TRICKY,
        "Content-Type: application/x-d\r\n" },
    { 'name="data"; filename="none.txt"', "" },
    { 'name="unchosen"; filename=""', "" },
}) .. "epilogue\r\n--XyZ\r\n"
local want_files = {
    { name = "data", filename = "d.bin", content_type = "application/x-d",
        size = #TRICKY, bytes = TRICKY },
    { name = "data", filename = "none.txt", size = 0, bytes = "",
        content_type = "application/octet-stream" },
}

for step = 1, #whole + 1 do
    local fields, files, all = parse(whole, step)
    tap.is({ fields, all, fields and contents(files) or files }, {
        { title = "Two\r\n", empty = "" },
        { title = { "One", "Two\r\n" }, empty = { "" } },
        want_files,
    }, "parses the form in pieces of " .. step)
end

-- One cut at each position: what the network may really do.
local cuts = 0
for at = 1, #whole - 1 do
    local pieces = { whole:sub(1, at), whole:sub(at + 1) }
    local fields, files = multipart.parse({
        CONTENT_TYPE = TYPE,
        ["rack.input"] = {
            read = function()
                return table.remove(pieces, 1)
            end,
        },
    })
    if fields and contents(files)[1].bytes == TRICKY then
        cuts = cuts + 1
    end
end
tap.is(cuts, #whole - 1, "parses whole and equal, cut once at any position")

-- Every body that ends too early is refused, wherever it ends.
local early = 0
local complete = body_of({ { 'name="a"; filename="f"', "x" } })
local last = #complete - #"\r\n"
for stop = 0, last - 1 do
    local fields, _, status = parse(complete:sub(1, stop))
    if not fields and status == 400 then
        early = early + 1
    end
end
tap.is(early, last, "refuses a body cut short at any position")
tap.ok(parse(complete:sub(1, last)), "needs no line end at the end")
fails("multipart body ends before its last boundary", 400,
    "refuses a missing last boundary",
    '--XyZ\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n')
fails("multipart body ends before its last boundary", 400,
    "refuses an empty body", "")

-- A file that is larger than one read.
local big = ("0123456789abcde\r"):rep(20000) .. "\r\n--Xy"
local _, big_files = parse(body_of({ { 'name="f"; filename="b"', big } }))
tap.is(big_files[1].size, #big, "counts a large file")
tap.ok(contents(big_files)[1].bytes == big, "keeps a large file")
tap.is(io.type(big_files[1].file), "closed file", "close() closes the files")
multipart.close(big_files)
tap.ok(true, "close() may be called twice")

-- Blanks after a boundary.
local blank = complete:gsub("^%-%-XyZ", "--XyZ \t ")
tap.ok(parse(blank), "takes blanks after a boundary")
local padded = ("--XyZ%s\r\n\r\n"):format((" "):rep(65))
fails("multipart body ends before its last boundary", 400,
    "takes too many blanks as data", padded)

-- Names.
local function filename(parameter, want, name)
    local _, files = parse(body_of({ { 'name="f"; ' .. parameter, "x" } }))
    tap.is(files[1] and files[1].filename, want, name)
    multipart.close(files)
end

filename([[filename="a \"b\" \\ c.txt"]], [[a "b" \ c.txt]],
    "reads a quoted filename with escapes")
filename('filename="a%22b%0D%0Ac%41.txt"', 'a"b\r\nc%41.txt',
    "decodes what browsers encode in a filename, and no more")
filename('filename="C:\\x\\y; z.txt"', "C:\\x\\y; z.txt",
    "keeps a path as it was sent")
filename("filename=plain.txt", "plain.txt", "reads a bare filename")
filename("filename=\"x\"; filename*=UTF-8''na%C3%AFve", "naïve",
    "prefers filename*")
filename("filename=\"x\"; filename*=latin1''na%EFve", "x",
    "leaves a filename* in other charsets")
filename('filename="ü.txt"', "ü.txt", "keeps UTF-8 in a filename")
tap.is(parse(body_of({ { 'name="a%22b"', "x" } })), { ['a"b'] = "x" },
    "decodes a field's name")

-- Headers.
local function with_header(lines)
    return "--XyZ\r\n" .. lines .. "\r\n\r\nx\r\n--XyZ--"
end

tap.is(parse(with_header('CONTENT-disposition:form-data;NAME="a"')),
    { a = "x" }, "header names know no case")
tap.is(parse(with_header('Content-Disposition: form-data;\r\n name="a"')),
    { a = "x" }, "joins a folded header")
fails("multipart part without a name", 400, "refuses a part without headers",
    "--XyZ\r\n\r\nx\r\n--XyZ--")
fails("multipart part without a name", 400, "refuses a part without a name",
    with_header("Content-Disposition: form-data"))
fails("multipart part without a name", 400, "refuses another disposition",
    with_header('Content-Disposition: attachment; name="a"'))
fails("malformed multipart header", 400, "refuses a header without a colon",
    with_header("nonsense"))
fails("stray control byte in a multipart header", 400, "refuses a bare LF",
    with_header('Content-Disposition: form-data; name="a"\nX: y'))
fails("multipart file without a name", 400, "refuses bytes without a filename",
    body_of({ { 'name="f"; filename=""', "x" } }))

-- Limits.
local three = {}
for i = 1, 3 do
    three[i] = { ('name="n%d"'):format(i), "12345" }
end
tap.ok(parse(body_of(three), nil, { parts = 3 }), "takes as many as allowed")
fails("too many parts in a multipart body", 413, "limits the parts",
    body_of(three), nil, { parts = 2 })
tap.ok(parse(body_of(three), nil, { field_bytes = 21 }),
    "takes fields up to the limit")
fails("multipart fields too long", 413, "limits the fields together",
    body_of(three), nil, { field_bytes = 20 })
fails("multipart fields too long", 413, "counts names of empty fields",
    body_of({ { 'name="abc"', "" } }), nil, { field_bytes = 2 })
tap.ok(parse(body_of({ { 'name="f"; filename="b"', big } }), nil,
    { field_bytes = 10 }), "a file is no field")
for i = 1, 3 do
    three[i] = { 'name="f"; filename="x"', "" }
end
fails("too many files in a multipart body", 413, "limits the files",
    body_of(three), nil, { files = 2 })
local long = with_header('Content-Disposition: form-data; name="a"\r\nX: '
    .. ("y"):rep(20000))
fails("multipart headers too long", 413, "limits the headers", long)
fails("multipart headers too long", 413, "limits the headers byte by byte",
    long, 1)
tap.ok(parse(long, nil, { header_bytes = 30000 }), "a limit can be raised")

-- The content type.
tap.is(parse(body_of({ { 'name="a"', "x" } }), nil, nil,
    'Multipart/Form-Data; charset=utf-8; boundary="XyZ"'), { a = "x" },
    "reads a quoted boundary")
fails("not multipart/form-data", 415, "refuses another content type",
    "", nil, nil, "text/plain")
fails("multipart boundary missing or too long", 400,
    "refuses a missing boundary", "", nil, nil, "multipart/form-data")
fails("multipart boundary missing or too long", 400,
    "refuses a long boundary", "", nil, nil,
    "multipart/form-data; boundary=" .. ("x"):rep(71))
tap.is({ multipart.parse({ ["rack.input"] = fake.input("") }) },
    { nil, "not multipart/form-data", 415 }, "refuses a missing content type")

-- Files that nobody will get are closed at once.
local tmpfile, opened = io.tmpfile, {}
function io.tmpfile()
    opened[#opened + 1] = tmpfile()
    return opened[#opened]
end
local cut = body_of({ { 'name="f"; filename="x"', "abc" } }):sub(1, -8)
parse(cut)
tap.is(io.type(opened[1]), "closed file", "closes the files of a bad body")
pcall(multipart.parse, {
    CONTENT_TYPE = TYPE,
    ["rack.input"] = {
        read = function(self)
            self.times = (self.times or 0) + 1
            return self.times == 1 and cut or error("client gone")
        end,
    },
})
tap.is(io.type(opened[2]), "closed file", "closes the files on an error")
tap.ok(not pcall(function()
    function io.tmpfile()
        return nil, "disk full"
    end
    parse(whole)
end), "a full disk is an error")
io.tmpfile = tmpfile

tap.done()
