/* SPDX-License-Identifier: Apache-2.0 */
#include "format_examples.h"

#include "format_example_show.h"
#include "format_fixture.h"

#include "edge/store_change.h"
#include "lib/check.h"
#include "lib/clubcard_write.h"
#include "lib/head.h"
#include "lib/index.h"
#include "lib/ocsp_response.h"
#include "lib/pack.h"
#include "lib/ribbon.h"

/* Name of the example CA: CN=Example CA, as UTF8String. */
static const uint8_t ca_name[] = "\x30\x15\x31\x13\x30\x11\x06\x03\x55\x04\x03\x0c\x0a"
                                 "Example CA";
/* The head of a SubjectPublicKeyInfo for Ed25519 (RFC 8410 4). */
static const uint8_t spki_head[] = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

#define CA_NAME_BYTES   (sizeof ca_name - 1)
#define SPKI_HEAD_BYTES (sizeof spki_head - 1)
#define TIME_S          1764000000u

struct publish_key *example_key(void)
{
    return fixture_publish_key("example");
}

/* One key for everything: the CA's, which signs statements, and the publish key. */
void example_template(struct ocsp_template *ret)
{
    struct publish_key *key = example_key();
    struct span public_key = span_of(publish_key_public(key)->public_key, ED25519_PUBLIC_BYTES);
    struct span name = span_of(ca_name, CA_NAME_BYTES);
    *ret = (struct ocsp_template){.template_no = 1,
                                  .certid_set = CERTID_BOTH,
                                  .sig_alg = SIG_ED25519,
                                  .refresh_interval_s = 302400,
                                  .signer_spki_size = SPKI_HEAD_BYTES + ED25519_PUBLIC_BYTES};
    uint8_t both[CA_NAME_BYTES + ED25519_PUBLIC_BYTES];
    memcpy(both, ca_name, CA_NAME_BYTES);
    memcpy(both + CA_NAME_BYTES, public_key.data, public_key.size);
    struct sha256 id = sha256_of(span_of(both, sizeof both));
    for (size_t i = 0; i < 8; i++)
        ret->issuer_id = ret->issuer_id << 8 | id.octets[i];
    struct sha256 name_hash = sha256_of(name);
    struct sha256 key_hash = sha256_of(public_key);
    sha1_of(name, ret->name_sha1);
    sha1_of(public_key, ret->key_sha1);
    memcpy(ret->name_sha256, name_hash.octets, SHA256_BYTES);
    memcpy(ret->key_sha256, key_hash.octets, SHA256_BYTES);
    sha1_of(public_key, ret->responder_key_sha1);
    memcpy(ret->signer_spki, spki_head, SPKI_HEAD_BYTES);
    memcpy(ret->signer_spki + SPKI_HEAD_BYTES, public_key.data, public_key.size);
    publish_key_free(key);
}

/* Serial 1001 is good, 1002 revoked. Signed for real: `signature` lends the octets. */
static struct statement statement(unsigned i, uint8_t signature[static ED25519_SIGNATURE_BYTES])
{
    struct statement s = {.serial = {.size = 2, .octets = {0x10, (uint8_t)(1 + i)}},
                          .facts = {.template_no = 1,
                                    .status = CERT_GOOD,
                                    .reason = REASON_ABSENT,
                                    .this_update_s = TIME_S,
                                    .next_update_s = TIME_S + 604800}};
    if (i == 1) {
        s.facts.status = CERT_REVOKED;
        s.facts.reason = REASON_KEY_COMPROMISE;
        s.facts.revoked_at_s = TIME_S - 86400;
    }
    struct ocsp_template t;
    struct publish_key *key = example_key();
    uint8_t tbs[OCSP_TBS_BYTES_MAX];
    size_t size;
    example_template(&t);
    CHECK(ocsp_tbs_encode(&t, &s.serial, &s.facts, TIME_S, tbs, sizeof tbs, &size) == ERR_OK);
    CHECK(publish_key_sign(key, span_of(tbs, size), signature) == ERR_OK);
    publish_key_free(key);
    s.signature = span_of(signature, ED25519_SIGNATURE_BYTES);
    return s;
}

