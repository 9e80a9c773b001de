-- SPDX-License-Identifier: MIT
--
-- The smallest app: a function from a request to status, headers and body.
--
--     rainbows examples/hello.lua
--     curl http://127.0.0.1:8080/

return function(env)
    return 200, { ["content-type"] = "text/plain" }, "Hello, World!\n"
end
