/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/shared.h"

#include <sys/mman.h>

enum err edge_shared_map(struct edge_shared **ret)
{
    void *memory = mmap(NULL, sizeof(struct edge_shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return ERR_MEMORY;
    *ret = memory;
    return ERR_OK;
}

void edge_shared_sum(const struct edge_shared *shared, uint64_t ret[static SERVE_COUNTER_COUNT])
{
    for (unsigned i = 0; i < SERVE_COUNTER_COUNT; i++)
        ret[i] = 0;
    for (unsigned half = 0; half < 2; half++) {
        for (unsigned worker = 0; worker < EDGE_WORKERS_MAX; worker++) {
            for (unsigned i = 0; i < SERVE_COUNTER_COUNT; i++)
                ret[i] += counter_get(&shared->workers[half][worker].values[i]);
        }
    }
}
