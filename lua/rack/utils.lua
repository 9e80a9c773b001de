-- SPDX-License-Identifier: MIT
--
-- rack.utils: what every app does with the strings of HTTP: percent-encoding,
-- queries and urlencoded forms, HTML, header values with parameters, Accept.
-- Pure functions over strings, after Rack::Utils in their names; they need
-- nothing but Lua 5.4 and know nothing of the server.
--
-- Bytes from a client never raise an error here: what is malformed has a
-- stated meaning or gives nil and a message. Wrong types are the caller's
-- mistake and do raise.

local utils = {}

local function percent(byte)
    return ("%%%02X"):format(byte:byte())
end

-- Encodes for a query or an urlencoded form: a space becomes "+".
function utils.escape(s)
    return (s:gsub("[^A-Za-z0-9%-._~ ]", percent):gsub(" ", "+"))
end

-- Encodes one segment of a path: a space becomes "%20", a slash "%2F".
function utils.escape_path(s)
    return (s:gsub("[^A-Za-z0-9%-._~]", percent))
end

local function byte_of(hex)
    return string.char(tonumber(hex, 16))
end

-- Undoes escape_path(). A "%" without two hex digits stays as it is, as in
-- browsers (URL Standard, percent-decode).
function utils.unescape_path(s)
    return (s:gsub("%%(%x%x)", byte_of))
end

-- Undoes escape(): as unescape_path(), and "+" is a space.
function utils.unescape(s)
    return utils.unescape_path((s:gsub("%+", " ")))
end

-- Parses a query or an urlencoded form. Returns two tables:
--
--     local params, all = utils.parse_query("tag=a&tag=b&page=2")
--     params.tag  --> "b"          the last value, always a string
--     all.tag     --> {"a", "b"}   every value, in order
--
-- A client chooses how often it sends a key, so a value that is sometimes a
-- string and sometimes a table would be a trap; hence the two. A key without
-- "=" has the value "". nil and a message when limits.bytes (4 MiB) or
-- limits.params (4096) are exceeded.
function utils.parse_query(s, limits)
    local max_bytes = limits and limits.bytes or 4 * 1024 * 1024
    local left = limits and limits.params or 4096
    if #s > max_bytes then
        return nil, "query longer than " .. max_bytes .. " bytes"
    end
    local params, all = {}, {}
    for pair in s:gmatch("[^&]+") do
        left = left - 1
        if left < 0 then
            return nil, "too many parameters"
        end
        local key, value = pair:match("^([^=]*)=(.*)$")
        key = utils.unescape(key or pair)
        value = utils.unescape(value or "")
        params[key] = value
        local values = all[key]
        if values then
            values[#values + 1] = value
        else
            all[key] = { value }
        end
    end
    return params, all
end

local function sorted_keys(t)
    local keys = {}
    for key in pairs(t) do
        keys[#keys + 1] = key
    end
    table.sort(keys)
    return keys
end

-- The opposite: a table from key to a string, a number or an array of them,
-- as a query. Keys are sorted, so that equal tables give equal queries.
function utils.build_query(params)
    local out = {}
    for _, key in ipairs(sorted_keys(params)) do
        local value = params[key]
        for _, one in ipairs(type(value) == "table" and value or { value }) do
            local kind = type(one)
            if kind ~= "string" and kind ~= "number" then
                error(("build_query: %s is a %s"):format(key, kind), 2)
            end
            out[#out + 1] = utils.escape(key) .. "="
                .. utils.escape(tostring(one))
        end
    end
    return table.concat(out, "&")
end

local ENTITIES = {
    ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
    ['"'] = "&quot;", ["'"] = "&#39;",
}

-- Makes a string (or number) safe as HTML text and as a quoted attribute.
function utils.escape_html(s)
    return (string.gsub(s, "[&<>\"']", ENTITIES))
end

-- Without blanks around it. (One pattern for both ends would take quadratic
-- time on a long run of blanks.)
function utils.trim(s)
    local from = s:find("%S")
    return from and s:match(".*%S", from) or ""
end

-- The value that starts at `at`, a token or a quoted string, and where it
-- ends. In a quoted string only \" and \\ are escapes: browsers that send
-- C:\dir\file mean these backslashes.
local function parameter_value(s, at)
    if s:byte(at) ~= 0x22 then
        local token, stop = s:match("^([^;]*)()", at)
        return utils.trim(token), stop
    end
    local out, from = {}, at + 1
    while true do
        local stop = s:find('[\\"]', from)
        if not stop then
            return nil
        end
        out[#out + 1] = s:sub(from, stop - 1)
        if s:byte(stop) == 0x22 then
            return table.concat(out), stop + 1
        end
        local escaped = s:match('^\\([\\"])', stop)
        out[#out + 1] = escaped or "\\"
        from = stop + (escaped and 2 or 1)
    end
end

-- Splits a header value with parameters, such as a content-type:
--
--     utils.header_params('Text/HTML; Charset="utf-8"')
--     --> "text/html", { charset = "utf-8" }
--
-- The value and the parameters' names are lower-cased; of a repeated name the
-- first counts. nil is taken as ""; an open quote ends the reading.
function utils.header_params(s)
    s = s or ""
    local params = {}
    local value, at = s:match("^%s*([^;]*)()")
    while at <= #s do
        local name, from = s:match("^;%s*([^%s=;]+)%s*=%s*()", at)
        if name then
            local text, stop = parameter_value(s, from)
            if not text then
                break
            end
            name = name:lower()
            params[name] = params[name] or text
            at = stop - 1
        end
        at = s:find(";", at + 1, true) or #s + 1
    end
    return utils.trim(value):lower(), params
end

-- The quality that an Accept header gives to a media type: the most specific
-- range decides, nothing matching is 0 (RFC 9110, 12.5.1).
local function quality(accept, wanted)
    local best, rank = 0, 0
    for item in accept:gmatch("[^,]+") do
        local range, params = utils.header_params(item)
        local this = range == wanted and 3
            or range == wanted:match("^[^/]*/") .. "*" and 2
            or range == "*/*" and 1
            or 0
        if this > rank then
            best, rank = tonumber(params.q) or 1, this
        end
    end
    return best
end

-- Which of the offered media types suits an Accept header best; of equals the
-- first. nil when none is acceptable. Without a header, all are.
function utils.best_type(accept, offered)
    if not accept or not accept:find("%S") then
        return offered[1]
    end
    local best, top = nil, 0
    for _, name in ipairs(offered) do
        local q = quality(accept, name)
        if q > top then
            best, top = name, q
        end
    end
    return best
end

return utils
