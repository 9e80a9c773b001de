/* SPDX-License-Identifier: MIT */
/*
 * Allocation that ends the process instead of failing.
 */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/logs.h"

Test(mem, gives_memory_even_for_no_bytes)
{
    void *blocks[] = {xmalloc(0), xcalloc(0, 8), xcalloc(8, 0),
                      xrealloc(NULL, 0), xmemdup("", 0)};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        cr_expect_not_null(blocks[i]);
        free(blocks[i]);
    }
}

Test(mem, copies)
{
    char *one = xstrdup("one");
    char *two = xmemdup("a\0b", 3);
    char *three = xasprintf("%s-%d", "x", 3);
    cr_expect_str_eq(one, "one");
    cr_expect_eq(memcmp(two, "a\0b", 3), 0);
    cr_expect_str_eq(three, "x-3");
    free(one);
    free(two);
    free(three);
}

Test(mem, ends_the_process_with_one_line_when_there_is_none)
{
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("AddressSanitizer ends the process in its own way");
#endif
    volatile size_t size = SIZE_MAX / 2;
    int status;
    logs_open();
    pid_t pid = fork();
    if (pid == 0) {
        free(xmalloc(size));
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == MEM_STATUS);
    cr_expect_not_null(strstr(logs_next(), "ERROR rainbows out of memory"));
    cr_expect_str_eq(logs_next(), "");
}

static void limit_memory(size_t more)
{
    struct rlimit limit;
    char line[64];
    FILE *f = fopen("/proc/self/statm", "r");
    cr_assert_not_null(fgets(line, sizeof line, f));
    fclose(f);
    limit.rlim_cur = strtoul(line, NULL, 10) * 4096 + more;
    limit.rlim_max = RLIM_INFINITY;
    setrlimit(RLIMIT_AS, &limit);
}

Test(mem, uses_its_reserve_first)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    cr_skip_test("sanitizers need the address space");
#endif
    enum {
        MANY = 8 << 20
    };
    logs_open();
    mem_reserve(MANY);
    limit_memory(MANY / 4);
    free(xmalloc(MANY / 2));
    cr_expect_not_null(strstr(logs_next(), "the reserve is used"));
    mem_reserve(MANY);
    free(xmalloc(MANY / 2));
    cr_expect_not_null(strstr(logs_next(), "the reserve is used"));
}
