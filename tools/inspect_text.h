/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the facts of `statim inspect` for people. */
#pragma once

#include <jansson.h>
#include <stdio.h>

/** One line a value; a group is indented; a list is its count and one line a row. */
void inspect_text_print(json_t *facts, FILE *out);
