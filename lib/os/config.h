/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files: YAML read through libcyaml schema tables. Unknown keys, keys given twice,
 * wrong types and values out of range are errors with file and line. */
#pragma once

#include <cyaml/cyaml.h>

#include "lib/err.h"

#define CONFIG_MESSAGE_BYTES 512

/** A field of an unsigned integer in [min_, max_]; CYAML_UNLIMITED as max_ means no upper bound.
 * The bounds live in the schema beside the type; config_load() checks them, libcyaml does not look.
 */
#define CONFIG_FIELD_UINT(key_, flags_, structure_, member_, min_, max_) \
    {                                                                    \
        .key = (key_), .data_offset = offsetof(structure_, member_),     \
        .value = {                                                       \
            CYAML_VALUE_UINT(flags_, ((structure_ *)NULL)->member_),     \
            .string = {.min = (min_), .max = (max_)},                    \
        },                                                               \
    }

/** Loads `path` by `schema` into a fresh structure. On failure ERR_CONFIG (or ERR_NOT_FOUND,
 * ERR_IO, ERR_MEMORY) and one readable line "<path>:<line>: <what>" in `message`. The structure is
 * freed by config_free(). Stricter than libcyaml alone: booleans are true, false, yes or no;
 * integers are decimal without leading zeros; no aliases; one document. */
MUST_CHECK enum err config_load(const char *path, const cyaml_schema_value_t *schema,
                                cyaml_data_t **ret, char message[static CONFIG_MESSAGE_BYTES]);
void config_free(const cyaml_schema_value_t *schema, cyaml_data_t *data);
