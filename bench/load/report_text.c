/* SPDX-License-Identifier: Apache-2.0 */
/* The result for people, in 80 columns where it can. */
#include <inttypes.h>

#include "bench/load/figure.h"
#include "bench/load/report.h"
#include "lib/timetext.h"

/* A little waiting is everywhere. */
#define STARVED_SHARE_TOLD 0.05

static void put_duration(const struct histogram *h, double ns, bool stands, FILE *out)
{
    char text[REPORT_FIGURE_MAX];
    report_figure(h, ns, stands, text);
    /* The marks stand beside the column. */
    fprintf(out, "%*s%s", stands || h->count == 0 ? 12 : 14, text,
            stands || h->count == 0 ? "  " : "");
}

static void quantile_row(const struct load_result *r, const char *name, double quantile, FILE *out)
{
    const struct histogram *all[] = {&r->latency, &r->service, &r->lag};
    unsigned count = r->offered_per_s > 0 ? 3 : 1;
    fprintf(out, "  %-9s", name);
    for (unsigned i = 0; i < count; i++)
        put_duration(all[i], (double)histogram_quantile(all[i], quantile),
                     report_quantile_stands(all[i], quantile), out);
    fputc('\n', out);
}

static void put_latencies(const struct load_result *r, FILE *out)
{
    const struct histogram *all[] = {&r->latency, &r->service, &r->lag};
    unsigned count = r->offered_per_s > 0 ? 3 : 1;
    fprintf(out, "\n  %-9s%12s%s\n", "", "latency",
            count == 3 ? "       service           lag" : "");
    fprintf(out, "  %-9s", "mean");
    for (unsigned i = 0; i < count; i++)
        put_duration(all[i], report_mean_ns(all[i]), true, out);
    fputc('\n', out);
#define X(name, quantile) quantile_row(r, name, quantile, out);
    QUANTILE_TABLE(X)
#undef X
    fprintf(out, "  %-9s", "max");
    for (unsigned i = 0; i < count; i++)
        put_duration(all[i], (double)all[i]->max_ns, true, out);
    fputc('\n', out);
    if (r->latency.count > 0 && !report_quantile_stands(&r->latency, 0.9999))
        fprintf(out, "  * fewer than ten values lie beyond it\n");
}

static void put_row(const char *name, double value, const char *note, FILE *out)
{
    char text[FIGURE_MAX];
    figure_count(value, text);
    fprintf(out, "  %-9s%12s%s%s\n", name, text, note[0] != '\0' ? "  " : "", note);
}

static void put_counts(const struct load_result *r, FILE *out)
{
    char note[96];
    put_row("requests", (double)r->due, "due in the measured time", out);
    (void)snprintf(note, sizeof note, "%.1f/s", report_rate(r));
    put_row("answered", (double)result_answered(r), note, out);
    put_row("errors", (double)result_errors(r), "", out);
    for (unsigned i = 0; i < LOAD_END_COUNT; i++)
        if (r->ends[i] > 0)
            put_row("", (double)r->ends[i], load_end_text((enum load_end)i), out);
    if (r->signatures_verified > 0)
        put_row("", (double)r->signatures_verified, "signatures verified", out);
}

static void put_costs(const struct load_result *r, FILE *out)
{
    char in[FIGURE_MAX], sent[FIGURE_MAX], opened[FIGURE_MAX], waits[FIGURE_MAX];
    figure_bytes((double)r->bytes_in, in);
    figure_bytes((double)r->bytes_out, sent);
    figure_count((double)r->connects, opened);
    figure_count((double)r->connection_waits, waits);
    fprintf(out, "\n  octets      %s in, %s out\n", in, sent);
    fprintf(out, "  connections %" PRIu32 " at most at once, %s opened in that time",
            r->connections, opened);
    if (r->connection_waits > 0)
        fprintf(out, "; %s requests found none free", waits);
    fprintf(out,
            "\n  generator   %.2f us of processor time a request; busiest thread %.0f %% busy\n",
            report_cpu_us(r), 100 * r->busy_share);
    if (r->starved_share >= STARVED_SHARE_TOLD)
        fprintf(out, "              a thread waited for a processor %.0f %% of the time\n",
                100 * r->starved_share);
}

static void put_stretches(const struct bench_report *report, FILE *out)
{
    char rate[FIGURE_MAX], answered[FIGURE_MAX], errors[FIGURE_MAX];
    fprintf(out, "\n%12s%12s%10s%12s%14s   %s\n", "offered/s", "answered/s", "errors", "p50", "p99",
            "holds");
    for (uint32_t i = 0; i < report->stretch_count; i++) {
        const struct bench_stretch *s = &report->stretches[i];
        figure_count(s->result.offered_per_s, rate);
        figure_count(report_rate(&s->result), answered);
        figure_count((double)result_errors(&s->result), errors);
        fprintf(out, "%12s%12s%10s", rate, answered, errors);
        put_duration(&s->result.latency, (double)histogram_quantile(&s->result.latency, 0.5), true,
                     out);
        put_duration(&s->result.latency, (double)histogram_quantile(&s->result.latency, 0.99), true,
                     out);
        fprintf(out, " %s\n",
                s->held                             ? "yes"
                : verdict_is_own_limit(&s->verdict) ? "no (the generator)"
                                                    : "no");
    }
}

static void put_verdict(const struct verdict *verdict, FILE *out)
{
    fprintf(out, "\nresult: %s\n", report_line_verdict(verdict));
    for (unsigned i = 0; i < VERDICT_COUNT; i++)
        if (verdict_has(verdict, (enum verdict_reason)i))
            fprintf(out, "  - %s\n", verdict->texts[i]);
}

void report_text(const struct bench_report *report, FILE *out)
{
    char started[ISO_TIME_BYTES + 1], line[REPORT_LINE_MAX], knee[KNEE_TEXT_MAX];
    const struct bench_stretch *chosen = report_chosen(report);
    iso_time_write(report->started_s, started);
    fprintf(out, "statim-bench %s  %s  %s\n", STATIM_VERSION, report->options->url, started);
    report_line_requests(report, line);
    fprintf(out, "%s\n", line);
    report_line_load(report, line);
    fprintf(out, "%s\n", line);
    if (report->options->mode != LOAD_STEADY) {
        put_stretches(report, out);
        knee_text(&report->knee, knee);
        fprintf(out, "\n%s\n\nat %.0f requests/s:\n", knee, chosen->result.offered_per_s);
    }
    fputc('\n', out);
    put_counts(&chosen->result, out);
    put_latencies(&chosen->result, out);
    put_costs(&chosen->result, out);
    put_verdict(&report->verdict, out);
}
