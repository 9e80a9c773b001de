-- The example config of rainbows: every directive, its default, and a line on
-- what it is for. Run it from here: rainbows -c config.lua
--
-- A config is a Lua program: directives are functions, and locals, loops and
-- the standard library may be used around them. What is left out keeps its
-- default; lines that begin with "-- " show directives whose default is unset.
-- docs/CONFIG.md tells more of each.

-- The app and its workers

app("examples/hello.lua")     -- a file that returns the app, or a function
worker_processes(1)           -- how many workers; "auto": one per CPU
use("Base")                   -- the concurrency model of the workers
worker_connections(50)        -- clients that a worker holds at a time
pool_size(50)                 -- threads, or calls at once, of the Pool models
app_pool(0)                   -- Lua states of the ThreadSpawn models; 0: enough
listen("0.0.0.0:8080")        -- where clients connect; may be repeated
-- listen("unix:/run/rainbows.sock", { umask = tonumber("0117", 8) })

-- Connections and their times, in seconds; fractions are fine

keepalive_timeout(5)          -- idle time between requests; 0: no keep-alive
keepalive_requests(1000)      -- requests that one connection may bring
client_header_timeout(30)     -- for a request's head to arrive
client_body_timeout(30)       -- between two pieces of a request's body
send_timeout(30)              -- for a client to take more of its answer
timeout(60)                   -- for the app to answer a request
graceful_timeout(60)          -- for a worker to finish before it is killed
boot_timeout(60)              -- for a worker to load the app and be ready

-- Proxies in front of the server

-- trusted_proxies("10.0.0.0/8", "unix")   -- whose X-Forwarded-For is believed
-- listen("0.0.0.0:8081", { proxy_protocol = { "10.0.0.1", "10.0.0.2" } })

-- Limits on requests, in bytes; the status is what a larger one is answered

client_max_body_size(1024 * 1024)       -- 413; nil: unlimited
client_max_header_size(112 * 1024)      -- all header lines together: 431
client_max_headers(100)                 -- how many header fields: 431
client_max_uri_size(15 * 1024)          -- the request target: 414
client_max_header_name(256)             -- a header field's name: 431
client_max_chunk_extension(16 * 1024)   -- chunk extensions of a body: 413

-- Buffers, in bytes

client_body_buffer_size(112 * 1024)     -- larger bodies go to a file
client_header_buffer_size(1024)         -- for each read of a request's head
output_buffer_size(64 * 1024)           -- what may wait for a slow client

-- When a worker is replaced, and the memory of a Lua state

-- max_requests(10000, { jitter = 1000 })  -- after so many, more or fewer
-- max_memory(512 * 1024 * 1024)           -- when the process is larger
-- lua_memory_limit(64 * 1024 * 1024)      -- a call that needs more fails: 500

-- The process

early_hints(false)            -- give apps rack.early_hints, for 103 answers
preload_app(false)            -- load the app in the master, before any fork
-- working_directory("/srv/app")        -- where relative paths start from
-- user("www-data")                     -- whom the workers become, if root
-- group("www-data")                    -- and of which group
-- umask(tonumber("027", 8))            -- permissions new files do not get
-- pid("/run/rainbows.pid")             -- a file with the master's process id
-- stderr_path("log/stderr.log")        -- the log, and what apps write there
-- stdout_path("log/stdout.log")        -- what apps print
log_level("info")             -- the least that is logged
-- access_log("log/access.log", { format = "combined" })  -- a line a request
-- slow_call(5)                         -- a call that takes longer is logged
-- lua_path("lib/?.lua;;")              -- where the app's require looks
-- lua_cpath("lib/?.so;;")              -- the same for modules in C

-- Hooks: functions that are called with { number =, pid =, generation = }

-- before_fork(function(worker) end)    -- in the master, before each fork
-- after_fork(function(worker) end)     -- in a new worker, before the app
-- after_worker_ready(function(worker) end)         -- before its first client
-- after_worker_exit(function(worker, how) end)     -- in the master; how:
--                                                  -- "exit=0", "signal=KILL"
-- before_exec(function(process) end)   -- in a process, before it becomes a
--                                      -- new master (USR2)
