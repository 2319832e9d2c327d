/* SPDX-License-Identifier: Apache-2.0 */
/* Instead of live.c where there is no libbpf, clang or bpftool. */
#include "bench/flood/live.h"

enum err flood_send_live(const struct flood_options *options, const struct flood_link *link,
                         const volatile sig_atomic_t *ended, struct flood_result *ret)
{
    (void)options, (void)link, (void)ended, (void)ret;
    return ERR_UNSUPPORTED;
}
