/* SPDX-License-Identifier: Apache-2.0 */
/* A link and the servers that the test plays, step by step, on a clock of the test's. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/os/redis_link.h"
#include "tests/unit/redis_double.h"
#include "tests/unit/scratch.h"

#define MS_NS UINT64_C(1000000)
#define S_NS  (1000 * MS_NS)

static char dir[SCRATCH_BYTES];
static struct redis_double one, two;
static const char *addresses[] = {one.path, two.path};
static struct redis_link *link_;
static uint64_t now_ns;

static inline int setup(void **state)
{
    (void)state;
    scratch_make(dir);
    redis_double_start(&one, dir, "one");
    redis_double_start(&two, dir, "two");
    now_ns = 1000 * S_NS;
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    link_ = redis_link_free(link_);
    redis_double_stop(&one);
    redis_double_stop(&two);
    scratch_remove(dir);
    return 0;
}

static inline struct redis_link_config config_of(size_t count)
{
    return (struct redis_link_config){
        .addresses = addresses, .address_count = count, .reply_bytes_max = 1000000, .seed = 1};
}

static inline void make(size_t count)
{
    struct redis_link_config config = config_of(count);
    assert_int_equal(redis_link_new(&config, &link_), ERR_OK);
}

static inline void step(void)
{
    redis_link_step(link_, now_ns);
}

/* Waits for the kernel to hand something to the link; the link's clock stands still meanwhile. */
static inline void await(void)
{
    struct pollfd p = {.fd = redis_link_fd(link_), .events = POLLIN};
    assert_int_equal(poll(&p, 1, REDIS_DOUBLE_WAIT_MS), 1);
}

static inline void greet(struct redis_double *r)
{
    redis_double_accept(r);
    step();
    redis_double_expect(r, "PING");
    redis_double_say(r, "+PONG\r\n");
    await();
    step();
    assert_int_not_equal(redis_link_session(link_), 0);
}

static inline void connect_to(struct redis_double *r)
{
    step();
    greet(r);
    assert_string_equal(redis_link_address(link_), r->path);
}

static inline enum err send_word(const char *word)
{
    struct span argv = span_text(word);
    return redis_link_send(link_, now_ns, 1, &argv, 500);
}

/* A command and its answer. */
static inline void exchange(struct redis_double *r)
{
    redisReply *reply = NULL;
    assert_int_equal(send_word("ECHO"), ERR_OK);
    redis_double_expect(r, "ECHO");
    redis_double_say(r, ":7\r\n");
    await();
    assert_int_equal(redis_link_reply(link_, now_ns, &reply), ERR_OK);
    assert_int_equal(reply->integer, 7);
    freeReplyObject(reply);
}

static inline void expect_no_reply(void)
{
    redisReply *reply = NULL;
    assert_int_equal(redis_link_reply(link_, now_ns, &reply), ERR_NOT_FOUND);
    assert_null(reply);
}

/* The connection has ended; this is why. */
static inline void expect_down(const char *why)
{
    assert_int_equal(redis_link_session(link_), 0);
    if (strstr(redis_link_trouble(link_), why) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", why, redis_link_trouble(link_));
}
