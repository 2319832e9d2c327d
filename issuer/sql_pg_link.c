/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/sql_pg_link.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/os/log.h"

/* libpq's messages have line ends, and a second line of advice. */
static int line_size(const char *message)
{
    return (int)strcspn(message, "\r\n");
}

enum err pg_target_check(const char *target)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(target, &message);
    if (options == NULL) {
        /* The message quotes the string, which may hold a password. */
        log_error("registry: that is no connection string of PostgreSQL's libpq");
        PQfreemem(message);
        return ERR_CONFIG;
    }
    PQconninfoFree(options);
    return ERR_OK;
}

/* Until the socket can be read or, when `for_write`, written to. ERR_IO: not in time. */
static enum err wait_for(PGconn *conn, bool for_write, uint64_t deadline_ns)
{
    struct pollfd p = {.fd = PQsocket(conn),
                       .events = (short)(for_write ? POLLIN | POLLOUT : POLLIN)};
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        if (p.fd < 0 || now_ns >= deadline_ns)
            return ERR_IO;
        uint64_t left_ms = (deadline_ns - now_ns) / 1000000u + 1;
        int n = poll(&p, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (n > 0)
            return ERR_OK;
        if (n < 0 && errno != EINTR)
            return ERR_IO;
    }
}

static enum err connect_poll(PGconn *conn, uint64_t deadline_ns)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    if (PQstatus(conn) == CONNECTION_BAD)
        return ERR_IO;
    for (;;) {
        if (state == PGRES_POLLING_OK)
            return PQsetnonblocking(conn, 1) == 0 ? ERR_OK : ERR_IO;
        if (state == PGRES_POLLING_FAILED)
            return ERR_IO;
        struct pollfd p = {.fd = PQsocket(conn),
                           .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        uint64_t now_ns = clock_monotonic_ns();
        if (p.fd < 0 || now_ns >= deadline_ns) {
            errno = ETIMEDOUT;
            return ERR_BUSY;
        }
        int n = poll(&p, 1, (int)((deadline_ns - now_ns) / 1000000u) + 1);
        if (n < 0 && errno != EINTR)
            return ERR_IO;
        if (n > 0)
            state = PQconnectPoll(conn);
    }
}

/* What the server has to say besides: one line of it. libpq would write it to standard error. */
static void hear_notice(void *context, const char *message)
{
    (void)context;
    log_info("registry: PostgreSQL: %.*s", line_size(message), message);
}

enum err pg_link_connect(const char *target, uint64_t deadline_ns, bool quiet, PGconn **ret)
{
    /* Before the target: what it may say otherwise; after it: what it may not. */
    static const char *const before[][2] = {{"fallback_application_name", "statim-issuer"},
                                            {"keepalives_idle", "10"},
                                            {"keepalives_interval", "5"},
                                            {"keepalives_count", "3"},
                                            {"tcp_user_timeout", "20000"}};
    static const char *const after[][2] = {{"client_encoding", "UTF8"},
                                           {"target_session_attrs", "read-write"}};
    enum { BEFORE = sizeof before / sizeof before[0], AFTER = sizeof after / sizeof after[0] };
    const char *keys[BEFORE + AFTER + 2], *values[BEFORE + AFTER + 2];
    size_t count = 0;
    for (size_t i = 0; i < BEFORE; i++, count++)
        keys[count] = before[i][0], values[count] = before[i][1];
    keys[count] = "dbname", values[count++] = target;
    for (size_t i = 0; i < AFTER; i++, count++)
        keys[count] = after[i][0], values[count] = after[i][1];
    keys[count] = NULL, values[count] = NULL;
    PGconn *conn = PQconnectStartParams(keys, values, 1);
    if (conn == NULL)
        return ERR_MEMORY;
    PQsetNoticeProcessor(conn, hear_notice, NULL);
    enum err err = connect_poll(conn, deadline_ns);
    if (err != ERR_OK) {
        const char *message = err == ERR_BUSY ? "no connection in time" : PQerrorMessage(conn);
        if (!quiet)
            log_error("registry: PostgreSQL: %.*s", line_size(message), message);
        PQfinish(conn);
        return ERR_IO;
    }
    *ret = conn;
    return ERR_OK;
}

static enum err flush(PGconn *conn, uint64_t deadline_ns)
{
    int state;
    while ((state = PQflush(conn)) == 1) {
        /* The server may have to get rid of something before it reads on. */
        TRY(wait_for(conn, true, deadline_ns));
        if (PQconsumeInput(conn) == 0)
            return ERR_IO;
    }
    return state == 0 ? ERR_OK : ERR_IO;
}

static bool is_error(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK;
}

/* NULL after the last. */
static enum err next_result(PGconn *conn, uint64_t deadline_ns, PGresult **ret)
{
    while (PQisBusy(conn)) {
        TRY(wait_for(conn, false, deadline_ns));
        if (PQconsumeInput(conn) == 0)
            return ERR_IO;
    }
    *ret = PQgetResult(conn);
    return ERR_OK;
}

enum err pg_link_finish(PGconn *conn, int sent, uint64_t deadline_ns, PGresult **ret)
{
    PGresult *kept = NULL, *result = NULL;
    enum err err = sent == 1 ? flush(conn, deadline_ns) : ERR_IO;
    while (err == ERR_OK && (err = next_result(conn, deadline_ns, &result)) == ERR_OK &&
           result != NULL) {
        if (kept != NULL && is_error(kept)) {
            PQclear(result);
        } else {
            PQclear(kept);
            kept = result;
        }
    }
    if (err == ERR_OK && kept != NULL) {
        *ret = kept;
        return ERR_OK;
    }
    PQclear(kept);
    return ERR_IO;
}
