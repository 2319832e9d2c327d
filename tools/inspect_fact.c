/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/inspect_fact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/hex.h"
#include "lib/timetext.h"

#define YEAR_10000_S     UINT64_C(253402300800)
#define OCTETS_SHOWN_MAX 64

static json_t *need(json_t *value)
{
    if (value == NULL) {
        fprintf(stderr, "statim inspect: out of memory\n");
        exit(1);
    }
    return value;
}

static void put(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, need(value)) != 0)
        need(NULL);
}

void fact_text(json_t *object, const char *name, const char *text)
{
    json_t *value = json_string(text);
    /* NULL also for what is not UTF-8, which may come from a file's name. */
    put(object, name, value != NULL ? value : json_string("(not UTF-8)"));
}

void fact_number(json_t *object, const char *name, uint64_t number)
{
    char text[24];
    if (number <= INT64_MAX) {
        put(object, name, json_integer((json_int_t)number));
        return;
    }
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    fact_text(object, name, text);
}

void fact_ratio(json_t *object, const char *name, double ratio)
{
    put(object, name, json_real(ratio));
}

void fact_flag(json_t *object, const char *name, bool flag)
{
    put(object, name, json_boolean(flag));
}

void fact_time(json_t *object, const char *name, uint64_t time_s)
{
    char text[ISO_TIME_BYTES + 1];
    if (time_s == 0) {
        put(object, name, json_null());
    } else if (time_s >= YEAR_10000_S) {
        fact_number(object, name, time_s);
    } else {
        iso_time_write(time_s, text);
        fact_text(object, name, text);
    }
}

void fact_hash(json_t *object, const char *name, const struct sha256 *hash)
{
    static const struct sha256 zero = {0};
    char text[SHA256_TEXT_BYTES];
    if (sha256_equal(hash, &zero)) {
        put(object, name, json_null());
        return;
    }
    sha256_to_text(hash, text);
    fact_text(object, name, text);
}

void fact_octets(json_t *object, const char *name, struct span octets)
{
    char text[2 * OCTETS_SHOWN_MAX + 1];
    if (hex_encode(octets, text, sizeof text) == ERR_OK)
        fact_text(object, name, text);
}

void fact_issuer(json_t *object, uint64_t issuer_id)
{
    char text[17];
    (void)snprintf(text, sizeof text, "%016" PRIx64, issuer_id);
    fact_text(object, "issuer", text);
}

void fact_serial(json_t *object, const char *name, const struct serial *serial)
{
    char text[SERIAL_HEX_MAX];
    if (serial->size == 0 || serial->size == SERIAL_SIZE_END) {
        fact_text(object, name, serial->size == 0 ? "before all" : "after all");
        return;
    }
    serial_to_hex(serial, text);
    fact_text(object, name, text);
}

void fact_facts(json_t *object, const struct facts *facts)
{
    bool revoked = facts->status == CERT_REVOKED;
    fact_text(object, "status", revoked ? "revoked" : "good");
    if (revoked) {
        fact_time(object, "revoked_at", facts->revoked_at_s);
        if (facts->reason != REASON_ABSENT)
            fact_text(object, "reason", reason_text(facts->reason));
    }
    fact_time(object, "this_update", facts->this_update_s);
    fact_time(object, "next_update", facts->next_update_s);
    fact_number(object, "template", facts->template_no);
}

static const char *certid_text(uint8_t set)
{
    return set == CERTID_BOTH ? "sha1 and sha256" : set == CERTID_SHA1 ? "sha1" : "sha256";
}

void fact_template(json_t *object, const struct ocsp_template *t)
{
    const struct sig_alg_info *alg = sig_alg_info(t->sig_alg);
    fact_issuer(object, t->issuer_id);
    fact_number(object, "template", t->template_no);
    fact_text(object, "algorithm", alg != NULL ? alg->text : "?");
    fact_text(object, "certid", certid_text(t->certid_set));
    fact_number(object, "refresh_interval_s", t->refresh_interval_s);
    fact_text(object, "signer", t->responder_cert_size == 0 ? "the CA" : "a delegated responder");
    fact_octets(object, "responder_key_sha1",
                span_of(t->responder_key_sha1, sizeof t->responder_key_sha1));
    if (t->responder_cert_size > 0)
        fact_number(object, "responder_certificate_bytes", t->responder_cert_size);
}

void fact_range(json_t *object, const struct log_range *range, bool has_bounds)
{
    fact_issuer(object, range->issuer_id);
    if (has_bounds) {
        fact_serial(object, "after", &range->after);
        fact_serial(object, "until", &range->until);
    }
    fact_number(object, "statements", range->statement_count);
    fact_number(object, "bytes", range->pack_bytes);
    fact_hash(object, "pack", &range->pack);
}

static void fact_span(json_t *object, const char *name, struct span text)
{
    put(object, name, json_stringn((const char *)text.data, text.size));
}

void fact_path(json_t *object, const struct blob_path *path)
{
    fact_span(object, "path", path->path);
    if (path->blob_bytes == 0) {
        fact_text(object, "blob", "withdrawn");
        return;
    }
    fact_hash(object, "blob", &path->blob);
    fact_number(object, "bytes", path->blob_bytes);
    fact_span(object, "media_type", path->media_type);
    fact_time(object, "modified", path->modified_s);
    fact_time(object, "next", path->next_s);
    fact_time(object, "expires", path->expires_s);
}

json_t *fact_list(json_t *object, const char *name)
{
    put(object, name, json_array());
    return json_object_get(object, name);
}

json_t *fact_group(json_t *object, const char *name)
{
    put(object, name, json_object());
    return json_object_get(object, name);
}

json_t *fact_row(json_t *list)
{
    json_t *row = need(json_object());
    if (json_array_append_new(list, row) != 0)
        need(NULL);
    return row;
}

void fact_row_text(json_t *list, const char *text)
{
    json_t *value = json_string(text);
    if (json_array_append_new(list, need(value)) != 0)
        need(NULL);
}
