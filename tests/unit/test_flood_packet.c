/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a flood: what is on the wire, by an eye that does not know how they were made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/flood/packet.h"

#define FRAMES 2000u

static const uint8_t to_mac[] = {2, 0, 0, 0, 0, 1}, from_mac[] = {2, 0, 0, 0, 0, 2};

static struct packet_plan plan_of(enum packet_kind kind, const char *to, const char *from)
{
    struct packet_plan plan = {.kind = kind, .port = 8080, .seed = 7};
    assert_int_equal(packet_address_parse(to, &plan.to), ERR_OK);
    assert_int_equal(packet_address_parse(from, &plan.from), ERR_OK);
    memcpy(plan.to_mac, to_mac, sizeof to_mac);
    memcpy(plan.from_mac, from_mac, sizeof from_mac);
    return plan;
}

/* RFC 1071, one octet after the other: 0 over what has a right checksum. */
static uint16_t checksum(const uint8_t *data, size_t size, uint16_t before)
{
    uint32_t sum = before;
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] * 256 : data[i];
        if (sum > 0xffff)
            sum -= 0xffff;
    }
    return (uint16_t)sum;
}

static unsigned u16_at(const uint8_t *data)
{
    return (unsigned)data[0] * 256 + data[1];
}

struct expected {
    enum packet_kind kind;
    const char *to, *from;
    size_t size;
    uint8_t flags;
};

/* Ethernet, IP and TCP as RFC 894, 2464, 791, 8200 and 9293 have them. */
static void look(const struct expected *e, const uint8_t *frame, size_t size)
{
    bool is_v4 = strchr(e->to, ':') == NULL;
    const uint8_t *ip = frame + 14, *tcp = ip + (is_v4 ? 20 : 40);
    size_t tcp_bytes = size - (size_t)(tcp - frame);
    assert_int_equal(size, e->size);
    assert_memory_equal(frame, to_mac, 6);
    assert_memory_equal(frame + 6, from_mac, 6);
    assert_int_equal(u16_at(frame + 12), is_v4 ? 0x0800 : 0x86dd);
    if (is_v4) {
        assert_int_equal(ip[0], 0x45);
        assert_int_equal(u16_at(ip + 2), size - 14);
        assert_int_equal(u16_at(ip + 6), 0x4000);
        assert_int_equal(ip[9], 6);
        assert_int_equal(checksum(ip, 20, 0), 0xffff);
    } else {
        assert_int_equal(ip[0] >> 4, 6);
        assert_int_equal(u16_at(ip + 4), tcp_bytes);
        assert_int_equal(ip[6], 6);
    }
    assert_int_equal(is_v4 ? ip[8] : ip[7], 64);
    assert_true(u16_at(tcp) >= 1024);
    assert_int_equal(u16_at(tcp + 2), 8080);
    assert_int_equal((tcp[12] >> 4) * 4, tcp_bytes);
    assert_int_equal(tcp[13], e->flags);
    uint16_t pseudo = is_v4 ? checksum(ip + 12, 8, 0) : checksum(ip + 8, 32, 0);
    const uint8_t length[] = {0, 6, (uint8_t)(tcp_bytes >> 8), (uint8_t)tcp_bytes};
    assert_int_equal(checksum(tcp, tcp_bytes, checksum(length, sizeof length, pseudo)), 0xffff);
}

static void test_frames(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {PACKET_SYN, "10.1.2.3", "198.18.0.0/15", 66, 0x02},
        {PACKET_ACK, "10.1.2.3", "198.18.0.0/15", 54, 0x10},
        {PACKET_SYN_ACK, "10.1.2.3", "0.0.0.0/0", 54, 0x12},
        {PACKET_SYN, "2001:db8::3", "2001:db8:ffff::/48", 86, 0x02},
        {PACKET_ACK, "2001:db8::3", "2001:db8:ffff::/48", 74, 0x10},
        {PACKET_SYN_ACK, "2001:db8::3", "2001:db8:ffff::1", 74, 0x12},
    };
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct packet_plan plan = plan_of(rows[row].kind, rows[row].to, rows[row].from);
        struct packet_maker maker;
        uint8_t frame[PACKET_BYTES_MAX];
        packet_maker_start(&maker, &plan);
        for (unsigned i = 0; i < FRAMES; i++) {
            memset(frame, 0xaa, sizeof frame);
            look(&rows[row], frame, packet_next(&maker, frame));
        }
        assert_int_equal(maker.made, FRAMES);
    }
}

static void test_syn_options(void **state)
{
    (void)state;
    static const uint8_t options[] = {2, 4, 0x05, 0xb4, 1, 3, 3, 7, 1, 1, 4, 2};
    struct packet_plan plan = plan_of(PACKET_SYN, "10.1.2.3", "192.0.2.1");
    struct packet_maker maker;
    uint8_t frame[PACKET_BYTES_MAX];
    packet_maker_start(&maker, &plan);
    packet_next(&maker, frame);
    assert_memory_equal(frame + 54, options, sizeof options);
    const uint8_t addresses[] = {192, 0, 2, 1, 10, 1, 2, 3};
    assert_memory_equal(frame + 26, addresses, sizeof addresses);
}

