/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/answer.h"

#include "edge/answer_file.h"
#include "edge/answer_head.h"
#include "edge/answer_relay.h"
#include "lib/base64.h"
#include "lib/check.h"
#include "lib/http_target.h"

enum err answer_config_set(struct answer_config *config, const char *path_prefix)
{
    size_t size = strlen(path_prefix);
    if (size == 0 || size > ANSWER_PATH_PREFIX_MAX || path_prefix[0] != '/' ||
        path_prefix[size - 1] != '/')
        return ERR_CONFIG;
    memset(config, 0, sizeof *config);
    memcpy(config->path_prefix, path_prefix, size);
    config->path_prefix_size = size;
    return ERR_OK;
}

void answer_clock_set(struct answer_clock *clock, uint64_t now_s)
{
    if (clock->now_s == now_s && clock->date[0] != 0)
        return;
    clock->now_s = now_s;
    imf_fixdate_write(now_s, clock->date);
    day_table_set(&clock->days, now_s);
}

/* "Application/OCSP-Request ; x=y" is the OCSP media type (RFC 9110 8.3.1). */
static bool is_ocsp_request_type(struct span value)
{
    static const char type[] = "application/ocsp-request";
    size_t size = 0;
    if (value.size == sizeof type - 1 && memcmp(value.data, type, sizeof type - 1) == 0)
        return true;
    while (size < value.size && value.data[size] != ';')
        size++;
    while (size > 0 && (value.data[size - 1] == ' ' || value.data[size - 1] == '\t'))
        size--;
    return size == sizeof type - 1 && strncasecmp((const char *)value.data, type, size) == 0;
}

/* The part of the path below the configured prefix. A POST may leave out the prefix's last "/".
 */
static bool path_below_prefix(const struct answer_config *config,
                              const struct http_request *request, struct span path,
                              struct span *ret)
{
    size_t size = config->path_prefix_size;
    if (path.size >= size && memcmp(path.data, config->path_prefix, size) == 0) {
        *ret = span_of(path.data + size, path.size - size);
        return true;
    }
    if (request->method != HTTP_POST || path.size != size - 1 ||
        (path.size > 0 && memcmp(path.data, config->path_prefix, path.size) != 0))
        return false;
    *ret = SPAN_EMPTY;
    return true;
}

/* An issuer and a serial we could have, or the outcome that says why not. */
static void lookup_begin(const struct snapshot *snapshot, const struct ocsp_request *ocsp,
                         struct answer_query *query)
{
    if (snapshot == NULL || snapshot->position.complete == 0) {
        query->outcome = OUTCOME_NOT_READY;
        return;
    }
    query->issuer = snapshot_issuer_find(snapshot, ocsp->hash, ocsp->name_hash, ocsp->key_hash);
    if (query->issuer == NULL) {
        query->outcome = OUTCOME_UNKNOWN_ISSUER;
        return;
    }
    struct serial serial;
    if (serial_from_content(ocsp->serial, &serial) != ERR_OK) {
        query->outcome = OUTCOME_UNKNOWN_SERIAL;
        return;
    }
    query->needs_lookup = true;
    snapshot_find_start(snapshot, query->issuer, &serial, &query->lookup);
}

static void ocsp_begin(const struct snapshot *snapshot, struct span der, struct answer_query *query)
{
    struct ocsp_request ocsp;
    if (ocsp_request_decode(der, &ocsp) != ERR_OK || ocsp.request_count == 0) {
        query->outcome = OUTCOME_MALFORMED;
        return;
    }
    query->is_ocsp = true;
    query->hash = ocsp.hash;
    query->has_nonce = ocsp.has_nonce;
    if (ocsp.request_count > 1)
        query->outcome = OUTCOME_MULTIPLE;
    else
        lookup_begin(snapshot, &ocsp, query);
}

static void get_begin(const struct snapshot *snapshot, const struct http_request *request,
                      struct span path, struct answer_query *query)
{
    uint8_t der[OCSP_PATH_DECODE_BYTES(HTTP_TARGET_BYTES_MAX)];
    size_t der_size;
    query->without_body = request->method == HTTP_HEAD;
    query->condition_repeated = request->if_none_match_repeated;
    query->if_none_match = request->if_none_match;
    query->if_modified_since = request->if_modified_since;
    if (ocsp_path_decode(path, der, sizeof der, &der_size) != ERR_OK || der_size == 0)
        query->outcome = OUTCOME_NOT_FOUND;
    else
        ocsp_begin(snapshot, span_of(der, der_size), query);
}

