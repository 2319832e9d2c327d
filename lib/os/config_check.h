/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a YAML text against a libcyaml schema, with exact lines. libcyaml does the loading, but
 * names a neighbour's line for an unknown key and takes any word as true and "09" as 0. */
#pragma once

#include <cyaml/cyaml.h>

#include "lib/metrics.h"

/** ERR_CONFIG and "<path>:<line>: <what>" in `w` for the first thing wrong; ERR_MEMORY. */
MUST_CHECK enum err config_check(const char *path, struct span text,
                                 const cyaml_schema_value_t *schema, struct text_writer *w);
