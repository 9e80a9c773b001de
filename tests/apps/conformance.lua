-- SPDX-License-Identifier: MIT
-- Answers with what it saw of the request, in a header "saw" and as the body;
-- a byte in the file "calls" for each call that had its whole request.

local function visible(s)
    return (s:gsub("[^\x20-\x7e]", function(c)
        return ("\\x%02x"):format(c:byte())
    end))
end

local function fields(env)
    local list = {}
    for key, value in pairs(env) do
        if key:find("^HTTP_") and key ~= "HTTP_HOST" and
            key ~= "HTTP_VERSION" or key == "CONTENT_TYPE" then
            list[#list + 1] = " " .. key .. "=" .. value
        end
    end
    table.sort(list)
    return table.concat(list)
end

local function see(env, body)
    local uri, query = env.REQUEST_URI, env.QUERY_STRING
    local path = env.PATH_INFO .. (query ~= "" and "?" .. query or "")
    local saw = env.REQUEST_METHOD .. " " .. uri
    if path ~= uri then saw = saw .. " path=" .. path end
    if env.SERVER_PROTOCOL ~= "HTTP/1.1" then
        saw = saw .. " " .. env.SERVER_PROTOCOL
    end
    if env.HTTP_HOST ~= "a" then
        saw = saw .. " host=" .. (env.HTTP_HOST or "none")
    end
    saw = saw .. fields(env)
    if body ~= "" then saw = saw .. " body=" .. body end
    return visible(saw)
end

local function count()
    local calls <close> = assert(io.open("calls", "ab"))
    calls:write("x")
end

-- What else a path may do: its status, headers and body.
local paths = {}

paths["/204"] = function(headers) return 204, headers, "none" end
paths["/304"] = function(headers) return 304, headers, "none" end

paths["/stream"] = function(headers)
    local words = { "one ", "", "two" }
    return 200, headers, function() return table.remove(words, 1) end
end

paths["/long"] = function(headers)
    headers["content-length"] = "4"
    return 200, headers, "0123456789"
end

paths["/short"] = function(headers)
    headers["content-length"] = "10"
    return 200, headers, "0123"
end

paths["/ours"] = function(headers)
    headers["date"] = "never"
    headers["transfer-encoding"] = "gzip"
    headers["keep-alive"] = "timeout=9"
    headers["upgrade"] = "h2c"
    headers["connection"] = "upgrade"
    return 200, headers, "0123"
end

paths["/bye"] = function(headers)
    headers["connection"] = "close"
    return 200, headers, "0123"
end

paths["/unread"] = function(headers) return 200, headers, "0123" end

return function(env)
    local unread = env.PATH_INFO == "/unread"
    local saw = see(env, unread and "" or env["rack.input"]:read("a"))
    count()
    local path = paths[env.PATH_INFO]
    local headers = { ["content-type"] = "text/plain", saw = saw }
    if path then return path(headers) end
    return 200, headers, saw
end