void answer_begin(const struct snapshot *snapshot, const struct answer_config *config,
                  const struct http_request *request, struct span body, struct answer_query *query)
{
    memset(query, 0, offsetof(struct answer_query, lookup));
    struct span whole, path;
    bool has_path = http_target_path(request->target, &whole);
    if (snapshot != NULL && snapshot->paths != NULL && has_path &&
        answer_file_begin(snapshot->paths, whole, request, query)) {
        return;
    } else if (request->method == HTTP_OTHER) {
        query->outcome = OUTCOME_METHOD;
    } else if (!has_path || !path_below_prefix(config, request, whole, &path)) {
        query->outcome = OUTCOME_NOT_FOUND;
        query->without_body = request->method == HTTP_HEAD;
    } else if (request->method != HTTP_POST) {
        get_begin(snapshot, request, path, query);
    } else if (request->content_type.size > 0 && !is_ocsp_request_type(request->content_type)) {
        query->outcome = OUTCOME_MEDIA_TYPE;
    } else {
        ocsp_begin(snapshot, body, query);
    }
}

/* RFC 9110 13.2.2: If-None-Match decides alone when it is there. A date is a weak validator: a
 * revocation in the second of the statement before it, or signed by a clock that was set back, does
 * not show in it. What was good before must not be confirmed, so revoked is always said in full. */
static bool is_not_modified(const struct answer_clock *clock, const struct answer_query *query,
                            const struct answer_validators *validators, const struct facts *facts)
{
    if (query->condition_repeated)
        return false;
    if (query->if_none_match.data != NULL) {
        uint8_t etag[ANSWER_ETAG_BYTES];
        answer_etag_write(validators->signature, etag);
        return http_etag_matches(query->if_none_match, span_of(etag, sizeof etag));
    }
    uint64_t since_s;
    if (query->if_modified_since.size == 0 || facts->status == CERT_REVOKED ||
        http_date_read(query->if_modified_since, clock->now_s, &since_s) != ERR_OK)
        return false;
    return facts->this_update_s <= since_s;
}

/* The response must name the CertID that was asked for, else the client cannot use it. */
static bool carries_hash(const struct ocsp_template *t, enum certid_hash hash)
{
    unsigned asked = hash == CERTID_HASH_SHA1 ? CERTID_SHA1 : CERTID_SHA256;
    return (t->certid_set & asked) != 0;
}

static enum outcome freshness(const struct facts *facts, uint64_t until_s, uint64_t now_s)
{
    if (facts->this_update_s > now_s)
        return OUTCOME_FUTURE;
    if (now_s >= until_s)
        return OUTCOME_STALE;
    return facts->status == CERT_REVOKED ? OUTCOME_REVOKED : OUTCOME_GOOD;
}

/* A statement with what it is written by. */
struct found {
    struct statement statement;
    const struct ocsp_template *t;
    const struct ocsp_forms *forms; /* of its template and serial size, or NULL */
    uint64_t until_s; /* nextUpdate, or the end of the responder certificate that signed it */
};

/* A statement and its template, or the outcome that says why not. */
static enum outcome lookup_finish(const struct snapshot *snapshot, const struct answer_clock *clock,
                                  struct answer_query *query, struct found *found)
{
    struct statement *statement = &found->statement;
    uint32_t place;
    if (!snapshot_find_finish(&query->lookup, statement))
        return OUTCOME_UNKNOWN_SERIAL;
    /* The store is written template first: without it the data set is not complete. */
    if (!snapshot_template_place(snapshot, query->issuer, statement->facts.template_no, &place) ||
        statement->signature.size < ANSWER_ETAG_OCTETS)
        return OUTCOME_NOT_READY;
    found->t = snapshot->templates[place];
    found->forms = snapshot->forms[place].by_serial_size[statement->serial.size];
    if (!carries_hash(found->t, query->hash))
        return OUTCOME_UNKNOWN_ISSUER;
    uint64_t signer_end_s = snapshot->forms[place].signer_end_s;
    uint64_t next_update_s = statement->facts.next_update_s;
    found->until_s = signer_end_s < next_update_s ? signer_end_s : next_update_s;
    return freshness(&statement->facts, found->until_s, clock->now_s);
}

