/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/issue_world.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>

#include "issuer/audit_key.h"
#include "issuer/audit_log.h"
#include "issuer/audit_verify.h"
#include "issuer/registry.h"
#include "issuer/registry_dcv.h"
#include "lib/check.h"
#include "lib/os/clock.h"

#define DAY_S 86400

static const char yaml[] =
    "state_dir: state\n"
    "registry: {sqlite: registry.db}\n"
    "audit: {folder: audit, key: audit-key.pem}\n"
    "public: {listen: \"127.0.0.1:0\", certificate: tls.pem, key: tls-key.pem}\n"
    "internal: {listen: \"127.0.0.1:0\", certificate: tls.pem, key: tls-key.pem, client_ca: "
    "root.pem}\n"
    "profiles:\n"
    "  - {name: dv, kind: dv}\n"
    "  - {name: ov, kind: ov}\n"
    "  - {name: short, kind: dv, short_lived: true, validity_days: 6}\n"
    "authorities:\n"
    "  - name: i1\n"
    "    certificate: inter.pem\n"
    "    chain: [root.pem]\n"
    "    key: {file: inter-key.pem}\n"
    "    ocsp_url: http://ocsp.test/\n"
    "    ca_issuers_url: http://ca.test/i1.cer\n"
    "    crl_url_base: http://crl.test/i1\n"
    "    crl_shards: 4\n"
    "    profiles: [dv, ov, short]\n";

static void path_of(const struct issue_world *w, const char *name, char ret[static WORLD_PATH])
{
    CHECK(snprintf(ret, WORLD_PATH, "%s/%s", w->folder, name) < (int)WORLD_PATH);
}

static void write_file(const struct issue_world *w, const char *name, struct span content)
{
    char path[WORLD_PATH];
    path_of(w, name, path);
    CHECK(file_publish(path, content, 0600) == ERR_OK);
}

/* --- Certificates --- */

