/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_migrations.h"

#include <inttypes.h>
#include <stdio.h>

#include "issuer/registry_schema.h"
#include "lib/check.h"
#include "lib/os/log.h"

/* Of one statement of a migration: an index over a hundred million certificates takes its time. */
#define STATEMENT_MS (4u * 3600 * 1000)

static enum err read_number(void *context, struct sql_row *row)
{
    *(uint64_t *)context = sql_get_number(row);
    return sql_row_end(row);
}

enum err registry_schema_version(struct sql *sql, uint64_t *ret)
{
    static const char *const there[] = {
        [SQL_SQLITE] = "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'",
        [SQL_POSTGRESQL] =
            "SELECT count(*) FROM pg_class WHERE oid = to_regclass('schema_version')",
    };
    uint64_t count = 0, version = 0;
    TRY(sql_query(sql, there[sql_dialect(sql)], read_number, &count));
    if (count > 0)
        TRY(sql_query(sql, "SELECT coalesce(max(version), 0) FROM schema_version", read_number,
                      &version));
    *ret = version;
    return ERR_OK;
}

static bool is_for(enum schema_step_kind kind, enum sql_dialect dialect)
{
    return kind != (dialect == SQL_SQLITE ? SCHEMA_POSTGRESQL : SCHEMA_SQLITE);
}

static enum err run_steps(struct sql *sql, uint64_t version)
{
    char text[4096];
    struct schema_steps steps = registry_schema_steps(version);
    for (size_t i = 0; i < steps.count; i++) {
        const struct schema_step *step = &steps.steps[i];
        if (!is_for(step->kind, sql_dialect(sql)))
            continue;
        bool by_key = step->kind == SCHEMA_TABLE_BY_KEY && sql_dialect(sql) == SQL_SQLITE;
        int size = snprintf(text, sizeof text, "%s%s", step->text, by_key ? " WITHOUT ROWID" : "");
        CHECK(size > 0 && (size_t)size < sizeof text);
        TRY(sql_script(sql, text));
    }
    snprintf(text, sizeof text,
             "INSERT INTO schema_version (version, program) VALUES (%" PRIu64 ", '%s')", version,
             STATIM_VERSION);
    return sql_script(sql, text);
}

/* One step in its transaction, if nobody was faster. */
static enum err migrate_to(struct sql *sql, uint64_t version)
{
    /* SQLite's BEGIN IMMEDIATE is a lock of all; the number is "statim" of no other meaning. */
    static const char *const lock[] = {
        [SQL_SQLITE] = "SELECT 1",
        [SQL_POSTGRESQL] = "SELECT pg_advisory_xact_lock(126879264729453)",
    };
    uint64_t is = 0;
    TRY(sql_begin(sql, lock[sql_dialect(sql)]));
    enum err err = registry_schema_version(sql, &is);
    if (err == ERR_OK && is < version)
        err = run_steps(sql, version);
    if (err != ERR_OK || is >= version) {
        sql_rollback(sql);
        return err;
    }
    log_info("registry: schema version %" PRIu64, version);
    return sql_commit(sql);
}

static enum err migrate(struct sql *sql)
{
    uint64_t version = 0;
    TRY(registry_schema_version(sql, &version));
    while (version < REGISTRY_SCHEMA_VERSION) {
        /* What others have done meanwhile counts, and what of ours nobody knows is looked up. */
        enum err err = migrate_to(sql, version + 1);
        if (err == ERR_IO)
            err = sql_reconnect_patiently(sql);
        TRY(err);
        TRY(registry_schema_version(sql, &version));
    }
    if (version == REGISTRY_SCHEMA_VERSION)
        return ERR_OK;
    log_error("registry: the schema is version %" PRIu64 ", and this program knows %d", version,
              REGISTRY_SCHEMA_VERSION);
    return ERR_UNSUPPORTED;
}

enum err registry_schema_migrate(struct sql *sql)
{
    uint32_t usual_ms = sql_limit_ms(sql);
    sql_limit(sql, STATEMENT_MS);
    enum err err = migrate(sql);
    sql_limit(sql, usual_ms);
    return err;
}
