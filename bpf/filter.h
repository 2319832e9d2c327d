/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the XDP filter and user space share: the policy, the reasons of verdicts, the layout of the
 * maps, limits. Included by filter.bpf.c, where there is no libc; hence only linux/types.h.
 *
 * The policy, in this order, for TCP to a service (an address and a port that are configured), and
 * for nothing else:
 *
 *   1. allow list: passes, whatever follows
 *   2. deny list
 *   3. what no honest stack sends: fragments of TCP, chains of headers without end, lengths that
 *      contradict each other, impossible flags and ports
 *   4. token buckets of the source prefix: for a SYN the one of SYN, where they are limited; for
 *      every other segment, and a SYN where not, the one of packets. A flood of SYN under
 *      somebody's address takes nothing from his connections
 *   5. the budget of SYN of all sources together; beyond it a SYN is answered with a cookie, where
 *      that is configured, or dropped
 *   6. shed level: the share of source prefixes whose new connections are refused. Their SYN take
 *      nothing from the budget, and get no cookie: beyond the budget they are dropped as such
 *
 * Everything else passes untouched: other addresses, other ports, other protocols, ICMP.
 *
 * What is read
 *
 * Ethernet; up to FILTER_VLAN_MAX tags (0x8100, 0x88a8); IPv4 or IPv6 whose version field agrees.
 * A packet ends where its IP header says, or with its frame, what comes first: octets behind
 * (padding) are not looked at. Total or payload length 0 with more than 65535 octets of IP in the
 * frame is what the kernel has put together: it ends with the frame. IPv6: behind hop-by-hop (0),
 * routing (43), fragment (44), authentication (51) and destination options (60) in any order, at
 * most FILTER_EXTENSIONS_MAX of them and FILTER_EXTENSION_BYTES_MAX octets. What does not come to
 * TCP is OTHER: another protocol; a fragment of IPv6 with an offset whose fragment header does not
 * say TCP; a packet without its whole IP header.
 *
 * Most segments are to a service when their destination address and port are one. From those of
 * the first list no port is read; there it is enough that the address is one of a service. What
 * holds first counts:
 *
 *   HEADERS   IPv6: an extension header beyond the limits, or not whole before the packet's end
 *   LENGTHS   IPv4: a header of less than 20 octets or beyond the total length, or a total length
 *             beyond the frame; IPv6: a payload length beyond the frame
 *   FRAGMENT  IPv4: more fragments, or an offset; IPv6: a fragment header, whatever is in it.
 *             With pass_fragments only an offset of 8 or 16 octets, which is within the TCP
 *             header. Those of a greater offset then go on at 4, as no SYN; first ones go on here
 *   SHORT     fewer than 20 octets are left for TCP
 *
 *   LENGTHS   the data offset is below 5, or beyond the packet's end
 *   FLAGS     of FIN, SYN, RST, PSH, ACK and URG: with SYN one of FIN, RST, ACK, URG; with RST and
 *             no SYN one of FIN, URG; without SYN and RST no ACK
 *   PORTS     source port 0; the same address and port at both ends
 *
 * A segment with SYN that gets here is a new connection, every other one is of a flow.
 *
 * Buckets
 *
 * A bucket is the time at which it will be full again (the generic cell rate algorithm), in the
 * filter's clock: the kernel's ticks since it began to count, in ns. With `ahead` for how far that
 * time is ahead of now, 0 if it is past:
 *
 *   admitted  when ahead <= burst; the bucket moves to now + ahead + interval
 *   denied    writes nothing, unless the bucket is ahead by more than burst + interval +
 *             FILTER_LATE_NS: it was charged under other rates, and is brought back to now + burst
 *             + interval. What is less far ahead may be so because this processor was held since it
 *             looked at the clock
 *
 * It is changed by compare-and-swap, so that two processors cannot spend the same token. An
 * interval of 0 leaves it alone. Gates, which all sources share, are one such bucket each.
 *
 * The buckets of source prefixes are in sets of one cache line, FILTER_PLACES places for SYN or for
 * packets. A place is a word: the mark of the prefix that it belongs to (12 bits), and
 * its bucket's time (52 bits, in units of FILTER_UNIT_NS, of which 2^52 are nine years; bursts are
 * rounded down to units, intervals to the nearest). A keyed hash of the prefix says its set, its
 * mark, and which place of the set is its home. Of the places it uses
 *
 *   1. the one with its mark, at home if there are two: two processors that see a new prefix at the
 *      same moment may give it two, of which it then uses one
 *   2. else, of those that are free, its home, or the first; free: its bucket is full, so whoever
 *      had it loses nothing
 *   3. else its home, shared with the one it belongs to: what one of them spends the other lacks
 *
 * A free place belongs to the prefix from its first packet on. Nobody is evicted from a bucket that
 * is not full, and a packet costs one cache line whatever its source.
 *
 * What spoofed sources can do with it: nothing to a prefix whose set has a free place, however
 * noisy its neighbours are. A place costs them a packet an interval as long as they hold it: the
 * rate itself. With N prefixes always beyond their rate and the default of 65,536 places for SYN, a
 * prefix that sends little is denied while eight of them are in its set, or one of them has its
 * mark too (N in 2^25). Two rows of 65,536 buckets, either of which may admit, which are twice the
 * memory and two cache lines, deny it when both of its buckets are another's too:
 *
 *   N prefixes                  2,000    5,000   10,000   20,000   40,000   80,000
 *   sets: share denied        0.00006   0.0002   0.0003    0.003     0.12     0.76
 *   two rows: share denied     0.0009    0.005    0.020    0.069     0.21     0.50
 *   sets of the same memory   0.00003   0.0001   0.0002   0.0004    0.005     0.12
 *
 * The rows are better only where nearly all places are held: 80,000 prefixes send 16 million SYN a
 * second at the default rate. Spoofed packets each of another prefix, R a second, deny others when
 * R / places comes near to the rate: at half of it 0.0003 in sets and 0.003 in rows, at all of it
 * 0.09 and 0.14. tests/bpf/test_bucket_neighbours.c measures all of it.
 *
 * Answers
 *
 * RST and cookie go back in the same frame, never a longer one, without IP options and extension
 * headers, behind the same VLAN tags; at least 60 octets (zeros at the end) if the frame had them.
 * None is sent to a group's hardware address, nor to an IP source that is unspecified, loopback,
 * multicast, limited broadcast or the destination itself: dropped then, as if not configured.
 *
 *   RST     RST and ACK, sequence 0, acknowledges the SYN and its data; window 0
 *   cookie  SYN and ACK, sequence the kernel's cookie, acknowledges the SYN; window
 *           FILTER_COOKIE_WINDOW; the cookie's maximum segment size, if the SYN's data offset is
 *           6 at least (there is room). No window scale, no SACK, no timestamps
 *
 * Observing: reasons, counters, events and buckets as always, but everything passes as it is. */
