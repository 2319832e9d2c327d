/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/crl_check_source.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <strings.h>
#include <time.h>

#include "tools/http_client.h"

bool crl_source_is_url(const char *name)
{
    return strncasecmp(name, "http://", 7) == 0 || strncasecmp(name, "https://", 8) == 0;
}

static void pause_between(void)
{
    static const struct timespec pause = {.tv_sec = CRL_FETCH_PAUSE_MS / 1000,
                                          .tv_nsec = CRL_FETCH_PAUSE_MS % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static enum err fetch(const char *url, struct http_reply *reply)
{
    const struct http_exchange exchange = {.method = "GET",
                                           .url = url,
                                           .reply_bytes_max = CRL_CHECK_BYTES_MAX,
                                           .timeout_s = CRL_FETCH_TIMEOUT_S,
                                           .redirects_max = CRL_FETCH_REDIRECTS};
    enum err err = ERR_OK;
    for (unsigned i = 0; i < CRL_FETCH_TRIES; i++) {
        if (i > 0) {
            http_reply_done(reply);
            pause_between();
        }
        err = http_client_exchange(&exchange, reply);
        if (err == ERR_MEMORY || err == ERR_LIMIT || (err == ERR_OK && reply->status == 200))
            return err;
    }
    return err == ERR_OK ? ERR_NOT_FOUND : err;
}

static bool type_is_crl(struct span type)
{
    static const char expected[] = "application/pkix-crl";
    size_t size = sizeof expected - 1;
    return type.size >= size && strncasecmp((const char *)type.data, expected, size) == 0 &&
           (type.size == size || type.data[size] == ';' || type.data[size] == ' ');
}

static enum err get_url(const char *url, struct buffer *ret, struct crl_judged *judged)
{
    struct http_reply reply;
    enum err err = fetch(url, &reply);
    if (err == ERR_OK) {
        struct span type = http_reply_field(&reply, "Content-Type");
        if (!type_is_crl(type))
            crl_found(judged, CRL_FOUND_CONTENT_TYPE, "it is %.*s", (int)type.size,
                      type.size > 0 ? (const char *)type.data : "");
        *ret = reply.body;
        reply.body = (struct buffer){0};
    } else if (err == ERR_LIMIT) {
        crl_found(judged, CRL_FOUND_DOWNLOAD, "more than %u octets, or %u of header fields",
                  CRL_CHECK_BYTES_MAX, HTTP_CLIENT_HEADERS_BYTES_MAX);
    } else if (err == ERR_NOT_FOUND) {
        crl_found(judged, CRL_FOUND_DOWNLOAD, "HTTP status %ld, %d times", reply.status,
                  CRL_FETCH_TRIES);
    } else if (err == ERR_IO) {
        crl_found(judged, CRL_FOUND_DOWNLOAD, "%s, %d times", reply.error, CRL_FETCH_TRIES);
    }
    http_reply_done(&reply);
    return err == ERR_MEMORY ? err : ERR_OK;
}

/* Anybody's octets ask nobody for a pass phrase. */
static int no_pass_phrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

/* The first CRL of a PEM text, in place; false when it is none. */
static bool from_pem(struct buffer *octets)
{
    unsigned char *der = NULL;
    long size = 0;
    BIO *bio = BIO_new_mem_buf(octets->data, (int)octets->size);
    bool pem = bio != NULL && PEM_bytes_read_bio(&der, &size, NULL, PEM_STRING_X509_CRL, bio,
                                                 no_pass_phrase, NULL) == 1;
    if (pem) { /* base64 is the longer form */
        memcpy(octets->data, der, (size_t)size);
        octets->size = (size_t)size;
    }
    OPENSSL_free(der);
    BIO_free(bio);
    ERR_clear_error();
    return pem;
}

enum err crl_source_get(const char *name, struct buffer *ret, struct crl_judged *judged)
{
    bool is_url = crl_source_is_url(name);
    struct buffer octets = {0};
    TRY(is_url ? get_url(name, &octets, judged) : file_read(name, CRL_CHECK_BYTES_MAX, &octets));
    bool der = octets.size > 0 && octets.data[0] == DER_SEQUENCE;
    if (octets.size > 0 && !der && from_pem(&octets) && is_url)
        crl_found(judged, CRL_FOUND_PEM, NULL);
    *ret = octets;
    return ERR_OK;
}
