/* SPDX-License-Identifier: Apache-2.0 */
/* Every statement of the registry, once, for both databases. For issuer/registry*.c.
 *
 * Rows: name, kind, types of $1, $2 ... (n number, t text, o octets), text (issuer/sql.h). Tables
 * and indexes are in issuer/registry_migrations.c. tests/unit/test_registry_plan.c has SQLite
 * explain each of them: none may read a large table from end to end. */
#pragma once

#include "issuer/sql.h"

/* What a struct registry_reservation is read from. */
#define RESERVATION_COLUMNS \
    "ca, serial, state, shard, not_after, tbs_sha256, profile, customer, order_id, reserved_at"

/* What a struct registry_certificate is read from: its row, its event and its last revocation. */
#define CERTIFICATE_COLUMNS                                                            \
    "c.id, c.ca, c.serial, c.kind, c.profile, c.customer, c.order_id, c.not_before,"   \
    " c.not_after, c.shard, c.spki_sha256, c.tbs_sha256, c.stored_at,"                 \
    " coalesce((SELECT e.seq FROM status_event e"                                      \
    "   WHERE e.ca = c.ca AND e.serial = c.serial AND e.type = 1), 0),"                \
    " coalesce((SELECT v.reason FROM revocation v"                                     \
    "   WHERE v.ca = c.ca AND v.serial = c.serial ORDER BY v.seq DESC LIMIT 1), 255)," \
    " coalesce((SELECT v.revoked_at FROM revocation v"                                 \
    "   WHERE v.ca = c.ca AND v.serial = c.serial ORDER BY v.seq DESC LIMIT 1), 0)"

#define EVENT_COLUMNS "seq, type, serial, not_after, shard, revoked_at, reason, recorded_at"
#define ORDER_COLUMNS                                                                    \
    "customer, order_id, request_hash, profile, state, ca, serial, problem, created_at," \
    " changed_at"
#define DCV_COLUMNS                                                                          \
    "id, customer, domain, method, result, validated_at, expires_at, wildcard, recorded_at," \
    " actor, evidence"
#define KEY_COLUMNS     "id, secret_sha256, customer, role, created_at, expires_at, disabled_at, actor"
#define ACCOUNT_COLUMNS "id, jwk_thumbprint, jwk, status, contact, customer, created_at"
#define INCIDENT_COLUMNS                                                    \
    "i.id, i.title, i.url, i.renew_by, i.created_at, i.closed_at, i.actor," \
    " (SELECT count(*) FROM incident_serial s WHERE s.incident = i.id)"
#define AUTHORITY_COLUMNS "a.ca, a.name, a.subject, a.certificate, a.event_seq, coalesce(p.seq, 0)"

