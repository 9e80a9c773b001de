-- SPDX-License-Identifier: MIT
--
-- examples/notes.lua, called as the server would call it, on a database of its
-- own in a temporary place.

for _, name in ipairs({ "cjson", "luasql.sqlite3" }) do
    if not package.searchpath(name, package.cpath) then
        print("1..0 # SKIP no module " .. name)
        os.exit(true)
    end
end

local cjson = require("cjson")
local fake = require("fake")
local tap = require("tap")

local db = os.tmpname()
local getenv = os.getenv
function os.getenv(name)
    return name == "NOTES_DB" and db or getenv(name)
end
local app = require("notes")

local BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,"
    .. "image/avif,image/webp,*/*;q=0.8"

-- Calls the app: { status, headers, body as a string }.
local function request(method, target, headers, body)
    local env = fake.env(method, target, headers, body)
    local status, fields, content = app(env)
    return { status = status, headers = fields, body = fake.body(content) }
end

local function json(method, target, value)
    local body = type(value) == "table" and cjson.encode(value) or value
    local answer = request(method, target, {
        ["accept"] = "application/json",
        ["content-type"] = body and "application/json",
    }, body)
    if answer.headers["content-type"] == "application/json" then
        answer.json = cjson.decode(answer.body)
    end
    return answer
end

local function browser(method, target, form)
    return request(method, target, {
        ["accept"] = BROWSER,
        ["content-type"] = form and "application/x-www-form-urlencoded",
    }, form)
end

local function multipart(parts)
    local out = {}
    for name, bytes in pairs(parts) do
        out[#out + 1] = ("--B\r\ncontent-disposition: form-data; name=file; "
            .. 'filename="%s"\r\ncontent-type: text/plain\r\n\r\n%s\r\n')
            :format(name, bytes)
    end
    return table.concat(out) .. "--B--\r\n"
end

local function upload(target, accept, parts)
    return request("POST", target, {
        ["accept"] = accept,
        ["content-type"] = "multipart/form-data; boundary=B",
    }, type(parts) == "table" and multipart(parts) or parts)
end

local function status_is(answer, want, name)
    tap.is(answer.status, want, name)
end

-- The JSON API.
local answer = json("GET", "/notes")
tap.is({ answer.status, answer.body }, { 200, "[]\n" },
    "an empty list is an array")

answer = json("POST", "/notes", { title = "Milk", body = "two\nlitres" })
local note = answer.json
tap.is({ answer.status, answer.headers.location, note.id, note.title,
    note.body }, { 201, "/notes/1", 1, "Milk", "two\nlitres" },
    "creates a note")
tap.ok(note.created:find("^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$"),
    "knows when it was created")
tap.is(json("GET", "/notes/1").json, note, "shows a note")
tap.is(json("GET", "/notes").json, {
    { id = 1, title = "Milk", created = note.created, url = "/notes/1" },
}, "lists notes")
tap.is(browser("GET", "/notes/1.json").headers["content-type"],
    "application/json", ".json asks for JSON")
tap.is(browser("GET", "/notes.json").status, 200, ".json works for the list")
tap.is(request("GET", "/notes").headers["content-type"], "application/json",
    "a client without Accept gets JSON")

status_is(json("POST", "/notes", "{"), 400, "refuses broken JSON")
tap.has(json("POST", "/notes", "{").json.error, "bad JSON", "and says so")
status_is(json("POST", "/notes", '"text"'), 400, "refuses JSON of a string")
tap.is(json("POST", "/notes", "{}").json, { error = "title is missing" },
    "refuses a missing title")
status_is(json("POST", "/notes", '{"title":" "}'), 400,
    "refuses an empty title")
status_is(json("POST", "/notes", '{"title":null}'), 400, "refuses null")
status_is(json("POST", "/notes", '{"title":1}'), 400, "refuses a number")
status_is(json("POST", "/notes", '{"title":"a\\u0000b"}'), 400, "refuses NUL")
status_is(json("POST", "/notes", '{"title":"\xff"}'), 400,
    "refuses what is not UTF-8")
status_is(json("POST", "/notes", { title = ("x"):rep(1024 * 1024) }), 413,
    "refuses a huge note")
