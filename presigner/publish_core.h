/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the publication share. For presigner/publish_*.c only. */
#pragma once

#include "lib/head.h"
#include "lib/index.h"
#include "lib/os/file.h"
#include "lib/pack.h"
#include "presigner/publish.h"
#include "presigner/publish_db.h"
#include "presigner/schedule.h"

#define PUBLISH_PATH_BYTES 1024

/* Statements signed between two looks at what is urgent: limits, and the time they should take. */
#define SIGN_CHUNK_MIN   256
#define SIGN_CHUNK_MAX   8192
#define SIGN_CHUNK_NS    200000000u
#define SIGN_RATE_FIRST  2000 /* a second, before anything was measured */
#define ENTRY_COUNT_MAX  50000
#define KEY_RETRY_S      30   /* a key that failed is tried again after this */
#define RANGE_TAIL_MIN   1000 /* a range takes this many tail statements whatever its size */
#define RANGE_TAIL_SHARE 8    /* above that, this part of its statements */

/** An issuer as it signs now. */
struct publish_issuer {
    const struct issuer_config *config;
    struct ocsp_template template_;
    struct schedule_policy policy;
    struct signer *signer;
    struct sign_source *source;
    uint64_t blocked_until_s; /* its key failed: the other issuers go on meanwhile */
    uint64_t deferred_first; /* changes that come with a dirty range (publish_settled.h); 0: none */
    uint64_t deferred_last;
    uint64_t scanned_sequence; /* for publish_scan.c: what its dirty ranges have, at least */
};

struct publish_crls;   /* publish_crl.c */
struct publish_filter; /* publish_filter.c */

struct publisher {
    const struct presigner_config *config;
    struct status_db *status;
    struct lease *lease;
    struct publish_db db;
    uint64_t (*clock_s)(void);
    struct publish_key *key;
    struct sign_pool *pool;
    struct publish_issuer *issuers;
    size_t issuer_count;
    struct publish_crls *crls;
    struct publish_filter *filter;
    struct publish_state state; /* as committed */
    int stop;                   /* atomic */

    struct sha256 head_hash; /* of the newest head's note */
    struct head head;        /* what it says; time_s 0: none of this run yet */
    uint64_t head_time_s;    /* its time, of an earlier run too */
    bool first_head_waits;   /* no head was ever published, and not all is signed yet */
    uint64_t entry_time_s;   /* when the newest log entry was made */
    uint64_t entry_ns;       /* the same in monotonic time */
    uint64_t entry_took_ns;  /* how long it took, of changes */
    uint64_t collect_time_s; /* when old files were last removed */
    uint64_t scan_time_s;    /* when the ranges were last looked at, */
    uint64_t scan_log;       /* the state they were in, */
    uint64_t scan_sequence;
    uint64_t next_due_s;   /* and when the next one is due */
    uint64_t clock_seen_s; /* the clock at the last step */
    bool turn;             /* due and dirty ranges take turns */
    uint64_t sign_rate;    /* signatures a second, measured */

    struct publish_watch watch;
    void (*settled)(void *context, const struct publisher *p);
    void *settled_context;
    struct publish_news news; /* for the next head */

    struct buffer entry; /* the log entry in the making */
    struct buffer pack;  /* the pack in the making */
    struct pack_writer writer;
    struct sign_item *items; /* two chunks: one is signed while the next is read */
    uint8_t *signatures;     /* three: a block may begin in the chunk before */
    uint64_t *counters;      /* COUNT_COUNT of them */
};

/** The issuer of that id; NULL when it is not configured. */
struct publish_issuer *publish_issuer_find(struct publisher *p, uint64_t issuer_id);

static inline bool publish_stopped(const struct publisher *p)
{
    return __atomic_load_n(&p->stop, __ATOMIC_RELAXED) != 0;
}

static inline void publish_count(struct publisher *p, enum presigner_counter counter, uint64_t n)
{
    counter_add(&p->counters[counter], n);
}

static inline void publish_gauge(struct publisher *p, enum presigner_counter counter, uint64_t n)
{
    counter_set(&p->counters[counter], n);
}
