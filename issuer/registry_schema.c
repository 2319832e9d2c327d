/* SPDX-License-Identifier: Apache-2.0 */
/* One text for both databases where there can be one. SQLite takes any name for a type: columns get
 * the affinity that they need from these (bigint, text), and bytea is left as it is.
 *
 * All is NOT NULL: what is absent is 0 or empty. Times are seconds since 1970.
 *
 * What must not be changed or deleted is guarded by triggers, against every program that opens the
 * database and every hand: only who may alter tables can take them away. */
#include "issuer/registry_schema.h"

#include "issuer/registry.h"
#include "lib/check.h"

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)

/* Refuses an UPDATE, or one for whose OLD and NEW `when` holds. */
#define REFUSE_UPDATE(table, when)                                                             \
    {SCHEMA_SQLITE, "CREATE TRIGGER " table "_update BEFORE UPDATE ON " table " WHEN " when    \
                    " BEGIN SELECT RAISE(ABORT, 'this change of " table " is refused'); END"}, \
    {                                                                                          \
        SCHEMA_POSTGRESQL, "CREATE TRIGGER " table "_update BEFORE UPDATE ON " table           \
                           " FOR EACH ROW WHEN (" when ") EXECUTE FUNCTION registry_refuse()"  \
    }
#define REFUSE_EVERY_UPDATE(table) REFUSE_UPDATE(table, "1 = 1")

#define REFUSE_TRUNCATE(table)                                                 \
    {                                                                          \
        SCHEMA_POSTGRESQL, "CREATE TRIGGER " table "_truncate BEFORE TRUNCATE" \
                           " ON " table " EXECUTE FUNCTION registry_refuse()"  \
    }

#define REFUSE_DELETE(table, when)                                                               \
    {SCHEMA_SQLITE, "CREATE TRIGGER " table "_delete BEFORE DELETE ON " table " WHEN " when      \
                    " BEGIN SELECT RAISE(ABORT, 'rows of " table " are kept'); END"},            \
        {SCHEMA_POSTGRESQL, "CREATE TRIGGER " table "_delete BEFORE DELETE ON " table            \
                            " FOR EACH ROW WHEN (" when ") EXECUTE FUNCTION registry_refuse()"}, \
        REFUSE_TRUNCATE(table)
#define REFUSE_EVERY_DELETE(table) REFUSE_DELETE(table, "1 = 1")

/* Refuses a DELETE until the retention has passed since the later of two times of the row. */
#define REFUSE_DELETE_OF_YOUNG(table, one, other)                                     \
    {SCHEMA_SQLITE, "CREATE TRIGGER " table "_delete BEFORE DELETE ON " table         \
                    " WHEN coalesce(max(OLD." one ", OLD." other ")"                  \
                    " + (SELECT seconds FROM retention), 9223372036854775807)"        \
                    " > CAST(strftime('%s', 'now') AS INTEGER)"                       \
                    " BEGIN SELECT RAISE(ABORT, 'rows of " table " are kept'); END"}, \
        {SCHEMA_POSTGRESQL,                                                           \
         "CREATE TRIGGER " table "_delete BEFORE DELETE ON " table                    \
         " FOR EACH ROW EXECUTE FUNCTION registry_keep('" one "', '" other "')"},     \
        REFUSE_TRUNCATE(table)

