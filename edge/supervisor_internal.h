/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the supervisor share; nobody else includes this. */
#pragma once

#include "edge/child.h"
#include "edge/generation.h"
#include "edge/shared.h"
#include "edge/stale_watch.h"

#define SECOND_NS UINT64_C(1000000000)
/* A child that cannot begin this soon after the start ends the edge: the operator is looking. */
#define BEGIN_NS (5 * SECOND_NS)

/* Of serve and admin two may run: one of each half, the old and the new of a reload. */
enum role { ROLE_SYNC, ROLE_ADMIN_0, ROLE_ADMIN_1, ROLE_SERVE_0, ROLE_SERVE_1, ROLE_COUNT };

struct supervisor {
    const char *path;
    struct edge_shared *shared;
    struct generation now;
    struct generation next; /* while a reload is on trial */
    struct child children[ROLE_COUNT];
    struct stale_watch stale;
    unsigned half;        /* of the serving process of `now` */
    bool trial;           /* `next` runs beside `now` until it is taken, or fails */
    bool sync_is_next;    /* the running sync process has the configuration of `next` */
    bool asked;           /* for a reload, which has not begun */
    uint64_t leave_ns;    /* the processes of the reload before are not waited for longer */
    uint64_t handover_ns; /* of a trial: what may be waited for is not waited for longer */
    uint64_t kill_ns;     /* while stopping */
    uint64_t begin_ns;    /* when all of this started; 0: longer ago than matters */
    int signals;
    int status;
    bool stopping;
};

static inline struct child *serve_child(struct supervisor *s, unsigned half)
{
    return &s->children[ROLE_SERVE_0 + (half & 1)];
}

static inline struct child *admin_child(struct supervisor *s, unsigned half)
{
    return &s->children[ROLE_ADMIN_0 + (half & 1)];
}

/* --- edge/roles.c: children --- */

void child_start(struct supervisor *s, enum role role);
/** Starts what is due. */
void start_due(struct supervisor *s);
/** Takes note of children that have ended. */
void reap(struct supervisor *s);
/** Ends a child at once, for good, and waits for it. */
void child_clear(struct supervisor *s, struct child *child);
/** SIGTERM to all; nothing is started any more. */
void stop_all(struct supervisor *s);

/* --- edge/reload.c --- */

/** Begins a trial with the configuration as it is now when one is asked for, and takes the new
 * generation when it is ready. */
void reload_step(struct supervisor *s);
/** Whether the child belongs to a generation on trial. */
bool reload_owns(struct supervisor *s, const struct child *child);
/** Gives up the trial: the old generation goes on. */
void reload_give_up(struct supervisor *s, const char *name, const char *why);
