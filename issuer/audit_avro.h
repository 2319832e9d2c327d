/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of an audit log as an Avro object container file (docs/formats.md), for tools of
 * analysis: each entry's own octets, and beside them what one looks for. */
#pragma once

#include <stdio.h>

#include "lib/err.h"
#include "lib/span.h"

struct audit_avro;
/** Begins a file on `out`, which stays the caller's. `log` is the log's origin. ERR_IO, ERR_MEMORY,
 * ERR_UNSUPPORTED (this libavro has no deflate). */
MUST_CHECK enum err audit_avro_open(FILE *out, const char *log, struct audit_avro **ret);
/** One more. Of an entry that is no JSON object only the octets are told. ERR_IO, ERR_MEMORY. */
MUST_CHECK enum err audit_avro_put(struct audit_avro *avro, uint64_t index, struct span entry);
/** Writes what is left. ERR_IO. `avro` is gone in any case. */
MUST_CHECK enum err audit_avro_close(struct audit_avro *avro);
