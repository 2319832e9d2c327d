/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bpf/random_draw.h"

#include <netinet/in.h>
#include <string.h>

#include "lib/random.h"

#define PICK(state, table) ((table)[draw_below(state, sizeof(table) / sizeof *(table))])

uint64_t draw_below(uint64_t *state, uint64_t limit)
{
    return random_next(state) % limit;
}

bool draw_one_in(uint64_t *state, uint64_t count)
{
    return draw_below(state, count) == 0;
}

/* Few addresses: neighbours in small and in large prefixes, and those that get no answer. */
static void draw_address(uint64_t *state, uint8_t version, uint8_t ret[static 16])
{
    static const uint8_t odd_v4[][4] = {{0, 0, 0, 0},         {0, 0, 0, 1},         {127, 0, 0, 1},
                                        {224, 0, 0, 1},       {239, 255, 255, 255}, {240, 0, 0, 1},
                                        {255, 255, 255, 255}, {255, 255, 255, 254}};
    static const uint8_t odd_v6[][16] = {
        {0}, {[15] = 1}, {[15] = 2}, {[0] = 0xff, [1] = 2, [15] = 1}, {[0] = 0xfe, [1] = 0x80}};
    static const uint8_t bits[] = {0, 1, 2, 127, 128, 255};
    memset(ret, 0, 16);
    if (draw_one_in(state, 16)) {
        if (version == 4)
            memcpy(ret, PICK(state, odd_v4), 4);
        else
            memcpy(ret, PICK(state, odd_v6), 16);
        return;
    }
    const uint8_t begin[4] = {10, 0, 0, 0}, begin_v6[4] = {0x20, 0x01, 0x0d, 0xb8};
    memcpy(ret, version == 4 ? begin : begin_v6, 4);
    unsigned last = version == 4 ? 3 : 15;
    ret[last] = PICK(state, bits);
    for (unsigned i = 1; i < last; i++) {
        if (draw_one_in(state, version == 4 ? 3 : 12))
            ret[i] = PICK(state, bits);
    }
}

static const uint16_t ports[] = {80, 443, 8080, 0, 65535};

static void draw_service_address(uint64_t *state, uint8_t version, uint8_t ret[static 16])
{
    memset(ret, 0, 16);
    const uint8_t begin[4] = {192, 0, 2, 0}, begin_v6[4] = {0x20, 0x01, 0x0d, 0xb8};
    memcpy(ret, version == 4 ? begin : begin_v6, 4);
    ret[version == 4 ? 3 : 15] = (uint8_t)(1 + draw_below(state, 2));
}

static struct filter_rate draw_rate(uint64_t *state)
{
    static const uint32_t per_s[] = {1, 3, 100, 1000, 1000000, FILTER_PER_S_MAX};
    static const uint32_t burst[] = {1, 2, 3, 5, 100};
    if (draw_one_in(state, 4))
        return (struct filter_rate){0};
    if (draw_one_in(state, 16))
        return (struct filter_rate){FILTER_INTERVAL_NS_MAX, FILTER_BURST_NS_MAX};
    return filter_rate_of(PICK(state, per_s), PICK(state, burst));
}

static void draw_rules(uint64_t *state, struct drawn_policy *p)
{
    static const uint32_t counts[] = {0, 0, 1, 5, 40};
    uint32_t count = PICK(state, counts);
    for (uint32_t i = 0; i < count; i++) {
        struct model_rule *r = &p->rules[i];
        r->list = (enum filter_list)draw_below(state, 4);
        bool v4 = r->list == FILTER_ALLOW_V4 || r->list == FILTER_DENY_V4;
        draw_address(state, v4 ? 4 : 6, r->address);
        unsigned most = v4 ? 32 : 128;
        r->bits = (uint8_t)draw_below(state, most + 1);
        if (draw_one_in(state, 2)) /* long ones, or all would be denied */
            r->bits = (uint8_t)(most - draw_below(state, 9));
        else if (r->bits < 8 && !draw_one_in(state, 8))
            r->bits = (uint8_t)most;
        for (unsigned b = r->bits; b < 128; b++)
            r->address[b / 8] &= (uint8_t) ~(0x80u >> (b % 8));
        bool is_twice = false;
        for (uint32_t j = 0; j < p->rule_count; j++)
            is_twice = is_twice || memcmp(&p->rules[j], r, sizeof *r) == 0;
        if (!is_twice)
            p->rules[p->rule_count++] = *r;
    }
}

