/* SPDX-License-Identifier: Apache-2.0 */
/* Whole tiles and their entries never change again, so they can be sealed: with the immutable
 * attribute (FS_IOC_SETFLAGS) nobody overwrites, renames or removes them, root neither, until
 * somebody with CAP_LINUX_IMMUTABLE takes it off. The issuer needs and has no such right: who may
 * seal is another than who appends. */
#pragma once

#include "issuer/audit_tiles.h"

struct audit_seal {
    uint64_t whole;                   /* files of whole tiles */
    uint64_t sealed;                  /* of them: immutable now */
    uint64_t changed;                 /* of those: by this call */
    char first_open[TILE_PATH_BYTES]; /* the first that is not; "" */
};

/** Seals, or with `only_look` counts, what is whole among the first `size` entries. On failure
 * `first_open` names the file: ERR_NOT_FOUND (it is gone), ERR_UNSUPPORTED (the file system has no
 * such attribute), ERR_KEY (no right to set it), ERR_IO. */
MUST_CHECK enum err audit_seal(const char *folder, uint64_t size, bool only_look,
                               struct audit_seal *ret);
