-- SPDX-License-Identifier: MIT
-- Answers of every kind, for the lines that the access log has of them.
local rainbows = require "rainbows"

local text = { ["content-type"] = "text/plain" }
local paths = {}

function paths.hello() return "hello" end

function paths.id(env) return env["rainbows.request_id"] end

-- Read twice, and from the filled table, it is the same.
function paths.ids(env)
    local id = env["rainbows.request_id"]
    return tostring(env["rainbows.request_id"] == id
        and rainbows.env(env)["rainbows.request_id"] == id)
end

function paths.fails() error("out of luck") end

function paths.large() return ("x"):rep(8 * 1024 * 1024) end

function paths.file() return io.open("data") end

function paths.sleep(env)
    rainbows.sleep(tonumber(env.QUERY_STRING))
    return "slept"
end

function paths.reads(env) return env["rack.input"]:read("a") end

function paths.pieces()
    local n = 0
    return function()
        n = n + 1
        return n < 4 and "piece" or nil
    end
end

function paths.half()
    local n = 0
    return function()
        n = n + 1
        return n < 3 and "piece" or error("half")
    end
end

-- /park is answered by /wake, where the model has async.callback.
local parked

local function park(env)
    parked = env["async.callback"]
    rainbows.log("info", "parked")
    return -1
end

function paths.wake()
    return tostring(parked(200, text, "woken"))
end

return function(env)
    local name = env.PATH_INFO:match("^/(%a*)")
    if name == "park" then return park(env) end
    return 200, text, (paths[name] or paths.hello)(env)
end
