/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/measure.h"

#include "lib/check.h"

/* The samples that are asked for: enum name, series, whether every edge has it. Those of a worker
 * carry its number as their only label. */
#define PREFIX "statim_edge_"
#define SAMPLE_TABLE(X)                                                \
    X(SERVE_RUNS, PREFIX "processes_running{process=\"serve\"}", true) \
    X(READY, PREFIX "serve_ready", true)                               \
    X(COMPLETE, PREFIX "snapshot_complete", true)                      \
    X(NEWS_AGE, PREFIX "news_age_seconds", false)                      \
    X(PROCESS, PREFIX "serve_process_id", true)                        \
    X(CLOCK, PREFIX "worker_clock_nanoseconds", true)
#define WORKER_RUN  PREFIX "worker_run_nanoseconds_total{worker=\""
#define WORKER_WAIT PREFIX "worker_wait_nanoseconds_total{worker=\""
#define WORKER_END  "\"}"

enum sample {
#define X(name, series, needed) SAMPLE_##name,
    SAMPLE_TABLE(X)
#undef X
        SAMPLE_COUNT
};

static const struct {
    const char *series;
    bool needed;
} samples[] = {
#define X(name, series, needed) {series, needed},
    SAMPLE_TABLE(X)
#undef X
};

struct reading {
    struct edge_metrics *metrics;
    uint64_t values[SAMPLE_COUNT];
    bool has[SAMPLE_COUNT];
    bool has_run[MEASURE_WORKERS_MAX];
    bool has_wait[MEASURE_WORKERS_MAX];
};

/* The next line without its end; HTTP's pages end lines by \n alone. */
static enum err take_line(struct span *rest, struct span *ret)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    if (end == NULL)
        return rest->size > MEASURE_LINE_BYTES_MAX ? ERR_LIMIT : ERR_TRUNCATED;
    size_t size = (size_t)(end - rest->data);
    if (size > MEASURE_LINE_BYTES_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < size; i++) {
        if (rest->data[i] < 0x20 || rest->data[i] == 0x7F)
            return ERR_MALFORMED;
    }
    *ret = span_of(rest->data, size);
    *rest = span_of(end + 1, rest->size - size - 1);
    return ERR_OK;
}

/* Decimal, no sign, no leading zero. */
static enum err number_from(struct span text, uint64_t *ret)
{
    uint64_t value = 0;
    if (text.size == 0 || (text.size > 1 && text.data[0] == '0'))
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.size; i++) {
        uint64_t digit = (uint64_t)text.data[i] - '0';
        if (text.data[i] < '0' || digit > 9)
            return ERR_MALFORMED;
        if (value > (UINT64_MAX - digit) / 10)
            return ERR_LIMIT;
        value = value * 10 + digit;
    }
    *ret = value;
    return ERR_OK;
}

static bool begins_with(struct span text, const char *beginning)
{
    size_t size = strlen(beginning);
    return text.size >= size && memcmp(text.data, beginning, size) == 0;
}

/* `number"}` behind the series' beginning. */
static enum err worker_from(struct span series, const char *beginning, uint64_t *ret)
{
    size_t begin = strlen(beginning), end = strlen(WORKER_END);
    if (series.size < begin + end || memcmp(series.data + series.size - end, WORKER_END, end) != 0)
        return ERR_MALFORMED;
    uint64_t worker;
    TRY(number_from(span_of(series.data + begin, series.size - begin - end), &worker));
    if (worker >= MEASURE_WORKERS_MAX)
        return ERR_LIMIT;
    *ret = worker;
    return ERR_OK;
}

static enum err take_worker(struct reading *r, struct span series, struct span value, bool run)
{
    uint64_t worker, number;
    TRY(worker_from(series, run ? WORKER_RUN : WORKER_WAIT, &worker));
    TRY(number_from(value, &number));
    bool *has = run ? &r->has_run[worker] : &r->has_wait[worker];
    if (*has)
        return ERR_EXISTS;
    *has = true;
    struct worker_time *time = &r->metrics->workers[worker];
    *(run ? &time->run_ns : &time->wait_ns) = number;
    return ERR_OK;
}

static enum err take_sample(struct reading *r, struct span series, struct span value)
{
    if (begins_with(series, WORKER_RUN))
        return take_worker(r, series, value, true);
    if (begins_with(series, WORKER_WAIT))
        return take_worker(r, series, value, false);
    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        if (!span_equal(series, span_text(samples[i].series)))
            continue;
        if (r->has[i])
            return ERR_EXISTS;
        TRY(number_from(value, &r->values[i]));
        r->has[i] = true;
        break;
    }
    return ERR_OK;
}

/* "series value"; the series ends at the first space outside of quotes. */
static enum err take_metric(struct reading *r, struct span line)
{
    bool quoted = false;
    size_t at = 0;
    for (; at < line.size && (quoted || line.data[at] != ' '); at++) {
        if (quoted && line.data[at] == '\\')
            at++; /* what follows is not the end of the quotes */
        else if (line.data[at] == '"')
            quoted = !quoted;
    }
    if (at == 0 || at + 1 >= line.size)
        return ERR_MALFORMED;
    struct span value = span_of(line.data + at + 1, line.size - at - 1);
    if (memchr(value.data, ' ', value.size) != NULL)
        return ERR_MALFORMED; /* a time: no edge writes one */
    return take_sample(r, span_of(line.data, at), value);
}

