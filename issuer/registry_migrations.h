/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's schema, step by step: what registry_migrate() does. For issuer/registry.c.
 *
 * A version that has been released is never changed; another follows. Versions do not touch rows
 * that must never change, whatever it is that they change. */
#pragma once

#include "issuer/sql.h"

/* What this program's statements need. */
#define REGISTRY_SCHEMA_VERSION 1

/** 0: there is none. */
MUST_CHECK enum err registry_schema_version(struct sql *sql, uint64_t *ret);
/** Brings the schema from what it is to `version`, each step in a transaction with the schema
 * locked. ERR_UNSUPPORTED: it is newer. Its statements have a time limit of their own, in hours. */
MUST_CHECK enum err registry_schema_migrate(struct sql *sql);
