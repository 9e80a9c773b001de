-- SPDX-License-Identifier: MIT
--
-- rack.multipart: reads multipart/form-data (RFC 7578), what a browser sends
-- for a form with files, from rack.input. Pure Lua 5.4.
--
-- The body is read in pieces and never held as a whole: a file's bytes go to
-- an unlinked temporary file as they come, only plain fields stay in memory,
-- and all that a client can make long has a limit. The one idea: a reader
-- holds a window of the body and moves from delimiter to delimiter, handing
-- what lies between to the sink of the part it is in. The window keeps as many
-- bytes as may be the start of a delimiter, so it does not matter where the
-- network cut the body.

local utils = require("rack.utils")

local multipart = {}

-- How much is asked of rack.input at once.
local READ_SIZE = 64 * 1024

-- RFC 2046 allows blanks between a boundary and its line end; so many at most.
local MAX_PADDING = 64

local LIMITS = {
    parts = 1024, -- fields and files together
    files = 64, -- each costs the worker a descriptor
    header_bytes = 16 * 1024, -- of one part
    field_bytes = 1024 * 1024, -- names and values of all plain fields
}

local function new_reader(input, boundary)
    return {
        input = input,
        delimiter = "\r\n--" .. boundary,
        window = "\r\n", -- so that the first line is like the others
        at = 1, -- what lies before is done with
    }
end

-- Adds the next piece of the body to the window; false at its end.
local function fill(reader)
    local piece = reader.input:read(READ_SIZE)
    if not piece then
        return false
    end
    reader.window = reader.window:sub(reader.at) .. piece
    reader.at = 1
    return true
end

-- What follows the boundary that ended before `after`: "part" or "last" and
-- where to go on; "data" if it was no delimiter at all; "more" if the window
-- ends too early to say. A part goes on at its CRLF, so that its headers are
-- lines that each follow a CRLF.
local function after_boundary(window, after)
    local stop = window:match("^[ \t]*()", after)
    local blanks = stop - after
    local rest = window:sub(stop, stop + 1)
    if blanks > MAX_PADDING then
        return "data"
    elseif rest == "\r\n" then
        return "part", stop
    elseif rest == "--" and blanks == 0 then
        return "last", stop + 2
    elseif rest == "" or rest == "\r" or rest == "-" and blanks == 0 then
        return "more"
    end
    return "data"
end

