/* SPDX-License-Identifier: Apache-2.0 */
/* statim init: a new folder with a CA (made or given), a publish key pair, and the configurations
 * of presigner and edge. A CA key that is given is copied, so that the folder is complete. */
#include <openssl/x509v3.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/digest.h"
#include "lib/os/address.h"
#include "lib/os/clock.h"
#include "lib/publish_key.h"
#include "tools/init_files.h"
#include "tools/pki.h"
#include "tools/pki_make.h"
#include "tools/verb.h"

#define LISTEN_DEFAULT "127.0.0.1:8080"
#define ADMIN_DEFAULT  "127.0.0.1:9080"
#define KEY_BYTES      65536
#define CA_NAME        "Statim CA"

struct init_options {
    const char *directory;
    const char *ca_cert;
    const char *ca_key;
    const char *passphrase_file;
    const char *network;
    const char *listen;
    const char *admin;
};

struct init {
    struct init_options o;
    struct init_files files;
    char network[NETWORK_NAME_MAX + 1];
    struct buffer ca_cert; /* PEM */
    struct buffer ca_key;
};

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "statim init: %s: %s\n", what, why);
    return 1;
}

static bool parse_options(int argc, char **argv, struct init_options *o)
{
    static const struct option table[] = {{"ca-cert", required_argument, NULL, 'c'},
                                          {"ca-key", required_argument, NULL, 'k'},
                                          {"passphrase-file", required_argument, NULL, 'p'},
                                          {"network", required_argument, NULL, 'n'},
                                          {"listen", required_argument, NULL, 'l'},
                                          {"admin", required_argument, NULL, 'a'},
                                          {0}};
    int option;
    *o = (struct init_options){.listen = LISTEN_DEFAULT, .admin = ADMIN_DEFAULT};
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 'c':
            o->ca_cert = optarg;
            break;
        case 'k':
            o->ca_key = optarg;
            break;
        case 'p':
            o->passphrase_file = optarg;
            break;
        case 'n':
            o->network = optarg;
            break;
        case 'l':
            o->listen = optarg;
            break;
        case 'a':
            o->admin = optarg;
            break;
        default:
            return false;
        }
    }
    o->directory = optind < argc ? argv[optind] : NULL;
    return optind + 1 == argc && (o->ca_cert != NULL) == (o->ca_key != NULL) &&
           (o->passphrase_file == NULL || o->ca_key != NULL);
}

static int check_options(const struct init_options *o)
{
    struct address address;
    if (address_from_text(span_text(o->listen), &address) != ERR_OK)
        return complain(o->listen, "not an address and port, such as 127.0.0.1:8080");
    if (address_from_text(span_text(o->admin), &address) != ERR_OK)
        return complain(o->admin, "not an address and port, such as 127.0.0.1:9080");
    if (o->network != NULL && network_name_check(span_text(o->network)) != ERR_OK)
        return complain(o->network, "a network's name is letters, digits, dots and hyphens");
    if (o->passphrase_file != NULL && strchr(o->passphrase_file, '\n') != NULL)
        return complain("--passphrase-file", "a line break in the name");
    return 0;
}

/* A given CA: the certificate as PEM alone, the key file as it is, encrypted or not. */
static int take_ca(struct init *in, X509 **ret_ca)
{
    const struct init_options *o = &in->o;
    struct signer_options key = {
        .backend = SIGNER_PEM, .key_file = o->ca_key, .passphrase_file = o->passphrase_file};
    EVP_PKEY *pkey = NULL;
    X509 *ca = NULL;
    enum err err = pki_certificate_read(o->ca_cert, &ca);
    if (err != ERR_OK)
        return complain(o->ca_cert, err == ERR_MALFORMED ? "not a PEM certificate" : err_text(err));
    *ret_ca = ca;
    if (X509_check_ca(ca) != 1)
        return complain(o->ca_cert, "not a CA certificate");
    err = pki_key_read(&key, &pkey);
    if (err != ERR_OK)
        return complain(o->ca_key, err == ERR_KEY
                                       ? "not a private key in PEM, or the passphrase is "
                                         "missing or wrong (--passphrase-file)"
                                       : err_text(err));
    bool fits = X509_check_private_key(ca, pkey) == 1;
    EVP_PKEY_free(pkey);
    if (!fits)
        return complain(o->ca_key, "not the key of that certificate");
    err = file_read(o->ca_key, KEY_BYTES, &in->ca_key);
    if (err == ERR_OK)
        err = pki_certificate_pem(ca, &in->ca_cert);
    return err == ERR_OK ? 0 : complain(o->ca_key, err_text(err));
}

static int make_ca(struct init *in, X509 **ret_ca)
{
    EVP_PKEY *key = NULL;
    enum err err = pki_key_make("p256", &key);
    if (err == ERR_OK)
        err = pki_ca_make(key, CA_NAME, clock_wall_s(), ret_ca);
    if (err == ERR_OK)
        err = pki_key_pem(key, &in->ca_key);
    if (err == ERR_OK)
        err = pki_certificate_pem(*ret_ca, &in->ca_cert);
    EVP_PKEY_free(key);
    return err == ERR_OK ? 0 : complain("a new CA", err_text(err));
}

