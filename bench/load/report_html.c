/* SPDX-License-Identifier: Apache-2.0 */
/* The result as one page: no script, nothing loaded. All text goes through html_text(). */
#include <inttypes.h>

#include "bench/load/charts.h"
#include "bench/load/figure.h"
#include "bench/load/report.h"
#include "lib/timetext.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>statim-bench</title>\n<style>\n"
    ":root { color-scheme: light dark; --s0: #1f5fa8; --s1: #b3401e; --s2: #6b6b6b;\n"
    "  --line: #8885; --good: #1a7f37; --bad: #b3401e; }\n"
    "@media (prefers-color-scheme: dark) { :root { --s0: #7db4f0; --s1: #ff9a73; --s2: #a8a8a8;\n"
    "  --good: #5fd07f; --bad: #ff9a73; } }\n"
    "body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;\n"
    "  padding: 0 1rem; }\n"
    "h1 { font-size: 1.4rem; margin-bottom: .4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }\n"
    "p { margin: .2rem 0; } .result { font-weight: 600; margin-top: 1rem; }\n"
    ".good { color: var(--good); } .bad { color: var(--bad); }\n"
    ".scroll { overflow-x: auto; }\n"
    "table { border-collapse: collapse; font-variant-numeric: tabular-nums; }\n"
    "th, td { padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--line);\n"
    "  text-align: right; }\n"
    "th:first-child, td:first-child { text-align: left; }\n"
    "svg { width: 100%; height: auto; margin-top: .4rem; }\n"
    "svg text { font: 12px system-ui, sans-serif; fill: currentColor; }\n"
    "svg path, svg line { fill: none; stroke-width: 2; }\n"
    "svg .grid { stroke: var(--line); stroke-width: 1; }\n"
    "svg .axis { stroke: currentColor; stroke-width: 1; }\n"
    "svg .s0 { stroke: var(--s0); } svg .s1 { stroke: var(--s1); stroke-dasharray: 7 3; }\n"
    "svg .s2 { stroke: var(--s2); stroke-dasharray: 2 3; }\n"
    "svg circle.s0 { fill: var(--s0); } svg circle.s1 { fill: var(--s1); }\n"
    "svg circle { stroke: none !important; }\n"
    "</style></head><body>\n";

static void element(const char *tag, const char *text, FILE *out)
{
    fprintf(out, "<%s>", tag);
    html_text(text, out);
    fprintf(out, "</%s>", tag);
}

static void cell_count(double value, FILE *out)
{
    char text[FIGURE_MAX];
    figure_count(value, text);
    element("td", text, out);
}

static void cell_duration(const struct histogram *h, double ns, bool stands, FILE *out)
{
    char text[REPORT_FIGURE_MAX];
    report_figure(h, ns, stands, text);
    element("td", text, out);
}

static void row_begin(const char *name, FILE *out)
{
    fputs("<tr>", out);
    element("td", name, out);
}

static void put_verdict(const struct bench_report *report, FILE *out)
{
    const struct verdict *v = &report->verdict;
    fprintf(out, "<p class=\"result %s\">", verdict_exit(v) == EXIT_CLEAN ? "good" : "bad");
    fputs("Result: ", out);
    html_text(report_line_verdict(v), out);
    fputs("</p>\n<ul>", out);
    for (unsigned i = 0; i < VERDICT_COUNT; i++)
        if (verdict_has(v, (enum verdict_reason)i))
            element("li", v->texts[i], out);
    fputs("</ul>\n", out);
}

static void put_stretches(const struct bench_report *report, FILE *out)
{
    char knee[KNEE_TEXT_MAX];
    fputs("<h2>By offered rate</h2>\n", out);
    knee_text(&report->knee, knee);
    element("p", knee, out);
    chart_steps_throughput(report, out);
    chart_steps_latency(report, out);
    fputs("<div class=\"scroll\"><table><tr><th>offered/s</th><th>answered/s</th><th>errors</th>"
          "<th>p50</th><th>p99</th><th>generator busy</th><th>holds</th></tr>\n",
          out);
    for (uint32_t i = 0; i < report->stretch_count; i++) {
        const struct bench_stretch *s = &report->stretches[i];
        char rate[FIGURE_MAX];
        figure_count(s->result.offered_per_s, rate);
        row_begin(rate, out);
        cell_count(report_rate(&s->result), out);
        cell_count((double)result_errors(&s->result), out);
        cell_duration(&s->result.latency, (double)histogram_quantile(&s->result.latency, 0.5), true,
                      out);
        cell_duration(&s->result.latency, (double)histogram_quantile(&s->result.latency, 0.99),
                      true, out);
        fprintf(out, "<td>%.0f %%</td><td>%s</td></tr>\n", 100 * s->result.busy_share,
                s->held                             ? "yes"
                : verdict_is_own_limit(&s->verdict) ? "no (the generator)"
                                                    : "no");
    }
    fputs("</table></div>\n", out);
}

