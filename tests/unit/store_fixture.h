/* SPDX-License-Identifier: Apache-2.0 */
/* A store in a folder of its own. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/format_fixture.h"
#include "tests/unit/store_model.h"

#define STORE_FIXTURE_PATH 64

static inline void fixture_directory(char path[static STORE_FIXTURE_PATH])
{
    snprintf(path, STORE_FIXTURE_PATH, "/tmp/statim-test-XXXXXX");
    CHECK(mkdtemp(path) != NULL);
}

static inline int fixture_remove_one(const char *path, const struct stat *st, int flag,
                                     struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void fixture_remove(const char *path)
{
    CHECK(nftw(path, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static inline struct store *fixture_store(const char *path, uint64_t map_bytes)
{
    struct store *store = NULL;
    struct store_config config = {.path = path, .map_bytes = map_bytes};
    CHECK(store_open(&config, &store) == ERR_OK);
    return store;
}
