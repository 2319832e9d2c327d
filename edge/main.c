/* SPDX-License-Identifier: Apache-2.0 */
/* statim-edge: replicates a publication and answers from it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "edge/config.h"
#include "edge/supervisor.h"

static void print_usage(FILE *out)
{
    fprintf(out,
            "usage: statim-edge CONFIG           serve\n"
            "       statim-edge --check CONFIG   read the configuration and say what is wrong\n"
            "       statim-edge --help | --version\n");
}

static void print_help(void)
{
    print_usage(stdout);
    printf("\nSIGTERM stops gracefully, SIGHUP reloads the configuration.\n"
           "\nNumbers of the configuration: key, default, what it is\n");
    edge_config_help();
}

int main(int argc, char **argv)
{
    /* Before or behind the file, as the other programs have it. */
    unsigned word = argc == 3 && strcmp(argv[2], "--check") == 0 ? 2 : 1;
    bool check = argc == 3 && strcmp(argv[word], "--check") == 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("statim-edge %s\n", STATIM_VERSION);
        return 0;
    }
    if ((argc != 2 && !check) || (argc == 2 && argv[1][0] == '-')) {
        print_usage(stderr);
        return 2;
    }
    const char *path = check ? argv[3 - word] : argv[1];
    char message[CONFIG_MESSAGE_BYTES] = "";
    struct edge_config *config = NULL;
    enum err err = edge_config_load(path, &config, message);
    if (err != ERR_OK) {
        fprintf(stderr, "statim-edge: %s\n", message[0] != '\0' ? message : err_text(err));
        return 1;
    }
    if (check) {
        printf("%s: ok\n", path);
        edge_config_free(config);
        return 0;
    }
    /* Whoever reads the log may go away; the answers go on. Children inherit it. */
    signal(SIGPIPE, SIG_IGN);
    log_start("statim-edge", config->log_level);
    if (config->user == NULL && geteuid() == 0)
        log_warning("the serving process will stay root: no user is configured");
    return supervisor_run(path, config);
}
