/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/snapshot_relay.h"

#include <pthread.h>
#include <stdlib.h>

struct snapshot_relay {
    struct snapshot_source *source;
    pthread_mutex_t turn; /* for the transaction */
};

static enum err get(const struct snapshot *s, struct snapshot_source *source, struct span key,
                    struct relay_file *ret)
{
    struct span value;
    TRY(snapshot_txn_get(source, s->txn, SNAPSHOT_DB_RELAY, key, &value));
    if (value.size < SHA256_BYTES)
        return ERR_STORE;
    memcpy(ret->hash.octets, value.data, SHA256_BYTES);
    ret->octets = span_of(value.data + SHA256_BYTES, value.size - SHA256_BYTES);
    return ERR_OK;
}

enum err snapshot_relay_make(struct snapshot_source *source, struct snapshot *s)
{
    static const uint8_t head[] = {RELAY_HEAD};
    struct relay_file file;
    enum err err = get(s, source, span_of(head, sizeof head), &file);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    struct snapshot_relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL)
        return ERR_MEMORY;
    relay->source = source;
    if (pthread_mutex_init(&relay->turn, NULL) != 0) {
        free(relay);
        return ERR_MEMORY;
    }
    s->relay = relay;
    return ERR_OK;
}

void snapshot_relay_free(struct snapshot *s)
{
    if (s->relay != NULL)
        pthread_mutex_destroy(&s->relay->turn);
    free(s->relay);
    s->relay = NULL;
}

bool snapshot_relay_find(const struct snapshot *s, struct span key, struct relay_file *ret)
{
    struct snapshot_relay *relay = s->relay;
    if (relay == NULL)
        return false;
    pthread_mutex_lock(&relay->turn);
    enum err err = get(s, relay->source, key, ret);
    pthread_mutex_unlock(&relay->turn);
    return err == ERR_OK;
}
