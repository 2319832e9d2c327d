/* SPDX-License-Identifier: Apache-2.0 */
/* What the reports have in common. */
#include "bench/load/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/load/figure.h"
#include "lib/os/file.h"

#define PATH_MAX_BYTES 4096

const struct bench_stretch *report_chosen(const struct bench_report *report)
{
    const struct bench_stretch *chosen = NULL;
    for (uint32_t i = 0; i < report->stretch_count; i++) {
        const struct bench_stretch *s = &report->stretches[i];
        if (s->held && s->result.offered_per_s == report->knee.held_per_s)
            chosen = s;
    }
    return chosen != NULL ? chosen : &report->stretches[0];
}

void report_line_requests(const struct bench_report *report, char ret[static REPORT_LINE_MAX])
{
    static const char *const methods[] = {"GET", "POST", "GET and POST"};
    const struct load_options *o = report->options;
    char count[FIGURE_MAX], spread[48] = "uniform", checked[96];
    figure_count((double)report->request_count, count);
    if (o->zipf > 0)
        (void)snprintf(spread, sizeof spread, "Zipf(%.2f)", o->zipf);
    if (o->path_count > 0) {
        (void)snprintf(ret, REPORT_LINE_MAX, "plain GET, %s path%s, %s", count,
                       o->path_count > 1 ? "s" : "", spread);
        return;
    }
    if (o->verify == LOAD_VERIFY_SIGNATURE)
        (void)snprintf(checked, sizeof checked,
                       "every answer checked, the signature of 1 in %" PRIu32, o->signature_sample);
    else
        (void)snprintf(checked, sizeof checked, "%s",
                       o->verify == LOAD_VERIFY_DER ? "every answer checked" : "answers unchecked");
    (void)snprintf(ret, REPORT_LINE_MAX, "OCSP by %s, %s CertIDs, %s serials, %s; %s",
                   methods[o->method], o->hash == CERTID_HASH_SHA256 ? "SHA-256" : "SHA-1", count,
                   spread, checked);
}

static void rate_text(const struct bench_report *report, char *out, size_t out_size)
{
    const struct load_options *o = report->options;
    char from[FIGURE_MAX], to[FIGURE_MAX];
    const char *arrivals = o->poisson ? "at random" : "evenly spaced";
    figure_count(o->rate_per_s, from);
    figure_count(o->rate_to_per_s, to);
    if (o->rate_per_s <= 0)
        (void)snprintf(out, out_size, "closed loop");
    else if (o->mode == LOAD_STEADY)
        (void)snprintf(out, out_size, "open loop, %s requests/s %s", from, arrivals);
    else
        (void)snprintf(out, out_size, "open loop, %s from %s to %s requests/s, %s",
                       load_mode_text(o->mode), from, to, arrivals);
}

void report_line_load(const struct bench_report *report, char ret[static REPORT_LINE_MAX])
{
    const struct load_options *o = report->options;
    char rate[128], kept[64] = "kept alive", count[FIGURE_MAX];
    rate_text(report, rate, sizeof rate);
    figure_count(o->connections, count);
    if (o->close_share >= 1)
        (void)snprintf(kept, sizeof kept, "one request each");
    else if (o->close_share > 0)
        (void)snprintf(kept, sizeof kept, "%.0f %% with one request each", 100 * o->close_share);
    (void)snprintf(ret, REPORT_LINE_MAX,
                   "%s; at most %s connections, %s; %" PRIu32 " thread%s; %g s after %g s of "
                   "warm-up%s",
                   rate, count, kept, o->threads, o->threads > 1 ? "s" : "", o->duration_s,
                   o->warmup_s, report->stopped ? "; stopped early" : "");
}

const char *report_line_verdict(const struct verdict *verdict)
{
    switch (verdict_exit(verdict)) {
    case EXIT_CLEAN:
        return "clean";
    case EXIT_OWN_LIMIT:
        return "NOT CLEAN: the generator, not the server, may be what was measured";
    default:
        return "NOT CLEAN: errors, or a server that did not keep up";
    }
}

void report_figure(const struct histogram *h, double ns, bool stands,
                   char ret[static REPORT_FIGURE_MAX])
{
    char text[FIGURE_MAX];
    figure_duration(ns, text);
    (void)snprintf(ret, REPORT_FIGURE_MAX, "%s%s", h->count > 0 ? text : "-",
                   stands || h->count == 0 ? "" : " *");
}

/* ---- files ---- */

static enum err complain(const char *path, enum err err)
{
    fprintf(stderr, "statim-bench: %s: %s%s%s\n", path, err_text(err), errno != 0 ? ": " : "",
            errno != 0 ? strerror(errno) : "");
    return err;
}

/* Renaming over a device or a pipe would replace it. */
static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

static enum err write_special(const struct bench_report *report, report_write *write,
                              const char *path)
{
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return ERR_IO;
    write(report, out);
    bool failed = ferror(out) != 0;
    return fclose(out) != 0 || failed ? ERR_IO : ERR_OK;
}

static enum err write_regular(const struct bench_report *report, report_write *write,
                              const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return ERR_MEMORY;
    write(report, out);
    bool failed = ferror(out) != 0;
    enum err err = fclose(out) != 0 || failed ? ERR_MEMORY : ERR_OK;
    if (err == ERR_OK)
        err = file_publish(path, span_of(text, size), 0644);
    free(text);
    return err;
}

enum err report_publish(const struct bench_report *report, report_write *write, const char *path)
{
    errno = 0;
    enum err err =
        is_special(path) ? write_special(report, write, path) : write_regular(report, write, path);
    return err == ERR_OK ? ERR_OK : complain(path, err);
}

enum err report_place_check(const char *path)
{
    char folder[PATH_MAX_BYTES];
    struct stat status;
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    errno = 0;
    if (size >= sizeof folder)
        return complain(path, ERR_LIMIT);
    memcpy(folder, path, size);
    folder[size] = '\0';
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return complain(path, ERR_IO);
    }
    errno = 0;
    if (!is_special(path) && access(size == 0 ? "." : folder, W_OK | X_OK) != 0)
        return complain(path, ERR_IO);
    return ERR_OK;
}
