/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "issuer/daemon.h"
#include "lib/os/log.h"

#define EXIT_USAGE 2

static void usage(FILE *out)
{
    fprintf(out, "usage: statim-issuer CONFIG [--check]\n"
                 "  Issues certificates over HTTPS, and tells the presigner of their status.\n"
                 "  CONFIG is an issuer.yaml.\n"
                 "  --check    read the configuration, certificates and keys, then exit\n"
                 "  --version  print the version\n");
    if (out == stdout) {
        printf("numbers in CONFIG, with their defaults:\n");
        issuing_config_help();
    }
}

int main(int argc, char **argv)
{
    struct issuing_options options = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            options.check = true;
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("statim-issuer %s\n", STATIM_VERSION);
            return 0;
        } else if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            return 0;
        } else if (argv[i][0] == '-' || options.config_path != NULL) {
            usage(stderr);
            return EXIT_USAGE;
        } else {
            options.config_path = argv[i];
        }
    }
    if (options.config_path == NULL) {
        usage(stderr);
        return EXIT_USAGE;
    }
    log_start("statim-issuer", LOG_LEVEL_INFO);
    return issuing_run(&options) == ERR_OK ? 0 : 1;
}
