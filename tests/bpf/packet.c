/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bpf/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "lib/check.h"

#define FRAGMENT_BYTES 8u

static void put(struct packet_frame *f, const void *octets, uint32_t bytes)
{
    CHECK(bytes <= PACKET_BYTES_MAX - f->bytes);
    memcpy(f->octets + f->bytes, octets, bytes);
    f->bytes += bytes;
}

static void fill(struct packet_frame *f, uint8_t octet, uint32_t bytes)
{
    CHECK(bytes <= PACKET_BYTES_MAX - f->bytes);
    memset(f->octets + f->bytes, octet, bytes);
    f->bytes += bytes;
}

static void write_number(uint8_t *to, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static void put8(struct packet_frame *f, uint32_t value)
{
    uint8_t octets[1];
    write_number(octets, value, sizeof octets);
    put(f, octets, sizeof octets);
}

static void put16(struct packet_frame *f, uint32_t value)
{
    uint8_t octets[2];
    write_number(octets, value, sizeof octets);
    put(f, octets, sizeof octets);
}

static void put32(struct packet_frame *f, uint32_t value)
{
    uint8_t octets[4];
    write_number(octets, value, sizeof octets);
    put(f, octets, sizeof octets);
}

static uint32_t sum_of(const uint8_t *octets, uint32_t bytes)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < bytes; i++)
        sum += i % 2 == 0 ? (uint32_t)octets[i] << 8 : octets[i];
    return sum;
}

