/* SPDX-License-Identifier: Apache-2.0 */
/* The result for programs. docs/bench.md has the schema: a change of it is a new SCHEMA number,
 * unless something is only added. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/figure.h"
#include "bench/load/report.h"
#include "lib/check.h"
#include "lib/timetext.h"

#define SCHEMA   1
#define TEXT_MAX 4096

/* Out of memory for a few kilobytes after gigabytes of load: there is nothing sensible to do. */
static json_t *need(json_t *value)
{
    CHECK(value != NULL);
    return value;
}

static void put(json_t *object, const char *name, json_t *value)
{
    CHECK(json_object_set_new(object, name, need(value)) == 0);
}

static void put_count(json_t *object, const char *name, uint64_t value)
{
    put(object, name, json_integer((json_int_t)value));
}

/* Names of files are not always UTF-8. */
static void put_text(json_t *object, const char *name, const char *text)
{
    char clean[TEXT_MAX];
    if (text == NULL) {
        put(object, name, json_null());
        return;
    }
    utf8_clean(text, clean, sizeof clean);
    put(object, name, json_string(clean));
}

static json_t *paths_json(const struct load_options *o)
{
    json_t *paths = need(json_array());
    for (uint32_t i = 0; i < o->path_count; i++)
        CHECK(json_array_append_new(paths, need(json_string(o->paths[i]))) == 0);
    return paths;
}

static json_t *options_json(const struct load_options *o)
{
    json_t *j = need(json_object());
    put_text(j, "issuer", o->issuer_file);
    put_text(j, "serials", o->serials_file);
    put(j, "paths", paths_json(o));
    put_text(j, "method", load_method_text(o->method));
    put_text(j, "hash", load_hash_text(o->hash));
    put(j, "zipf", json_real(o->zipf));
    put_count(j, "seed", o->seed);
    put_text(j, "verify", load_verify_text(o->verify));
    put_count(j, "signature_sample", o->signature_sample);
    put_text(j, "mode", load_mode_text(o->mode));
    put(j, "rate_per_s", o->rate_per_s > 0 ? json_real(o->rate_per_s) : json_null());
    put(j, "rate_to_per_s", o->mode != LOAD_STEADY ? json_real(o->rate_to_per_s) : json_null());
    put(j, "step_count", o->mode != LOAD_STEADY ? json_integer(o->step_count) : json_null());
    put(j, "poisson", json_boolean(o->poisson));
    put_count(j, "connections", o->connections);
    put_count(j, "threads", o->threads);
    put(j, "close_share", json_real(o->close_share));
    put(j, "duration_s", json_real(o->duration_s));
    put(j, "warmup_s", json_real(o->warmup_s));
    put(j, "timeout_s", json_real(o->timeout_s));
    put(j, "lag_max_s", json_real(o->lag_max_s));
    put(j, "p99_max_s", o->p99_max_s > 0 ? json_real(o->p99_max_s) : json_null());
    put(j, "p99_times", o->mode != LOAD_STEADY ? json_real(o->p99_times) : json_null());
    return j;
}

static json_t *histogram_json(const struct histogram *h)
{
    json_t *j = need(json_object());
    put_count(j, "count", h->count);
    put_count(j, "min", h->count > 0 ? h->min_ns : 0);
    put(j, "mean", json_real(report_mean_ns(h)));
#define X(name, quantile) put_count(j, name, histogram_quantile(h, quantile));
    QUANTILE_TABLE(X)
#undef X
    put_count(j, "max", h->max_ns);
    return j;
}

static json_t *ends_json(const struct load_result *r)
{
    json_t *j = need(json_object());
    for (unsigned i = 0; i < LOAD_END_COUNT; i++) {
        char name[LOAD_END_NAME_MAX];
        load_end_name((enum load_end)i, name);
        put_count(j, name, r->ends[i]);
    }
    return j;
}

static json_t *seconds_json(const struct load_result *r)
{
    json_t *j = need(json_array());
    for (uint32_t i = 0; i < r->second_count; i++) {
        const struct load_second *s = &r->seconds[i];
        json_t *row = need(json_object());
        put_count(row, "due", s->due);
        put_count(row, "answered", s->answered);
        put_count(row, "errors", s->errors);
        put_count(row, "p50_ns", s->p50_ns);
        put_count(row, "p99_ns", s->p99_ns);
        CHECK(json_array_append_new(j, row) == 0);
    }
    return j;
}

