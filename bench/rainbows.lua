-- The config of the benchmark: one worker of the model that bench/run asks for,
-- and no end to a connection, as for the servers it is compared with.
worker_processes(1)
use(os.getenv("BENCH_MODEL"))
worker_connections(1024)
keepalive_requests(1000000000)
keepalive_timeout(60)
log_level("warn")
app(os.getenv("BENCH_APP"))
