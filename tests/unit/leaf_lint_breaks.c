/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/leaf_lint_breaks.h"

#include "tests/fixture/bad_csr_keys.h"

#define SHORT_S (6ull * LEAF_DAY_S)

/* What a row works on: its certificate as OpenSSL has it. */
struct work {
    const struct leaf_world *world;
    struct lint_base *base;
    X509 *x;
};

void base_make(const struct leaf_world *world, enum leaf_kind kind, enum key_alg alg, int variant,
               struct lint_base *ret)
{
    static struct csr csr;
    static struct leaf leaf;
    static uint8_t tbs[LEAF_TBS_BYTES_MAX];
    struct problem why = {0};
    size_t size = 0;
    struct leaf_profile p = world_profile(kind);
    struct csr_spec spec = {.key = world->keys[alg]};
    arena_reset();
    spec.extensions = csr_names_extension("dns:www.example.com");
    if (alg == KEY_ED25519) {
        p.key_algs = 1u << KEY_ED25519;
        p.allow[p.allow_count++] = (struct leaf_allow){"key_algorithm", "for the tests of lint"};
    }
    p.common_name = p.subject_key_id = variant == BASE_NAMED;
    p.key_encipherment = variant == BASE_NAMED;
    p.must_staple = variant == BASE_STAPLE;
    p.short_lived = variant == BASE_SHORT;
    if (variant == BASE_STAPLE)
        spec.extensions = JOIN(spec.extensions,
                               csr_extension("1.3.6.1.5.5.7.1.24", false, arena_hex("3003020105")));
    if (variant == BASE_SHORT) {
        p.validity_s = SHORT_S;
        p.ocsp_url = p.crl_url = false;
    }
    if (csr_read(csr_make(&spec), &csr, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    *ret = (struct lint_base){.ca = world->ca};
    struct leaf_order order = world_order(world, &p, &csr);
    order.ca = &ret->ca;
    if (leaf_plan(&order, &leaf, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    assert_int_equal(leaf_tbs_encode(&leaf, tbs, sizeof tbs, &size), ERR_OK);
    assert_int_equal(leaf_draft(&leaf, span_of(tbs, size), ret->der, sizeof ret->der, &ret->size),
                     ERR_OK);
    memcpy(ret->crl_url, leaf.crl_url, sizeof ret->crl_url);
    ret->facts = (struct leaf_lint_facts){.ca = &ret->ca,
                                          .kind = kind,
                                          .short_lived = p.short_lived,
                                          .issued_s = WORLD_NOW_S,
                                          .crl_url = ret->crl_url,
                                          .suffixes = world->suffixes};
    csr_done(&csr);
}

void base_done(struct lint_base *base)
{
    X509_free(base->issuer);
    base->issuer = NULL;
}

static X509 *base_parse(const struct lint_base *base)
{
    const unsigned char *at = base->der;
    X509 *x = d2i_X509(NULL, &at, (long)base->size);
    assert_non_null(x);
    return x;
}

static void base_set(struct lint_base *base, X509 *x)
{
    unsigned char *at = base->der;
    /* Whatever was changed in it is written again. */
    assert_true(i2d_re_X509_tbs(x, NULL) > 0);
    int size = i2d_X509(x, NULL);
    assert_true(size > 0 && (size_t)size <= sizeof base->der);
    base->size = (size_t)i2d_X509(x, &at);
}

/* The word before '=' as an OID, and the hex behind it. */
static ASN1_OBJECT *object_of(const char *text, const char **ret_rest)
{
    char word[64];
    size_t size = strcspn(text, "=");
    assert_true(size < sizeof word);
    memcpy(word, text, size);
    word[size] = '\0';
    *ret_rest = text + size + (text[size] == '=');
    ASN1_OBJECT *object = OBJ_txt2obj(word, 0);
    assert_non_null(object);
    return object;
}

static void drop(struct work *w, const char *extension)
{
    const char *rest;
    ASN1_OBJECT *object = object_of(extension, &rest);
    X509_EXTENSION_free(X509_delete_ext(w->x, X509_get_ext_by_OBJ(w->x, object, -1)));
    ASN1_OBJECT_free(object);
}

static void turn(struct work *w, const char *extension)
{
    const char *rest;
    ASN1_OBJECT *object = object_of(extension, &rest);
    X509_EXTENSION *e = X509_get_ext(w->x, X509_get_ext_by_OBJ(w->x, object, -1));
    X509_EXTENSION_set_critical(e, !X509_EXTENSION_get_critical(e));
    ASN1_OBJECT_free(object);
}

static void twice(struct work *w, const char *extension)
{
    const char *rest;
    ASN1_OBJECT *object = object_of(extension, &rest);
    X509_add_ext(w->x, X509_get_ext(w->x, X509_get_ext_by_OBJ(w->x, object, -1)), -1);
    ASN1_OBJECT_free(object);
}

/* Sets the value of an extension, which may be a new one. */
static void put(X509 *x, const char *extension, struct span value)
{
    const char *rest;
    ASN1_OBJECT *object = object_of(extension, &rest);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(octets, value.data, (int)value.size);
    int at = X509_get_ext_by_OBJ(x, object, -1);
    if (at >= 0) {
        X509_EXTENSION_set_data(X509_get_ext(x, at), octets);
    } else {
        X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets);
        assert_int_equal(X509_add_ext(x, e, -1), 1);
        X509_EXTENSION_free(e);
    }
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(object);
}

static void set(struct work *w, const char *text)
{
    put(w->x, text, arena_hex(strchr(text, '=') + 1));
}

/* The content of the SEQUENCE that the extension is. */
static void sequence(struct work *w, const char *text)
{
    put(w->x, text, arena_element(DER_SEQUENCE, arena_hex(strchr(text, '=') + 1)));
}

static void names(struct work *w, const char *list)
{
    struct span whole = csr_names_extension(list);
    const unsigned char *at = whole.data;
    X509_EXTENSION *e = d2i_X509_EXTENSION(NULL, &at, (long)whole.size);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(e);
    put(w->x, "subjectAltName",
        span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)));
    X509_EXTENSION_free(e);
}

/* "word:url word:url": accesses of authorityInfoAccess, ocsp, issuer or stamp. */
static void access(struct work *w, const char *list)
{
    struct span all = arena_copy(span_of("", 0));
    while (*list != '\0') {
        size_t size = strcspn(list, " ");
        const char *method = list[0] == 'o'   ? "06082b06010505073001"
                             : list[0] == 'i' ? "06082b06010505073002"
                                              : "06082b06010505073003";
        const char *url = strchr(list, ':') + 1;
        struct span location =
            arena_element(DER_CONTEXT | 6, span_of(url, size - (size_t)(url - list)));
        all = JOIN(all, arena_element(DER_SEQUENCE, JOIN(arena_hex(method), location)));
        list += size + (list[size] == ' ');
    }
    put(w->x, "authorityInfoAccess", arena_element(DER_SEQUENCE, all));
}

static struct span crl_point(const char *url, struct span more)
{
    struct span name = arena_element(DER_CONTEXT | 6, span_text(url));
    name = arena_element(DER_CONTEXT_CONSTRUCTED | 0, name);
    name = arena_element(DER_CONTEXT_CONSTRUCTED | 0, name);
    return arena_element(DER_SEQUENCE, JOIN(name, more));
}

/* One point with a URL ("=": the shard's), then hex of what is in the point besides; or two. */
static void points(struct work *w, const char *text)
{
    char url[256];
    size_t size = strcspn(text, " ");
    memcpy(url, text, size);
    url[size] = '\0';
    const char *own = strcmp(url, "=") == 0 ? w->base->crl_url : url;
    struct span none = arena_copy(span_of("", 0));
    bool second = strcmp(text + size, " two") == 0;
    struct span more = text[size] == '\0' || second ? none : arena_hex(text + size + 1);
    struct span all = crl_point(own, more);
    if (second)
        all = JOIN(all, crl_point("http://crl.example/second", none));
    put(w->x, "crlDistributionPoints", arena_element(DER_SEQUENCE, all));
}

static void no_status(struct work *w, const char *argument)
{
    (void)argument;
    drop(w, "crlDistributionPoints");
    access(w, "issuer:" WORLD_ISSUER);
    w->base->crl_url[0] = '\0';
}

static void version(struct work *w, const char *argument)
{
    (void)argument;
    X509_set_version(w->x, X509_VERSION_2);
}

static void serial(struct work *w, const char *hex)
{
    struct span octets = arena_hex(hex);
    ASN1_STRING_set(X509_get_serialNumber(w->x), octets.data, (int)octets.size);
}

static void algorithm(X509_ALGOR *a, int nid)
{
    X509_ALGOR_set0(a, OBJ_nid2obj(nid), V_ASN1_UNDEF, NULL);
}

/* OpenSSL gives no way to set one: it gives the structure that is in the certificate. */
static X509_ALGOR *outer_algorithm(X509 *x)
{
    const X509_ALGOR *a = NULL;
    X509_get0_signature(NULL, &a, x);
    return (X509_ALGOR *)(uintptr_t)a;
}

static void outer_other(struct work *w, const char *argument)
{
    (void)argument;
    algorithm(outer_algorithm(w->x), NID_ecdsa_with_SHA384);
}

static void both_sha1(struct work *w, const char *argument)
{
    (void)argument;
    algorithm(outer_algorithm(w->x), NID_ecdsa_with_SHA1);
    algorithm((X509_ALGOR *)(uintptr_t)X509_get0_tbs_sigalg(w->x), NID_ecdsa_with_SHA1);
}

/* "C=p:GB;L=u:Bath+O=u:X": p PrintableString, u UTF8String, t TeletexString; + in the same RDN. */
static X509_NAME *name_of(const char *text)
{
    X509_NAME *name = X509_NAME_new();
    int together = 0;
    while (*text != '\0') {
        char field[32];
        size_t size = strcspn(text, "=");
        memcpy(field, text, size);
        field[size] = '\0';
        char type = text[size + 1];
        const char *value = text + size + 3;
        size_t value_size = strcspn(value, ";+");
        int string = type == 'p'   ? V_ASN1_PRINTABLESTRING
                     : type == 'u' ? V_ASN1_UTF8STRING
                                   : V_ASN1_T61STRING;
        assert_int_equal(X509_NAME_add_entry_by_txt(name, field, string,
                                                    (const unsigned char *)value, (int)value_size,
                                                    -1, together),
                         1);
        together = value[value_size] == '+' ? -1 : 0;
        text = value + value_size + (value[value_size] != '\0');
    }
    return name;
}

static void subject(struct work *w, const char *text)
{
    X509_NAME *name = name_of(text);
    X509_set_subject_name(w->x, name);
    X509_NAME_free(name);
}

static void issuer(struct work *w, const char *text)
{
    X509_NAME *name = name_of(text);
    X509_set_issuer_name(w->x, name);
    X509_NAME_free(name);
}

/* "FROM UNTIL", in seconds from now. */
static void times(struct work *w, const char *text)
{
    char *rest;
    long from = strtol(text, &rest, 10), until = strtol(rest, NULL, 10);
    ASN1_TIME_set(X509_getm_notBefore(w->x), (time_t)WORLD_NOW_S + from);
    ASN1_TIME_set(X509_getm_notAfter(w->x), (time_t)WORLD_NOW_S + until);
}

static void generalized(struct work *w, const char *argument)
{
    ASN1_TIME *time = X509_getm_notBefore(w->x);
    (void)argument;
    ASN1_TIME_to_generalizedtime(time, &time);
}

static void ca_ends(struct work *w, const char *argument)
{
    (void)argument;
    w->base->ca.not_after_s = WORLD_NOW_S + LEAF_DAY_S;
}

/* The profile is that of short-lived ones. */
static void not_short(struct work *w, const char *argument)
{
    (void)argument;
    w->base->facts.short_lived = true;
}

static void use_key(struct work *w, EVP_PKEY *key)
{
    assert_int_equal(X509_set_pubkey(w->x, key), 1);
    EVP_PKEY_free(key);
}

static void weak_key(struct work *w, const char *flaw)
{
    struct span spki = bad_csr_spki(flaw);
    const unsigned char *at = spki.data;
    use_key(w, d2i_PUBKEY(NULL, &at, (long)spki.size));
}

static void small_key(struct work *w, const char *argument)
{
    (void)argument;
    use_key(w, EVP_RSA_gen(1024));
}

static void curve(struct work *w, const char *name)
{
    use_key(w, EVP_EC_gen(name));
}

static void compressed(struct work *w, const char *argument)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    (void)argument;
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed"), 1);
    use_key(w, key);
}

