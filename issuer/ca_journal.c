/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base64.h"

#define STEP_FILE       "step"
#define TRANSCRIPT_FILE "transcript"
#define STEP_BYTES_MAX  (CA_STEP_FILES_MAX * (CA_FILE_BYTES_MAX / 3 * 4 + PATH_BYTES_MAX))

enum err ca_journal_path(const struct ca_folder *folder, const char *path,
                         char out[static PATH_BYTES_MAX])
{
    if (path[0] != '/')
        return ca_folder_path(folder, path, out);
    return (size_t)snprintf(out, PATH_BYTES_MAX, "%s", path) < PATH_BYTES_MAX ? ERR_OK : ERR_LIMIT;
}

static enum err read_optional(const struct ca_folder *folder, const char *name, size_t most,
                              struct buffer *b)
{
    char path[PATH_BYTES_MAX];
    TRY(ca_folder_path(folder, name, path));
    enum err err = file_read(path, most, b);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err ca_journal_transcript(const struct ca_folder *folder, size_t *ret_size,
                               struct ca_transcript_end *ret, struct ca_refusal *why)
{
    struct buffer text = {0};
    uint64_t bad_line = 0;
    enum err err = read_optional(folder, TRANSCRIPT_FILE, CA_TRANSCRIPT_BYTES_MAX, &text);
    if (err == ERR_OK)
        err = ca_transcript_read(span_of(text.data, text.size), NULL, ret, &bad_line);
    if (err == ERR_OK && ret_size != NULL)
        *ret_size = text.size;
    buffer_done(&text);
    if (err == ERR_OK)
        return ERR_OK;
    return ca_refuse(why, err, "%s/%s: line %llu: %s", folder->path, TRANSCRIPT_FILE,
                     (unsigned long long)bad_line, err_text(err));
}

static json_t *file_row(const struct ca_step_file *f)
{
    size_t room = BASE64_ENCODED_BYTES(f->content.size), size = 0;
    char *text = malloc(room + 1);
    json_t *row = NULL;
    if (text != NULL &&
        base64_encode(span_of(f->content.data, f->content.size), text, room, &size) == ERR_OK)
        row = json_pack("{s:s,s:s%,s:i,s:b}", "path", f->path, "content", text, size, "mode",
                        (int)f->mode, "replace", (int)f->replace);
    free(text);
    return row;
}

enum err ca_journal_write(const struct ca_folder *folder, const struct ca_step *step,
                          size_t transcript_size, const char *line)
{
    char path[PATH_BYTES_MAX];
    TRY(ca_folder_path(folder, STEP_FILE, path));
    json_t *files = json_array();
    int bad = files == NULL;
    for (size_t i = 0; i < step->file_count; i++)
        bad |= json_array_append_new(files, file_row(&step->files[i])) != 0;
    json_t *all = json_pack("{s:o,s:s,s:I}", "files", files, "line", line, "transcript_bytes",
                            (json_int_t)transcript_size);
    char *text = bad ? NULL : json_dumps(all, JSON_COMPACT);
    json_decref(all);
    if (text == NULL)
        return ERR_MEMORY;
    errno = 0;
    enum err err = file_publish(path, span_text(text), 0600);
    free(text);
    return err;
}

/* Writes one file under its name unless it is there with that content. */
static enum err put_new(const char *path, struct span content, unsigned mode)
{
    struct buffer there = {0};
    enum err err = file_read(path, CA_FILE_BYTES_MAX, &there);
    bool equal = err == ERR_OK && span_equal(span_of(there.data, there.size), content);
    buffer_done(&there);
    if (equal)
        return ERR_OK;
    if (err != ERR_NOT_FOUND)
        return ERR_CONFLICT;
    TRY(file_prepare(path, content, mode));
    return file_commit_new(path);
}

static enum err parent_make(const char *path, bool in_folder)
{
    char parent[PATH_BYTES_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = '\0';
    if (in_folder)
        TRY(directory_make(parent, 0700));
    return ERR_OK;
}

static enum err parent_sync(const char *path)
{
    char parent[PATH_BYTES_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    slash[slash == parent ? 1 : 0] = '\0';
    return directory_sync(parent);
}

static enum err replay_file(const struct ca_folder *folder, const json_t *row, char *path)
{
    const char *name = json_string_value(json_object_get(row, "path"));
    const json_t *text = json_object_get(row, "content");
    size_t size = json_string_length(text), content_size = 0;
    if (name == NULL || json_string_value(text) == NULL)
        return ERR_MALFORMED;
    TRY(ca_journal_path(folder, name, path));
    TRY(parent_make(path, name[0] != '/'));
    uint8_t *content = malloc(size + 1);
    if (content == NULL)
        return ERR_MEMORY;
    enum err err =
        base64_decode(span_of(json_string_value(text), size), content, size + 1, &content_size);
    unsigned mode = (unsigned)json_integer_value(json_object_get(row, "mode")) & 0777u;
    struct span octets = span_of(content, content_size);
    if (err == ERR_OK)
        err = json_is_true(json_object_get(row, "replace")) ? file_publish_lazy(path, octets, mode)
                                                            : put_new(path, octets, mode);
    free(content);
    return err == ERR_OK ? parent_sync(path) : err;
}

/* Appends the line after the octets the transcript had. What a killed process had written of it is
 * completed. */
static enum err append_line(int fd, size_t before, struct span line)
{
    struct stat st;
    uint8_t *there = malloc(line.size);
    enum err err = there == NULL ? ERR_MEMORY : fstat(fd, &st) == 0 ? ERR_OK : ERR_IO;
    size_t size = err == ERR_OK ? (size_t)st.st_size : 0;
    if (err == ERR_OK && (size < before || size > before + line.size))
        err = ERR_CONFLICT;
    size_t part = size - before;
    if (err == ERR_OK && (pread(fd, there, part, (off_t)before) != (ssize_t)part ||
                          memcmp(there, line.data, part) != 0))
        err = ERR_CONFLICT;
    free(there);
    TRY(err);
    size_t rest = line.size - part;
    if (rest > 0 && write(fd, line.data + part, rest) != (ssize_t)rest)
        return ERR_IO;
    return fsync(fd) == 0 ? ERR_OK : ERR_IO;
}

static enum err replay_line(const struct ca_folder *folder, const json_t *all, char *path)
{
    const char *line = json_string_value(json_object_get(all, "line"));
    json_int_t before = json_integer_value(json_object_get(all, "transcript_bytes"));
    if (line == NULL || before < 0)
        return ERR_MALFORMED;
    TRY(ca_folder_path(folder, TRANSCRIPT_FILE, path));
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return ERR_IO;
    enum err err = append_line(fd, (size_t)before, span_text(line));
    close(fd);
    return err == ERR_OK ? directory_sync(folder->path) : err;
}

static enum err replay(const struct ca_folder *folder, const json_t *all, char *path)
{
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(all, "files"), i, row) TRY(replay_file(folder, row, path));
    TRY(replay_line(folder, all, path));
    TRY(ca_folder_path(folder, STEP_FILE, path));
    return unlink(path) == 0 ? directory_sync(folder->path) : ERR_IO;
}

enum err ca_journal_replay(const struct ca_folder *folder, struct ca_refusal *why)
{
    char path[PATH_BYTES_MAX] = STEP_FILE;
    struct buffer text = {0};
    enum err err = read_optional(folder, STEP_FILE, STEP_BYTES_MAX, &text);
    if (err == ERR_OK && text.size > 0) {
        json_t *all = json_loadb((char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
        err = all == NULL ? ERR_MALFORMED : replay(folder, all, path);
        json_decref(all);
    }
    buffer_done(&text);
    if (err == ERR_OK)
        return ERR_OK;
    return ca_refuse(why, err, "%s: the step that was begun cannot be ended: %s", path,
                     err_text(err));
}
