/* SPDX-License-Identifier: MIT */
/*
 * The directive table, config.lua and docs/CONFIG.md say the same: each
 * directive is in all three, with the same default, and none is in one only.
 * The checks are tried on texts with a fault, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "config/config.h"
#include "config/directives.h"
#include "config/listen.h"
#include "tests/support/config_text.h"

#define CONFIG SOURCE_DIR "/config.lua"
#define DOCS   SOURCE_DIR "/docs/CONFIG.md"

static char *read_text(const char *path)
{
    struct err err = {0};
    size_t len;
    char *text = fd_read_file(path, &len, &err);
    cr_assert_not_null(text, "%s", err.text);
    return text;
}

/* What follows the start of the first line that begins so, or NULL. */
static const char *line_after(const char *text, const char *start)
{
    size_t len = strlen(start);
    while (text && strncmp(text, start, len) != 0) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return text ? text + len : NULL;
}

/* What the checks found, for the message of a failed test. */
static char found[4096];

static int fault(const char *name, const char *what)
{
    size_t len = strlen(found);
    snprintf(found + len, sizeof found - len, "%s: %s\n", name, what);
    return 1;
}

/* config.lua */

static int faults_of_row(const char *text, const struct directive *d)
{
    char set[128], unset[128];
    snprintf(set, sizeof set, "%s(", d->name);
    snprintf(unset, sizeof unset, "-- %s(", d->name);
    if (d->value && strcmp(d->value, "nil") == 0) {
        if (line_after(text, set))
            return fault(d->name, "is set in config.lua, not by default");
        return line_after(text, unset) ? 0 : fault(d->name, "not shown");
    }
    const char *value = line_after(text, set);
    if (!value)
        return fault(d->name, "not in config.lua");
    size_t len = d->value ? strlen(d->value) : 0;
    if (d->value && (strncmp(value, d->value, len) != 0 || value[len] != ')'))
        return fault(d->name, "another default in config.lua");
    return 0;
}

/* Lines that are calls, in comments too, call directives. */
static int faults_of_calls(const char *text)
{
    int faults = 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *at = strncmp(line, "-- ", 3) == 0 ? line + 3 : line;
        char name[64] = "";
        if (sscanf(at, "%63[a-z_]", name) == 1 && at[strlen(name)] == '(' &&
            !directive_find(directives, name))
            faults += fault(name, "in config.lua, but not in the table");
    }
    return faults;
}

static int faults_of_config(const char *text)
{
    int faults = faults_of_calls(text);
    for (const struct directive *d = directives; d->name; d++)
        faults += faults_of_row(text, d);
    return faults;
}

/* docs/CONFIG.md */

static int faults_of_section(const char *text, const struct directive *d)
{
    char start[128], value[128] = "\n\nRequired";
    snprintf(start, sizeof start, "### `%s`", d->name);
    if (d->value)
        snprintf(value, sizeof value, "\n\nDefault: `%s`", d->value);
    const char *after = line_after(text, start);
    if (!after)
        return fault(d->name, "not in docs/CONFIG.md");
    if (strncmp(after, value, strlen(value)) != 0)
        return fault(d->name, "another default in docs/CONFIG.md");
    return 0;
}

static int faults_of_option(const char *text, const struct directive *d)
{
    char start[128];
    snprintf(start, sizeof start, "| `%s` | `%s` |", d->name, d->value);
    return line_after(text, start) ? 0 : fault(d->name, "listen: not so");
}

/* Names that stand behind this start of a line are rows. */
static int faults_of_names(const char *text, const char *start,
                           const struct directive *rows)
{
    int faults = 0;
    while ((text = line_after(text, start))) {
        char name[64] = "";
        sscanf(text, "%63[^`]", name);
        if (!directive_find(rows, name))
            faults += fault(name, "in docs/CONFIG.md, but not in the table");
    }
    return faults;
}

