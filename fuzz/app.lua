-- The app behind fuzz/conn.c: says what it saw. The first letter of the path
-- chooses how it reads and answers; whatever the choice, the answer is the same
-- however the bytes came. A worker under the model "Idle" reads nothing.
local rainbows = require 'rainbows'

local read, answer = {}, {}

function read.l(input) -- by lines
    local lines = {}
    for line in input:lines('L') do
        lines[#lines + 1] = line
    end
    return table.concat(lines)
end

function read.p(input) -- in small pieces
    local pieces = {}
    for piece in function() return input:read(3) end do
        pieces[#pieces + 1] = piece
    end
    return table.concat(pieces)
end

function read.r(input) -- twice
    input:read(5)
    input:rewind()
    return input:read('a')
end

function read.b(input) -- where no coroutine can yield
    local all
    string.gsub('x', 'x', function()
        all = input:read('a')
    end)
    return all
end

local function read_all(input)
    return input:read('a')
end

function answer.g(text) -- generated
    return coroutine.wrap(function()
        for at = 1, #text, 100 do
            coroutine.yield(text:sub(at, at + 99))
        end
    end)
end

function answer.a(text) -- an array
    return { text:sub(1, 5), '', text:sub(6) }
end

function answer.f(text) -- a file
    local file = io.tmpfile()
    file:write(text)
    file:seek('set')
    return file
end

function answer.s(text) -- waits, and waits again
    rainbows.sleep(0)
    rainbows.sleep(20)
    return text
end

function answer.x() -- fails
    error('no luck')
end

function answer.e(text) -- fails when it has begun
    return coroutine.wrap(function()
        coroutine.yield(text)
        error('no luck')
    end)
end

local function answer_text(text)
    return text
end

local function describe(env, body)
    local lines = {}
    for key, value in pairs(env) do
        if key:match('^HTTP_') or key:match('^CONTENT_') then
            lines[#lines + 1] = key .. '=' .. value
        end
    end
    table.sort(lines)
    table.insert(lines, 1, env.PATH_INFO .. '?' .. env.QUERY_STRING)
    table.insert(lines, 2, env.SERVER_NAME .. ':' .. env.SERVER_PORT)
    lines[#lines + 1] = body
    return table.concat(lines, '\n')
end

return function(env)
    local way = env.PATH_INFO:sub(2, 2)
    local body = ''
    if env['rainbows.model'] ~= 'Idle' then
        body = (read[way] or read_all)(env['rack.input'])
    end
    local headers = {
        ['x-saw'] = env.REQUEST_METHOD .. ' ' .. env.REQUEST_URI .. ' ' ..
            env.SERVER_PROTOCOL,
    }
    return 200, headers, (answer[way] or answer_text)(describe(env, body))
end
