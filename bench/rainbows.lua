-- The config of the benchmark: one worker of the model that bench/run asks for,
-- room for all clients, and no end to a connection, as for the servers it is
-- compared with. Directives that the model does not know are none of its.
worker_processes(1)
use(os.getenv("BENCH_MODEL"))
listen("127.0.0.1:" .. os.getenv("BENCH_PORT"), { backlog = 4096 })
worker_connections(9000)
pool_size(64)
app_pool(64)
keepalive_requests(1000000000)
keepalive_timeout(60)
client_header_timeout(600)
log_level("warn")
app(os.getenv("BENCH_APP"))
