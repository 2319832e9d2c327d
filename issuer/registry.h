/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: what a CA must never forget, in SQL. SQLite in a file, or PostgreSQL by libpq; the
 * statements are the same (registry_statements.h), and so are the answers.
 *
 * A registry is one connection. It belongs to one thread at a time; open one for each.
 *
 * Writes happen in a transaction: registry_begin() ... registry_commit(). A function that writes
 * may only be called in one. One that reads may be called outside as well. After an error other
 * than ERR_NOT_FOUND, ERR_EXISTS and ERR_CONFLICT of our own checks the transaction is lost: what
 * comes after it fails with ERR_STORE, and so does the commit. registry_transaction() does all
 * that.
 *
 * Errors every function may return, besides those that it names:
 *   ERR_BUSY    another transaction was in the way (lock, deadlock, statement timeout): nothing
 *               happened, do the whole transaction again
 *   ERR_IO      the connection is lost. Nothing happened, but for registry_commit(), which see
 *   ERR_STORE   the database refused, or it holds what cannot be; the log says what
 *   ERR_LIMIT   a text or an octet string is longer than its limit below, or a number than 63 bits
 *   ERR_MALFORMED a text is no UTF-8 or has a NUL: neither database could give it back octet for
 *               octet. All other octets come back as they were
 *   ERR_DISK_FULL, ERR_MEMORY
 *
 * Spans that come out belong to the registry: good until the next call with it or, in a row
 * callback, until that returns. Spans that go in are only borrowed for the call.
 *
 * Row callbacks get a context and one row, and return ERR_OK to go on; anything else ends the list
 * and becomes its result. They must not call the registry.
 *
 * `issuer_id` is that of lib/template.h; times are seconds since 1970. */
#pragma once

#include "lib/digest.h"
#include "lib/serial.h"

/* Texts and octet strings, in octets. Names of people and things are short, so that no index entry
 * is too long for PostgreSQL (2,704). */
#define REGISTRY_NAME_MAX     253  /* a dNSName, or an address as text */
#define REGISTRY_NAMES_MAX    1000 /* of one certificate */
#define REGISTRY_WORD_MAX     64   /* profile, method, role, state of an account, source */
#define REGISTRY_CUSTOMER_MAX 128  /* customer, operator, actor */
#define REGISTRY_ORDER_ID_MAX 128
#define REGISTRY_TEXT_MAX     4096  /* evidence, problem, URL, title, JWK */
#define REGISTRY_EVENT_MAX    65535 /* a leaf of the audit log */
#define REGISTRY_DER_MAX      65535 /* a certificate, a Name */
/* Rows of one page. */
#define REGISTRY_PAGE_MAX 1000
/* Seven years, by policy; registry_retention_set() makes it longer. */
#define REGISTRY_RETENTION_S 221356800 /* 7 * 366 days */
/* Of a time limit that is given as 0. */
#define REGISTRY_TIMEOUT_MS 5000

struct registry_options {
    const char *sqlite_path;       /* one of the two; made when missing, its folder not */
    const char *postgresql;        /* a conninfo string or URI of libpq */
    uint32_t statement_timeout_ms; /* of one statement, waiting for locks included */
    uint32_t connect_timeout_ms;   /* of all that it takes to be connected again */
};

struct registry;

/** Connects. The texts of the options are copied. The schema is not looked at: registry_migrate()
 * or registry_schema_check() is next. ERR_CONFIG (not exactly one database; a conninfo that libpq
 * does not take; a PostgreSQL with another encoding than UTF8 or with fsync off; a read-only one),
 * ERR_IO (no connection within the time). */
MUST_CHECK enum err registry_open(const struct registry_options *options, struct registry **ret);
/** Ends an open transaction without it. Takes NULL, returns NULL. */
struct registry *registry_close(struct registry *r);
/** "SQLite 3.40.1" or "PostgreSQL 15.20", for the log. */
const char *registry_version(const struct registry *r);

/** Brings the schema to this program's version, each step in a transaction of its own; of several
 * programs that try, one does it. ERR_UNSUPPORTED: the schema is newer than this program. */
MUST_CHECK enum err registry_migrate(struct registry *r);
/** ERR_UNSUPPORTED: the schema is newer. ERR_NOT_FOUND: it is older, or there is none. */
MUST_CHECK enum err registry_schema_check(struct registry *r);

/** For the start of a request: opens a lost connection again, within the time, with the schema
 * checked; and when a commit's outcome was unknown, waits until the database has decided. After
 * ERR_OK, whatever is read is the truth about that transaction, too. ERR_IO. */
MUST_CHECK enum err registry_ready(struct registry *r);
/** Lost connections that were opened again, of all registries of this process. Any thread. */
uint64_t registry_reconnects(void);

/** SQLite: BEGIN IMMEDIATE; PostgreSQL: read committed. Reconnects once by itself when the
 * connection turns out to be lost: nothing can have happened yet. */
MUST_CHECK enum err registry_begin(struct registry *r);
/** ERR_OK: it is durable. ERR_IO: the OUTCOME IS UNKNOWN; when registry_ready() has returned ERR_OK
 * ask for what the transaction should have written. Any other error: nothing happened. A connection
 * that breaks in the middle is opened again within the time and PostgreSQL asked for the fate of
 * the transaction, so that ERR_IO is rare. The transaction is over in every case. */
MUST_CHECK enum err registry_commit(struct registry *r);
/** Nothing of it happened. Does nothing outside a transaction. */
void registry_rollback(struct registry *r);

typedef enum err (*registry_work)(struct registry *r, void *context);
/** begin, work, commit; again from the beginning while it is ERR_BUSY, at most REGISTRY_TRIES
 * times. An error of the work rolls back and is the result. */
#define REGISTRY_TRIES 8
MUST_CHECK enum err registry_transaction(struct registry *r, registry_work work, void *context);

/** How long rows of certificates, revocations, status events, validations and approvals are kept at
 * least after their certificate has expired. The database refuses to delete younger ones, and to
 * make the time shorter. ERR_CONFLICT: shorter than it is. In a transaction. */
MUST_CHECK enum err registry_retention_set(struct registry *r, uint64_t retention_s);
MUST_CHECK enum err registry_retention(struct registry *r, uint64_t *ret_s);
