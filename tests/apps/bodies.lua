-- SPDX-License-Identifier: MIT
-- Bodies of every kind: /KIND, with ?status=N. What closes is counted, and
-- /closed?KIND tells how often.
local rainbows = require("rainbows")
local shared = require("shared")

local PIECE = ("0123456789abcdef"):rep(4096) -- 64 KiB
local text = { ["content-type"] = "text/plain" }
local kinds, others = {}, {}
local handles = setmetatable({}, { __mode = "k" }) -- handle -> kind

local function count(kind)
    shared.count(kind)
    rainbows.log("info", "closed " .. kind)
end

-- All file handles share one metatable; its __close tells of ours.
local file_meta = getmetatable(io.stdout)
local file_close = file_meta.__close
function file_meta.__close(handle, ...)
    if handles[handle] then
        count(handles[handle])
    end
    return file_close(handle, ...)
end

local function pieces(n)
    local i = 0
    return function()
        i = i + 1
        return i <= n and PIECE or nil
    end
end

local function with_method(kind, body)
    function body:close()
        assert(self == body)
        count(kind)
    end
    return body
end

local function with_metamethod(kind, body)
    return setmetatable(body, { __close = function() count(kind) end })
end

local function array(n)
    local body = {}
    for i = 1, n do
        body[i] = PIECE
    end
    return body
end

local function file(kind, n)
    local handle = assert(io.tmpfile())
    for piece in pieces(n) do
        handle:write(piece)
    end
    handle:seek("set")
    handles[handle] = kind
    return handle
end

-- Closables: each gives a body of n pieces of 64 KiB.

kinds["array-close"] = function(kind, n)
    return with_method(kind, array(n))
end

kinds["array-__close"] = function(kind, n)
    return with_metamethod(kind, array(n))
end

kinds["closing-close"] = function(kind, n)
    return pieces(n), nil, nil, with_method(kind, {})
end

kinds["closing-__close"] = function(kind, n)
    return pieces(n), nil, nil, with_metamethod(kind, {})
end

kinds["coroutine"] = function(kind, n)
    return coroutine.wrap(function()
        for piece in pieces(n) do
            rainbows.sleep(0)
            coroutine.yield(piece)
        end
    end), nil, nil, with_method(kind, {})
end

kinds["file"] = file

kinds["lines"] = function(kind, n)
    local handle = file(kind, n)
    return handle:lines(65536), nil, nil, handle
end

kinds["popen"] = function(kind, n)
    local handle = io.popen("head -c " .. n * #PIECE .. " /dev/zero")
    handles[handle] = kind
    return handle
end

-- The others.

others["/nil"] = function()
    return nil
end

others["/false"] = function()
    return false
end

others["/empty"] = function()
    return ""
end

others["/string"] = function()
    return "a\0b\r\n"
end

-- 5 MiB; no buffer's size is a multiple of 7.
others["/large"] = function()
    return ("1234567"):rep(750000)
end

others["/array"] = function()
    return { "one ", "", "two ", "three" }
end

others["/empty-array"] = function()
    return {}
end

others["/iterator"] = function()
    local left = { "one ", "", "two ", "three" }
    return function() return table.remove(left, 1) end
end

others["/empty-iterator"] = function()
    return function() end
end

-- The generic-for values reach the iterator.
others["/for"] = function()
    local function step(state, control)
        local n = tonumber(control) + 1
        return n <= state.last and tostring(n) or nil
    end
    return step, { last = 5 }, "0"
end

others["/io.lines"] = function(env)
    return io.lines(env.QUERY_STRING, "L")
end

others["/file-rest"] = function()
    local handle = assert(io.tmpfile())
    handle:write("head tail")
    handle:seek("set", 5)
    return handle
end

others["/file-at-end"] = function()
    local handle = assert(io.tmpfile())
    handle:write("all of it")
    return handle
end

others["/file-named"] = function(env)
    return assert(io.open(env.QUERY_STRING))
end

others["/pipe"] = function()
    return io.popen("printf 'one '; printf two")
end

others["/sleepy"] = function()
    return coroutine.wrap(function()
        for i = 1, 3 do
            rainbows.sleep(0.01)
            coroutine.yield(i .. " ")
        end
    end)
end

-- Does not end before /wake.
others["/wake"] = function()
    shared.count("wake")
    return "woken"
end

others["/until-woken"] = function()
    local n = 0
    return function()
        n = n + 1
        if n == 1 then
            return "asleep "
        end
        while shared.counted("wake") == 0 do
            rainbows.sleep(0.01)
        end
        return n == 2 and "awake" or nil
    end
end

-- The second piece cannot be made before somebody writes into the FIFO.
others["/fifo"] = function(env)
    local n = 0
    return function()
        n = n + 1
        if n == 1 then
            return "first "
        elseif n == 2 then
            local fifo <close> = assert(io.open(env.QUERY_STRING))
            return fifo:read("a")
        end
    end
end

-- Fails after as many pieces as the query says.
others["/fails"] = function(env)
    local left = tonumber(env.QUERY_STRING)
    return function()
        left = left - 1
        assert(left >= 0, "half-way")
        return "piece "
    end, nil, nil, with_method("fails", {})
end

others["/yields"] = function()
    return function() coroutine.yield("piece") end,
        nil, nil, with_method("yields", {})
end

others["/numbers"] = function()
    local n = 0
    return function()
        n = n + 1
        return n < 3 and "piece " or n
    end, nil, nil, with_method("numbers", {})
end

others["/close-fails"] = function()
    return setmetatable({ "fine" }, { __close = function() error("no") end })
end

-- Closes two things.
others["/both"] = function()
    return with_method("both", { "x" }), nil, nil, with_method("both", {})
end

others["/endless"] = function()
    return function() return PIECE end, nil, nil, with_method("endless", {})
end

-- "hello world" under a content-length of the app's.
local function claim_length(env)
    local headers = { ["content-length"] = env.QUERY_STRING }
    if env.PATH_INFO == "/length" then
        return 200, headers, "hello world"
    end
    local words = { "hello", " ", "world" }
    return 200, headers, function() return table.remove(words, 1) end,
        nil, nil, with_method("length", {})
end

return function(env)
    local path, query = env.PATH_INFO, env.QUERY_STRING
    if path == "/closed" then
        return 200, text, tostring(shared.counted(query))
    elseif path:find("^/length") then
        return claim_length(env)
    elseif others[path] then
        return 200, text, others[path](env)
    end
    local kind = path:sub(2)
    local status = tonumber(query:match("status=(%d+)")) or 200
    local n = tonumber(query:match("pieces=(%d+)")) or 2
    return status, text, kinds[kind](kind, n)
end
