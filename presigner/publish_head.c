/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_head.h"

#include "lib/os/log.h"
#include "presigner/publish_files.h"
#include "presigner/publish_txn.h"

#define HEAD_MODE 0644

/* The state is committed before the head that tells of it. One behind its own head is a copy of
 * earlier times: it would give log numbers away twice, and take revocations back. */
static enum err check_state(const struct publisher *p, const struct head *head, const char *path)
{
    const struct publish_state *s = &p->state;
    bool same = head->log_last == s->log_last && sha256_equal(&head->log_hash, &s->log_hash);
    if (same || head->log_last < s->log_last)
        return ERR_OK;
    log_error(
        "%s is at log entry %llu, the state in %s at %llu: the state is an older copy, without "
        "what was accepted since; to go on with it all the same, remove that file",
        path, (unsigned long long)head->log_last, p->config->state_dir,
        (unsigned long long)s->log_last);
    return ERR_CONFLICT;
}

/* What a head says, whoever signed it: the publish key or the network has been changed, perhaps
 * by mistake. Nothing but our own folder is at stake, so its word is enough to stop us. */
static enum err check_foreign(const struct publisher *p, struct span note, const char *path)
{
    struct head head;
    const uint8_t *end = memmem(note.data, note.size, "\n\n", 2);
    if (end == NULL ||
        head_text_read(span_of(note.data, (size_t)(end + 1 - note.data)), &head) != ERR_OK) {
        log_warning("%s is no head; it is written anew", path);
        return ERR_OK;
    }
    log_warning("%s, of network %s, is not signed by %s for network %s: edges take nothing more "
                "until they have the verifier key that belongs to it",
                path, head.network, p->config->publish_key, p->config->network);
    return check_state(p, &head, path);
}

static enum err remember(struct publisher *p, struct span note, const char *path)
{
    struct head head;
    p->head_hash = sha256_of(note);
    if (head_open(publish_key_public(p->key), note, &head) != ERR_OK)
        return check_foreign(p, note, path);
    p->head_time_s = head.time_s;
    publish_gauge(p, COUNT_head_time_seconds, head.time_s);
    return check_state(p, &head, path);
}

enum err publish_head_load(struct publisher *p)
{
    char path[PUBLISH_PATH_BYTES];
    struct buffer b = {0};
    TRY(publish_path(p, "head", "", path));
    enum err err = file_read(path, HEAD_BYTES_MAX, &b);
    if (err == ERR_OK)
        err = remember(p, span_of(b.data, b.size), path);
    buffer_done(&b);
    /* An edge that starts while the first statements are being signed would answer "unauthorized"
     * about certificates that are merely not signed yet. */
    p->first_head_waits = err == ERR_NOT_FOUND;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* Edges refuse a head that is older than the one they have, so a clock that was put back a little
 * is waited for. They did not take heads from further ahead. */
static uint64_t head_time(const struct publisher *p)
{
    uint64_t now_s = p->clock_s();
    bool little = p->head_time_s > now_s && p->head_time_s - now_s <= HEAD_SKEW_S;
    return little ? p->head_time_s : now_s;
}

static bool must_write(const struct publisher *p, uint64_t now_s)
{
    const struct publish_state *s = &p->state;
    const struct head *head = &p->head;
    uint64_t quarter = p->config->head_validity_s / 4;
    uint64_t renew_s = p->config->head_refresh_s < quarter ? p->config->head_refresh_s : quarter;
    return head->time_s == 0 || head->log_last != s->log_last || head->log_first != s->log_first ||
           !sha256_equal(&head->index_hash, &s->index.hash) || now_s >= head->time_s + renew_s ||
           now_s < head->time_s;
}

static void head_fill(const struct publisher *p, uint64_t now_s, struct head *ret)
{
    const struct publish_state *s = &p->state;
    *ret = (struct head){.log_first = s->log_first,
                         .log_last = s->log_last,
                         .log_hash = s->log_hash,
                         .time_s = now_s,
                         .valid_until_s = now_s + p->config->head_validity_s,
                         .index_log = s->index.log_number,
                         .index_hash = s->index.hash,
                         .index_bytes = s->index.bytes,
                         .previous = p->head_hash};
    strncpy(ret->network, p->config->network, NETWORK_NAME_MAX);
}

static void gauges(struct publisher *p)
{
    publish_gauge(p, COUNT_log_number, p->state.log_last);
    publish_gauge(p, COUNT_log_first, p->state.log_first);
    publish_gauge(p, COUNT_index_log_number, p->state.index.log_number);
    publish_gauge(p, COUNT_published_sequence, p->state.published_sequence);
    publish_gauge(p, COUNT_urgent_sequence, p->state.urgent_sequence);
}

static enum err replace(struct publisher *p, const char *path, struct span note)
{
    enum err err = file_prepare(path, note, HEAD_MODE);
    if (err == ERR_OK)
        err = publish_file_commit(p, path);
    if (err == ERR_OK)
        err = directory_sync(p->config->publish_dir);
    if (err != ERR_OK && err != ERR_FENCED)
        log_error("%s: cannot be written: %m", path);
    return err;
}

static void tell(struct publisher *p)
{
    p->news.log_first = p->head.log_first;
    p->news.log_last = p->head.log_last;
    if (p->watch.published != NULL)
        p->watch.published(p->watch.context, &p->news);
    if (p->settled != NULL)
        p->settled(p->settled_context, p);
    p->news = (struct publish_news){0};
}

enum err publish_head_refresh(struct publisher *p)
{
    uint64_t now_s = head_time(p);
    char path[PUBLISH_PATH_BYTES];
    char note[HEAD_BYTES_MAX];
    size_t size = 0;
    struct head head;
    gauges(p);
    if (p->first_head_waits || sha256_is_zero(&p->state.index.hash) || !must_write(p, now_s))
        return ERR_OK;
    head_fill(p, now_s, &head);
    TRY(head_write(p->key, &head, note, sizeof note, &size));
    TRY(publish_path(p, "head", "", path));
    TRY(replace(p, path, span_of(note, size)));
    p->head = head;
    p->head_time_s = head.time_s;
    p->head_hash = sha256_of(span_of(note, size));
    publish_gauge(p, COUNT_head_time_seconds, now_s);
    publish_count(p, COUNT_heads_written, 1);
    tell(p);
    return ERR_OK;
}
