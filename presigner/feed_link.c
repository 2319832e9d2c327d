/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/feed_link.h"

#include <stdio.h>
#include <strings.h>

/* A peer that is gone without a word is noticed while an answer is waited for. */
#define KEEPALIVE_IDLE_S     5
#define KEEPALIVE_INTERVAL_S 5

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
    struct feed_link *l = context;
    (void)one; /* always 1 */
    if (size > FEED_ANSWER_BYTES_MAX - l->answer.size ||
        buffer_append(&l->answer, span_of(data, size)) != ERR_OK)
        return 0; /* not all taken: curl ends the transfer */
    return size;
}

enum err feed_link_make(struct feed_link *l, CURLM *multi, void *owner)
{
    *l = (struct feed_link){.multi = multi, .owner = owner, .curl = curl_easy_init()};
    /* No "Expect: 100-continue": bodies are small. */
    l->head = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *longer = curl_slist_append(l->head, "Expect:");
    return l->curl != NULL && longer != NULL ? ERR_OK : ERR_MEMORY;
}

void feed_link_done(struct feed_link *l)
{
    if (l->busy)
        curl_multi_remove_handle(l->multi, l->curl);
    curl_easy_cleanup(l->curl);
    curl_slist_free_all(l->head);
    buffer_done(&l->body);
    buffer_done(&l->answer);
    *l = (struct feed_link){0};
}

static void set_trust(CURL *c, const struct feed_config *feed)
{
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(c, CURLOPT_CAINFO, feed->server_ca);
    curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(c, CURLOPT_SSLCERT, feed->certificate);
    curl_easy_setopt(c, CURLOPT_SSLKEY, feed->key);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
}

static enum err start(struct feed_link *l, const struct feed_config *feed, uint64_t wait_s,
                      bool post)
{
    CURL *c = l->curl;
    curl_easy_reset(c); /* options only; connections are the multi handle's */
    l->message[0] = '\0';
    l->answer.size = 0;
    set_trust(c, feed);
    curl_easy_setopt(c, CURLOPT_URL, l->url);
    curl_easy_setopt(c, CURLOPT_PRIVATE, l);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, l->message);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "statim-presigner/" STATIM_VERSION);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)FEED_CONNECT_TIMEOUT_S);
    curl_easy_setopt(c, CURLOPT_TIMEOUT,
                     (long)(FEED_CONNECT_TIMEOUT_S + FEED_ANSWER_TIMEOUT_S + wait_s));
    curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, l);
    if (post) {
        curl_easy_setopt(c, CURLOPT_POST, 1L);
        curl_easy_setopt(c, CURLOPT_HTTPHEADER, l->head);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, (const char *)l->body.data);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)l->body.size);
    }
    if (curl_multi_add_handle(l->multi, c) != CURLM_OK)
        return ERR_MEMORY;
    l->busy = true;
    return ERR_OK;
}

enum err feed_link_get(struct feed_link *l, const struct feed_config *feed, uint64_t wait_s)
{
    return start(l, feed, wait_s, false);
}

enum err feed_link_post(struct feed_link *l, const struct feed_config *feed)
{
    return start(l, feed, 0, true);
}

struct feed_link *feed_link_of(CURL *curl)
{
    char *link = NULL;
    curl_easy_getinfo(curl, CURLINFO_PRIVATE, &link);
    return (struct feed_link *)(void *)link;
}

enum err feed_link_end(struct feed_link *l, CURLcode code, long *ret_status)
{
    long status = 0;
    curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(l->multi, l->curl);
    l->busy = false;
    if (code == CURLE_WRITE_ERROR)
        return ERR_LIMIT;
    if (code != CURLE_OK) {
        if (l->message[0] == '\0')
            snprintf(l->message, sizeof l->message, "%s", curl_easy_strerror(code));
        return ERR_IO;
    }
    *ret_status = status;
    return ERR_OK;
}

bool feed_link_is(const struct feed_link *l, const char *media_type)
{
    char *type = NULL;
    curl_easy_getinfo(l->curl, CURLINFO_CONTENT_TYPE, &type);
    return type != NULL && strcasecmp(type, media_type) == 0;
}

void feed_link_crl(const struct feed_link *l, char ret_url[static CRL_SHARD_URL_MAX])
{
    struct curl_header *field = NULL;
    struct span url = SPAN_EMPTY;
    if (curl_easy_header(l->curl, "Link", 0, CURLH_HEADER, -1, &field) == CURLHE_OK)
        url = feed_crl_link_url(span_text(field->value));
    memset(ret_url, 0, CRL_SHARD_URL_MAX);
    if (url.size > 0 && url.size < CRL_SHARD_URL_MAX)
        memcpy(ret_url, url.data, url.size);
}
