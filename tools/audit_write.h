/* SPDX-License-Identifier: Apache-2.0 */
/* `statim audit init` and `append`. Both print errors and return an exit status. */
#pragma once

struct audit_cli {
    const char *folder;
    const char *key;     /* file of the private key (init, append); verifier key or its file */
    const char *origin;  /* init */
    const char *against; /* verify: file of an older checkpoint */
    const char *input;   /* append: file, or NULL for standard input */
    const char *index;   /* prove: --index */
    const char *since;   /* prove: --since */
    const char *from;    /* export */
    const char *until;   /* export */
    const char *format;  /* export: ndjson, avro */
    const char *sealed;  /* verify: not NULL */
};

int audit_init(const struct audit_cli *c);
/** Each line of the input is a JSON object and becomes an entry in canonical form: compact, keys
 * sorted. All of them are checked before the first is appended. */
int audit_append(const struct audit_cli *c);

/** "statim audit: <what>: <why>" on standard error; returns 1. */
int audit_complain(const char *what, const char *why);
