/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/approval.h"

#include <jansson.h>
#include <stdlib.h>

#include "issuer/registry_approval.h"

enum err approval_subject_write(const struct leaf_subject *subject,
                                char out[static APPROVAL_SUBJECT_BYTES_MAX])
{
    json_t *object = json_object();
    bool is_whole = object != NULL;
    for (enum leaf_subject_part part = 0; part < LEAF_SUBJECT_PARTS; part++) {
        if (subject->parts[part][0] == '\0' || part == LEAF_SUBJECT_COMMON_NAME)
            continue;
        is_whole = is_whole && json_object_set_new(object, leaf_subject_word(part),
                                                   json_string(subject->parts[part])) == 0;
    }
    size_t size = !is_whole ? APPROVAL_SUBJECT_BYTES_MAX
                            : json_dumpb(object, out, APPROVAL_SUBJECT_BYTES_MAX,
                                         JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(object);
    if (!is_whole)
        return ERR_MEMORY;
    if (size >= APPROVAL_SUBJECT_BYTES_MAX)
        return ERR_NO_SPACE;
    out[size] = '\0';
    return ERR_OK;
}

static enum err take_members(json_t *object, struct leaf_subject *subject)
{
    const char *word;
    json_t *value;
    struct problem why = {0};
    json_object_foreach(object, word, value)
    {
        if (!json_is_string(value))
            return ERR_MALFORMED;
        TRY(leaf_subject_set(subject, span_text(word),
                             span_of(json_string_value(value), json_string_length(value)), &why));
    }
    return ERR_OK;
}

enum err approval_subject_read(struct span text, struct leaf_subject *ret)
{
    json_t *object = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    struct leaf_subject subject = {0};
    enum err err = json_is_object(object) ? take_members(object, &subject) : ERR_MALFORMED;
    json_decref(object);
    if (err == ERR_OK)
        *ret = subject;
    return err == ERR_OK ? ERR_OK : ERR_MALFORMED;
}

/* The different subjects that somebody decided on. */
#define SUBJECTS_MAX 8

struct subjects {
    size_t count;
    struct sha256 hashes[SUBJECTS_MAX];
    char texts[SUBJECTS_MAX][APPROVAL_SUBJECT_BYTES_MAX];
};

static enum err take_row(void *context, const struct registry_approval *row)
{
    struct subjects *s = context;
    for (size_t i = 0; i < s->count; i++)
        if (sha256_equal(&s->hashes[i], &row->subject_hash))
            return ERR_OK;
    if (s->count == SUBJECTS_MAX || row->subject.size >= APPROVAL_SUBJECT_BYTES_MAX)
        return ERR_LIMIT;
    s->hashes[s->count] = row->subject_hash;
    memcpy(s->texts[s->count], row->subject.data, row->subject.size);
    s->texts[s->count][row->subject.size] = '\0';
    s->count++;
    return ERR_OK;
}

struct search {
    struct span customer, order_id;
    uint64_t since_s;
    const struct sha256 *approved; /* NULL: none yet */
    size_t place;
    bool is_too_old; /* one was approved by enough, and that is too long ago */
};

/* Whether there were enough approvals before they grew old. */
static enum err note_age(struct registry *r, const struct sha256 *subject, struct search *search)
{
    uint64_t approved = 0, rejected = 0;
    TRY(registry_approval_count(r, search->customer, search->order_id, subject, 0, &approved,
                                &rejected));
    search->is_too_old |= approved >= APPROVALS_NEEDED && rejected == 0;
    return ERR_OK;
}

/* The one that is approved; a rejected one, or a second approved one, and it is nobody's. */
static enum err pick(struct registry *r, const struct subjects *s, struct search *search)
{
    for (size_t i = 0; i < s->count; i++) {
        uint64_t approved = 0, rejected = 0;
        TRY(registry_approval_count(r, search->customer, search->order_id, &s->hashes[i],
                                    search->since_s, &approved, &rejected));
        if (approved < APPROVALS_NEEDED || rejected > 0) {
            TRY(note_age(r, &s->hashes[i], search));
            continue;
        }
        if (search->approved != NULL)
            return ERR_CONFLICT;
        search->approved = &s->hashes[i];
        search->place = i;
    }
    if (search->approved != NULL)
        return ERR_OK;
    return search->is_too_old ? ERR_EXPIRED : ERR_NOT_FOUND;
}

static enum err find(struct issuer_worker *worker, struct subjects *s, struct search *search,
                     struct leaf_subject *ret)
{
    TRY(registry_approvals(worker->registry, search->customer, search->order_id, take_row, s));
    TRY(pick(worker->registry, s, search));
    TRY(approval_subject_read(span_text(s->texts[search->place]), ret));
    struct sha256 hash = leaf_subject_hash(ret);
    return sha256_equal(&hash, search->approved) ? ERR_OK : ERR_HASH;
}

enum err approval_find(struct issuer_worker *worker, struct span customer, struct span order_id,
                       uint64_t now_s, struct leaf_subject *ret, struct problem *why)
{
    uint64_t valid_s = worker->issuer->config->approval_valid_s;
    struct search search = {.customer = customer,
                            .order_id = order_id,
                            .since_s = now_s > valid_s ? now_s - valid_s : 0};
    struct subjects *s = calloc(1, sizeof *s);
    if (s == NULL)
        return problem_set(why, PROBLEM_INTERNAL, "out of memory");
    enum err err = find(worker, s, &search, ret);
    free(s);
    switch ((unsigned)err) {
    case ERR_OK:
        return ERR_OK;
    case ERR_NOT_FOUND:
        return problem_set(why, PROBLEM_APPROVAL,
                           "no subject of this order is approved by %d operators and rejected by "
                           "none",
                           APPROVALS_NEEDED);
    case ERR_EXPIRED:
        return problem_set(why, PROBLEM_APPROVAL,
                           "fewer than %d approvals of this order are younger than %llu s: order "
                           "again with another order_id",
                           APPROVALS_NEEDED, (unsigned long long)valid_s);
    case ERR_CONFLICT:
    case ERR_LIMIT:
        return problem_set(why, PROBLEM_APPROVAL,
                           "more than one subject of this order is approved "
                           "or waits for it");
    case ERR_MALFORMED:
    case ERR_HASH:
        return problem_set(why, PROBLEM_INTERNAL, "the approved subject cannot be read");
    default:
        return problem_set(why, PROBLEM_REGISTRY, "the approvals cannot be read");
    }
}
