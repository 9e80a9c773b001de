-- SPDX-License-Identifier: MIT
-- What the clients of tests/support/load.h ask for, and what a fault is made
-- of. An app that sets VERSION and loads this one answers /version with it.
local rainbows = require("rainbows")

local text = { ["content-type"] = "text/plain" }
local version = rawget(_G, "VERSION") or "one"
local paths = {}

-- Every third answer takes a moment, so that requests are at every stage when
-- something happens.
local n = 0
paths["/load"] = function(_, query)
    n = n + 1
    if n % 3 == 0 then rainbows.sleep(0.001) end
    return 200, text, query:rep(1000)
end

paths["/version"] = function()
    return 200, text, version
end

paths["/pid"] = function()
    return 200, text, tostring(rainbows.worker().pid)
end

paths["/sleep"] = function(_, query)
    rainbows.log("info", "asleep")
    rainbows.sleep(tonumber(query))
    return 200, text, "slept\n"
end

-- Too large for any buffer.
paths["/large"] = function()
    return 200, text, ("1234567"):rep(750000)
end

paths["/note"] = function(_, query)
    rainbows.log("info", "note " .. query)
    return 200, text, query
end

-- In C code, which nothing interrupts.
paths["/stuck"] = function()
    rainbows.log("info", "stuck")
    return 200, text, tostring(("x"):rep(60):find(("x*"):rep(20) .. "y"))
end

-- Sends its own process a signal, which ends it before this returns.
paths["/signal"] = function(_, query)
    os.execute("kill -" .. query .. " " .. rainbows.worker().pid)
    rainbows.sleep(20)
end

paths["/exit"] = function(_, query)
    os.exit(tonumber(query))
end

paths["/error"] = function()
    error("on purpose")
end

paths["/nonsense"] = function()
    return "abc", 42, print
end

-- Memory until there is no more.
paths["/bomb"] = function()
    local all, piece = {}, ("x"):rep(1 << 20)
    while true do all[#all + 1] = piece .. #all end
end

return function(env)
    local handler = assert(paths[env.PATH_INFO], "nothing there")
    return handler(env, env.QUERY_STRING)
end
