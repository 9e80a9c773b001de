-- SPDX-License-Identifier: MIT
-- Calls and bodies that wait: for a time, for a file to appear, for a FIFO;
-- and in every place where an app may do so.
local rainbows = require "rainbows"
local shared = require "shared"

local text = { ["content-type"] = "text/plain" }
local paths, places = {}, {}

local function exists(name)
    local file = io.open(name)
    return file and file:close()
end

local function await(name)
    while not exists(name) do rainbows.sleep(0.01) end
    return name
end

paths["/"] = function() return "hello" end

-- ---- time ----

paths["/sleep"] = function(_, seconds)
    rainbows.sleep(tonumber(seconds))
    return "slept"
end

paths["/forever"] = function()
    shared.count("begun")
    local function deep() rainbows.sleep(60) end
    deep()
    return "never"
end

paths["/stubborn"] = function()
    pcall(rainbows.sleep, 60)
    return "caught"
end

-- Sleeps for longer than timeout, with leave.
paths["/extended"] = function(env)
    env["rainbows.timeout"](20)
    rainbows.sleep(1)
    return "extended"
end

paths["/shortened"] = function(env)
    env["rainbows.timeout"](0.3)
    rainbows.sleep(60)
    return "never"
end

paths["/timeout-wrong"] = function(env)
    return tostring(pcall(env["rainbows.timeout"], "soon"))
end

-- Events with pauses, which take longer than timeout in all.
paths["/events"] = function(_, query)
    local n, pause = query:match("(%d+)&([%d.]+)")
    local left = tonumber(n)
    return function()
        if left == 0 then return nil end
        left = left - 1
        rainbows.sleep(tonumber(pause))
        return "event "
    end
end

-- A body that waits for a client that leaves; how often each kind of close ran.
paths["/listen"] = function(_, how)
    local n = 0
    local closing = setmetatable({}, { __close = function()
        shared.count("closed-" .. how)
        rainbows.log("info", "closed " .. how)
    end })
    return coroutine.wrap(function()
        local guard <close> = closing
        coroutine.yield("begun ")
        rainbows.sleep(60)
        n = n + 1
    end), nil, nil, how == "value" and closing or nil
end

paths["/listen-method"] = function()
    local body = { n = 0 }
    function body:close()
        shared.count("closed-method")
        rainbows.log("info", "closed method")
    end
    return function()
        body.n = body.n + 1
        if body.n == 1 then return "begun " end
        rainbows.sleep(60)
    end, nil, nil, body
end

-- Waits in the call until there is a file "go"; then says so in the log.
paths["/deaf"] = function()
    rainbows.log("info", "begins to wait")
    await("go")
    rainbows.log("info", "went on")
    return "done"
end

-- ---- places ----

function places.pcall()
    return select(2, pcall(await, "go"))
end

function places.xpcall()
    return select(2, xpcall(await, print, "go"))
end

function places.error()
    local ok, why = pcall(function() error(await("go"), 0) end)
    return not ok and why
end

function places.index()
    return setmetatable({}, { __index = function() return await("go") end }).x
end

function places.call()
    return setmetatable({}, { __call = function() return await("go") end })()
end

function places.concat()
    return setmetatable({}, { __concat = function() return await("go") end })
        .. ""
end

function places.compare()
    local meta = { __lt = function() return await("go") end }
    return setmetatable({}, meta) < setmetatable({}, meta) and "go"
end

places["for"] = function()
    for word in function() return await("go") end do return word end
end

function places.close()
    do
        local guard <close> = setmetatable({}, {
            __close = function() await("go") end })
    end
    return "go"
end

function places.wrap()
    local inner = coroutine.wrap(function()
        coroutine.yield("first")
        await("go")
        coroutine.yield("go")
    end)
    return inner() == "first" and inner()
end

function places.resume()
    local inner = coroutine.create(function(...)
        await("go")
        return ...
    end)
    local ok, go = coroutine.resume(inner, "go")
    return ok and coroutine.status(inner) == "dead" and go
end

function places.nested()
    return coroutine.wrap(function()
        return coroutine.wrap(function()
            return select(2, pcall(coroutine.wrap(function()
                coroutine.wrap(function() await("go") end)()
                return "go"
            end)))
        end)()
    end)()
end

paths["/place"] = function(_, name)
    rainbows.log("info", "waits in " .. name)
    return places[name]()
end

-- ---- where Lua cannot yield ----

local blocks = {}

function blocks.gsub()
    return (("x"):gsub("x", function()
        rainbows.sleep(0.01)
        return "go"
    end))
end

function blocks.sort()
    local words = { "go", "ah" }
    table.sort(words, function(a, b)
        rainbows.sleep(0.01)
        return a < b
    end)
    return words[2]
end

function blocks.require()
    package.preload.sleepy = function()
        rainbows.sleep(0.01)
        return "go"
    end
    package.loaded.sleepy = nil
    return (require "sleepy")
end

function blocks.wrapped()
    return (("x"):gsub("x", coroutine.wrap(function()
        rainbows.sleep(0.01)
        return "go"
    end)))
end

function blocks.tostring()
    return tostring(setmetatable({}, { __tostring = function()
        rainbows.sleep(0.01)
        return "go"
    end }))
end

paths["/block"] = function(_, name) return blocks[name]() end

-- ---- descriptors ----

-- The FIFO of that name, open on both sides, and its descriptor's number.
local function open_fifo(name)
    local file = assert(io.open(name, "r+"))
    file:setvbuf("no")
    local list <close> =
        io.popen(("ls -l /proc/%d/fd"):format(rainbows.worker().pid))
    for line in list:lines() do
        local fd = line:match("(%d+) %-> .*/" .. name .. "$")
        if fd then return file, tonumber(fd) end
    end
    error("no descriptor for " .. name)
end

local function said(yes, why)
    return yes == true and "true" or ("%s %s"):format(yes, why)
end

local function read_byte(name, seconds)
    local file <close>, fd = open_fifo(name)
    rainbows.log("info", "waits for " .. name)
    local word = said(rainbows.wait(fd, "r", seconds))
    return word == "true" and word .. " " .. file:read(1) or word
end

paths["/fifo"] = function(_, name) return read_byte(name) end

paths["/fifo-in-time"] = function(_, name) return read_byte(name, 20) end

paths["/fifo-late"] = function(_, name) return read_byte(name, 0.05) end

paths["/fifo-body"] = function(_, name)
    local n = 0
    return function()
        n = n + 1
        if n == 1 then return "first " end
        return n == 2 and read_byte(name) or nil
    end
end

paths["/fifo-ways"] = function(_, name)
    local _, fd = open_fifo(name)
    return ("w %s, rw %s, r %s"):format(said(rainbows.wait(fd, "w")),
        said(rainbows.wait(fd, "rw")), said(rainbows.wait(fd, "r", 0)))
end

paths["/file"] = function()
    local _, fd = open_fifo("plainfile")
    return said(rainbows.wait(fd, "r")) .. " " .. said(rainbows.wait(fd, "w"))
end

paths["/wrong"] = function()
    local words = {}
    for i, arguments in ipairs {
        { -1 }, { 1000000 }, { "x" }, { 0, "x" }, { 0, "r", -1 },
        { 4294967296 }, {},
    } do
        words[i] = tostring((pcall(rainbows.wait, table.unpack(arguments))))
    end
    return table.concat(words, " ")
end

return function(env)
    return 200, text, paths[env.PATH_INFO](env, env.QUERY_STRING)
end