status_is(request("POST", "/notes", { ["content-type"] = "text/plain" }, "x"),
    415, "refuses another content type")
status_is(request("POST", "/notes", {}, "x"), 415,
    "refuses a missing content type")

local evil = "Robert'); DROP TABLE notes;-- ? \" \\ ü"
answer = json("POST", "/notes", { title = evil, body = "?" })
tap.is({ answer.json.title, answer.json.body }, { evil, "?" },
    "quotes what goes into SQL")

answer = json("DELETE", "/notes/2")
tap.is({ answer.status, answer.body }, { 204, "" }, "deletes a note")
status_is(json("GET", "/notes/2"), 404, "a deleted note is gone")
status_is(json("DELETE", "/notes/2"), 404, "deletes once only")
status_is(json("GET", "/notes/99999999999999999999"), 404,
    "a number too large is not found")

-- Methods and paths.
answer = json("PATCH", "/notes/1")
tap.is({ answer.status, answer.headers.allow }, { 405, "DELETE, GET, HEAD" },
    "says which methods are allowed")
tap.is(json("GET", "/notes/1/delete").headers.allow, "POST",
    "nothing is deleted by GET")
status_is(json("HEAD", "/notes/1"), 200, "HEAD is as GET")
status_is(json("GET", "/nowhere"), 404, "an unknown path is not found")
status_is(json("GET", "/notes/abc"), 404, "a word is no id")
status_is(json("GET", "/notes/1/"), 404, "a stray slash is not found")

-- HTML.
answer = browser("GET", "/")
tap.is({ answer.status, answer.headers.location }, { 303, "/notes" },
    "/ leads to the list")
answer = browser("POST", "/notes",
    "title=%3Cb%3E+%26+%22x%22&body=one%0D%0Atwo")
tap.is({ answer.status, answer.headers.location, answer.body },
    { 303, "/notes/3", "" }, "a form leads to its note")
answer = browser("GET", "/notes/3")
tap.is(answer.headers["content-type"], "text/html; charset=utf-8",
    "a browser gets HTML")
tap.has(answer.body, "<h1>&lt;b&gt; &amp; &quot;x&quot;</h1>",
    "escapes what it shows")
tap.has(answer.body, "<pre>one\r\ntwo</pre>", "shows the text")
tap.has(answer.body, 'action="/notes/3/files" enctype="multipart/form-data"',
    "offers to upload")
tap.has(browser("GET", "/notes").body, '<a href="/notes/1">Milk</a>',
    "lists with links")
answer = browser("POST", "/notes", "body=x")
tap.is({ answer.status, answer.headers["content-type"] },
    { 400, "text/html; charset=utf-8" }, "a bad form gets an HTML page")
tap.has(answer.body, "title is missing", "that says why")
answer = request("POST", "/notes", {
    ["content-type"] = "application/x-www-form-urlencoded",
}, "title=x")
status_is(answer, 303, "who posts a form is taken for a browser")
answer = browser("POST", answer.headers.location .. "/delete", "")
tap.is({ answer.status, answer.headers.location }, { 303, "/notes" },
    "a form deletes a note")
status_is(request("POST", "/notes/3/delete", {
    ["sec-fetch-site"] = "cross-site",
    ["accept"] = BROWSER,
}), 403, "refuses forms of other sites")
status_is(browser("GET", "/notes/3"), 200, "that note is still there")

-- Raw uploads.
local bytes = ("\0\r\n\xff'"):rep(50000)
local function put(target, body, content_type)
    return request("PUT", target, { ["content-type"] = content_type }, body)
end

answer = put("/notes/1/files/a%20b.bin", bytes, "image/png; x=y")
tap.is({ answer.status, answer.headers.location },
    { 201, "/notes/1/files/a%20b.bin" }, "PUT makes a file")
answer = request("GET", "/notes/1/files/a%20b.bin")
tap.ok(answer.body == bytes, "gives it back byte by byte")
tap.is({ answer.headers["content-type"],
    answer.headers["content-disposition"] },
    { "image/png", "attachment; filename*=UTF-8''a%20b.bin" },
    "with its type and name")
