/* SPDX-License-Identifier: Apache-2.0 */
/* The pure path of the edge on fixed input, for bench/guard to count the instructions of: request
 * octets -> http_request_parse -> answer_begin -> lookup stages -> answer_finish -> response
 * octets.
 *
 * Usage: guard-path list     names the cases, one a line
 *        guard-path ROUNDS   runs them in that order: each ROUNDS times its REQUESTS requests
 *
 * What is not path is done before: path_run() is what counts. */
#include "edge/answer.h"
#include "lib/base64.h"
#include "lib/check.h"
#include "tests/fixture/edge_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW_S       1800000000u
#define REFRESH_S   302400u
#define VALIDITY_S  604800u
#define STATEMENTS  10000u
#define REVOKE_EACH 16u /* every 16th statement is revoked */
#define REQUESTS    64u /* of a case, each for another serial */
#define ROUNDS_MAX  1000000u

#define SERIAL_OCTETS 16
#define DER_BYTES     256
#define TEXT_BYTES    1024

enum form { GET_ENCODED, GET_RAW, POST };
enum who { GOOD, REVOKED, UNKNOWN };

static const struct path_case {
    const char *name;
    enum form form;
    enum who who;
    enum certid_hash hash;
} cases[] = {
    {"get-encoded-good", GET_ENCODED, GOOD, CERTID_HASH_SHA1},
    {"get-encoded-revoked", GET_ENCODED, REVOKED, CERTID_HASH_SHA1},
    {"get-encoded-unknown", GET_ENCODED, UNKNOWN, CERTID_HASH_SHA1},
    {"get-raw-good", GET_RAW, GOOD, CERTID_HASH_SHA1},
    {"get-raw-revoked", GET_RAW, REVOKED, CERTID_HASH_SHA1},
    {"get-raw-unknown", GET_RAW, UNKNOWN, CERTID_HASH_SHA1},
    {"post-good", POST, GOOD, CERTID_HASH_SHA1},
    {"post-revoked", POST, REVOKED, CERTID_HASH_SHA1},
    {"post-unknown", POST, UNKNOWN, CERTID_HASH_SHA1},
    {"get-encoded-good-sha256", GET_ENCODED, GOOD, CERTID_HASH_SHA256},
    {"get-raw-good-sha256", GET_RAW, GOOD, CERTID_HASH_SHA256},
    {"post-good-sha256", POST, GOOD, CERTID_HASH_SHA256},
};
#define CASES (sizeof cases / sizeof cases[0])

static const enum outcome outcomes[] = {
    [GOOD] = OUTCOME_GOOD, [REVOKED] = OUTCOME_REVOKED, [UNKNOWN] = OUTCOME_UNKNOWN_SERIAL};

struct path_request {
    uint8_t octets[TEXT_BYTES];
    size_t size;
};

static struct {
    struct edge_fixture fixture;
    struct ocsp_template t;
    struct fixture_statement statements[STATEMENTS];
    struct answer_config config;
    struct answer_clock clock;
    struct path_request requests[REQUESTS];
    uint8_t out[ANSWER_BYTES_MAX];
} world;

static void world_start(void)
{
    struct fixture_random r = fixture_random_of(1);
    world.t = fixture_template(0, 1, CERTID_BOTH, REFRESH_S);
    for (uint32_t i = 0; i < STATEMENTS; i++) {
        bool revoked = i % REVOKE_EACH == 0;
        struct facts facts = {.template_no = 1,
                              .status = revoked ? CERT_REVOKED : CERT_GOOD,
                              .reason = revoked ? REASON_KEY_COMPROMISE : REASON_ABSENT,
                              .revoked_at_s = revoked ? NOW_S - 100000 - i : 0,
                              .this_update_s = NOW_S - 1000 - i,
                              .next_update_s = NOW_S - 1000 - i + VALIDITY_S};
        world.statements[i] = fixture_statement(&r, world.t.issuer_id, SERIAL_OCTETS, facts);
    }
    fixture_statements_sort(world.statements, STATEMENTS);
    edge_fixture_start(&world.fixture, &world.t, 1, world.statements, STATEMENTS);
    enum err err = answer_config_set(&world.config, "/");
    CHECK(err == ERR_OK);
    answer_clock_set(&world.clock, NOW_S);
}