/* How many different ones there are among the first `count` of `size` octets. */
static unsigned different(const uint8_t *list, unsigned count, size_t size)
{
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned j = 0;
        while (j < i && memcmp(list + i * size, list + j * size, size) != 0)
            j++;
        found += j == i;
    }
    return found;
}

static void draw(const struct packet_plan *plan, unsigned count, uint8_t *ret)
{
    size_t at = plan->to.version == 4 ? 26 : 22, size = plan->to.version == 4 ? 4 : 16;
    struct packet_maker maker;
    uint8_t frame[PACKET_BYTES_MAX];
    packet_maker_start(&maker, plan);
    for (unsigned i = 0; i < count; i++) {
        packet_next(&maker, frame);
        memcpy(ret + i * size, frame + at, size);
    }
}

static void test_sources_are_of_the_prefix(void **state)
{
    (void)state;
    static uint8_t sources[FRAMES * 16];
    struct packet_plan plan = plan_of(PACKET_SYN, "10.1.2.3", "198.18.0.0/15");
    draw(&plan, FRAMES, sources);
    for (unsigned i = 0; i < FRAMES; i++) {
        assert_int_equal(sources[4 * i], 198);
        assert_int_equal(sources[4 * i + 1] & 0xfe, 18);
    }
    /* Of 131,072 at random a few come twice: 15 are expected. */
    assert_in_range(different(sources, FRAMES, 4), FRAMES - 60, FRAMES);
    plan = plan_of(PACKET_SYN, "2001:db8::3", "2001:db8:ff00::/41");
    draw(&plan, FRAMES, sources);
    const uint8_t prefix[] = {0x20, 0x01, 0x0d, 0xb8, 0xff};
    for (unsigned i = 0; i < FRAMES; i++) {
        assert_memory_equal(sources + 16 * i, prefix, sizeof prefix);
        assert_true(sources[16 * i + 5] < 0x80);
    }
    assert_int_equal(different(sources, FRAMES, 16), FRAMES);
}

static void test_few_sources(void **state)
{
    (void)state;
    static uint8_t sources[400 * 16];
    struct packet_plan plan = plan_of(PACKET_SYN, "10.1.2.3", "198.18.0.0/15");
    plan.source_count = 8;
    draw(&plan, 400, sources);
    assert_int_equal(different(sources, 400, 4), 8);
    assert_memory_equal(sources, sources + 8 * 4, 392 * 4);
    plan = plan_of(PACKET_SYN, "2001:db8::3", "2001:db8:ff00::/40");
    plan.source_count = 5;
    draw(&plan, 400, sources);
    assert_int_equal(different(sources, 400, 16), 5);
}

static void test_repeats_with_its_seed(void **state)
{
    (void)state;
    static uint8_t first[400 * 4], again[400 * 4];
    struct packet_plan plan = plan_of(PACKET_SYN, "10.1.2.3", "198.18.0.0/15");
    draw(&plan, 400, first);
    draw(&plan, 400, again);
    assert_memory_equal(first, again, sizeof first);
    plan.seed++;
    draw(&plan, 400, again);
    assert_memory_not_equal(first, again, sizeof first);
}

static void test_addresses_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
    } rows[] = {
        {"", ERR_MALFORMED},
        {"10.0.0", ERR_MALFORMED},
        {"10.0.0.0/", ERR_MALFORMED},
        {"10.0.0.0/8x", ERR_MALFORMED},
        {"10.0.0.0/+8", ERR_MALFORMED},
        {"10.0.0.0/33", ERR_RANGE},
        {"10.0.0.1/8", ERR_RANGE},
        {"2001:db8::/129", ERR_RANGE},
        {"2001:db8::1/32", ERR_RANGE},
        {"2001:db8:::/32", ERR_MALFORMED},
        {"host", ERR_MALFORMED},
        {"10.0.0.0/99999999999999999999", ERR_RANGE},
        {"2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000/32", ERR_MALFORMED},
    };
    struct packet_address address = {.version = 9};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(packet_address_parse(rows[i].text, &address), rows[i].err);
    uint8_t mac[PACKET_MAC_BYTES] = {9};
    static const char *const macs[] = {"", "02:00:00:00:00", "02:00:00:00:00:01:02", "2:0:0:0:0:1",
                                       "02:00:00:00:00:0g"};
    for (size_t i = 0; i < sizeof macs / sizeof *macs; i++)
        assert_int_equal(packet_mac_parse(macs[i], mac), ERR_MALFORMED);
    assert_int_equal(address.version, 9);
    assert_int_equal(mac[0], 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_syn_options),
        cmocka_unit_test(test_sources_are_of_the_prefix),
        cmocka_unit_test(test_few_sources),
        cmocka_unit_test(test_repeats_with_its_seed),
        cmocka_unit_test(test_addresses_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
