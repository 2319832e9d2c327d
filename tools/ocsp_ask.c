/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ocsp_ask.h"

#include "lib/base64.h"

enum err ocsp_get_url(const char *url, struct span der, enum ask_encoding encoding, char *out,
                      size_t out_size)
{
    size_t size = strlen(url);
    while (size > 0 && url[size - 1] == '/')
        size--;
    if (size + 2 > out_size)
        return ERR_NO_SPACE;
    memcpy(out, url, size);
    out[size++] = '/';
    size_t added = 0;
    if (encoding == ASK_RAW)
        TRY(base64_encode(der, out + size, out_size - size - 1, &added));
    else
        TRY(ocsp_path_encode(der, out + size, out_size - size - 1, &added));
    out[size + added] = '\0';
    return ERR_OK;
}

static enum err exchange(const struct ocsp_question *question, struct span der,
                         struct http_reply *ret)
{
    static char url[ASK_URL_BYTES_MAX];
    struct http_exchange e = {.method = "POST", .url = question->url, .field = question->field};
    if (question->method == ASK_GET) {
        TRY(ocsp_get_url(question->url, der, question->encoding, url, sizeof url));
        e.method = question->head_only ? "HEAD" : "GET";
        e.url = url;
    } else {
        e.body = der;
        e.content_type = "application/ocsp-request";
    }
    return http_client_exchange(&e, ret);
}

enum err ocsp_ask(const struct ocsp_question *question, struct ocsp_answer *ret)
{
    *ret = (struct ocsp_answer){0};
    uint8_t der[256];
    size_t size = 0;
    struct span serial = span_of(question->serial.octets, question->serial.size);
    TRY(ocsp_issuer_request(question->issuer, question->hash, serial, der, sizeof der, &size));
    TRY(exchange(question, span_of(der, size), &ret->http));
    struct span body = span_of(ret->http.body.data, ret->http.body.size);
    ret->is_ocsp = body.size > 0 && ocsp_reply_read(question->issuer, question->hash, serial, body,
                                                    &ret->ocsp) == ERR_OK;
    return ERR_OK;
}

void ocsp_answer_done(struct ocsp_answer *answer)
{
    http_reply_done(&answer->http);
    if (answer->is_ocsp)
        ocsp_reply_done(&answer->ocsp);
    answer->is_ocsp = false;
}
