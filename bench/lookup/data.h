/* SPDX-License-Identifier: Apache-2.0 */
/* The same statements twice: as the edge's store has them, and as one plain LMDB record each. */
#pragma once

#include "lib/facts.h"

/* name, text, how the serials lie */
#define SHAPE_TABLE(X)                                                    \
    X(UNIFORM, "uniform", "16 random octets")                             \
    X(SEQUENTIAL, "sequential", "eight octets in common, then a counter") \
    X(SKEWED, "skewed",                                                   \
      "eight octets in common, then clusters from huge to tiny,"          \
      " half of each one after another, half random")

enum shape {
#define X(name, text, how) SHAPE_##name,
    SHAPE_TABLE(X)
#undef X
        SHAPE_COUNT
};

const char *shape_text(enum shape shape);

#define PLAIN_DB "plain" /* and the name of its folder; key: lib/serial.h */
#define STORE_DB "store"
/* As much as a block spends on a statement beside its serial. */
#define PLAIN_VALUE_BYTES 66
#define MAP_BYTES         (UINT64_C(64) << 30)

/** Serial number i of a data set: always the same. A skewed one may come twice. */
void data_serial(enum shape shape, uint64_t i, struct serial *ret);
uint64_t data_issuer_id(void);

/** Makes both below `folder`, unless they are there. ERR_CONFLICT: they are, with another count.
 *  ERR_IO, ERR_MEMORY, ERR_STORE, ERR_DISK_FULL. */
MUST_CHECK enum err data_make(const char *folder, enum shape shape, uint64_t count);
/** Removes what data_make() made. */
void data_remove(const char *folder);