static struct serial pick_serial(struct fixture_random *r, enum who who)
{
    struct fixture_statement stranger =
        fixture_statement(r, world.t.issuer_id, SERIAL_OCTETS, (struct facts){0});
    if (who == UNKNOWN)
        return stranger.serial;
    uint32_t place = fixture_random_below(r, STATEMENTS);
    uint8_t status = who == REVOKED ? CERT_REVOKED : CERT_GOOD;
    while (world.statements[place].facts.status != status)
        place = (place + 1) % STATEMENTS;
    return world.statements[place].serial;
}

static void get_write(const struct path_case *c, struct span der, struct path_request *ret)
{
    char path[TEXT_BYTES / 2];
    size_t size = 0;
    enum err err = c->form == GET_RAW ? base64_encode(der, path, sizeof path, &size)
                                      : ocsp_path_encode(der, path, sizeof path, &size);
    CHECK(err == ERR_OK);
    int written = snprintf((char *)ret->octets, sizeof ret->octets,
                           "GET /%.*s HTTP/1.1\r\nHost: ocsp.example.com\r\n"
                           "User-Agent: guard/1.0\r\nAccept: */*\r\n\r\n",
                           (int)size, path);
    CHECK(written > 0 && (size_t)written < sizeof ret->octets);
    ret->size = (size_t)written;
}

static void post_write(struct span der, struct path_request *ret)
{
    int written = snprintf((char *)ret->octets, sizeof ret->octets,
                           "POST / HTTP/1.1\r\nHost: ocsp.example.com\r\n"
                           "User-Agent: guard/1.0\r\nAccept: */*\r\n"
                           "Content-Type: application/ocsp-request\r\nContent-Length: %zu\r\n\r\n",
                           der.size);
    CHECK(written > 0 && (size_t)written + der.size < sizeof ret->octets);
    memcpy(ret->octets + written, der.data, der.size);
    ret->size = (size_t)written + der.size;
}

static void requests_make(const struct path_case *c)
{
    /* The same serials in every form, so that the forms can be compared. */
    struct fixture_random r = fixture_random_of(2);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        uint8_t der[DER_BYTES];
        struct serial serial = pick_serial(&r, c->who);
        size_t size = fixture_request(&world.t, c->hash, &serial, der, sizeof der);
        if (c->form == POST)
            post_write(span_of(der, size), &world.requests[i]);
        else
            get_write(c, span_of(der, size), &world.requests[i]);
    }
}

static enum outcome path_request(const struct path_request *request)
{
    struct http_request head;
    struct answer_query query;
    size_t size;
    if (http_request_parse(span_of(request->octets, request->size), 0, &head) != HTTP_REQUEST)
        return OUTCOME_BAD_HTTP;
    struct span body = span_of(request->octets + head.head_bytes, head.content_length_bytes);
    answer_begin(world.fixture.snapshot, &world.config, &head, body, &query);
    if (query.needs_lookup) {
        snapshot_find_chunk(&query.lookup);
        snapshot_find_approach(&query.lookup);
    }
    return answer_finish(world.fixture.snapshot, &world.clock, &query, ANSWER_KEEP, world.out,
                         sizeof world.out, &size);
}

/* bench/guard knows this name: one call is one case. Returns how many answers were expected. */
uint64_t path_run(uint64_t rounds, enum outcome expected);
__attribute__((noinline)) uint64_t path_run(uint64_t rounds, enum outcome expected)
{
    uint64_t right = 0;
    for (uint64_t i = 0; i < rounds; i++)
        for (uint32_t k = 0; k < REQUESTS; k++)
            right += path_request(&world.requests[k]) == expected;
    return right;
}

static void list(void)
{
    for (size_t i = 0; i < CASES; i++)
        printf("%s %u\n", cases[i].name, REQUESTS);
}

int main(int argc, char **argv)
{
    uint64_t rounds = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        list();
        return 0;
    }
    if (rounds == 0 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: guard-path list|ROUNDS\n");
        return 2;
    }
    world_start();
    for (size_t i = 0; i < CASES; i++) {
        requests_make(&cases[i]);
        uint64_t right = path_run(rounds, outcomes[cases[i].who]);
        CHECK(right == rounds * REQUESTS);
    }
    edge_fixture_stop(&world.fixture);
    return 0;
}
