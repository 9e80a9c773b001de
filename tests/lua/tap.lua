-- SPDX-License-Identifier: MIT
--
-- The Test Anything Protocol, for test scripts in plain Lua. A script requires
-- it, claims things, and ends with tap.done().

local tap = {}

local count, failed = 0, 0

local function shown(value)
    return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

-- Claims that condition is true. Returns whether it is.
function tap.ok(condition, name)
    count = count + 1
    if not condition then
        failed = failed + 1
    end
    print(("%s %d - %s"):format(condition and "ok" or "not ok", count, name))
    return condition
end

-- Claims that got equals want; tables are compared field by field.
function tap.is(got, want, name)
    local function same(a, b)
        if type(a) ~= "table" or type(b) ~= "table" then
            return a == b
        end
        for key, value in pairs(a) do
            if not same(value, b[key]) then
                return false
            end
        end
        for key in pairs(b) do
            if a[key] == nil then
                return false
            end
        end
        return true
    end
    if not tap.ok(same(got, want), name) then
        local text = ("got %s, want %s"):format(shown(got), shown(want))
        print("# " .. text:gsub("\n", "\n# "))
    end
end

-- Claims that text contains the plain string part.
function tap.has(text, part, name)
    local found = type(text) == "string" and text:find(part, 1, true)
    if not tap.ok(found ~= nil and found ~= false, name) then
        print(("# no %s in %s"):format(shown(part), shown(text)))
    end
end

-- Ends the script: the plan, and the exit code.
function tap.done()
    print("1.." .. count)
    os.exit(failed == 0, true)
end

return tap
