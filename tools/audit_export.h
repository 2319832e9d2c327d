/* SPDX-License-Identifier: Apache-2.0 */
/* `statim audit export`: verified entries to standard output. */
#pragma once

#include "issuer/audit_verify.h"

/* name, what writes it */
#define AUDIT_EXPORT_TABLE(X) \
    X(NDJSON, "ndjson")       \
    X(AVRO, "avro")

enum audit_export_format {
#define X(name, word) AUDIT_EXPORT_##name,
    AUDIT_EXPORT_TABLE(X)
#undef X
};

/** NULL is ndjson. ERR_NOT_FOUND. */
MUST_CHECK enum err audit_export_format(const char *word, enum audit_export_format *ret);

/** Writes the entries from `first` up to, not including, `end`. `log` is the origin. Errors of
 * audit_each(), ERR_IO, ERR_MEMORY. */
MUST_CHECK enum err audit_export(struct audit_reader *r, const char *log,
                                 enum audit_export_format format, uint64_t first, uint64_t end);