struct drawn_policy draw_policy(uint64_t *state, const __u64 key[static 2])
{
    static const uint8_t v4_bits[] = {8, 9, 24, 24, 31, 32},
                         v6_bits[] = {16, 17, 48, 56, 56, 63, 64};
    static const uint64_t periods[] = {1, 1000000000, 60000000000, UINT64_MAX};
    struct drawn_policy p = {.service_count =
                                 (uint32_t)(draw_one_in(state, 12) ? 0 : 2 + draw_below(state, 7))};
    struct filter_config *c = &p.config;
    c->syn = draw_rate(state);
    c->packets = draw_rate(state);
    c->budget = draw_rate(state);
    c->cookies = draw_rate(state);
    c->refusals = draw_rate(state);
    c->shed_period_ns = PICK(state, periods);
    c->hash_key[0] = key[0];
    c->hash_key[1] = key[1];
    c->v4_prefix_bits = PICK(state, v4_bits);
    c->v6_prefix_bits = PICK(state, v6_bits);
    c->observe = draw_one_in(state, 6);
    c->pass_fragments = draw_one_in(state, 2);
    c->sample_one_in = (uint32_t)draw_below(state, 3);
    for (uint32_t i = 0; i < p.service_count; i++) {
        struct model_service *s = &p.services[i];
        s->version = draw_one_in(state, 2) ? 4 : 6;
        s->port = ports[draw_below(state, 2)];
        draw_service_address(state, s->version, s->address);
    }
    draw_rules(state, &p);
    return p;
}

static void draw_ip(uint64_t *state, struct packet *p)
{
    static const uint16_t offsets[] = {0, 8, 16, 24, 32, 1480, 65528};
    static const uint8_t types[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT,
                                    IPPROTO_AH,      IPPROTO_DSTOPTS, IPPROTO_DSTOPTS};
    static const uint16_t sizes[] = {0, 8, 16, 24, 64, 248, 256, 264};
    if (p->version == 4) {
        if (draw_one_in(state, 4))
            p->ip_option_bytes = (uint8_t)(4 * draw_below(state, 11));
        if (draw_one_in(state, 8)) {
            p->fragment_at = PICK(state, offsets);
            p->more_fragments = draw_one_in(state, 2);
        }
        p->dont_fragment = draw_one_in(state, 2);
    } else if (draw_one_in(state, 2)) {
        p->extension_count = (uint8_t)draw_below(state, PACKET_EXTENSIONS_MAX + 1);
        for (unsigned i = 0; i < p->extension_count; i++) {
            struct packet_extension *e = &p->extensions[i];
            e->type = PICK(state, types);
            if (e->type == IPPROTO_FRAGMENT && draw_one_in(state, 2)) {
                e->fragment_at = PICK(state, offsets);
                e->more = draw_one_in(state, 2);
            }
            if (draw_one_in(state, 3))
                e->bytes = PICK(state, sizes);
        }
    }
}

