/* SPDX-License-Identifier: Apache-2.0 */
/* CRL shards: which CRL a certificate is on, for ever. Pure.
 *
 * A shard is a set's number and a place in it, packed in 32 bits; no set has number 0, so 0 is no
 * shard. A set is never renumbered: with another count the same serial would be on another CRL
 * than its certificate says. Who wants another count begins another set; those before go on.
 *
 * URL of a shard: <base>/<set>/<place>.crl. A full set has one place, and the URL <base>/full.crl
 * of the one CRL that has the revoked certificates of all sets.
 *
 * Sets of an issuer, stored: version 1 (= 1), indexed 1, which is current 1, then for each in the
 * order they came: set 2, full 1, count 4. Integers big-endian. */
#pragma once

#include "lib/serial.h"

#define CRL_SHARD_NONE       0
#define CRL_SHARD_FULL       UINT32_MAX /* the full CRL, beside the shards */
#define CRL_SETS_MAX         64
#define CRL_SET_COUNT_MAX    65535
#define CRL_SETS_BYTES_MAX   (3 + CRL_SETS_MAX * 7)
#define CRL_SHARD_URL_MAX    500 /* with its end: its path is a key of LMDB, of at most 511 */
#define CRL_SHARD_NAME_BYTES 26  /* "/65535/65534-delta.crl" with its end */

struct crl_set {
    uint16_t number; /* from 1 */
    bool full;       /* count is 1 */
    uint32_t count;  /* 1..CRL_SET_COUNT_MAX */
};

struct crl_sets {
    bool indexed;    /* the revoked index has all there is (revoked_index.h) */
    uint8_t current; /* which of them new certificates get their shard in */
    size_t count;
    struct crl_set sets[CRL_SETS_MAX]; /* the first also has those from before there were sets */
};

static inline uint32_t crl_shard_pack(uint16_t set, uint16_t place)
{
    return (uint32_t)set << 16 | place;
}

/** The shard of a serial that nobody has put elsewhere: serial modulo count. */
uint32_t crl_shard_of(const struct crl_set *set, const struct serial *serial);
/** The set of a shard; NULL when there is no such set, or no such place in it. */
const struct crl_set *crl_shard_set(const struct crl_sets *sets, uint32_t shard);

/** "place" in the current set, "set/place", or the whole URL. ERR_MALFORMED, ERR_NOT_FOUND (no
 * shard of ours). */
MUST_CHECK enum err crl_shard_from_text(const struct crl_sets *sets, const char *url_base,
                                        struct span text, uint32_t *ret);
/** The URL of a shard or of CRL_SHARD_FULL. ERR_LIMIT. */
MUST_CHECK enum err crl_shard_url(const char *url_base, uint32_t shard,
                                  char ret[static CRL_SHARD_URL_MAX]);
/** The path of a URL "http://host/path"; "" when there is none, NULL when it is not such a URL. */
const char *crl_url_path(const char *url);

/** Makes the set current, and adds it when it is not there. ERR_CONFLICT (there, and another),
 *  ERR_LIMIT. */
MUST_CHECK enum err crl_sets_use(struct crl_sets *sets, const struct crl_set *set);
size_t crl_sets_write(const struct crl_sets *sets, uint8_t ret[static CRL_SETS_BYTES_MAX]);
MUST_CHECK enum err crl_sets_read(struct span value, struct crl_sets *ret);