-- Where the bytes end that surely belong to the part, what comes there (as
-- after_boundary() says, and "more" also if no delimiter is in sight), and
-- where to go on.
local function look(reader)
    local window, delimiter = reader.window, reader.delimiter
    local first, last = window:find(delimiter, reader.at, true)
    if not first then
        local stop = math.max(reader.at, #window - #delimiter + 2)
        return stop, "more", stop
    end
    local kind, go_on = after_boundary(window, last + 1)
    if kind == "data" then
        return last + 1, kind, last + 1
    end
    return first, kind, go_on or first
end

-- Hands all up to the next delimiter to sink, in pieces. Returns "part" or
-- "last"; or nil, message, status, also when the sink returns these.
local function skip_to_delimiter(reader, sink)
    while true do
        local at = reader.at
        local stop, kind, go_on = look(reader)
        if stop > at then
            local ok, message, status = sink(reader.window:sub(at, stop - 1))
            if not ok then
                return nil, message, status
            end
        end
        reader.at = go_on
        if kind == "part" or kind == "last" then
            return kind
        elseif kind == "more" and not fill(reader) then
            return nil, "multipart body ends before its last boundary", 400
        end
    end
end

-- Header lines, each after its CRLF, as a table by lower-case name; or nil,
-- message, status. A line that starts with a blank continues the one before.
local function parse_headers(lines)
    local headers = {}
    for line in lines:gsub("\r\n[ \t]+", " "):gmatch("\r\n([^\r\n]*)") do
        local name, value = line:match("^([^%s:]+):(.*)$")
        if not name then
            return nil, "malformed multipart header", 400
        end
        headers[name:lower()] = utils.trim(value)
    end
    if lines:gsub("\r\n", ""):find("[\r\n\0]") then
        return nil, "stray control byte in a multipart header", 400
    end
    return headers
end

-- The headers of a part, as parse_headers() has them. The reader stands after
-- the empty line then.
local function read_headers(reader, limit)
    local from, stop, _ = reader.at, nil, nil
    while not stop do
        _, stop = reader.window:find("\r\n\r\n", from, true)
        if (stop or #reader.window) - reader.at > limit then
            return nil, "multipart headers too long", 413
        end
        from = math.max(1, #reader.window - reader.at - 1)
        if not stop and not fill(reader) then
            return nil, "multipart body ends inside headers", 400
        end
    end
    local lines = reader.window:sub(reader.at, stop - 4)
    reader.at = stop + 1
    return parse_headers(lines)
end

-- Browsers write these three as percent codes in names, and nothing else
-- (HTML Standard, multipart form data).
local function unescape_name(s)
    return (s:gsub("%%22", '"'):gsub("%%0[Dd]", "\r"):gsub("%%0[Aa]", "\n"))
end

-- The field's name and the file's; the second is nil for a plain field.
-- filename* (RFC 5987) is not allowed in forms, but sent by some.
local function names_of(headers)
    local kind, params = utils.header_params(headers["content-disposition"])
    if kind ~= "form-data" or not params.name then
        return nil
    end
    local filename = params.filename and unescape_name(params.filename)
    local extended = params["filename*"] or ""
    local charset, encoded = extended:match("^([^']*)'[^']*'(.*)$")
    if charset and charset:lower() == "utf-8" then
        filename = utils.unescape_path(encoded)
    end
    return unescape_name(params.name), filename
end

local function take_field_bytes(form, n)
    form.field_bytes = form.field_bytes - n
    if form.field_bytes < 0 then
        return nil, "multipart fields too long", 413
    end
    return true
end

-- A part's sink takes its bytes: true, or nil, message, status. Its finish
-- puts the part where the form keeps it.
local function field_part(form, name)
    local ok, message, status = take_field_bytes(form, #name)
    if not ok then
        return nil, message, status
    end
    local pieces = {}
    local part = {}
    function part.sink(piece)
        pieces[#pieces + 1] = piece
        return take_field_bytes(form, #piece)
    end
    function part.finish()
        local value = table.concat(pieces)
        form.fields[name] = value
        form.all[name] = form.all[name] or {}
        table.insert(form.all[name], value)
    end
    return part
end

-- A disk that is full is the server's trouble, not the client's: an error.
local function file_part(form, name, filename, content_type)
    local file = {
        name = name,
        filename = filename,
        content_type = content_type,
        file = assert(io.tmpfile()),
        size = 0,
    }
    table.insert(form.files, file)
    local part = {}
    function part.sink(piece)
        assert(file.file:write(piece))
        file.size = file.size + #piece
        return true
    end
    function part.finish()
        assert(file.file:seek("set"))
    end
    return part
end

-- A file input that was left empty: a filename of "" and no bytes.
local function no_file_part()
    local part = {}
    function part.sink()
        return nil, "multipart file without a name", 400
    end
    function part.finish() end
    return part
end

-- The part with these headers; or nil, message, status.
local function new_part(form, headers)
    local name, filename = names_of(headers)
    if not name then
        return nil, "multipart part without a name", 400
    elseif not filename then
        return field_part(form, name)
    elseif filename == "" then
        return no_file_part()
    elseif #form.files == form.limits.files then
        return nil, "too many files in a multipart body", 413
    end
    return file_part(form, name, filename,
        headers["content-type"] or "application/octet-stream")
end

local function read_parts(reader, form)
    local left = form.limits.parts
    local kind, message, status = skip_to_delimiter(reader, function()
        return true -- a preamble means nothing
    end)
    while kind == "part" do
        left = left - 1
        if left < 0 then
            return nil, "too many parts in a multipart body", 413
        end
        local headers, part
        local limit = form.limits.header_bytes
        headers, message, status = read_headers(reader, limit)
        if not headers then
            return nil, message, status
        end
        part, message, status = new_part(form, headers)
        if not part then
            return nil, message, status
        end
        kind, message, status = skip_to_delimiter(reader, part.sink)
        if kind then
            part.finish()
        end
    end
    return kind, message, status
end

local files_meta = {
    __close = function(files)
        multipart.close(files)
    end,
}

-- Unless the caller gets the files, they are closed here, on errors too.
local form_meta = {
    __close = function(form)
        if not form.handed_over then
            multipart.close(form.files)
        end
    end,
}

-- The boundary in a content-type, or nil, message, status.
local function boundary_of(content_type)
    local kind, params = utils.header_params(content_type)
    if kind ~= "multipart/form-data" then
        return nil, "not multipart/form-data", 415
    end
    local boundary = params.boundary or ""
    if #boundary < 1 or #boundary > 70 then
        return nil, "multipart boundary missing or too long", 400
    end
    return boundary
end

local function limits_from(options)
    local limits = {}
    for name, default in pairs(LIMITS) do
        limits[name] = options and options[name] or default
    end
    return limits
end

-- Reads the form in env["rack.input"]. Returns three tables:
--
--     local fields, files, all = multipart.parse(env)
--     fields.title       --> the last value of the plain field "title"
--     all.tag            --> every value of "tag", in order
--     files[1]           --> { name = "photo", filename = "a.png",
--                              content_type = "image/png", size = 1234,
--                              file = <Lua file at its start> }
--
-- The files are temporary and unlinked; they are the caller's to close, with
-- `local _ <close> = files` or multipart.close(files). A filename is what the
-- client says: use it as a label, never as a path.
--
-- On a bad or too big body: nil, a message and the status that fits it (400,
-- 413 or 415), with all files closed. options may set any of parts, files,
-- header_bytes and field_bytes. Errors are raised only for what is not the
-- client's doing, such as a full disk.
function multipart.parse(env, options)
    local boundary, message, status = boundary_of(env.CONTENT_TYPE)
    if not boundary then
        return nil, message, status
    end
    local limits = limits_from(options)
    local form <close> = setmetatable({
        limits = limits,
        field_bytes = limits.field_bytes, -- that may still come
        fields = {},
        all = {},
        files = setmetatable({}, files_meta),
        handed_over = false,
    }, form_meta)
    local reader = new_reader(env["rack.input"], boundary)
    local ok
    ok, message, status = read_parts(reader, form)
    if not ok then
        return nil, message, status
    end
    form.handed_over = true
    return form.fields, form.files, form.all
end

-- Closes the files of a form; those that are closed already are left alone.
function multipart.close(files)
    for _, one in ipairs(files) do
        if io.type(one.file) == "file" then
            one.file:close()
        end
    end
end

return multipart
