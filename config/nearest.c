/* SPDX-License-Identifier: MIT */
/*
 * "Did you mean ...?": the nearest of a list of names, by the number of
 * single-letter mistakes (one added, left out, wrong, or two swapped). A third
 * of the word may be wrong, three letters at most: beyond that a guess
 * misleads. Case counts for nothing, so that use("reactor") finds Reactor.
 */
#include <ctype.h>
#include <string.h>

#include "config/config.h"

enum {
    WORD_MAX = 64
};

static int least(int a, int b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Damerau's distance, by rows; only the last two are kept. */
static int mistakes(const char *a, const char *b)
{
    int rows[3][WORD_MAX + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2];
    int width = (int)strlen(b);
    for (int j = 0; j <= width; j++)
        last[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        row[0] = i;
        for (int j = 1; j <= width; j++) {
            int wrong = last[j - 1] + !same(a[i - 1], b[j - 1]);
            row[j] = least(wrong, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
                same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        int *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[width];
}

const char *config_nearest(const char *word, const char *const *names)
{
    size_t len = strlen(word);
    if (!len || len > WORD_MAX)
        return NULL;
    int allowed = len < 6 ? 1 : least((int)(len / 3), 3);
    const char *nearest = NULL;
    for (; *names; names++) {
        if (strlen(*names) > WORD_MAX)
            continue;
        int n = mistakes(word, *names);
        if (n > allowed)
            continue;
        nearest = *names;
        allowed = n - 1; /* the first of equals stays */
    }
    return nearest;
}
