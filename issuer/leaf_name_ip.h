/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as names of certificates. */
#pragma once

#include "issuer/leaf_names.h"

/** Whether the 4 or 16 octets are an address that nobody has (BR 1.6.1, Reserved IP Address). */
bool leaf_name_ip_reserved(struct span address);
