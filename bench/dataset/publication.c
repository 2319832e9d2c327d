/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/dataset/publication.h"

#include "bench/dataset/statement_draw.h"
#include "lib/os/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define FILE_MODE         0644
#define DIRECTORY_MODE    0755
#define INDEX_LINE_BYTES  512 /* a range's line, with room */
#define INDEX_TEXT_BYTES  4096
#define ENTRY_BYTES_SMALL 4096
#define NAME_BYTES        96

static enum err path_of(const struct publication *p, const char *kind, const char *name,
                        char out[static PATH_BYTES_MAX])
{
    int size = snprintf(out, PATH_BYTES_MAX, "%s/%s%s%s", p->folder, kind,
                        name[0] == '\0' ? "" : "/", name);
    return size > 0 && size < PATH_BYTES_MAX ? ERR_OK : ERR_LIMIT;
}

static enum err path_of_hash(const struct publication *p, const char *kind,
                             const struct sha256 *hash, char out[static PATH_BYTES_MAX])
{
    char name[SHA256_TEXT_BYTES];
    sha256_to_text(hash, name);
    return path_of(p, kind, name, out);
}

static enum err path_of_log(const struct publication *p, uint64_t number,
                            char out[static PATH_BYTES_MAX])
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%" PRIu64, number);
    return path_of(p, "log", name, out);
}

static enum err start(const char *folder, const struct publish_key *key, struct publication *ret)
{
    *ret = (struct publication){.key = key, .time_s = clock_wall_s(), .log_first = 1};
    int size = snprintf(ret->folder, sizeof ret->folder, "%s", folder);
    return size > 0 && (size_t)size < sizeof ret->folder ? ERR_OK : ERR_LIMIT;
}

enum err publication_new(const char *folder, const struct publish_key *key, struct publication *ret)
{
    static const char *const kinds[] = {"log", "index", "pack"};
    struct publication p;
    char path[PATH_BYTES_MAX];
    TRY(start(folder, key, &p));
    TRY(path_of(&p, "head", "", path));
    if (access(path, F_OK) == 0)
        return ERR_EXISTS;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        TRY(path_of(&p, kinds[i], "", path));
        TRY(directory_make(path, DIRECTORY_MODE));
    }
    *ret = p;
    return ERR_OK;
}

enum err publication_next(const char *folder, const struct publish_key *key,
                          struct publication *ret, struct head *ret_head)
{
    struct publication p;
    struct buffer note = {0};
    char path[PATH_BYTES_MAX];
    TRY(start(folder, key, &p));
    TRY(path_of(&p, "head", "", path));
    TRY(file_read(path, HEAD_BYTES_MAX, &note));
    struct span octets = span_of(note.data, note.size);
    p.head_hash = sha256_of(octets);
    enum err err = head_open(publish_key_public(key), octets, ret_head);
    buffer_done(&note);
    TRY(err);
    p.log_last = ret_head->log_last;
    p.log_hash = ret_head->log_hash;
    p.log_first = p.log_last + 1;
    if (p.time_s < ret_head->time_s)
        p.time_s = ret_head->time_s;
    *ret = p;
    return ERR_OK;
}

void publication_done(struct publication *p)
{
    buffer_done(&p->templates);
    buffer_done(&p->ranges);
}

enum err publication_template(struct publication *p, const struct ocsp_template *t)
{
    return buffer_append(&p->templates, span_of(t, sizeof *t));
}

static size_t template_count(const struct publication *p)
{
    return p->templates.size / sizeof(struct ocsp_template);
}

static const struct ocsp_template *template_at(const struct publication *p, size_t i)
{
    return (const struct ocsp_template *)(const void *)p->templates.data + i;
}

static void entry_start(const struct publication *p, struct buffer *b, struct log_writer *w)
{
    const char *network = publish_key_public(p->key)->network;
    log_writer_start(w, span_text(network), p->log_last + 1, p->time_s, &p->log_hash, b->data,
                     b->capacity);
}

static enum err entry_finish(struct publication *p, struct log_writer *w)
{
    char path[PATH_BYTES_MAX];
    size_t size;
    TRY(log_writer_finish(w, p->key, &size));
    TRY(path_of_log(p, p->log_last + 1, path));
    TRY(file_publish_lazy(path, span_of(w->out, size), FILE_MODE));
    p->log_last++;
    p->log_hash = sha256_of(span_of(w->out, size));
    return ERR_OK;
}

