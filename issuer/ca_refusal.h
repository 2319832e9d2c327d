/* SPDX-License-Identifier: Apache-2.0 */
/* Why a step of a ceremony is refused: one readable line for the operator. */
#pragma once

#include "lib/err.h"

#define CA_REFUSAL_BYTES 512

struct ca_refusal {
    char text[CA_REFUSAL_BYTES];
};

/** Sets the line and returns `err`, which is not ERR_OK. */
__attribute__((format(printf, 3, 4))) MUST_CHECK enum err
ca_refuse(struct ca_refusal *refusal, enum err err, const char *format, ...);