tap.is(json("GET", "/notes/1/files").json, {
    { name = "a b.bin", type = "image/png", size = #bytes,
        url = "/notes/1/files/a%20b.bin" },
}, "lists files")
status_is(put("/notes/1/files/a%20b.bin", ""), 204, "PUT replaces a file")
answer = request("GET", "/notes/1/files/a%20b.bin")
tap.is({ answer.body, answer.headers["content-type"] },
    { "", "application/octet-stream" }, "by an empty one of no type")
tap.is(#json("GET", "/notes/1/files").json, 1, "a replaced file is one file")
status_is(put("/notes/99/files/x", "x"), 404, "no file without a note")
status_is(put("/notes/1/files/%2E%2E", "x"), 400, "refuses a name of dots")
status_is(put("/notes/1/files/a%00b", "x"), 400, "refuses NUL in a name")
status_is(request("GET", "/notes/1/files/a%00b"), 404, "and finds none")
status_is(request("GET", "/notes/1/files/none"), 404, "a missing file is 404")

local env = fake.env("PUT", "/notes/1/files/broken")
env["rack.input"].read = function(self)
    self.times = (self.times or 0) + 1
    return self.times == 1 and "half" or error("client gone")
end
tap.ok(not pcall(app, env), "an upload that breaks is an error")
status_is(request("GET", "/notes/1/files/broken"), 404,
    "and leaves nothing behind")

-- Uploads by forms.
answer = upload("/notes/3/files", "application/json", {
    ["x.txt"] = "xyz", ["C:\\tmp\\<y>.txt"] = "" })
tap.is({ answer.status, answer.headers.location }, { 201, "/notes/3/files" },
    "takes the files of a form")
tap.is(cjson.decode(answer.body), {
    { name = "<y>.txt", type = "text/plain", size = 0,
        url = "/notes/3/files/%3Cy%3E.txt" },
    { name = "x.txt", type = "text/plain", size = 3,
        url = "/notes/3/files/x.txt" },
}, "and names them without directories")
tap.is(request("GET", "/notes/3/files/x.txt").body, "xyz", "gives one back")
tap.has(browser("GET", "/notes/3").body,
    '<a href="/notes/3/files/%3Cy%3E.txt">&lt;y&gt;.txt</a>',
    "shows them on the page")
answer = upload("/notes/3/files", BROWSER, { ["x.txt"] = "again" })
tap.is({ answer.status, answer.headers.location }, { 303, "/notes/3" },
    "a browser goes back to the note")
status_is(upload("/notes/3/files", "*/*", "--B--\r\n"), 400,
    "refuses a form without files")
status_is(upload("/notes/3/files", "*/*", "nonsense"), 400,
    "refuses a broken form")
status_is(upload("/notes/3/files", "*/*", { [".."] = "x" }), 400,
    "refuses a bad name in a form")
status_is(upload("/notes/98/files", "*/*", { x = "x" }), 404,
    "no form without a note")
status_is(json("POST", "/notes/3/files", "{}"), 415,
    "refuses another content type for files")

-- What is deleted leaves no file on the disk.
local function on_disk(id)
    local file = io.open(db .. "-file-" .. id, "rb")
    return file and file:close()
end
local left = 0
json("DELETE", "/notes/1")
json("DELETE", "/notes/3")
for id = 1, 100 do
    left = left + (on_disk(id) and 1 or 0)
end
tap.is(left, 0, "deleting notes deletes their files")

-- A mounted app, and pages of a long list.
for i = 1, 51 do
    json("POST", "/notes", { title = "n" .. i })
end
local list = json("GET", "/notes").json
tap.is({ #list, list[1].title, list[50].title }, { 50, "n51", "n2" },
    "lists the newest fifty")
list = json("GET", "/notes?before=" .. list[50].id).json
tap.is({ #list, list[1].title }, { 1, "n1" }, "and those before")
tap.is(json("GET", "/notes?before=x").status, 200, "ignores a bad before")
tap.has(browser("GET", "/notes").body, "Older notes", "links to older notes")
env = fake.env("GET", "/notes.json")
env.SCRIPT_NAME = "/app"
local _, _, body = app(env)
tap.has(cjson.decode(body)[1].url, "/app/notes/", "works below a prefix")

require("notes.store").close()
os.remove(db)
tap.done()
