/* SPDX-License-Identifier: MIT */
/*
 * What a slow upload means for others and for its own call: nobody waits for
 * it who need not, its time is not the app's, and it may finish when the
 * server stops.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"
#include "tests/support/upload.h"

TestSuite(streaming_others, .fini = stop, .timeout = 120);

static bool is(const char *model)
{
    return strcmp(model_under_test(), model) == 0;
}

static void assert_answer(int fd, int status, const char *body)
{
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, status, "%d: %s", a.status, a.body);
    cr_assert_str_eq(a.body, body);
}

/* ---- others ---- */

static void assert_holds_up_nobody(const char *path, const char *body)
{
    int fd = upload(&server, path, LENGTH(8), "one\n");
    await_read(&server, "one");
    for (int i = 0; i < 3; i++)
        cr_assert_str_eq(get(&server, "/hello").body, "hello");
    send_text(fd, "two\n");
    assert_answer(fd, 200, body);
    close(fd);
}

Test(streaming_others, are_served_while_an_upload_waits)
{
    if (is("Base"))
        cr_skip_test("Base serves one client at a time");
    serve("pool_size(2) app_pool(2)");
    assert_holds_up_nobody("/all", "one+two\n");
    assert_holds_up_nobody("/late", "onetwo\n");
    assert_holds_up_nobody("/place?nested", "one|two");
}

Test(streaming_others, are_served_while_an_upload_has_the_only_place)
{
    if (!is("CoroutinePool") && model_streams())
        cr_skip_test("%s has no places for calls, or an upload holds one",
                     model_under_test());
    serve("pool_size(1) app_pool(1)");
    assert_holds_up_nobody("/all", "one+two\n");
    assert_holds_up_nobody("/late", "onetwo\n");
    assert_holds_up_nobody("/place?nested", "one|two");
}

Test(streaming_others, may_be_uploads_that_take_turns)
{
    enum {
        MANY = 5
    };
    int fds[MANY];
    if (!is("CoroutinePool") && !is("CoroutineSpawn") && model_streams())
        cr_skip_test("%s has a thread for each", model_under_test());
    serve("pool_size(1)");
    for (int i = 0; i < MANY; i++)
        fds[i] = upload(&server, "/all", LENGTH(8), "one\n");
    if (model_streams())
        server_await_times(&server, "has one", MANY);
    for (int i = 0; i < MANY; i++)
        send_text(fds[i], "tw");
    for (int i = MANY - 1; i >= 0; i--) {
        send_text(fds[i], "o\n");
        assert_answer(fds[i], 200, "one+two\n");
    }
}

/* The state is held up, and in order again afterwards. */
Test(streaming_others, are_served_when_a_read_that_blocks_is_over)
{
    if (!is("CoroutinePool") && !is("CoroutineSpawn"))
        cr_skip_test("%s shares no state while a call waits",
                     model_under_test());
    serve("pool_size(3)");
    int waits = upload(&server, "/place?nested", LENGTH(8), "one\n");
    server_await(&server, "has one");
    int blocks = upload(&server, "/place?gsub", LENGTH(8), "one\n");
    server_await(&server, "has one");
    send_text(waits, "two\n");
    int third = dial(&server);
    send_text(third, HELLO);
    cr_assert_not(readable_within(third, 50));
    send_text(blocks, "two\n" HELLO);
    assert_answer(blocks, 200, "one|two");
    assert_answer(blocks, 200, "hello");
    assert_answer(waits, 200, "one|two");
    assert_answer(third, 200, "hello");
    cr_assert(server_logged(&server, " WARN "));
}

Test(streaming_others, hurt_by_a_sleep_that_blocks_are_told_of)
{
    if (!is("CoroutinePool") && !is("CoroutineSpawn"))
        cr_skip_test("%s holds up nobody else", model_under_test());
    serve("");
    int fd = upload(&server, "/sleep-in-gsub", LENGTH(8), "one\n");
    server_await(&server, " WARN ");
    send_text(fd, "two\n");
    assert_answer(fd, 200, "one");
}

/* ---- time ---- */