static json_t *verdict_json(const struct verdict *v)
{
    json_t *j = need(json_object());
    json_t *reasons = need(json_array());
    for (unsigned i = 0; i < VERDICT_COUNT; i++) {
        if (!verdict_has(v, (enum verdict_reason)i))
            continue;
        json_t *reason = need(json_object());
        put_text(reason, "name", verdict_name((enum verdict_reason)i));
        put_text(reason, "text", v->texts[i]);
        CHECK(json_array_append_new(reasons, reason) == 0);
    }
    put(j, "clean", json_boolean(verdict_exit(v) == EXIT_CLEAN));
    put(j, "exit", json_integer(verdict_exit(v)));
    put(j, "reasons", reasons);
    return j;
}

static json_t *stretch_json(const struct bench_report *report, const struct bench_stretch *s)
{
    const struct load_result *r = &s->result;
    bool open_loop = r->offered_per_s > 0;
    json_t *j = need(json_object());
    put(j, "rate_per_s", open_loop ? json_real(r->offered_per_s) : json_null());
    put(j, "held", report->options->mode != LOAD_STEADY ? json_boolean(s->held) : json_null());
    put(j, "wall_s", json_real(r->wall_s));
    put_count(j, "due", r->due);
    put_count(j, "answered", result_answered(r));
    put_count(j, "errors", result_errors(r));
    put(j, "answered_per_s", json_real(report_rate(r)));
    put(j, "ends", ends_json(r));
    put_count(j, "answers_in_time", r->answers_in_time);
    put_count(j, "unasked", r->unasked);
    put_count(j, "bytes_in", r->bytes_in);
    put_count(j, "bytes_out", r->bytes_out);
    put_count(j, "connects", r->connects);
    put_count(j, "connections", r->connections);
    put_count(j, "connection_waits", r->connection_waits);
    put_count(j, "signatures_verified", r->signatures_verified);
    put(j, "latency_ns", histogram_json(&r->latency));
    put(j, "service_ns", histogram_json(&r->service));
    put(j, "lag_ns", open_loop ? histogram_json(&r->lag) : json_null());
    put(j, "cpu_s", json_real(r->cpu_s));
    put(j, "cpu_us_per_request", json_real(report_cpu_us(r)));
    put(j, "busy_share", json_real(r->busy_share));
    put(j, "starved_share", json_real(r->starved_share));
    put(j, "verdict", verdict_json(&s->verdict));
    put(j, "seconds", seconds_json(r));
    return j;
}

static json_t *knee_json(const struct knee *k)
{
    char text[KNEE_TEXT_MAX];
    if (k->mode == LOAD_STEADY)
        return json_null();
    json_t *j = need(json_object());
    knee_text(k, text);
    put_text(j, "state", knee_state_name(k->state));
    put(j, "held_per_s", k->held_per_s > 0 ? json_real(k->held_per_s) : json_null());
    put(j, "failed_per_s", k->failed_per_s > 0 ? json_real(k->failed_per_s) : json_null());
    put_count(j, "p99_max_ns", k->p99_max_ns);
    put_text(j, "text", text);
    return j;
}

void report_json(const struct bench_report *report, FILE *out)
{
    char started[ISO_TIME_BYTES + 1];
    json_t *j = need(json_object());
    json_t *stretches = need(json_array());
    iso_time_write(report->started_s, started);
    for (uint32_t i = 0; i < report->stretch_count; i++)
        CHECK(json_array_append_new(stretches, stretch_json(report, &report->stretches[i])) == 0);
    put(j, "schema", json_integer(SCHEMA));
    put_text(j, "program", "statim-bench");
    put_text(j, "version", STATIM_VERSION);
    put_text(j, "started", started);
    put_text(j, "url", report->options->url);
    put(j, "options", options_json(report->options));
    put_count(j, "different_requests", report->request_count);
    put(j, "stopped", json_boolean(report->stopped));
    put(j, "verdict", verdict_json(&report->verdict));
    put(j, "knee", knee_json(&report->knee));
    put(j, "stretches", stretches);
    /* What cannot be written shows at the end, in ferror(). */
    (void)json_dumpf(j, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    fputc('\n', out);
    json_decref(j);
}
