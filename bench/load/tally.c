/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/tally.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

void tally_init(struct tally *tally)
{
    memset(tally, 0, sizeof *tally);
    histogram_clear(&tally->second_latency);
    histogram_clear(&tally->latency);
    histogram_clear(&tally->service);
    histogram_clear(&tally->lag);
}

enum err ledger_init(struct ledger *ledger, uint32_t thread_count, uint32_t second_count)
{
    CHECK(thread_count > 0 && second_count > 0);
    *ledger = (struct ledger){.thread_count = thread_count, .second_count = second_count};
    ledger->seconds = calloc(second_count, sizeof *ledger->seconds);
    ledger->open = calloc(LEDGER_OPEN_SECONDS, sizeof *ledger->open);
    if (ledger->seconds == NULL || ledger->open == NULL) {
        free(ledger->seconds);
        free(ledger->open);
        return ERR_MEMORY;
    }
    CHECK(pthread_mutex_init(&ledger->mutex, NULL) == 0);
    return ERR_OK;
}

void ledger_done(struct ledger *ledger)
{
    free(ledger->seconds);
    free(ledger->open);
    pthread_mutex_destroy(&ledger->mutex);
}

static void complete(struct ledger *ledger, struct ledger_open *open)
{
    struct load_second *second = &ledger->seconds[open->second];
    second->p50_ns = histogram_quantile(&open->latency, 0.5);
    second->p99_ns = histogram_quantile(&open->latency, 0.99);
    if (open->second + 1 > ledger->complete)
        ledger->complete = open->second + 1;
    open->threads = 0;
}

static void add_latency(struct ledger *ledger, const struct histogram *latency, uint32_t second)
{
    struct ledger_open *open = &ledger->open[second % LEDGER_OPEN_SECONDS];
    if (second < ledger->complete)
        return;
    if (open->threads > 0 && open->second != second)
        complete(ledger, open);
    if (open->threads == 0)
        histogram_clear(&open->latency);
    open->second = second;
    open->threads++;
    histogram_add(&open->latency, latency);
    if (open->threads == ledger->thread_count)
        complete(ledger, open);
}

void ledger_hand_over(struct ledger *ledger, struct tally *tally, uint32_t second)
{
    CHECK(second < ledger->second_count);
    pthread_mutex_lock(&ledger->mutex);
    struct load_second *row = &ledger->seconds[second];
    row->due += tally->second.due;
    row->answered += tally->second.answered;
    row->errors += tally->second.errors;
    ledger->due += tally->second.due;
    for (unsigned i = 0; i < LOAD_END_COUNT; i++)
        ledger->ends[i] += tally->second_ends[i];
    add_latency(ledger, &tally->second_latency, second);
    pthread_mutex_unlock(&ledger->mutex);
    tally->due += tally->second.due;
    for (unsigned i = 0; i < LOAD_END_COUNT; i++)
        tally->ends[i] += tally->second_ends[i];
    histogram_add(&tally->latency, &tally->second_latency);
    histogram_clear(&tally->second_latency);
    memset(&tally->second, 0, sizeof tally->second);
    memset(tally->second_ends, 0, sizeof tally->second_ends);
}

void ledger_end(struct ledger *ledger, uint32_t second, enum load_end end)
{
    CHECK(second < ledger->second_count);
    pthread_mutex_lock(&ledger->mutex);
    ledger->ends[end]++;
    if (load_end_is_error(end))
        ledger->seconds[second].errors++;
    else
        ledger->seconds[second].answered++;
    pthread_mutex_unlock(&ledger->mutex);
}