uint16_t packet_checksum(const uint8_t *octets, uint32_t bytes, uint32_t sum)
{
    sum += sum_of(octets, bytes);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint32_t packet_pseudo_sum(uint8_t version, const uint8_t source[static 16],
                           const uint8_t target[static 16], uint8_t protocol, uint32_t bytes)
{
    uint32_t address_bytes = version == 4 ? 4 : 16;
    return sum_of(source, address_bytes) + sum_of(target, address_bytes) + protocol +
           (bytes >> 16) + (bytes & 0xffff);
}

static uint8_t protocol_of(const struct packet *p)
{
    if (p->protocol != 0)
        return p->protocol;
    switch (p->transport) {
    case PACKET_UDP:
        return IPPROTO_UDP;
    case PACKET_ICMP:
        return p->version == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    case PACKET_TCP:
    case PACKET_NONE:
        break;
    }
    return IPPROTO_TCP;
}

static void put_hardware(struct packet_frame *f, const uint8_t address[static 6], uint8_t last)
{
    static const uint8_t none[6];
    const uint8_t fallback[6] = {2, 0, 0, 0, 0, last};
    put(f, memcmp(address, none, sizeof none) == 0 ? fallback : address, sizeof none);
}

static void put_ethernet(const struct packet *p, struct packet_frame *f)
{
    CHECK(p->tag_count <= PACKET_TAGS_MAX);
    put_hardware(f, p->to, 1);
    put_hardware(f, p->from, 2);
    for (unsigned i = 0; i < p->tag_count; i++) {
        put16(f, p->tags[i].type == 0 ? 0x8100 : p->tags[i].type);
        put16(f, p->tags[i].id);
    }
    uint32_t own = p->version == 6 ? 0x86dd : 0x0800;
    put16(f, p->ether_type == 0 ? own : p->ether_type);
}

static uint32_t transport_bytes(const struct packet *p)
{
    switch (p->transport) {
    case PACKET_TCP:
        return 20u + p->option_bytes + p->payload_bytes;
    case PACKET_UDP:
    case PACKET_ICMP:
        return 8u + p->payload_bytes;
    case PACKET_NONE:
        break;
    }
    return p->payload_bytes;
}

static void put_ipv4(const struct packet *p, struct packet_frame *f)
{
    CHECK(p->ip_option_bytes <= PACKET_OPTION_BYTES_MAX && p->ip_option_bytes % 4 == 0);
    uint32_t header_bytes = 20u + p->ip_option_bytes;
    uint32_t begin = f->bytes;
    put8(f, 0x40u | header_bytes / 4);
    put8(f, 0);
    put16(f, header_bytes + transport_bytes(p));
    put16(f, p->ip_id);
    put16(f, (p->dont_fragment ? 0x4000u : 0) | (p->more_fragments ? 0x2000u : 0) |
                 p->fragment_at / 8u);
    put8(f, p->hops == 0 ? 64 : p->hops);
    put8(f, protocol_of(p));
    put16(f, 0);
    put(f, p->source, 4);
    put(f, p->target, 4);
    fill(f, 1, p->ip_option_bytes);
    write_number(f->octets + begin + 10, packet_checksum(f->octets + begin, header_bytes, 0), 2);
}

static uint32_t extension_bytes(const struct packet_extension *e)
{
    if (e->type == IPPROTO_FRAGMENT)
        return FRAGMENT_BYTES;
    if (e->bytes != 0)
        return e->bytes;
    return e->type == IPPROTO_AH ? 12 : 8;
}

static uint8_t next_header(const struct packet *p, unsigned i)
{
    return i < p->extension_count ? p->extensions[i].type : protocol_of(p);
}

static void put_extension(const struct packet *p, unsigned i, struct packet_frame *f)
{
    const struct packet_extension *e = &p->extensions[i];
    uint32_t bytes = extension_bytes(e);
    CHECK(bytes >= 8 && bytes <= 2048 && bytes % 4 == 0);
    put8(f, next_header(p, i + 1));
    if (e->type == IPPROTO_FRAGMENT) {
        put8(f, 0);
        put16(f, (e->fragment_at & 0xfff8u) | (e->more ? 1u : 0));
        put32(f, p->ip_id);
        return;
    }
    put8(f, e->type == IPPROTO_AH ? bytes / 4 - 2 : bytes / 8 - 1);
    if (e->type == IPPROTO_AH || e->type == IPPROTO_ROUTING) {
        fill(f, 0, bytes - 2);
        return;
    }
    put8(f, 1); /* PadN to the end */
    put8(f, bytes - 4 < 255 ? bytes - 4 : 255);
    fill(f, 0, bytes - 4);
}

static void put_ipv6(const struct packet *p, struct packet_frame *f)
{
    CHECK(p->extension_count <= PACKET_EXTENSIONS_MAX);
    uint32_t bytes = transport_bytes(p);
    for (unsigned i = 0; i < p->extension_count; i++)
        bytes += extension_bytes(&p->extensions[i]);
    put32(f, 0x60000000u);
    put16(f, bytes);
    put8(f, next_header(p, 0));
    put8(f, p->hops == 0 ? 64 : p->hops);
    put(f, p->source, 16);
    put(f, p->target, 16);
    f->extension_at = f->bytes;
    for (unsigned i = 0; i < p->extension_count; i++)
        put_extension(p, i, f);
}

static void put_tcp(const struct packet *p, struct packet_frame *f)
{
    CHECK(p->option_bytes <= PACKET_OPTION_BYTES_MAX && p->option_bytes % 4 == 0);
    put16(f, p->source_port);
    put16(f, p->target_port);
    put32(f, p->sequence);
    put32(f, p->acknowledges);
    put8(f, (20u + p->option_bytes) / 4 << 4);
    put8(f, p->flags);
    put16(f, p->window);
    put32(f, 0);
    put(f, p->options, p->option_bytes);
}

static void put_transport(const struct packet *p, struct packet_frame *f)
{
    uint32_t begin = f->bytes, check_at = 0;
    uint32_t bytes = transport_bytes(p);
    CHECK(p->payload_bytes <= PACKET_PAYLOAD_MAX);
    switch (p->transport) {
    case PACKET_TCP:
        put_tcp(p, f);
        check_at = begin + 16;
        break;
    case PACKET_UDP:
        put16(f, p->source_port);
        put16(f, p->target_port);
        put16(f, bytes);
        check_at = f->bytes;
        put16(f, 0);
        break;
    case PACKET_ICMP:
        put8(f, p->version == 6 ? 128 : 8);
        put8(f, 0);
        check_at = f->bytes;
        put16(f, 0);
        put32(f, 1);
        break;
    case PACKET_NONE:
        break;
    }
    f->payload_at = f->bytes;
    fill(f, 0xa5, p->payload_bytes);
    if (check_at == 0)
        return;
    bool has_pseudo = p->version != 0 && !(p->version == 4 && p->transport == PACKET_ICMP);
    uint32_t sum = 0;
    if (has_pseudo)
        sum = packet_pseudo_sum(p->version, p->source, p->target, protocol_of(p), bytes);
    uint16_t check = packet_checksum(f->octets + begin, bytes, sum);
    bool is_zero = check == 0 && p->transport == PACKET_UDP; /* which would say: none */
    write_number(f->octets + check_at, is_zero ? 0xffff : check, 2);
}

static void spoil(const struct packet_spoilt *s, struct packet_frame *f)
{
    const uint32_t layer_at[] = {
        [PACKET_ETHERNET] = 0,
        [PACKET_IP] = f->ip_at,
        [PACKET_EXTENSION] = f->extension_at,
        [PACKET_TRANSPORT] = f->transport_at,
    };
    if (s->bytes == 0)
        return;
    CHECK(s->layer <= PACKET_TRANSPORT && s->bytes <= 4);
    uint32_t at = layer_at[s->layer] + s->at;
    CHECK(at + s->bytes <= f->bytes);
    write_number(f->octets + at, s->value, s->bytes);
}

void packet_build(const struct packet *p, struct packet_frame *ret)
{
    *ret = (struct packet_frame){0};
    put_ethernet(p, ret);
    ret->ip_at = ret->bytes;
    if (p->version == 4)
        put_ipv4(p, ret);
    if (p->version == 6)
        put_ipv6(p, ret);
    else
        ret->extension_at = ret->bytes;
    ret->transport_at = ret->bytes;
    put_transport(p, ret);
    for (unsigned i = 0; i < PACKET_SPOILT_MAX; i++)
        spoil(&p->spoilt[i], ret);
    fill(ret, 0, p->padding_bytes);
    CHECK(p->cut_bytes <= ret->bytes);
    ret->bytes -= p->cut_bytes;
}