static void draw_transport(uint64_t *state, struct packet *p)
{
    static const uint8_t options[] = {2, 4, 5, 180, 4, 2, 8, 10, 1, 2,
                                      3, 4, 0, 0,   0, 0, 1, 3,  3, 7};
    static const uint8_t flags[] = {PACKET_SYN,
                                    PACKET_SYN,
                                    PACKET_SYN,
                                    PACKET_SYN,
                                    PACKET_ACK,
                                    PACKET_ACK,
                                    PACKET_ACK | PACKET_PSH,
                                    PACKET_RST,
                                    PACKET_FIN | PACKET_ACK};
    static const uint16_t source_ports[] = {1024, 40000, 40000, 40001, 80};
    p->transport = PACKET_TCP;
    if (draw_one_in(state, 20))
        p->transport = (enum packet_transport)(draw_below(state, 4));
    p->source_port = PICK(state, source_ports);
    p->target_port = ports[draw_below(state, 2)];
    if (draw_one_in(state, 16))
        p->source_port = PICK(state, ports);
    if (draw_one_in(state, 16))
        p->target_port = PICK(state, ports);
    p->sequence = (uint32_t)random_next(state);
    p->acknowledges = (uint32_t)random_next(state);
    p->flags = PICK(state, flags);
    if (draw_one_in(state, 8))
        p->flags = (uint8_t)random_next(state);
    p->window = (uint16_t)random_next(state);
    if (draw_one_in(state, 2)) {
        p->option_bytes = (uint8_t)(4 * draw_below(state, 11));
        memset(p->options, 1, sizeof p->options);
        if (p->option_bytes >= sizeof options)
            memcpy(p->options, options, sizeof options);
    }
    if (draw_one_in(state, 3))
        p->payload_bytes = (uint16_t)draw_below(state, 64);
}

/* Whatever a decoder may trip over: one octet or a length wrong, the frame cut or longer. */
static void mutate(uint64_t *state, struct packet_frame *f)
{
    uint64_t octets = 1 + draw_below(state, 3);
    for (uint64_t i = 0; i < octets && f->bytes > 0; i++) {
        /* mostly in the headers, which are what is read */
        uint32_t most = f->bytes < 120 || draw_one_in(state, 4) ? f->bytes : 120;
        uint32_t at = (uint32_t)draw_below(state, most);
        if (draw_one_in(state, 2))
            f->octets[at] ^= (uint8_t)(1u << draw_below(state, 8));
        else
            f->octets[at] = (uint8_t)random_next(state);
    }
    if (draw_one_in(state, 4))
        f->bytes -= (uint32_t)draw_below(state, f->bytes - 13);
    else if (draw_one_in(state, 8))
        f->bytes += (uint32_t)draw_below(state, 100);
}

void draw_frame(uint64_t *state, struct packet *ret, struct packet_frame *ret_frame,
                bool *ret_is_whole)
{
    static const uint16_t types[] = {0x8100, 0x88a8, 0x8100, 0x9100};
    struct packet p = {.version = draw_one_in(state, 2) ? 4 : 6};
    if (draw_one_in(state, 4)) {
        p.tag_count = (uint8_t)draw_below(state, PACKET_TAGS_MAX + 1);
        for (unsigned i = 0; i < p.tag_count; i++)
            p.tags[i] = (struct packet_tag){PICK(state, types), (uint16_t)random_next(state)};
    }
    if (draw_one_in(state, 20))
        memset(p.to, 0xff, sizeof p.to);
    draw_address(state, p.version, p.source);
    draw_service_address(state, p.version, p.target);
    if (draw_one_in(state, 40))
        memcpy(p.source, p.target, sizeof p.source);
    draw_ip(state, &p);
    draw_transport(state, &p);
    if (draw_one_in(state, 4))
        p.padding_bytes = (uint16_t)draw_below(state, 40);
    packet_build(&p, ret_frame);
    *ret_is_whole = true;
    if (draw_one_in(state, 4)) {
        *ret_is_whole = false;
        mutate(state, ret_frame);
    } else if (draw_one_in(state, 40)) {
        *ret_is_whole = false;
        for (uint32_t i = 0; i < ret_frame->bytes; i++)
            ret_frame->octets[i] = (uint8_t)random_next(state);
    }
    *ret = p;
}
