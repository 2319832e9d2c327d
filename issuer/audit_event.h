/* SPDX-License-Identifier: Apache-2.0 */
/* Events of the issuer as entries of its audit log: one JSON object each, in the canonical form of
 * RFC 8785 (no blanks, members in order of their names, integers below 2^53), so that equal events
 * have equal octets and anybody can hash what he reads. Pure.
 *
 * Two tables say what there is: the types of events with what each must have, and the members. What
 * an event has beyond the needed ones is its maker's affair. Octets that are long (requests,
 * certificates) are in it by their SHA-256 only.
 *
 *   struct audit_event event;
 *   audit_event_begin(&event, AUDIT_CERT_SIGNING, now_s, actor, request_id);
 *   audit_event_ca(&event, issuer_id);
 *   audit_event_serial(&event, &serial);
 *   audit_event_hash(&event, AUDIT_FIELD_TBS_SHA256, &hash);
 *   TRY(journal_record(journal, &event, &leaf));
 *
 * Values are borrowed until the event is written. The first error of any call sticks, and
 * audit_event_write() returns it: an event that cannot be said does not go by in silence. */
#pragma once

#include "lib/digest.h"
#include "lib/serial.h"

/* The greatest integer that every reader of JSON has exactly (RFC 8785 3.2.2.3, RFC 7493 2.2). */
#define AUDIT_NUMBER_MAX ((UINT64_C(1) << 53) - 1)

/* How a member is written:
 *   TEXT    a string; UTF-8 without U+0000
 *   NUMBER  an integer up to AUDIT_NUMBER_MAX; times in seconds since 1970
 *   FLAG    true or false
 *   CA      an issuer id, 16 lower-case hex digits
 *   SERIAL  a serial number, upper-case hex (lib/serial.h)
 *   HASH    a SHA-256, 64 lower-case hex digits
 *   LIST    an array of TEXT, in the given order */
enum audit_kind {
    AUDIT_KIND_TEXT,
    AUDIT_KIND_NUMBER,
    AUDIT_KIND_FLAG,
    AUDIT_KIND_CA,
    AUDIT_KIND_SERIAL,
    AUDIT_KIND_HASH,
    AUDIT_KIND_LIST,
};

/* Members in order of their names, which is the order they are written in: name, word, kind, what
 * it says. */
#define AUDIT_FIELD_TABLE(X)                                                                   \
    X(ACTOR, "actor", TEXT, "who caused it: `api-key:ID`, `client:CN` (mTLS), `program:NAME`") \
    X(CA, "ca", CA, "whose certificate, CRL or statements")                                    \
    X(CERTIFICATE, "certificate", HASH, "SHA-256 of the certificate in DER: its id")           \
    X(CHANGE, "change", TEXT, "what was done: `created`, `disabled`, `granted` ...")           \
    X(COUNT, "count", NUMBER, "how many things it is about")                                   \
    X(CRL_NUMBER, "crl_number", NUMBER, "CRLNumber of the published CRL")                      \
    X(CRL_SHA256, "crl_sha256", HASH, "of the published CRL in DER")                           \
    X(CSR_SHA256, "csr_sha256", HASH, "of the CSR in DER")                                     \
    X(CUSTOMER, "customer", TEXT, "whose order, domain or certificate")                        \
    X(DECISION, "decision", TEXT, "`approved` or `rejected`")                                  \
    X(DETAIL, "detail", TEXT, "a sentence for people")                                         \
    X(DOMAIN, "domain", TEXT, "that was validated")                                            \
    X(EVIDENCE, "evidence", TEXT, "what the actor refers to")                                  \
    X(EXPIRES, "expires", NUMBER, "until when the result may be used")                         \
    X(IN_DOUBT, "in_doubt", FLAG, "the serial may have been signed before a crash")            \
    X(INCIDENT, "incident", TEXT, "name of the incident")                                      \
    X(KIND, "kind", TEXT, "`precert` or `final`")                                              \
    X(LINTS, "lints", LIST, "rules that complained; those allowed by the profile among them")  \
    X(LOG_NUMBER, "log_number", NUMBER, "entry of the publication's log that has it")          \
    X(METHOD, "method", TEXT, "of the validation, as BR 3.2.2.4 names it")                     \
    X(NAMES, "names", LIST, "names of the certificate (dNSName, iPAddress)")                   \
    X(NEW, "new", TEXT, "value after the change")                                              \
    X(NOT_AFTER, "not_after", NUMBER, "end of validity")                                       \
    X(NOT_BEFORE, "not_before", NUMBER, "begin of validity")                                   \
    X(OLD, "old", TEXT, "value before the change")                                             \
    X(ORDER, "order", TEXT, "the customer's order_id")                                         \
    X(POLICY, "policy", TEXT, "which setting changed")                                         \
    X(PROBLEM, "problem", TEXT, "why it was refused: the word of the problem document")        \
    X(PROFILE, "profile", TEXT, "certificate profile")                                         \
    X(REASON, "reason", TEXT, "CRLReason (RFC 5280 5.3.1), `keyCompromise` ...")               \
    X(REQUEST, "request", TEXT, "id of the request, as in its answer; empty: no request")      \
    X(RESULT, "result", TEXT, "`valid` or `invalid`")                                          \
    X(REVOKED_AT, "revoked_at", NUMBER, "time of revocation in statements and CRLs")           \
    X(ROLE, "role", TEXT, "given to a key or client")                                          \
    X(SEQ, "seq", NUMBER, "of the status event in the feed")                                   \
    X(SERIAL, "serial", SERIAL, "of the certificate")                                          \
    X(SHARD, "shard", TEXT, "`set/place` of the CRL that would list it")                       \
    X(SPKI_SHA256, "spki_sha256", HASH, "of the public key (SubjectPublicKeyInfo)")            \
    X(STATEMENTS, "statements", NUMBER, "OCSP responses of the batch")                         \
    X(STATEMENTS_SHA256, "statements_sha256", HASH, "name of the pack or entry that has them") \
    X(SUBJECT, "subject", TEXT, "distinguished name, RFC 4514")                                \
    X(SUBJECT_SHA256, "subject_sha256", HASH, "of what two operators approved")                \
    X(SUPERSEDES, "supersedes", NUMBER, "seq of the revocation that this one corrects")        \
    X(TARGET, "target", TEXT, "whom or what the action is about")                              \
    X(TBS_SHA256, "tbs_sha256", HASH, "of the octets to be signed, or that were")              \
    X(TIME, "time", NUMBER, "when, by the issuer's clock")                                     \
    X(TYPE, "type", TEXT, "of the event")                                                      \
    X(VALIDATED_AT, "validated_at", NUMBER, "when the domain was validated")

