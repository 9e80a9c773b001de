-- SPDX-License-Identifier: MIT
--
-- Notes with attachments, as HTML pages for people and as JSON for programs.
-- It shows what a small real app needs: routes, forms, uploads, content
-- negotiation, honest statuses, a database shared by all workers
-- (notes/store.lua), pages that escape what they show (notes/pages.lua).
--
--     rainbows examples/notes.lua
--
--     curl -H 'content-type: application/json' -d '{"title":"Milk"}' \
--         http://127.0.0.1:8080/notes
--     curl -T photo.png http://127.0.0.1:8080/notes/1/files/
--     curl -F file=@a.txt -F file=@b.txt http://127.0.0.1:8080/notes/1/files
--
-- Needs the Debian packages lua-sql-sqlite3 and lua-cjson. NOTES_DB names the
-- database file.

local cjson = require("cjson")
local multipart = require("rack.multipart")
local pages = require("notes.pages")
local store = require("notes.store")
local utils = require("rack.utils")

local HTML, JSON = "text/html", "application/json"
local MAX_TEXT = 1024 * 1024 -- of a note as form or JSON, in bytes
local PIECE = 64 * 1024

-- Answers -------------------------------------------------------------------

local SAFETY = "default-src 'none'; style-src 'unsafe-inline'; "
    .. "form-action 'self'; frame-ancestors 'none'"

local function html(status, text)
    return status, {
        ["content-type"] = HTML .. "; charset=utf-8",
        ["content-security-policy"] = SAFETY,
        ["vary"] = "accept",
    }, text
end

-- An empty table is a list here: no object of ours is ever empty.
local function json(status, value, location)
    local text = next(value) and cjson.encode(value) or "[]"
    return status, {
        ["content-type"] = JSON,
        ["vary"] = "accept",
        ["location"] = location,
    }, text .. "\n"
end

local function see_other(location)
    return 303, { location = location }
end

local function problem(request, status, message)
    if request.html then
        return html(status, pages.problem(request.base, message))
    end
    return json(status, { error = message })
end

-- Reading requests ----------------------------------------------------------

local function is_text(value)
    return type(value) == "string" and utf8.len(value) and not value:find("\0")
end

-- A file's name without directories, or nil if it is no good as a label.
local function clean_name(name)
    name = name:match("^.*[/\\](.*)$") or name
    if is_text(name) and not name:find("%c") and #name <= 255
        and name:find("[^.]") then
        return name
    end
end

local function clean_type(name)
    return name:match("^[%w.+-]+/[%w.+-]+") or "application/octet-stream"
end