static size_t make_key(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    struct ocsp_template t;
    struct serial serial = {.size = 2, .octets = {0x10, 0x01}};
    example_template(&t);
    return key_write(t.issuer_id, &serial, out);
}

static size_t make_facts(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    uint8_t signature[ED25519_SIGNATURE_BYTES];
    struct statement s = statement(1, signature);
    facts_write(&s.facts, out);
    return FACTS_BYTES;
}

static size_t make_template(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    struct ocsp_template t;
    size_t size;
    example_template(&t);
    CHECK(template_write(&t, out, EXAMPLE_BYTES_MAX, &size) == ERR_OK);
    return size;
}

static size_t make_block(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    static struct block_builder b;
    uint8_t block[BLOCK_BYTES_MAX];
    uint8_t signatures[2][ED25519_SIGNATURE_BYTES];
    block_builder_reset(&b);
    for (unsigned i = 0; i < 2; i++) {
        struct statement s = statement(i, signatures[i]);
        CHECK(block_builder_add(&b, &s) == ERR_OK);
    }
    size_t size = block_builder_finish(&b, block);
    CHECK(size <= EXAMPLE_BYTES_MAX);
    memcpy(out, block, size);
    return size;
}

static size_t make_pack(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    static struct pack_writer w;
    struct ocsp_template t;
    const struct ocsp_template *templates[] = {&t};
    uint8_t signatures[2][ED25519_SIGNATURE_BYTES];
    size_t size;
    example_template(&t);
    struct pack_info info = {.issuer_id = t.issuer_id,
                             .kind = PACK_RANGE,
                             .after = SERIAL_BEFORE_ALL,
                             .until = SERIAL_AFTER_ALL};
    pack_writer_start(&w, &info, templates, 1, out, EXAMPLE_BYTES_MAX);
    for (unsigned i = 0; i < 2; i++) {
        struct statement s = statement(i, signatures[i]);
        pack_writer_add(&w, &s);
    }
    CHECK(pack_writer_finish(&w, &info, &size) == ERR_OK);
    return size;
}

static struct log_range whole_range(const struct ocsp_template *t)
{
    uint8_t pack[EXAMPLE_BYTES_MAX];
    size_t size = make_pack(pack);
    return (struct log_range){.issuer_id = t->issuer_id,
                              .after = SERIAL_BEFORE_ALL,
                              .until = SERIAL_AFTER_ALL,
                              .pack = sha256_of(span_of(pack, size)),
                              .pack_bytes = size,
                              .statement_count = 2};
}

static struct blob_path crl_path(void)
{
    return (struct blob_path){.path = span_text("/crl/1/3.crl"),
                              .blob = sha256_of(span_text("a CRL")),
                              .blob_bytes = 5,
                              .media_type = span_text("application/pkix-crl"),
                              .modified_s = TIME_S,
                              .next_s = TIME_S + 86400,
                              .expires_s = TIME_S + 604800};
}

static size_t make_log_entry(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    static const struct sha256 none;
    struct publish_key *key = example_key();
    struct ocsp_template t;
    struct log_writer w;
    uint8_t signature[ED25519_SIGNATURE_BYTES];
    size_t size;
    example_template(&t);
    struct statement s = statement(1, signature);
    struct log_range range = whole_range(&t);
    struct blob_path path = crl_path();
    log_writer_start(&w, span_text("example"), 1, TIME_S + 1, &none, out, EXAMPLE_BYTES_MAX);
    log_writer_template(&w, &t);
    log_writer_statement(&w, t.issuer_id, &s);
    log_writer_range(&w, &range);
    log_writer_path(&w, &path);
    CHECK(log_writer_finish(&w, key, &size) == ERR_OK);
    publish_key_free(key);
    return size;
}

static struct sha256 log_hash(void)
{
    uint8_t entry[EXAMPLE_BYTES_MAX];
    size_t size = make_log_entry(entry);
    return sha256_of(span_of(entry, size));
}

