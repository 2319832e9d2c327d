/* SPDX-License-Identifier: Apache-2.0 */
/* Names with their labels from the last on, each with a dot behind it: "www.example.com" is
 * "com.example.www.". What is below a name is then exactly what begins with its octets. An IP
 * address has no labels and stays as it is, with the dot. Pure. */
#pragma once

#include "issuer/registry.h"

#define REVERSED_BYTES_MAX (REGISTRY_NAME_MAX + 1)

/** ERR_LIMIT; ERR_MALFORMED: an empty name, or an empty label. */
MUST_CHECK enum err name_reverse(struct span name, uint8_t ret[static REVERSED_BYTES_MAX],
                                 size_t *ret_size);
