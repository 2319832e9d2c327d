/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite explains every statement of the registry: none reads a table that grows from end to end,
 * nor sorts what may be many rows. */
#include "issuer/registry_internal.h"
#include "issuer/registry_statements.h"
#include "tests/unit/registry_world.h"

#define PLAN_BYTES 2048

/* What may be read whole, by its step of a plan: it is small, or all of it is asked for. */
static const char *const small[] = {
    "SCAN retention",
    "SCAN writer",
    "SCAN a USING INDEX", /* certificate_authority, in the order of names */
    "SCAN certificate_authority",
    "SCAN audit_outbox USING INDEX audit_outbox_waiting",
    "SCAN audit_outbox USING COVERING INDEX audit_outbox_waiting",
    "SCAN s USING INDEX serial_reservation_abandoned",
};

/* What is sorted: approvals of one order, incidents of one certificate. */
static const enum registry_statement sorted[] = {STATEMENT_APPROVAL_LIST, STATEMENT_INCIDENT_OF};

/* The index that makes the difference. */
static const struct {
    enum registry_statement statement;
    const char *step;
} expected[] = {
    {STATEMENT_CERTIFICATE_BY_ID, "SEARCH c USING INDEX sqlite_autoindex_certificate_1 (id=?)"},
    {STATEMENT_CERTIFICATE_BY_SERIAL,
     "SEARCH c USING INDEX sqlite_autoindex_certificate_2 (ca=? AND serial=? AND kind=?)"},
    {STATEMENT_CERTIFICATE_BY_ID, "SEARCH e USING INDEX status_event_issued (ca=? AND serial=?)"},
    {STATEMENT_CERTIFICATE_BY_ID, "SEARCH v USING PRIMARY KEY (ca=? AND serial=?)"},
    {STATEMENT_CERTIFICATES_OF_KEY, "SEARCH c USING INDEX certificate_key (spki_sha256=?)"},
    {STATEMENT_SEARCH_NAME, "SEARCH n USING COVERING INDEX certificate_name_reversed"},
    {STATEMENT_SEARCH_NAME, "SEARCH c USING INDEX sqlite_autoindex_certificate_2"},
    {STATEMENT_SEARCH_CUSTOMER, "SEARCH c USING INDEX certificate_customer (customer=? AND"},
    {STATEMENT_SEARCH_EXPIRY, "SEARCH c USING INDEX certificate_expiry ("},
    {STATEMENT_EXPIRING, "SEARCH certificate USING COVERING INDEX certificate_expiry"},
    {STATEMENT_EVENT_LIST, "SEARCH status_event USING PRIMARY KEY (ca=? AND seq>?)"},
    {STATEMENT_SERIAL_UNFINISHED,
     "SEARCH serial_reservation USING INDEX serial_reservation_unfinished"},
    {STATEMENT_ORDER_UNFINISHED, "SEARCH certificate_order USING INDEX certificate_order_working"},
    {STATEMENT_DCV_VALID, "SEARCH d USING INDEX dcv_event_domain (customer=? AND domain=?)"},
};

static void explain(sqlite3 *db, const struct sql_statement *s, char plan[static PLAN_BYTES])
{
    char text[4096];
    sqlite3_stmt *statement = NULL;
    snprintf(text, sizeof text, "EXPLAIN QUERY PLAN %s", s->text);
    if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", s->name, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_bind_parameter_count(statement), strlen(s->params));
    plan[0] = '\0';
    while (sqlite3_step(statement) == SQLITE_ROW) {
        size_t size = strlen(plan);
        snprintf(plan + size, PLAN_BYTES - size, "%s\n",
                 (const char *)sqlite3_column_text(statement, 3));
    }
    sqlite3_finalize(statement);
}

static bool step_is_small(const char *step)
{
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        if (strncmp(step, small[i], strlen(small[i])) == 0)
            return true;
    }
    return false;
}

static bool may_sort(size_t statement)
{
    for (size_t i = 0; i < sizeof sorted / sizeof sorted[0]; i++) {
        if (sorted[i] == (enum registry_statement)statement)
            return true;
    }
    return false;
}

static void check_plan(size_t statement, const char *plan)
{
    const char *name = registry_statements[statement].name;
    for (const char *step = plan; *step != '\0'; step = strchr(step, '\n') + 1) {
        if (strncmp(step, "SCAN ", 5) == 0 && strncmp(step, "SCAN CONSTANT ROW", 17) != 0 &&
            !step_is_small(step))
            fail_msg("%s reads all of a table:\n%s", name, plan);
        if (strncmp(step, "USE TEMP B-TREE", 15) == 0 && !may_sort(statement))
            fail_msg("%s sorts:\n%s", name, plan);
    }
}

