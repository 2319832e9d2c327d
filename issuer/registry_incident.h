/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents and the certificates that they touch. See registry.h for what holds for every function.
 */
#pragma once

#include "issuer/registry_serial.h"

struct registry_incident {
    uint64_t id; /* set by registry_incident_add() */
    struct span title;
    struct span url;     /* may be empty */
    uint64_t renew_by_s; /* when its certificates will be revoked; 0: not decided */
    uint64_t created_at_s;
    uint64_t closed_at_s; /* 0: open */
    struct span actor;
    uint64_t serial_count; /* read only */
};

typedef enum err (*registry_incident_row)(void *context, const struct registry_incident *row);
typedef enum err (*registry_serial_row)(void *context, uint64_t issuer_id,
                                        const struct serial *serial);

MUST_CHECK enum err registry_incident_add(struct registry *r,
                                          const struct registry_incident *incident,
                                          uint64_t *ret_id);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err registry_incident_get(struct registry *r, uint64_t id,
                                          struct registry_incident *ret);
/** One that is closed keeps its time. ERR_NOT_FOUND. */
MUST_CHECK enum err registry_incident_close(struct registry *r, uint64_t id, uint64_t at_s);
/** Those above `after_id`, in order, at most `limit`. */
MUST_CHECK enum err registry_incidents(struct registry *r, uint64_t after_id, size_t limit,
                                       registry_incident_row row, void *context);
/** Adds a certificate; one that is there already is no error. ERR_NOT_FOUND: no such incident, or
 * the serial was never reserved. ERR_CONFLICT: the incident is closed. */
MUST_CHECK enum err registry_incident_serial_add(struct registry *r, uint64_t id,
                                                 uint64_t issuer_id, const struct serial *serial);
/** Those after (issuer id, serial) in the order of the database, at most `limit`; serial of size 0
 * with issuer id INT64_MIN as two's complement: from the first. */
MUST_CHECK enum err registry_incident_serials(struct registry *r, uint64_t id,
                                              uint64_t after_issuer_id, const struct serial *after,
                                              size_t limit, registry_serial_row row, void *context);
#define REGISTRY_ISSUER_ID_FIRST (1ull << 63)

/** Whether an open incident has it: its owner should renew early (RFC 9773). `*ret_renew_by_s` is
 * the earliest time, 0 when none is decided. ERR_NOT_FOUND: none has. */
MUST_CHECK enum err registry_incident_of(struct registry *r, uint64_t issuer_id,
                                         const struct serial *serial, uint64_t *ret_id,
                                         uint64_t *ret_renew_by_s);
