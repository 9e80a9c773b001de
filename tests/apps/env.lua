-- SPDX-License-Identifier: MIT
-- Answers with type and value of what env has for the header Key. The other
-- paths are claims about env as a table: "ok", or an error.
local rainbows = require("rainbows")

local text = { ["content-type"] = "text/plain" }
local claims = {}
local kept

local function show(value)
    return math.type(value) or type(value), tostring(value)
end

-- The keys that iterating gives, sorted; each but once.
local function keys_of(iterator, state, control)
    local keys, seen = {}, {}
    for key, value in iterator, state, control do
        assert(not seen[key], key)
        assert(type(key) == "string" and value ~= nil)
        seen[key] = true
        keys[#keys + 1] = key
    end
    table.sort(keys)
    return table.concat(keys, " ")
end

local function find(env, key)
    for name, value in pairs(env) do
        if name == key then
            return value
        end
    end
end

claims["/deleted-unread"] = function(env)
    env.HTTP_X = nil
    env.QUERY_STRING = nil
    assert(env.HTTP_X == nil and env.QUERY_STRING == nil)
    assert(find(env, "HTTP_X") == nil and find(env, "QUERY_STRING") == nil)
end

claims["/deleted-read"] = function(env)
    assert(env.HTTP_X == "wire" and env.REQUEST_METHOD == "GET")
    env.HTTP_X = nil
    env.REQUEST_METHOD = nil
    assert(env.HTTP_X == nil and env.REQUEST_METHOD == nil)
    assert(find(env, "HTTP_X") == nil and find(env, "REQUEST_METHOD") == nil)
end

claims["/set-unread"] = function(env)
    env.HTTP_X = "app"
    env.REMOTE_ADDR = false
    env["rack.input"] = "mine"
    assert(env.HTTP_X == "app" and find(env, "HTTP_X") == "app")
    assert(env.REMOTE_ADDR == false and env["rack.input"] == "mine")
end

claims["/set-read"] = function(env)
    assert(env.HTTP_X == "wire")
    env.HTTP_X = "app"
    assert(env.HTTP_X == "app" and find(env, "HTTP_X") == "app")
end

claims["/set-new"] = function(env)
    env.HTTP_NEW = "app"
    env["my.key"] = env
    env[1] = "one"
    assert(env.HTTP_NEW == "app" and env["my.key"] == env and env[1] == "one")
end

claims["/deleted-twice"] = function(env)
    for _ = 1, 3 do
        env.HTTP_X = nil
        assert(env.HTTP_X == nil)
    end
    env.HTTP_X = "app"
    env.HTTP_X = nil
    assert(env.HTTP_X == nil)
end

claims["/pairs-after-reading"] = function(env)
    local before = { env.HTTP_X, env.PATH_INFO, env["rack.input"] }
    local all = keys_of(pairs(env))
    assert(all == keys_of(pairs(env)) and all == keys_of(next, env))
    assert(before[1] == env.HTTP_X and before[2] == env.PATH_INFO)
    assert(before[3] == env["rack.input"])
end

claims["/next-after-env"] = function(env)
    assert(rainbows.env(env) == env and getmetatable(env) == nil)
    assert(rawget(env, "HTTP_X") == "wire")
    local keys = keys_of(next, env)
    assert(keys:find("HTTP_X", 1, true) and keys:find("rack.input", 1, true))
    assert(rainbows.env(env) == env)
end

claims["/setmetatable"] = function(env)
    assert(setmetatable(env, { __index = function() return "default" end })
        == env)
    assert(rawget(env, "HTTP_X") == "wire" and env.HTTP_ABSENT == "default")
    assert(keys_of(next, env):find("PATH_INFO", 1, true))
end

claims["/setmetatable-deleted"] = function(env)
    env.HTTP_X = nil
    setmetatable(env, nil)
    assert(rawget(env, "HTTP_X") == nil and env.HTTP_HOST == "x")
end

claims["/same-each-time"] = function(env)
    for _ = 1, 3 do
        collectgarbage()
        assert(env.HTTP_X == "wire" and env.PATH_INFO == "/same-each-time")
        assert(env["rack.input"] == env["rack.input"])
        assert(env["rack.errors"] == env["rack.errors"])
    end
end

claims["/odd-keys"] = function(env)
    for _, key in ipairs({ "HTTP_", "HTTP", "", "HTTP_x", "http_x", "HTTP_X ",
        "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", 1, 1.5, true, env }) do
        assert(env[key] == nil)
    end
end

claims["/keep"] = function(env)
    kept = env
    assert(env.HTTP_X == "wire")
end

claims["/kept"] = function()
    collectgarbage()
    assert(kept.HTTP_X == "wire" and kept.HTTP_Y == "unread")
    assert(kept.PATH_INFO == "/keep" and kept.REMOTE_ADDR == "127.0.0.1")
    assert(kept["rack.input"]:read(1) == nil)
    assert(keys_of(pairs(kept)):find("REQUEST_URI", 1, true))
end

return function(env)
    local claim = claims[env.PATH_INFO]
    if claim then
        claim(env)
        return 200, text, "ok"
    elseif env.PATH_INFO == "/keys" then
        return 200, text, keys_of(pairs(env))
    end
    return 200, text, ("%s %s"):format(show(env[env.HTTP_KEY]))
end
