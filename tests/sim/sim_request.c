/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_request.h"

#include "lib/base64.h"
#include "lib/check.h"
#include "tests/sim/sim_files.h"

#include <stdio.h>

static uint32_t below(struct sim_world *world, uint32_t n)
{
    return fixture_random_below(&world->random, n);
}

static void put(struct sim_client *c, const void *data, size_t size)
{
    CHECK(size <= SIM_STREAM_MAX - c->stream_size);
    memcpy(c->stream + c->stream_size, data, size);
    c->stream_size += size;
}

static void put_text(struct sim_client *c, const char *text)
{
    put(c, text, strlen(text));
}

static void put_fill(struct sim_client *c, char octet, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put(c, &octet, 1);
}

/* The serial of a known or an unknown certificate, under a known or an unknown issuer. */
static size_t pick_der(struct sim_world *world, struct sim_expect *expect, uint8_t *der,
                       size_t room)
{
    struct serial serial;
    const struct ocsp_template *t = &world->templates[0];
    expect->hash = below(world, 2) == 0 ? CERTID_HASH_SHA1 : CERTID_HASH_SHA256;
    expect->needs_ready = true;
    uint32_t dice = below(world, 10);
    if (dice < 8) {
        expect->statement = &world->statements[below(world, SIM_STATEMENTS)];
        serial = expect->statement->serial;
    } else {
        struct fixture_statement s = fixture_statement(&world->random, 0, 9, (struct facts){0});
        serial = s.serial;
        expect->outcome = OUTCOME_UNKNOWN_SERIAL;
    }
    if (dice == 9) {
        t = &world->templates[1];
        expect->outcome = OUTCOME_UNKNOWN_ISSUER;
    }
    return fixture_request(t, expect->hash, &serial, der, room);
}

static void put_fields(struct sim_client *c, struct sim_world *world, struct sim_expect *expect)
{
    uint32_t dice = below(world, 12);
    put_text(c, "Host: ocsp.example\r\n");
    if (dice == 0 && !c->is_fat) {
        put_text(c, "Connection: close\r\n");
        expect->closes = true;
    } else if (dice == 1 || c->is_fat) {
        put_text(c, "User-Agent: ");
        put_fill(c, 'u', (c->is_fat ? 1000 : 0) + below(world, 3000));
        put_text(c, "\r\n");
    }
}

static void put_get(struct sim_client *c, struct sim_world *world, struct sim_expect *expect)
{
    uint8_t der[256];
    char path[1024];
    size_t path_size = 0;
    size_t der_size = pick_der(world, expect, der, sizeof der);
    enum err err = ocsp_path_encode(span_of(der, der_size), path, sizeof path, &path_size);
    CHECK(err == ERR_OK);
    bool old = !c->is_fat && below(world, 8) == 0;
    /* Only whole clients ask HEAD: how long the answer to a damaged one is could not be known. */
    expect->is_head = !c->is_garbage && below(world, 8) == 0;
    put_text(c, expect->is_head ? "HEAD /" : "GET /");
    put(c, path, path_size);
    put_text(c, old ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    put_fields(c, world, expect);
    if (old && !expect->closes) {
        expect->closes = below(world, 2) == 0;
        if (!expect->closes)
            put_text(c, "Connection: keep-alive\r\n");
    }
    if (below(world, 4) == 0) {
        expect->if_none_match = true;
        put_text(c, "If-None-Match: *\r\n");
    }
    put_text(c, "\r\n");
}

static void put_post(struct sim_client *c, struct sim_world *world, struct sim_expect *expect)
{
    uint8_t der[256];
    size_t der_size = pick_der(world, expect, der, sizeof der);
    if (below(world, 8) == 0) {
        der[0] = 0x31;
        *expect = (struct sim_expect){.outcome = OUTCOME_MALFORMED};
    }
    put_text(c, "POST / HTTP/1.1\r\n");
    put_fields(c, world, expect);
    if (below(world, 4) == 0) {
        expect->continues = true;
        put_text(c, "Expect: 100-continue\r\n");
    }
    char line[96];
    snprintf(line, sizeof line,
             "Content-Type: application/ocsp-request\r\nContent-Length: %zu\r\n\r\n", der_size);
    put_text(c, line);
    put(c, der, der_size);
}

/* Requests that are answered without a look at the data. */
static void put_other(struct sim_client *c, struct sim_world *world, struct sim_expect *expect)
{
    static const struct {
        const char *text;
        enum outcome outcome;
        bool closes;
    } rows[] = {
        {"GET /favicon.ico HTTP/1.1\r\nHost: a\r\n\r\n", OUTCOME_NOT_FOUND, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody", OUTCOME_NOT_FOUND, false},
        {"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", OUTCOME_METHOD, false},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/css\r\nContent-Length: 0\r\n\r\n",
         OUTCOME_MEDIA_TYPE, false},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10001\r\n\r\n", OUTCOME_BODY_TOO_LARGE,
         true},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         OUTCOME_LENGTH_REQUIRED, true},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", OUTCOME_BAD_HTTP, true},
        {"GET / HTTP/1.1\r\n\r\n", OUTCOME_BAD_HTTP, true},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", OUTCOME_VERSION, true},
    };
    uint32_t row = below(world, sizeof rows / sizeof rows[0]);
    expect->outcome = rows[row].outcome;
    expect->closes = rows[row].closes;
    put_text(c, rows[row].text);
}

static void put_huge(struct sim_client *c, struct sim_world *world, struct sim_expect *expect)
{
    expect->closes = true;
    if (below(world, 2) == 0) {
        expect->outcome = OUTCOME_TARGET_TOO_LONG;
        put_text(c, "GET /");
        put_fill(c, 'A', HTTP_TARGET_BYTES_MAX + 10);
        put_text(c, " HTTP/1.1\r\nHost: a\r\n\r\n");
    } else {
        expect->outcome = OUTCOME_HEAD_TOO_LARGE;
        put_text(c, "GET / HTTP/1.1\r\nHost: a\r\nCookie: ");
        put_fill(c, 'c', HTTP_HEAD_BYTES_MAX + 10);
        put_text(c, "\r\n\r\n");
    }
}

void sim_request_append(struct sim_client *c, struct sim_world *world)
{
    struct sim_expect *expect = &c->expects[c->request_count];
    *expect = (struct sim_expect){0};
    if (!c->is_fat && below(world, 8) == 0) {
        sim_files_append(c, world);
        c->ends[c->request_count++] = c->stream_size;
        return;
    }
    uint32_t dice = below(world, c->is_fat ? 17 : 20);
    if (dice < 11)
        put_get(c, world, expect);
    else if (dice < 17)
        put_post(c, world, expect);
    else if (dice < 19)
        put_other(c, world, expect);
    else
        put_huge(c, world, expect);
    c->ends[c->request_count++] = c->stream_size;
}