static size_t make_index(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    struct ocsp_template t;
    struct index_writer w;
    size_t size;
    struct sha256 hash = log_hash();
    example_template(&t);
    struct log_range range = whole_range(&t);
    struct blob_path path = crl_path();
    index_writer_start(&w, span_text("example"), 1, &hash, TIME_S + 2, (char *)out,
                       EXAMPLE_BYTES_MAX);
    index_writer_template(&w, &t);
    index_writer_range(&w, &range);
    index_writer_path(&w, &path);
    CHECK(index_writer_finish(&w, &size) == ERR_OK);
    return size;
}

static size_t make_head(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    struct publish_key *key = example_key();
    uint8_t index[EXAMPLE_BYTES_MAX];
    size_t size = make_index(index);
    struct head head = {.network = "example",
                        .log_first = 1,
                        .log_last = 1,
                        .log_hash = log_hash(),
                        .time_s = TIME_S + 2,
                        .valid_until_s = TIME_S + 2 + 86400,
                        .index_log = 1,
                        .index_hash = sha256_of(span_of(index, size)),
                        .index_bytes = size};
    CHECK(head_write(key, &head, (char *)out, EXAMPLE_BYTES_MAX, &size) == ERR_OK);
    publish_key_free(key);
    return size;
}

static size_t make_verifier_key(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    struct publish_key *key = example_key();
    char text[VKEY_TEXT_BYTES];
    verify_key_to_text(publish_key_public(key), text);
    publish_key_free(key);
    size_t size = strlen(text);
    memcpy(out, text, size);
    out[size] = '\n';
    return size + 1;
}

static size_t make_position(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    struct position p = {.log_number = 1,
                         .log_hash = log_hash(),
                         .commit = 2,
                         .head_time_s = TIME_S + 2,
                         .head_valid_until_s = TIME_S + 2 + 86400,
                         .complete = 1,
                         .statement_count = 2};
    position_write(&p, out);
    return POSITION_BYTES;
}

static size_t make_change(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    static struct store_changes changes;
    static uint8_t wire[STORE_CHANGES_BYTES_MAX];
    struct ocsp_template t;
    struct serial after = {.size = 2, .octets = {0x10, 0x00}};
    struct serial until = {.size = 2, .octets = {0x10, 0x02}};
    example_template(&t);
    store_changes_reset(&changes);
    store_changes_add(&changes, t.issuer_id, &after, &until);
    size_t size = store_changes_write(&changes, wire);
    memcpy(out, wire, size);
    return size;
}

/* 1001 to 100A; 1002 is revoked. */
struct serial example_filter_serial(unsigned i)
{
    return (struct serial){.size = 2, .octets = {0x10, (uint8_t)(1 + i)}};
}

/* Two columns of four words, whose bits are as good as random but that of the one row; then one row
 * for each certificate that passes both. */
struct filter_work {
    struct sha256 block;
    uint64_t columns[2][8];
    uint64_t exact[8];
    struct ribbon ribbon;
    uint64_t system[8192];
};

static struct clubcard_key filter_key(const struct filter_work *w, unsigned i)
{
    struct clubcard_key key;
    struct serial serial = example_filter_serial(i);
    CHECK(clubcard_key_make(&w->block, span_of(serial.octets, serial.size), &key) == ERR_OK);
    return key;
}

static void filter_approximate(struct filter_work *w)
{
    static const uint8_t seed[] = "filter";
    struct clubcard_key key = filter_key(w, EXAMPLE_FILTER_REVOKED);
    CHECK(ribbon_bytes(1) <= sizeof w->system);
    ribbon_start(&w->ribbon, w->system, 1);
    CHECK(ribbon_add(&w->ribbon, &key, false));
    for (unsigned i = 0; i < 2; i++)
        for (unsigned j = 0; j < 4; j++) {
            const uint8_t octets[] = {seed[0], (uint8_t)i, (uint8_t)j};
            w->columns[i][j] = be64_load(sha256_of(span_of(octets, sizeof octets)).octets);
        }
    for (unsigned i = 0; i < 2; i++)
        ribbon_solve(&w->ribbon, w->columns[i], 0);
}

