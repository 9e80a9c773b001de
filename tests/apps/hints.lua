-- SPDX-License-Identifier: MIT
-- Sends early hints; every path is one way to do so.
local rainbows = require("rainbows")

local text = { ["content-type"] = "text/plain" }
local links = { link = { "</a.css>; rel=preload", "</b.js>; rel=preload" } }
local paths = {}

-- The answer comes when the file "go" is there.
paths["/"] = function(env)
    env["rack.early_hints"](links)
    while not io.open("go") do
        rainbows.sleep(0.01)
    end
    return 200, text, "answer"
end

paths["/twice"] = function(env)
    env["rack.early_hints"](links)
    env["rack.early_hints"]({ ["x-more"] = "1", connection = "close" })
    return 200, text, "answer"
end

paths["/wrong"] = function(env)
    local hints = env["rack.early_hints"]
    local sent = pcall(hints, { ["a b"] = "x" }) or pcall(hints, "link") or
        pcall(hints, { link = "a\r\nb" })
    return 200, text, tostring(sent)
end

paths["/fails"] = function(env)
    env["rack.early_hints"](links)
    error("on purpose")
end

paths["/late"] = function(env)
    return 200, text, coroutine.wrap(function()
        coroutine.yield(tostring(pcall(env["rack.early_hints"], links)))
    end)
end

-- Keeps what the first request was given for the second one.
local kept

paths["/keep"] = function(env)
    kept = env["rack.early_hints"]
    return 200, text, "kept"
end

paths["/other"] = function()
    return 200, text, tostring(pcall(kept, links))
end

paths["/has"] = function(env)
    return 200, text, type(env["rack.early_hints"])
end

return function(env)
    return paths[env.PATH_INFO](env)
end
