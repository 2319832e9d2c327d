/* SPDX-License-Identifier: Apache-2.0 */
/* One issuer at a registry: a lock that ends with its process, however that ends.
 *
 * SQLite: a lock of the kernel on the file <database>.lock, whatever link the database is named by.
 * PostgreSQL: an advisory lock of a session that does nothing else. The server gives it up when
 * that session ends: at once when the process is killed, after 25 s when only its network is gone.
 *
 * A session that is lost is opened again by registry_owner_keep(), with the lock. Another issuer
 * may have been faster, and then this one has to go. Two at a time would give no wrong answer, for
 * each step of a serial is a transaction that sees the other's; but the one that starts gives up
 * what the other is working on, and each audit log would have half of what happened. */
#pragma once

#include "issuer/registry.h"

struct registry_owner;

/** Before anything is written or recovered. The options are copied. ERR_BUSY: another issuer has
 * it (logged), for all of connect_timeout_ms: of one that was killed the server may still have to
 * learn. Errors of registry_open(), ERR_CRYPTO. */
MUST_CHECK enum err registry_owner_take(const struct registry_options *options,
                                        struct registry_owner **ret);
/** For once a second: whether it is still ours, or is so again. ERR_BUSY: another issuer has it
 * (logged). ERR_IO: there is no session now, or the server still has our lost one; ask again.
 * Takes no longer than connect_timeout_ms. Not for two threads at a time. */
MUST_CHECK enum err registry_owner_keep(struct registry_owner *owner);
/** Takes NULL, returns NULL. */
struct registry_owner *registry_owner_drop(struct registry_owner *owner);
