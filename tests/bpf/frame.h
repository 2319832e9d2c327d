/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet frames of TCP for the filter's tests, from a few words: what is not said is as an honest
 * client's SYN would have it. Lengths and checksums are right unless the row says otherwise. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FRAME_BYTES_MAX      4096
#define FRAME_TAGS_MAX       3
#define FRAME_EXTENSIONS_MAX 8

enum {
    FIN = 0x01,
    SYN = 0x02,
    RST = 0x04,
    PSH = 0x08,
    ACK = 0x10,
    URG = 0x20,
    ECE = 0x40,
    CWR = 0x80
};

struct frame_extension {
    uint8_t type;      /* 0, 43, 44, 51, 60 */
    uint16_t bytes;    /* of the whole header; 0: 8 */
    uint16_t fragment; /* of a fragment header: offset in eight octets, times eight, and flags */
};

struct frame {
    uint8_t version;       /* 4 or 6; 0: 4 */
    const char *from, *to; /* NULL: 198.51.100.7 to 192.0.2.1, 2001:db8:99::7 to 2001:db8::1 */
    uint16_t from_port, to_port; /* 0: 40000 to 80; PORT_ZERO: 0 */
    uint8_t flags;               /* 0: SYN; FLAGS_NONE: none */
    uint32_t seq, ack;           /* seq 0: 1000 */
    uint16_t window;
    uint16_t mss;        /* an option of four octets; 0: none */
    uint8_t tcp_options; /* octets of no-operation behind it */
    uint16_t data_bytes;

    uint16_t tags[FRAME_TAGS_MAX]; /* their types, 0x8100 or 0x88a8 */
    uint16_t type;                 /* of Ethernet behind the tags; 0: by version */
    uint8_t group;                 /* 1: to the broadcast address */
    uint8_t back;                  /* 1: an answer: hardware addresses the other way round */
    uint8_t ip_options;            /* octets, of IPv4 */
    uint16_t fragment;             /* IPv4's offset in eight octets, and flags (0x2000: more) */
    uint8_t protocol;              /* 0: TCP */
    uint8_t hops;                  /* 0: 57 */
    struct frame_extension extensions[FRAME_EXTENSIONS_MAX]; /* up to one of 0 octets with type 0 */
    uint8_t extension_count;

    uint8_t data_offset;  /* in four octets; 0: right */
    uint8_t header_words; /* IPv4's header length in four octets; 0: right */
    uint8_t version_says; /* what the version field says; 0: right */
    int longer;           /* added to IP's length field */
    uint8_t zero_length;  /* 1: IP's length field is 0 */
    uint16_t padding;     /* octets (0xee, in answers 0) behind the packet */
    uint16_t cut;         /* octets that are missing at the end of the frame */
};

#define PORT_ZERO  0xffff
#define FLAGS_NONE 0xff /* not a combination that a row needs */

/** The octets of a frame: how many. */
size_t frame_make(const struct frame *f, uint8_t out[static FRAME_BYTES_MAX]);
