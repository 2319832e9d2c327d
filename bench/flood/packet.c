/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/flood/packet.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/random.h"

#define ETHERNET_BYTES 14u
#define IPV4_BYTES     20u
#define IPV6_BYTES     40u
#define TCP_BYTES      20u
#define TTL            64
#define TCP            6
#define WINDOW         64240
#define PORT_FIRST     1024u /* of sources */

static const uint8_t kind_flags[] = {
#define X(name, word, flags, options_bytes) flags,
    PACKET_KIND_TABLE(X)
#undef X
};
static const uint8_t kind_options_bytes[] = {
#define X(name, word, flags, options_bytes) options_bytes,
    PACKET_KIND_TABLE(X)
#undef X
};
/* What a client says in its SYN: MSS 1460, window scale 7, SACK permitted (RFC 9293, 7323, 2018).
 */
static const uint8_t syn_options[] = {2, 4, 0x05, 0xb4, 1, 3, 3, 7, 1, 1, 4, 2};

static size_t address_bytes(uint8_t version)
{
    return version == 4 ? 4 : 16;
}

static bool set_behind(const struct packet_address *address)
{
    for (unsigned bit = address->bits; bit < 8 * address_bytes(address->version); bit++) {
        if ((address->octets[bit / 8] & 0x80u >> bit % 8) != 0)
            return true;
    }
    return false;
}

enum err packet_address_parse(const char *text, struct packet_address *ret)
{
    char bare[INET6_ADDRSTRLEN];
    const char *slash = strchrnul(text, '/');
    size_t size = (size_t)(slash - text);
    if (size >= sizeof bare)
        return ERR_MALFORMED;
    memcpy(bare, text, size);
    bare[size] = '\0';
    struct packet_address address = {.version = strchr(bare, ':') != NULL ? 6 : 4};
    if (inet_pton(address.version == 6 ? AF_INET6 : AF_INET, bare, address.octets) != 1)
        return ERR_MALFORMED;
    unsigned long bits = 8 * address_bytes(address.version), bits_max = bits;
    if (*slash == '/') {
        char *end;
        if (slash[1] < '0' || slash[1] > '9')
            return ERR_MALFORMED;
        bits = strtoul(slash + 1, &end, 10);
        if (*end != '\0')
            return ERR_MALFORMED;
    }
    if (bits > bits_max)
        return ERR_RANGE;
    address.bits = (uint8_t)bits;
    if (set_behind(&address))
        return ERR_RANGE;
    *ret = address;
    return ERR_OK;
}

enum err packet_mac_parse(const char *text, uint8_t ret[static PACKET_MAC_BYTES])
{
    uint8_t mac[PACKET_MAC_BYTES];
    int end = 0;
    if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
               &mac[4], &mac[5], &end) != PACKET_MAC_BYTES ||
        text[end] != '\0' || end != 3 * PACKET_MAC_BYTES - 1)
        return ERR_MALFORMED;
    memcpy(ret, mac, sizeof mac);
    return ERR_OK;
}

void packet_maker_start(struct packet_maker *maker, const struct packet_plan *plan)
{
    CHECK(plan->to.version == plan->from.version);
    CHECK(plan->from.bits <= 8 * address_bytes(plan->from.version));
    *maker = (struct packet_maker){.plan = *plan, .random = plan->seed};
}

/* The prefix, and behind it what is drawn. */
static void draw_source(const struct packet_address *from, uint64_t *random, uint8_t *out)
{
    size_t size = address_bytes(from->version);
    uint64_t drawn[2] = {random_next(random), from->version == 4 ? 0 : random_next(random)};
    uint8_t octets[16];
    memcpy(octets, drawn, sizeof octets);
    for (size_t i = 0; i < size; i++) {
        unsigned bits = from->bits > 8 * i ? from->bits - 8 * (unsigned)i : 0;
        uint8_t behind = bits >= 8 ? 0 : (uint8_t)(0xffu >> bits);
        out[i] = (uint8_t)((from->octets[i] & ~behind) | (octets[i] & behind));
    }
}

