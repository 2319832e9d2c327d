/* SPDX-License-Identifier: Apache-2.0 */
/* The head: made from the committed state, so that it can always be made again. */
#pragma once

#include "presigner/publish_core.h"

/** Remembers hash and time of the head that is there: the next one names it and is not older.
 *  ERR_CONFLICT (it is ahead of the state), ERR_IO, ERR_MEMORY. */
MUST_CHECK enum err publish_head_load(struct publisher *p);
/** Writes the head when the state has moved or it is time to renew it. Nothing before there is an
 *  index. */
MUST_CHECK enum err publish_head_refresh(struct publisher *p);
