/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/config_feed.h"

static const char scheme[] = "https://";

/* "https://host[:port]" and nothing after it. */
static bool url_valid(const char *url)
{
    size_t size = sizeof scheme - 1;
    if (strncmp(url, scheme, size) != 0 || url[size] == '\0')
        return false;
    return strpbrk(url + size, "/?#@\\ \t\r\n") == NULL;
}

enum err config_resolve_feed(const struct config_place *place, struct feed_file *file)
{
    if (file == NULL)
        return ERR_OK;
    TRY(config_resolve(place, &file->server_ca));
    TRY(config_resolve(place, &file->certificate));
    return config_resolve(place, &file->key);
}

enum err config_take_feed(const struct config_place *place, struct presigner_config *config,
                          const struct feed_file *file, struct issuer_config *issuer)
{
    struct feed_config *feed = &issuer->feed;
    if (file == NULL)
        return ERR_OK;
    feed->url = file->url;
    feed->server_ca = file->server_ca;
    feed->certificate = file->certificate;
    feed->key = file->key;
#define X(name, fallback, min, max, text) feed->name = file->name ? *file->name : (fallback);
    FEED_NUMBER_TABLE(X)
#undef X
    if (!url_valid(feed->url))
        return config_refuse(place,
                             "issuer %s: feed: url: \"%s\" is not like https://issuer.example:8444 "
                             "(https, no path)",
                             issuer->name, feed->url);
    config->feed_count++;
    return ERR_OK;
}
