-- SPDX-License-Identifier: MIT
--
-- The HTML of the notes app. Templates are strings where {name} is filled with
-- an escaped value and {=name} with HTML as it is, so that forgetting to escape
-- is not possible by accident.

local utils = require("rack.utils")

local pages = {}

local function render(template, values)
    return (template:gsub("{(=?)(%a+)}", function(raw, name)
        local value = values[name]
        return raw == "=" and value or utils.escape_html(value)
    end))
end

local function render_each(template, rows)
    local out = {}
    for i, row in ipairs(rows) do
        out[i] = render(template, row)
    end
    return table.concat(out)
end

local PAGE = [[
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body { max-width: 40rem; margin: 2rem auto; padding: 0 1rem;
    font: 1rem/1.5 sans-serif; color: #222; }
input, textarea, button { font: inherit; padding: .3rem .5rem; }
input[name=title], textarea { display: block; width: 100%;
    box-sizing: border-box; margin-bottom: .5rem; }
pre { white-space: pre-wrap; background: #f4f4f4; padding: 1rem; }
small { color: #666; }
</style>
<h1>{title}</h1>
{=content}]]

local function page(title, content)
    return render(PAGE, { title = title, content = content })
end

local LIST = [[
<ul>
{=items}</ul>
{=older}
<h2>New note</h2>
<form method="post" action="{base}/notes">
<input name="title" placeholder="Title" aria-label="Title" required>
<textarea name="body" rows="5" aria-label="Text"></textarea>
<button>Save</button>
</form>
]]
local ITEM = [[
<li><a href="{url}">{title}</a> <small>{created}</small></li>
]]
local OLDER = [[
<p><a href="{base}/notes?before={id}">Older notes</a></p>]]

-- notes: { title, created, url }; older: the id to go on from, or nil.
function pages.list(base, notes, older)
    return page("Notes", render(LIST, {
        base = base,
        items = render_each(ITEM, notes),
        older = older and render(OLDER, { base = base, id = older }) or "",
    }))
end

local NOTE = [[
<p><small>{created}</small></p>
<pre>{body}</pre>
<h2>Files</h2>
<ul>
{=files}</ul>
<form method="post" action="{url}/files" enctype="multipart/form-data">
<input type="file" name="file" aria-label="Files" multiple required>
<button>Upload</button>
</form>
<hr>
<form method="post" action="{url}/delete">
<a href="{base}/notes">All notes</a> <button>Delete this note</button>
</form>
]]
local FILE = [[
<li><a href="{url}">{name}</a> <small>{size} bytes</small></li>
]]

-- note: { title, body, created, url }; files: { name, size, url }.
function pages.note(base, note, files)
    return page(note.title, render(NOTE, {
        base = base,
        url = note.url,
        created = note.created,
        body = note.body,
        files = render_each(FILE, files),
    }))
end

function pages.problem(base, message)
    return page(message, render('<p><a href="{base}/notes">All notes</a>\n', {
        base = base,
    }))
end

return pages
