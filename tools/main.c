/* SPDX-License-Identifier: Apache-2.0 */
/* statim: the operator's command. */
#include <stdio.h>
#include <string.h>

#include "lib/os/log.h"
#include "tools/verb.h"

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *arguments;
    const char *help;
};

static const struct verb verbs[] = {
#define X(name, arguments, help) {#name, verb_##name, arguments, help},
    VERB_TABLE(X)
#undef X
};

#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

#define VERB_NAME_BYTES 32

/* As it is typed: C has no hyphens in names. */
static const char *verb_name(const struct verb *verb, char room[static VERB_NAME_BYTES])
{
    (void)snprintf(room, VERB_NAME_BYTES, "%s", verb->name);
    for (char *c = room; *c != '\0'; c++)
        *c = *c == '_' ? '-' : *c;
    return room;
}

static void print_usage(FILE *out)
{
    char name[VERB_NAME_BYTES];
    fprintf(out, "usage: statim VERB ...   (statim VERB --help)\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        fprintf(out, "  %-12s %s\n", verb_name(&verbs[i], name), verbs[i].help);
}

static void print_verb_usage(FILE *out, const struct verb *verb)
{
    char name[VERB_NAME_BYTES];
    fprintf(out, "usage: statim %s %s\n\n%s\n", verb_name(verb, name), verb->arguments, verb->help);
}

static int run(const struct verb *verb, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_verb_usage(stdout, verb);
            return 0;
        }
    }
    int status = verb->run(argc, argv);
    if (status == VERB_USAGE)
        print_verb_usage(stderr, verb);
    return status == VERB_UNABLE ? VERB_USAGE : status;
}

int main(int argc, char **argv)
{
    log_start("statim", LOG_LEVEL_WARNING);
    if (argc < 2) {
        print_usage(stderr);
        return VERB_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("statim %s\n", STATIM_VERSION);
        return 0;
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        char name[VERB_NAME_BYTES];
        if (strcmp(argv[1], verb_name(&verbs[i], name)) == 0)
            return run(&verbs[i], argc - 1, argv + 1);
    }
    fprintf(stderr, "statim: no verb '%s'\n\n", argv[1]);
    print_usage(stderr);
    return VERB_USAGE;
}
