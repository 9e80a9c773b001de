-- SPDX-License-Identifier: MIT
-- Reads bodies while they come. What it has read so far it tells in the log
-- ("has one"), for tests that send the next piece then.
local rainbows = require("rainbows")
local shared = require("shared")

local text = { ["content-type"] = "text/plain" }
local paths, places, formats = {}, {}, {}

local function tell(what)
    rainbows.log("info", what)
end

-- Reads a line and tells it.
local function line(input)
    local got = input:read("l")
    tell("has " .. tostring(got))
    return got
end

local function guard(name)
    return setmetatable({}, { __close = function()
        shared.count(name)
        tell("closed " .. name)
    end })
end

function paths.hello()
    return 200, text, "hello"
end

-- Each line goes back as soon as it has come.
function paths.echo(input)
    return 200, text, input:lines("L")
end

function paths.all(input)
    return 200, text, line(input) .. "+" .. input:read("a")
end

function paths.length(input)
    tell("begins")
    return 200, text, ("%d %d"):format(input.length, #input:read("a"))
end

function paths.first(input)
    return 200, text, line(input)
end

function paths.fails()
    error("no luck")
end

function paths.rewind(input)
    local once = line(input) .. "\n" .. input:read("a")
    input:rewind()
    assert(input:read("a") == once)
    input:rewind()
    return 200, text, line(input) .. "+" .. input:read("a")
end

-- The name's count file, in bytes.
function paths.counted(_, query)
    return 200, text, tostring(shared.counted(query))
end

-- ---- bodies that never come whole ----

function paths.caught(input)
    line(input)
    local ok, e = pcall(input.read, input, "a")
    local again, e2 = pcall(input.read, input, "a")
    assert(not ok and not again and e2:find("rack.input: ", 1, true))
    return 200, text, "caught " .. e
end

-- A tail is still to be read when the head and a piece are with the client.
function paths.late(input)
    local step = 0
    return 200, text, function()
        step = step + 1
        return step == 1 and line(input) or step == 2 and input:read("a") or nil
    end
end

paths["late-caught"] = function(input)
    local step = 0
    return 200, text, function()
        step = step + 1
        if step < 3 then
            return step == 1 and line(input)
                or tostring(select(2, pcall(input.read, input, "a")))
        end
    end
end

function paths.guarded(input)
    local _ <close> = guard("guarded")
    line(input)
    return 200, text, input:read("a")
end

paths["guarded-body"] = function(input)
    return 200, text, function() return line(input) end, nil, nil,
        guard("guarded-body")
end

-- ---- formats ----

function formats.pieces(input)
    assert(input:read(2) == "on" and input:read(5) == "e\ntwo")
    assert(input:read(0) == "" and input:read(99) == "\n\nfour")
    assert(input:read(1) == nil and input:read(0) == nil)
end

function formats.all(input)
    assert(input:read("a") == "one\ntwo\n\nfour")
    assert(input:read("a") == "" and input:read("l") == nil)
end

function formats.line(input)
    assert(input:read() == "one" and input:read("L") == "two\n")
    assert(input:read("l") == "" and input:read("l") == "four")
    assert(input:read("L") == nil)
end

function formats.several(input)
    local a, b, c, d, e = input:read(1, "l", 0, "L", "*a")
    assert(a == "o" and b == "ne" and c == "" and d == "two\n")
    assert(e == "\nfour")
    input:rewind()
    local f, g, h, i = input:read("L", "a", "l", "a")
    assert(f == "one\n" and g == "two\n\nfour" and h == nil and i == nil)
end

function formats.lines(input)
    local got = {}
    for a, b in input:lines(1, "L") do
        got[#got + 1] = a .. "," .. tostring(b)
    end
    assert(table.concat(got, "|") == "o,ne\n|t,wo\n|\n,four")
    input:rewind()
    got = {}
    for a in input:lines() do got[#got + 1] = a end
    assert(table.concat(got, "|") == "one|two||four")
end

function formats.turns(input)
    assert(input:read("l") == "one" and input:rewind())
    assert(input:read(6) == "one\ntw" and input:rewind())
    assert(input:read("l", "l", "l") == "one" and input:read(1) == "f")
    assert(input.length == 13 and input:read("a") == "our")
end

function paths.formats(input)
    for name, claim in pairs(formats) do
        input:rewind()
        local ok, e = pcall(claim, input)
        if not ok then
            return 200, text, name .. ": " .. e
        end
    end
    return 200, text, "ok"
end

-- One claim only, so that every wait there is happens in it.
function paths.format(input, query)
    formats[query](input)
    return 200, text, "ok"
end

-- ---- places to read at ----

function places.pcall(read)
    local _, a = pcall(read)
    local _, _, b = pcall(pcall, read)
    return a, b
end

function places.xpcall(read)
    local _, a = xpcall(read, debug.traceback)
    local _, b = xpcall(read, debug.traceback)
    return a, b
end

function places.metamethods(read)
    local t = setmetatable({}, { __index = read, __add = read })
    return t.x, t + 1
end

function places.comparisons(read)
    local got = {}
    local function keep() got[#got + 1] = read() return true end
    local t = setmetatable({}, { __lt = keep, __eq = keep })
    assert(t < 1 and t == setmetatable({}, getmetatable(t)))
    return got[1], got[2]
end

function places.iterator(read)
    local got = {}
    for one in read do
        got[#got + 1] = one
        if #got == 2 then break end
    end
    return got[1], got[2]
end

function places.close(read)
    local got = {}
    do
        local _ <close> = setmetatable({}, { __close = function()
            got[1] = read()
        end })
    end
    return got[1], read()
end

-- The values between are the app's own.
function places.wrap(read)
    local next = coroutine.wrap(function(x)
        assert(x == "begin")
        assert(coroutine.yield(read()) == "more")
        return read()
    end)
    return next("begin"), next("more")
end

function places.resume(read)
    local co = coroutine.create(function()
        return read(), pcall(read)
    end)
    local ok, a, fine, b = coroutine.resume(co)
    assert(ok and fine and coroutine.status(co) == "dead")
    return a, b
end

function places.nested(read)
    return coroutine.wrap(function()
        local inner = coroutine.wrap(function()
            coroutine.yield(select(2, pcall(coroutine.wrap(read))))
            return coroutine.wrap(read)()
        end)
        local a = inner()
        return a, inner()
    end)()
end

-- From here on Lua cannot yield.
function places.gsub(read)
    local both = ("ab"):gsub(".", function() return read() .. ";" end)
    return both:match("(%w+);(%w+);")
end

function places.sort(read)
    local got = {}
    table.sort({ 1, 2 }, function(a, b)
        got[1] = got[1] or read()
        return a < b
    end)
    return got[1], read()
end

function places.tostring(read)
    local t = setmetatable({}, { __tostring = read })
    return tostring(t), tostring(t)
end

function places.require(read)
    package.preload.streamed = function() return { read(), read() } end
    package.loaded.streamed = nil
    return table.unpack((require("streamed")))
end

function places.mixed(read)
    local a = ("a"):gsub("a", coroutine.wrap(read))
    return a, coroutine.wrap(read)()
end

function paths.place(input, query)
    local a, b = places[query](function() return line(input) end)
    return 200, text, a .. "|" .. b
end

-- Reads where Lua cannot yield, the head appended already.
paths["late-blocked"] = function(input)
    local step = 0
    return 200, text, function()
        step = step + 1
        if step < 3 then
            return (("x"):gsub("x", function() return line(input) end))
        end
    end
end

-- ---- other waits ----

-- Waits for the client, then for nothing in particular.
paths["then-sleep"] = function(input, query)
    local a, b = places[query](function() return input:read("l") end)
    rainbows.sleep(0.001)
    return 200, text, a .. "|" .. b .. "+" .. input:read("a")
end

paths["then-spin"] = function(input)
    input:read("a")
    while true do end
end

paths["sleep-in-gsub"] = function(input)
    local got = line(input)
    return 200, text, (got:gsub("^", function() rainbows.sleep(0.001) end))
end

return function(env)
    return paths[env.PATH_INFO:sub(2)](env["rack.input"], env.QUERY_STRING)
end
