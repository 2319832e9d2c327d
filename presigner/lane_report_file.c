/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/lane_report_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/os/log.h"

#define REPORT_MODE 0644

enum err lane_report_file_make(struct lane_report_file *r, const char *state_dir)
{
    TRY(path_join(r->path, sizeof r->path, state_dir, LANE_REPORT_NAME));
    int size = snprintf(r->temporary, sizeof r->temporary, "%s.tmp", r->path);
    if (size < 0 || (size_t)size >= sizeof r->temporary)
        return ERR_LIMIT;
    r->text = malloc(LANE_REPORT_MAX);
    return r->text == NULL ? ERR_MEMORY : ERR_OK;
}

void lane_report_file_done(struct lane_report_file *r)
{
    free(r->text);
    r->text = NULL;
}

void lane_report_file_changed(struct lane_report_file *r)
{
    r->changed = true;
}

/* Not synced: after a crash of the machine it is written anew, and it may be up to forty times a
 * second. */
static enum err replace(const struct lane_report_file *r, size_t size)
{
    int fd = open(r->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, REPORT_MODE);
    if (fd < 0)
        return ERR_IO;
    bool whole = write(fd, r->text, size) == (ssize_t)size;
    whole = close(fd) == 0 && whole;
    return whole && rename(r->temporary, r->path) == 0 ? ERR_OK : ERR_IO;
}

uint64_t lane_report_file_wake_ns(const struct lane_report_file *r)
{
    return r->written_ns + (r->changed ? LANE_REPORT_APART_NS : LANE_REPORT_PAUSE_NS);
}

void lane_report_file_step(struct lane_report_file *r, const struct lane_edges *e, bool redis_up,
                           uint64_t now_ns, uint64_t wall_ms)
{
    size_t size = 0;
    if (r->written_ns != 0 && now_ns < lane_report_file_wake_ns(r))
        return;
    enum err err = lane_report_write(e, redis_up, now_ns, wall_ms, r->text, LANE_REPORT_MAX, &size);
    if (err == ERR_OK)
        err = replace(r, size);
    if (err != ERR_OK && !r->told)
        log_warning("%s: cannot be written: %m", r->path);
    r->told = err != ERR_OK;
    r->changed = false;
    r->written_ns = now_ns;
}