static void ca_key(struct work *w, const char *argument)
{
    (void)argument;
    assert_int_equal(X509_set_pubkey(w->x, w->world->ca_key), 1);
}

/* The CA has an extension, or it has it with that value. */
static void ca_extension(struct work *w, const char *text)
{
    w->base->issuer = X509_dup(w->world->ca_certificate);
    put(w->base->issuer, text, arena_hex(strchr(text, '=') + 1));
    w->base->ca.certificate = w->base->issuer;
}

/* [1] issuerUniqueID, right behind the key. */
static void unique_id(struct lint_base *base)
{
    X509 *x = base_parse(base);
    unsigned char *tbs = NULL;
    int size = i2d_re_X509_tbs(x, &tbs);
    struct der_reader r;
    der_reader_init(&r, span_of(tbs, (size_t)size));
    der_enter(&r, DER_SEQUENCE);
    const uint8_t *from = r.at;
    for (int i = 0; i < 7; i++) {
        uint8_t tag;
        (void)der_take_any(&r, &tag);
    }
    struct span whole = span_of(tbs, (size_t)size);
    struct span before = span_of(from, (size_t)(r.at - from)),
                after = span_of(r.at, (size_t)(whole.data + whole.size - r.at));
    struct span made = arena_element(DER_SEQUENCE, JOIN(before, arena_hex("81020080"), after));
    uint8_t signature[64];
    memset(signature, 1, sizeof signature);
    assert_int_equal(cert_signed_encode(made, SIG_ECDSA_P256_SHA256,
                                        span_of(signature, sizeof signature), base->der,
                                        sizeof base->der, &base->size),
                     ERR_OK);
    OPENSSL_free(tbs);
    X509_free(x);
}