static void write_pem(const struct issue_world *w, const char *name, X509 *certificate,
                      EVP_PKEY *key)
{
    char *text = NULL;
    BIO *out = BIO_new(BIO_s_mem());
    CHECK(out != NULL);
    CHECK((certificate != NULL
               ? PEM_write_bio_X509(out, certificate)
               : PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL)) == 1);
    long size = BIO_get_mem_data(out, &text);
    write_file(w, name, span_of(text, (size_t)size));
    BIO_free(out);
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    CHECK(e != NULL && X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static void name_put(X509_NAME *name, const char *type, const char *text)
{
    CHECK(X509_NAME_add_entry_by_txt(name, type, MBSTRING_ASC, (const unsigned char *)text, -1, -1,
                                     0) == 1);
}

static X509 *make_ca(EVP_PKEY *key, const char *common_name, long serial, X509 *issuer,
                     EVP_PKEY *issuer_key)
{
    X509 *x = X509_new();
    CHECK(x != NULL && X509_set_version(x, 2) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(x), 3000L * DAY_S);
    CHECK(X509_set_pubkey(x, key) == 1);
    name_put(X509_get_subject_name(x), "C", "GB");
    name_put(X509_get_subject_name(x), "O", "Example");
    name_put(X509_get_subject_name(x), "CN", common_name);
    X509 *above = issuer != NULL ? issuer : x;
    CHECK(X509_set_issuer_name(x, X509_get_subject_name(above)) == 1);
    extend(x, above, NID_basic_constraints,
           issuer == NULL ? "critical,CA:TRUE" : "critical,CA:TRUE,pathlen:0");
    extend(x, above, NID_key_usage, "critical,keyCertSign,cRLSign");
    extend(x, above, NID_subject_key_identifier, "hash");
    if (issuer != NULL) {
        extend(x, above, NID_authority_key_identifier, "keyid:always");
        extend(x, above, NID_ext_key_usage, "serverAuth");
    }
    CHECK(X509_sign(x, issuer_key, EVP_sha256()) > 0);
    return x;
}

static void make_cas(const struct issue_world *w)
{
    EVP_PKEY *root_key = EVP_EC_gen("P-256"), *inter_key = EVP_EC_gen("P-256");
    X509 *root = make_ca(root_key, "Root", 1, NULL, root_key);
    X509 *inter = make_ca(inter_key, "Inter", 2, root, root_key);
    write_pem(w, "root.pem", root, NULL);
    write_pem(w, "root-key.pem", NULL, root_key);
    write_pem(w, "inter.pem", inter, NULL);
    write_pem(w, "inter-key.pem", NULL, inter_key);
    X509_free(root);
    X509_free(inter);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(inter_key);
}

/* --- The world --- */

static void make_audit(const struct issue_world *w)
{
    struct publish_key *key = NULL;
    char path[WORLD_PATH], pem[512];
    size_t size = 0;
    path_of(w, "audit", path);
    CHECK(publish_key_generate(span_text("audit.test"), &key) == ERR_OK);
    CHECK(publish_key_to_pem(key, pem, sizeof pem, &size) == ERR_OK);
    write_file(w, "audit-key.pem", span_of(pem, size));
    CHECK(audit_log_create(path, key) == ERR_OK && audit_key_publish(key, path) == ERR_OK);
    publish_key_free(key);
}

void issue_world_make(struct issue_world *w, const char *extra)
{
    char text[4096], state[WORLD_PATH];
    *w = (struct issue_world){0};
    scratch_make(w->folder);
    make_cas(w);
    make_audit(w);
    path_of(w, "state", state);
    CHECK(directory_make(state, 0700) == ERR_OK);
    CHECK(snprintf(text, sizeof text, "%s%s", yaml, extra) < (int)sizeof text);
    write_file(w, "issuer.yaml", span_text(text));
}

static enum err open_parts(struct issue_world *w)
{
    struct issuer_probe probe = w->foundation.issuer.probe;
    TRY(foundation_read(w->config, &w->foundation));
    w->foundation.issuer.probe = probe;
    TRY(foundation_open(&w->foundation));
    return issuer_worker_open(&w->foundation.issuer, &w->worker);
}

enum err issue_world_open(struct issue_world *w)
{
    char path[WORLD_PATH], message[CONFIG_MESSAGE_BYTES];
    path_of(w, "issuer.yaml", path);
    enum err err = issuing_config_load(path, &w->config, message);
    if (err != ERR_OK) {
        fprintf(stderr, "%s\n", message);
        return err;
    }
    w->is_open = true;
    err = open_parts(w);
    if (err != ERR_OK)
        issue_world_close(w);
    return err;
}

void issue_world_close(struct issue_world *w)
{
    if (!w->is_open)
        return;
    issuer_worker_close(&w->worker);
    w->worker = (struct issuer_worker){0};
    foundation_close(&w->foundation);
    w->config = issuing_config_free(w->config);
    w->is_open = false;
}

void issue_world_remove(struct issue_world *w)
{
    issue_world_close(w);
    scratch_remove(w->folder);
}

/* --- What is asked of it --- */

struct buffer issue_world_csr(EVP_PKEY *key, const char *names)
{
    struct buffer pem = {0};
    char san[2048] = "", *text = NULL;
    X509_REQ *request = X509_REQ_new();
    CHECK(request != NULL && X509_REQ_set_pubkey(request, key) == 1);
    for (const char *at = names; *at != '\0';) {
        size_t size = strcspn(at, ",");
        snprintf(san + strlen(san), sizeof san - strlen(san), "%sDNS:%.*s",
                 san[0] == '\0' ? "" : ",", (int)size, at);
        at += size + (at[size] == ',');
    }
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    CHECK(e != NULL && sk_X509_EXTENSION_push(extensions, e) == 1);
    CHECK(X509_REQ_add_extensions(request, extensions) == 1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    CHECK(X509_REQ_sign(request, key, EVP_sha256()) > 0);
    BIO *out = BIO_new(BIO_s_mem());
    CHECK(out != NULL && PEM_write_bio_X509_REQ(out, request) == 1);
    long size = BIO_get_mem_data(out, &text);
    CHECK(buffer_append(&pem, span_of(text, (size_t)size)) == ERR_OK);
    BIO_free(out);
    X509_REQ_free(request);
    return pem;
}

static enum err add_validation(struct registry *r, void *context)
{
    uint64_t id = 0;
    return registry_dcv_add(r, context, &id);
}

void issue_world_validate(struct issue_world *w, const char *domain)
{
    uint64_t now_s = issuer_now_s(&w->foundation.issuer);
    struct registry_dcv row = {
        .customer = span_text(WORLD_CUSTOMER),
        .domain = span_text(domain),
        .method = span_text("3.2.2.4.7"),
        .result = REGISTRY_DCV_VALID,
        .validated_at_s = now_s - 60,
        .expires_at_s = now_s + 100ull * DAY_S,
        .wildcard = true,
        .at_s = now_s,
        .actor = span_text("operator"),
        .evidence = span_text("a test"),
    };
    CHECK(registry_transaction(w->worker.registry, add_validation, &row) == ERR_OK);
}

enum err issue_world_ask(struct issue_world *w, struct span csr, const char *order_id,
                         struct issue_result *ret, struct problem *why)
{
    const struct issue_request request = {
        .csr = csr,
        .order_id = span_text(order_id),
        .profile = span_text("dv"),
        .customer = WORLD_CUSTOMER,
        .actor = "key:test",
        .request_id = "0123456789abcdef",
    };
    *why = (struct problem){0};
    return issue_certificate(&w->worker, &request, ret, why);
}

void issue_world_audit(struct issue_world *w,
                       enum err (*each)(void *context, uint64_t index, struct span entry),
                       void *context)
{
    char path[WORLD_PATH], fault[TILE_PATH_BYTES];
    struct verify_key key;
    struct audit_reader reader = {0};
    path_of(w, "audit", path);
    CHECK(audit_verify_key(NULL, path, &key) == ERR_OK);
    CHECK(audit_reader_open(path, &key, &reader) == ERR_OK);
    CHECK(audit_verify(&reader, fault) == ERR_OK);
    CHECK(audit_each(&reader, 0, reader.tree.size, each, context) == ERR_OK);
    audit_reader_done(&reader);
}
