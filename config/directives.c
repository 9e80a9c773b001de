/* SPDX-License-Identifier: MIT */
/*
 * The directive table: one row for each word of config.lua. To add a directive
 * is to add a field to struct config, a row here, and its line in config.lua
 * and docs/CONFIG.md; a test compares the three.
 *
 * Defaults are Unicorn's and Rainbows!' own, except keepalive_requests, which
 * was 100 when connections were dear. They are Lua text, taken in by the same
 * code as the user's values, so that none can be out of its own bounds.
 */
#include "config/directives.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "config/kinds.h"

#define FIELD(member) .offset = offsetof(struct config, member)

/* A deadline is now + timeout: thirty years keep that far from overflow. */
#define SECONDS_MAX (INT64_C(1000000000) * CLOCK_SECOND)
/* More is a slip of the finger. */
#define COUNT_MAX 1000000
/* What is held in memory for one client; no buffer may pass 4 GiB. */
#define MEMORY_MAX (INT64_C(1) << 30)

/* One row, three lines, whatever their length allows. */
/* clang-format off */
const struct directive directives[] = {
    {"worker_processes", "1", "how many workers; \"auto\": one per CPU",
     &kind_workers, FIELD(worker_processes), 1, 512,
     .group = "The app and its workers"},
    {"listen", "\"0.0.0.0:8080\"", "where clients connect; may be repeated",
     &kind_listen, FIELD(listens), 1},
    {"use", "\"Base\"", "the concurrency model of the workers",
     &kind_use, FIELD(use), 1},
    {"app", NULL, "a file that returns the app, or a function",
     &kind_app, FIELD(app), 1},
    {"worker_connections", "50", "clients that a worker holds at a time",
     &kind_int, FIELD(worker_connections), 1, COUNT_MAX},

    {"pool_size", "50", "threads, or calls at once, of the Pool models",
     &kind_int, FIELD(pool_size), 1, 10000},
    {"app_pool", "0",
     "Lua states of the ThreadSpawn models; 0: worker_connections",
     &kind_int, FIELD(app_pool), 0, 10000},

    {"keepalive_timeout", "5",
     "idle time between two requests of a connection; 0: no keep-alive",
     &kind_seconds, FIELD(keepalive_timeout), 0, SECONDS_MAX,
     .group = "Connections and their times, in seconds"},
    {"keepalive_requests", "1000",
     "requests that one connection may bring",
     &kind_int, FIELD(keepalive_requests), 1, INT64_C(1000) * COUNT_MAX},
    {"client_header_timeout", "30", "for a request's head to arrive",
     &kind_seconds, FIELD(client_header_timeout), 1, SECONDS_MAX},
    {"client_body_timeout", "30", "between two pieces of a request's body",
     &kind_seconds, FIELD(client_body_timeout), 1, SECONDS_MAX},
    {"send_timeout", "30", "for a client to take more of its answer",
     &kind_seconds, FIELD(send_timeout), 1, SECONDS_MAX},
    {"timeout", "60", "for the app to answer a request",
     &kind_seconds, FIELD(timeout), 1, SECONDS_MAX},
    {"graceful_timeout", "60", "for a worker to finish before it is killed",
     &kind_seconds, FIELD(graceful_timeout), 1, SECONDS_MAX},
    {"boot_timeout", "60", "for a worker to load the app and be ready",
     &kind_seconds, FIELD(boot_timeout), 1, SECONDS_MAX},

    {"trusted_proxies", "nil",
     "whose X-Forwarded-For and Forwarded headers are believed",
     &kind_networks, FIELD(trusted_proxies), 1,
     .group = "Proxies in front of the server"},

    {"client_max_body_size", "1024 * 1024",
     "bytes of a request's body; nil: unlimited; more is a 413",
     &kind_limit, FIELD(client_max_body_size), 0, INT64_MAX,
     .group = "Limits on requests"},
    {"client_max_header_size", "112 * 1024",
     "bytes of all header lines together; more is a 431",
     &kind_size, FIELD(client_max_header_size), 8, MEMORY_MAX},
    {"client_max_headers", "100", "header fields; more is a 431",
     &kind_count, FIELD(client_max_headers), 1, COUNT_MAX},
    {"client_max_uri_size", "15 * 1024",
     "bytes of the request target; more is a 414",
     &kind_size, FIELD(client_max_uri_size), 1, MEMORY_MAX},
    {"client_max_header_name", "256",
     "bytes of a header field's name; more is a 431",
     &kind_size, FIELD(client_max_header_name), 1, MEMORY_MAX},
    {"client_max_chunk_extension", "16 * 1024",
     "bytes of chunk extensions in a body; more is a 413",
     &kind_size, FIELD(client_max_chunk_extension), 0, MEMORY_MAX},

    {"client_body_buffer_size", "112 * 1024",
     "a larger request body goes to a temporary file",
     &kind_size, FIELD(client_body_buffer_size), 0, MEMORY_MAX,
     .group = "Buffers, in bytes"},
    {"client_header_buffer_size", "1024", "for each read of a request's head",
     &kind_size, FIELD(client_header_buffer_size), 1, MEMORY_MAX},
    {"output_buffer_size", "64 * 1024",
     "what may wait for a client before the body does",
     &kind_size, FIELD(output_buffer_size), 1, MEMORY_MAX},

    {"max_requests", "nil",
     "a worker is replaced after so many requests; nil: never",
     &kind_requests, FIELD(max_requests), 0, INT64_C(1000) * COUNT_MAX,
     .group = "When a worker is replaced"},
    {"max_memory", "nil",
     "resident memory with which a worker is replaced; nil: any",
     &kind_limit, FIELD(max_memory), 1 << 20, INT64_MAX},
    {"lua_memory_limit", "nil",
     "memory of one Lua state; a call that needs more fails; nil: any",
     &kind_limit, FIELD(lua_memory_limit), 1 << 16, INT64_MAX},

    {"early_hints", "false", "give apps rack.early_hints, for 103 answers",
     &kind_bool, FIELD(early_hints),
     .group = "The process"},
    {"preload_app", "false", "load the app in the master, before any fork",
     &kind_bool, FIELD(preload_app)},
    {"umask", "nil", "permissions that new files do not get",
     &kind_umask, FIELD(umask), 0, 0777},
    {"working_directory", "nil", "where relative paths start from",
     &kind_string, FIELD(working_directory), 1},
    {"user", "nil",
     "whom the workers become when the master is root, perhaps with a group",
     &kind_user, FIELD(run_as), 1},
    {"group", "nil", "the group that the workers become",
     &kind_group, FIELD(run_as), 1},
    {"pid", "nil", "a file that holds the master's process id",
     &kind_string, FIELD(pid), 1},
    {"stderr_path", "nil", "a file for the log and what apps write to stderr",
     &kind_string, FIELD(stderr_path), 1},
    {"stdout_path", "nil", "a file for what apps print",
     &kind_string, FIELD(stdout_path), 1},
    {"log_level", "\"info\"", "the least that is logged",
     &kind_level, FIELD(log_level)},
    {"access_log", "nil", "where a line for each request goes, and how it looks",
     &kind_access, FIELD(access_log), 1},
    {"slow_call", "nil", "a call that takes longer to answer is logged",
     &kind_patience, FIELD(slow_call), 0, SECONDS_MAX},
    {"lua_path", "nil", "where the app's require looks; \";;\": Lua's own places",
     &kind_string, FIELD(lua_path)},
    {"lua_cpath", "nil", "the same for modules in C",
     &kind_string, FIELD(lua_cpath)},

    {"before_fork", "nil", "in the master, before it forks a worker",
     &kind_hook, FIELD(hooks[HOOK_BEFORE_FORK]),
     .group = "Hooks"},
    {"after_fork", "nil", "in a new worker, before it loads the app",
     &kind_hook, FIELD(hooks[HOOK_AFTER_FORK])},
    {"after_worker_ready", "nil", "in a worker, before its first client",
     &kind_hook, FIELD(hooks[HOOK_AFTER_WORKER_READY])},
    {"after_worker_exit", "nil", "in the master, when a worker has ended",
     &kind_hook, FIELD(hooks[HOOK_AFTER_WORKER_EXIT])},
    {"before_exec", "nil", "in a new process, before it becomes a new master",
     &kind_hook, FIELD(hooks[HOOK_BEFORE_EXEC])},
    {0},
};
/* clang-format on */

static const char *all_names[sizeof directives / sizeof *directives];

/* Before main, so that every thread may read the names without a lock. */
__attribute__((constructor)) static void fill_names(void)
{
    directive_names(directives, all_names,
                    sizeof all_names / sizeof *all_names);
}

const char *const *config_directive_names(void)
{
    return all_names;
}

const struct directive *directive_find(const struct directive *rows,
                                       const char *name)
{
    for (const struct directive *d = rows; d->name; d++)
        if (strcmp(d->name, name) == 0)
            return d;
    return NULL;
}

void directive_names(const struct directive *rows, const char **names,
                     size_t room)
{
    size_t n = 0;
    for (; rows[n].name; n++) {
        assert(n + 1 < room);
        names[n] = rows[n].name;
    }
    names[n] = NULL;
}
