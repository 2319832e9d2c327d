/* SPDX-License-Identifier: Apache-2.0 */
/* One child of the supervisor, and when it may be started again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A child that dies is started again after a pause that doubles up to the last of these, and is
 * back at the first after it has lived long enough. */
#define CHILD_PAUSE_FIRST_NS UINT64_C(100000000)
#define CHILD_PAUSE_LAST_NS  UINT64_C(10000000000)
#define CHILD_LIVED_NS       UINT64_C(60000000000)

struct child {
    const char *name; /* of the process, for people and for ps */
    pid_t pid;        /* 0: not running */
    uint64_t started_ns;
    uint64_t pause_ns;
    uint64_t start_again_ns; /* when not running; UINT64_MAX: not wanted */
    bool told;               /* it was asked to end */
};

/** Forks. In the child: named, dies with the parent, no signal blocked, SIGINT and SIGHUP ignored;
 *  returns 0. In the parent: the process id, or -1 (errno tells). */
pid_t child_fork(struct child *child, uint64_t now_ns);
/** Asks it to end: for good, or to be started again at once. */
void child_replace(struct child *child, bool again);
/** It has ended by itself: sets when it is started again. */
void child_died(struct child *child, uint64_t now_ns);
/** Whether it is time. */
bool child_due(const struct child *child, uint64_t now_ns);
/** Sends a signal when it is running. */
void child_signal(const struct child *child, int signal_no);