/* Returns its starts. */
static uint32_t filter_exact(struct filter_work *w)
{
    struct clubcard_key keys[EXAMPLE_FILTER_COUNT];
    bool passes[EXAMPLE_FILTER_COUNT];
    uint32_t count = 0;
    for (unsigned i = 0; i < EXAMPLE_FILTER_COUNT; i++) {
        keys[i] = filter_key(w, i);
        passes[i] =
            !ribbon_dot(w->columns[0], 0, keys[i].a) && !ribbon_dot(w->columns[1], 0, keys[i].a);
        count += passes[i];
    }
    CHECK(ribbon_bytes(count) <= sizeof w->system);
    ribbon_start(&w->ribbon, w->system, count);
    for (unsigned i = 0; i < EXAMPLE_FILTER_COUNT; i++)
        if (passes[i])
            CHECK(ribbon_add(&w->ribbon, &keys[i], i != EXAMPLE_FILTER_REVOKED));
    ribbon_solve(&w->ribbon, w->exact, 0);
    CHECK(w->ribbon.row_count <= 64);
    return count;
}

static size_t make_filter(uint8_t out[static EXAMPLE_BYTES_MAX])
{
    static const uint8_t log_name[] = "statim filter example";
    static struct filter_work w;
    struct ocsp_template t;
    size_t size = 0;
    example_template(&t);
    w = (struct filter_work){.block = sha256_of(span_of(t.signer_spki, t.signer_spki_size))};
    filter_approximate(&w);
    struct clubcard_block block = {
        .id = w.block, .approx_m = 1, .approx_rank = 2, .exact_m = filter_exact(&w)};
    struct clubcard_coverage coverage = {
        .log_id = sha256_of(span_of(log_name, sizeof log_name - 1)), .high_ms = TIME_S * 1000ull};
    struct clubcard_column columns[2] = {{w.columns[0], 4}, {w.columns[1], 4}};
    struct clubcard_parts parts = {.coverage = &coverage,
                                   .coverage_count = 1,
                                   .blocks = &block,
                                   .block_count = 1,
                                   .columns = columns,
                                   .column_count = 2,
                                   .exact = {w.exact, 1}};
    CHECK(clubcard_write(&parts, out, EXAMPLE_BYTES_MAX, &size) == ERR_OK);
    return size;
}

static const struct example_cut key_cuts[] = {
    {8, "issuer id"}, {1, "serial size"}, {2, "serial"}, {0, NULL}};
#define FACTS_CUTS                                                                              \
    {2, "template number"}, {1, "status"}, {1, "reason"}, {4, "revoked at"}, {4, "thisUpdate"}, \
    {                                                                                           \
        4, "nextUpdate"                                                                         \
    }
static const struct example_cut facts_cuts[] = {FACTS_CUTS, {0, NULL}};
#define TEMPLATE_CUTS                                                                          \
    {4, "magic STTM"}, {1, "version"}, {8, "issuer id"}, {2, "template number"},               \
        {1, "CertID set: both"}, {1, "signature algorithm: Ed25519"}, {4, "refresh interval"}, \
        {20, "name hash, SHA-1"}, {20, "key hash, SHA-1"}, {32, "name hash, SHA-256"},         \
        {32, "key hash, SHA-256"}, {20, "responder key hash, SHA-1"}, {2, "signer key size"},  \
        {44, "signer key"},                                                                    \
    {                                                                                          \
        2, "responder certificate size: none"                                                  \
    }
static const struct example_cut template_cuts[] = {TEMPLATE_CUTS, {0, NULL}};
#define BLOCK_CUTS                                                                             \
    {1, "version"}, {1, "serial size"}, {2, "count"}, {1, "facts count"}, {2, "stride"},       \
        {16, "facts 0"}, {2, "their signature size"}, {16, "facts 1"},                         \
        {2, "their signature size"}, {2, "serial 0"}, {2, "serial 1"}, {1, "body 0: facts 0"}, \
        {64, "signature"}, {1, "body 1: facts 1"},                                             \
    {                                                                                          \
        64, "signature"                                                                        \
    }
