/* SPDX-License-Identifier: Apache-2.0 */
/* statim responder: a delegated OCSP responder certificate from the CA key of a folder.
 *
 * The first time it makes a key, the certificate, and the lines in presigner.yaml. Later the same
 * key gets a new certificate, in one rename: a presigner that starts at that moment finds a pair
 * that fits. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/os/clock.h"
#include "tools/config_insert.h"
#include "tools/directory.h"
#include "tools/init_files.h"
#include "tools/pki.h"
#include "tools/pki_make.h"
#include "tools/verb.h"

#define DAYS_DEFAULT     90
#define DAYS_MAX         3650
#define KEY_TYPE_DEFAULT "p256"
#define CONFIG_BYTES_MAX (1u << 20)
#define FILE_NAME_BYTES  (NETWORK_NAME_MAX + 32)

struct responder {
    const char *directory;
    const char *issuer_name;
    const char *key_type; /* NULL: not given */
    unsigned days;
    struct directory d;
    char certificate_name[FILE_NAME_BYTES];
    char key_name[FILE_NAME_BYTES];
    X509 *ca;
    EVP_PKEY *ca_key;
    EVP_PKEY *key;
};

static bool parse_options(int argc, char **argv, struct responder *r)
{
    static const struct option table[] = {{"issuer", required_argument, NULL, 'i'},
                                          {"days", required_argument, NULL, 'd'},
                                          {"key-type", required_argument, NULL, 'k'},
                                          {0}};
    int option;
    char *end = NULL;
    *r = (struct responder){.days = DAYS_DEFAULT};
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == 'i') {
            r->issuer_name = optarg;
        } else if (option == 'k') {
            r->key_type = optarg;
        } else if (option == 'd') {
            unsigned long days = strtoul(optarg, &end, 10);
            if (optarg[0] < '0' || optarg[0] > '9' || *end != '\0' || days == 0 || days > DAYS_MAX)
                return false;
            r->days = (unsigned)days;
        } else {
            return false;
        }
    }
    r->directory = optind < argc ? argv[optind] : NULL;
    return optind + 1 == argc;
}

static bool complain(const struct responder *r, const char *what, enum err err)
{
    directory_complain(&r->d, "%s: %s", what, err_text(err));
    return false;
}

static bool read_ca(struct responder *r)
{
    const struct issuer_config *issuer = r->d.issuer;
    if (!issuer->has_ca_key || issuer->ca_key.backend != SIGNER_PEM) {
        directory_complain(&r->d,
                           "issuer %s has no CA key in a PEM file; issue the certificate "
                           "where the key is, with extended key usage OCSPSigning and nocheck",
                           issuer->name);
        return false;
    }
    enum err err = pki_certificate_read(issuer->ca_certificate, &r->ca);
    if (err != ERR_OK)
        return complain(r, issuer->ca_certificate, err);
    err = pki_key_read(&issuer->ca_key, &r->ca_key);
    if (err != ERR_OK)
        return complain(r, issuer->ca_key.key_file, err);
    if (X509_check_private_key(r->ca, r->ca_key) != 1)
        return complain(r, issuer->ca_key.key_file, ERR_KEY);
    return true;
}

static enum err make_certificate(struct responder *r, struct buffer *pem)
{
    X509 *certificate = NULL;
    TRY(pki_responder_make(r->ca, r->ca_key, r->key, r->days, clock_wall_s(), &certificate));
    enum err err = pki_certificate_pem(certificate, pem);
    X509_free(certificate);
    return err;
}

/* The key stays, the certificate is replaced. */
static bool renew(struct responder *r)
{
    const struct issuer_config *issuer = r->d.issuer;
    struct buffer pem = {0};
    if (r->key_type != NULL) {
        directory_complain(&r->d, "--key-type: issuer %s has a responder key already",
                           issuer->name);
        return false;
    }
    enum err err = pki_key_read(&issuer->signer, &r->key);
    if (err != ERR_OK)
        return complain(r, "responder_key", err);
    err = make_certificate(r, &pem);
    if (err == ERR_OK)
        err = file_publish(issuer->responder_certificate, span_of(pem.data, pem.size), 0644);
    buffer_done(&pem);
    if (err != ERR_OK)
        return complain(r, issuer->responder_certificate, err);
    printf("%s: renewed; restart the presigner to use it\n", issuer->responder_certificate);
    return true;
}

