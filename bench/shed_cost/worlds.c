/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/shed_cost/worlds.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/random.h"

#define ADDRESS_BYTES 16
#define SHED_PERMILLE 1 /* enough that it must be asked who is shed */

static const struct {
    uint32_t prefixes;
    bool is_spent;
    uint32_t per_s;
} rows[COST_WORLD_COUNT] = {
#define X(name, prefixes, spent, per_s) [COST_WORLD_##name] = {prefixes, spent, per_s},
    COST_WORLD_TABLE(X)
#undef X
};

/* Prefixes of 16 to 32 bits all over 100.64.0.0/10 and 172.16.0.0/12, on either list. */
static struct world_rule *make_rules(uint32_t count, char (*texts)[ADDRESS_BYTES])
{
    struct world_rule *rules = calloc(2 * (size_t)count + 1, sizeof *rules);
    CHECK(rules != NULL);
    uint64_t state = 1;
    for (uint32_t i = 0; i < 2 * count; i++) {
        bool deny = i % 2 == 1;
        uint32_t base = deny ? UINT32_C(0x64400000) : UINT32_C(0xac100000);
        unsigned bits = 20 + (unsigned)(random_next(&state) % 13);
        uint32_t address = base | (i / 2 * UINT32_C(2654435761)) >> 12;
        address &= UINT32_MAX << (32 - bits);
        CHECK(snprintf(texts[i], ADDRESS_BYTES, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
                       address >> 8 & 255, address & 255) > 0);
        rules[i] =
            (struct world_rule){deny ? FILTER_DENY_V4 : FILTER_ALLOW_V4, texts[i], (uint8_t)bits};
    }
    return rules;
}

/* Every packet takes a token and none is refused one. */
static struct filter_rate plenty(void)
{
    return (struct filter_rate){.interval_ns = 1000000000u / FILTER_PER_S_MAX,
                                .burst_ns = FILTER_BURST_NS_MAX};
}

struct filter_world *cost_world_open(enum cost_world which)
{
    const struct world_service services[] = {{COST_SERVICE, COST_SERVICE_PORT}, {NULL, 0}};
    struct filter_world *w =
        world_open(&(struct world_options){.buckets = FILTER_BUCKETS_DEFAULT, .real_clock = true});
    if (w == NULL)
        return NULL;
    uint32_t prefixes = rows[which].prefixes, per_s = rows[which].per_s;
    char(*texts)[ADDRESS_BYTES] = calloc(2 * (size_t)prefixes + 1, sizeof *texts);
    CHECK(texts != NULL);
    struct world_rule *rules = make_rules(prefixes, texts);
    struct world_policy policy = {world_config(), services, rules};
    struct filter_config *c = &policy.config;
    c->syn = c->packets = per_s == 0 ? plenty() : filter_rate_of(per_s, 1);
    c->budget = rows[which].is_spent ? (struct filter_rate){FILTER_INTERVAL_NS_MAX, FILTER_TICK_NS}
                                     : plenty();
    c->cookies = c->refusals = plenty();
    world_policy(w, &policy);
    world_level(w, SHED_PERMILLE, UINT64_MAX);
    free(rules);
    free(texts);
    return w;
}

struct filter_world *cost_world_open_live(const char *service, const char *denied, uint8_t bits)
{
    const struct world_service services[] = {{service, COST_SERVICE_PORT}, {NULL, 0}};
    struct filter_world *w =
        world_open(&(struct world_options){.buckets = FILTER_BUCKETS_DEFAULT, .real_clock = true});
    if (w == NULL)
        return NULL;
    const struct world_rule rules[] = {{FILTER_DENY_V4, denied, bits}, {0, NULL, 0}};
    struct world_policy policy = {world_config(), services, rules};
    policy.config.syn = filter_rate_of(100, 100);
    policy.config.packets = filter_rate_of(1000, 1000);
    policy.config.budget = filter_rate_of(1000, 1000);
    world_policy(w, &policy);
    return w;
}
