-- SPDX-License-Identifier: MIT
-- Logs each request that has come whole, and answers with what it saw.
local rainbows = require("rainbows")

return function(env)
    local saw = ("%s %s %d"):format(env.REQUEST_METHOD, env.PATH_INFO,
        #env["rack.input"]:read("a"))
    rainbows.log("info", "asked: " .. saw)
    return 200, { ["content-type"] = "text/plain" }, saw
end
