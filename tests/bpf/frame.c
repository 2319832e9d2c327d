/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bpf/frame.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

struct writer {
    uint8_t *data;
    size_t size;
};

static void put8(struct writer *w, unsigned value)
{
    CHECK(w->size < FRAME_BYTES_MAX);
    w->data[w->size++] = (uint8_t)value;
}

static void put16(struct writer *w, unsigned value)
{
    put8(w, value >> 8 & 0xff);
    put8(w, value & 0xff);
}

static void put32(struct writer *w, uint32_t value)
{
    put16(w, value >> 16);
    put16(w, value & 0xffff);
}

static void fill(struct writer *w, unsigned octet, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put8(w, octet);
}

static void put_address(struct writer *w, unsigned version, const char *text)
{
    uint8_t address[16];
    CHECK(inet_pton(version == 6 ? AF_INET6 : AF_INET, text, address) == 1);
    for (unsigned i = 0; i < (version == 6 ? 16 : 4); i++)
        put8(w, address[i]);
}

/* RFC 1071, the slow way: sixteen bits after sixteen bits. */
static uint32_t sum_up(uint32_t sum, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
    return sum;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    at[0] = (uint8_t)((~sum >> 8) & 0xff);
    at[1] = (uint8_t)(~sum & 0xff);
}

static unsigned or_else(unsigned value, unsigned otherwise)
{
    return value != 0 ? value : otherwise;
}

static unsigned version_of(const struct frame *f)
{
    return or_else(f->version, 4);
}

static const char *from_of(const struct frame *f)
{
    return f->from != NULL ? f->from : version_of(f) == 6 ? "2001:db8:99::7" : "198.51.100.7";
}

static const char *to_of(const struct frame *f)
{
    return f->to != NULL ? f->to : version_of(f) == 6 ? "2001:db8::1" : "192.0.2.1";
}

static unsigned port_of(unsigned port, unsigned otherwise)
{
    return port == PORT_ZERO ? 0 : or_else(port, otherwise);
}

static void put_ethernet(struct writer *w, const struct frame *f)
{
    static const uint8_t client[6] = {0x02, 0, 0, 0, 0, 0x0c}, server[6] = {0x02, 0, 0, 0, 0, 0x05};
    const uint8_t *to = f->back ? client : server, *from = f->back ? server : client;
    for (unsigned i = 0; i < 6; i++)
        put8(w, f->group ? 0xff : to[i]);
    for (unsigned i = 0; i < 6; i++)
        put8(w, from[i]);
    for (unsigned i = 0; i < FRAME_TAGS_MAX && f->tags[i] != 0; i++) {
        put16(w, f->tags[i]);
        put16(w, 100 + i);
    }
    put16(w, or_else(f->type, version_of(f) == 6 ? 0x86dd : 0x0800));
}

static size_t tcp_header_bytes(const struct frame *f)
{
    return 20u + (f->mss != 0 ? 4u : 0u) + f->tcp_options;
}

static size_t tcp_bytes(const struct frame *f)
{
    return tcp_header_bytes(f) + f->data_bytes;
}

static void put_tcp(struct writer *w, const struct frame *f)
{
    size_t begin = w->size;
    put16(w, port_of(f->from_port, 40000));
    put16(w, port_of(f->to_port, 80));
    put32(w, f->seq != 0 || f->back ? f->seq : 1000);
    put32(w, f->ack);
    put8(w, or_else(f->data_offset, (unsigned)tcp_header_bytes(f) / 4) << 4);
    put8(w, f->flags == FLAGS_NONE ? 0 : or_else(f->flags, SYN));
    put16(w, f->back ? f->window : 64240);
    put32(w, 0);
    if (f->mss != 0) {
        put16(w, 0x0204);
        put16(w, f->mss);
    }
    fill(w, 1, f->tcp_options);
    fill(w, 'd', f->data_bytes);

    struct writer pseudo = {.data = (uint8_t[FRAME_BYTES_MAX]){0}};
    put_address(&pseudo, version_of(f), from_of(f));
    put_address(&pseudo, version_of(f), to_of(f));
    put32(&pseudo, 6);
    put32(&pseudo, (uint32_t)tcp_bytes(f));
    uint32_t sum = sum_up(0, pseudo.data, pseudo.size);
    put_sum(w->data + begin + 16, sum_up(sum, w->data + begin, w->size - begin));
}

static void put_v4(struct writer *w, const struct frame *f)
{
    size_t begin = w->size, header = 20u + f->ip_options;
    put8(w, or_else(f->version_says, 4) << 4 | or_else(f->header_words, (unsigned)header / 4));
    put8(w, 0);
    put16(w, f->zero_length ? 0 : (unsigned)((int)(header + tcp_bytes(f)) + f->longer) & 0xffff);
    put16(w, f->back ? 0 : 4711);
    put16(w, f->back ? 0x4000 : f->fragment);
    put8(w, or_else(f->hops, 57));
    put8(w, or_else(f->protocol, 6));
    put16(w, 0);
    put_address(w, 4, from_of(f));
    put_address(w, 4, to_of(f));
    fill(w, 1, f->ip_options);
    put_sum(w->data + begin + 10, sum_up(0, w->data + begin, header));
}

static unsigned extension_bytes(const struct frame_extension *e)
{
    return or_else(e->bytes, 8);
}

static void put_extension(struct writer *w, const struct frame_extension *e, unsigned next)
{
    unsigned bytes = extension_bytes(e);
    put8(w, next);
    put8(w, e->type == 44 ? 0 : e->type == 51 ? bytes / 4 - 2 : bytes / 8 - 1);
    put16(w, e->fragment);
    fill(w, 0, bytes - 4);
}

static void put_v6(struct writer *w, const struct frame *f)
{
    unsigned last = or_else(f->protocol, 6), count = f->extension_count;
    size_t bytes = tcp_bytes(f);
    for (unsigned i = 0; i < count; i++)
        bytes += extension_bytes(&f->extensions[i]);
    put32(w, (uint32_t)or_else(f->version_says, 6) << 28);
    put16(w, f->zero_length ? 0 : (unsigned)((int)bytes + f->longer) & 0xffff);
    put8(w, count > 0 ? f->extensions[0].type : last);
    put8(w, or_else(f->hops, 57));
    put_address(w, 6, from_of(f));
    put_address(w, 6, to_of(f));
    for (unsigned i = 0; i < count; i++)
        put_extension(w, &f->extensions[i], i + 1 < count ? f->extensions[i + 1].type : last);
}

size_t frame_make(const struct frame *f, uint8_t out[static FRAME_BYTES_MAX])
{
    struct writer w = {.data = out};
    put_ethernet(&w, f);
    if (version_of(f) == 6)
        put_v6(&w, f);
    else
        put_v4(&w, f);
    put_tcp(&w, f);
    fill(&w, f->back ? 0 : 0xee, f->padding);
    CHECK(f->cut < w.size);
    return w.size - f->cut;
}