static void test_no_statement_reads_a_table_whole(void **state)
{
    (void)state;
    if (world_postgresql)
        skip();
    char plan[PLAN_BYTES];
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(world_path, &db), SQLITE_OK);
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        explain(db, &registry_statements[i], plan);
        check_plan(i, plan);
    }
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        explain(db, &registry_statements[expected[i].statement], plan);
        if (strstr(plan, expected[i].step) == NULL)
            fail_msg("%s does not use its index, %s:\n%s",
                     registry_statements[expected[i].statement].name, expected[i].step, plan);
    }
    sqlite3_close(db);
}

static enum err add_step(void *context, struct sql_row *row)
{
    char *plan = context;
    struct span step = sql_get_text(row);
    size_t size = strlen(plan);
    snprintf(plan + size, PLAN_BYTES - size, "%.*s\n", (int)step.size, step.data);
    return sql_row_end(row);
}

/* On the registry's own connection, with its settings, for any parameters. */
static void explain_generic(const struct sql_statement *s, char plan[static PLAN_BYTES])
{
    char types[128] = "", values[128] = "", text[4096];
    for (const char *type = s->params; *type != '\0'; type++) {
        size_t at = strlen(types);
        snprintf(types + at, sizeof types - at, "%s%s", at == 0 ? "(" : ", ",
                 *type == 'n'   ? "bigint"
                 : *type == 't' ? "text"
                                : "bytea");
        at = strlen(values);
        snprintf(values + at, sizeof values - at, "%s%s", at == 0 ? "(" : ", ",
                 *type == 'n' ? "1" : "'x'");
    }
    bool has_params = types[0] != '\0';
    plan[0] = '\0';
    snprintf(text, sizeof text, "PREPARE plan%s%s AS %s%s", types, has_params ? ")" : "", s->text,
             s->kind == SQL_LOCK ? " FOR NO KEY UPDATE" : "");
    OK(sql_query(reg->sql, text, add_step, plan));
    snprintf(text, sizeof text, "EXPLAIN (COSTS OFF) EXECUTE plan%s%s", values,
             has_params ? ")" : "");
    OK(sql_query(reg->sql, text, add_step, plan));
    OK(sql_query(reg->sql, "DEALLOCATE plan", add_step, plan));
}

/* Tables that nobody has analysed are the hardest for a planner. */
static void test_no_statement_reads_a_table_whole_in_postgresql(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Seq Scan", "Materialize", "Gather",
                                        "Bitmap",   "Hash ",       "Merge Join"};
    if (!world_postgresql)
        skip();
    char plan[PLAN_BYTES];
    OK(sql_query(reg->sql, "SET plan_cache_mode = force_generic_plan", add_step, plan));
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        explain_generic(&registry_statements[i], plan);
        assert_true(plan[0] != 0);
        for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++) {
            if (strstr(plan, wrong[j]) != NULL && i != STATEMENT_WRITER_TIDY)
                fail_msg("%s: %s:\n%s", registry_statements[i].name, wrong[j], plan);
        }
        if (strstr(plan, "Sort") != NULL && !may_sort(i))
            fail_msg("%s sorts:\n%s", registry_statements[i].name, plan);
    }
}

/* Every statement is one that the other database takes as well, with the types that it is given. */
static void test_every_statement_is_taken(void **state)
{
    (void)state;
    if (!world_postgresql)
        skip();
    PGconn *conn = PQconnectdb(world_cluster.conninfo);
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        const struct sql_statement *s = &registry_statements[i];
        Oid types[SQL_PARAMS_MAX];
        for (size_t j = 0; s->params[j] != '\0'; j++)
            types[j] = s->params[j] == 'n' ? 20 : s->params[j] == 't' ? 25 : 17;
        PGresult *result = PQprepare(conn, "", s->text, (int)strlen(s->params), types);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            fail_msg("%s: %s", s->name, PQerrorMessage(conn));
        PQclear(result);
    }
    PQfinish(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_no_statement_reads_a_table_whole),
        WORLD_TEST(test_no_statement_reads_a_table_whole_in_postgresql),
        WORLD_TEST(test_every_statement_is_taken),
    };
    return world_run("registry's statements", tests, sizeof tests / sizeof tests[0]);
}
