/* SPDX-License-Identifier: MIT */
/*
 * The directive table for people: -T shows what is in force, --help-config
 * what may be written. Both are read on terminals of 80 columns.
 */
#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "config/config.h"
#include "config/kinds.h"
#include "config/listen.h"

enum {
    COLUMNS = 80
};

void config_print(const struct config *config, FILE *to)
{
    fprintf(to, "-- rainbows %s: the config in force\n", RAINBOWS_VERSION);
    for (const struct directive *d = directives; d->name; d++) {
        if (d->group)
            fprintf(to, "\n-- %s\n", d->group);
        if (d->kind->calls) {
            d->kind->print(d, config, to);
            continue;
        }
        fprintf(to, "%s(", d->name);
        d->kind->print(d, config, to);
        fputs(")\n", to);
    }
}

/* Writes text broken at spaces, each line behind indent spaces. */
static void fill(const char *text, int indent, FILE *to)
{
    size_t column = 0;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column && column + 1 + word > COLUMNS) {
            fputc('\n', to);
            column = 0;
        }
        if (column)
            fputc(' ', to);
        else
            fprintf(to, "%*s", indent, "");
        column += column ? 1 : (size_t)indent;
        fprintf(to, "%.*s", (int)word, text);
        column += word;
        text += word + strspn(text + word, " ");
    }
    fputc('\n', to);
}

static void help_row(const struct directive *d, int indent, FILE *to)
{
    char expected[128], text[512];
    d->kind->expects(d, expected, sizeof expected);
    snprintf(text, sizeof text, "%c%s.", toupper(d->why[0]), d->why + 1);
    fill(text, indent, to);
    snprintf(text, sizeof text, "Takes %s.", expected);
    fill(text, indent, to);
}

static void help_options(FILE *to)
{
    for (const struct directive *d = listen_options; d->name; d++) {
        fprintf(to, "    %s = %s\n", d->name, d->value);
        help_row(d, 8, to);
    }
}

static void help_directive(const struct directive *d, FILE *to)
{
    if (d->value)
        fprintf(to, "%s(%s)\n", d->name, d->value);
    else
        fprintf(to, "%s(...)  must be given\n", d->name);
    help_row(d, 4, to);
    if (d->kind == &kind_listen) {
        fputs("    A table of options may follow:\n", to);
        help_options(to);
    }
}

static int refuse_name(const char *name, struct err *err)
{
    const char *nearest = config_nearest(name, config_directive_names());
    if (nearest)
        return err_set(err, "%s: no such directive; did you mean %s?", name,
                       nearest);
    return err_set(err, "%s: no such directive; --help-config lists them",
                   name);
}

int config_help(const char *name, FILE *to, struct err *err)
{
    if (name) {
        const struct directive *d = directive_find(directives, name);
        if (!d)
            return refuse_name(name, err);
        help_directive(d, to);
        return 0;
    }
    for (const struct directive *d = directives; d->name; d++) {
        if (d->group)
            fprintf(to, "%s-- %s\n\n", d == directives ? "" : "\n", d->group);
        help_directive(d, to);
    }
    return 0;
}
