/* SPDX-License-Identifier: Apache-2.0 */
/* --wait and --wait-edges: a verb that made a change returns when it is published, or applied by so
 * many edges. Publication is the presigner's, which runs meanwhile. */
#pragma once

#include <getopt.h>

#include "lib/serial.h"
#include "tools/directory.h"

/* The exit status when the change was made, but the wait was in vain. */
#define WAIT_LATE 3

/* Without --wait. */
#define WAIT_LIMIT_S 60

struct wait_options {
    bool told;      /* any of them was given */
    bool published; /* --wait */
    uint64_t edges; /* --wait-edges; 0: none */
    uint64_t limit_s;
};
#define WAIT_OPTIONS_DEFAULT ((struct wait_options){.limit_s = WAIT_LIMIT_S})

/* Rows of getopt_long(): name, what it then returns; each has an argument. */
enum { WAIT_OPTION_WAIT = 0x100, WAIT_OPTION_EDGES };
#define WAIT_OPTION_TABLE(X)    \
    X("wait", WAIT_OPTION_WAIT) \
    X("wait-edges", WAIT_OPTION_EDGES)
/** Takes one; false: it is none of ours, or its value is none. */
bool wait_option(int option, const char *value, struct wait_options *o);

/** Without options: where a presigner works, what it is to publish is waited for as with
 *  --wait WAIT_LIMIT_S; where none does, that is said. */
void wait_by_default(const struct directory *d, struct wait_options *o);

/** Whether what is asked for can be had at all; complains. Before the change. */
bool wait_possible(const struct directory *d, const struct wait_options *o);

enum wait_kind {
    WAIT_ALL,     /* all changes of the issuer */
    WAIT_REVOKED, /* its revocations, as publish_wait() has it */
    WAIT_ONE,     /* the revocation of one certificate */
};

/* What is waited for. */
struct wait_goal {
    enum wait_kind kind;
    uint64_t sequence;           /* of the last change */
    const struct serial *serial; /* of WAIT_ONE */
};

/** Waits, with progress on a terminal, and prints what came of it. The exit status of the verb: 0,
 *  1 (the database), WAIT_LATE. Without options 0 at once. */
int wait_for(const struct directory *d, const struct wait_options *o, const struct wait_goal *goal);
