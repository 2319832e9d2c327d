/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "lib/os/log.h"
#include "presigner/daemon.h"

#define EXIT_USAGE 2

static void usage(FILE *out)
{
    fprintf(out, "usage: statim-presigner CONFIG [--once | --check] [--standby]\n"
                 "  Signs the statements of the certificates in the status database and publishes\n"
                 "  them as a folder of signed files. CONFIG is a presigner.yaml.\n"
                 "  --once     publish everything that waits, then exit\n"
                 "  --check    read the configuration, certificates and keys, then exit\n"
                 "  --standby  wait while another presigner publishes, and take over from it\n"
                 "  --version  print the version\n");
}

int main(int argc, char **argv)
{
    struct daemon_options options = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--once") == 0) {
            options.once = true;
        } else if (strcmp(argv[i], "--check") == 0) {
            options.check = true;
        } else if (strcmp(argv[i], "--standby") == 0) {
            options.standby = true;
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("statim-presigner %s\n", STATIM_VERSION);
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
    log_start("statim-presigner", LOG_LEVEL_INFO);
    enum err err = daemon_run(&options);
    if (err == ERR_OK && options.check)
        printf("%s: ok\n", options.config_path);
    return err == ERR_OK ? 0 : 1;
}
