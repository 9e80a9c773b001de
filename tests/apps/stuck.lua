-- SPDX-License-Identifier: MIT
-- Calls that do not come to an end, in C code and elsewhere; and one whose
-- client takes its time.
local rainbows = require "rainbows"

local text = { ["content-type"] = "text/plain" }
local paths = {}

local function stuck()
    return tostring(("x"):rep(60):find(("x*"):rep(20) .. "y"))
end

paths["/"] = function() return "hello" end

paths["/stuck"] = function() return stuck() .. "" end

paths["/inside"] = function()
    local inner = coroutine.wrap(function() return stuck() .. "" end)
    return inner() .. ""
end

-- Others may be served meanwhile.
paths["/later"] = function()
    rainbows.log("info", "later")
    while not io.open("go") do rainbows.sleep(0.01) end
    return stuck() .. ""
end

-- What is closed at the end of the call hangs.
paths["/closes"] = function()
    local hangs <close> = setmetatable({}, { __close = function()
        while true do end
    end })
    rainbows.sleep(60)
end

-- The same in a coroutine of the app's own, and in what tells of an error.
local function hanging(event)
    return setmetatable({}, { [event] = function() while true do end end })
end

paths["/coclose"] = function()
    local co = coroutine.create(function()
        local hangs <close> = hanging("__close")
        coroutine.yield()
    end)
    coroutine.resume(co)
    coroutine.close(co)
end

paths["/wrapclose"] = function()
    coroutine.wrap(function()
        local hangs <close> = hanging("__close")
        error("x")
    end)()
end

paths["/tostring"] = function() error(hanging("__tostring")) end

-- Reads the body, and then takes some time of its own.
local reads = {}

function reads.pieces(input)
    local bytes = 0
    for piece in function() return input:read(1) end do
        bytes = bytes + #piece
    end
    return bytes
end

function reads.blocking(input)
    local bytes
    string.gsub("x", "x", function() bytes = reads.pieces(input) end)
    return bytes
end

paths["/read"] = function(env)
    local bytes = reads[env.QUERY_STRING](env["rack.input"])
    rainbows.sleep(0.3)
    return tostring(bytes)
end

return function(env)
    return 200, text, paths[env.PATH_INFO](env)
end
