-- SPDX-License-Identifier: MIT
-- Answers with who the client is: address, port, scheme and the server's port.
-- What it does with env before must not change that: /deleted deletes the
-- proxies' headers, /filled fills it, /path?key reads that key first.
local rainbows = require("rainbows")

local text = { ["content-type"] = "text/plain" }

return function(env)
    if env.PATH_INFO == "/deleted" then
        env.HTTP_X_FORWARDED_FOR = nil
        env.HTTP_X_FORWARDED_PROTO = nil
        env.HTTP_FORWARDED = nil
    elseif env.PATH_INFO == "/filled" then
        rainbows.env(env)
    elseif env.PATH_INFO == "/header" then
        return 200, text, tostring(env["HTTP_" .. env.QUERY_STRING])
    elseif env.PATH_INFO == "/read" then
        assert(env[env.QUERY_STRING] or env.QUERY_STRING == "REMOTE_PORT")
    end
    return 200, text, ("%s %s %s %s"):format(env.REMOTE_ADDR, env.REMOTE_PORT,
        env["rack.url_scheme"], env.SERVER_PORT)
end
