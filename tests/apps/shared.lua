-- SPDX-License-Identifier: MIT
-- What the Lua states of a server share in tests: small files where it runs.
local shared = {}

-- One more of name.
function shared.count(name)
    local file = assert(io.open("count-" .. name, "a"))
    file:write("x")
    file:close()
end

-- How many there were.
function shared.counted(name)
    local file = io.open("count-" .. name)
    if not file then
        return 0
    end
    local n = file:seek("end")
    file:close()
    return n
end

return shared
