/* SPDX-License-Identifier: Apache-2.0 */
/* http://host[:port][/prefix]: IPv4, [IPv6] or a name. Pure. */
#pragma once

#include "bench/load/options.h"

/** Sets host, port and prefix. Returns NULL, or what is wrong; nothing is set then. */
const char *load_url_read(const char *url, struct load_options *ret);
