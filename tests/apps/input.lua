-- SPDX-License-Identifier: MIT
-- Reads rack.input. /echo sends it back, /count only counts, /hold then waits
-- for a FIFO, the rest are claims about a body of "one\ntwo\n\nfour".
local text = { ["content-type"] = "text/plain" }
local claims = {}

local function lines_of(input, ...)
    local lines = {}
    for line in input:lines(...) do
        lines[#lines + 1] = line
    end
    return table.concat(lines, "|")
end

function claims.pieces(input)
    assert(input:read(2) == "on" and input:read(5) == "e\ntwo")
    assert(input:read(0) == "" and input:read(99) == "\n\nfour")
    assert(input:read(1) == nil and input:read(0) == nil)
    assert(input:read("a") == "" and input:read("l") == nil)
end

function claims.all(input)
    assert(input:read("a") == "one\ntwo\n\nfour")
    assert(input:read("a") == "" and input:read("a") == "")
    assert(input:read("L") == nil and input:read() == nil)
end

function claims.lines(input)
    assert(input:read() == "one" and input:read("L") == "two\n")
    assert(input:read("l") == "" and input:read("l") == "four")
    assert(input:read("l") == nil and input:read("L") == nil)
end

claims["several-formats"] = function(input)
    local a, b, c = input:read(1, "l", "L")
    assert(a == "o" and b == "ne" and c == "two\n")
    local d, e, f = input:read("a", 1, "a")
    assert(d == "\nfour" and e == nil and f == nil)
    input:rewind()
    assert(input:read("*l") == "one" and input:read("*all") == "two\n\nfour")
end

claims["iterators"] = function(input)
    assert(lines_of(input) == "one|two||four")
    input:rewind()
    assert(lines_of(input, "L") == "one\n|two\n|\n|four")
    input:rewind()
    assert(lines_of(input, 5) == "one\nt|wo\n\nf|our")
    assert(lines_of(input) == "" and lines_of(input, 1) == "")
    input:rewind()
    for a, b in input:lines(1, 2) do
        assert(a == "o" and b == "ne")
        break
    end
end

function claims.rewind(input)
    for _ = 1, 3 do
        assert(input:read("a") == "one\ntwo\n\nfour")
        assert(input:rewind() == true)
    end
    assert(input:read(3) == "one" and input:rewind())
    assert(input:read(3) == "one")
end

function claims.length(input)
    assert(math.type(input.length) == "integer" and input.length == 13)
    input:read("a")
    assert(input.length == 13 and input.unknown == nil and input[1] == nil)
end

function claims.close(input)
    input:read(2)
    assert(input:close() == true)
    assert(input:read(1) == nil and input:read("a") == "")
    assert(input:read("l") == nil and lines_of(input) == "")
    input:rewind()
    assert(input:read(1) == nil and input:close() == true)
end

function claims.mistakes(input)
    for _, what in ipairs({ -1, 1.5, "x", "n", true, {} }) do
        assert(not pcall(input.read, input, what), tostring(what))
    end
    assert(not pcall(input.read) and not pcall(input.read, {}))
    assert(not pcall(input.read, io.stdout) and not pcall(input.rewind, ""))
    assert(input:read("a") == "one\ntwo\n\nfour")
end

function claims.none(input)
    assert(input.length == 0 and input:read("a") == "")
    assert(input:read(1) == nil and input:read("l") == nil)
    assert(lines_of(input) == "" and input:rewind() and input:close())
end

local function long_lines(input)
    local lines, bytes = 0, 0
    for line in input:lines("L") do
        lines, bytes = lines + 1, bytes + #line
    end
    return ("%d lines, %d bytes"):format(lines, bytes)
end

local function count(input)
    local bytes = 0
    for piece in function() return input:read(65536) end do
        bytes = bytes + #piece
    end
    return tostring(bytes)
end

return function(env)
    local input, path = env["rack.input"], env.PATH_INFO
    if path == "/echo" then
        return 200, text, function() return input:read(65536) end
    elseif path == "/echo-lines" then
        return 200, text, input:lines("L")
    elseif path == "/count" then
        return 200, text, count(input)
    elseif path == "/long-lines" then
        return 200, text, long_lines(input)
    elseif path == "/trailer" then
        for key in pairs(env) do
            assert(not key:find("TRAILER"), key)
        end
        return 200, text, input:read("a")
    elseif path == "/hold" then
        local all = input:read("a")
        local fifo <close> = assert(io.open(env.QUERY_STRING))
        fifo:read("a")
        return 200, text, all
    end
    claims[path:sub(2)](input)
    return 200, text, "ok"
end
