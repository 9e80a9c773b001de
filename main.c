/* SPDX-License-Identifier: MIT */
/*
 * The command line: reads the options and hands over to the master, or prints
 * what was asked for.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/title.h"
#include "concurrency/models.h"
#include "config/config.h"
#include "master/master.h"
#include "worker/model.h"

static const char help[] =
    "Usage: rainbows [options] [app.lua]\n"
    "\n"
    "Serves a Lua app over HTTP. An app file returns function(env) ... end.\n"
    "\n"
    "  -c, --config-file FILE   read the config (see --help-config)\n"
    "  -l, --listen ADDRESS     host:port, :port, [v6]:port or unix:/path; "
    "may\n"
    "                           be repeated; replaces the config's listen\n"
    "  -o, --host HOST          host to listen on (0.0.0.0)\n"
    "  -p, --port PORT          port to listen on (8080)\n"
    "  -w, --workers N          number of worker processes\n"
    "  -D, --daemonize          run in the background; exit 0 as soon as it "
    "serves\n"
    "  -t, --check              load config and app, say what is wrong, exit\n"
    "  -T, --print-config       print the config in force, exit\n"
    "      --help-config [NAME] explain the directives of the config, exit\n"
    "      --print-models       list the concurrency models, exit\n"
    "  -v, --version            print the version, exit\n"
    "  -h, --help               print this, exit\n"
    "\n"
    "Without -c the app is served on 0.0.0.0:8080. Signals: QUIT or TERM stop\n"
    "gracefully, INT at once, HUP reloads, USR2 starts a new binary, TTIN and\n"
    "TTOU change the workers, USR1 opens the logs again.\n";

/* What the program is to do. */
enum task {
    TASK_SERVE,
    TASK_CHECK,
    TASK_PRINT,
    TASK_HELP_CONFIG,
    TASK_MODELS,
    TASK_VERSION,
    TASK_HELP,
    TASK_WRONG, /* the command line is; said already */
};

struct command {
    enum task task;
    char *
        *args; /* owned, not its strings: all of the command line, as it was */
    const char *config;
    const char *host, *port;
    const char **listens; /* owned */
    struct config_overrides overrides;
};

enum {
    OPT_HELP_CONFIG = 256,
    OPT_MODELS
};

