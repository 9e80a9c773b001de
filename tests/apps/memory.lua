-- SPDX-License-Identifier: MIT
-- Answers of every kind, and /memory: what is in use after them.
local rainbows = require("rainbows")
local shared = require("shared")

local PIECE = ("0123456789abcdef"):rep(256) -- 4 KiB
local text = { ["content-type"] = "text/plain" }
local paths = {}

paths["/"] = function()
    return "hello\n"
end

paths["/env"] = function(env)
    local n = 0
    for _ in pairs(env) do
        n = n + 1
    end
    return tostring(n)
end

paths["/body"] = function(env)
    return tostring(#env["rack.input"]:read("a"))
end

paths["/error"] = function()
    error("on purpose")
end

paths["/generated"] = function()
    local n = 0
    return function()
        n = n + 1
        return n <= 4 and PIECE or nil
    end
end

paths["/endless"] = function()
    return function() return PIECE end
end

paths["/file"] = function()
    local file = assert(io.tmpfile())
    file:write(PIECE, PIECE, PIECE, PIECE)
    file:seek("set")
    return file
end

-- Each state collects its garbage; when all have, each tells what it uses and
-- what malloc has lent out, in bytes: "LUA MALLOC". The query says how many
-- have done so when all have.
local heap_used = os.getenv("HEAP_MODULE") and
    assert(package.loadlib(os.getenv("HEAP_MODULE"), "heap_used"))

paths["/memory"] = function(env)
    collectgarbage()
    collectgarbage()
    local used = math.floor(collectgarbage("count") * 1024)
    shared.count("memory")
    while shared.counted("memory") < tonumber(env.QUERY_STRING) do
        rainbows.sleep(0.01)
    end
    return ("%d %d"):format(used, heap_used and heap_used() or 0)
end

return function(env)
    local path = paths[env.PATH_INFO]
    if not path then
        return 404, text, "nothing here\n"
    end
    return 200, text, path(env)
end
