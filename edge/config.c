/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "edge/config_file.h"
#include "lib/os/file.h"
#include "lib/os/redis_link.h"
#include "lib/publish_key.h"

struct loader {
    struct config_place place;
    struct edge_config *config;
    struct edge_config_file *file;
};

/* A URL that can be fetched from, or a folder. */
static enum err resolve_origin(struct loader *l, char **origin)
{
    static const char *const schemes[] = {"http://", "https://", "file://"};
    if (strstr(*origin, "://") == NULL)
        return config_resolve(&l->place, origin);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncmp(*origin, schemes[i], strlen(schemes[i])) == 0)
            return ERR_OK;
    return config_refuse(&l->place, "origins: %s: neither http://, https:// nor a folder", *origin);
}

static enum err resolve_all(struct loader *l)
{
    TRY(config_resolve(&l->place, &l->file->data_dir));
    if (l->file->redis != NULL)
        TRY(config_resolve(&l->place, &l->file->redis->password_file));
    for (unsigned i = 0; i < l->file->ca_certificates_count; i++)
        TRY(config_resolve(&l->place, &l->file->ca_certificates[i]));
    for (unsigned i = 0; i < l->file->origins_count; i++)
        TRY(resolve_origin(l, &l->file->origins[i]));
    return ERR_OK;
}

/* The key itself, or a file that has it in its first line. */
static enum err take_publish_key(struct loader *l)
{
    struct verify_key key;
    char **text = &l->file->publish_key;
    if (verify_key_from_text(span_text(*text), &key) == ERR_OK)
        return ERR_OK;
    TRY(config_resolve(&l->place, text));
    struct buffer content = {0};
    enum err err = file_read(*text, 4096, &content);
    if (err != ERR_OK)
        return config_refuse(&l->place,
                             "publish_key: %.200s: neither a verifier key nor such a file: %s",
                             *text, err_text(err));
    size_t size = 0;
    while (size < content.size && content.data[size] != '\n' && content.data[size] != '\r')
        size++;
    err = verify_key_from_text(span_of(content.data, size), &key);
    char *line = err == ERR_OK ? strndup((const char *)content.data, size) : NULL;
    buffer_done(&content);
    if (err != ERR_OK)
        return config_refuse(&l->place, "publish_key: %.200s: %s", *text, err_text(err));
    if (line == NULL)
        return ERR_MEMORY;
    free(*text);
    *text = line;
    return ERR_OK;
}

static bool is_listed(const struct edge_config *c, unsigned count, const struct address *address)
{
    for (unsigned i = 0; i < count; i++) {
        if (c->listen[i].size == address->size &&
            memcmp(&c->listen[i].sa, &address->sa, address->size) == 0)
            return true;
    }
    return false;
}

/* Puts a list of addresses behind the `before` that are there. */
static enum err take_listen(struct loader *l, const char *key, char **texts, unsigned count,
                            unsigned before)
{
    struct edge_config *c = l->config;
    for (unsigned i = 0; i < count; i++) {
        struct address *address = &c->listen[before + i];
        if (address_from_text(span_text(texts[i]), address) != ERR_OK)
            return config_refuse(&l->place,
                                 "%s: %s: not an address and port (192.0.2.1:80, [2001:db8::1]:80)",
                                 key, texts[i]);
        if (is_listed(c, before + i, address))
            return config_refuse(&l->place, "%s: %s: given twice", key, texts[i]);
    }
    return ERR_OK;
}

static enum err take_relay(struct loader *l)
{
    struct edge_config *c = l->config;
    const struct edge_config_file *file = l->file;
    if (file->relay != (file->relay_listen_count > 0))
        return config_refuse(&l->place, file->relay ? "relay: true needs relay_listen"
                                                    : "relay_listen: needs relay: true");
    c->relay_listen_count = file->relay_listen_count;
    return take_listen(l, "relay_listen", file->relay_listen, file->relay_listen_count,
                       c->listen_count);
}

static enum err take_addresses(struct loader *l)
{
    struct edge_config *c = l->config;
    TRY(take_listen(l, "listen", l->file->listen, l->file->listen_count, 0));
    c->listen_count = l->file->listen_count;
    TRY(take_relay(l));
    c->has_admin = l->file->admin != NULL;
    if (c->has_admin && address_from_text(span_text(l->file->admin), &c->admin) != ERR_OK)
        return config_refuse(&l->place, "admin: %s: not an address and port", l->file->admin);
    return ERR_OK;
}

static enum sync_verify verify_mode(enum verify_file word, enum sync_verify fallback)
{
    switch (word) {
    case VERIFY_FILE_ALL:
        return SYNC_VERIFY_ALL;
    case VERIFY_FILE_SAMPLE:
        return SYNC_VERIFY_SAMPLE;
    case VERIFY_FILE_NONE:
        return SYNC_VERIFY_NONE;
    case VERIFY_FILE_DEFAULT:
        break;
    }
    return fallback;
}

static void take_numbers(struct loader *l)
{
#define X(name, fallback, min, max, text) \
    l->config->name = l->file->name != NULL ? *l->file->name : (fallback);
    EDGE_NUMBER_TABLE(X)
#undef X
}