static enum err put_together(struct reading *r)
{
    struct edge_metrics *m = r->metrics;
    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        if (samples[i].needed && !r->has[i])
            return ERR_NOT_FOUND;
    }
    for (uint32_t i = 0; i < MEASURE_WORKERS_MAX; i++) {
        m->workers[i].known = r->has_run[i] && r->has_wait[i];
        if (m->workers[i].known)
            m->worker_count = i + 1;
    }
    m->serving = r->values[SAMPLE_SERVE_RUNS] != 0 && r->values[SAMPLE_READY] != 0 &&
                 r->values[SAMPLE_COMPLETE] != 0;
    m->has_news = r->has[SAMPLE_NEWS_AGE];
    m->news_age_s = r->values[SAMPLE_NEWS_AGE];
    m->process = r->values[SAMPLE_PROCESS];
    m->clock_ns = r->values[SAMPLE_CLOCK];
    return ERR_OK;
}

enum err measure_metrics(struct span body, struct edge_metrics *ret)
{
    if (body.size > MEASURE_BODY_BYTES_MAX)
        return ERR_LIMIT;
    struct edge_metrics metrics = {0};
    struct reading r = {.metrics = &metrics};
    struct span line;
    while (body.size > 0) {
        TRY(take_line(&body, &line));
        if (line.size > 0 && line.data[0] != '#')
            TRY(take_metric(&r, line));
    }
    TRY(put_together(&r));
    *ret = metrics;
    return ERR_OK;
}

static void copy_visible(struct span text, char out[static MEASURE_WHY_BYTES])
{
    size_t size = text.size < MEASURE_WHY_BYTES ? text.size : MEASURE_WHY_BYTES - 1;
    for (size_t i = 0; i < size; i++)
        out[i] = text.data[i] < 0x7F ? (char)text.data[i] : '?';
    out[size] = '\0';
}

enum err measure_health(unsigned status, struct span body, bool *ret_healthy,
                        char ret_why[static MEASURE_WHY_BYTES])
{
    struct span line;
    if (status != 200 && status != 503)
        return ERR_UNSUPPORTED;
    if (body.size > MEASURE_BODY_BYTES_MAX)
        return ERR_LIMIT;
    if (body.size == 0)
        return ERR_TRUNCATED;
    TRY(take_line(&body, &line));
    bool is_ok = span_equal(line, span_text("ok")) && body.size == 0;
    if ((status == 200) != is_ok || line.size == 0)
        return ERR_MALFORMED;
    *ret_healthy = is_ok;
    copy_visible(is_ok ? SPAN_EMPTY : line, ret_why);
    return ERR_OK;
}

/* False: not to be compared. */
static bool worker_busy(const struct worker_time *before, const struct worker_time *now,
                        uint64_t *ret_ns)
{
    if (!before->known || !now->known || now->run_ns < before->run_ns ||
        now->wait_ns < before->wait_ns)
        return false;
    uint64_t run_ns = now->run_ns - before->run_ns;
    uint64_t wait_ns = now->wait_ns - before->wait_ns;
    *ret_ns = run_ns > UINT64_MAX - wait_ns ? UINT64_MAX : run_ns + wait_ns;
    return true;
}

enum err measure_load(const struct edge_metrics *before, const struct edge_metrics *now,
                      uint32_t *ret_permille)
{
    if (before->process != now->process || now->process == 0 || now->clock_ns <= before->clock_ns)
        return ERR_NOT_FOUND;
    uint64_t passed_ns = now->clock_ns - before->clock_ns;
    uint64_t busiest_ns = 0;
    bool any = false;
    for (uint32_t i = 0; i < now->worker_count; i++) {
        uint64_t busy_ns = 0;
        if (!worker_busy(&before->workers[i], &now->workers[i], &busy_ns))
            continue;
        any = true;
        busiest_ns = busy_ns > busiest_ns ? busy_ns : busiest_ns;
    }
    if (!any)
        return ERR_NOT_FOUND;
    /* Ticks of the scheduler and of the clock differ by a little: never more than all. */
    *ret_permille = busiest_ns >= passed_ns
                        ? 1000
                        : (uint32_t)((unsigned __int128)busiest_ns * 1000 / passed_ns);
    return ERR_OK;
}

void measure_join(const struct edge_look *looks, unsigned count, struct measurement *ret)
{
    CHECK(count > 0);
    struct measurement m = {.gone = true, .healthy = true, .news_age_min_s = UINT64_MAX};
    for (unsigned i = 0; i < count; i++) {
        m.answered |= looks[i].answered;
        m.gone &= looks[i].gone;
        m.ready |= looks[i].answered && looks[i].serving;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct edge_look *look = &looks[i];
        /* Where none is ready, those that answer are all there is to tell of. */
        if (!look->answered || (m.ready && !look->serving))
            continue;
        m.healthy &= look->healthy;
        if (look->news_age_s > m.news_age_s)
            m.news_age_s = look->news_age_s;
        if (look->news_age_s < m.news_age_min_s)
            m.news_age_min_s = look->news_age_s;
        if (look->load_known && (!m.load_known || look->load_permille > m.load_permille))
            m.load_permille = look->load_permille;
        m.load_known |= look->load_known;
    }
    *ret = m.answered ? m : (struct measurement){.gone = m.gone};
}
