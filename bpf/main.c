/* SPDX-License-Identifier: Apache-2.0 */
/* statim-shed: filters what comes in, sheds load, and moves the route away when it must. */
#include <stdio.h>
#include <string.h>

#include "bpf/agent.h"

#define EXIT_USAGE 2

static void usage(FILE *out)
{
    fprintf(out,
            "usage: statim-shed CONFIG            filter, shed and steer the route\n"
            "       statim-shed CONFIG --check    read the configuration and say what is wrong\n"
            "       statim-shed CONFIG --detach   take the filter off the interfaces\n"
            "       statim-shed --help | --version\n");
}

static void help(void)
{
    usage(stdout);
    printf("\nSIGHUP reloads the configuration. SIGTERM ends the agent and leaves the filter\n"
           "attached; its shed level runs out.\n"
           "\nNumbers of the configuration: key, default, what it is\n");
    shed_config_help();
}

struct options {
    const char *path;
    bool check, detach;
};

static bool read_options(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0)
            o->check = true;
        else if (strcmp(argv[i], "--detach") == 0)
            o->detach = true;
        else if (argv[i][0] == '-' || o->path != NULL)
            return false;
        else
            o->path = argv[i];
    }
    return o->path != NULL && !(o->check && o->detach);
}

static int check(const char *path, struct shed_config *config)
{
    char message[CONFIG_MESSAGE_BYTES] = "";
    /* Only this host's settings: they may be right where the configuration goes. */
    if (agent_host_check(config, message) != ERR_OK)
        fprintf(stderr, "statim-shed: on this host: %s\n", message);
    printf("%s: ok\n", path);
    shed_config_free(config);
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        help();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("statim-shed %s\n", STATIM_VERSION);
        return 0;
    }
    if (!read_options(argc, argv, &o)) {
        usage(stderr);
        return EXIT_USAGE;
    }
    char message[CONFIG_MESSAGE_BYTES] = "";
    struct shed_config *config = NULL;
    enum err err = shed_config_load(o.path, &config, message);
    if (err != ERR_OK) {
        fprintf(stderr, "statim-shed: %s\n", message[0] != '\0' ? message : err_text(err));
        return 1;
    }
    if (o.check)
        return check(o.path, config);
    log_start("statim-shed", config->log_level);
    if (!o.detach)
        return agent_run(o.path, config);
    int status = agent_detach(config);
    shed_config_free(config);
    return status;
}
