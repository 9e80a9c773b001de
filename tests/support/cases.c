/* SPDX-License-Identifier: MIT */
/*
 * Reads the conformance cases: lines of words and bytes with escapes. See
 * cases.h, and tests/conformance/README.md for the format.
 */
#include "tests/support/cases.h"

#include <ctype.h>
#include <err.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    BYTES_MAX = 8192,
    WORDS_MAX = 32
};

struct bytes {
    char at[BYTES_MAX];
    size_t len;
};

struct word {
    char *name;
    struct bytes *bytes;
};

struct reader {
    const char *file;
    int line;
    struct word words[WORDS_MAX];
    size_t word_count;
    struct cases cases;
};

static _Noreturn void fail(const struct reader *r, const char *what)
{
    errx(2, "%s:%d: %s", r->file, r->line, what);
}

/* ---- bytes ---- */

static void add(struct reader *r, struct bytes *to, char byte)
{
    if (to->len == sizeof to->at)
        fail(r, "too many bytes");
    to->at[to->len++] = byte;
}

static void add_bytes(struct reader *r, struct bytes *to,
                      const struct bytes *from)
{
    for (size_t i = 0; i < from->len; i++)
        add(r, to, from->at[i]);
}

/* Behind a backslash: r n t 0 \ xHH. Returns what follows. */
static const char *escape(struct reader *r, struct bytes *to, const char *at)
{
    static const char letters[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
    const char *letter = *at ? strchr(letters, *at) : NULL;
    char hex[3] = {0};
    if (letter) {
        add(r, to, bytes[letter - letters]);
        return at + 1;
    }
    if (*at != 'x' || !isxdigit(at[1]) || !isxdigit(at[2]))
        fail(r, "no such escape");
    memcpy(hex, at + 1, 2);
    add(r, to, (char)strtoul(hex, NULL, 16));
    return at + 3;
}

/* Behind "{": a word, or "x*100" for a hundred of them. */
static const char *braces(struct reader *r, struct bytes *to, const char *at)
{
    const char *end = strchr(at, '}');
    if (!end)
        fail(r, "no closing brace");
    size_t len = (size_t)(end - at);
    for (int n = len > 2 && at[1] == '*' ? atoi(at + 2) : 0; n > 0; n--)
        add(r, to, *at);
    if (len > 2 && at[1] == '*')
        return end + 1;
    for (size_t i = 0; i < r->word_count; i++) {
        const char *name = r->words[i].name;
        if (strlen(name) == len && memcmp(name, at, len) == 0) {
            add_bytes(r, to, r->words[i].bytes);
            return end + 1;
        }
    }
    fail(r, "no such word");
}

static void expand(struct reader *r, struct bytes *to, const char *text)
{
    while (*text) {
        if (*text == '\\')
            text = escape(r, to, text + 1);
        else if (*text == '{')
            text = braces(r, to, text + 1);
        else
            add(r, to, *text++);
    }
}

/* What the app saw, in its own words: only "{x*100}" means something. */
static char *expand_saw(struct reader *r, const char *text)
{
    struct bytes all = {.len = 0};
    while (*text) {
        if (*text == '{' && text[1] && text[2] == '*')
            text = braces(r, &all, text + 1);
        else
            add(r, &all, *text++);
    }
    add(r, &all, '\0');
    return xmemdup(all.at, all.len);
}

/* ---- lines ---- */

static struct dialogue *current(struct reader *r)
{
    if (!r->cases.count)
        fail(r, "this belongs to no case");
    return &r->cases.at[r->cases.count - 1];
}

static struct step *new_step(struct reader *r, enum step_kind kind)
{
    struct dialogue *d = current(r);
    if (d->count == STEPS_MAX)
        fail(r, "too many steps");
    d->steps[d->count] = (struct step){.kind = kind};
    return &d->steps[d->count++];
}

static struct step *last_want(struct reader *r)
{
    struct dialogue *d = current(r);
    if (!d->count || d->steps[d->count - 1].kind != STEP_WANT)
        fail(r, "this belongs behind a want");
    return &d->steps[d->count - 1];
}

/* Sends in a row are one. */
static void read_send(struct reader *r, char *text)
{
    struct dialogue *d = current(r);
    struct bytes all = {.len = 0};
    struct step *s = d->count ? &d->steps[d->count - 1] : NULL;
    if (!s || s->kind != STEP_SEND)
        s = new_step(r, STEP_SEND);
    if (s->len)
        memcpy(all.at, s->bytes, s->len);
    all.len = s->len;
    expand(r, &all, text);
    free(s->bytes);
    s->bytes = xmemdup(all.at, all.len);
    s->len = all.len;
}

/* "200 GET /": the status and what the app saw. A refusal closes. */
static void read_want(struct reader *r, char *text)
{
    char *saw;
    struct step *s = new_step(r, STEP_WANT);
    s->status = (int)strtol(text, &saw, 10);
    if (s->status < 100)
        fail(r, "no status");
    s->saw = expand_saw(r, saw + strspn(saw, " "));
    current(r)->closes = s->status >= 400;
}

static void read_has(struct reader *r, char *text)
{
    last_want(r)->has = xstrdup(text);
}

static void read_lacks(struct reader *r, char *text)
{
    last_want(r)->lacks = xstrdup(text);
}

static void read_body(struct reader *r, char *text)
{
    struct bytes all = {.len = 0};
    expand(r, &all, text);
    add(r, &all, '\0');
    last_want(r)->body = xmemdup(all.at, all.len);
}

static void read_shut(struct reader *r, char *text)
{
    if (*text)
        fail(r, "shut stands alone");
    new_step(r, STEP_SHUT);
}

static void read_then(struct reader *r, char *text)
{
    if (strcmp(text, "close") != 0)
        fail(r, "then close, or nothing");
    current(r)->closes = true;
}

static void read_rule(struct reader *r, char *text)
{
    current(r)->rule = xstrdup(text);
}

static void read_why(struct reader *r, char *text)
{
    if (!*text)
        fail(r, "why?");
}

static const struct {
    const char *word;
    void (*read)(struct reader *, char *);
} keywords[] = {
    {"send", read_send}, {"want", read_want},   {"has", read_has},
    {"body", read_body}, {"lacks", read_lacks}, {"shut", read_shut},
    {"then", read_then}, {"rule", read_rule},   {"why", read_why},
};

static void read_detail(struct reader *r, char *line)
{
    char *rest = line + strcspn(line, " ");
    if (*rest)
        *rest++ = '\0';
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (strcmp(keywords[i].word, line) == 0) {
            keywords[i].read(r, rest + strspn(rest, " "));
            return;
        }
    }
    fail(r, "no such word");
}

