/* SPDX-License-Identifier: Apache-2.0 */
/* statim import: certificates of one issuer from a file. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/os/clock.h"
#include "presigner/import.h"
#include "presigner/revoked_index.h"
#include "tools/directory.h"
#include "tools/progress.h"
#include "tools/verb.h"
#include "tools/wait.h"

struct cli {
    const char *issuer;
    const char *directory;
    const char *file;
    bool has_format;
    enum import_format format;
    struct wait_options wait;
    bool no_wait;
};

static bool parse_format(const char *text, struct cli *c)
{
    static const char *const names[] = {
#define X(name, text) text,
        IMPORT_FORMAT_TABLE(X)
#undef X
    };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            c->format = (enum import_format)i;
            c->has_format = true;
            return true;
        }
    }
    return false;
}

static bool parse_options(int argc, char **argv, struct cli *c)
{
    static const struct option table[] = {{"issuer", required_argument, NULL, 'i'},
                                          {"format", required_argument, NULL, 'f'},
                                          {"no-wait", no_argument, NULL, 'n'},
#define X(name, value) {name, required_argument, NULL, value},
                                          WAIT_OPTION_TABLE(X)
#undef X
                                              {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        bool good = true;
        if (option == 'i')
            c->issuer = optarg;
        else if (option == 'f')
            good = parse_format(optarg, c);
        else if (option == 'n')
            c->no_wait = true;
        else
            good = wait_option(option, optarg, &c->wait);
        if (!good)
            return false;
    }
    if (optind + 2 != argc || (c->no_wait && c->wait.told))
        return false;
    c->directory = argv[optind];
    c->file = argv[optind + 1];
    return true;
}

struct bar {
    struct progress progress;
    uint64_t file_bytes; /* 0: not known */
};

/* The part of the time that reading takes, about. */
#define READING_PART 0.4

static void draw(void *context, const struct import_progress *now)
{
    struct bar *bar = context;
    double part = PROGRESS_NO_PART;
    if (now->storing)
        part =
            READING_PART + (1 - READING_PART) * (double)now->stored_count / (double)now->cert_count;
    else if (bar->file_bytes > 0)
        part = READING_PART * (double)now->read_bytes / (double)bar->file_bytes;
    progress_update(&bar->progress, part, now->storing ? "storing" : "reading",
                    now->storing ? now->stored_count : now->cert_count);
}

static uint64_t size_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* What is left after a failure. */
static void say_taken(const struct import_report *report, char *out, size_t out_size)
{
    if (report->stored_count == 0)
        snprintf(out, out_size, "nothing was imported");
    else
        snprintf(out, out_size,
                 "%" PRIu64 " of %" PRIu64
                 " certificates were imported; importing the file again completes it",
                 report->stored_count, report->cert_count);
}

static int explain(const struct directory *d, const struct cli *c, enum err err,
                   const struct import_report *report)
{
    const char *why = report->why != NULL ? report->why
                      : err == ERR_IO     ? strerror(errno)
                      : err == ERR_LIMIT  ? "the status database is full (map_size_bytes)"
                                          : err_text(err);
    char taken[128];
    say_taken(report, taken, sizeof taken);
    if (report->line_no != 0)
        directory_complain(d, "%s:%" PRIu64 ": %s; %s", c->file, report->line_no, why, taken);
    else
        directory_complain(d, "%s: %s; %s", c->file, why, taken);
    return 1;
}

/* New certificates get their shard from the current set: before the first of them. */
static bool prepare_crls(const struct directory *d, struct crl_sets *ret)
{
    const struct crl_config *crl = &d->issuer->crl;
    if (crl->url_base == NULL)
        return true;
    struct crl_set set = crl_config_set(crl);
    enum err err = crl_sets_configure(d->db, d->issuer_id, &set, ret);
    if (err == ERR_CONFLICT)
        directory_complain(d,
                           "issuer %s: crl: set %u has another count of shards: a set keeps its "
                           "count, another one needs another shard_set",
                           d->issuer->name, set.number);
    else if (err != ERR_OK)
        directory_complain(d, "issuer %s: crl: %s", d->issuer->name, err_text(err));
    return err == ERR_OK;
}

/* The certificates were issued: what they name cannot be mended here, only be told. */
static void warn_of_conflicts(const struct directory *d, const struct cli *c,
                              const struct shard_conflicts *conflicts)
{
    char hex[SERIAL_HEX_MAX];
    if (conflicts->count == 0)
        return;
    serial_to_hex(&conflicts->serial, hex);
    directory_complain(d,
                       "%s: warning: %" PRIu64 " lines name another CRL than their certificate's, "
                       "which it keeps: the first is %s, of %u/%u and not %u/%u. Who asks the CRL "
                       "that such a line names does not see the revocation",
                       c->file, conflicts->count, hex, conflicts->known >> 16,
                       conflicts->known & UINT16_MAX, conflicts->claimed >> 16,
                       conflicts->claimed & UINT16_MAX);
}

static int import(const struct directory *d, const struct cli *c, int fd)
{
    struct bar bar = {.file_bytes = size_of(fd)};
    const struct crl_config *crl = &d->issuer->crl;
    struct crl_sets sets;
    if (!prepare_crls(d, &sets))
        return 1;
    struct import_report report;
    struct import_options options = {
        .issuer_id = d->issuer_id,
        .temporary_dir = d->config->state_dir,
        .has_format = c->has_format,
        .format = c->format,
        .now_s = clock_wall_s(),
        .crl_sets = crl->url_base != NULL ? &sets : NULL,
        .crl_url_base = crl->url_base,
        .progress = draw,
        .context = &bar,
    };
    progress_start(&bar.progress);
    enum err err = import_file(d->db, fd, &options, &report);
    progress_end(&bar.progress);
    warn_of_conflicts(d, c, &report.conflicts);
    if (err != ERR_OK)
        return explain(d, c, err, &report);
    double seconds = (double)(clock_monotonic_ns() - bar.progress.start_ns) / 1e9;
    printf("%" PRIu64 " certificates, %" PRIu64 " of them new, in %.1f s; sequence %" PRIu64 "\n",
           report.cert_count, report.changed_count, seconds, report.last_sequence);
    struct wait_options wait = c->wait;
    if (!c->no_wait)
        wait_by_default(d, &wait);
    return wait_for(d, &wait, &(struct wait_goal){.sequence = report.last_sequence});
}

int verb_import(int argc, char **argv)
{
    struct cli c = {.wait = WAIT_OPTIONS_DEFAULT};
    struct directory d;
    if (!parse_options(argc, argv, &c))
        return VERB_USAGE;
    if (!directory_open_status("import", c.directory, c.issuer, &d))
        return 1;
    bool standard_input = strcmp(c.file, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(c.file, O_RDONLY | O_CLOEXEC);
    int status = 1;
    if (fd >= 0 && wait_possible(&d, &c.wait))
        status = import(&d, &c, fd);
    else if (fd < 0)
        directory_complain(&d, "%s: %s", c.file, strerror(errno));
    if (fd >= 0 && !standard_input)
        close(fd);
    directory_close(&d);
    return status;
}