static const struct example_cut block_cuts[] = {BLOCK_CUTS, {0, NULL}};
static const struct example_cut pack_cuts[] = {
    {4, "magic STPK"},      {1, "version"},     {1, "kind: range"},      {8, "issuer id"},
    {1, "after: all"},      {1, "until: all"},  {4, "least thisUpdate"}, {4, "least nextUpdate"},
    {8, "statement count"}, {4, "block count"}, {2, "template count"},   {2, "template size"},
    {193, "template"},      {2, "block size"},  {177, "block"},          {0, NULL}};
static const struct example_cut log_entry_cuts[] = {{4, "magic STLE"},
                                                    {1, "version"},
                                                    {1, "network size"},
                                                    {7, "network"},
                                                    {8, "number"},
                                                    {8, "time"},
                                                    {32, "previous: none"},
                                                    {4, "item count"},
                                                    {1, "item: template"},
                                                    {4, "its size"},
                                                    {193, "template"},
                                                    {1, "item: statement"},
                                                    {4, "its size"},
                                                    {11, "key"},
                                                    {16, "facts"},
                                                    {64, "signature"},
                                                    {1, "item: range"},
                                                    {4, "its size"},
                                                    {8, "issuer id"},
                                                    {1, "after: all"},
                                                    {1, "until: all"},
                                                    {32, "pack hash"},
                                                    {8, "pack size"},
                                                    {8, "statement count"},
                                                    {1, "item: path"},
                                                    {4, "its size"},
                                                    {2, "path size"},
                                                    {12, "path"},
                                                    {32, "blob hash"},
                                                    {8, "blob size"},
                                                    {1, "media type size"},
                                                    {20, "media type"},
                                                    {8, "modified"},
                                                    {8, "next"},
                                                    {8, "expires"},
                                                    {4, "key id"},
                                                    {64, "signature of the entry"},
                                                    {0, NULL}};
static const struct example_cut filter_cuts[] = {{2, "version 4, little-endian"},
                                                 {2, "coverage count"},
                                                 {32, "log id"},
                                                 {8, "low"},
                                                 {8, "high"},
                                                 {4, "block count"},
                                                 {32, "block id"},
                                                 {4, "approximate m"},
                                                 {1, "approximate rank"},
                                                 {4, "approximate offset"},
                                                 {4, "exact m"},
                                                 {4, "exact offset"},
                                                 {1, "inverted"},
                                                 {2, "exception count"},
                                                 {1, "column count"},
                                                 {4, "word count"},
                                                 {32, "words"},
                                                 {4, "word count"},
                                                 {32, "words"},
                                                 {4, "word count of the exact filter"},
                                                 {8, "words"},
                                                 {0, NULL}};
static const struct example_cut position_cuts[] = {
    {1, "version"},   {8, "log number"},       {32, "log hash"},   {8, "commit"},
    {8, "head time"}, {8, "head valid until"}, {32, "index hash"}, {4, "index lines applied"},
    {1, "complete"},  {8, "statement count"},  {0, NULL}};
static const struct example_cut change_cuts[] = {{2, "range count"}, {1, "after size"},
                                                 {11, "after"},      {1, "until size"},
                                                 {11, "until"},      {0, NULL}};

const struct example examples[EXAMPLE_COUNT] = {
    {"key", true, make_key, show_key, key_cuts},
    {"facts", true, make_facts, show_facts, facts_cuts},
    {"template", true, make_template, show_template, template_cuts},
    {"block", true, make_block, show_block, block_cuts},
    {"pack", true, make_pack, show_pack, pack_cuts},
    {"log-entry", true, make_log_entry, show_log_entry, log_entry_cuts},
    {"index", false, make_index, show_index, NULL},
    {"head", false, make_head, show_head, NULL},
    {"verifier-key", false, make_verifier_key, show_verifier_key, NULL},
    {"filter", true, make_filter, show_filter, filter_cuts},
    {"position", true, make_position, show_position, position_cuts},
    {"change", true, make_change, show_change, change_cuts},
};
