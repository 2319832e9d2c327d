/* SPDX-License-Identifier: Apache-2.0 */
/* A network namespace of the test's own with a veth pair, a bpf file system, and frames from one
 * end of the pair to the other, where the filter sits. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/shed_filter.h"

#define PAIR_SKIP     77   /* meson: skipped */
#define PAIR_NEAR     "v0" /* the filter's end */
#define PAIR_FAR      "v1"
#define PAIR_SERVICE  UINT32_C(0x0A090001) /* 10.9.0.1 */
#define PAIR_PORT     80
#define PAIR_DENIED   UINT32_C(0x0A090042) /* 10.9.0.66 */
#define PAIR_ALLOWED  UINT32_C(0x0A090043)
#define PAIR_STRANGER UINT32_C(0xC0000201) /* 192.0.2.1 */

extern char pair_pins[64];

/** false: not permitted here; why is printed. Ends the test when what should work does not. */
bool pair_start(void);
void pair_stop(void);
/** The pair, anew. */
void pair_link(void);
void pair_unlink(void);

/** `count` SYN from `source` to the service's port, one after another; returns when the filter has
 * seen them. One thread at a time. */
void pair_send(uint32_t source, unsigned count);
/** Frames that came through the filter since the last call. */
uint64_t pair_received(void);

/** What the filter is opened with in most tests. */
struct shed_filter_config pair_config(void);
/** Opens, or ends the test with the message. */
struct shed_filter *pair_open(const struct shed_filter_config *config);
/** The service; PAIR_DENIED denied, PAIR_ALLOWED allowed. */
void pair_policy(struct shed_filter *f);
uint64_t pair_count(struct shed_filter *f, enum filter_reason reason);
/** A teardown: takes the filter off, forgets the frames. */
int pair_clean(void **state);
