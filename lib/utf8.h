/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629): shortest forms, no surrogates, nothing above U+10FFFF. Pure. */
#pragma once

#include "lib/span.h"

/** The size of the character that `text` begins with: 1 to 4; 0: it begins with none. */
size_t utf8_sequence(struct span text);
/** Whether all of it is characters. U+0000 is one. */
bool utf8_is_valid(struct span text);