static void read_name(struct reader *r, const char *line)
{
    struct cases *all = &r->cases;
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->at[i].name, line) == 0)
            fail(r, "there is a case of that name");
    all->at = xrealloc(all->at, (all->count + 1) * sizeof *all->at);
    all->at[all->count++] =
        (struct dialogue){.file = r->file, .name = xstrdup(line)};
}

static void read_case_line(struct reader *r, char *line)
{
    if (*line == ' ')
        read_detail(r, line + strspn(line, " "));
    else if (*line && *line != '#' && *line != '>')
        read_name(r, line);
}

static void read_word(struct reader *r, char *line)
{
    char *rest = line + strcspn(line, " ");
    if (!*line || *line == '#')
        return;
    if (!*rest || r->word_count == WORDS_MAX)
        fail(r, "no word");
    *rest++ = '\0';
    struct word *w = &r->words[r->word_count++];
    *w = (struct word){xstrdup(line), xcalloc(1, sizeof *w->bytes)};
    expand(r, w->bytes, rest + strspn(rest, " "));
}

static void read_file(struct reader *r, const char *path,
                      void (*read)(struct reader *, char *))
{
    char *line = NULL;
    size_t room = 0;
    FILE *f = fopen(path, "r");
    const char *name = strrchr(path, '/');
    r->file = xstrdup(name ? name + 1 : path);
    if (!f)
        err(2, "%s", path);
    for (r->line = 1; getline(&line, &room, f) >= 0; r->line++) {
        line[strcspn(line, "\n")] = '\0';
        read(r, line);
    }
    free(line);
    fclose(f);
}

struct cases cases_load(const char *dir)
{
    struct reader r = {.line = 0};
    glob_t found;
    char *words = xasprintf("%s/words", dir);
    char *pattern = xasprintf("%s/*.txt", dir);
    read_file(&r, words, read_word);
    if (glob(pattern, 0, NULL, &found) != 0)
        errx(2, "%s: nothing there", pattern);
    for (size_t i = 0; i < found.gl_pathc; i++)
        read_file(&r, found.gl_pathv[i], read_case_line);
    globfree(&found);
    free(words);
    free(pattern);
    return r.cases;
}
