-- SPDX-License-Identifier: MIT
-- Answers that come later: /park?NAME waits, /wake?NAME answers it. What has
-- happened is counted: /count?WHAT tells how often.
local rainbows = require "rainbows"

local text = { ["content-type"] = "text/plain" }
local paths = {}
local counts = {}
local parked = {} -- name -> async.callback
local deferred = {} -- name -> a deferrable body

local function count(what)
    counts[what] = (counts[what] or 0) + 1
    rainbows.log("info", what)
end

local function closing(name, body)
    function body:close() count("closed " .. name) end
    return body
end

local function exists(name)
    local file = io.open(name)
    return file and file:close()
end

-- What async.callback has returned, as a text.
local function said(yes, why)
    return yes == true and "true" or ("%s: %s"):format(yes, why)
end

paths["/count"] = function(_, what)
    return 200, text, tostring(counts[what:gsub("%%20", " ")] or 0)
end

-- ---- -1 ----

local function park(env, name)
    parked[name] = env["async.callback"]
    env["async.close"]:callback(function() count("gone " .. name) end)
    rainbows.log("info", "parked " .. name)
    return -1
end

paths["/park"] = park

local function wake(name)
    return said(parked[name](200, text, closing(name, { "woken " .. name })))
end

paths["/wake"] = function(_, name)
    return 200, text, wake(name)
end

paths["/wake-table"] = function(_, name)
    return 200, text, said(parked[name]({ 201, text, "in a table" }))
end

paths["/wake-large"] = function(_, name)
    local mebibyte, n = ("0123456789abcdef"):rep(65536), 0
    local function pieces()
        n = n + 1
        return n <= 8 and mebibyte or nil
    end
    return 200, text,
        said(parked[name](200, text, pieces, nil, nil, closing(name, {})))
end

paths["/wake-wrong"] = function(_, name)
    return 200, text, said(parked[name](-1))
end

paths["/wake-all"] = function()
    local names = {}
    for name in pairs(parked) do
        table.insert(names, math.random(#names + 1), name)
    end
    for _, name in ipairs(names) do
        assert(wake(name) == "true")
    end
    return 200, text, tostring(#names)
end

-- A body that answers another request when there is a file "go".
paths["/wake-from-body"] = function(_, name)
    local pieces = { function() return "begun " end, function()
        while not exists("go") do rainbows.sleep(0.01) end
        return wake(name)
    end }
    return 200, text, function()
        local piece = table.remove(pieces, 1)
        return piece and piece()
    end
end

paths["/self"] = function(env)
    env["async.callback"](200, text, "by itself")
    return -1
end

paths["/twice"] = function(env)
    env["async.callback"](200, text, closing("first", { "first" }))
    return 200, text, closing("second", { "second" })
end

paths["/without"] = function() return -1 end

paths["/only-close"] = function(env)
    env["async.close"]:callback(function() end)
    return -1
end

-- Answers, and its body tells what async.callback says then.
paths["/return-first"] = function(env)
    local callback, n = env["async.callback"], 0
    parked["returned"] = callback
    return 200, text, function()
        n = n + 1
        return n == 1 and said(callback(200, text, closing("late", {}))) or nil
    end
end

paths["/error"] = function(env)
    parked["failed"] = env["async.callback"]
    error("on purpose")
end

-- Sleeps after its async.callback was called; tells for how long.
paths["/sleep"] = function(env)
    local body, begun = { sleep = 0 }, os.time()
    parked["sleeper"] = env["async.callback"]
    function body:callback(done) self.done = done end
    function body:errback() end
    function body:each(write)
        deferred["sleeper"] = self
        self.write = write
        rainbows.log("info", "sleeps")
        rainbows.sleep(1.5)
        write(os.time() - begun >= 1 and "enough" or "too short")
        self.done()
    end
    return 200, text, body
end

-- ---- async.close ----

paths["/fails-to-close"] = function(env)
    env["async.close"]:callback(function() error("on purpose") end)
        :callback(function() count("closed after") end)
        :errback(function() count("errback") end)
    return 200, text, "fine"
end

-- Asks for async.close when there is a file "go".
paths["/close-late"] = function(env)
    local n = 0
    return 200, text, function()
        n = n + 1
        if n == 1 then return "begun " end
        if n == 3 then return nil end
        while not exists("go") do rainbows.sleep(0.01) end
        local when = "later"
        env["async.close"]:callback(function() when = "at once" end)
        return when
    end
end

-- ---- deferrables ----

local function new_deferrable(name)
    local body = closing(name, {})
    function body:callback(done) self.done = done end
    function body:errback(fail) self.break_off = fail end
    function body:fail() count("failed " .. name) end
    function body:each(write)
        self.write = write
        count("each " .. name)
    end
    deferred[name] = body
    return body
end

paths["/defer"] = function(_, name)
    return 200, text, new_deferrable(name)
end

paths["/write"] = function(_, query)
    local name, piece = query:match("^(%w+)&(.*)$")
    return 200, text, said(deferred[name].write(piece))
end

-- Writes, and stays until there is a file "go"; in between once more when there
-- is a file "more".
paths["/write-and-stay"] = function(_, name)
    assert(deferred[name].write("one"))
    while not exists("more") do rainbows.sleep(0.01) end
    assert(deferred[name].write("two"))
    while not exists("go") do rainbows.sleep(0.01) end
    return 200, text, "stayed"
end

paths["/end"] = function(_, name)
    deferred[name].done()
    return 200, text, "ended"
end

paths["/break"] = function(_, name)
    deferred[name].break_off()
    return 200, text, "broken"
end

-- Writes until it is told not to; how often, and what it was told.
paths["/fill"] = function(_, name)
    local piece, n = ("x"):rep(65536), 0
    local yes, why
    repeat
        yes, why = deferred[name].write(piece)
        n = n + 1
    until not yes or n == 1000
    return 200, text, ("%s after %s"):format(why, n < 100 and "some" or n)
end

-- Ends itself inside each(), which waits in between.
paths["/defer-at-once"] = function()
    local body = new_deferrable("once")
    function body:each(write)
        for _, word in ipairs { "one ", "two ", "three" } do
            assert(write(word) == true)
            rainbows.sleep(0.01)
        end
        self.done()
        assert(select(2, write("more")) == "closed")
    end
    return 200, text, body
end

paths["/defer-length"] = function()
    local body = new_deferrable("length")
    function body:each(write)
        self.write = write
        write("hello")
        count("then " .. tostring(select(2, write("more"))))
    end
    return 200, { ["content-length"] = 5 }, body
end

-- Its client's end ends the body, with words that nobody will read.
paths["/defer-polite"] = function(env, name)
    local body = new_deferrable(name)
    local callback = env["async.callback"]
    env["async.close"]:callback(function()
        body.write("good bye")
        body.done()
        callback(500)
        count("polite")
    end)
    return 200, text, body
end

return function(env)
    local path = paths[env.PATH_INFO]
    if env.PATH_INFO == "/has" then
        return 200, text, ("%s %s"):format(type(env["async.callback"]),
            type(env["async.close"]))
    end
    return path(env, env.QUERY_STRING)
end
