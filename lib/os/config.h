/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files: YAML read through libcyaml schema tables. Unknown keys, wrong types and
 * values out of range are errors with file and line. */
#pragma once

#include <cyaml/cyaml.h>

#include "lib/err.h"

#define CONFIG_MESSAGE_BYTES 512

/** Loads `path` by `schema` into a fresh structure. On failure ERR_CONFIG (or ERR_NOT_FOUND, ERR_IO,
 *  ERR_MEMORY) and one readable line "<path>:<line>: <what>" in `message`. The structure is freed by
 *  config_free(). */
MUST_CHECK enum err config_load(const char *path, const cyaml_schema_value_t *schema,
                                cyaml_data_t **ret, char message[static CONFIG_MESSAGE_BYTES]);
void config_free(const cyaml_schema_value_t *schema, cyaml_data_t *data);