#define REGISTRY_STATEMENT_TABLE(X)                                                                \
    X(WRITER_ADD, WRITE, "tn",                                                                     \
      "INSERT INTO writer (id, transactions, settled, used_at) VALUES ($1, 0, 0, $2)")             \
    X(WRITER_GET, READ, "t", "SELECT transactions FROM writer WHERE id = $1")                      \
    X(WRITER_DELETE, WRITE, "t", "DELETE FROM writer WHERE id = $1")                               \
    X(WRITER_TIDY, WRITE, "n", "DELETE FROM writer WHERE used_at < $1")                            \
    X(RETENTION_GET, READ, "", "SELECT seconds FROM retention WHERE one = 1")                      \
    X(RETENTION_SET, WRITE, "n", "UPDATE retention SET seconds = $1 WHERE one = 1")                \
    X(COUNTER_NEXT, WRITE, "t",                                                                    \
      "INSERT INTO counter (name, value) VALUES ($1, 1)"                                           \
      " ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value")               \
                                                                                                   \
    X(AUTHORITY_ADD, WRITE, "ntoo",                                                                \
      "INSERT INTO certificate_authority (ca, name, subject, certificate, event_seq)"              \
      " VALUES ($1, $2, $3, $4, 0)"                                                                \
      " ON CONFLICT (ca) DO UPDATE SET name = excluded.name,"                                      \
      " certificate = excluded.certificate")                                                       \
    X(AUTHORITY_NAMED, READ, "tn",                                                                 \
      "SELECT ca FROM certificate_authority WHERE name = $1 AND ca <> $2")                         \
    X(AUTHORITY_GET, READ, "n",                                                                    \
      "SELECT " AUTHORITY_COLUMNS " FROM certificate_authority a"                                  \
      " LEFT JOIN published p ON p.ca = a.ca WHERE a.ca = $1")                                     \
    X(AUTHORITY_LIST, READ, "",                                                                    \
      "SELECT " AUTHORITY_COLUMNS " FROM certificate_authority a"                                  \
      " LEFT JOIN published p ON p.ca = a.ca ORDER BY a.name")                                     \
    X(AUTHORITY_LOCK, LOCK, "n", "SELECT event_seq FROM certificate_authority WHERE ca = $1")      \
    X(CRL_SET_GET, READ, "nn", "SELECT count FROM crl_set WHERE ca = $1 AND set_no = $2")          \
    X(CRL_SET_ADD, WRITE, "nnn",                                                                   \
      "INSERT INTO crl_set (ca, set_no, count, is_current) VALUES ($1, $2, $3, 0)"                 \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(CRL_SET_USE, WRITE, "nn",                                                                    \
      "UPDATE crl_set SET is_current = CASE WHEN set_no = $2 THEN 1 ELSE 0 END WHERE ca = $1")     \
    X(CRL_SET_CURRENT, READ, "n",                                                                  \
      "SELECT set_no, count FROM crl_set WHERE ca = $1 AND is_current = 1")                        \
                                                                                                   \
    X(SERIAL_RESERVE, WRITE, "nonnnotttn",                                                         \
      "INSERT INTO serial_reservation (" RESERVATION_COLUMNS ")"                                   \
      " SELECT ca, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM certificate_authority WHERE ca = $1"   \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(SERIAL_STEP, WRITE, "nonn",                                                                  \
      "UPDATE serial_reservation SET state = $4 WHERE ca = $1 AND serial = $2 AND state = $3")     \
    X(SERIAL_GET, LOCK, "no",                                                                      \
      "SELECT " RESERVATION_COLUMNS " FROM serial_reservation WHERE ca = $1 AND serial = $2")      \
    X(SERIAL_UNFINISHED, READ, "nn",                                                               \
      "SELECT " RESERVATION_COLUMNS " FROM serial_reservation"                                     \
      " WHERE state <= 2 AND reserved_at < $1 ORDER BY reserved_at LIMIT $2")                      \
    X(SERIAL_ABANDONED_GOOD, READ, "n",                                                            \
      "SELECT " RESERVATION_COLUMNS " FROM serial_reservation s WHERE state = 5"                   \
      " AND (SELECT count(*) FROM revocation v WHERE v.ca = s.ca AND v.serial = s.serial) = 0"     \
      " ORDER BY reserved_at LIMIT $1")                                                            \
                                                                                                   \
    X(CERTIFICATE_ADD, WRITE, "onontttnnnooon",                                                    \
      "INSERT INTO certificate (id, ca, serial, kind, profile, customer, order_id, not_before,"    \
      " not_after, shard, spki_sha256, tbs_sha256, der, stored_at)"                                \
      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"                      \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(NAME_ADD, WRITE, "noot",                                                                     \
      "INSERT INTO certificate_name (ca, serial, name_reversed, name) VALUES ($1, $2, $3, $4)"     \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(CERTIFICATE_BY_ID, READ, "o",                                                                \
      "SELECT " CERTIFICATE_COLUMNS ", c.der FROM certificate c WHERE c.id = $1")                  \
    X(CERTIFICATE_BY_SERIAL, READ, "non",                                                          \
      "SELECT " CERTIFICATE_COLUMNS ", c.der FROM certificate c"                                   \
      " WHERE c.ca = $1 AND c.serial = $2 AND c.kind = $3")                                        \
    X(CERTIFICATES_OF_KEY, READ, "on",                                                             \
      "SELECT " CERTIFICATE_COLUMNS " FROM certificate c"                                          \
      " WHERE c.spki_sha256 = $1 ORDER BY c.stored_at DESC LIMIT $2")                              \
    X(PRECERTIFICATE_TBS, READ, "no",                                                              \
      "SELECT tbs_sha256 FROM certificate WHERE ca = $1 AND serial = $2 AND kind = 1")             \
    X(CERTIFICATE_NAMES, READ, "no",                                                               \
      "SELECT name FROM certificate_name WHERE ca = $1 AND serial = $2 ORDER BY name_reversed")    \
    X(EXPIRING, READ, "nn",                                                                        \
      "SELECT count(*) FROM certificate WHERE kind = 2 AND not_after >= $1 AND not_after < $2")    \
    /* After ($1, $2, $3), below $4; $5 is where the names that match begin: a certificate comes   \
     * with the first of its names that do. + 0: the index of notAfter is not the way to a name.   \
     */                                                                                            \
    X(SEARCH_NAME, READ, "onoootnnn",                                                              \
      "SELECT " CERTIFICATE_COLUMNS ", n.name_reversed FROM certificate_name n"                    \
      " JOIN certificate c ON c.ca = n.ca AND c.serial = n.serial AND c.kind = 2"                  \
      " WHERE (n.name_reversed, n.ca, n.serial) > ($1, $2, $3) AND n.name_reversed < $4"           \
      " AND ($6 = '' OR c.customer = $6) AND c.not_after + 0 >= $7 AND c.not_after + 0 < $8"       \
      " AND NOT EXISTS (SELECT 1 FROM certificate_name f WHERE f.ca = n.ca"                        \
      "   AND f.serial = n.serial AND f.name_reversed >= $5"                                       \
      "   AND f.name_reversed < n.name_reversed)"                                                  \
      " ORDER BY n.name_reversed, n.ca, n.serial LIMIT $9")                                        \
    X(SEARCH_CUSTOMER, READ, "tnnonn",                                                             \
      "SELECT " CERTIFICATE_COLUMNS " FROM certificate c WHERE c.kind = 2 AND c.customer = $1"     \
      " AND (c.not_after, c.ca, c.serial) > ($2, $3, $4) AND c.not_after < $5"                     \
      " ORDER BY c.not_after, c.ca, c.serial LIMIT $6")                                            \
    X(SEARCH_EXPIRY, READ, "nnonn",                                                                \
      "SELECT " CERTIFICATE_COLUMNS " FROM certificate c WHERE c.kind = 2"                         \
      " AND (c.not_after, c.ca, c.serial) > ($1, $2, $3) AND c.not_after < $4"                     \
      " ORDER BY c.not_after, c.ca, c.serial LIMIT $5")                                            \
                                                                                                   \
    X(EVENT_NEXT, WRITE, "n",                                                                      \
      "UPDATE certificate_authority SET event_seq = event_seq + 1 WHERE ca = $1"                   \
      " RETURNING event_seq")                                                                      \
    X(EVENT_ADD, WRITE, "nnnonnnnn",                                                               \
      "INSERT INTO status_event (ca, seq, type, serial, not_after, shard, revoked_at, reason,"     \
      " recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")                                 \
    X(EVENT_ISSUED, READ, "no",                                                                    \
      "SELECT seq FROM status_event WHERE ca = $1 AND serial = $2 AND type = 1")                   \
    X(EVENT_LIST, READ, "nnn",                                                                     \
      "SELECT " EVENT_COLUMNS " FROM status_event WHERE ca = $1 AND seq > $2"                      \
      " ORDER BY seq LIMIT $3")                                                                    \
    X(EVENT_LAST, READ, "n", "SELECT event_seq FROM certificate_authority WHERE ca = $1")          \
    X(PUBLISHED_SET, WRITE, "nnn",                                                                 \
      "INSERT INTO published (ca, seq, recorded_at) VALUES ($1, $2, $3)"                           \
      " ON CONFLICT (ca) DO UPDATE SET seq = excluded.seq, recorded_at = excluded.recorded_at"     \
      " WHERE published.seq < excluded.seq")                                                       \
    X(PUBLISHED_GET, READ, "n",                                                                    \
      "SELECT coalesce(p.seq, 0) FROM certificate_authority a"                                     \
      " LEFT JOIN published p ON p.ca = a.ca WHERE a.ca = $1")                                     \
    X(REVOCATION_LAST, READ, "no",                                                                 \
      "SELECT seq, reason, revoked_at FROM revocation WHERE ca = $1 AND serial = $2"               \
      " ORDER BY seq DESC LIMIT 1")                                                                \
    X(REVOCATION_ADD, WRITE, "nonnnnnttn",                                                         \
      "INSERT INTO revocation (ca, serial, seq, reason, revoked_at, not_after, recorded_at, "      \
      "actor,"                                                                                     \
      " evidence, supersedes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")                   \
    X(REVOCATION_LIST, READ, "no",                                                                 \
      "SELECT seq, reason, revoked_at, recorded_at, actor, evidence, supersedes FROM revocation"   \
      " WHERE ca = $1 AND serial = $2 ORDER BY seq")                                               \
                                                                                                   \
    X(ORDER_ADD, WRITE, "ttotnon",                                                                 \
      "INSERT INTO certificate_order (" ORDER_COLUMNS ")"                                          \
      " VALUES ($1, $2, $3, $4, 1, $5, $6, '', $7, $7) ON CONFLICT DO NOTHING")                    \
    X(ORDER_AGAIN, WRITE, "ttotnon",                                                               \
      "UPDATE certificate_order SET state = 1, profile = $4, ca = $5, serial = $6, problem = '',"  \
      " changed_at = $7 WHERE customer = $1 AND order_id = $2 AND request_hash = $3 AND state = "  \
      "4")                                                                                         \
    X(ORDER_ASSIGN, WRITE, "ttnon",                                                                \
      "UPDATE certificate_order SET ca = $3, serial = $4, changed_at = $5"                         \
      " WHERE customer = $1 AND order_id = $2 AND state = 1 AND length(serial) = 0")               \
    X(ORDER_FINISH, WRITE, "ttnotn",                                                               \
      "UPDATE certificate_order SET state = $3, problem = $5, changed_at = $6"                     \
      " WHERE customer = $1 AND order_id = $2 AND state = 1"                                       \
      " AND (length($4) = 0 OR serial = $4)")                                                      \
    X(ORDER_GET, LOCK, "tt",                                                                       \
      "SELECT " ORDER_COLUMNS " FROM certificate_order WHERE customer = $1 AND order_id = $2")     \
    X(ORDER_UNFINISHED, READ, "nn",                                                                \
      "SELECT " ORDER_COLUMNS " FROM certificate_order WHERE state = 1 AND changed_at < $1"        \
      " ORDER BY changed_at LIMIT $2")                                                             \
    X(APPROVAL_ADD, WRITE, "ttotnttn",                                                             \
      "INSERT INTO approval (customer, order_id, subject_hash, operator_name, decision, subject,"  \
      " note, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING")        \
    X(APPROVAL_COUNT, READ, "tton",                                                                \
      "SELECT count(CASE WHEN decision = 1 AND recorded_at >= $4 THEN 1 END),"                     \
      " count(CASE WHEN decision = 2 THEN 1 END) FROM approval"                                    \
      " WHERE customer = $1 AND order_id = $2 AND subject_hash = $3")                              \
    X(APPROVAL_LIST, READ, "ttn",                                                                  \
      "SELECT customer, order_id, subject_hash, operator_name, decision, subject, note,"           \
      " recorded_at FROM approval WHERE customer = $1 AND order_id = $2"                           \
      " ORDER BY recorded_at, operator_name LIMIT $3")                                             \
                                                                                                   \
    X(DCV_ADD, WRITE, "ntttnnnnntt",                                                               \
      "INSERT INTO dcv_event (" DCV_COLUMNS ")"                                                    \
      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")                                    \
    X(DCV_VALID, READ, "tttnn",                                                                    \
      "SELECT " DCV_COLUMNS " FROM dcv_event d WHERE customer = $1 AND domain = $2"                \
      " AND ($3 = '' OR method = $3) AND result = 1 AND validated_at <= $4 AND expires_at > $4"    \
      " AND (wildcard = 1 OR $5 = 0)"                                                              \
      " AND NOT EXISTS (SELECT 1 FROM dcv_event x WHERE x.customer = d.customer"                   \
      "   AND x.domain = d.domain AND x.result = 3 AND x.id > d.id)"                               \
      " ORDER BY id DESC LIMIT 1")                                                                 \
    X(DCV_LIST, READ, "ttn",                                                                       \
      "SELECT " DCV_COLUMNS " FROM dcv_event WHERE customer = $1 AND domain = $2"                  \
      " ORDER BY id DESC LIMIT $3")                                                                \
                                                                                                   \
    X(API_KEY_ADD, WRITE, "tottnnnt",                                                              \
      "INSERT INTO api_key (" KEY_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"              \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(API_KEY_GET, READ, "t", "SELECT " KEY_COLUMNS " FROM api_key WHERE id = $1")                 \
    X(API_KEY_DISABLE, WRITE, "tn",                                                                \
      "UPDATE api_key SET disabled_at = CASE WHEN disabled_at = 0 THEN $2 ELSE disabled_at END"    \
      " WHERE id = $1")                                                                            \
    X(API_KEY_LIST, READ, "tn",                                                                    \
      "SELECT " KEY_COLUMNS " FROM api_key WHERE id > $1 ORDER BY id LIMIT $2")                    \
    X(ACCOUNT_ADD, WRITE, "nottttn",                                                               \
      "INSERT INTO account (" ACCOUNT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7)"              \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(ACCOUNT_BY_KEY, READ, "o",                                                                   \
      "SELECT " ACCOUNT_COLUMNS " FROM account WHERE jwk_thumbprint = $1")                         \
    X(ACCOUNT_BY_ID, READ, "n", "SELECT " ACCOUNT_COLUMNS " FROM account WHERE id = $1")           \
    X(ACCOUNT_STATUS, WRITE, "ntt",                                                                \
      "UPDATE account SET status = $3 WHERE id = $1 AND status = $2")                              \
                                                                                                   \
    X(INCIDENT_ADD, WRITE, "nttnnt",                                                               \
      "INSERT INTO incident (id, title, url, renew_by, created_at, closed_at, actor)"              \
      " VALUES ($1, $2, $3, $4, $5, 0, $6)")                                                       \
    X(INCIDENT_GET, READ, "n", "SELECT " INCIDENT_COLUMNS " FROM incident i WHERE i.id = $1")      \
    X(INCIDENT_LOCK, LOCK, "n", "SELECT closed_at FROM incident WHERE id = $1")                    \
    X(INCIDENT_CLOSE, WRITE, "nn",                                                                 \
      "UPDATE incident SET closed_at = CASE WHEN closed_at = 0 THEN $2 ELSE closed_at END"         \
      " WHERE id = $1")                                                                            \
    X(INCIDENT_LIST, READ, "nn",                                                                   \
      "SELECT " INCIDENT_COLUMNS " FROM incident i WHERE i.id > $1 ORDER BY i.id LIMIT $2")        \
    X(INCIDENT_SERIAL_ADD, WRITE, "nno",                                                           \
      "INSERT INTO incident_serial (incident, ca, serial) VALUES ($1, $2, $3)"                     \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(INCIDENT_SERIALS, READ, "nnon",                                                              \
      "SELECT ca, serial FROM incident_serial WHERE incident = $1 AND (ca, serial) > ($2, $3)"     \
      " ORDER BY ca, serial LIMIT $4")                                                             \
    X(INCIDENT_OF, READ, "no",                                                                     \
      "SELECT i.id, i.renew_by FROM incident_serial s JOIN incident i ON i.id = s.incident"        \
      " WHERE s.ca = $1 AND s.serial = $2 AND i.closed_at = 0"                                     \
      " ORDER BY CASE WHEN i.renew_by = 0 THEN 1 ELSE 0 END, i.renew_by, i.id LIMIT 1")            \
    X(KEY_BLOCK, WRITE, "otn",                                                                     \
      "INSERT INTO blocked_key (spki_sha256, source, recorded_at) VALUES ($1, $2, $3)"             \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(KEY_BLOCKED, READ, "o", "SELECT 1 FROM blocked_key WHERE spki_sha256 = $1")                  \
                                                                                                   \
    X(OUTBOX_ADD, WRITE, "ono",                                                                    \
      "INSERT INTO audit_outbox (log, leaf_index, event, shipped_at) VALUES ($1, $2, $3, 0)"       \
      " ON CONFLICT DO NOTHING")                                                                   \
    X(OUTBOX_GET, READ, "on", "SELECT event FROM audit_outbox WHERE log = $1 AND leaf_index = $2") \
    X(OUTBOX_LAST, READ, "o",                                                                      \
      "SELECT log, leaf_index, event FROM audit_outbox WHERE log = $1"                             \
      " ORDER BY leaf_index DESC LIMIT 1")                                                         \
    X(OUTBOX_NEXT, READ, "n",                                                                      \
      "SELECT log, leaf_index, event FROM audit_outbox WHERE shipped_at = 0"                       \
      " ORDER BY leaf_index LIMIT $1")                                                             \
    X(OUTBOX_SHIPPED, WRITE, "onn",                                                                \
      "UPDATE audit_outbox SET shipped_at = $3"                                                    \
      " WHERE log = $1 AND leaf_index = $2 AND shipped_at = 0")                                    \
    X(OUTBOX_LAG, READ, "", "SELECT count(*) FROM audit_outbox WHERE shipped_at = 0")

enum registry_statement {
#define X(name, kind, params, text) STATEMENT_##name,
    REGISTRY_STATEMENT_TABLE(X)
#undef X
        STATEMENT_COUNT
};

/** In the order of the enum. */
extern const struct sql_statement registry_statements[STATEMENT_COUNT];
