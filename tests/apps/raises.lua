-- SPDX-License-Identifier: MIT
-- Cannot be loaded.
local function connect()
    error("no database")
end
connect()
