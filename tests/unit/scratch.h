/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary folder of a test's own. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH_BYTES 64

static inline void scratch_make(char ret[static SCRATCH_BYTES])
{
    const char *base = getenv("TMPDIR");
    int size = snprintf(ret, SCRATCH_BYTES, "%s/statim-test-XXXXXX",
                        base != NULL && strlen(base) < 40 ? base : "/tmp");
    if (size >= SCRATCH_BYTES || mkdtemp(ret) == NULL)
        abort();
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void scratch_remove(const char *dir)
{
    if (nftw(dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        abort();
}
