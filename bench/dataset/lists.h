/* SPDX-License-Identifier: Apache-2.0 */
/* The serials of a data set as text, one in hex a line. */
#pragma once

#include "bench/dataset/serial_plan.h"

/** Writes `count` of the plan's serials (at most all) into one file, and the revoked ones among
 *  them into another. Scattered over the key space, so that whoever asks for some lines more often
 *  than others does not ask for neighbours. ERR_IO, ERR_DISK_FULL. */
MUST_CHECK enum err lists_write(const struct serial_plan *plan, double revoked_share,
                                uint64_t count, const char *serials_path, const char *revoked_path);
