/* SPDX-License-Identifier: Apache-2.0 */
/* An audit log in a folder of its own, a journal on it, and what is in it. Include cmocka first. */
#pragma once

#include <sched.h>
#include <sys/stat.h>

#include "issuer/audit_key.h"
#include "issuer/audit_verify.h"
#include "issuer/journal.h"
#include "lib/check.h"
#include "lib/os/clock.h"
#include "tests/unit/scratch.h"

#define ORIGIN     "audit.example"
#define DEADLINE_S 20

static char root[SCRATCH_BYTES];
static char folder[SCRATCH_BYTES + 8];
static char key_path[SCRATCH_BYTES + 8];

/* A new log and its key under `root`. */
static inline void make_log(void)
{
    struct publish_key *key = NULL;
    char pem[512];
    size_t size = 0;
    snprintf(folder, sizeof folder, "%s/log", root);
    snprintf(key_path, sizeof key_path, "%s/key", root);
    CHECK(publish_key_generate(span_text(ORIGIN), &key) == ERR_OK);
    CHECK(publish_key_to_pem(key, pem, sizeof pem, &size) == ERR_OK);
    CHECK(file_publish(key_path, span_of(pem, size), 0600) == ERR_OK);
    CHECK(audit_log_create(folder, key) == ERR_OK);
    CHECK(audit_key_publish(key, folder) == ERR_OK);
    publish_key_free(key);
}

static inline int journal_setup(void **state)
{
    (void)state;
    scratch_make(root);
    make_log();
    return 0;
}

static inline int journal_teardown(void **state)
{
    (void)state;
    scratch_remove(root);
    return 0;
}

static inline struct journal *open_with(struct journal_options options)
{
    struct journal *j = NULL;
    options.folder = folder;
    options.key = key_path;
    if (journal_open(&options, &j) != ERR_OK)
        return NULL;
    return j;
}

static inline struct journal *open_one(void)
{
    struct journal *j = open_with((struct journal_options){0});
    assert_non_null(j);
    return j;
}

static inline struct journal_status status_of(struct journal *j)
{
    struct journal_status status;
    journal_status(j, &status);
    return status;
}

static inline enum err append_text(struct journal *j, const char *text, uint64_t *ret_leaf)
{
    return journal_append(j, span_text(text), ret_leaf);
}

/* --- What is in the log, read as anybody may. --- */

struct entries {
    char (*texts)[64]; /* the beginnings */
    uint64_t count;
};

static inline enum err take(void *context, uint64_t index, struct span entry)
{
    struct entries *e = context;
    assert_int_equal(index, e->count);
    e->texts = reallocarray(e->texts, e->count + 1, sizeof *e->texts);
    size_t size = entry.size < 63 ? entry.size : 63;
    memcpy(e->texts[e->count], entry.data, size);
    e->texts[e->count++][size] = '\0';
    return ERR_OK;
}

static inline struct entries read_log(void)
{
    struct verify_key key;
    struct audit_reader r;
    struct entries e = {0};
    char fault[TILE_PATH_BYTES] = "";
    assert_int_equal(audit_verify_key(NULL, folder, &key), ERR_OK);
    assert_int_equal(audit_reader_open(folder, &key, &r), ERR_OK);
    enum err err = audit_verify(&r, fault);
    if (err != ERR_OK)
        fail_msg("%s: %s", fault, err_text(err));
    assert_int_equal(audit_each(&r, 0, r.tree.size, take, &e), ERR_OK);
    audit_reader_done(&r);
    return e;
}

static inline bool eventually(struct journal *j, bool (*holds)(const struct journal_status *status))
{
    uint64_t until_ns = clock_monotonic_ns() + DEADLINE_S * UINT64_C(1000000000);
    while (clock_monotonic_ns() < until_ns) {
        struct journal_status status = status_of(j);
        if (holds(&status))
            return true;
        sched_yield();
    }
    return false;
}

static inline bool is_well(const struct journal_status *status)
{
    return status->err == ERR_OK;
}
