-- SPDX-License-Identifier: MIT
-- Requests that need each other: they show which calls run at the same time.
local rainbows = require "rainbows"

local text = { ["content-type"] = "text/plain" }
local paths = {}

local function exists(name)
    local file = io.open(name)
    return file and file:close()
end

local function touch(name)
    assert(io.open(name, "w")):close()
end

-- /meet?me&other&how: says that it is there, and waits for the other, letting
-- others run (how = wait) or not (how = spin).
paths["/meet"] = function(env)
    local me, other, how = env.QUERY_STRING:match("^(%w+)&(%w+)&(%w+)$")
    touch(me)
    local patience = os.time() + 15
    while not exists(other) and os.time() < patience do
        if how == "wait" then rainbows.sleep(0.01) end
    end
    return 200, text, exists(other) and "met" or "alone"
end

-- /wait?name: says that it began, waits for "go", then tells its place.
local places = 0
paths["/wait"] = function(env)
    touch(env.QUERY_STRING)
    while not exists("go") do rainbows.sleep(0.01) end
    places = places + 1
    return 200, text, tostring(places)
end

-- A body without an end, as fast as it is read.
paths["/endless"] = function()
    return 200, text, function() return "and so on " end
end

-- Waits for nothing, for ever; /wake ends it.
local awake
paths["/zero"] = function()
    while not awake do rainbows.sleep(0) end
    return 200, text, "awake"
end

paths["/wake"] = function()
    awake = true
    return 200, text, "woken"
end

-- Keeps its coroutine, for another call to close.
local kept
paths["/keep"] = function()
    kept = coroutine.running()
    touch("kept")
    while not exists("go") do rainbows.sleep(0.01) end
    return 200, text, "kept"
end

paths["/close"] = function()
    return 200, text, tostring(coroutine.close(kept))
end

paths["/flags"] = function(env)
    return 200, text, ("%s %s"):format(env["rainbows.model"],
        tostring(env["rack.multithread"]))
end

return function(env)
    return (paths[env.PATH_INFO] or paths["/flags"])(env)
end
