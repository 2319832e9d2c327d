/* SPDX-License-Identifier: Apache-2.0 */
/* Frames for the filter's tests, from a description to octets. What is not said is as an honest
 * stack has it; any octet can then be spoilt. There is no parser here, so that nothing is agreed
 * with the filter by accident.
 *
 * A description of zeros but for `version`, addresses and ports is a whole TCP segment. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PACKET_TAGS_MAX         3u
#define PACKET_EXTENSIONS_MAX   8u
#define PACKET_OPTION_BYTES_MAX 40u
#define PACKET_SPOILT_MAX       4u
#define PACKET_PAYLOAD_MAX      1500u
#define PACKET_BYTES_MAX        4096u

enum packet_transport {
    PACKET_TCP,
    PACKET_UDP,
    PACKET_ICMP, /* an echo request, or ICMPv6's */
    PACKET_NONE, /* payload alone: a fragment that is not the first one */
};

struct packet_tag {
    uint16_t type; /* 0: 0x8100 */
    uint16_t id;
};

/* IPv6. `type` is the header's own number: 0, 43, 44, 51, 60 or any other. */
struct packet_extension {
    uint8_t type;
    uint16_t bytes;       /* whole; 0: the shortest. A multiple of 8 (51: of 4), at most 2048 */
    uint16_t fragment_at; /* 44: the offset in octets, a multiple of 8 */
    bool more;            /* 44: more fragments */
};

/* An unsigned number put over what was built, after checksums, in network order. */
enum packet_layer { PACKET_ETHERNET, PACKET_IP, PACKET_EXTENSION, PACKET_TRANSPORT };
struct packet_spoilt {
    uint8_t layer;
    uint8_t bytes; /* 1, 2 or 4; 0: nothing is spoilt */
    uint16_t at;   /* octets from the layer's begin */
    uint32_t value;
};

struct packet {
    uint8_t to[6];   /* hardware addresses; zeros: 02:00:00:00:00:01 */
    uint8_t from[6]; /* zeros: 02:00:00:00:00:02 */
    uint8_t tag_count;
    struct packet_tag tags[PACKET_TAGS_MAX]; /* the outermost first */
    uint16_t ether_type;                     /* 0: the version's */

    uint8_t version; /* 4 or 6; 0: no IP header, the transport is right behind Ethernet */
    uint8_t source[16];
    uint8_t target[16];
    uint8_t hops;     /* 0: 64 */
    uint8_t protocol; /* of the transport; 0: its own */

    uint8_t ip_option_bytes; /* IPv4: NOP; a multiple of 4, at most 40 */
    uint16_t ip_id;
    uint16_t fragment_at; /* IPv4: the offset in octets, a multiple of 8 */
    bool more_fragments;
    bool dont_fragment;

    uint8_t extension_count; /* IPv6 */
    struct packet_extension extensions[PACKET_EXTENSIONS_MAX];

    enum packet_transport transport;
    uint16_t source_port;
    uint16_t target_port;
    uint32_t sequence;
    uint32_t acknowledges;
    uint8_t flags;        /* of TCP; 0: none of them, which no stack sends */
    uint16_t window;      /* 0: 64240 */
    uint8_t option_bytes; /* of TCP; a multiple of 4, at most 40 */
    uint8_t options[PACKET_OPTION_BYTES_MAX];
    uint16_t payload_bytes; /* 0xa5 each; at most PACKET_PAYLOAD_MAX */

    struct packet_spoilt spoilt[PACKET_SPOILT_MAX];
    uint16_t padding_bytes; /* zeros behind the packet, at most 1000 */
    uint16_t cut_bytes;     /* taken off the end of all that */
};

#define PACKET_FIN UINT8_C(0x01)
#define PACKET_SYN UINT8_C(0x02)
#define PACKET_RST UINT8_C(0x04)
#define PACKET_PSH UINT8_C(0x08)
#define PACKET_ACK UINT8_C(0x10)
#define PACKET_URG UINT8_C(0x20)

struct packet_frame {
    uint32_t bytes;
    uint32_t ip_at;
    uint32_t extension_at; /* the first one; transport_at if there is none */
    uint32_t transport_at;
    uint32_t payload_at;
    uint8_t octets[PACKET_BYTES_MAX];
};

void packet_build(const struct packet *p, struct packet_frame *ret);

/** The Internet checksum of `bytes` octets on top of `sum` (not inverted), to be stored in network
 * order. */
uint16_t packet_checksum(const uint8_t *octets, uint32_t bytes, uint32_t sum);
/** The sum of the pseudo header, for packet_checksum(). `version` 4 or 6. */
uint32_t packet_pseudo_sum(uint8_t version, const uint8_t source[static 16],
                           const uint8_t target[static 16], uint8_t protocol, uint32_t bytes);