enum err publication_log_templates(struct publication *p)
{
    struct buffer b = {0};
    struct log_writer w;
    TRY(buffer_reserve(&b, ENTRY_BYTES_SMALL + template_count(p) * TEMPLATE_BYTES_MAX));
    entry_start(p, &b, &w);
    for (size_t i = 0; i < template_count(p); i++)
        log_writer_template(&w, template_at(p, i));
    enum err err = entry_finish(p, &w);
    buffer_done(&b);
    return err;
}

static enum err log_range(struct publication *p, const struct log_range *range)
{
    struct buffer b = {0};
    struct log_writer w;
    TRY(buffer_reserve(&b, ENTRY_BYTES_SMALL));
    entry_start(p, &b, &w);
    log_writer_range(&w, range);
    enum err err = entry_finish(p, &w);
    buffer_done(&b);
    return err;
}

enum err publication_pack(struct publication *p, const struct pack_info *info, struct span pack)
{
    char path[PATH_BYTES_MAX];
    const struct log_range range = {.issuer_id = info->issuer_id,
                                    .after = info->after,
                                    .until = info->until,
                                    .pack = sha256_of(pack),
                                    .pack_bytes = pack.size,
                                    .statement_count = info->statement_count};
    TRY(path_of_hash(p, "pack", &range.pack, path));
    TRY(file_publish_lazy(path, pack, FILE_MODE));
    TRY(log_range(p, &range));
    return buffer_append(&p->ranges, span_of(&range, sizeof range));
}

static enum err index_write(struct publication *p, const struct buffer *b, size_t *ret)
{
    struct index_writer w;
    const struct log_range *ranges = (const void *)p->ranges.data;
    index_writer_start(&w, span_text(publish_key_public(p->key)->network), p->log_last,
                       &p->log_hash, p->time_s, (char *)b->data, b->capacity);
    for (size_t i = 0; i < template_count(p); i++)
        index_writer_template(&w, template_at(p, i));
    for (size_t i = 0; i < p->ranges.size / sizeof *ranges; i++)
        index_writer_range(&w, &ranges[i]);
    return index_writer_finish(&w, ret);
}

static enum err index_publish(struct publication *p, struct head *head)
{
    struct buffer b = {0};
    char path[PATH_BYTES_MAX];
    size_t lines = p->ranges.size / sizeof(struct log_range);
    TRY(buffer_reserve(&b, INDEX_TEXT_BYTES + lines * INDEX_LINE_BYTES +
                               template_count(p) * 2 * TEMPLATE_BYTES_MAX));
    enum err err = index_write(p, &b, &b.size);
    if (err == ERR_OK) {
        head->index_log = p->log_last;
        head->index_bytes = b.size;
        head->index_hash = sha256_of(span_of(b.data, b.size));
        err = path_of_hash(p, "index", &head->index_hash, path);
    }
    if (err == ERR_OK)
        err = file_publish(path, span_of(b.data, b.size), FILE_MODE);
    buffer_done(&b);
    return err;
}

enum err publication_finish(struct publication *p)
{
    char path[PATH_BYTES_MAX];
    char note[HEAD_BYTES_MAX];
    size_t size;
    struct head head = {.log_first = p->log_first,
                        .log_last = p->log_last,
                        .log_hash = p->log_hash,
                        .time_s = p->time_s,
                        .valid_until_s = p->time_s + DRAW_VALIDITY_S,
                        .previous = p->head_hash};
    snprintf(head.network, sizeof head.network, "%s", publish_key_public(p->key)->network);
    TRY(index_publish(p, &head));
    TRY(head_write(p->key, &head, note, sizeof note, &size));
    TRY(path_of(p, "head", "", path));
    return file_publish(path, span_of(note, size), FILE_MODE);
}

enum err publication_read(const struct publication *p, const char *kind, const struct sha256 *hash,
                          size_t size_max, struct buffer *ret)
{
    char path[PATH_BYTES_MAX];
    TRY(path_of_hash(p, kind, hash, path));
    return file_read(path, size_max, ret);
}

void publication_remove(const struct publication *p, const char *kind, const struct sha256 *hash)
{
    char path[PATH_BYTES_MAX];
    if (path_of_hash(p, kind, hash, path) == ERR_OK)
        (void)unlink(path);
}

void publication_remove_log(const struct publication *p, uint64_t number)
{
    char path[PATH_BYTES_MAX];
    if (path_of_log(p, number, path) == ERR_OK)
        (void)unlink(path);
}