/* The name that was given, or one of the CA's own, so that two folders are not mixed up. */
static int name_network(struct init *in, X509 *ca)
{
    struct ocsp_template t;
    enum err err = pki_template(ca, NULL, &t);
    if (err != ERR_OK)
        return complain("the CA certificate", err_text(err));
    if (in->o.network != NULL)
        snprintf(in->network, sizeof in->network, "%s", in->o.network);
    else
        snprintf(in->network, sizeof in->network, "statim-%08x", (unsigned)(t.issuer_id >> 32));
    return 0;
}

static enum err write_publish_key(struct init *in)
{
    struct publish_key *key = NULL;
    char text[KEY_BYTES / 16];
    size_t size;
    TRY(publish_key_generate(span_text(in->network), &key));
    enum err err = publish_key_to_pem(key, text, sizeof text, &size);
    if (err == ERR_OK)
        err = init_file_write(&in->files, "publish-key.pem", span_of(text, size), 0600);
    if (err == ERR_OK) {
        verify_key_to_text(publish_key_public(key), text);
        size = strlen(text);
        text[size++] = '\n';
        err = init_file_write(&in->files, "publish-key.pub", span_of(text, size), 0644);
    }
    publish_key_free(key);
    return err;
}

/* YAML's single quotes: only they themselves must be doubled. */
static void print_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != '\0'; text++)
        fprintf(out, "%.*s%c", *text == '\'' ? 1 : 0, "'", *text);
    fputc('\'', out);
}

static void print_presigner(const struct init *in, FILE *out)
{
    char *absolute = in->o.passphrase_file ? realpath(in->o.passphrase_file, NULL) : NULL;
    fprintf(out,
            "# statim-presigner: signs statements and publishes them. Paths are relative to here.\n"
            "network: %s\n"
            "state_dir: presigner\n"
            "publish_dir: pub\n"
            "publish_key: publish-key.pem\n"
            "#admin: 127.0.0.1:9081\n"
            "issuers:\n"
            "  - name: ca\n"
            "    ca_certificate: ca.pem\n"
            "    key:\n"
            "      file: ca-key.pem\n",
            in->network);
    if (absolute != NULL) {
        fprintf(out, "      passphrase_file: ");
        print_quoted(out, absolute);
        fputc('\n', out);
    }
    free(absolute);
}

static void print_edge(const struct init *in, FILE *out)
{
    fprintf(
        out,
        "# statim-edge: answers from what the presigner published. Paths are relative to here.\n"
        "publish_key: publish-key.pub\n"
        "data_dir: edge\n"
        "origins:\n"
        "  - pub\n"
        "ca_certificates:\n"
        "  - ca.pem\n"
        "listen:\n"
        "  - '%s'\n"
        "admin: '%s'\n",
        in->o.listen, in->o.admin);
}

static enum err write_config(struct init *in, const char *name,
                             void (*print)(const struct init *, FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return ERR_MEMORY;
    print(in, out);
    enum err err = fclose(out) == 0 ? ERR_OK : ERR_MEMORY;
    if (err == ERR_OK)
        err = init_file_write(&in->files, name, span_of(text, size), 0644);
    free(text);
    return err;
}

static enum err make_directories(const struct init *in)
{
    static const char *const names[] = {"pub", "edge", "presigner"};
    char path[PATH_BYTES_MAX];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        TRY(path_join(path, sizeof path, in->o.directory, names[i]));
        TRY(directory_make(path, i == 0 ? 0755 : 0750));
    }
    return ERR_OK;
}

static enum err write_all(struct init *in)
{
    struct buffer *cert = &in->ca_cert, *key = &in->ca_key;
    TRY(make_directories(in));
    TRY(init_file_write(&in->files, "ca-key.pem", span_of(key->data, key->size), 0600));
    TRY(init_file_write(&in->files, "ca.pem", span_of(cert->data, cert->size), 0644));
    TRY(write_publish_key(in));
    TRY(write_config(in, "presigner.yaml", print_presigner));
    return write_config(in, "edge.yaml", print_edge);
}

static int run(struct init *in)
{
    static const char *const names[] = {"presigner.yaml", "edge.yaml",       "ca.pem",
                                        "ca-key.pem",     "publish-key.pem", "publish-key.pub"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (init_file_exists(&in->files, names[i]))
            return complain(names[i], "is in the folder already; nothing was changed");
    X509 *ca = NULL;
    int status = in->o.ca_cert ? take_ca(in, &ca) : make_ca(in, &ca);
    if (status == 0)
        status = name_network(in, ca);
    X509_free(ca);
    if (status != 0)
        return status;
    enum err err = write_all(in);
    if (err != ERR_OK) {
        init_files_undo(&in->files);
        return complain(in->o.directory, err_text(err));
    }
    printf("%s: network %s; next: statim import %s FILE\n", in->o.directory, in->network,
           in->o.directory);
    return 0;
}

int verb_init(int argc, char **argv)
{
    struct init in = {0};
    if (!parse_options(argc, argv, &in.o))
        return VERB_USAGE;
    int status = check_options(&in.o);
    if (status != 0)
        return status;
    in.files.directory = in.o.directory;
    status = run(&in);
    if (in.ca_key.data != NULL)
        OPENSSL_cleanse(in.ca_key.data, in.ca_key.size);
    buffer_done(&in.ca_key);
    buffer_done(&in.ca_cert);
    return status;
}
