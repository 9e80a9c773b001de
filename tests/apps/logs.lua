-- SPDX-License-Identifier: MIT
-- Logs each request that reaches it, and answers with what it saw.
local rainbows = require("rainbows")

return function(env)
    local saw = ("%s %s %d"):format(env.REQUEST_METHOD, env.PATH_INFO,
        env["rack.input"].length)
    rainbows.log("info", "asked: " .. saw)
    return 200, { ["content-type"] = "text/plain" }, saw
end