static void put_source(struct packet_maker *maker, uint8_t *out)
{
    const struct packet_plan *plan = &maker->plan;
    if (plan->source_count == 0) {
        draw_source(&plan->from, &maker->random, out);
    } else {
        /* The same address each time that its turn comes. */
        uint64_t state = plan->seed ^ (maker->made % plan->source_count + 1) << 32;
        draw_source(&plan->from, &state, out);
    }
}

static void put_u16(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static void put_u32(uint8_t *out, uint32_t value)
{
    put_u16(out, value >> 16);
    put_u16(out + 2, value);
}

/* RFC 1071, of an even number of octets. */
static uint32_t sum_of(const uint8_t *data, size_t size, uint32_t sum)
{
    for (size_t i = 0; i < size; i += 2)
        sum += (uint32_t)data[i] << 8 | data[i + 1];
    return sum;
}

static void put_checksum(uint8_t *out, uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put_u16(out, ~sum);
}

static void put_ipv4(struct packet_maker *maker, uint8_t *out, size_t tcp_bytes)
{
    memset(out, 0, IPV4_BYTES);
    out[0] = 0x45;
    put_u16(out + 2, (uint32_t)(IPV4_BYTES + tcp_bytes));
    put_u16(out + 4, (uint32_t)maker->made); /* identification */
    put_u16(out + 6, 0x4000);                /* do not fragment */
    out[8] = TTL;
    out[9] = TCP;
    put_source(maker, out + 12);
    memcpy(out + 16, maker->plan.to.octets, 4);
    put_checksum(out + 10, sum_of(out, IPV4_BYTES, 0));
}

static void put_ipv6(struct packet_maker *maker, uint8_t *out, size_t tcp_bytes)
{
    memset(out, 0, IPV6_BYTES);
    out[0] = 0x60;
    put_u16(out + 4, (uint32_t)tcp_bytes);
    out[6] = TCP;
    out[7] = TTL;
    put_source(maker, out + 8);
    memcpy(out + 24, maker->plan.to.octets, 16);
}

/* `addresses`: source and destination, for the pseudo header. */
static void put_tcp(struct packet_maker *maker, uint8_t *out, size_t tcp_bytes,
                    const uint8_t *addresses)
{
    enum packet_kind kind = maker->plan.kind;
    uint64_t drawn = random_next(&maker->random);
    memset(out, 0, TCP_BYTES);
    put_u16(out, PORT_FIRST + (uint32_t)(drawn >> 32) % (0x10000 - PORT_FIRST));
    put_u16(out + 2, maker->plan.port);
    put_u32(out + 4, (uint32_t)drawn);
    if ((kind_flags[kind] & 0x10) != 0)
        put_u32(out + 8, (uint32_t)random_next(&maker->random));
    out[12] = (uint8_t)(tcp_bytes / 4 << 4);
    out[13] = kind_flags[kind];
    put_u16(out + 14, WINDOW);
    memcpy(out + TCP_BYTES, syn_options, tcp_bytes - TCP_BYTES);
    uint32_t sum =
        sum_of(addresses, 2 * address_bytes(maker->plan.to.version), TCP + (uint32_t)tcp_bytes);
    put_checksum(out + 16, sum_of(out, tcp_bytes, sum));
}

size_t packet_next(struct packet_maker *maker, uint8_t out[static PACKET_BYTES_MAX])
{
    const struct packet_plan *plan = &maker->plan;
    bool is_v4 = plan->to.version == 4;
    size_t tcp_bytes = TCP_BYTES + kind_options_bytes[plan->kind];
    size_t ip_bytes = is_v4 ? IPV4_BYTES : IPV6_BYTES;
    uint8_t *ip = out + ETHERNET_BYTES;
    memcpy(out, plan->to_mac, PACKET_MAC_BYTES);
    memcpy(out + PACKET_MAC_BYTES, plan->from_mac, PACKET_MAC_BYTES);
    put_u16(out + 2 * PACKET_MAC_BYTES, is_v4 ? 0x0800 : 0x86dd);
    if (is_v4)
        put_ipv4(maker, ip, tcp_bytes);
    else
        put_ipv6(maker, ip, tcp_bytes);
    put_tcp(maker, ip + ip_bytes, tcp_bytes, ip + (is_v4 ? 12 : 8));
    maker->made++;
    return ETHERNET_BYTES + ip_bytes + tcp_bytes;
}