static void latency_row(const struct load_result *r, const char *name, double quantile, FILE *out)
{
    const struct histogram *all[] = {&r->latency, &r->service, &r->lag};
    row_begin(name, out);
    for (unsigned i = 0; i < (r->offered_per_s > 0 ? 3 : 1); i++)
        cell_duration(all[i], (double)histogram_quantile(all[i], quantile),
                      report_quantile_stands(all[i], quantile), out);
    fputs("</tr>\n", out);
}

static void put_latencies(const struct load_result *r, FILE *out)
{
    const struct histogram *all[] = {&r->latency, &r->service, &r->lag};
    unsigned count = r->offered_per_s > 0 ? 3 : 1;
    fputs("<h2>Latency</h2>\n", out);
    chart_percentiles(r, out);
    fprintf(out, "<div class=\"scroll\"><table><tr><th></th><th>latency</th>%s</tr>\n",
            count == 3 ? "<th>service</th><th>lag</th>" : "");
    row_begin("mean", out);
    for (unsigned i = 0; i < count; i++)
        cell_duration(all[i], report_mean_ns(all[i]), true, out);
    fputs("</tr>\n", out);
#define X(name, quantile) latency_row(r, name, quantile, out);
    QUANTILE_TABLE(X)
#undef X
    row_begin("max", out);
    for (unsigned i = 0; i < count; i++)
        cell_duration(all[i], (double)all[i]->max_ns, true, out);
    fputs("</tr></table></div>\n", out);
    if (count == 3)
        fputs("<p>Latency counts from the intended start of a request, service from its sending; "
              "lag is how late it was sent, or found that it had to wait for a connection.</p>\n",
              out);
    if (r->latency.count > 0 && !report_quantile_stands(&r->latency, 0.9999))
        fputs("<p>* fewer than ten values lie beyond it</p>\n", out);
}

static void count_row(const char *name, double value, FILE *out)
{
    row_begin(name, out);
    cell_count(value, out);
    fputs("</tr>\n", out);
}

static void put_counts(const struct load_result *r, FILE *out)
{
    fputs("<h2>Requests</h2>\n<div class=\"scroll\"><table>\n", out);
    count_row("due", (double)r->due, out);
    count_row("answered a second", report_rate(r), out);
    for (unsigned i = 0; i < LOAD_END_COUNT; i++)
        if (r->ends[i] > 0)
            count_row(load_end_text((enum load_end)i), (double)r->ends[i], out);
    count_row("errors in all", (double)result_errors(r), out);
    count_row("signatures verified", (double)r->signatures_verified, out);
    count_row("connections at most at once", r->connections, out);
    count_row("connections opened in that time", (double)r->connects, out);
    count_row("requests that found no connection free", (double)r->connection_waits, out);
    count_row("octets received", (double)r->bytes_in, out);
    count_row("octets sent", (double)r->bytes_out, out);
    fprintf(out,
            "<tr><td>generator: processor time a request</td><td>%.2f us</td></tr>\n"
            "<tr><td>generator: busiest thread</td><td>%.0f %%</td></tr>\n"
            "<tr><td>generator: longest wait for a processor</td><td>%.0f %%</td></tr>\n"
            "</table></div>\n",
            report_cpu_us(r), 100 * r->busy_share, 100 * r->starved_share);
}

static void put_place(const struct bench_report *report, FILE *out)
{
    char started[ISO_TIME_BYTES + 1], line[REPORT_LINE_MAX];
    iso_time_write(report->started_s, started);
    element("h1", report->options->url, out);
    fprintf(out, "<p>statim-bench %s, %s</p>\n", STATIM_VERSION, started);
    report_line_requests(report, line);
    element("p", line, out);
    report_line_load(report, line);
    element("p", line, out);
}

void report_html(const struct bench_report *report, FILE *out)
{
    const struct load_result *chosen = &report_chosen(report)->result;
    fputs(head, out);
    put_place(report, out);
    put_verdict(report, out);
    if (report->options->mode != LOAD_STEADY) {
        put_stretches(report, out);
        fprintf(out, "<h2>In detail: %.0f requests/s</h2>\n", chosen->offered_per_s);
    }
    put_latencies(chosen, out);
    fputs("<h2>Over time</h2>\n", out);
    chart_throughput(chosen, out);
    chart_latencies(chosen, out);
    put_counts(chosen, out);
    fputs("</body></html>\n", out);
}
