/* SPDX-License-Identifier: Apache-2.0 */
/* The frames of a flood: TCP to one address and port, from sources that do not ask. Pure: the same
 * seed makes the same frames. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define PACKET_BYTES_MAX 128
#define PACKET_MAC_BYTES 6

/* enum name, word on the command line, TCP flags, bytes of options */
#define PACKET_KIND_TABLE(X) \
    X(SYN, "syn", 0x02, 12)  \
    X(ACK, "ack", 0x10, 0)   \
    X(SYN_ACK, "synack", 0x12, 0)

enum packet_kind {
#define X(name, word, flags, options_bytes) PACKET_##name,
    PACKET_KIND_TABLE(X)
#undef X
        PACKET_KIND_COUNT
};

/* An address, or with `bits` the prefix that sources are drawn from. */
struct packet_address {
    uint8_t octets[16]; /* IPv4 in the first four */
    uint8_t version;    /* 4 or 6 */
    uint8_t bits;       /* up to 32 or 128 */
};

struct packet_plan {
    enum packet_kind kind;
    uint8_t to_mac[PACKET_MAC_BYTES];
    uint8_t from_mac[PACKET_MAC_BYTES];
    struct packet_address to;   /* bits are not looked at */
    struct packet_address from; /* of the same version */
    uint16_t port;              /* host order */
    uint32_t
        source_count; /* so many addresses of `from`, in turn; 0: each frame another at random */
    uint64_t seed;
};

struct packet_maker {
    struct packet_plan plan;
    uint64_t random;
    uint64_t made;
};

/** "192.0.2.1", "2001:db8::/32"; without "/" of full length. ERR_MALFORMED; ERR_RANGE: more bits
 *  than the address has, or bits set behind them. */
MUST_CHECK enum err packet_address_parse(const char *text, struct packet_address *ret);
/** "02:00:00:00:00:01". ERR_MALFORMED. */
MUST_CHECK enum err packet_mac_parse(const char *text, uint8_t ret[static PACKET_MAC_BYTES]);

/** Source and destination are of the same IP version (a CHECK). */
void packet_maker_start(struct packet_maker *maker, const struct packet_plan *plan);
/** Writes the next frame; its size, which is the same for all of a plan. */
size_t packet_next(struct packet_maker *maker, uint8_t out[static PACKET_BYTES_MAX]);
