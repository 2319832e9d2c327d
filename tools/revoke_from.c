/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/revoke_from.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/os/clock.h"
#include "presigner/import.h"
#include "presigner/import_store.h"
#include "tools/progress.h"
#include "tools/revoke_survey.h"

struct place {
    const struct directory *d;
    const char *file;
};

static void complain_line(void *context, uint64_t line_no, const char *why)
{
    const struct place *place = context;
    directory_complain(place->d, "%s:%" PRIu64 ": %s", place->file, line_no, why);
}

static void complain_unknown(const struct directory *d, const struct revoke_entry *entry)
{
    char hex[SERIAL_HEX_MAX];
    serial_to_hex(&entry->item.serial, hex);
    directory_complain(d, "line %" PRIu64 ": %s: issuer %s has no such certificate", entry->line_no,
                       hex, d->issuer->name);
}

static enum err read_list(const struct directory *d, const struct revoke_from_options *o,
                          struct revoke_list *ret)
{
    struct place place = {.d = d, .file = o->file};
    const struct revoke_list_options options = {
        .defaults = {.reason = (enum reason)o->claim->reason,
                     .at_s = o->claim->revoked_at_s,
                     .at_max_s = o->now_s + IMPORT_FUTURE_MAX_S},
        .bad = complain_line,
        .context = &place};
    bool standard_input = strcmp(o->file, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(o->file, O_RDONLY | O_CLOEXEC);
    enum err err = fd >= 0 ? revoke_list_read(fd, &options, ret) : ERR_IO;
    if (err != ERR_OK)
        directory_complain(d, "%s: %s; nothing was revoked", o->file,
                           err == ERR_IO      ? strerror(errno)
                           : err == ERR_LIMIT ? "too many lines for one list"
                                              : err_text(err));
    if (fd >= 0 && !standard_input)
        close(fd);
    return err;
}

struct applied {
    uint64_t done_count;
    uint64_t changed_count;
};

static enum err apply_steps(struct import_store *store, const struct revoke_survey *survey,
                            struct applied *ret)
{
    struct progress progress;
    progress_start(&progress);
    enum err err;
    while ((err = import_store_step(store)) == ERR_OK)
        progress_update(&progress, (double)store->stored_count / (double)survey->item_count,
                        "revoking", store->stored_count);
    progress_end(&progress);
    ret->done_count = store->stored_count;
    ret->changed_count = store->changed_count;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err apply_merged(const struct directory *d, struct import_merge *merge,
                             const struct revoke_survey *survey, struct applied *ret)
{
    struct import_store store;
    TRY(import_store_start(d->db, d->issuer_id, merge, IMPORT_STEP_COUNT_MAX, &store));
    enum err err = apply_steps(&store, survey, ret);
    import_store_done(&store);
    return err;
}

/* The list is one run that is in memory. */
static enum err apply(const struct directory *d, const struct revoke_survey *survey,
                      struct applied *ret)
{
    struct import_runs none;
    struct import_merge merge;
    import_runs_start(&none);
    enum err err = import_merge_start(&none, survey->items, survey->item_count, &merge);
    if (err == ERR_OK) {
        err = apply_merged(d, &merge, survey, ret);
        import_merge_done(&merge);
    }
    import_runs_done(&none);
    return err;
}

static bool report(const struct directory *d, const struct revoke_survey *survey, enum err err,
                   const struct applied *applied, uint64_t sequence)
{
    if (err != ERR_OK) {
        directory_complain(d,
                           "%s; %" PRIu64 " of %zu were gone through, %" PRIu64
                           " of them revoked; the same command completes it",
                           err == ERR_LIMIT ? "the status database is full (map_size_bytes)"
                                            : err_text(err),
                           applied->done_count, survey->item_count, applied->changed_count);
        return false;
    }
    printf("%" PRIu64 " changed, %" PRIu64 " were so already, %" PRIu64
           " unknown; sequence %" PRIu64 "\n",
           applied->changed_count, applied->done_count - applied->changed_count,
           survey->unknown_count, sequence);
    (void)fflush(stdout);
    return true;
}

static int revoke_known(const struct directory *d, const struct revoke_from_options *o,
                        const struct revoke_survey *survey)
{
    struct applied applied = {0};
    uint64_t sequence = 0;
    enum err err = apply(d, survey, &applied);
    if (err == ERR_OK)
        err = status_poll_sequence(d->db, &sequence);
    if (!report(d, survey, err, &applied, sequence))
        return 1;
    int status = wait_for(d, o->wait, &(struct wait_goal){WAIT_REVOKED, sequence, NULL});
    return status == 0 && survey->unknown_count > 0 ? 1 : status;
}

static int revoke_read(const struct directory *d, const struct revoke_from_options *o,
                       const struct revoke_list *list)
{
    struct revoke_survey survey;
    enum err err = revoke_survey_make(d, list, o->now_s, complain_unknown, &survey);
    if (err != ERR_OK) {
        directory_complain(d, "%s; nothing was revoked", err_text(err));
        return 1;
    }
    revoke_survey_print(d, list, &survey);
    (void)fflush(stdout);
    int status = survey.unknown_count == 0 ? 0 : 1;
    if (!o->dry_run)
        status = revoke_known(d, o, &survey);
    revoke_survey_done(&survey);
    return status;
}

int revoke_from(const struct directory *d, const struct revoke_from_options *options)
{
    struct revoke_list list;
    int status = 1;
    if (read_list(d, options, &list) != ERR_OK)
        return status;
    if (list.bad_count > 0)
        directory_complain(d, "%s: %" PRIu64 " bad lines; nothing was revoked", options->file,
                           list.bad_count);
    else
        status = revoke_read(d, options, &list);
    revoke_list_done(&list);
    return status;
}
