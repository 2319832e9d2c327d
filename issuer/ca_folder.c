/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "issuer/ca_journal.h"
#include "lib/os/lock.h"
#include "lib/timetext.h"

enum err ca_folder_path(const struct ca_folder *folder, const char *name,
                        char out[static PATH_BYTES_MAX])
{
    return path_join(out, PATH_BYTES_MAX, folder->path, name);
}

bool ca_folder_has(const struct ca_folder *folder, const char *name)
{
    char path[PATH_BYTES_MAX];
    struct stat st;
    return ca_folder_path(folder, name, path) == ERR_OK && lstat(path, &st) == 0;
}

/* What a killed process left of files that never got their names. */
static void sweep(const struct ca_folder *folder, const char *name)
{
    char path[PATH_BYTES_MAX];
    DIR *d = ca_folder_path(folder, name, path) == ERR_OK ? opendir(path) : NULL;
    if (d == NULL)
        return;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        if (strstr(e->d_name, ".tmp-") != NULL)
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

static enum err open_locked(const struct ca_folder *folder, struct ca_refusal *why)
{
    struct ca_transcript_end end;
    sweep(folder, ".");
    sweep(folder, "issued");
    TRY(ca_journal_replay(folder, why));
    return ca_journal_transcript(folder, NULL, &end, why);
}

enum err ca_folder_open(const char *path, bool make, struct ca_folder *ret, struct ca_refusal *why)
{
    struct ca_folder folder = {.path = path, .lock = -1};
    struct stat st;
    if (!make && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
        return ca_refuse(why, ERR_NOT_FOUND, "%s: no such folder", path);
    enum err err = lock_take(path, 0700, "statim ca", &folder.lock);
    if (err != ERR_OK)
        return ca_refuse(why, err, "%s: %s", path,
                         err == ERR_BUSY ? "another process is at work here" : err_text(err));
    err = open_locked(&folder, why);
    if (err != ERR_OK) {
        ca_folder_close(&folder);
        return err;
    }
    *ret = folder;
    return ERR_OK;
}

void ca_folder_close(struct ca_folder *folder)
{
    lock_drop(folder->lock);
    folder->lock = -1;
}

enum err ca_step_begin(struct ca_step *step, const char *did, const char *operator_name,
                       uint64_t now_s)
{
    *step = (struct ca_step){.did = did,
                             .operator_name = operator_name,
                             .now_s = now_s,
                             .read = json_array(),
                             .detail = json_object()};
    return step->read == NULL || step->detail == NULL ? ERR_MEMORY : ERR_OK;
}

void ca_step_done(struct ca_step *step)
{
    for (size_t i = 0; i < step->file_count; i++)
        buffer_done(&step->files[i].content);
    json_decref(step->read);
    json_decref(step->detail);
    *step = (struct ca_step){0};
}

static json_t *file_hash(const char *path, struct span content)
{
    char hash[SHA256_TEXT_BYTES];
    struct sha256 sum = sha256_of(content);
    sha256_to_text(&sum, hash);
    /* A path that is no UTF-8 is named without its octets. */
    json_t *row = json_pack("{s:s,s:s}", "file", path, "sha256", hash);
    return row != NULL ? row : json_pack("{s:s,s:s}", "file", "(not UTF-8)", "sha256", hash);
}

enum err ca_step_read(struct ca_step *step, const char *path, struct span content)
{
    return json_array_append_new(step->read, file_hash(path, content)) == 0 ? ERR_OK : ERR_MEMORY;
}

enum err ca_step_say(struct ca_step *step, const char *key, const char *value)
{
    return json_object_set_new(step->detail, key, json_string(value)) == 0 ? ERR_OK : ERR_MALFORMED;
}

enum err ca_step_write(struct ca_step *step, const char *path, bool in_folder, struct span content,
                       unsigned mode, bool replace)
{
    if (step->file_count == CA_STEP_FILES_MAX || content.size > CA_FILE_BYTES_MAX)
        return ERR_LIMIT;
    struct ca_step_file *f = &step->files[step->file_count];
    char here[PATH_BYTES_MAX];
    if (in_folder || path[0] == '/') {
        if ((size_t)snprintf(f->path, sizeof f->path, "%s", path) >= sizeof f->path)
            return ERR_LIMIT;
    } else {
        if (getcwd(here, sizeof here) == NULL)
            return ERR_IO;
        TRY(path_join(f->path, sizeof f->path, here, path));
    }
    f->mode = mode;
    f->replace = replace;
    step->file_count++;
    return buffer_append(&f->content, content);
}

static json_t *event_of(const struct ca_step *step)
{
    char time[ISO_TIME_BYTES + 1], host[256] = "";
    iso_time_write(step->now_s, time);
    gethostname(host, sizeof host - 1);
    const struct passwd *person = getpwuid(getuid());
    const char *who = step->operator_name != NULL ? step->operator_name
                      : person != NULL            ? person->pw_name
                                                  : "(nobody by name)";
    json_t *wrote = json_array();
    for (size_t i = 0; i < step->file_count; i++) {
        const struct ca_step_file *f = &step->files[i];
        json_array_append_new(wrote, file_hash(f->path, span_of(f->content.data, f->content.size)));
    }
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:O,s:O,s:o}", "time", time, "operator", who, "host",
                     host, "program", "statim " STATIM_VERSION, "did", step->did, "detail",
                     step->detail, "read", step->read, "wrote", wrote);
}

/* Nothing that is there is written over. */
static enum err refuse_existing(const struct ca_step *step, const struct ca_folder *folder,
                                struct ca_refusal *why)
{
    for (size_t i = 0; i < step->file_count; i++) {
        const struct ca_step_file *f = &step->files[i];
        char path[PATH_BYTES_MAX];
        struct stat st;
        if (f->replace)
            continue;
        TRY(ca_journal_path(folder, f->path, path));
        if (lstat(path, &st) == 0)
            return ca_refuse(why, ERR_EXISTS, "%s: exists already", path);
        char *slash = strrchr(path, '/');
        if (f->path[0] == '/' && slash != NULL && slash != path) {
            *slash = '\0';
            if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode) || access(path, W_OK) != 0)
                return ca_refuse(why, ERR_IO, "%s: no folder to write to", path);
        }
    }
    return ERR_OK;
}

enum err ca_step_commit(struct ca_step *step, const struct ca_folder *folder,
                        struct sha256 *ret_head, struct ca_refusal *why)
{
    struct ca_transcript_end end;
    size_t transcript_size = 0;
    TRY(refuse_existing(step, folder, why));
    TRY(ca_journal_transcript(folder, &transcript_size, &end, why));
    json_t *event = event_of(step);
    char *line = NULL;
    if (event == NULL)
        return ca_refuse(why, ERR_MALFORMED, "a name or an operator that is not UTF-8");
    enum err err = ca_transcript_line(&end, event, &line);
    json_decref(event);
    if (err != ERR_OK)
        return ca_refuse(why, err, "transcript: %s", err_text(err));
    err = ca_journal_write(folder, step, transcript_size, line);
    if (err == ERR_OK)
        *ret_head = ca_transcript_hash(span_text(line));
    free(line);
    if (err != ERR_OK)
        return ca_refuse(why, err, "%s: the step cannot be written: %s", folder->path,
                         errno != 0 ? strerror(errno) : err_text(err));
    return ca_journal_replay(folder, why);
}
