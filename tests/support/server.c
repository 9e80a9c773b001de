/* SPDX-License-Identifier: MIT */
/*
 * Starting and watching the real server. See server.h.
 */
#include "tests/support/server.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define DEADLINE (clock_now() + PATIENCE * CLOCK_SECOND)

const char *model_under_test(void)
{
    const char *model = getenv("RAINBOWS_MODEL");
    return model ? model : "Base";
}

const char *app_path(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/tests/apps/%s", SOURCE_DIR, name);
    return path;
}

static void read_log(struct server *s);

static void fail(struct server *s, const char *what)
{
    read_log(s);
    cr_assert_fail("%s; the log says:\n%s", what, s->log ? s->log : "");
}

/* ---- files ---- */

char *server_path(const struct server *s, const char *name)
{
    return xasprintf("%s/%s", s->dir, name);
}

bool server_has(const struct server *s, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return access(path, F_OK) == 0;
}

bool model_streams(void)
{
    return strncmp(model_under_test(), "Reactor", 7) != 0;
}

bool model_is_async(void)
{
    return strcmp(model_under_test(), "Reactor") == 0 ||
           strncmp(model_under_test(), "Coroutine", 9) == 0;
}

bool signals_come_late(void)
{
    const char *sanitizer = getenv("RAINBOWS_SANITIZER");
    return sanitizer && strcmp(sanitizer, "thread") == 0;
}

void server_write(const struct server *s, const char *name, const char *text)
{
    char *path = server_path(s, name);
    char *fresh = xasprintf("%s.new", path);
    FILE *f = fopen(fresh, "w");
    cr_assert_not_null(f);
    cr_assert_geq(fputs(text, f), 0);
    cr_assert_eq(fclose(f), 0);
    cr_assert_eq(rename(fresh, path), 0);
    free(fresh);
    free(path);
}

void server_rewrite(const struct server *s, const char *config)
{
    char *text = xasprintf(
        "use(\"%s\")\n%s%s\n", model_under_test(),
        strstr(config, "listen(") ? "" : "listen(\"127.0.0.1:0\")\n", config);
    server_write(s, "config.lua", text);
    free(text);
}

static void read_log(struct server *s)
{
    char path[128];
    snprintf(path, sizeof path, "%s/log", s->dir);
    int fd = open(path, O_RDONLY);
    cr_assert_geq(fd, 0);
    ssize_t n;
    do {
        s->log = xrealloc(s->log, s->log_read + 65537);
        n = pread(fd, s->log + s->log_read, 65536, (off_t)s->log_read);
        if (n > 0)
            s->log_read += (size_t)n;
    } while (n > 0);
    s->log[s->log_read] = '\0';
    close(fd);
}

bool server_logged(struct server *s, const char *text)
{
    read_log(s);
    return strstr(s->log, text) != NULL;
}

/* ---- waiting ---- */

/* Sleeps until the log grows, a second at most: a server that ends says
 * nothing more. */
static void wait_for_log(int watch, int64_t deadline)
{
    char events[4096];
    struct pollfd p = {.fd = watch, .events = POLLIN};
    int ms = clock_poll_ms(deadline, clock_now());
    if (poll(&p, 1, ms < 1000 ? ms : 1000) > 0)
        cr_assert_gt(read(watch, events, sizeof events), 0);
}

/* Looks for what is awaited; true when it is there. */
typedef bool look(struct server *s, const char *text, int times);

static bool look_for_line(struct server *s, const char *text, int times)
{
    (void)times;
    char *hit = strstr(s->log + s->seen, text);
    char *end = hit ? strchr(hit, '\n') : NULL;
    if (!end)
        return false;
    s->seen = (size_t)(end - s->log) + 1;
    return true;
}

static bool look_for_times(struct server *s, const char *text, int times)
{
    int n = 0;
    for (char *at = s->log; (at = strstr(at, text)); at++)
        n++;
    return n >= times;
}

/* Has the server ended? Then what it wrote last has been read. */
static bool ended(struct server *s)
{
    int status;
    if (!s->pid || waitpid(s->pid, &status, WNOHANG) != s->pid)
        return false;
    s->pid = 0;
    read_log(s);
    return true;
}

static void await(struct server *s, look *found, const char *text, int times)
{
    char path[128];
    int64_t deadline = DEADLINE;
    snprintf(path, sizeof path, "%s/log", s->dir);
    int watch = inotify_init1(IN_CLOEXEC);
    inotify_add_watch(watch, path, IN_MODIFY);
    for (read_log(s); !found(s, text, times); read_log(s)) {
        if (ended(s) && !found(s, text, times))
            fail(s, xasprintf("the server ended without \"%s\"", text));
        if (clock_now() >= deadline)
            fail(s, xasprintf("no \"%s\" in time", text));
        wait_for_log(watch, deadline);
    }
    close(watch);
}

/* The line that ends just before offset `seen`. */
static const char *line_before(const struct server *s)
{
    static char *line;
    size_t end = s->seen - 1;
    size_t begin = end;
    while (begin > 0 && s->log[begin - 1] != '\n')
        begin--;
    free(line);
    line = strndup(s->log + begin, end - begin);
    return line;
}

const char *server_await(struct server *s, const char *text)
{
    await(s, look_for_line, text, 1);
    return line_before(s);
}

void server_await_times(struct server *s, const char *text, int times)
{
    await(s, look_for_times, text, times);
}

