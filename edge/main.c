/* SPDX-License-Identifier: Apache-2.0 */
/* statim-edge: replicates a publication and answers from it. */
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "edge/config.h"
#include "edge/supervisor.h"
#include "edge/trust.h"

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

/* What the processes would find missing when they start. */
static bool check_files(const char *path, const struct edge_config *config)
{
    struct trust *trust = NULL;
    unsigned bad = 0;
    char *const *files = config->sync.ca_certificates;
    enum err err = config->sync.ca_certificates_count > 0
                       ? trust_load(files, config->sync.ca_certificates_count, &trust, &bad)
                       : ERR_OK;
    trust_free(trust);
    if (err != ERR_OK) {
        fprintf(stderr, "statim-edge: %s: ca_certificates: %s: %s\n", path, files[bad],
                err_text(err));
        return false;
    }
    if (config->user != NULL && getpwnam(config->user) == NULL) {
        fprintf(stderr, "statim-edge: %s: user: there is no user %s\n", path, config->user);
        return false;
    }
    return true;
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
        bool good = check_files(path, config);
        if (good)
            printf("%s: ok\n", path);
        edge_config_free(config);
        return good ? 0 : 1;
    }
    /* Whoever reads the log may go away; the answers go on. Children inherit it. */
    signal(SIGPIPE, SIG_IGN);
    log_start("statim-edge", config->log_level);
    if (config->user == NULL && geteuid() == 0)
        log_warning("the serving process will stay root: no user is configured");
    return supervisor_run(path, config);
}