struct row {
    const char *rule;
    enum leaf_kind kind;
    enum key_alg alg;
    enum base_variant variant;
    void (*make)(struct work *w, const char *argument); /* NULL: unique_id() */
    const char *argument;
};

#define NOTHING NULL
static const struct row rows[] = {
#define X(rule, kind, alg, variant, make, argument) \
    {#rule, LEAF_##kind, KEY_##alg, BASE_##variant, make, argument},
#include "tests/unit/leaf_lint_rows.h"
#undef X
};

size_t breaks_count(void)
{
    return sizeof rows / sizeof rows[0];
}

const char *breaks_make(const struct leaf_world *world, size_t i, struct lint_base *ret)
{
    const struct row *row = &rows[i];
    base_make(world, row->kind, row->alg, (int)row->variant, ret);
    if (row->make == NULL) {
        unique_id(ret);
        return row->rule;
    }
    struct work w = {.world = world, .base = ret, .x = base_parse(ret)};
    row->make(&w, row->argument);
    base_set(ret, w.x);
    X509_free(w.x);
    return row->rule;
}

void breaks_any_policy(struct lint_base *base, uint64_t from_s)
{
    struct work w = {.base = base, .x = base_parse(base)};
    sequence(&w, "certificatePolicies=3008060667810c010201300606"
                 "04551d2000");
    ASN1_TIME_set(X509_getm_notBefore(w.x), (time_t)from_s);
    ASN1_TIME_set(X509_getm_notAfter(w.x), (time_t)(from_s + LEAF_DAY_S));
    base->facts.issued_s = from_s;
    base_set(base, w.x);
    X509_free(w.x);
}
