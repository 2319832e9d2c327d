/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/issue_faults.h"

#include "issuer/journal.h"
#include "issuer/sql.h"
#include "lib/check.h"
#include "lib/os/signer.h"

struct serial signed_serials[SIGNED_MAX];
unsigned signed_count;

#define CALLS_MAX 1024

static enum fault planned;
static unsigned planned_at, calls;
static enum call kinds[CALLS_MAX];
static bool is_dead; /* or out: no call has an effect */
static bool is_lost; /* the connection to the database */

const char *fault_text(enum fault fault)
{
    static const char *const texts[FAULT_COUNT] = {
#define X(name, text) text,
        FAULT_TABLE(X)
#undef X
    };
    return texts[fault];
}

void faults_set(enum fault fault, unsigned instant)
{
    planned = fault;
    planned_at = instant;
    calls = 0;
}

unsigned faults_calls(void)
{
    return calls;
}

enum call faults_call(unsigned instant)
{
    CHECK(instant < calls);
    return kinds[instant];
}

bool fault_applies(enum fault fault, enum call call)
{
    switch (fault) {
    case FAULT_DIE_AFTER:
    case FAULT_FAIL_AFTER:
        return call == CALL_COMMIT || call == CALL_APPEND || call == CALL_SIGN;
    case FAULT_BUSY:
        return call == CALL_BEGIN || call == CALL_COMMIT;
    case FAULT_NONE:
    case FAULT_DIE_BEFORE:
    case FAULT_FAIL:
    case FAULT_OUTAGE:
    case FAULT_COUNT:
        break;
    }
    return true;
}

void faults_heal(void)
{
    is_dead = false;
    faults_set(FAULT_NONE, 0);
}

/* What happens at this call. */
static enum fault next(enum call call)
{
    if (is_dead)
        return FAULT_DIE_BEFORE;
    enum fault fault = calls == planned_at ? planned : FAULT_NONE;
    CHECK(calls < CALLS_MAX);
    kinds[calls++] = call;
    if (fault == FAULT_DIE_BEFORE || fault == FAULT_DIE_AFTER || fault == FAULT_OUTAGE)
        is_dead = true;
    return fault;
}

/* The function itself, which the linker calls so. */
#define REAL(name) __real_##name
#define WRAP(name) __wrap_##name
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

enum err REAL(sql_begin)(struct sql *sql, const char *first);
enum err REAL(sql_commit)(struct sql *sql);
enum err REAL(sql_reconnect)(struct sql *sql);
bool REAL(sql_connected)(const struct sql *sql);
enum err REAL(sql_run)(struct sql *sql, size_t statement, const struct sql_param *params,
                       size_t param_count, sql_row_function row, void *context);
enum err REAL(journal_append_all)(struct journal *journal, const struct span *entries, size_t count,
                                  uint64_t *ret_first);
enum err REAL(signer_worker_sign)(struct signer_worker *worker, struct span tbs,
                                  uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size);

/* The connection is gone, and its transaction with it. */
static enum err lose(struct sql *sql)
{
    sql_rollback(sql);
    is_lost = true;
    return ERR_IO;
}

enum err WRAP(sql_begin)(struct sql *sql, const char *first)
{
    enum fault fault = next(CALL_BEGIN);
    if (is_lost)
        return ERR_IO;
    if (fault == FAULT_BUSY)
        return ERR_BUSY;
    if (fault == FAULT_DIE_BEFORE || fault == FAULT_OUTAGE || fault == FAULT_FAIL)
        return lose(sql);
    enum err err = REAL(sql_begin)(sql, first);
    return fault == FAULT_NONE ? err : lose(sql);
}

enum err WRAP(sql_run)(struct sql *sql, size_t statement, const struct sql_param *params,
                       size_t param_count, sql_row_function row, void *context)
{
    enum fault fault = next(CALL_RUN);
    if (is_lost)
        return ERR_IO;
    if (fault == FAULT_NONE || fault == FAULT_BUSY)
        return REAL(sql_run)(sql, statement, params, param_count, row, context);
    return lose(sql);
}

enum err WRAP(sql_commit)(struct sql *sql)
{
    enum fault fault = next(CALL_COMMIT);
    if (fault == FAULT_NONE)
        return REAL(sql_commit)(sql);
    if (fault == FAULT_BUSY) {
        sql_rollback(sql);
        return ERR_BUSY;
    }
    if (fault == FAULT_DIE_AFTER || fault == FAULT_FAIL_AFTER) {
        enum err err = REAL(sql_commit)(sql);
        if (err != ERR_OK)
            return err;
    }
    return lose(sql);
}

enum err WRAP(sql_reconnect)(struct sql *sql)
{
    if (next(CALL_RECONNECT) != FAULT_NONE)
        return ERR_IO;
    enum err err = REAL(sql_reconnect)(sql);
    if (err == ERR_OK)
        is_lost = false;
    return err;
}

bool WRAP(sql_connected)(const struct sql *sql)
{
    return !is_lost && REAL(sql_connected)(sql);
}

enum err WRAP(journal_append_all)(struct journal *journal, const struct span *entries, size_t count,
                                  uint64_t *ret_first)
{
    enum fault fault = next(CALL_APPEND);
    if (fault == FAULT_DIE_BEFORE || fault == FAULT_OUTAGE || fault == FAULT_FAIL)
        return ERR_IO;
    enum err err = REAL(journal_append_all)(journal, entries, count, ret_first);
    return fault == FAULT_NONE || fault == FAULT_BUSY ? err : ERR_IO;
}

/* The serial of a TBSCertificate: behind version 3. */
static void note_serial(struct span tbs)
{
    static const uint8_t before[] = {0xa0, 3, 2, 1, 2, 2, 20};
    const uint8_t *at = memmem(tbs.data, tbs.size, before, sizeof before);
    /* Opening a key signs made-up octets. */
    if (at == NULL)
        return;
    CHECK(signed_count < SIGNED_MAX);
    CHECK(serial_from_content(span_of(at + sizeof before, 20), &signed_serials[signed_count++]) ==
          ERR_OK);
}

enum err WRAP(signer_worker_sign)(struct signer_worker *worker, struct span tbs,
                                  uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size)
{
    enum fault fault = next(CALL_SIGN);
    if (fault == FAULT_DIE_BEFORE || fault == FAULT_OUTAGE || fault == FAULT_FAIL)
        return ERR_CRYPTO;
    note_serial(tbs);
    enum err err = REAL(signer_worker_sign)(worker, tbs, out, ret_size);
    return fault == FAULT_NONE || fault == FAULT_BUSY ? err : ERR_CRYPTO;
}
