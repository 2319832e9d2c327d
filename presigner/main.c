/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "lib/os/log.h"
#include "presigner/daemon.h"

#define EXIT_USAGE 2

static void usage(FILE *out)
{
    fprintf(out, "usage: statim-presigner CONFIG [--once]\n"
                 "  Signs the statements of the certificates in the status database and publishes\n"
                 "  them as a folder of signed files. CONFIG is a presigner.yaml.\n"
                 "  --once     publish everything that waits, then exit\n"
                 "  --version  print the version\n");
}

int main(int argc, char **argv)
{
    const char *config = NULL;
    bool once = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--once") == 0) {
            once = true;
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("statim-presigner %s\n", STATIM_VERSION);
            return 0;
        } else if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            return 0;
        } else if (argv[i][0] == '-' || config != NULL) {
            usage(stderr);
            return EXIT_USAGE;
        } else {
            config = argv[i];
        }
    }
    if (config == NULL) {
        usage(stderr);
        return EXIT_USAGE;
    }
    log_start("statim-presigner", LOG_LEVEL_INFO);
    return daemon_run(config, once) == ERR_OK ? 0 : 1;
}