-- The whole of a small body, or nil when it is larger than MAX_TEXT.
local function read_text(input)
    local pieces, size = {}, 0
    for piece in function() return input:read(PIECE) end do
        size = size + #piece
        if size > MAX_TEXT then
            return nil
        end
        pieces[#pieces + 1] = piece
    end
    return table.concat(pieces)
end

local function parse_json(text)
    local ok, value = pcall(cjson.decode, text)
    if not ok then
        return nil, "bad JSON: " .. value
    elseif type(value) ~= "table" then
        return nil, "bad JSON: not an object"
    end
    return value
end

local parsers = {
    [JSON] = parse_json,
    ["application/x-www-form-urlencoded"] = utils.parse_query,
}

-- The { title, body } that was sent; or nil, status, message.
local function read_note(request)
    local parse = parsers[request.type]
    if not parse then
        return nil, 415, "send application/json or a form"
    end
    local text = read_text(request.env["rack.input"])
    if not text then
        return nil, 413, "note too large"
    end
    local note, message = parse(text)
    if not note then
        return nil, 400, message
    end
    local title, body = note.title or "", note.body or ""
    if not is_text(title) or not is_text(body) then
        return nil, 400, "title and body must be strings of UTF-8"
    elseif not title:find("%S") then
        return nil, 400, "title is missing"
    end
    return { title = title, body = body }
end

-- Notes ---------------------------------------------------------------------

local function url_of(request, id)
    return ("%s/notes/%d"):format(request.base, id)
end

-- The newest fifty, or those before ?before=ID.
local function list(request)
    local params = utils.parse_query(request.env.QUERY_STRING) or {}
    local before = math.tointeger(tonumber(params.before)) or math.maxinteger
    local notes = store.notes(before)
    for _, note in ipairs(notes) do
        note.url = url_of(request, note.id)
    end
    if request.html then
        local older = #notes == 50 and notes[50].id or nil
        return html(200, pages.list(request.base, notes, older))
    end
    return json(200, notes)
end

local function create(request)
    local note, status, message = read_note(request)
    if not note then
        return problem(request, status, message)
    end
    local id = store.add(note.title, note.body)
    local url = url_of(request, id)
    if request.html then
        return see_other(url)
    end
    return json(201, store.note(id), url)
end

local function files_of(request, note)
    local files = store.files(note)
    for _, file in ipairs(files) do
        file.url = ("%s/files/%s"):format(url_of(request, note),
            utils.escape_path(file.name))
    end
    return files
end

local function show(request, id)
    local note = store.note(id)
    if not note then
        return problem(request, 404, "no such note")
    elseif request.html then
        note.url = url_of(request, id)
        return html(200, pages.note(request.base, note, files_of(request, id)))
    end
    return json(200, note)
end

local function delete(request, id)
    if not store.delete(id) then
        return problem(request, 404, "no such note")
    elseif request.html then
        return see_other(request.base .. "/notes")
    end
    return 204, {}
end

-- Files ---------------------------------------------------------------------

local function list_files(request, note)
    if request.html or not store.note(note) then
        return show(request, note)
    end
    return json(200, files_of(request, note))
end

-- PUT /notes/ID/files/NAME: the body is the file.
local function put_file(request, note, name)
    name = clean_name(name)
    if not name then
        return problem(request, 400, "bad file name")
    end
    local result = store.save(note, name, clean_type(request.type),
        request.env["rack.input"])
    if not result then
        return problem(request, 404, "no such note")
    elseif result == "replaced" then
        return 204, {}
    end
    return 201, { location = request.base .. request.path }
end

-- POST or PUT /notes/ID/files: the files of a form.
local function upload(request, note)
    local fields, files, status = multipart.parse(request.env)
    if not fields then
        return problem(request, status, files)
    end
    local _ <close> = files
    if not files[1] then
        return problem(request, 400, "no file in the form")
    end
    for _, file in ipairs(files) do
        file.label = clean_name(file.filename)
        if not file.label then
            return problem(request, 400, "bad file name")
        end
    end
    for _, file in ipairs(files) do
        local media_type = clean_type(file.content_type)
        if not store.save(note, file.label, media_type, file.file) then
            return problem(request, 404, "no such note")
        end
    end
    local url = url_of(request, note)
    if request.html then
        return see_other(url)
    end
    return json(201, files_of(request, note), url .. "/files")
end

-- Always as an attachment: a stranger's HTML must not run as a page of ours.
local function download(request, note, name)
    local file, media_type
    if is_text(name) then
        file, media_type = store.file(note, name)
    end
    if not file then
        return problem(request, 404, "no such file")
    end
    return 200, {
        ["content-type"] = media_type,
        ["content-disposition"] = "attachment; filename*=UTF-8''"
            .. utils.escape_path(name),
        ["x-content-type-options"] = "nosniff",
    }, file
end

-- Routes --------------------------------------------------------------------

local function home(request)
    return see_other(request.base .. "/notes")
end

local routes = {
    { "^/$", { GET = home } },
    { "^/notes$", { GET = list, POST = create } },
    { "^/notes/(%d+)$", { GET = show, DELETE = delete } },
    { "^/notes/(%d+)/delete$", { POST = delete } },
    { "^/notes/(%d+)/files$",
        { GET = list_files, POST = upload, PUT = upload } },
    { "^/notes/(%d+)/files/([^/]+)$", { GET = download, PUT = put_file } },
}

-- Who posts a form is a browser unless its Accept says otherwise; anybody else
-- who accepts both is a program. PATH.json asks for JSON whatever Accept says.
local function new_request(env)
    local path = env.PATH_INFO
    local stem = path:match("^(/notes)%.json$")
        or path:match("^(/notes/%d+)%.json$")
    local media_type = utils.header_params(env.CONTENT_TYPE)
    local is_form = env.REQUEST_METHOD == "POST"
        and media_type:find("form", 1, true)
    local offered = is_form and { HTML, JSON } or { JSON, HTML }
    return {
        env = env,
        method = env.REQUEST_METHOD == "HEAD" and "GET" or env.REQUEST_METHOD,
        base = env.SCRIPT_NAME,
        path = stem or path,
        type = media_type,
        html = not stem and utils.best_type(env.HTTP_ACCEPT, offered) == HTML,
    }
end

local function method_not_allowed(request, methods)
    local allow = { methods.GET and "HEAD" }
    for method in pairs(methods) do
        allow[#allow + 1] = method
    end
    table.sort(allow)
    local status, headers, body = problem(request, 405, "method not allowed")
    headers.allow = table.concat(allow, ", ")
    return status, headers, body
end

local function dispatch(request)
    for _, route in ipairs(routes) do
        local id, name = request.path:match(route[1])
        local handler = id and route[2][request.method]
        if handler then
            id = math.tointeger(tonumber(id)) or -1 -- too large: never found
            return handler(request, id, name and utils.unescape_path(name))
        elseif id then
            return method_not_allowed(request, route[2])
        end
    end
    return problem(request, 404, "not found")
end

-- The server opens the store in each worker before clients come; elsewhere, as
-- in a test, it opens itself.
local served, rainbows = pcall(require, "rainbows")
if served then
    rainbows.at_boot(store.open)
    rainbows.at_quit(store.close)
end

return function(env)
    local request = new_request(env)
    -- A page elsewhere must not post here with a visitor's browser.
    if request.method ~= "GET" and env.HTTP_SEC_FETCH_SITE == "cross-site" then
        return problem(request, 403, "cross-site request")
    end
    return dispatch(request)
end
