/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/audit_event.h"

#include "issuer/audit_text.h"
#include "lib/check.h"

struct field_row {
    const char *word;
    enum audit_kind kind;
};

static const struct field_row fields[AUDIT_FIELD_END] = {
#define X(name, word, kind, help) {word, AUDIT_KIND_##kind},
    AUDIT_FIELD_TABLE(X)
#undef X
};

struct event_row {
    const char *word;
    uint64_t needs;
};

static const struct event_row events[AUDIT_EVENT_COUNT] = {
#define X(name, word, needs, help) {word, needs},
    AUDIT_EVENT_TABLE(X)
#undef X
};

const char *audit_event_word(enum audit_event_type type)
{
    CHECK(type < AUDIT_EVENT_COUNT);
    return events[type].word;
}

const char *audit_field_word(enum audit_field field)
{
    CHECK(field < AUDIT_FIELD_END);
    return fields[field].word;
}

static union audit_value *place(struct audit_event *event, enum audit_field field,
                                enum audit_kind kind)
{
    CHECK(field < AUDIT_FIELD_END && fields[field].kind == kind);
    event->set |= UINT64_C(1) << field;
    return &event->values[field];
}

void audit_event_begin(struct audit_event *event, enum audit_event_type type, uint64_t time_s,
                       struct span actor, struct span request)
{
    CHECK(type < AUDIT_EVENT_COUNT);
    *event = (struct audit_event){.type = type};
    audit_event_text(event, AUDIT_FIELD_TYPE, span_text(events[type].word));
    audit_event_number(event, AUDIT_FIELD_TIME, time_s);
    audit_event_text(event, AUDIT_FIELD_ACTOR, actor);
    audit_event_text(event, AUDIT_FIELD_REQUEST, request);
    if (actor.size == 0)
        event->err = ERR_MALFORMED;
}

void audit_event_text(struct audit_event *event, enum audit_field field, struct span text)
{
    place(event, field, AUDIT_KIND_TEXT)->text = text;
}

void audit_event_number(struct audit_event *event, enum audit_field field, uint64_t number)
{
    place(event, field, AUDIT_KIND_NUMBER)->number = number;
    if (number > AUDIT_NUMBER_MAX && event->err == ERR_OK)
        event->err = ERR_RANGE;
}

void audit_event_flag(struct audit_event *event, enum audit_field field, bool flag)
{
    place(event, field, AUDIT_KIND_FLAG)->number = flag;
}

void audit_event_ca(struct audit_event *event, uint64_t issuer_id)
{
    place(event, AUDIT_FIELD_CA, AUDIT_KIND_CA)->number = issuer_id;
}

void audit_event_serial(struct audit_event *event, const struct serial *serial)
{
    place(event, AUDIT_FIELD_SERIAL, AUDIT_KIND_SERIAL)->serial = serial;
}

void audit_event_hash(struct audit_event *event, enum audit_field field, const struct sha256 *hash)
{
    place(event, field, AUDIT_KIND_HASH)->hash = hash;
}

void audit_event_list(struct audit_event *event, enum audit_field field, const struct span *texts,
                      size_t count)
{
    union audit_value *value = place(event, field, AUDIT_KIND_LIST);
    value->list.texts = texts;
    value->list.count = count;
}

static void put_list(struct audit_text *t, const union audit_value *value)
{
    for (size_t i = 0; i < value->list.count; i++) {
        audit_text_put(t, i == 0 ? "[" : ",");
        audit_text_string(t, value->list.texts[i]);
    }
    audit_text_put(t, value->list.count == 0 ? "[]" : "]");
}

static void put_serial(struct audit_text *t, const struct serial *serial)
{
    char hex[SERIAL_HEX_MAX];
    serial_to_hex(serial, hex);
    audit_text_string(t, span_text(hex));
}

static void put_hash(struct audit_text *t, const struct sha256 *hash)
{
    char hex[SHA256_TEXT_BYTES];
    sha256_to_text(hash, hex);
    audit_text_string(t, span_text(hex));
}

static void put_value(struct audit_text *t, enum audit_kind kind, const union audit_value *value)
{
    switch (kind) {
    case AUDIT_KIND_TEXT:
        audit_text_string(t, value->text);
        break;
    case AUDIT_KIND_NUMBER:
        audit_text_number(t, value->number);
        break;
    case AUDIT_KIND_FLAG:
        audit_text_put(t, value->number != 0 ? "true" : "false");
        break;
    case AUDIT_KIND_CA:
        audit_text_ca(t, value->number);
        break;
    case AUDIT_KIND_SERIAL:
        put_serial(t, value->serial);
        break;
    case AUDIT_KIND_HASH:
        put_hash(t, value->hash);
        break;
    case AUDIT_KIND_LIST:
        put_list(t, value);
        break;
    }
}

enum err audit_event_write(const struct audit_event *event, char *out, size_t out_size,
                           size_t *ret_size)
{
    struct audit_text t = {.out = out, .out_size = out_size};
    TRY(event->err);
    if ((event->set & events[event->type].needs) != events[event->type].needs)
        return ERR_NOT_FOUND;
    const char *before = "{";
    for (size_t i = 0; i < AUDIT_FIELD_END; i++) {
        if ((event->set & UINT64_C(1) << i) == 0)
            continue;
        audit_text_put(&t, before);
        audit_text_string(&t, span_text(fields[i].word));
        audit_text_put(&t, ":");
        put_value(&t, fields[i].kind, &event->values[i]);
        before = ",";
    }
    audit_text_put(&t, "}");
    TRY(t.err);
    *ret_size = t.size;
    return ERR_OK;
}