enum audit_field {
#define X(name, word, kind, help) AUDIT_FIELD_##name,
    AUDIT_FIELD_TABLE(X)
#undef X
        AUDIT_FIELD_END
};

/* One bit a member; all events need actor, request, time and type besides. */
#define AUDIT_HAS(name) (UINT64_C(1) << AUDIT_FIELD_##name)
_Static_assert(AUDIT_FIELD_END <= 64, "a bit a member");

/* Types: name, word, needed members, when. */
#define AUDIT_EVENT_TABLE(X)                                                                       \
    X(CERT_RESERVED, "cert.reserved", AUDIT_HAS(CA) | AUDIT_HAS(SERIAL),                           \
      "a serial is reserved; nothing else will ever have it")                                      \
    X(CERT_LINTED, "cert.linted", AUDIT_HAS(CA) | AUDIT_HAS(SERIAL) | AUDIT_HAS(TBS_SHA256),       \
      "the octets to be signed passed the rules")                                                  \
    X(PRECERT_SIGNING, "precert.signing",                                                          \
      AUDIT_HAS(CA) | AUDIT_HAS(SERIAL) | AUDIT_HAS(TBS_SHA256),                                   \
      "before the signature of a precertificate")                                                  \
    X(CERT_SIGNING, "cert.signing", AUDIT_HAS(CA) | AUDIT_HAS(SERIAL) | AUDIT_HAS(TBS_SHA256),     \
      "before the signature of a certificate: without this leaf there is none")                    \
    X(CERT_ISSUED, "cert.issued", AUDIT_HAS(CA) | AUDIT_HAS(SERIAL) | AUDIT_HAS(CERTIFICATE),      \
      "signed, checked and about to be stored")                                                    \
    X(CERT_REFUSED, "cert.refused", AUDIT_HAS(PROBLEM),                                            \
      "an order was refused; with a serial if one was reserved, which was not signed")             \
    X(CERT_ABANDONED, "cert.abandoned", AUDIT_HAS(CA) | AUDIT_HAS(SERIAL) | AUDIT_HAS(IN_DOUBT),   \
      "a serial is given up after a failure; in doubt: it gets the status of a revoked one")       \
    X(CERT_REVOKED, "cert.revoked",                                                                \
      AUDIT_HAS(CA) | AUDIT_HAS(SERIAL) | AUDIT_HAS(REASON) | AUDIT_HAS(REVOKED_AT), "revoked")    \
    X(REVOCATION_UPDATED, "revocation.updated",                                                    \
      AUDIT_HAS(CA) | AUDIT_HAS(SERIAL) | AUDIT_HAS(REASON) | AUDIT_HAS(REVOKED_AT),               \
      "another reason or an earlier time for one that was revoked")                                \
    X(APPROVAL_RECORDED, "approval.recorded",                                                      \
      AUDIT_HAS(CUSTOMER) | AUDIT_HAS(ORDER) | AUDIT_HAS(SUBJECT_SHA256) | AUDIT_HAS(DECISION),    \
      "an operator decided about an order")                                                        \
    X(DCV_RECORDED, "dcv.recorded",                                                                \
      AUDIT_HAS(CUSTOMER) | AUDIT_HAS(DOMAIN) | AUDIT_HAS(METHOD) | AUDIT_HAS(RESULT),             \
      "a domain was validated, or was not")                                                        \
    X(POLICY_CHANGED, "policy.changed", AUDIT_HAS(POLICY) | AUDIT_HAS(NEW),                        \
      "a setting that decides what is issued or kept")                                             \
    X(ADMIN_ACTION, "admin.action", AUDIT_HAS(CHANGE) | AUDIT_HAS(TARGET),                         \
      "keys of the API, clients, start and stop of the issuer")                                    \
    X(KEY_BLOCKED, "key.blocked", AUDIT_HAS(SPKI_SHA256), "a public key that gets no certificate") \
    X(OCSP_BATCH_SIGNED, "ocsp.batch.signed",                                                      \
      AUDIT_HAS(CA) | AUDIT_HAS(SEQ) | AUDIT_HAS(STATEMENTS),                                      \
      "the presigner signed and published statements (BR 5.4.1)")                                  \
    X(CRL_PUBLISHED, "crl.published", AUDIT_HAS(CA) | AUDIT_HAS(CRL_NUMBER),                       \
      "the presigner signed and published a CRL (BR 5.4.1)")                                       \
    X(INCIDENT_CHANGED, "incident.changed", AUDIT_HAS(INCIDENT) | AUDIT_HAS(CHANGE),               \
      "an incident was opened, got serials or was closed")

