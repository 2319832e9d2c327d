/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/flood/options.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* name, argument, whether it must be given, help */
#define OPTION_TABLE(X)                                                                          \
    X(INTERFACE, "interface", "NAME", true, "where the frames go out: veth or dummy")            \
    X(SECONDS, "seconds", "S", true, "how long; there is no flood without an end (at most 300)") \
    X(TO, "to", "ADDRESS", true, "destination")                                                  \
    X(TO_MAC, "to-mac", "MAC", true, "hardware address of the destination, or of its router")    \
    X(FROM, "from", "PREFIX", true, "prefix that the sources are drawn from")                    \
    X(PORT, "port", "N", false, "destination port (80)")                                         \
    X(KIND, "kind", "syn|ack|synack", false, "what is sent (syn)")                               \
    X(SOURCES, "sources", "N", false, "so many sources in turn (0: each frame another)")         \
    X(RATE, "rate", "R", false, "frames a second; without it as fast as it can")                 \
    X(THROUGH, "through", "packet|xdp", false,                                                   \
      "a packet socket, or frames made in the kernel (packet)")                                  \
    X(SEED, "seed", "N", false, "what is random repeats with it (1)")

enum option_id {
#define X(id, name, argument, must, help) OPTION_##id,
    OPTION_TABLE(X)
#undef X
        OPTION_COUNT
};
static const char *const option_names[] = {
#define X(id, name, argument, must, help) name,
    OPTION_TABLE(X)
#undef X
};
static const bool option_must[] = {
#define X(id, name, argument, must, help) must,
    OPTION_TABLE(X)
#undef X
};
static const char *const kind_words[] = {
#define X(name, word, flags, options_bytes) word,
    PACKET_KIND_TABLE(X)
#undef X
};

const char *flood_kind_word(enum packet_kind kind)
{
    return kind_words[kind];
}

void flood_options_help(FILE *out)
{
    fprintf(out,
            "usage: statim-flood --interface NAME --seconds S --to ADDRESS --to-mac MAC --from "
            "PREFIX [options]\n\n"
            "A flood of TCP segments for testing, within network namespaces of one's own: it "
            "refuses\nany interface but a veth or dummy whose two ends are in namespaces other "
            "than the\nmachine's.\n\n");
#define X(id, name, argument, must, help) \
    fprintf(out, "  --%-10s %-15s %s%s\n", name, argument, help, (must) ? "; needed" : "");
    OPTION_TABLE(X)
#undef X
}

static bool read_number(const char *text, double min, double max, double *ret)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !isfinite(value) || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

static bool read_whole(const char *text, double min, double max, uint64_t *ret)
{
    double value;
    if (!read_number(text, min, max, &value) || value != floor(value))
        return false;
    *ret = (uint64_t)value;
    return true;
}

static bool read_kind(const char *text, enum packet_kind *ret)
{
    for (unsigned i = 0; i < PACKET_KIND_COUNT; i++) {
        if (strcmp(text, kind_words[i]) == 0) {
            *ret = (enum packet_kind)i;
            return true;
        }
    }
    return false;
}

static bool read_value(enum option_id id, const char *text, struct flood_options *o)
{
    uint64_t number = 0;
    bool good = false;
    switch (id) {
    case OPTION_INTERFACE:
        o->interface = text;
        return *text != '\0';
    case OPTION_SECONDS:
        return read_number(text, 0.01, FLOOD_SECONDS_MAX, &o->seconds);
    case OPTION_TO:
        return packet_address_parse(text, &o->plan.to) == ERR_OK && strchr(text, '/') == NULL;
    case OPTION_TO_MAC:
        return packet_mac_parse(text, o->plan.to_mac) == ERR_OK;
    case OPTION_FROM:
        return packet_address_parse(text, &o->plan.from) == ERR_OK;
    case OPTION_PORT:
        good = read_whole(text, 1, UINT16_MAX, &number);
        o->plan.port = (uint16_t)number;
        return good;
    case OPTION_KIND:
        return read_kind(text, &o->plan.kind);
    case OPTION_SOURCES:
        good = read_whole(text, 0, FLOOD_SOURCES_MAX, &number);
        o->plan.source_count = (uint32_t)number;
        return good;
    case OPTION_RATE:
        good = read_whole(text, 1, FLOOD_RATE_MAX, &number);
        o->rate_per_s = (uint32_t)number;
        return good;
    case OPTION_THROUGH:
        o->live = strcmp(text, "xdp") == 0;
        return o->live || strcmp(text, "packet") == 0;
    case OPTION_SEED:
        return read_whole(text, 0, 1e15, &o->plan.seed);
    case OPTION_COUNT:
        break;
    }
    return false;
}

static enum option_id find_option(const char *word)
{
    unsigned id = 0;
    while (id < OPTION_COUNT &&
           (strncmp(word, "--", 2) != 0 || strcmp(word + 2, option_names[id]) != 0))
        id++;
    return (enum option_id)id;
}

static bool is_complete(uint32_t given, const struct flood_options *o,
                        char why[static FLOOD_WHY_BYTES])
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        if (option_must[id] && (given & 1u << id) == 0) {
            snprintf(why, FLOOD_WHY_BYTES, "--%s is needed", option_names[id]);
            return false;
        }
    }
    if (o->plan.to.version != o->plan.from.version) {
        snprintf(why, FLOOD_WHY_BYTES, "--to and --from are of different IP versions");
        return false;
    }
    return true;
}

enum flood_asked flood_options_read(int argc, const char *const *argv, struct flood_options *ret,
                                    char why[static FLOOD_WHY_BYTES])
{
    struct flood_options o = {.plan = {.port = 80, .seed = 1}};
    uint32_t given = 0;
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0)
            return FLOOD_HELP;
        enum option_id id = find_option(argv[i]);
        if (id == OPTION_COUNT) {
            snprintf(why, FLOOD_WHY_BYTES, "no such option: %s", argv[i]);
            return FLOOD_BAD;
        }
        if (i + 1 == argc || !read_value(id, argv[i + 1], &o)) {
            snprintf(why, FLOOD_WHY_BYTES, "%s: not good: %s", argv[i],
                     i + 1 == argc ? "nothing" : argv[i + 1]);
            return FLOOD_BAD;
        }
        given |= 1u << id;
    }
    if (!is_complete(given, &o, why))
        return FLOOD_BAD;
    *ret = o;
    return FLOOD_RUN;
}
