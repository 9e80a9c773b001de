/* SPDX-License-Identifier: MIT */
/*
 * "Did you mean": near misses are found, guesses are not made.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "config/config.h"

static const char *const names[] = {"timeout", "send_timeout", "listen",
                                    "use",     "Reactor",      NULL};

static void finds(const char *word, const char *name)
{
    const char *got = config_nearest(word, names);
    cr_assert_not_null(got, "nothing for %s", word);
    cr_expect_str_eq(got, name);
}

Test(config_nearest, finds_one_wrong_letter)
{
    finds("timeour", "timeout");
    finds("uze", "use");
}

Test(config_nearest, finds_a_letter_too_many_or_too_few)
{
    finds("timout", "timeout");
    finds("timeouts", "timeout");
    finds("us", "use");
}

Test(config_nearest, counts_two_swapped_letters_as_one_mistake)
{
    finds("ues", "use");
    finds("lsiten", "listen");
}

Test(config_nearest, finds_three_mistakes_in_a_long_word)
{
    finds("sendtimeuot", "send_timeout");
}

Test(config_nearest, ignores_case)
{
    finds("reactor", "Reactor");
    finds("TIMEOUT", "timeout");
}

Test(config_nearest, prefers_the_nearer)
{
    static const char *const near[] = {"client_max_uri_size",
                                       "client_max_url_size", NULL};
    cr_expect_str_eq(config_nearest("client_max_url_siz", near), near[1]);
}

Test(config_nearest, prefers_the_first_of_equals)
{
    static const char *const near[] = {"stdout_path", "stderr_path", NULL};
    cr_expect_str_eq(config_nearest("stdXXX_path", near), near[0]);
}

Test(config_nearest, makes_no_wild_guess)
{
    cr_expect_null(config_nearest("pid", names));
    cr_expect_null(config_nearest("xyz", names));
    cr_expect_null(config_nearest("keepalive", names));
    cr_expect_null(config_nearest("", names));
}

Test(config_nearest, has_no_opinion_on_very_long_words)
{
    char word[1000];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    const char *const same[] = {word, NULL};
    cr_expect_null(config_nearest(word, names));
    cr_expect_null(config_nearest(word, same));
    cr_expect_null(config_nearest("use", same));
}

Test(config_nearest, needs_names)
{
    static const char *const none[] = {NULL};
    cr_expect_null(config_nearest("use", none));
}
