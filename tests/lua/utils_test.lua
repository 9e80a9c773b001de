-- SPDX-License-Identifier: MIT
--
-- rack.utils: percent-encoding, queries, HTML, header parameters, Accept.

local tap = require("tap")
local utils = require("rack.utils")

local every_byte = {}
for byte = 0, 255 do
    every_byte[#every_byte + 1] = string.char(byte)
end
every_byte = table.concat(every_byte)

-- Percent-encoding.
tap.is(utils.escape("a b&c=d/é~"), "a+b%26c%3Dd%2F%C3%A9~", "escapes a form")
tap.is(utils.escape_path("a b/ü+"), "a%20b%2F%C3%BC%2B", "escapes a segment")
tap.is(utils.unescape(utils.escape(every_byte)), every_byte,
    "unescape undoes escape for every byte")
tap.is(utils.unescape_path(utils.escape_path(every_byte)), every_byte,
    "unescape_path undoes escape_path for every byte")
tap.is(utils.unescape_path("a+b"), "a+b", "keeps a plus in a path")
tap.is(utils.unescape("100%+%zz%4"), "100% %zz%4", "keeps a stray percent")
tap.is(utils.unescape("%2541"), "%41", "decodes once only")
tap.is(select("#", utils.escape("x")), 1, "gives one result")

-- Queries.
local params, all = utils.parse_query("a=1&b=x+y%21&a=2&c&=e&&d=p=q")
tap.is(params, { a = "2", b = "x y!", c = "", [""] = "e", d = "p=q" },
    "parses a query, the last value wins")
tap.is(all.a, { "1", "2" }, "keeps repeated keys in order")
tap.is(all.b, { "x y!" }, "lists single values too")
tap.is(utils.parse_query(""), {}, "parses nothing as nothing")
tap.is((utils.parse_query("a%3Db=1&%26=2")), { ["a=b"] = "1", ["&"] = "2" },
    "splits before it decodes")
tap.is({ utils.parse_query("a&b&c", { params = 2 }) },
    { nil, "too many parameters" }, "limits the parameters")
tap.ok(utils.parse_query("a&b", { params = 2 }), "accepts as many as allowed")
tap.is({ utils.parse_query("aaaa", { bytes = 3 }) },
    { nil, "query longer than 3 bytes" }, "limits the bytes")
tap.ok(not utils.parse_query(("&a"):rep(5000)), "has a limit by default")

tap.is(utils.build_query({ b = "x y", a = { 1, "&" }, c = 2.5 }),
    "a=1&a=%26&b=x+y&c=2.5", "builds a query, sorted")
tap.is(utils.build_query({}), "", "builds an empty query")
tap.is(select(2, utils.parse_query(utils.build_query({ k = { "1", "2" } }))),
    { k = { "1", "2" } }, "parses what it built")
tap.ok(not pcall(utils.build_query, { a = true }), "refuses a boolean")

-- HTML.
tap.is(utils.escape_html([[<a href="x" id='y'>&amp;</a>]]),
    "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;",
    "escapes HTML")
tap.is(utils.escape_html(12), "12", "takes a number as text")
tap.ok(not pcall(utils.escape_html, nil), "does not show nil as text")

-- Header values with parameters.
local function header(value, want_value, want_params, name)
    tap.is({ utils.header_params(value) }, { want_value, want_params }, name)
end

header("text/html", "text/html", {}, "reads a bare value")
header(" Text/HTML ; Charset=UTF-8 ", "text/html", { charset = "UTF-8" },
    "lower-cases the value and the names only")
header('multipart/form-data; boundary="a; b\\"c"; x=1',
    "multipart/form-data", { boundary = 'a; b"c', x = "1" },
    "reads a quoted parameter")
header([[form-data; filename="C:\dir\new.txt"]], "form-data",
    { filename = [[C:\dir\new.txt]] }, "keeps backslashes that escape nothing")
header([[form-data; filename="a\\b"]], "form-data", { filename = [[a\b]] },
    "reads an escaped backslash")
header('a; x=""; y=', "a", { x = "", y = "" }, "reads empty parameters")
header("a; x=1; x=2; ; y; z = 3", "a", { x = "1", z = "3" },
    "takes the first of a repeated name, skips what is none")
header('a; x="1"junk; y=2', "a", { x = "1", y = "2" },
    "skips what follows a quoted string")
header('a; x=1; y="open', "a", { x = "1" }, "stops at an open quote")
header(nil, "", {}, "takes nil as empty")
header(";", "", {}, "takes a lone semicolon as empty")

tap.is(utils.trim(" \t a b \r\n"), "a b", "trims blanks at both ends")
tap.is({ utils.trim(""), utils.trim(" ") }, { "", "" }, "trims to nothing")

-- Accept.
local JSON, HTML = "application/json", "text/html"

local function accept(value, want, name)
    tap.is(utils.best_type(value, { JSON, HTML }), want, name)
end

accept(nil, JSON, "without Accept the first is best")
accept("", JSON, "an empty Accept says nothing")
accept("*/*", JSON, "of equals the first is best")
accept("text/html", HTML, "an exact type is found")
accept("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML,
    "a browser gets HTML")
accept("text/html;q=0.5, application/json;q=0.6", JSON, "quality decides")
accept("text/*, */*;q=0.1", HTML, "a subtype wildcard counts")
accept("*/*, application/json;q=0", HTML, "the specific range wins over */*")
accept("image/png", nil, "nothing acceptable is nil")
accept("TEXT/HTML;Q=1", HTML, "case does not matter")

tap.done()
