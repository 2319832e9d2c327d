/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/shed_show.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "-";
}

static uint64_t number_of(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

void shed_show_top(const json_t *answer)
{
    size_t i;
    const json_t *source;
    printf("%-44s %10s %8s  %s\n", "source prefix", "packets/s", "share", "reason");
    json_array_foreach(json_object_get(answer, "sources"), i, source)
    {
        uint64_t permille = number_of(source, "share_permille");
        printf("%-44s %10" PRIu64 " %4" PRIu64 ".%" PRIu64 " %%  %s\n", text_of(source, "prefix"),
               number_of(source, "packets_per_s"), permille / 10, permille % 10,
               text_of(source, "reason"));
    }
    if (json_array_size(json_object_get(answer, "sources")) == 0)
        printf("nothing is dropped or answered%s\n",
               number_of(answer, "sample_one_in") == 0
                   ? ", or nothing is sampled: sample_one_in is 0"
                   : "");
}

void shed_show_words(const json_t *answer)
{
    size_t i;
    const json_t *word;
    json_array_foreach(json_object_get(answer, "words"), i, word)
        printf("%-44s for %" PRIu64 " s\n", text_of(word, "prefix"), number_of(word, "for_s"));
    printf("%" PRIu64 " by configuration\n", number_of(answer, "configured"));
}

/* Whose it is, and how long an operator's word holds. */
static void show_by(const json_t *answer)
{
    if (json_object_get(answer, "for_s") != NULL)
        printf(", by an operator, for %" PRIu64 " s\n", number_of(answer, "for_s"));
    else
        printf(", by the controller\n");
}

void shed_show_level(const json_t *answer)
{
    uint64_t permille = number_of(answer, "shed_permille");
    printf("%" PRIu64 ".%" PRIu64 " %% of new connections are shed", permille / 10, permille % 10);
    show_by(answer);
}

void shed_show_route(const json_t *answer)
{
    printf("%s (%s: %s)", text_of(answer, "route"), text_of(answer, "reason"),
           text_of(answer, "text"));
    show_by(answer);
    if (json_object_get(answer, "trouble") != NULL)
        printf("not in force: %s\n", text_of(answer, "trouble"));
}

static void show_interface(const json_t *interface)
{
    const char *label;
    json_t *count, *reasons = json_object_get(interface, "reasons");
    printf("\n%s, %s mode\n", text_of(interface, "name"), text_of(interface, "mode"));
    json_object_foreach(reasons, label, count)
        printf("  %-16s %-7s %15" PRIu64 " packets %18" PRIu64 " octets\n", label,
               text_of(count, "action"), number_of(count, "packets"), number_of(count, "bytes"));
    json_t *troubles = json_object_get(interface, "troubles");
    json_object_foreach(troubles, label, count)
        printf("  %-24s %15" PRIu64 "\n", label, (uint64_t)json_integer_value(count));
}

void shed_show_stats(const json_t *answer)
{
    const char *name;
    json_t *value, *values = json_object_get(answer, "values");
    json_object_foreach(values, name, value)
        printf("%-28s %15" PRIu64 "\n", name, (uint64_t)json_integer_value(value));
    printf("%-28s %15s (%s)\n", "route", text_of(answer, "route"), text_of(answer, "reason"));
    if (json_object_get(answer, "trouble") != NULL)
        printf("%-28s %s\n", "trouble", text_of(answer, "trouble"));
    size_t i;
    const json_t *interface;
    json_array_foreach(json_object_get(answer, "interfaces"), i, interface)
        show_interface(interface);
}
