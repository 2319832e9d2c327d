/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https.h"
#include "issuer/issuer.h"
#include "issuer/linter_hook.h"
#include "issuer/registry.h"
#include "lib/os/log.h"

static enum err open_linter(const struct linter_config *config, struct linter_hook **ret)
{
    struct linter_hook_options options = {.socket_path = config->socket,
                                          .timeout_ms = (uint32_t)config->timeout_ms};
    if (config->socket == NULL)
        return ERR_OK;
    TRY(linter_severity_from_text(span_text(config->severity), &options.severity));
    return linter_hook_open(&options, ret);
}

struct registry_options issuer_registry_options(const struct issuing_config *config)
{
    return (struct registry_options){
        .sqlite_path = config->registry.sqlite,
        .postgresql = config->registry.postgresql,
        .statement_timeout_ms = (uint32_t)config->registry.wait_ms,
        .connect_timeout_ms = (uint32_t)config->registry.wait_ms,
    };
}

static enum err open_all(struct issuer_worker *worker)
{
    const struct issuing_config *config = worker->issuer->config;
    const struct registry_options options = issuer_registry_options(config);
    enum err err = registry_open(&options, &worker->registry);
    if (err != ERR_OK)
        log_error("registry: cannot be opened: %s", err_text(err));
    for (size_t i = 0; err == ERR_OK && i < worker->issuer->authorities->count; i++)
        err = signer_worker_new(worker->issuer->authorities->authorities[i].signer,
                                &worker->signers[i]);
    if (err == ERR_OK)
        err = open_linter(&config->linter, &worker->linter);
    return err;
}

enum err issuer_worker_open(struct issuer *issuer, struct issuer_worker *ret)
{
    struct issuer_worker worker = {.issuer = issuer};
    enum err err = open_all(&worker);
    if (err != ERR_OK) {
        issuer_worker_close(&worker);
        return err;
    }
    *ret = worker;
    return ERR_OK;
}

void issuer_worker_close(struct issuer_worker *worker)
{
    linter_hook_close(worker->linter);
    for (size_t i = 0; i < ISSUER_AUTHORITIES_MAX; i++)
        signer_worker_free(worker->signers[i]);
    registry_close(worker->registry);
}

void issuer_ring(struct issuer *issuer)
{
    /* The first workers run before the start of the server has returned. */
    struct https_server *server = __atomic_load_n(&issuer->server, __ATOMIC_ACQUIRE);
    if (server != NULL)
        https_server_ring(server);
}
