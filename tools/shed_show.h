/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of statim-shed, for people. Each prints one kind of answer to standard output. */
#pragma once

#include <jansson.h>

void shed_show_top(const json_t *answer);
void shed_show_words(const json_t *answer);
void shed_show_level(const json_t *answer);
void shed_show_route(const json_t *answer);
void shed_show_stats(const json_t *answer);
