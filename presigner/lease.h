/* SPDX-License-Identifier: Apache-2.0 */
/* The right to publish: one process at a time, by a lease with a fencing token.
 *
 * The token is a generation in the status database; who takes the lease over makes it one greater.
 * Every write transaction of the publication compares it (publish_txn.h), and the files that name
 * what is true (log entries, the head) get their names within such a transaction. So a process that
 * lost the lease while it stood still, at whatever instruction, finds the greater generation and
 * publishes nothing, however late it wakes: no clock has a say in that.
 *
 * Whether the holder is alive is only a question of when to take over. The holder keeps the octet
 * `generation` of the file <state_dir>/lease locked, which the kernel ends with the process, and
 * counts a beat in it. A waiter takes over at once when the lock is gone, and when the beat has
 * stood still for long enough by the waiter's own clock: clocks of two processes are not compared.
 *
 * Table `publication`, key "lease": version 1 (= 1), generation 8, process 4, taken at 8.
 * File `lease`: 64 beats of 8 octets in the machine's order, that of generation g at g modulo 64;
 * the locks lie beyond them. It holds nothing that outlives its processes. */
#pragma once

#include "presigner/status_db.h"

struct lease;

struct lease_holder {
    uint64_t generation; /* 0: nobody ever had it */
    uint32_t process;
    uint64_t taken_s;
};

/** Opens the file of a state directory. Database and directory stay borrowed. ERR_IO and
 *  ERR_DISK_FULL (logged), ERR_LIMIT, ERR_MEMORY. */
MUST_CHECK enum err lease_open(struct status_db *status, const char *state_dir, struct lease **ret);
/** Gives it up, if it is held. Takes NULL, returns NULL. */
struct lease *lease_close(struct lease *l);

/** Takes it when nobody has it or its holder has ended. ERR_BUSY: the holder lives. Errors of the
 *  database and of the file. */
MUST_CHECK enum err lease_take(struct lease *l, uint64_t now_s);
/** For one who waits and asks again and again: takes it also when, from call to call, the holder's
 *  beat has stood still for `hang_ns` of the monotonic time `now_ns`. ERR_BUSY: not yet. */
MUST_CHECK enum err lease_watch(struct lease *l, uint64_t hang_ns, uint64_t now_ns, uint64_t now_s);
/** Who has it. */
MUST_CHECK enum err lease_who(struct lease *l, struct lease_holder *ret);

/** For programs that never take it: whether its holder lives. No file, or one that we may not read:
 *  false. Errors of the database. */
MUST_CHECK enum err lease_is_held(struct status_db *status, const char *state_dir, bool *ret);

/** Counts one beat: "alive". Any thread. */
void lease_beat(struct lease *l);
/** ERR_FENCED: another has taken over. Within a write transaction this stays true to its end. */
MUST_CHECK enum err lease_check(const struct lease *l, MDB_txn *txn);
/** Of this holder; 0 when it never was one. */
uint64_t lease_generation(const struct lease *l);
