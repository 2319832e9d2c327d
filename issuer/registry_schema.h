/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, indexes and triggers. For issuer/registry_migrations.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum schema_step_kind {
    SCHEMA_ANY,          /* both databases */
    SCHEMA_TABLE_BY_KEY, /* a table that SQLite keeps in the order of its primary key */
    SCHEMA_SQLITE,
    SCHEMA_POSTGRESQL
};

struct schema_step {
    enum schema_step_kind kind;
    const char *text;
};

struct schema_steps {
    const struct schema_step *steps;
    size_t count;
};

/** What makes `version` out of the one before; from 1. */
struct schema_steps registry_schema_steps(uint64_t version);
