-- SPDX-License-Identifier: MIT
-- What an app can do wrong: /errors/NAME raises, /results/NAME returns what is
-- no answer, /memory and /exit do worse. "/" is fine.
local text = { ["content-type"] = "text/plain" }
local errors, results, others = {}, {}, {}

-- Errors.

function errors.string()
    error("on purpose")
end

function errors.level()
    error("without a place", 0)
end

errors["table"] = function()
    error({ code = 42 })
end

errors["nil"] = function()
    error(nil)
end

errors["false"] = function()
    error(false)
end

function errors.tostring()
    error(setmetatable({}, { __tostring = function() return "I am told" end }))
end

function errors.bad_tostring()
    error(setmetatable({}, { __tostring = function() error("again") end }))
end

function errors.no_tostring()
    error(setmetatable({}, { __tostring = function() return 42 end }))
end

function errors.name()
    error(setmetatable({}, { __name = "my.error" }))
end

function errors.runtime()
    local absent
    return absent.field
end

function errors.yield()
    coroutine.yield(200, text, "hello")
end

function errors.yield_protected()
    pcall(coroutine.yield)
end

function errors.wrapped()
    coroutine.wrap(function() error("from within") end)()
end

function errors.closing()
    local _ <close> = setmetatable({}, {
        __close = function() error("while closing") end,
    })
    error("first")
end

function errors.recursion()
    local function deeper()
        return 1 + deeper()
    end
    return deeper()
end

function errors.c_recursion()
    local function deeper()
        return (("x"):gsub(".", deeper))
    end
    return deeper()
end

function errors.meta_recursion()
    local t = {}
    setmetatable(t, { __index = function(_, k) return t[k .. "x"] end })
    return t.x
end

function errors.coroutine_recursion()
    local function deeper()
        return coroutine.wrap(deeper)()
    end
    return deeper()
end

function errors.handler_recursion()
    local function handler()
        error("in the handler")
    end
    local _, message = xpcall(error, handler, "x")
    error(message)
end

-- Results.

function results.nothing()
end

function results.status_string()
    return "200", text, "x"
end

function results.status_float()
    return 200.0, text, "x"
end

function results.status_table()
    return { "200" }
end

for _, status in ipairs({ -1, 0, 99, 100, 101, 199, 1000 }) do
    results["status_" .. status] = function()
        return status, text, "x"
    end
end

function results.headers_string()
    return 200, "text/plain", "x"
end

local function headers(name, value)
    return function()
        return 200, { [name] = value, ["x-also"] = "leaks" }, "x"
    end
end

results.name_space = headers("x y", "z")
results.name_empty = headers("", "z")
results.name_colon = headers("x:y", "z")
results.name_crlf = headers("x: y\r\nSet-Cookie", "z")
results.name_utf8 = headers("x\xc3\xa4", "z")
results.name_number = headers(1, "z")
results.name_boolean = headers(true, "z")
results.value_crlf = headers("x", "y\r\nSet-Cookie: z=1\r\n\r\nHTTP/1.1 200")
results.value_cr = headers("x", "y\rz")
results.value_lf = headers("x", "y\nz")
results.value_nul = headers("x", "y\0z")
results.value_delete = headers("x", "y\x7fz")
results.value_boolean = headers("x", true)
results.value_float = headers("x", 1.5)
results.value_function = headers("x", print)
results.value_nested = headers("x", { "y", { "z" } })
results.value_list = headers("x", { "y", "z\r\nw: v" })
results.length_word = headers("content-length", "many")
results.length_negative = headers("content-length", -1)
results.length_twice = headers("content-length", { "1", "1" })

local function body(value)
    return function()
        return 200, text, value
    end
end

results.body_number = body(42)
results.body_true = body(true)
results.body_thread = body(coroutine.create(print))
results.body_map = body({ key = "value" })
results.body_mixed = body({ "x", 2, key = "value" })
results.body_number_in_array = body({ "x", 2 })
results.body_hole = body({ "x", nil, "y" })
results.body_closed_file = function()
    local file = io.tmpfile()
    file:close()
    return 200, text, file
end

-- The others.

-- pcall as deep as it goes; the innermost error comes back as a value.
others["/pcall"] = function()
    local function deeper(n)
        local ok, result = pcall(deeper, n + 1)
        return ok and result or n
    end
    return deeper(0) > 100 and "deep" or "shallow"
end

others["/memory"] = function()
    return tostring(#("x"):rep(8 * 1024 * 1024))
end

others["/impossible"] = function()
    return io.open("/dev/null"):read(1 << 62)
end

others["/exit"] = function()
    os.exit(3)
end

others["/"] = function()
    return "fine"
end

return function(env)
    local kind, name = env.PATH_INFO:match("^/(%a+)/(.*)$")
    if kind == "errors" then
        return 200, text, errors[name]()
    elseif kind == "results" then
        return results[name]()
    end
    return 200, text, others[env.PATH_INFO]()
end
