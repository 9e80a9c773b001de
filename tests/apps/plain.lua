-- SPDX-License-Identifier: MIT
-- Answers what most tests need; every path is one behaviour.
local rainbows = require "rainbows"

local text = { ["content-type"] = "text/plain" }
local paths = {}

paths["/"] = function()
    return 200, text, "hello\n"
end

paths["/pid"] = function()
    return 200, text, tostring(rainbows.worker().pid)
end

paths["/sleep"] = function(env)
    rainbows.sleep(tonumber(env.QUERY_STRING))
    return 200, text, "slept\n"
end

-- The same, and leaves word that it has begun.
paths["/nap"] = function(env)
    io.open("napping", "w"):close()
    return paths["/sleep"](env)
end

paths["/spin"] = function()
    while true do end
end

paths["/stubborn"] = function()
    while true do pcall(paths["/spin"]) end
end

paths["/inner"] = function()
    return 200, text, coroutine.wrap(function() while true do end end)()
end

paths["/stuck"] = function()
    return 200, text, tostring(("x"):rep(60):find(("x*"):rep(20) .. "y"))
end

paths["/error"] = function()
    error("on purpose")
end

paths["/stream"] = function()
    local words = { "one ", "two" }
    return 200, text, function() return table.remove(words, 1) end
end

paths["/headers"] = function()
    return 200, {
        ["content-type"] = "text/plain",
        ["set-cookie"] = { "a=1", "b=2" },
        ["X-Number"] = 42,
        ["rack.private"] = "for middleware",
        ["date"] = "never",
        ["keep-alive"] = "dropped",
        ["transfer-encoding"] = "gzip",
    }, "hello\n"
end

paths["/bye"] = function()
    return 200, { connection = "close" }, "bye\n"
end

return function(env)
    local handler = paths[env.PATH_INFO]
    if not handler then
        return 404, text, "nothing at " .. env.PATH_INFO .. "\n"
    end
    return handler(env)
end
