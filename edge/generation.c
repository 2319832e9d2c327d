/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/generation.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "edge/store.h"
#include "lib/os/admin.h"
#include "lib/os/file.h"
#include "lib/os/lock.h"

#define DATA_DIR_MODE 0755

static unsigned worker_count(const struct edge_config *config)
{
    if (config->workers != 0)
        return (unsigned)config->workers;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (online < 1)
        return 1;
    return online > EDGE_WORKERS_MAX ? EDGE_WORKERS_MAX : (unsigned)online;
}

static bool say(const char *what, const struct address *address, enum err err)
{
    const char *why = err == ERR_IO ? strerror(errno) : err_text(err);
    char text[ADDRESS_TEXT_BYTES] = "";
    if (err == ERR_IO)
        address_to_text(address, text);
    log_error("%s %s: %s", what, text, why);
    return false;
}

static bool bind_listeners(struct generation *g, const struct generation *before)
{
    const struct edge_config *config = g->config;
    struct listener_set shared = {0};
    struct address failed = {0};
    enum err err = ERR_OK;
    if (before != NULL)
        err = listener_set_copy(&before->listeners, &shared);
    if (err == ERR_OK)
        err = listener_set_make(&shared, config->listen,
                                config->listen_count + config->relay_listen_count,
                                worker_count(config), &g->listeners, &failed);
    if (err == ERR_OK)
        g->listeners.relay_count = config->relay_listen_count;
    int saved = errno;
    listener_set_done(&shared); /* what the new set did not take over */
    errno = saved;
    return err == ERR_OK ? true : say("listen", &failed, err);
}

static bool bind_admin(struct generation *g, const struct generation *before)
{
    const struct address *address = &g->config->admin;
    if (!g->config->has_admin)
        return true;
    bool same = before != NULL && before->admin >= 0 && before->config->has_admin &&
                before->config->admin.size == address->size &&
                memcmp(&before->config->admin.sa, &address->sa, address->size) == 0;
    if (same)
        g->admin = fcntl(before->admin, F_DUPFD_CLOEXEC, 0);
    else if (admin_listen(address, &g->admin) != ERR_OK)
        g->admin = -1;
    return g->admin >= 0 ? true : say("admin", address, ERR_IO);
}

/* Before any process opens the store: serve may not make files. */
static bool make_store(const struct edge_config *config)
{
    char path[PATH_BYTES_MAX];
    struct store *store = NULL;
    const struct store_config store_config = {.path = path, .map_bytes = config->sync.map_bytes};
    enum err err = path_join(path, sizeof path, config->sync.data_dir, SYNC_STORE_DIR);
    if (err == ERR_OK)
        err = directory_make(path, DATA_DIR_MODE);
    if (err == ERR_OK)
        err = store_prepare(path);
    if (err == ERR_OK)
        err = store_open(&store_config, &store);
    if (err == ERR_UNSUPPORTED)
        log_error("%s: memory pages of this machine, or of the one that made the store, are not of "
                  "%d octets",
                  path, STORE_PAGE_BYTES);
    else if (err != ERR_OK)
        log_error("%s: %s", path, err_text(err));
    if (err != ERR_OK)
        return false;
    store_close(store);
    return true;
}

static bool take_store(struct generation *g, const struct generation *before)
{
    const char *folder = g->config->sync.data_dir;
    /* A store in use is left alone: to look at it would wait for sync's transaction. */
    if (before != NULL && lock_is_of(before->lock, folder)) {
        g->lock = fcntl(before->lock, F_DUPFD_CLOEXEC, 0);
        return g->lock >= 0;
    }
    return lock_take(folder, DATA_DIR_MODE, "statim-edge", &g->lock) == ERR_OK &&
           make_store(g->config);
}

bool generation_open(struct edge_config *config, const struct generation *before,
                     struct generation *ret)
{
    struct generation g = GENERATION_NONE;
    g.config = config;
    if (take_store(&g, before) && bind_listeners(&g, before) && bind_admin(&g, before)) {
        *ret = g;
        return true;
    }
    g.config = NULL; /* still the caller's */
    generation_close(&g);
    return false;
}

void generation_close_sockets(struct generation *g)
{
    listener_set_done(&g->listeners);
    if (g->admin >= 0)
        close(g->admin);
    g->admin = -1;
}

void generation_close(struct generation *g)
{
    generation_close_sockets(g);
    lock_drop(g->lock);
    edge_config_free(g->config);
    *g = GENERATION_NONE;
}