static int faults_of_docs(const char *text)
{
    int faults = faults_of_names(text, "### `", directives);
    faults += faults_of_names(text, "| `", listen_options);
    for (const struct directive *d = directives; d->name; d++)
        faults += faults_of_section(text, d);
    for (const struct directive *d = listen_options; d->name; d++)
        faults += faults_of_option(text, d);
    return faults;
}

/* A copy of text with the first `from` replaced; free(3) it. */
static char *replace(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    cr_assert_not_null(at, "%s", from);
    return xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

struct change {
    const char *from, *to;
};

static void notices(const char *path, int (*faults)(const char *),
                    const struct change *changes)
{
    char *text = read_text(path);
    for (const struct change *c = changes; c->from; c++) {
        char *wrong = replace(text, c->from, c->to);
        cr_expect_eq(faults(wrong), 1, "%s", c->from);
        free(wrong);
    }
    free(text);
}

Test(config_docs, config_lua_has_every_directive_with_its_default)
{
    char *text = read_text(CONFIG);
    cr_expect_eq(faults_of_config(text), 0, "%s", found);
    free(text);
}

Test(config_docs, reference_has_every_directive_with_its_default)
{
    char *text = read_text(DOCS);
    cr_expect_eq(faults_of_docs(text), 0, "%s", found);
    free(text);
}

Test(config_docs, faults_in_config_lua_are_noticed)
{
    static const struct change changes[] = {
        {"\nboot_timeout(60)", "\nboot_timeout(61)"},
        {"\nboot_timeout(60)", "\n"},
        {"\napp(", "\n"},
        {"\n-- pid(", "\npid("},
        {"\n-- pid(", "\n"},
        {"\n-- pid(", "\n-- xyzzy()\n-- pid("},
        {"\nuse(", "\nxyzzy()\nuse("},
        {0},
    };
    notices(CONFIG, faults_of_config, changes);
}

Test(config_docs, faults_in_the_reference_are_noticed)
{
    static const struct change changes[] = {
        {"### `pid`", "###"},
        {"### `pid`", "### `xyzzy`\n\n### `pid`"},
        {"Default: `\"Base\"`", "Default: `\"base\"`"},
        {"Required", "Default: `nil`"},
        {"| `tries` | `5` |", "| `tries` | `6` |"},
        {"| `tries` |", "| `ssl` | `nil` | |\n| `tries` |"},
        {0},
    };
    notices(DOCS, faults_of_docs, changes);
}

Test(config_docs, config_lua_loads_to_the_defaults)
{
    struct err err = {0};
    struct config_overrides over = {.app = "app.lua"};
    struct config *file = config_load(CONFIG, &over, &err);
    cr_assert_not_null(file, "%s", err.text);
    struct config *none = config_load(NULL, &over, &err);
    char *texts[2] = {0};
    size_t sizes[2];
    FILE *to[2] = {open_memstream(&texts[0], &sizes[0]),
                   open_memstream(&texts[1], &sizes[1])};
    config_print(file, to[0]);
    config_print(none, to[1]);
    fclose(to[0]);
    fclose(to[1]);
    cr_expect_str_eq(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
    config_free(file);
    config_free(none);
}

Test(config_docs, examples_of_the_reference_load)
{
    char *text = read_text(DOCS);
    const char *at = text;
    int examples = 0;
    while ((at = line_after(at, "```lua\n"))) {
        struct err err = {0};
        struct config_overrides over = {.app = "app.lua"};
        char *end = strstr(at, "\n```");
        cr_assert_not_null(end);
        char *example = xasprintf("%.*s", (int)(end - at), at);
        struct config *config = try_text(example, &over, &err);
        cr_expect_not_null(config, "%s: %s", example, err.text);
        config_free(config);
        free(example);
        examples++;
    }
    cr_expect_gt(examples, 5);
    free(text);
}

Test(config_docs, lines_of_config_lua_fit_80_columns)
{
    char *text = read_text(CONFIG);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        cr_expect_leq(strlen(line), 80, "%s", line);
    free(text);
}
