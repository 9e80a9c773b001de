-- Waits, as for a database: 64 clients get 1,280 answers a second at most.
local rainbows = require("rainbows")

return function()
    rainbows.sleep(0.05)
    return 200, { ["content-type"] = "text/plain" }, "hello\n"
end