/* Waits on a pidfd. */
static void wait_gone(struct server *s, pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = poll(&p, 1, PATIENCE * 1000);
    close(fd);
    if (n != 1 && s)
        fail(s, "the server does not end");
    cr_assert_eq(n, 1, "process %d does not end", (int)pid);
}

void await_gone(pid_t pid)
{
    wait_gone(NULL, pid);
}

int server_wait(struct server *s)
{
    int status = 0;
    wait_gone(s, s->pid);
    cr_assert_eq(waitpid(s->pid, &status, 0), s->pid);
    s->pid = 0;
    read_log(s);
    return status;
}

/* ---- life ---- */

static void run_server(const struct server *s)
{
    prctl(PR_SET_PDEATHSIG, SIGINT); /* no server outlives its test */
    cr_assert_eq(chdir(s->dir), 0);
    int log = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(log, 1);
    dup2(log, 2);
    if (s->preload) {
        setenv("LD_PRELOAD", s->preload, 1);
        setenv("PRELOAD_FILE", s->preload_file, 1);
    }
    if (s->become)
        s->become();
    const char *program = s->program ? s->program : RAINBOWS;
    char *command = xasprintf("exec %s %s", program, s->args);
    if (s->args)
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    execl(program, program, "-c", "config.lua", (char *)NULL);
    _exit(127);
}

void server_prepare(struct server *s)
{
    strcpy(s->dir, "/tmp/rainbows-test.XXXXXX");
    cr_assert_not_null(mkdtemp(s->dir));
}

void server_launch(struct server *s, const char *config)
{
    if (!s->dir[0])
        server_prepare(s);
    server_rewrite(s, config);
    server_write(s, "log", "");
    s->log_read = s->seen = 0; /* perhaps it is started once more */
    /* A shell's background jobs ignore these, and the server may be sent one
     * from its first moment. */
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    s->pid = fork();
    if (s->pid == 0)
        run_server(s);
    cr_assert_gt(s->pid, 0);
}

void server_await_serving(struct server *s)
{
    server_await(s, " serving");
    const char *at = strstr(s->log, "listening on=http://");
    const char *colon = at ? strchr(at + 20, ':') : NULL;
    if (at && at[20] == '[')
        colon = strchr(at, ']') + 1;
    s->port = colon ? atoi(colon + 1) : 0;
}

void server_start(struct server *s, const char *config)
{
    server_launch(s, config);
    server_await_serving(s);
    const char *workers = strstr(s->log, " workers=");
    cr_assert_not_null(workers);
    server_await_times(s, " ready model=", atoi(workers + 9));
}

void server_serve(struct server *s, const char *app, const char *more)
{
    char *config = xasprintf("app(\"%s\")\n%s", app_path(app), more);
    server_start(s, config);
    free(config);
}

static void remove_dir(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(dir);
}

void server_stop(struct server *s)
{
    if (!s->dir[0])
        return;
    int status = 0;
    if (s->pid) {
        server_signal(s, SIGQUIT);
        status = server_wait(s);
    }
    read_log(s);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail(s, "the server did not end well");
    if (strstr(s->log, " ERROR ") && !s->errors_expected)
        fail(s, "there are errors");
    if (strstr(s->log, "Sanitizer") || strstr(s->log, "runtime error:"))
        fail(s, "a sanitizer spoke");
    remove_dir(s->dir);
    free(s->log);
    *s = (struct server){0};
}

void server_signal(const struct server *s, int signo)
{
    cr_assert_eq(kill(s->pid, signo), 0);
}

/* It is a child of its predecessor, and becomes ours when that one ends. */
void server_follow_upgrade(struct server *s)
{
    static const char words[] = "upgrade: new master pid=";
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const char *line = server_await(s, "is ready, handing over");
    pid_t next = (pid_t)atoi(strstr(line, words) + strlen(words));
    int status = server_wait(s);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", s->log);
    s->pid = next;
}

pid_t server_worker(struct server *s, int n)
{
    char want[32];
    pid_t pid = 0;
    snprintf(want, sizeof want, "worker=%d pid=", n);
    read_log(s);
    for (char *line = s->log; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        char *end = strchr(line, '\n');
        char *who = strstr(line, want);
        char *ready = strstr(line, " ready model=");
        if (end && who && ready && who < ready && ready < end)
            pid = (pid_t)atoi(who + strlen(want));
    }
    cr_assert_gt(pid, 0, "no worker %d in the log:\n%s", n, s->log);
    return pid;
}

long server_peak(pid_t pid)
{
    char path[64], line[256];
    long peak = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    while (fgets(line, sizeof line, f))
        sscanf(line, "VmHWM: %ld", &peak);
    fclose(f);
    cr_assert_gt(peak, 0);
    return peak;
}

int server_children(const struct server *s)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)s->pid,
             (int)s->pid);
    FILE *f = fopen(path, "r");
    int n = 0;
    for (int pid; f && fscanf(f, "%d", &pid) == 1;)
        n++;
    if (f)
        fclose(f);
    return n;
}

/* ---- the verdict ---- */

/* Criterion has its verdict before a test's .fini, where server_stop() looks at
 * the log. What fails there counts, too. */
ReportHook(POST_ALL)(struct criterion_global_stats *all)
{
    for (struct criterion_suite_stats *s = all->suites; s; s = s->next) {
        for (struct criterion_test_stats *t = s->tests; t; t = t->next) {
            if (!t->failed_asserts || t->test_status == CR_STATUS_FAILED)
                continue;
            t->test_status = CR_STATUS_FAILED;
            s->tests_failed++;
            s->tests_passed--;
            all->tests_failed++;
            all->tests_passed--;
        }
    }
}
