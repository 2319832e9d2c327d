/* SPDX-License-Identifier: Apache-2.0 */
/* statim revoke --from: a list of revocations. A line that cannot be read takes back all of the
 * list; a serial that was never imported is told of and the others are revoked. Done in short
 * transactions, in key order, so that single revocations and the publisher get their turn; after a
 * crash what was committed stays, and the same command completes the rest. */
#pragma once

#include "presigner/cert_record.h"
#include "tools/directory.h"
#include "tools/wait.h"

struct revoke_from_options {
    const char *file;                /* "-": standard input */
    const struct cert_record *claim; /* reason and time of lines without their own */
    uint64_t now_s;
    bool dry_run;
    const struct wait_options *wait;
};

/** The exit status: 0, 1 when anything was not revoked, WAIT_LATE. */
int revoke_from(const struct directory *d, const struct revoke_from_options *options);
