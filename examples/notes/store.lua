-- SPDX-License-Identifier: MIT
--
-- Where the notes app keeps its notes: an SQLite database, shared by all
-- workers, and one file for each attachment beside it (DB-file-ID). However
-- large an attachment is, it is written and sent in pieces, and no name that a
-- client chose is ever a path.
--
-- The database is the file $NOTES_DB, or notes-$USER.db in $TMPDIR or /tmp.

local sqlite3 = require("luasql.sqlite3")

local store = {}

local DB = os.getenv("NOTES_DB") or ("%s/notes-%s.db"):format(
    os.getenv("TMPDIR") or "/tmp", os.getenv("USER") or "app")
local PIECE = 64 * 1024

-- One per Lua state. SQLite must not be carried over a fork, so it is opened
-- by the worker: by store.open(), or by the first query.
local connection

-- A value as SQL. NUL would end the statement early, so none gets through.
local function quote(value)
    if math.type(value) == "integer" then
        return tostring(value)
    end
    assert(type(value) == "string" and not value:find("\0"), "bad SQL value")
    return "'" .. connection:escape(value) .. "'"
end

-- Runs a statement with each "?" replaced by a quoted value. Gives the rows of
-- a query as tables, or how many rows were changed. (No RETURNING: luasql runs
-- a statement that gives rows twice.)
local function query(sql, ...)
    if not connection then
        store.open()
    end
    local values, used = { ... }, 0
    sql = sql:gsub("%?", function()
        used = used + 1
        return quote(values[used])
    end)
    local cursor = assert(connection:execute(sql))
    if type(cursor) == "number" then
        return cursor
    end
    local rows = {}
    while true do
        local row, message = cursor:fetch({}, "a")
        assert(not message, message)
        if not row then
            return rows
        end
        rows[#rows + 1] = row
    end
end

local function last_id()
    return query("SELECT last_insert_rowid() AS id")[1].id
end

-- For `local _ <close> = at_end(f)`: f runs however the block is left.
local function at_end(f)
    return setmetatable({}, { __close = f })
end

-- Between BEGIN and COMMIT nothing may wait: all calls of this Lua state use
-- the same connection.
local function transaction(work)
    local done = false
    query("BEGIN IMMEDIATE")
    local _ <close> = at_end(function()
        if not done then
            query("ROLLBACK")
        end
    end)
    local result = work()
    query("COMMIT")
    done = true
    return result
end

local function path_of(id)
    return DB .. "-file-" .. id
end

-- After their rows, and never before: a crash between may leave a file that
-- nothing names, but no name without its file.
local function remove_files(files)
    for _, file in ipairs(files) do
        os.remove(path_of(file.id))
    end
end

-- A file with a size of -1 is being written; one that still is after a day was
-- left by a worker that died.
local function forget_unfinished()
    local old = query([[SELECT id FROM files
        WHERE size < 0 AND created < datetime('now', '-1 day')]])
    for _, file in ipairs(old) do
        query("DELETE FROM files WHERE id = ?", file.id)
    end
    remove_files(old)
end

-- Of several workers that open a new database, one turns it into WAL, and the
-- others find it locked at once, for there SQLite does not mind busy_timeout.
-- It does where a transaction begins, so they wait for the one before in that.
local function use_wal()
    for _ = 1, 100 do
        if pcall(query, "PRAGMA journal_mode = WAL") then
            return
        end
        query("BEGIN IMMEDIATE")
        query("COMMIT")
    end
    error(DB .. " stays locked")
end

-- Opens the database and makes its tables if it is new.
function store.open()
    connection = assert(sqlite3.sqlite3():connect(DB))
    query("PRAGMA busy_timeout = 5000")
    use_wal()
    query("PRAGMA synchronous = NORMAL")
    query([[CREATE TABLE IF NOT EXISTS notes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL,
        body TEXT NOT NULL, created TEXT NOT NULL)]])
    query([[CREATE TABLE IF NOT EXISTS files (
        id INTEGER PRIMARY KEY AUTOINCREMENT, note INTEGER NOT NULL,
        name TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL,
        created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)]])
    query("CREATE INDEX IF NOT EXISTS files_of ON files (note, name)")
    forget_unfinished()
end

function store.close()
    if connection then
        connection:close()
        connection = nil
    end
end

-- The newest fifty with an id below `before`: { id, title, created }.
function store.notes(before)
    return query([[SELECT id, title, created FROM notes WHERE id < ?
        ORDER BY id DESC LIMIT 50]], before)
end

-- { id, title, body, created }, or nil.
function store.note(id)
    return query("SELECT id, title, body, created FROM notes WHERE id = ?",
        id)[1]
end

-- Returns the new note's id.
function store.add(title, body)
    query([[INSERT INTO notes (title, body, created) VALUES
        (?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))]], title, body)
    return last_id()
end

-- The note and its files. False when there was none.
function store.delete(id)
    local files
    local deleted = transaction(function()
        files = query("SELECT id FROM files WHERE note = ?", id)
        query("DELETE FROM files WHERE note = ?", id)
        return query("DELETE FROM notes WHERE id = ?", id) > 0
    end)
    remove_files(files)
    return deleted
end

-- The files of a note: { name, type, size }.
function store.files(note)
    return query([[SELECT name, type, size FROM files
        WHERE note = ? AND size >= 0 ORDER BY name]], note)
end

-- A file of a note as an open Lua file and its media type, or nil. One that is
-- replaced between the two steps is looked up again.
function store.file(note, name)
    local tried
    while true do
        local file = query([[SELECT id, type FROM files
            WHERE note = ? AND name = ? AND size >= 0]], note, name)[1]
        if not file or file.id == tried then
            return nil
        end
        local handle = io.open(path_of(file.id), "rb")
        if handle then
            return handle, file.type
        end
        tried = file.id
    end
end

local function copy(source, path)
    local size = 0
    local out <close> = assert(io.open(path, "wb"))
    for piece in function() return source:read(PIECE) end do
        assert(out:write(piece))
        size = size + #piece
    end
    assert(out:close())
    return size
end

-- The written file takes the place of an older one of that name. nil when the
-- note was deleted meanwhile.
local function publish(id, note, name, size)
    local old
    local found = transaction(function()
        old = query([[SELECT id FROM files
            WHERE note = ? AND name = ? AND size >= 0]], note, name)
        query([[DELETE FROM files
            WHERE note = ? AND name = ? AND size >= 0]], note, name)
        return query("UPDATE files SET size = ? WHERE id = ?", size, id) > 0
    end)
    remove_files(old)
    return found and (old[1] and "replaced" or "new") or nil
end

-- Makes all that source:read(n) gives a file of the note: "new", "replaced",
-- or nil when there is no such note. The bytes go to a file of their own
-- first, so what was not received whole is never seen.
function store.save(note, name, media_type, source)
    local added = query([[INSERT INTO files (note, name, type, size)
        SELECT id, ?, ?, -1 FROM notes WHERE id = ?]], name, media_type, note)
    if added == 0 then
        return nil
    end
    local id, result = last_id(), nil
    local _ <close> = at_end(function()
        if not result then
            query("DELETE FROM files WHERE id = ?", id)
            remove_files({ { id = id } })
        end
    end)
    local size = copy(source, path_of(id))
    result = publish(id, note, name, size)
    return result
end

return store
