# SPDX-License-Identifier: Apache-2.0
"""Certificates that were issued long ago: rows of all tables that an issued one has, with the keys and sizes of real ones."""

import sqlite3
import time

# Octets of a certificate for P-256 with one name.
DER_BYTES = 900

# Of CA $ca, from `seq` on: serial, id and hashes are random, the names different.
RESERVATION = "ca, serial, state, shard, not_after, tbs_sha256, profile, customer, order_id, reserved_at"
CERTIFICATE = ("id, ca, serial, kind, profile, customer, order_id, not_before, not_after, shard, spki_sha256, tbs_sha256, der,"
               " stored_at")
NAMES = "ca, serial, name_reversed, name"
EVENT = "ca, seq, type, serial, not_after, shard, revoked_at, reason, recorded_at"
ORDER = "customer, order_id, request_hash, profile, state, ca, serial, problem, created_at, changed_at"


def statements(dialect):
    """The same rows for both, from a table `fresh` of (n, serial, hash)."""
    name = "'n' || n || '.example.com'"
    reverse = dialect["bytes"].format(text="'com.example.n' || n || '.'")
    now = "2000000000"
    return [
        f"INSERT INTO serial_reservation ({RESERVATION}) SELECT :ca, serial, 3, 65536 + n % 4, {now}, hash, 'dv', 'acme',"
        f" 'fill-' || n, 1795000000 FROM fresh",
        f"INSERT INTO certificate ({CERTIFICATE}) SELECT hash, :ca, serial, 2, 'dv', 'acme', 'fill-' || n, 1795000000, {now},"
        f" 65536 + n % 4, hash, hash, {dialect['der']}, 1795000000 FROM fresh",
        f"INSERT INTO certificate_name ({NAMES}) SELECT :ca, serial, {reverse}, {name} FROM fresh",
        f"INSERT INTO status_event ({EVENT}) SELECT :ca, :seq + n, 1, serial, {now}, 65536 + n % 4, 0, 255, 1795000000 FROM fresh",
        f"INSERT INTO certificate_order ({ORDER}) SELECT 'acme', 'fill-' || n, hash, 'dv', 2, :ca, serial, '', 1795000000,"
        " 1795000000 FROM fresh",
    ]


def fill_sqlite(bench, count):
    path = bench.issuer.folder / "state" / "registry.db"
    path = path if path.exists() else bench.issuer.folder / "registry.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous=OFF")
    database.execute("PRAGMA cache_size=-1000000")
    ca, seq = database.execute("SELECT ca, event_seq FROM certificate_authority").fetchone()
    trigger = database.execute("SELECT sql FROM sqlite_master WHERE name = 'certificate_authority_update'").fetchone()[0]
    database.execute("CREATE TEMP TABLE fresh AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?)"
                     " SELECT n, cast(x'41' || randomblob(19) AS blob) AS serial, randomblob(32) AS hash FROM c"
                     " ORDER BY serial", (count,))
    database.execute("BEGIN")
    der = f"randomblob({DER_BYTES})"
    for statement in statements({"bytes": "cast({text} AS blob)", "der": der}):
        database.execute(statement, {"ca": ca, "seq": seq})
    # The events' numbers were given away at once and not one by one.
    database.execute("DROP TRIGGER certificate_authority_update")
    database.execute("UPDATE certificate_authority SET event_seq = event_seq + ?", (count,))
    database.execute(trigger)
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("ANALYZE")
    database.close()


def fill_postgresql(bench, count):
    server = bench.server
    ca, seq = server.sql("SELECT ca, event_seq FROM certificate_authority").strip().split("|")
    hash_of = "sha256(convert_to(n || 'hash', 'UTF8'))"
    serial = "'\\x41'::bytea || substr(sha256(convert_to(n || 'serial', 'UTF8')), 1, 19)"
    der = f"decode(repeat(md5(n::text) || md5(n || 'x'), {DER_BYTES // 32}), 'hex')"
    inserts = ";".join(statements({"bytes": "convert_to({text}, 'UTF8')", "der": der}))
    inserts = inserts.replace(":ca", f"({ca})").replace(":seq", seq)
    server.sql(f"CREATE TABLE fresh AS SELECT n, {serial} AS serial, {hash_of} AS hash FROM generate_series(1, {count}) AS n"
               f" ORDER BY serial")
    server.sql(f"SET synchronous_commit = off; BEGIN; {inserts};"
               " ALTER TABLE certificate_authority DISABLE TRIGGER certificate_authority_update;"
               f" UPDATE certificate_authority SET event_seq = event_seq + {count};"
               " ALTER TABLE certificate_authority ENABLE TRIGGER certificate_authority_update; COMMIT")
    server.sql("DROP TABLE fresh")
    server.sql("VACUUM ANALYZE")
    server.sql("CHECKPOINT")


def fill(bench, count):
    """Seconds that it took. The issuer does not run."""
    begin = time.monotonic()
    if bench.server is None:
        fill_sqlite(bench, count)
    else:
        fill_postgresql(bench, count)
    return time.monotonic() - begin