static enum err write_pair(struct responder *r, struct init_files *files, struct buffer *pem)
{
    TRY(pki_key_pem(r->key, pem));
    TRY(init_file_write(files, r->key_name, span_of(pem->data, pem->size), 0600));
    OPENSSL_cleanse(pem->data, pem->size);
    pem->size = 0;
    TRY(make_certificate(r, pem));
    return init_file_write(files, r->certificate_name, span_of(pem->data, pem->size), 0644);
}

static enum err make_pair(struct responder *r)
{
    struct init_files files = {.directory = r->directory};
    struct buffer pem = {0};
    TRY(pki_key_make(r->key_type ? r->key_type : KEY_TYPE_DEFAULT, &r->key));
    enum err err = write_pair(r, &files, &pem);
    if (err != ERR_OK)
        init_files_undo(&files);
    buffer_done(&pem);
    return err;
}

/* A new configuration beside the old one, which it replaces once it reads well. */
static enum err adopt_config(const struct responder *r, struct span text)
{
    char path[PATH_BYTES_MAX + 64], message[CONFIG_MESSAGE_BYTES];
    struct presigner_config *config = NULL;
    struct stat st;
    if (stat(r->d.config_path, &st) != 0)
        return ERR_IO;
    snprintf(path, sizeof path, "%s.new", r->d.config_path);
    TRY(file_publish_lazy(path, text, 0600));
    enum err err = presigner_config_load(path, &config, message);
    unlink(path);
    TRY(err);
    const struct issuer_config *issuer = presigner_config_issuer(config, r->d.issuer->name);
    bool adopted = issuer != NULL && issuer->responder_certificate != NULL;
    presigner_config_free(config);
    return adopted ? file_publish(r->d.config_path, text, st.st_mode & 0777) : ERR_CONFIG;
}

static enum err edit_config(const struct responder *r, const char *const *lines, size_t count)
{
    struct buffer old = {0}, new = {0};
    enum err err = file_read(r->d.config_path, CONFIG_BYTES_MAX, &old);
    if (err == ERR_OK)
        err = config_insert(span_of(old.data, old.size), r->d.issuer->name, lines, count, &new);
    if (err == ERR_OK)
        err = adopt_config(r, span_of(new.data, new.size));
    buffer_done(&old);
    buffer_done(&new);
    return err;
}

static bool make(struct responder *r)
{
    char certificate_line[FILE_NAME_BYTES + 32], key_line[FILE_NAME_BYTES + 32];
    snprintf(r->certificate_name, FILE_NAME_BYTES, "responder-%s.pem", r->d.issuer->name);
    snprintf(r->key_name, FILE_NAME_BYTES, "responder-%s-key.pem", r->d.issuer->name);
    if (strchr(r->d.issuer->name, '/') != NULL)
        return complain(r, r->d.issuer->name, ERR_MALFORMED);
    enum err err = make_pair(r);
    if (err == ERR_UNSUPPORTED)
        directory_complain(&r->d, "--key-type: one of " PKI_KEY_TYPES);
    if (err != ERR_OK)
        return err == ERR_UNSUPPORTED ? false : complain(r, r->certificate_name, err);
    snprintf(certificate_line, sizeof certificate_line, "responder_certificate: '%s'",
             r->certificate_name);
    snprintf(key_line, sizeof key_line, "  file: '%s'", r->key_name);
    const char *const lines[] = {certificate_line, "responder_key:", key_line};
    if (edit_config(r, lines, 3) == ERR_OK)
        printf("%s: made and set in %s; restart the presigner to use it\n", r->certificate_name,
               r->d.config_path);
    else
        printf("%s: made; now add to issuer %s in %s:\n%s\n%s\n%s\n", r->certificate_name,
               r->d.issuer->name, r->d.config_path, lines[0], lines[1], lines[2]);
    return true;
}

int verb_responder(int argc, char **argv)
{
    struct responder r;
    if (!parse_options(argc, argv, &r))
        return VERB_USAGE;
    if (!directory_open("responder", r.directory, r.issuer_name, &r.d))
        return 1;
    bool done = read_ca(&r) && (r.d.issuer->responder_certificate ? renew(&r) : make(&r));
    EVP_PKEY_free(r.key);
    EVP_PKEY_free(r.ca_key);
    X509_free(r.ca);
    directory_close(&r.d);
    return done ? 0 : 1;
}
