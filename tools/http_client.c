/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/http_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <strings.h>

static size_t append(struct buffer *buffer, size_t size_max, const char *data, size_t size)
{
    if (buffer->size + size > size_max || buffer_append(buffer, span_of(data, size)) != ERR_OK)
        return 0; /* fewer than given: libcurl stops with CURLE_WRITE_ERROR */
    return size;
}

static size_t on_body(char *data, size_t unit, size_t count, void *context)
{
    struct http_reply *reply = context;
    return append(&reply->body, reply->body_bytes_max, data, unit * count);
}

static size_t on_header(char *data, size_t unit, size_t count, void *context)
{
    struct http_reply *reply = context;
    size_t size = unit * count;
    /* A status line starts an answer: an interim one (100) or a redirect before it does not count.
     */
    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0)
        reply->headers.size = 0;
    return append(&reply->headers, HTTP_CLIENT_HEADERS_BYTES_MAX, data, size);
}

static void set_options(CURL *curl, const struct http_exchange *exchange, struct http_reply *reply)
{
    curl_easy_setopt(curl, CURLOPT_URL, exchange->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, exchange->redirects_max > 0 ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)exchange->redirects_max);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT,
                     exchange->timeout_s > 0 ? (long)exchange->timeout_s
                                             : (long)HTTP_CLIENT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reply->error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, reply);
    if (exchange->body.data != NULL) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)exchange->body.data);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body.size);
    }
    if (strcmp(exchange->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, exchange->method);
}

static enum err make_fields(const struct http_exchange *exchange, struct curl_slist **ret)
{
    char type[160];
    /* No "Expect: 100-continue": the answer to the body is what is asked for. */
    const char *lines[] = {"Expect:", "Content-Type:", exchange->field};
    if (exchange->content_type != NULL) {
        (void)snprintf(type, sizeof type, "Content-Type: %s", exchange->content_type);
        lines[1] = type;
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (lines[i] == NULL)
            continue;
        struct curl_slist *longer = curl_slist_append(*ret, lines[i]);
        if (longer == NULL)
            return ERR_MEMORY;
        *ret = longer;
    }
    return ERR_OK;
}

enum err http_client_exchange(const struct http_exchange *exchange, struct http_reply *ret)
{
    *ret = (struct http_reply){.body_bytes_max = exchange->reply_bytes_max > 0
                                                     ? exchange->reply_bytes_max
                                                     : HTTP_CLIENT_REPLY_BYTES_MAX};
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return ERR_MEMORY;
    struct curl_slist *fields = NULL;
    enum err err = make_fields(exchange, &fields);
    if (err == ERR_OK) {
        set_options(curl, exchange, ret);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
        CURLcode code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
        if (code == CURLE_WRITE_ERROR)
            err = ERR_LIMIT;
        else if (code != CURLE_OK)
            err = ERR_IO;
        if (code != CURLE_OK && ret->error[0] == '\0')
            (void)snprintf(ret->error, sizeof ret->error, "%s", curl_easy_strerror(code));
    }
    curl_slist_free_all(fields);
    curl_easy_cleanup(curl);
    if (err == ERR_OK)
        err = buffer_append(&ret->headers, span_of("", 1));
    return err;
}

void http_reply_done(struct http_reply *reply)
{
    buffer_done(&reply->headers);
    buffer_done(&reply->body);
}

struct span http_reply_field(const struct http_reply *reply, const char *name)
{
    size_t name_size = strlen(name);
    const char *line = (const char *)reply->headers.data;
    if (line == NULL || reply->headers.size == 0 ||
        reply->headers.data[reply->headers.size - 1] != '\0')
        return SPAN_EMPTY;
    while ((line = strchr(line, '\n')) != NULL) {
        line++;
        if (strncasecmp(line, name, name_size) != 0 || line[name_size] != ':')
            continue;
        const char *value = line + name_size + 1;
        value += strspn(value, " \t");
        size_t size = strcspn(value, "\r\n");
        while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
            size--;
        return span_of(value, size);
    }
    return SPAN_EMPTY;
}
