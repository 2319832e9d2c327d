/* SPDX-License-Identifier: Apache-2.0 */
/* Which options of statim-bench go together. */
#include "bench/load/option_table.h"

#include <stdio.h>

#define BIT(id)   (UINT64_C(1) << OPTION_##id)
#define OPEN_LOOP (BIT(RATE) | BIT(STEP) | BIT(RAMP))

static const struct option_pair {
    enum option_id a, b;
} strangers[] = {
    {OPTION_PATH, OPTION_ISSUER},       {OPTION_PATH, OPTION_SERIALS},
    {OPTION_PATH, OPTION_METHOD},       {OPTION_PATH, OPTION_HASH},
    {OPTION_PATH, OPTION_VERIFY},       {OPTION_PATH, OPTION_SIGNATURE_SAMPLE},
    {OPTION_CLOSE, OPTION_CLOSE_SHARE}, {OPTION_RATE, OPTION_STEP},
    {OPTION_RATE, OPTION_RAMP},         {OPTION_STEP, OPTION_RAMP},
    {OPTION_P99_MAX, OPTION_P99_TIMES},
};

/* An option that means nothing without one of others. */
static const struct option_want {
    enum option_id id;
    uint64_t one_of;
    const char *text;
} wants[] = {
    {OPTION_POISSON, OPEN_LOOP, "--rate, --step or --ramp"},
    {OPTION_LAG_MAX, OPEN_LOOP, "--rate, --step or --ramp"},
    {OPTION_P99_MAX, BIT(STEP) | BIT(RAMP), "--step or --ramp"},
    {OPTION_P99_TIMES, BIT(STEP) | BIT(RAMP), "--step or --ramp"},
};

static bool has(uint64_t given, enum option_id id)
{
    return (given >> id & 1) != 0;
}

static bool pairs_allowed(uint64_t given, char why[static OPTIONS_WHY_BYTES])
{
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        if (!has(given, strangers[i].a) || !has(given, strangers[i].b))
            continue;
        (void)snprintf(why, OPTIONS_WHY_BYTES, "--%s and --%s do not go together",
                       option_name(strangers[i].a), option_name(strangers[i].b));
        return false;
    }
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        if (!has(given, wants[i].id) || (given & wants[i].one_of) != 0)
            continue;
        (void)snprintf(why, OPTIONS_WHY_BYTES, "--%s needs %s", option_name(wants[i].id),
                       wants[i].text);
        return false;
    }
    return true;
}

static bool complete(uint64_t given, const struct load_options *o,
                     char why[static OPTIONS_WHY_BYTES])
{
    const char *missing = NULL;
    if (o->url == NULL)
        missing = "there is no URL";
    else if (!has(given, OPTION_PATH) && (given & BIT(ISSUER)) == 0)
        missing = "--issuer is missing (or --path, for plain GETs)";
    else if (!has(given, OPTION_PATH) && (given & BIT(SERIALS)) == 0)
        missing = "--serials is missing";
    else if (has(given, OPTION_SIGNATURE_SAMPLE) && o->verify != LOAD_VERIFY_SIGNATURE)
        missing = "--signature-sample needs --verify signature";
    if (missing != NULL)
        (void)snprintf(why, OPTIONS_WHY_BYTES, "%s", missing);
    return missing == NULL;
}

bool option_rules(uint64_t given, struct load_options *o, char why[static OPTIONS_WHY_BYTES])
{
    if (!pairs_allowed(given, why) || !complete(given, o, why))
        return false;
    if (o->connections == 0)
        o->connections = (given & OPEN_LOOP) != 0 ? OPEN_DEFAULT : CLOSED_DEFAULT;
    return true;
}