#pragma once

#include <linux/types.h>

#define FILTER_SERVICES_MAX        256u
#define FILTER_RULES_MAX           11000u /* prefixes of one list and IP version */
#define FILTER_VLAN_MAX            2u
#define FILTER_EXTENSIONS_MAX      6u
#define FILTER_EXTENSION_BYTES_MAX 256u
#define FILTER_NEAR_MAX            8u    /* keys of services that are looked for without the map */
#define FILTER_BUCKETS_MIN         1024u /* places of a kind, in all sets; powers of two */
#define FILTER_BUCKETS_DEFAULT     65536u
#define FILTER_BUCKETS_MAX         4194304u
#define FILTER_PLACES              8u          /* in one set */
#define FILTER_UNIT_NS             64u         /* of the times in places */
#define FILTER_TIME_BITS           52u         /* of a place; the mark is above them */
#define FILTER_SWAP_TRIES          8u          /* compare-and-swaps of one packet in one bucket */
#define FILTER_LATE_NS             1000000000u /* a processor is not held longer */
#define FILTER_EVENTS_BYTES        (256u * 1024u)
#define FILTER_SHED_ALL            1000u /* per mille */
#define FILTER_COOKIE_WINDOW       65535u
#define FILTER_ANSWER_HOPS         64u
#define FILTER_TICK_NS             10000000u /* the step of the filter's clock, at 100 Hz at most */

