/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of the issuance cycle, in their order. Each is timed by itself (issuer/issue.h runs
 * them, /metrics has a histogram of each), and each is a place where a crash test ends the process.
 */
#pragma once

/* name, word of the metric's label, what happens in it */
#define ISSUE_STAGE_TABLE(X)                                                              \
    X(CLAIM, "claim", "the order is taken, or found as it was")                           \
    X(CHECK, "check", "CSR, proof of possession, key policy, names")                      \
    X(VALIDATE, "validate", "domains are validated, OV and EV are approved")              \
    X(PLAN, "plan", "serial, shard, times; the TBSCertificate")                           \
    X(LINT, "lint", "rules, allow list and external linter on the draft")                 \
    X(RESERVE, "reserve", "transaction: the serial is reserved, state signing")           \
    X(ANNOUNCE, "announce", "audit leaves cert.reserved, cert.linted, cert.signing")      \
    X(SIGN, "sign", "the CA's key signs")                                                 \
    X(VERIFY, "verify", "TBSCertificate equal to the draft, rules, signature")            \
    X(WITNESS, "witness", "audit leaf cert.issued")                                       \
    X(RECORD, "record", "transaction: certificate, names, event `issued`; not committed") \
    X(COMMIT, "commit", "that transaction commits")                                       \
    X(PUBLISH, "publish", "the statement is signed and in the presigner's log")

enum issue_stage {
#define X(name, word, text) ISSUE_STAGE_##name,
    ISSUE_STAGE_TABLE(X)
#undef X
        ISSUE_STAGE_COUNT
};

/** The word of a stage; never NULL. */
const char *issue_stage_word(enum issue_stage stage);
