/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/load_thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/random.h"

#define SECOND_NS UINT64_C(1000000000)
/* Deadlines are looked at so often that the looking takes less than a hundredth of the time. */
#define TICK_NS                10000000u
#define TICK_NS_PER_CONNECTION 1000u
/* Closed loop: connections that are opened in one turn at the start; a server's queue is short. */
#define START_COUNT 64u

/* ---- preparation ---- */

static enum err slot_queue_init(struct slot_queue *q, uint32_t capacity)
{
    q->capacity = capacity;
    q->slots = calloc(capacity, sizeof *q->slots);
    return q->slots == NULL ? ERR_MEMORY : ERR_OK;
}

static bool is_one_shot(double share, uint32_t connection_no)
{
    /* Spread evenly, and exactly the share over all threads. */
    return (uint64_t)((connection_no + 1) * share) > (uint64_t)(connection_no * share);
}

static enum err allocate(struct load_thread *t, uint32_t connection_first)
{
    uint32_t count = t->connection_count;
    t->clients = calloc(count, sizeof *t->clients);
    t->cooled_ns = calloc(count, sizeof *t->cooled_ns);
    t->batch = calloc(count, sizeof *t->batch);
    t->holds = calloc(count + 1u, sizeof *t->holds);
    if (t->clients == NULL || t->cooled_ns == NULL || t->batch == NULL || t->holds == NULL)
        return ERR_MEMORY;
    if (t->stretch->target->request_room > 0) {
        t->requests = malloc(count * t->stretch->target->request_room);
        if (t->requests == NULL)
            return ERR_MEMORY;
    }
    TRY(slot_queue_init(&t->free, count));
    TRY(slot_queue_init(&t->cooling, count));
    for (uint32_t i = 0; i < count; i++) {
        t->clients[i].one_shot =
            is_one_shot(t->stretch->options->close_share, connection_first + i);
        slot_queue_put(&t->free, i);
    }
    return ERR_OK;
}

enum err load_thread_new(struct load_stretch *stretch, uint32_t thread_no,
                         uint32_t connection_first, uint32_t connection_count,
                         struct load_thread **ret)
{
    CHECK(connection_count > 0);
    struct load_thread *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ERR_MEMORY;
    t->stretch = stretch;
    t->thread_no = thread_no;
    t->connection_count = connection_count;
    t->random = stretch->options->seed;
    for (uint32_t i = 0; i <= thread_no; i++)
        t->random = random_next(&t->random);
    t->sample_left = 1; /* the first, so that there is one in any sample */
    tally_init(&t->tally);
    enum err err = allocate(t, connection_first);
    if (err != ERR_OK) {
        load_thread_free(t);
        return err;
    }
    *ret = t;
    return ERR_OK;
}

struct load_thread *load_thread_free(struct load_thread *t)
{
    if (t == NULL)
        return NULL;
    for (uint32_t i = 0; i < t->hold_count; i++)
        free(t->holds[i]);
    for (uint32_t i = 0; t->clients != NULL && i < t->connection_count; i++)
        free(t->clients[i].hold);
    free(t->clients);
    free(t->requests);
    free(t->free.slots);
    free(t->cooling.slots);
    free(t->cooled_ns);
    free(t->batch);
    free(t->holds);
    free(t);
    return NULL;
}

/* ---- the loop ---- */

static uint64_t thread_cpu_ns(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND_NS +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
}

/* How long this thread has been ready to run and did not. 0 from a kernel that does not count it.
 */
static uint64_t thread_starved_ns(void)
{
    unsigned long long run_ns = 0, starved_ns = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &run_ns, &starved_ns) != 2)
        starved_ns = 0;
    (void)fclose(file);
    return starved_ns;
}

static void read_clocks(struct load_meter *meter)
{
    meter->cpu_ns = thread_cpu_ns();
    meter->starved_ns = thread_starved_ns();
}

static void set_wall_offset(struct load_thread *t)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    uint64_t wall_ns = (uint64_t)wall.tv_sec * SECOND_NS + (uint64_t)wall.tv_nsec;
    t->wall_offset_ns = wall_ns - clock_monotonic_ns();
}

static void begin(struct load_thread *t)
{
    const struct load_stretch *s = t->stretch;
    t->now_ns = clock_monotonic_ns();
    t->end_ns = __atomic_load_n(&s->end_ns, __ATOMIC_RELAXED);
    set_wall_offset(t);
    t->next_pick = zipf_next(&s->target->zipf, &t->random);
    if (load_is_open_loop(t)) {
        schedule_init(&t->due, s->begin_ns, t->thread_no * 1e9 / s->rate_per_s,
                      s->rate_per_s / s->thread_count, s->options->poisson,
                      random_next(&t->random));
        t->send = t->due;
    }
}

/* That nobody was free is seen late when we are: then they may all have been, and the answers that
 * free them lie unread. */
static void count_wait(struct load_thread *t, uint64_t intended_ns)
{
    if (intended_ns < t->stretch->start_ns)
        return;
    t->tally.connection_waits++;
    histogram_record(&t->tally.lag, t->now_ns - intended_ns);
}

/* Open loop: what is due now is sent, or waits for a connection. */
static void start_due(struct load_thread *t)
{
    while (t->due.next_ns <= t->now_ns && t->due.next_ns < t->end_ns) {
        uint64_t intended_ns = t->due.next_ns;
        load_count_due(t, intended_ns);
        schedule_advance(&t->due);
        if (t->waiting == 0 && t->free.count > 0) {
            schedule_advance(&t->send);
            load_conn_ask(t, slot_queue_take(&t->free), intended_ns, false);
        } else {
            t->waiting++;
            count_wait(t, intended_ns);
        }
    }
}