/* How a packet ends. enum name, what is done with it, label for metrics and events, help. */
#define FILTER_REASON_TABLE(X)                                                               \
    X(OTHER, PASS, "other", "not TCP to a service")                                          \
    X(ALLOWED, PASS, "allowed", "source on the allow list")                                  \
    X(SYN, PASS, "syn", "new connection admitted")                                           \
    X(FLOW, PASS, "flow", "other segment admitted")                                          \
    X(DENIED, DROP, "denied", "source on the deny list")                                     \
    X(FRAGMENT, DROP, "fragment", "fragment of TCP to a service address")                    \
    X(HEADERS, DROP, "headers", "more extension headers than are looked behind, or cut off") \
    X(SHORT, DROP, "short", "packet ends within its TCP header")                             \
    X(LENGTHS, DROP, "lengths", "header lengths that contradict each other")                 \
    X(FLAGS, DROP, "flags", "TCP flags no honest stack sends to a server")                   \
    X(PORTS, DROP, "ports", "source port 0, or source and destination the same")             \
    X(SYN_RATE, DROP, "syn_rate", "more SYN than its source prefix may send")                \
    X(PACKET_RATE, DROP, "packet_rate", "more packets than its source prefix may send")      \
    X(SYN_BUDGET, DROP, "syn_budget", "more SYN than all sources together may send")         \
    X(SHED, DROP, "shed", "new connection of a source prefix that is shed")                  \
    X(REFUSED, TX, "refused", "the same, told by a RST")                                     \
    X(COOKIE, TX, "cookie", "SYN beyond the budget, answered with a SYN cookie")

enum filter_action { FILTER_PASS, FILTER_DROP, FILTER_TX };
enum filter_reason {
#define X(name, action, label, help) FILTER_REASON_##name,
    FILTER_REASON_TABLE(X)
#undef X
        FILTER_REASON_COUNT
};

/* Map `counters`: per-CPU array of FILTER_REASON_COUNT. */
struct filter_count {
    __u64 packets;
    __u64 bytes; /* of the frame as it came */
};

/* Map `trouble`: per-CPU array of counters (__u64) that are no verdicts. */
#define FILTER_TROUBLE_TABLE(X)                                                                \
    X(SWAPS, "swaps_given_up", "Buckets not won in FILTER_SWAP_TRIES: denied")                 \
    X(EVENTS_LOST, "events_lost", "Events for which there was no room")                        \
    X(UNSET, "unset", "Packets passed as other since no configuration was there")              \
    X(SPLIT, "split", "Packets passed as other since the driver gave their headers in pieces") \
    X(ANSWERS, "answers_failed", "RST and cookies that could not be made: dropped instead")
enum filter_trouble {
#define X(name, label, help) FILTER_TROUBLE_##name,
    FILTER_TROUBLE_TABLE(X)
#undef X
        FILTER_TROUBLE_COUNT
};

/* An admission rate. interval_ns 0: everything is admitted. */
struct filter_rate {
    __u64 interval_ns; /* between two, in the long run; at most FILTER_INTERVAL_NS_MAX */
    __u64 burst_ns;    /* how far ahead of the clock the bucket may be: (burst - 1) intervals; at
                          least FILTER_TICK_NS, at most FILTER_BURST_NS_MAX */
};
#define FILTER_INTERVAL_NS_MAX 3600000000000u  /* one an hour */
#define FILTER_BURST_NS_MAX    86400000000000u /* a day's */
#define FILTER_PER_S_MAX       10000000u
/* Of a source prefix: above it the units of places would make more than 5 % of the interval. */
#define FILTER_PREFIX_PER_S_MAX 1000000u

/** The rate of `per_s` (1 to FILTER_PER_S_MAX) a second with `burst` (1 or more) at once. The clock
 * stands still for a tick: a burst of less than a tick would take from the rate, so it is a tick.
 */
static inline struct filter_rate filter_rate_of(__u32 per_s, __u32 burst)
{
    struct filter_rate rate = {.interval_ns = 1000000000u / per_s};
    rate.burst_ns = (burst - (__u64)1) * rate.interval_ns;
    if (rate.burst_ns < FILTER_TICK_NS)
        rate.burst_ns = FILTER_TICK_NS;
    if (rate.burst_ns > FILTER_BURST_NS_MAX)
        rate.burst_ns = FILTER_BURST_NS_MAX;
    return rate;
}

/* Map `services`: hash; the values are octets without a meaning. An entry with port 0 says that the
 * address is one of a service. */
struct filter_service_key {
    __u8 address[16]; /* IPv4 in the first four, the rest zero */
    __be16 port;
    __u8 version;    /* 4 or 6 */
    __u8 generation; /* its lowest bit */
} __attribute__((aligned(4)));

