/* SPDX-License-Identifier: Apache-2.0 */
/* A status database in a folder of its own, for one test each. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "presigner/status_db.h"
#include "tests/unit/scratch.h"

#define MAP_BYTES (256ull << 20)

struct fixture {
    char dir[SCRATCH_BYTES];
    struct status_db *db;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    scratch_make(f->dir);
    assert_int_equal(status_db_open(f->dir, MAP_BYTES, &f->db), ERR_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    status_db_close(f->db);
    scratch_remove(f->dir);
    free(f);
    return 0;
}
