/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets as an edge's pages: refused, or figures that are within their limits. The first octet
 * says which page; a page of metrics may be two, parted by an octet 0, for the load between them.
 */
#include "bpf/measure.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void health(unsigned status, struct span body)
{
    bool healthy = false;
    char why[MEASURE_WHY_BYTES];
    if (measure_health(status, body, &healthy, why) != ERR_OK)
        return;
    size_t length = strnlen(why, sizeof why);
    CHECK(length < sizeof why && healthy == (length == 0) && healthy == (status == 200));
    for (size_t i = 0; i < length; i++)
        CHECK(why[i] >= 0x20 && why[i] < 0x7F);
}

static void check_metrics(const struct edge_metrics *m)
{
    CHECK(m->worker_count <= MEASURE_WORKERS_MAX);
    CHECK(m->worker_count == 0 || m->workers[m->worker_count - 1].known);
    for (uint32_t i = m->worker_count; i < MEASURE_WORKERS_MAX; i++)
        CHECK(!m->workers[i].known);
}

static void metrics(struct span body)
{
    static struct edge_metrics before, now;
    const uint8_t *parted = body.size == 0 ? NULL : memchr(body.data, 0, body.size);
    size_t first = parted == NULL ? body.size : (size_t)(parted - body.data);
    if (measure_metrics(span_of(body.data, first), &before) != ERR_OK)
        return;
    check_metrics(&before);
    uint32_t permille = 0;
    CHECK(measure_load(&before, &before, &permille) == ERR_NOT_FOUND);
    if (parted == NULL ||
        measure_metrics(span_of(parted + 1, body.size - first - 1), &now) != ERR_OK)
        return;
    check_metrics(&now);
    if (measure_load(&before, &now, &permille) == ERR_OK)
        CHECK(permille <= 1000 && now.worker_count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span body = span_of(data + 1, size - 1);
    if (data[0] == 'h')
        health(200, body);
    else if (data[0] == 's')
        health(503, body);
    else
        metrics(body);
    return 0;
}
