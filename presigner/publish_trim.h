/* SPDX-License-Identifier: Apache-2.0 */
/* Packs for an index: every range needs one with exactly its bounds. A range that lost a part to
 * another gets its old statements without that part, as they were signed; a range that never had a
 * pack gets an empty one. */
#pragma once

#include "presigner/publish_core.h"

/** Makes what is missing, and commits each. A range whose old pack cannot be used is marked dirty,
 * to be signed anew, and gives ERR_BUSY at the end: there can be no index yet. */
MUST_CHECK enum err publish_trim_all(struct publisher *p);
