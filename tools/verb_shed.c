/* SPDX-License-Identifier: Apache-2.0 */
/* statim shed: what an operator sees of a running statim-shed and tells it. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/control.h"
#include "tools/shed_client.h"
#include "tools/shed_show.h"
#include "tools/verb.h"

#define TOP_EVERY_S 1
#define PERCENT_ALL 100u
/* Cursor home and what is below it away: a page over the one before, without a flicker. */
#define TERMINAL_AGAIN "\033[H\033[J"

struct cli {
    const char *socket;
    const char *duration; /* NULL: not given */
    bool json;
    bool remove;
    const char *command;
    const char *argument; /* NULL: only show */
};

/* What can be asked: its name, and who shows the answer. */
struct command {
    const char *name;
    /* NULL: an argument that is not understood, which is printed. */
    json_t *(*request)(const struct cli *c, const struct command *command);
    void (*show)(const json_t *answer);
    bool takes_argument;
};

static json_t *bad(const char *what, const char *text)
{
    fprintf(stderr, "statim shed: %s: %s\n", text, what);
    return NULL;
}

/* "90", "90s", "15m", "1h", "2d" in seconds. */
static bool read_duration(const char *text, uint64_t *ret)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'\0', 1}};
    char *end;
    errno = 0;
    uint64_t count = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0 || (end[0] != '\0' && end[1] != '\0'))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        uint64_t seconds;
        if (*end != units[i].unit)
            continue;
        if (__builtin_mul_overflow(count, units[i].seconds, &seconds) || seconds == 0 ||
            seconds > CONTROL_WORD_MAX_S)
            return false;
        *ret = seconds;
        return true;
    }
    return false;
}

/* "25", "12.5" in per mille. */
static bool read_percent(const char *text, uint32_t *ret)
{
    unsigned whole = 0, tenth = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3)
        return false;
    whole = (unsigned)strtoul(text, NULL, 10);
    const char *rest = text + digits;
    if (rest[0] == '.') {
        if (rest[1] < '0' || rest[1] > '9' || rest[2] != '\0')
            return false;
        tenth = (unsigned)(rest[1] - '0');
    } else if (rest[0] != '\0') {
        return false;
    }
    if (whole * 10 + tenth > PERCENT_ALL * 10)
        return false;
    *ret = whole * 10 + tenth;
    return true;
}

static json_t *with_duration(const struct cli *c, json_t *request)
{
    uint64_t seconds = CONTROL_WORD_DEFAULT_S;
    if (c->duration != NULL && !read_duration(c->duration, &seconds)) {
        json_decref(request);
        return bad("--for takes 90s, 15m, 1h or 2d, at most 30d", c->duration);
    }
    if (json_object_set_new(request, "for_s", json_integer((json_int_t)seconds)) == 0)
        return request;
    json_decref(request);
    return NULL;
}

static json_t *request_plain(const struct cli *c, const struct command *command)
{
    (void)c;
    return json_pack("{s:s}", "do", command->name);
}

static json_t *request_prefix(const struct cli *c, const struct command *command)
{
    if (c->argument == NULL)
        return request_plain(c, command);
    if (c->remove)
        return json_pack("{s:s, s:s, s:b}", "do", command->name, "prefix", c->argument, "remove",
                         1);
    return with_duration(c, json_pack("{s:s, s:s}", "do", command->name, "prefix", c->argument));
}

static json_t *request_level(const struct cli *c, const struct command *command)
{
    uint32_t permille;
    if (c->argument == NULL)
        return request_plain(c, command);
    if (strcmp(c->argument, "auto") == 0)
        return json_pack("{s:s, s:b}", "do", command->name, "auto", 1);
    if (!read_percent(c->argument, &permille))
        return bad("a level is 0 to 100 (per cent), or auto", c->argument);
    return with_duration(
        c, json_pack("{s:s, s:i}", "do", command->name, "shed_permille", (int)permille));
}

static json_t *request_route(const struct cli *c, const struct command *command)
{
    if (c->argument == NULL)
        return request_plain(c, command);
    if (strcmp(c->argument, "auto") == 0)
        return json_pack("{s:s, s:b}", "do", command->name, "auto", 1);
    return with_duration(c, json_pack("{s:s, s:s}", "do", command->name, "route", c->argument));
}

static const struct command commands[] = {
    {"top", request_plain, shed_show_top, false},
    {"allow", request_prefix, shed_show_words, true},
    {"deny", request_prefix, shed_show_words, true},
    {"level", request_level, shed_show_level, true},
    {"route", request_route, shed_show_route, true},
    {"stats", request_plain, shed_show_stats, false},
};

static bool parse_options(int argc, char **argv, struct cli *c)
{
    static const struct option table[] = {{"socket", required_argument, NULL, 's'},
                                          {"for", required_argument, NULL, 'f'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"remove", no_argument, NULL, 'r'},
                                          {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == 's')
            c->socket = optarg;
        else if (option == 'f')
            c->duration = optarg;
        else if (option == 'j')
            c->json = true;
        else if (option == 'r')
            c->remove = true;
        else
            return false;
    }
    if (optind + 1 != argc && optind + 2 != argc)
        return false;
    c->command = argv[optind];
    c->argument = optind + 2 == argc ? argv[optind + 1] : NULL;
    return true;
}

static const struct command *find_command(const struct cli *c)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, c->command) == 0)
            return &commands[i];
    return NULL;
}

/* Options that would say nothing are a mistake of whoever gave them. */
static bool fits(const struct cli *c, const struct command *command)
{
    bool prefix = command->show == shed_show_words;
    if (c->argument != NULL && !command->takes_argument)
        return false;
    if (c->remove && (!prefix || c->argument == NULL || c->duration != NULL))
        return false;
    return c->duration == NULL || (c->argument != NULL && strcmp(c->argument, "auto") != 0);
}

static bool ask_once(struct shed_client *client, json_t *request, const struct cli *c,
                     const struct command *command)
{
    json_t *answer = shed_client_ask(client, json_incref(request));
    if (answer == NULL)
        return false;
    if (c->json) {
        (void)json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        command->show(answer);
    }
    json_decref(answer);
    fflush(stdout);
    return true;
}

static int ask(json_t *request, const struct cli *c, const struct command *command)
{
    struct shed_client client;
    if (!shed_client_open(c->socket, &client))
        return 1;
    bool live = command->show == shed_show_top && !c->json && isatty(STDOUT_FILENO) == 1;
    bool done;
    do {
        if (live)
            printf(TERMINAL_AGAIN);
        done = ask_once(&client, request, c, command);
        if (live && done)
            sleep(TOP_EVERY_S);
    } while (live && done);
    shed_client_close(&client);
    return done ? 0 : 1;
}

int verb_shed(int argc, char **argv)
{
    struct cli c = {.socket = CONTROL_SOCKET_DEFAULT};
    const struct command *command = NULL;
    if (parse_options(argc, argv, &c))
        command = find_command(&c);
    if (command == NULL || !fits(&c, command))
        return VERB_USAGE;
    json_t *request = command->request(&c, command);
    if (request == NULL)
        return VERB_UNABLE;
    int status = ask(request, &c, command);
    json_decref(request);
    return status;
}
