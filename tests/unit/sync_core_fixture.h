/* SPDX-License-Identifier: Apache-2.0 */
/* A sync core on a clock that stands still, and the heads that lead it on. */
#pragma once

#include <stdio.h>

#include "edge/sync_core.h"
#include "tests/unit/format_fixture.h"

#define NETWORK "test.example"
#define NOW_S   UINT64_C(1800000000)
#define ISSUER  77

static struct publish_key *key;
static struct publish_key *other_key; /* same network */
static struct sync_core core;
static uint64_t counters[SYNC_COUNTER_COUNT];
static struct sync_time now;

static inline int make_keys(void **state)
{
    (void)state;
    key = fixture_publish_key(NETWORK);
    return publish_key_generate(span_text(NETWORK), &other_key) == ERR_OK ? 0 : -1;
}

static inline int free_keys(void **state)
{
    (void)state;
    publish_key_free(key);
    publish_key_free(other_key);
    return 0;
}

static inline struct sha256 hash_of(const char *text)
{
    return sha256_of(span_text(text));
}

/* An edge that has applied entry 10. */
static inline struct position at_ten(void)
{
    return (struct position){.log_number = 10,
                             .log_hash = hash_of("10"),
                             .head_time_s = NOW_S - 10,
                             .head_valid_until_s = NOW_S + 600,
                             .complete = 1};
}

static inline struct head head_of(uint64_t first, uint64_t last, uint64_t index)
{
    char text[24];
    snprintf(text, sizeof text, "%u", (unsigned)last);
    struct head head = {.log_first = first,
                        .log_last = last,
                        .log_hash = last > 0 ? hash_of(text) : (struct sha256){{0}},
                        .time_s = NOW_S - 10,
                        .valid_until_s = NOW_S + 600,
                        .index_log = index,
                        .index_bytes = index > 0 ? 1000 : 0,
                        .index_hash = index > 0 ? hash_of("index") : (struct sha256){{0}}};
    snprintf(head.network, sizeof head.network, "%s", NETWORK);
    return head;
}

static inline void start(const struct position *position, uint32_t origins)
{
    memset(counters, 0, sizeof counters);
    now = (struct sync_time){.monotonic_ns = 5000000000u, .wall_s = NOW_S};
    struct sync_core_config config = {.key = *publish_key_public(key),
                                      .origin_count = origins,
                                      .index_when_behind = 100,
                                      .poll_ns = 1000000000u,
                                      .seed = 1};
    sync_core_start(&core, &config, position, counters);
}

static inline struct sync_action tick(void)
{
    return sync_core_step(&core, &(struct sync_event){.type = SYNC_TICK}, &now);
}

static inline struct sync_action fetched(struct span bytes)
{
    return sync_core_step(&core, &(struct sync_event){.type = SYNC_FETCHED, .bytes = bytes}, &now);
}

static inline struct sync_action failed(enum err err)
{
    return sync_core_step(&core, &(struct sync_event){.type = SYNC_FAILED, .err = err}, &now);
}

static inline struct sync_action give_head(const struct head *head,
                                           const struct publish_key *signer)
{
    static char note[HEAD_BYTES_MAX];
    size_t size;
    assert_int_equal(head_write(signer, head, note, sizeof note, &size), ERR_OK);
    return fetched(span_of(note, size));
}

/* Leads a core at entry 10 to asking for 11 of `last`. */
static inline void ask_for_eleven(const struct head *head)
{
    struct position position = at_ten();
    start(&position, 1);
    tick();
    struct sync_action action = give_head(head, key);
    assert_int_equal(action.type, SYNC_FETCH_LOG);
    assert_int_equal(action.number, 11);
}