static const struct option options[] = {
    {"config-file", required_argument, NULL, 'c'},
    {"listen", required_argument, NULL, 'l'},
    {"host", required_argument, NULL, 'o'},
    {"port", required_argument, NULL, 'p'},
    {"workers", required_argument, NULL, 'w'},
    {"daemonize", no_argument, NULL, 'D'},
    {"check", no_argument, NULL, 't'},
    {"print-config", no_argument, NULL, 'T'},
    {"help-config", no_argument, NULL, OPT_HELP_CONFIG},
    {"print-models", no_argument, NULL, OPT_MODELS},
    {"version", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const struct {
    int option;
    enum task task;
} tasks[] = {
    {'t', TASK_CHECK},         {'T', TASK_PRINT},
    {'v', TASK_VERSION},       {'h', TASK_HELP},
    {'?', TASK_WRONG},         {OPT_HELP_CONFIG, TASK_HELP_CONFIG},
    {OPT_MODELS, TASK_MODELS},
};

static void set_workers(struct command *cmd, const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end || n < 1 || n > SLOT_COUNT / 2) {
        fprintf(stderr, "rainbows: -w %s: expected a number from 1 to %d\n",
                text, SLOT_COUNT / 2);
        cmd->task = TASK_WRONG;
    }
    cmd->overrides.worker_processes = (int)n;
}

static void take_option(struct command *cmd, int option)
{
    switch (option) {
    case 'c':
        cmd->config = optarg;
        return;
    case 'l':
        cmd->listens[cmd->overrides.listen_count++] = optarg;
        return;
    case 'o':
        cmd->host = optarg;
        return;
    case 'p':
        cmd->port = optarg;
        return;
    case 'D':
        cmd->overrides.daemonize = true;
        return;
    case 'w':
        set_workers(cmd, optarg);
        return;
    default:
        break;
    }
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (tasks[i].option == option && cmd->task != TASK_WRONG)
            cmd->task = tasks[i].task;
}

/* -o and -p together are one more listener. */
static void join_host_and_port(struct command *cmd)
{
    if (!cmd->host && !cmd->port)
        return;
    const char *host = cmd->host ? cmd->host : "0.0.0.0";
    bool bare_v6 = strchr(host, ':') && host[0] != '[';
    cmd->listens[cmd->overrides.listen_count++] = xasprintf(
        bare_v6 ? "[%s]:%s" : "%s:%s", host, cmd->port ? cmd->port : "8080");
}

static void parse(struct command *cmd, int argc, char **argv)
{
    cmd->listens = xcalloc((size_t)argc + 1, sizeof *cmd->listens);
    cmd->overrides.listens = cmd->listens;
    int option;
    while ((option = getopt_long(argc, argv, "c:l:o:p:w:DtTvh", options,
                                 NULL)) != -1)
        take_option(cmd, option);
    join_host_and_port(cmd);
    if (optind < argc)
        cmd->overrides.app = argv[optind++];
    if (optind < argc && cmd->task != TASK_WRONG) {
        fprintf(stderr, "rainbows: %s: one app is enough\n", argv[optind]);
        cmd->task = TASK_WRONG;
    }
    bool needs_app = cmd->task == TASK_SERVE || cmd->task == TASK_CHECK;
    if (needs_app && !cmd->config && !cmd->overrides.app) {
        fprintf(stderr, "rainbows: nothing to serve: name an app file "
                        "(rainbows app.lua) or a config (-c config.lua)\n");
        cmd->task = TASK_WRONG;
    }
}

static int print_config(const struct command *cmd)
{
    struct err err;
    struct config *config = config_load(cmd->config, &cmd->overrides, &err);
    if (!config) {
        fprintf(stderr, "%s\n", err.text);
        return EXIT_NOT_STARTED;
    }
    config_print(config, stdout);
    config_free(config);
    return EXIT_DONE;
}

static int help_config(const struct command *cmd)
{
    struct err err;
    if (config_help(cmd->overrides.app, stdout, &err) == 0)
        return EXIT_DONE;
    fprintf(stderr, "%s\n", err.text);
    return EXIT_NOT_STARTED;
}

static int print_models(void)
{
    size_t count;
    const struct model *const *models = model_list(&count);
    for (size_t i = 0; i < count; i++)
        printf("%-20s %s\n", models[i]->name, models[i]->summary);
    return EXIT_DONE;
}

static int perform(const struct command *cmd)
{
    struct invocation how = {.config_path = cmd->config,
                             .overrides = &cmd->overrides,
                             .args = cmd->args,
                             .find_model = model_find};
    switch (cmd->task) {
    case TASK_SERVE:
        return master_run(&how);
    case TASK_CHECK:
        return master_check(&how);
    case TASK_PRINT:
        return print_config(cmd);
    case TASK_HELP_CONFIG:
        return help_config(cmd);
    case TASK_MODELS:
        return print_models();
    case TASK_VERSION:
        puts("rainbows " RAINBOWS_VERSION);
        return EXIT_DONE;
    case TASK_HELP:
        fputs(help, stdout);
        return EXIT_DONE;
    case TASK_WRONG:
        fputs("Try: rainbows --help\n", stderr);
        break;
    }
    return EXIT_NOT_STARTED;
}

int main(int argc, char **argv)
{
    fd_fill_standard();
    char **args = title_init(argc, argv);
    struct command cmd = {.args =
                              xmemdup(args, sizeof *args * ((size_t)argc + 1))};
    parse(&cmd, argc, args);
    int status = perform(&cmd);
    free(cmd.listens);
    free(cmd.args);
    return status;
}