/* Map `configs`: array of two, by the generation's lowest bit. */
struct filter_config {
    struct filter_rate syn;      /* of one source prefix */
    struct filter_rate packets;  /* of one source prefix */
    struct filter_rate budget;   /* SYN of all sources */
    struct filter_rate cookies;  /* cookies sent; interval_ns 0: none is ever sent */
    struct filter_rate refusals; /* RST sent; interval_ns 0: none is ever sent */
    __u64 shed_period_ns;        /* after it other prefixes are the ones that are shed; never 0 */
    __u64 hash_key[2];           /* secret; the same over the life of the buckets */
    __u32 rule_count[4];         /* by filter_list: an empty list is not looked up */
    __u32 near_count;            /* keys of this generation in `services` ... */
    struct filter_service_key near[FILTER_NEAR_MAX]; /* ... which are these, if there are no more */
    __u32 sample_one_in; /* dropped or answered packets that make an event; 0: none */
    __u8 v4_prefix_bits; /* 8 to 32 */
    __u8 v6_prefix_bits; /* 16 to 64 */
    __u8 observe;        /* count as always, but pass everything */
    __u8 pass_fragments; /* do not drop fragments of TCP */
};

/** Adds a key that is in `services` as well. */
static inline void filter_near_add(struct filter_config *c, const struct filter_service_key *key)
{
    for (__u32 i = 0; i < c->near_count && i < FILTER_NEAR_MAX; i++) {
        if (__builtin_memcmp(&c->near[i], key, sizeof *key) == 0)
            return;
    }
    if (c->near_count < FILTER_NEAR_MAX)
        c->near[c->near_count] = *key;
    c->near_count++;
}

enum filter_list { FILTER_ALLOW_V4, FILTER_ALLOW_V6, FILTER_DENY_V4, FILTER_DENY_V6 };

/* Map `control`: array of one. Words written one by one, so each is whole at any time.
 *
 * A new generation: the half that is not in force is written (tries, services, config), then
 * `generation`. Before that half is written a program that began under the generation before the
 * one in force must have ended: who writes waits for that first. */
struct filter_control {
    __u64 generation;    /* which half of everything counts; 0: nothing is configured yet */
    __u64 shed_permille; /* of source prefixes */
    __u64 shed_until_ns; /* coarse monotonic; from then on nothing is shed: the agent has died */
    __u64 test_now_ns;   /* both clocks, where filter_test_clock was set before loading */
};

/* Map `gates`: array of one; what all sources share, as buckets. A cache line each. */
struct filter_gate {
    __u64 full_ns;
    __u64 unused[7];
};
struct filter_gates {
    struct filter_gate budget;
    struct filter_gate cookies;
    struct filter_gate refusals;
};

/* Map `buckets`: array of sets, those for SYN and then as many for packets, mapped into memory so
 * that it begins at a page, and a set is a cache line. Of the prefix's hash the low 32 bits, modulo
 * the sets of a kind, are the set; the next three the home; the highest twelve the mark. */
struct filter_set {
    __u64 places[FILTER_PLACES];
};

/* Maps `rules_v4`, `rules_v6`: arrays of four LPM tries: generation's lowest bit * 2 + (deny ? 1 :
 * 0). The values of a trie are octets without a meaning. A missing trie is an empty list. */
struct filter_rule_key_v4 {
    __u32 prefix_bits;
    __u8 address[4];
};
struct filter_rule_key_v6 {
    __u32 prefix_bits;
    __u8 address[16];
};

/* Map `events`: ring buffer. Of the packets whose reason is not PASS each with the probability
 * 1 / sample_one_in. */
struct filter_event {
    __u64 at_ns; /* coarse monotonic */
    __u8 source[16];
    __be16 source_port;  /* 0: not known */
    __be16 service_port; /* 0: not known */
    __u16 frame_bytes;   /* at most 65535 */
    __u8 version;
    __u8 reason;
    __u8 tcp_flags; /* 0: not known */
    __u8 unused[7];
};

/* Constants that are set before loading (.rodata of the skeleton), so that the verifier leaves out
 * what is not wanted: filter_set_mask (sets of a kind less one; FILTER_BUCKETS_DEFAULT /
 * FILTER_PLACES less one unless set, with the size of `buckets`), filter_tick_ns (the kernel's
 * tick, which is the resolution of CLOCK_MONOTONIC_COARSE), filter_test_clock (tests only) and
 * filter_with_cookies (false where the kernel has no bpf_tcp_raw_gen_syncookie). */

/* The hash of a source prefix is SipHash-1-3 under hash_key of eight octets: the first eight of the
 * source address, masked to the prefix, as in the packet; IPv4's four and four zero octets. The
 * key's two words are SipHash's k0 and k1; for IPv6 k1 is inverted first. The hash that says
 * whether it is shed is SipHash-1-3 under hash_key (not inverted) of the prefix's hash plus now /
 * shed_period_ns by the filter's clock (modulo 2^64), as eight little-endian octets: shed when its
 * low 32 bits times 1000, shifted right by 32, are below shed_permille, and the coarse monotonic
 * clock is before shed_until_ns. */
