/* SPDX-License-Identifier: Apache-2.0 */
/* Adds lines to one issuer of a presigner.yaml in block style, and leaves the rest of the text,
 * comments too, as it is. Pure. */
#pragma once

#include "lib/os/file.h"

/** Appends to `b` the text `yaml` with `lines` put after the "name: <issuer>" line, each indented
 * as that key is. ERR_NOT_FOUND: there is no such line (flow style, quotes); ERR_MEMORY. */
MUST_CHECK enum err config_insert(struct span yaml, const char *issuer, const char *const *lines,
                                  size_t line_count, struct buffer *b);
