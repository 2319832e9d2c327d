/* SPDX-License-Identifier: Apache-2.0 */
/* Faults where a cycle meets the world: each call of the database, the audit log and the key is an
 * instant, and at one of them something happens. The calls are wrapped by the linker (--wrap). */
#pragma once

#include "lib/serial.h"

/* name, what happens at the instant */
#define FAULT_TABLE(X)                                                                    \
    X(NONE, "nothing")                                                                    \
    X(DIE_BEFORE, "the process ends before the call has an effect")                       \
    X(DIE_AFTER, "the process ends when it has had its effect")                           \
    X(FAIL, "the call fails without effect; a database connection is lost with it")       \
    X(FAIL_AFTER, "the call fails, but has had its effect: an outcome that nobody knows") \
    X(BUSY, "begin or commit: another transaction was in the way")                        \
    X(OUTAGE, "from here on nothing works, until faults_heal()")

enum fault {
#define X(name, text) FAULT_##name,
    FAULT_TABLE(X)
#undef X
        FAULT_COUNT
};
const char *fault_text(enum fault fault);

/* What a call is. */
enum call { CALL_RECONNECT, CALL_BEGIN, CALL_RUN, CALL_COMMIT, CALL_APPEND, CALL_SIGN };

/** From now on calls are counted from 0, and `fault` happens at call `instant`. */
void faults_set(enum fault fault, unsigned instant);
/** Calls since faults_set(). */
unsigned faults_calls(void);
/** Whether the fault is another one at such a call than at its neighbours. */
bool fault_applies(enum fault fault, enum call call);
/** What call `instant` was, of those since faults_set(). */
enum call faults_call(unsigned instant);
/** Everything works again, as after a restart. */
void faults_heal(void);

#define SIGNED_MAX 4096
/* What the key has signed, for ever: a serial of a TBSCertificate each time. */
extern struct serial signed_serials[SIGNED_MAX];
extern unsigned signed_count;
