-- SPDX-License-Identifier: MIT
-- Calls that need more memory than there is, and an app that leaks. All others
-- tell the worker's pid.
local rainbows = require("rainbows")

local text = { ["content-type"] = "text/plain" }
local MANY = 1e9
local paths = {}

local function fill()
    local t = {}
    for i = 1, MANY do
        t[i] = { i }
    end
    return t
end

paths["/rep"] = function()
    return ("x"):rep(1 << 30)
end

paths["/double"] = function()
    local s = "x"
    while true do
        s = s .. s
    end
end

paths["/table"] = function()
    return #fill()
end

paths["/coroutine"] = function()
    return coroutine.wrap(function()
        local t = {}
        for i = 1, MANY do
            t[i] = ("piece %d\n"):format(i)
        end
        return table.concat(t)
    end)()
end

paths["/caught"] = function()
    local why
    for _ = 1, 5 do
        why = select(2, pcall(fill))
    end
    error(why, 0)
end

paths["/body"] = function()
    return fill
end

-- Ends by timeout only.
paths["/always"] = function()
    local kept = {}
    while true do
        pcall(function()
            for _ = 1, MANY do
                kept[#kept + 1] = {}
            end
        end)
    end
end

local leak = {}

paths["/leak"] = function()
    for _ = 1, 20 do
        leak[#leak + 1] = ("x"):rep(1000) .. #leak
    end
end

paths["/grow"] = function()
    if #leak < 100 then
        leak[#leak + 1] = ("x"):rep(1 << 20)
    end
end

-- /meet?me&other: has 5 MB while the other call has as much.
paths["/meet"] = function(env)
    local mine = {}
    for i = 1, 5000 do
        mine[i] = ("x"):rep(1000) .. i
    end
    local me, other = env.QUERY_STRING:match("^(%w+)&(%w+)$")
    assert(io.open(me, "w")):close()
    local patience = os.time() + 15
    repeat
        rainbows.sleep(0.01)
        local file = io.open(other)
        if file then
            file:close()
            return "met " .. #mine
        end
    until os.time() > patience
end

return function(env)
    local path = paths[env.PATH_INFO]
    local body = path and path(env)
    return 200, text, body or tostring(rainbows.worker().pid)
end
