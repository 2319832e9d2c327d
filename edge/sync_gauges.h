/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sync core stands, for the metrics. */
#pragma once

#include "edge/sync_core.h"

/** Sets the gauges of position, index and head. */
void sync_gauges_show(const struct sync_core *core);
