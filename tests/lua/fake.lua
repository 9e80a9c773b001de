-- SPDX-License-Identifier: MIT
--
-- What the server hands to an app, without a server: a rack.input over a
-- string that gives at most so many bytes at a time, as a network would, and
-- an env around it.

local fake = {}

local input_methods = {}

function input_methods:read(format)
    assert(not self.closed, "read from a closed input")
    local left = #self.bytes - self.at + 1
    local n
    if format == nil or format == "l" or format == "L" then
        local stop = self.bytes:find("\n", self.at, true)
        n = stop and stop - self.at + 1 or left
    elseif format == "a" then
        n = left
    else
        n = math.min(assert(math.tointeger(format)), left, self.step)
    end
    if left == 0 and format ~= "a" then
        return nil
    end
    local piece = self.bytes:sub(self.at, self.at + n - 1)
    self.at = self.at + n
    if format == nil or format == "l" then
        piece = piece:gsub("\n$", "")
    end
    return piece
end

function input_methods:lines(format)
    return function()
        return self:read(format or "l")
    end
end

function input_methods:rewind()
    self.at = 1
    return true
end

function input_methods:close()
    self.closed = true
end

-- A rack.input; read(n) gives at most step bytes (all there are by default).
function fake.input(bytes, step)
    local input = { bytes = bytes, step = step or #bytes + 1, at = 1,
        length = #bytes }
    return setmetatable(input, { __index = input_methods })
end

-- An env for a method and a target such as "/notes?page=2". headers are by
-- their wire names; body may be nil.
function fake.env(method, target, headers, body)
    local path, query = target:match("^([^?]*)%??(.*)$")
    local env = {
        REQUEST_METHOD = method,
        SCRIPT_NAME = "",
        PATH_INFO = path,
        QUERY_STRING = query,
        REQUEST_URI = target,
        SERVER_NAME = "127.0.0.1",
        SERVER_PORT = "8080",
        SERVER_PROTOCOL = "HTTP/1.1",
        ["rack.url_scheme"] = "http",
        ["rack.errors"] = io.stderr,
        ["rack.input"] = fake.input(body or ""),
    }
    for name, value in pairs(headers or {}) do
        local key = name:upper():gsub("-", "_")
        if key ~= "CONTENT_TYPE" and key ~= "CONTENT_LENGTH" then
            key = "HTTP_" .. key
        end
        env[key] = value
    end
    return env
end

-- All of a body as the server would send it: a string, an iterator with its
-- generic-for values, a Lua file (closed then), an array, or nothing.
function fake.body(body, state, control, closing)
    if not body or type(body) == "string" then
        return body or ""
    elseif type(body) == "function" then
        local pieces = {}
        for piece in body, state, control, closing do
            pieces[#pieces + 1] = piece
        end
        return table.concat(pieces)
    elseif io.type(body) == "file" then
        local bytes = body:read("a")
        body:close()
        return bytes
    end
    return table.concat(body)
end

return fake