static const struct schema_step version_1[] = {
    {SCHEMA_ANY, "CREATE TABLE schema_version (version bigint NOT NULL PRIMARY KEY,"
                 " program text NOT NULL)"},
    {SCHEMA_POSTGRESQL,
     "CREATE FUNCTION registry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
     " RAISE EXCEPTION 'this % of % is refused', lower(TG_OP), TG_TABLE_NAME"
     " USING ERRCODE = 'restrict_violation'; END $$"},
    {SCHEMA_POSTGRESQL,
     "CREATE FUNCTION registry_keep() RETURNS trigger LANGUAGE plpgsql AS $$"
     " DECLARE was jsonb := to_jsonb(OLD); kept_until bigint; BEGIN"
     " SELECT greatest((was->>TG_ARGV[0])::bigint, (was->>TG_ARGV[1])::bigint) + seconds"
     " INTO kept_until FROM retention;"
     " IF kept_until IS NULL OR kept_until > extract(epoch FROM clock_timestamp()) THEN"
     " RAISE EXCEPTION 'rows of % are kept', TG_TABLE_NAME"
     " USING ERRCODE = 'restrict_violation'; END IF; RETURN OLD; END $$"},

    /* One row a connection: which of its transactions is the last that was committed. */
    {SCHEMA_ANY, "CREATE TABLE writer (id text NOT NULL PRIMARY KEY, transactions bigint NOT NULL,"
                 " settled bigint NOT NULL, used_at bigint NOT NULL)"},
    {SCHEMA_ANY, "CREATE TABLE counter (name text NOT NULL PRIMARY KEY, value bigint NOT NULL)"},
    {SCHEMA_ANY, "CREATE TABLE retention (one bigint NOT NULL PRIMARY KEY CHECK (one = 1),"
                 " seconds bigint NOT NULL)"},
    {SCHEMA_ANY,
     "INSERT INTO retention (one, seconds) VALUES (1, " TEXT_OF(REGISTRY_RETENTION_S) ")"},
    REFUSE_UPDATE("retention", "NEW.seconds < OLD.seconds OR NEW.one <> OLD.one"),
    REFUSE_EVERY_DELETE("retention"),

    {SCHEMA_ANY, "CREATE TABLE certificate_authority (ca bigint NOT NULL PRIMARY KEY,"
                 " name text NOT NULL UNIQUE, subject bytea NOT NULL, certificate bytea NOT NULL,"
                 " event_seq bigint NOT NULL)"},
    REFUSE_UPDATE("certificate_authority",
                  "NEW.ca <> OLD.ca OR NEW.subject <> OLD.subject OR NEW.event_seq < OLD.event_seq"
                  " OR NEW.event_seq > OLD.event_seq + 1"),
    REFUSE_EVERY_DELETE("certificate_authority"),
    {SCHEMA_ANY, "CREATE TABLE published (ca bigint NOT NULL PRIMARY KEY, seq bigint NOT NULL,"
                 " recorded_at bigint NOT NULL)"},
    REFUSE_UPDATE("published", "NEW.ca <> OLD.ca OR NEW.seq < OLD.seq"),
    REFUSE_EVERY_DELETE("published"),
    {SCHEMA_ANY, "CREATE TABLE crl_set (ca bigint NOT NULL, set_no bigint NOT NULL,"
                 " count bigint NOT NULL, is_current smallint NOT NULL, PRIMARY KEY (ca, set_no))"},
    REFUSE_UPDATE("crl_set", "NEW.ca <> OLD.ca OR NEW.set_no <> OLD.set_no"
                             " OR NEW.count <> OLD.count"),
    REFUSE_EVERY_DELETE("crl_set"),

    /* States: issuer/registry_serial.h. No foreign key to the CA: PostgreSQL would lock its row for
     * each, the one that the events queue for. */
    {SCHEMA_TABLE_BY_KEY,
     "CREATE TABLE serial_reservation (ca bigint NOT NULL, serial bytea NOT NULL"
     " CHECK (length(serial) BETWEEN 1 AND 32), state smallint NOT NULL"
     " CHECK (state BETWEEN 1 AND 5), shard bigint NOT NULL, not_after bigint NOT NULL,"
     " tbs_sha256 bytea NOT NULL, profile text NOT NULL, customer text NOT NULL,"
     " order_id text NOT NULL, reserved_at bigint NOT NULL, PRIMARY KEY (ca, serial))"},
    {SCHEMA_ANY, "CREATE INDEX serial_reservation_unfinished ON serial_reservation (reserved_at)"
                 " WHERE state <= 2"},
    {SCHEMA_ANY, "CREATE INDEX serial_reservation_abandoned ON serial_reservation (reserved_at)"
                 " WHERE state = 5"},
    REFUSE_UPDATE("serial_reservation",
                  "NOT ((OLD.state = 1 AND NEW.state IN (2, 4))"
                  " OR (OLD.state = 2 AND NEW.state IN (3, 4, 5)))"
                  " OR NEW.ca <> OLD.ca OR NEW.serial <> OLD.serial OR NEW.shard <> OLD.shard"
                  " OR NEW.not_after <> OLD.not_after OR NEW.tbs_sha256 <> OLD.tbs_sha256"
                  " OR NEW.reserved_at <> OLD.reserved_at"),
    REFUSE_DELETE_OF_YOUNG("serial_reservation", "not_after", "reserved_at"),

    {SCHEMA_ANY, "CREATE TABLE certificate (id bytea NOT NULL PRIMARY KEY, ca bigint NOT NULL,"
                 " serial bytea NOT NULL, kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 2),"
                 " profile text NOT NULL, customer text NOT NULL, order_id text NOT NULL,"
                 " not_before bigint NOT NULL, not_after bigint NOT NULL, shard bigint NOT NULL,"
                 " spki_sha256 bytea NOT NULL, tbs_sha256 bytea NOT NULL, der bytea NOT NULL,"
                 " stored_at bigint NOT NULL, UNIQUE (ca, serial, kind),"
                 " FOREIGN KEY (ca, serial) REFERENCES serial_reservation (ca, serial))"},
    {SCHEMA_ANY, "CREATE INDEX certificate_expiry ON certificate (not_after, ca, serial, kind)"
                 " WHERE kind = 2"},
    {SCHEMA_ANY, "CREATE INDEX certificate_customer ON certificate"
                 " (customer, not_after, ca, serial) WHERE kind = 2"},
    {SCHEMA_ANY, "CREATE INDEX certificate_key ON certificate (spki_sha256, stored_at)"},
    REFUSE_EVERY_UPDATE("certificate"),
    REFUSE_DELETE_OF_YOUNG("certificate", "not_after", "stored_at"),

    /* name_reversed: labels from the last on, each with a dot behind it, so that what is below a
     * name is a range of octets. */
    {SCHEMA_TABLE_BY_KEY,
     "CREATE TABLE certificate_name (ca bigint NOT NULL, serial bytea NOT NULL,"
     " name_reversed bytea NOT NULL, name text NOT NULL, PRIMARY KEY (ca, serial, name_reversed),"
     " FOREIGN KEY (ca, serial) REFERENCES serial_reservation (ca, serial))"},
    {SCHEMA_ANY, "CREATE INDEX certificate_name_reversed ON certificate_name"
                 " (name_reversed, ca, serial)"},
    REFUSE_EVERY_UPDATE("certificate_name"),

    {SCHEMA_TABLE_BY_KEY,
     "CREATE TABLE revocation (ca bigint NOT NULL, serial bytea NOT NULL, seq bigint NOT NULL,"
     " reason smallint NOT NULL, revoked_at bigint NOT NULL CHECK (revoked_at > 0),"
     " not_after bigint NOT NULL, recorded_at bigint NOT NULL, actor text NOT NULL,"
     " evidence text NOT NULL, supersedes bigint NOT NULL, PRIMARY KEY (ca, serial, seq),"
     " FOREIGN KEY (ca, serial) REFERENCES serial_reservation (ca, serial))"},
    REFUSE_EVERY_UPDATE("revocation"),
    REFUSE_DELETE_OF_YOUNG("revocation", "not_after", "recorded_at"),
    {SCHEMA_TABLE_BY_KEY,
     "CREATE TABLE status_event (ca bigint NOT NULL, seq bigint NOT NULL CHECK (seq > 0),"
     " type smallint NOT NULL CHECK (type BETWEEN 1 AND 2), serial bytea NOT NULL,"
     " not_after bigint NOT NULL, shard bigint NOT NULL, revoked_at bigint NOT NULL,"
     " reason smallint NOT NULL, recorded_at bigint NOT NULL, PRIMARY KEY (ca, seq),"
     " FOREIGN KEY (ca, serial) REFERENCES serial_reservation (ca, serial))"},
    {SCHEMA_ANY, "CREATE UNIQUE INDEX status_event_issued ON status_event (ca, serial)"
                 " WHERE type = 1"},
    REFUSE_EVERY_UPDATE("status_event"),
    REFUSE_DELETE_OF_YOUNG("status_event", "not_after", "recorded_at"),

    {SCHEMA_TABLE_BY_KEY,
     "CREATE TABLE certificate_order (customer text NOT NULL, order_id text NOT NULL,"
     " request_hash bytea NOT NULL, profile text NOT NULL, state smallint NOT NULL"
     " CHECK (state BETWEEN 1 AND 4), ca bigint NOT NULL, serial bytea NOT NULL,"
     " problem text NOT NULL, created_at bigint NOT NULL, changed_at bigint NOT NULL,"
     " PRIMARY KEY (customer, order_id))"},
    {SCHEMA_ANY, "CREATE INDEX certificate_order_working ON certificate_order (changed_at)"
                 " WHERE state = 1"},
    REFUSE_UPDATE("certificate_order", "NEW.customer <> OLD.customer"
                                       " OR NEW.order_id <> OLD.order_id"
                                       " OR NEW.request_hash <> OLD.request_hash"
                                       " OR OLD.state IN (2, 3)"),
    REFUSE_DELETE_OF_YOUNG("certificate_order", "changed_at", "changed_at"),
    {SCHEMA_TABLE_BY_KEY,
     "CREATE TABLE approval (customer text NOT NULL, order_id text NOT NULL,"
     " subject_hash bytea NOT NULL, operator_name text NOT NULL, decision smallint NOT NULL"
     " CHECK (decision BETWEEN 1 AND 2), subject text NOT NULL, note text NOT NULL,"
     " recorded_at bigint NOT NULL,"
     " PRIMARY KEY (customer, order_id, subject_hash, operator_name))"},
    REFUSE_EVERY_UPDATE("approval"),
    REFUSE_DELETE_OF_YOUNG("approval", "recorded_at", "recorded_at"),

    {SCHEMA_ANY, "CREATE TABLE dcv_event (id bigint NOT NULL PRIMARY KEY, customer text NOT NULL,"
                 " domain text NOT NULL, method text NOT NULL, result smallint NOT NULL"
                 " CHECK (result BETWEEN 1 AND 3), validated_at bigint NOT NULL,"
                 " expires_at bigint NOT NULL, wildcard smallint NOT NULL,"
                 " recorded_at bigint NOT NULL, actor text NOT NULL, evidence text NOT NULL)"},
    {SCHEMA_ANY, "CREATE INDEX dcv_event_domain ON dcv_event (customer, domain, id)"},
    REFUSE_EVERY_UPDATE("dcv_event"),
    REFUSE_DELETE_OF_YOUNG("dcv_event", "expires_at", "recorded_at"),

    {SCHEMA_TABLE_BY_KEY,
     "CREATE TABLE api_key (id text NOT NULL PRIMARY KEY, secret_sha256 bytea NOT NULL,"
     " customer text NOT NULL, role text NOT NULL, created_at bigint NOT NULL,"
     " expires_at bigint NOT NULL, disabled_at bigint NOT NULL, actor text NOT NULL)"},
    {SCHEMA_ANY, "CREATE TABLE account (id bigint NOT NULL PRIMARY KEY,"
                 " jwk_thumbprint bytea NOT NULL UNIQUE, jwk text NOT NULL, status text NOT NULL,"
                 " contact text NOT NULL, customer text NOT NULL, created_at bigint NOT NULL)"},

    {SCHEMA_ANY, "CREATE TABLE incident (id bigint NOT NULL PRIMARY KEY, title text NOT NULL,"
                 " url text NOT NULL, renew_by bigint NOT NULL, created_at bigint NOT NULL,"
                 " closed_at bigint NOT NULL, actor text NOT NULL)"},
    {SCHEMA_TABLE_BY_KEY,
     "CREATE TABLE incident_serial (incident bigint NOT NULL REFERENCES incident (id),"
     " ca bigint NOT NULL, serial bytea NOT NULL, PRIMARY KEY (incident, ca, serial),"
     " FOREIGN KEY (ca, serial) REFERENCES serial_reservation (ca, serial))"},
    {SCHEMA_ANY, "CREATE INDEX incident_serial_of ON incident_serial (ca, serial)"},

    {SCHEMA_TABLE_BY_KEY,
     "CREATE TABLE blocked_key (spki_sha256 bytea NOT NULL PRIMARY KEY, source text NOT NULL,"
     " recorded_at bigint NOT NULL)"},
    REFUSE_EVERY_UPDATE("blocked_key"),
    REFUSE_EVERY_DELETE("blocked_key"),

    /* A new log begins at 0 again, so its id is a part of the key. */
    {SCHEMA_ANY,
     "CREATE TABLE audit_outbox (log bytea NOT NULL, leaf_index bigint NOT NULL,"
     " event bytea NOT NULL, shipped_at bigint NOT NULL, PRIMARY KEY (log, leaf_index))"},
    {SCHEMA_ANY, "CREATE INDEX audit_outbox_waiting ON audit_outbox (leaf_index)"
                 " WHERE shipped_at = 0"},
    REFUSE_UPDATE("audit_outbox", "NEW.log <> OLD.log OR NEW.leaf_index <> OLD.leaf_index"
                                  " OR NEW.event <> OLD.event"
                                  " OR OLD.shipped_at <> 0"),
    REFUSE_DELETE("audit_outbox", "OLD.shipped_at = 0"),
};

struct schema_steps registry_schema_steps(uint64_t version)
{
    CHECK(version == 1);
    return (struct schema_steps){version_1, sizeof version_1 / sizeof version_1[0]};
}