static void take_sync(struct loader *l)
{
    struct edge_config *c = l->config;
    c->sync = (struct sync_config){
        .origins = l->file->origins,
        .origins_count = l->file->origins_count,
        .network_key = l->file->publish_key,
        .data_dir = l->file->data_dir,
        .map_bytes = c->map_bytes,
        .poll_ms = (uint32_t)c->poll_ms,
        .index_when_behind = (uint32_t)c->index_when_behind,
        .verify_log = verify_mode(l->file->verify_log, SYNC_VERIFY_ALL),
        .verify_packs = verify_mode(l->file->verify_packs, SYNC_VERIFY_SAMPLE),
        .ca_certificates = l->file->ca_certificates,
        .ca_certificates_count = l->file->ca_certificates_count,
        .connect_timeout_s = (uint32_t)c->connect_timeout_s,
        .stall_timeout_s = (uint32_t)c->stall_timeout_s,
        .head_age_max_s = (uint32_t)c->head_age_max_s,
        .relay = l->file->relay,
    };
}

/* What a host name has that a name of an edge may not have becomes a hyphen. */
static void name_from_host(char ret[static FAST_LANE_NAME_BYTES_MAX + 1])
{
    char host[FAST_LANE_NAME_BYTES_MAX + 1] = "";
    if (gethostname(host, sizeof host) != 0 && errno != ENAMETOOLONG)
        host[0] = '\0';
    host[sizeof host - 1] = '\0';
    for (char *c = host; *c != '\0'; c++)
        if (fast_lane_name_check(span_of(c, 1)) != ERR_OK)
            *c = '-';
    snprintf(ret, FAST_LANE_NAME_BYTES_MAX + 1, "%s", host[0] != '\0' ? host : "edge");
}

static enum err take_redis(struct loader *l)
{
    struct sync_redis_config *redis = &l->config->sync.redis;
    const struct edge_redis_file *file = l->file->redis;
    const char *name = l->file->name;
    name_from_host(redis->name);
    if (name != NULL && fast_lane_name_check(span_text(name)) != ERR_OK)
        return config_refuse(&l->place, "name: %s: letters, digits, dot, underscore and hyphen",
                             name);
    if (name != NULL)
        snprintf(redis->name, sizeof redis->name, "%s", name);
    if (file == NULL)
        return ERR_OK;
    redis->addresses = file->addresses;
    redis->addresses_count = file->addresses_count;
    redis->user = file->user;
    redis->password_file = file->password_file;
    for (unsigned i = 0; i < redis->addresses_count; i++)
        if (redis_link_address_check(redis->addresses[i]) != ERR_OK)
            return config_refuse(&l->place,
                                 "redis: addresses: \"%s\" is not like 127.0.0.1:6379, [::1]:6379 "
                                 "or /run/redis/redis.sock",
                                 redis->addresses[i]);
    if (redis->user != NULL && redis->password_file == NULL)
        return config_refuse(&l->place, "redis: user goes with password_file");
    return ERR_OK;
}

static enum err take_all(struct loader *l)
{
    struct edge_config *c = l->config;
    TRY(resolve_all(l));
    TRY(take_publish_key(l));
    TRY(take_addresses(l));
    take_numbers(l);
    take_sync(l);
    TRY(take_redis(l));
    const char *prefix = l->file->path_prefix != NULL ? l->file->path_prefix : "/";
    if (answer_config_set(&c->answer, prefix) != ERR_OK)
        return config_refuse(&l->place, "path_prefix: %s: must start and end with /", prefix);
    if ((c->receive_buffers & (c->receive_buffers - 1)) != 0)
        return config_refuse(&l->place, "receive_buffers: %" PRIu64 ": must be a power of two",
                             c->receive_buffers);
    c->user = l->file->user;
    c->log_level = l->file->log_level != NULL ? *l->file->log_level : LOG_LEVEL_INFO;
    return ERR_OK;
}

enum err edge_config_load(const char *path, struct edge_config **ret,
                          char message[static CONFIG_MESSAGE_BYTES])
{
    cyaml_data_t *data = NULL;
    TRY(config_load(path, edge_config_file_schema(), &data, message));
    struct edge_config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        config_free(edge_config_file_schema(), data);
        return ERR_MEMORY;
    }
    config->file = data;
    struct loader l = {.place = {path, message}, .config = config, .file = data};
    enum err err = take_all(&l);
    if (err != ERR_OK) {
        edge_config_free(config);
        return err;
    }
    *ret = config;
    return ERR_OK;
}

struct edge_config *edge_config_free(struct edge_config *config)
{
    if (config != NULL)
        config_free(edge_config_file_schema(), config->file);
    free(config);
    return NULL;
}

void edge_config_help(void)
{
#define X(name, fallback, min, max, text)                                                       \
    printf("  %-28s %-12" PRIu64 " %s (from %" PRIu64 ")\n", #name, (uint64_t)(fallback), text, \
           (uint64_t)(min));
    EDGE_NUMBER_TABLE(X)
#undef X
}