/* The usual way: the size is known beforehand, so that all is written where it stays. */
static size_t form_write(const struct answer_clock *clock, const struct found *found,
                         const struct ocsp_form *form, const struct answer_validators *validators,
                         enum answer_connection connection, bool without_body, uint8_t *out)
{
    const struct facts *facts = &found->statement.facts;
    size_t der_size = (size_t)form->size + found->forms->responder_cert_size;
    size_t head_size =
        answer_head_statement(clock, validators, der_size, connection, out, HTTP_RESPONSE_HEAD_MAX);
    if (without_body)
        return head_size;
    struct ocsp_form_times times;
    times.this_update = day_table_generalized(&clock->days, facts->this_update_s);
    times.next_update = day_table_generalized(&clock->days, facts->next_update_s);
    if (facts->status == CERT_REVOKED)
        times.revoked_at = day_table_generalized(&clock->days, facts->revoked_at_s);
    ocsp_form_fill(found->forms, form, found->t, &found->statement, &times, out + head_size);
    return head_size + der_size;
}

/* The encoder's way: the DER is written behind the room for the head and moved up once the head's
 * size is known. 0: the statement cannot be said. */
static size_t encoder_write(const struct answer_clock *clock, const struct found *found,
                            const struct answer_validators *validators,
                            enum answer_connection connection, bool without_body, uint8_t *out,
                            size_t out_size)
{
    const struct statement *statement = &found->statement;
    uint8_t *der = out + HTTP_RESPONSE_HEAD_MAX;
    size_t der_size;
    if (ocsp_response_encode(found->t, &statement->serial, &statement->facts,
                             statement->facts.this_update_s, statement->signature, der,
                             out_size - HTTP_RESPONSE_HEAD_MAX, &der_size) != ERR_OK)
        return 0;
    size_t head_size =
        answer_head_statement(clock, validators, der_size, connection, out, HTTP_RESPONSE_HEAD_MAX);
    if (without_body)
        return head_size;
    memmove(out + head_size, der, der_size);
    return head_size + der_size;
}

static enum outcome statement_write(const struct answer_clock *clock,
                                    const struct answer_query *query, const struct found *found,
                                    enum outcome outcome, enum answer_connection connection,
                                    uint8_t *out, size_t out_size, size_t *ret_size)
{
    const struct statement *statement = &found->statement;
    struct answer_validators validators;
    answer_validators_make(found->t, statement, found->until_s, clock->now_s, &validators);
    if (is_not_modified(clock, query, &validators, &statement->facts)) {
        *ret_size = answer_head_statement(clock, &validators, ANSWER_NO_LENGTH, connection, out,
                                          HTTP_RESPONSE_HEAD_MAX);
        return OUTCOME_NOT_MODIFIED;
    }
    const struct ocsp_form *form =
        found->forms == NULL ? NULL : ocsp_form_find(found->forms, statement);
    size_t size = form == NULL ? encoder_write(clock, found, &validators, connection,
                                               query->without_body, out, out_size)
                               : form_write(clock, found, form, &validators, connection,
                                            query->without_body, out);
    if (size == 0)
        return OUTCOME_NOT_READY;
    *ret_size = size;
    return outcome;
}

enum outcome answer_finish(const struct snapshot *snapshot, const struct answer_clock *clock,
                           struct answer_query *query, enum answer_connection connection,
                           uint8_t *out, size_t out_size, size_t *ret_size)
{
    CHECK(out_size >= ANSWER_BYTES_MAX);
    enum outcome outcome = query->outcome;
    if (query->file != NULL)
        return query->is_relay
                   ? answer_relay_finish(clock, query, connection, out, out_size, ret_size)
                   : answer_file_finish(clock, query, connection, out, out_size, ret_size);
    if (query->needs_lookup) {
        struct found found;
        outcome = lookup_finish(snapshot, clock, query, &found);
        if (outcome == OUTCOME_GOOD || outcome == OUTCOME_REVOKED)
            outcome =
                statement_write(clock, query, &found, outcome, connection, out, out_size, ret_size);
    }
    if (outcome != OUTCOME_GOOD && outcome != OUTCOME_REVOKED && outcome != OUTCOME_NOT_MODIFIED)
        *ret_size = answer_other(clock, outcome, query->without_body, connection, out, out_size);
    return outcome;
}

void answer_error(const struct answer_clock *clock, enum outcome outcome, bool without_body,
                  uint8_t *out, size_t out_size, size_t *ret_size)
{
    CHECK(out_size >= ANSWER_BYTES_MAX);
    *ret_size = answer_other(clock, outcome, without_body, ANSWER_CLOSE, out, out_size);
}
