/* SPDX-License-Identifier: Apache-2.0 */
/* Sends frames that a program in the kernel makes (flood.bpf.c), through the interface's own path
 * for XDP frames: several times as many as a packet socket can send. */
#pragma once

#include "bench/flood/send.h"

/** As flood_send(). The interface counts what went out, of all who use it at the time. Needs an XDP
 *  program or GRO at the peer. ERR_UNSUPPORTED: built without BPF, or the kernel does not load or
 *  run the program. ERR_IO: errno tells. */
MUST_CHECK enum err flood_send_live(const struct flood_options *options,
                                    const struct flood_link *link,
                                    const volatile sig_atomic_t *ended, struct flood_result *ret);
