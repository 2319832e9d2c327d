/* SPDX-License-Identifier: Apache-2.0 */
/* Host and port of the options -> their address. */
#pragma once

#include "bench/load/options.h"

/** Of several addresses, the first that takes a connection, or else the first. Says what is wrong
 *  on standard error. ERR_NOT_FOUND. */
MUST_CHECK enum err load_resolve(struct load_options *options);
