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

/** An optional one, kept as a pointer so that 0 is not taken for "not given". The key is the
 * member's name. */
#define CONFIG_FIELD_NUMBER(structure_, member_, min_, max_)           \
    {                                                                  \
        .key = #member_, .data_offset = offsetof(structure_, member_), \
        .value = {                                                     \
            CYAML_VALUE_UINT(CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER, \
                             *((structure_ *)NULL)->member_),          \
            .string = {.min = (min_), .max = (max_)},                  \
        },                                                             \
    }

/** Loads `path` by `schema` into a fresh structure. On failure ERR_CONFIG (or ERR_NOT_FOUND,
 * ERR_IO, ERR_MEMORY) and one readable line "<path>:<line>: <what>" in `message`. The structure is
 * freed by config_free(). Stricter than libcyaml alone: booleans are true, false, yes or no;
 * integers are decimal without leading zeros; no aliases; one document. */
MUST_CHECK enum err config_load(const char *path, const cyaml_schema_value_t *schema,
                                cyaml_data_t **ret, char message[static CONFIG_MESSAGE_BYTES]);
void config_free(const cyaml_schema_value_t *schema, cyaml_data_t *data);

/** A configuration being checked by its program: the file's path and where to say what is wrong. */
struct config_place {
    const char *path;
    char *message; /* CONFIG_MESSAGE_BYTES */
};

/** Writes "<path>: <what>" into the message. Always ERR_CONFIG. */
MUST_CHECK __attribute__((format(printf, 2, 3))) enum err
config_refuse(const struct config_place *place, const char *format, ...);

/** Makes a path that is relative to the configuration's folder one to open. `*path` may be NULL;
 *  else it is a text of the loaded structure, which config_free() frees. ERR_MEMORY. */
MUST_CHECK enum err config_resolve(const struct config_place *place, char **path);