/* Three pauses, each of which is longer than half of `timeout`. */
static void upload_slowly(const char *path, const char *body)
{
    int fd = upload(&server, path, LENGTH(12), "");
    for (int i = 0; i < 3; i++) {
        cr_assert_not(readable_within(fd, 350));
        send_text(fd, i == 0 ? "one\n" : i == 1 ? "two\n" : "six\n");
    }
    assert_answer(fd, 200, body);
    close(fd);
}

Test(streaming_others, time_of_an_upload_is_not_the_apps)
{
    serve("timeout(0.4)");
    upload_slowly("/all", "one+two\nsix\n");
    upload_slowly("/then-sleep?wrap", "one|two+six\n");
}

Test(streaming_others, time_of_an_upload_is_not_the_apps_where_lua_blocks)
{
    serve("timeout(0.4)");
    upload_slowly("/then-sleep?gsub", "one|two+six\n");
}

/* The answer, which has begun, is longer on its way than timeout. */
Test(streaming_others, time_of_an_upload_is_not_the_apps_while_it_answers)
{
    if (!model_streams())
        cr_skip_test("%s calls no app for half a body", model_under_test());
    serve("timeout(0.4)");
    int fd = upload(&server, "/echo", LENGTH(12), "");
    read_until(fd, "\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        cr_assert_not(readable_within(fd, 350));
        send_text(fd, "one\n");
        read_until(fd, "4\r\none\n\r\n");
    }
    read_until(fd, "0\r\n\r\n");
}

/* What comes after the wait has all of `timeout` and no more. */
Test(streaming_others, time_of_the_app_goes_on_when_the_upload_has_come)
{
    if (signals_come_late())
        cr_skip_test("a sanitizer holds the signal back");
    server.errors_expected = true;
    serve("timeout(0.4)");
    int fd = upload(&server, "/then-spin", LENGTH(8), "one\n");
    cr_assert_not(readable_within(fd, 350));
    send_text(fd, "two\n");
    cr_assert_eq(read_answer(fd).status, 500);
    server_await(&server, "app error: POST /then-spin");
    cr_assert_str_eq(get(&server, "/hello").body, "hello");
}

/* ---- the end ---- */

static void assert_finishes(const char *path, const char *body)
{
    serve("");
    int fd = upload(&server, path, LENGTH(8), "one\n");
    if (model_streams())
        server_await(&server, "has one");
    else
        cr_assert_not(readable_within(fd, 50));
    server_signal(&server, SIGQUIT);
    server_await(&server, "stopping how=graceful");
    cr_assert_not(readable_within(fd, 50));
    send_text(fd, "tw");
    send_text(fd, "o\n");
    assert_answer(fd, 200, body);
    await_close(fd);
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    server_stop(&server);
}

Test(streaming_others, end_of_the_server_waits_for_an_upload)
{
    assert_finishes("/all", "one+two\n");
    assert_finishes("/place?nested", "one|two");
    assert_finishes("/place?gsub", "one|two");
}

Test(streaming_others, end_of_the_server_waits_for_an_upload_that_is_answered)
{
    if (!model_streams())
        cr_skip_test("%s calls no app for half a body", model_under_test());
    serve("");
    int fd = upload(&server, "/echo", LENGTH(8), "one\n");
    read_until(fd, "4\r\none\n\r\n");
    server_signal(&server, SIGQUIT);
    server_await(&server, "stopping how=graceful");
    send_text(fd, "two\n");
    read_until(fd, "4\r\ntwo\n\r\n0\r\n\r\n");
    await_close(fd);
}

Test(streaming_others, reload_leaves_an_upload_to_the_old_worker)
{
    serve("");
    int fd = upload(&server, "/all", LENGTH(8), "one\n");
    await_read(&server, "one");
    pid_t old = server_worker(&server, 0);
    server_signal(&server, SIGHUP);
    server_await_times(&server, " ready model=", 2);
    cr_assert_str_eq(get(&server, "/hello").body, "hello");
    send_text(fd, "two\n");
    assert_answer(fd, 200, "one+two\n");
    await_close(fd);
    await_gone(old);
}