/* Closed loop: free connections exist at the start only. */
static void start_free(struct load_thread *t)
{
    for (unsigned i = 0; i < START_COUNT && t->free.count > 0 && t->now_ns < t->end_ns; i++) {
        load_count_due(t, t->now_ns);
        load_conn_ask(t, slot_queue_take(&t->free), t->now_ns, false);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t until_something(const struct load_thread *t, uint64_t now_ns)
{
    const struct load_stretch *s = t->stretch;
    uint64_t at_ns = t->tick_ns;
    if (t->phase == LOAD_WARMUP)
        at_ns = earlier(at_ns, s->start_ns);
    if (t->phase == LOAD_STRETCH)
        at_ns = earlier(at_ns, t->end_ns);
    if (load_is_open_loop(t) && t->due.next_ns < t->end_ns)
        at_ns = earlier(at_ns, t->due.next_ns);
    else if (!load_is_open_loop(t) && t->free.count > 0 && t->phase != LOAD_DRAIN)
        at_ns = now_ns;
    return at_ns > now_ns ? at_ns - now_ns : 0;
}

static void take_completions(struct load_thread *t)
{
    struct io_uring_cqe *cqe = NULL;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&t->ring.uring, head, cqe)
    {
        load_conn_completed(t, cqe);
        count++;
    }
    load_ring_advance(&t->ring, count);
}

/* Requests of the warm-up that still wait would only stand before those that count. */
static void forget_warm_up(struct load_thread *t)
{
    for (; t->waiting > 0 && t->send.next_ns < t->stretch->start_ns; t->waiting--)
        schedule_advance(&t->send);
}

static void change_phase(struct load_thread *t)
{
    t->end_ns = __atomic_load_n(&t->stretch->end_ns, __ATOMIC_RELAXED);
    if (t->phase == LOAD_WARMUP && t->now_ns >= t->stretch->start_ns) {
        t->phase = LOAD_STRETCH;
        read_clocks(&t->meter);
        t->meter_start = t->meter;
        forget_warm_up(t);
    }
    if (t->phase == LOAD_STRETCH && t->now_ns >= t->end_ns) {
        t->phase = LOAD_DRAIN;
        read_clocks(&t->meter);
        t->metered = (struct load_meter){
            .bytes_in = t->meter.bytes_in - t->meter_start.bytes_in,
            .bytes_out = t->meter.bytes_out - t->meter_start.bytes_out,
            .connects = t->meter.connects - t->meter_start.connects,
            .answers = t->meter.answers - t->meter_start.answers,
            .unasked = t->meter.unasked - t->meter_start.unasked,
            .cpu_ns = t->meter.cpu_ns - t->meter_start.cpu_ns,
            .starved_ns = t->meter.starved_ns - t->meter_start.starved_ns,
        };
    }
}

static void change_second(struct load_thread *t)
{
    if (t->phase == LOAD_WARMUP)
        return;
    while (t->second + 1 < t->stretch->ledger->second_count &&
           t->stretch->start_ns + (t->second + 1) * SECOND_NS < t->end_ns &&
           t->now_ns >= t->stretch->start_ns + (t->second + 1) * SECOND_NS)
        ledger_hand_over(t->stretch->ledger, &t->tally, t->second++);
}

static void tick(struct load_thread *t)
{
    if (t->now_ns < t->tick_ns)
        return;
    t->tick_ns = t->now_ns + TICK_NS + (uint64_t)t->connection_count * TICK_NS_PER_CONNECTION;
    set_wall_offset(t);
    load_conn_deadlines(t);
    if (t->phase == LOAD_DRAIN && t->now_ns >= t->end_ns + LOAD_GRACE_NS)
        load_conn_give_up(t);
}

static void turn(struct load_thread *t)
{
    if (load_is_open_loop(t))
        start_due(t);
    else
        start_free(t);
    uint64_t now_ns = clock_monotonic_ns();
    load_conn_stamp(t, now_ns);
    load_ring_turn(&t->ring, until_something(t, now_ns));
    t->now_ns = clock_monotonic_ns();
    change_phase(t);
    change_second(t);
    take_completions(t);
    tick(t);
}

/* A thread that comes late to the end has still to count what was due until then. */
static bool is_done(const struct load_thread *t)
{
    bool all_due = !load_is_open_loop(t) || t->due.next_ns >= t->end_ns;
    return t->phase == LOAD_DRAIN && all_due && t->busy == 0 && t->waiting == 0;
}

static void wait_at_gate(struct load_stretch *s)
{
    pthread_mutex_lock(&s->mutex);
    s->prepared_count++;
    pthread_cond_broadcast(&s->changed);
    while (!s->is_open)
        pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
}

void *load_thread_run(void *argument)
{
    struct load_thread *t = argument;
    t->err = load_ring_start(&t->ring, t->connection_count);
    wait_at_gate(t->stretch);
    if (!t->stretch->abandoned) {
        begin(t);
        while (!is_done(t))
            turn(t);
        ledger_hand_over(t->stretch->ledger, &t->tally, t->second);
    }
    if (t->err == ERR_OK)
        load_ring_stop(&t->ring);
    return NULL;
}
