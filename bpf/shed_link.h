/* SPDX-License-Identifier: Apache-2.0 */
/* The link that holds the filter on its interface, and its pin. While a descriptor or the pin is
 * there the filter stays. Errors come with a readable line in `message`. */
#pragma once

#include <stdbool.h>

#include "bpf/shed_pins.h"

/** Opens the pinned link. `*ret`: -1 when there is none; the pin of one whose interface has gone is
 * removed. ERR_BUSY: it holds a filter on another interface (one that was renamed, or in another
 * network namespace), which is left alone. ERR_IO. */
MUST_CHECK enum err shed_link_find(const char *pin, unsigned ifindex, int *ret,
                                   char message[static SHED_MESSAGE_BYTES]);
/** Attaches a program and pins the link: in the driver's mode, unless `generic`, else in the
 * kernel's, which `*ret_generic` tells. ERR_BUSY: another's program is there. ERR_IO. */
MUST_CHECK enum err shed_link_make(const char *pin, unsigned ifindex, int program, bool generic,
                                   int *ret, bool *ret_generic,
                                   char message[static SHED_MESSAGE_BYTES]);
/** Puts another program under the link in one step. ERR_IO. */
MUST_CHECK enum err shed_link_update(int link, int program,
                                     char message[static SHED_MESSAGE_BYTES]);
/** Whether what is attached to the interface is so in the kernel's generic mode. */
bool shed_link_is_generic(unsigned ifindex);
/** Whether the link holds its filter on this interface. */
bool shed_link_is_on(int link, unsigned ifindex);