enum audit_event_type {
#define X(name, word, needs, help) AUDIT_##name,
    AUDIT_EVENT_TABLE(X)
#undef X
        AUDIT_EVENT_COUNT
};

/* One member's value; which one it is says the table. */
union audit_value {
    uint64_t number; /* NUMBER, FLAG, CA */
    struct span text;
    const struct serial *serial;
    const struct sha256 *hash;
    struct {
        const struct span *texts;
        size_t count;
    } list;
};

struct audit_event {
    enum audit_event_type type;
    enum err err;
    uint64_t set; /* a bit a member */
    union audit_value values[AUDIT_FIELD_END];
};

/** `actor` must not be empty; `request` may be. */
void audit_event_begin(struct audit_event *event, enum audit_event_type type, uint64_t time_s,
                       struct span actor, struct span request);
/* A member that the table has as another kind is an error of the program (CHECK); one that is set
 * again has the later value. */
void audit_event_text(struct audit_event *event, enum audit_field field, struct span text);
/** Above AUDIT_NUMBER_MAX: ERR_RANGE. */
void audit_event_number(struct audit_event *event, enum audit_field field, uint64_t number);
void audit_event_flag(struct audit_event *event, enum audit_field field, bool flag);
void audit_event_ca(struct audit_event *event, uint64_t issuer_id);
void audit_event_serial(struct audit_event *event, const struct serial *serial);
void audit_event_hash(struct audit_event *event, enum audit_field field, const struct sha256 *hash);
/** The array of spans is borrowed as well. */
void audit_event_list(struct audit_event *event, enum audit_field field, const struct span *texts,
                      size_t count);

/** The entry, not NUL-terminated. At most AUDIT_ENTRY_BYTES_MAX (issuer/audit_log.h) fit into a
 * log; a longer one is for a hash. ERR_MALFORMED (no UTF-8, U+0000, an empty actor), ERR_NOT_FOUND
 * (a member that the type needs is missing), ERR_RANGE (a number), ERR_NO_SPACE. */
MUST_CHECK enum err audit_event_write(const struct audit_event *event, char *out, size_t out_size,
                                      size_t *ret_size);

/** "cert.issued"; never NULL. */
const char *audit_event_word(enum audit_event_type type);
/** The name of a member, "tbs_sha256"; never NULL. */
const char *audit_field_word(enum audit_field field);
