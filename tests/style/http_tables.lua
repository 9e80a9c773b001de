-- SPDX-License-Identifier: MIT
-- The tables of docs/HTTP.md from the files of tests/conformance. Called by
-- check-http: MODE PAGE FILE...

local LONG = 96 -- bytes of a request that the page shows

local function read(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read("a")
end

-- Text as code in a table, whatever is in it.
local function code(text)
    if text == "" then return "" end
    local ticks = text:find("`", 1, true) and "``" or "`"
    local gap = (text:find("^[` ]") or text:find("[` ]$")) and " " or ""
    return ticks .. gap .. text:gsub("|", "\\|") .. gap .. ticks
end

local function plain(text)
    return (text:gsub("[|<*_]", "\\%0"))
end

local function shorten(text)
    if #text <= LONG then return text end
    return text:sub(1, LONG) .. "…"
end

-- What a line of a case adds to its row.
local lines = {}

function lines.send(case, text)
    local last = case.dialogue[#case.dialogue]
    if last and last.send then
        last.send = last.send .. text
    else
        case.dialogue[#case.dialogue + 1] = { send = text }
    end
end

function lines.want(case, text)
    local status, saw = text:match("^(%d+) ?(.*)$")
    case.closes = tonumber(status) >= 400
    case.dialogue[#case.dialogue + 1] = { status = status, saw = saw }
end

function lines.shut(case)
    case.dialogue[#case.dialogue + 1] = { send = "", shut = true }
end

lines["then"] = function(case) case.closes = true end

function lines.has(case, text)
    case.more[#case.more + 1] = "with " .. code((text:gsub(" $", "")))
end

function lines.lacks(case, text)
    case.more[#case.more + 1] = "no " .. text
end

function lines.body(case, text)
    case.more[#case.more + 1] = text == "" and "no body" or
        "body " .. code(text)
end

function lines.rule(case, text) case.rule = text end

function lines.why(case, text) case.why = text end

local function parse(path)
    local group = { prose = {}, cases = {} }
    local case
    for line in read(path):gmatch("[^\n]*") do
        local word, rest = line:match("^ +(%l+) ?(.*)$")
        if word then
            lines[word](case, (rest:gsub("^ +", "")))
        elseif line:find("^# ") then
            group.title = line:sub(3)
        elseif line:find("^>") then
            group.prose[#group.prose + 1] = line:sub(3)
        elseif line ~= "" then
            case = { name = line, dialogue = {}, more = {} }
            group.cases[#group.cases + 1] = case
        end
    end
    return group
end

local function sent(case)
    local parts = {}
    for _, step in ipairs(case.dialogue) do
        if step.shut then
            parts[#parts + 1] = "end"
        elseif step.send then
            parts[#parts + 1] = code(shorten(step.send))
        end
    end
    return table.concat(parts, ", then ")
end

local function answer(case)
    local parts = {}
    for _, step in ipairs(case.dialogue) do
        if step.status then
            parts[#parts + 1] = (step.status .. " " ..
                code(shorten(step.saw))):gsub(" $", "")
        end
    end
    table.move(case.more, 1, #case.more, #parts + 1, parts)
    if case.closes then parts[#parts + 1] = "close" end
    return table.concat(parts, ", ")
end

local function rule(case)
    return assert(case.rule, case.name .. ": no rule")
end

-- What the others answer, by case; see tests/conformance/peers.
local peers = {}

local function read_peers(path)
    for line in read(path):gmatch("[^\n]+") do
        local name, verdicts = line:match("^([^\t]*)\t(.*)$")
        peers[name] = verdicts:gsub("\t", " | ")
    end
end

local function render(group)
    local out = { "## " .. group.title, "" }
    table.move(group.prose, 1, #group.prose, #out + 1, out)
    out[#out + 1] = "\n| case | sent | answer | RFC | why " ..
        "| nginx | Puma | Gunicorn |"
    out[#out + 1] = "|---|---|---|---|---|---|---|---|"
    for _, case in ipairs(group.cases) do
        out[#out + 1] = ("| %s | %s | %s | %s | %s | %s |"):format(
            plain(case.name), sent(case), answer(case), rule(case),
            plain(case.why or ""), peers[case.name] or " | | ")
    end
    return table.concat(out, "\n") .. "\n"
end

-- ---- the page ----

local mode, page_path = arg[1], arg[2]
local page = read(page_path)
local faults, total = 0, 0

local function fault(text)
    print(page_path .. ": " .. text)
    faults = faults + 1
end

local others = io.open("tests/conformance/peers.tsv")
if others then
    others:close()
    read_peers("tests/conformance/peers.tsv")
end

for i = 3, #arg do
    local name = arg[i]:match("([^/]*)%.txt$")
    local group = parse(arg[i])
    local open = ("<!-- cases: %s -->\n"):format(name)
    local at, to = page:find(open, 1, true)
    local last = to and page:find("<!-- end -->", to, true)
    total = total + #group.cases
    if not last then
        fault("no place for the cases of " .. arg[i])
    else
        local text = render(group)
        if mode == "check" and page:sub(to + 1, last - 1) ~= text then
            fault("the table of " .. name .. " is not that of " .. arg[i] ..
                " (tests/style/check-http --write)")
        end
        page = page:sub(1, to) .. text .. page:sub(last)
    end
end

for line in read("tests/conformance/words"):gmatch("[^\n]+") do
    local word, bytes = line:match("^(%l+) +(.*)$")
    local row = word and ("| `{%s}` | `%s` |\n"):format(word, bytes)
    if row and not page:find(row, 1, true) then
        fault("there is no row " .. row:sub(1, -2))
    end
end

if mode == "write" then
    local file <close> = assert(io.open(page_path, "wb"))
    file:write(page)
    print(total .. " cases")
end
os.exit(faults == 0)
