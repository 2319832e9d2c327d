/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/filter_source.h"

#include <stdio.h>
#include <string.h>

#include "lib/limit.h"
#include "tools/http_client.h"

static bool is_url(const char *name)
{
    return strncmp(name, "http://", 7) == 0 || strncmp(name, "https://", 8) == 0;
}

static enum err fetch(const char *url, struct buffer *ret, char why[static FILTER_WHY_BYTES])
{
    const struct http_exchange exchange = {.method = "GET",
                                           .url = url,
                                           .reply_bytes_max = BLOB_BYTES_MAX,
                                           .timeout_s = FILTER_FETCH_TIMEOUT_S};
    struct http_reply reply;
    enum err err = http_client_exchange(&exchange, &reply);
    if (err != ERR_OK) {
        (void)snprintf(why, FILTER_WHY_BYTES, "%s: %s", err_text(err), reply.error);
    } else if (reply.status != 200) {
        (void)snprintf(why, FILTER_WHY_BYTES, "HTTP %ld", reply.status);
        err = ERR_NOT_FOUND;
    } else {
        *ret = reply.body;
        reply.body = (struct buffer){0};
    }
    http_reply_done(&reply);
    return err;
}

enum err filter_source_get(const char *name, struct buffer *ret, char why[static FILTER_WHY_BYTES])
{
    if (is_url(name))
        return fetch(name, ret, why);
    enum err err = file_read(name, BLOB_BYTES_MAX, ret);
    if (err != ERR_OK)
        (void)snprintf(why, FILTER_WHY_BYTES, "%s", err_text(err));
    return err;
}
