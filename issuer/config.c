/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer/config_parts.h"
#include "issuer/linter_hook.h"

static enum err resolve(const struct config_place *place, struct issuing_config_file *file)
{
    TRY(config_resolve(place, &file->state_dir));
    TRY(config_resolve(place, &file->registry->sqlite));
    TRY(config_resolve(place, &file->audit->folder));
    TRY(config_resolve(place, &file->audit->key));
    if (file->linter != NULL)
        TRY(config_resolve(place, &file->linter->socket));
    TRY(config_resolve(place, &file->blocked_keys));
    TRY(config_resolve(place, &file->debian_keys));
    return config_resolve(place, &file->public_suffix);
}

static enum err take_registry(const struct config_place *place,
                              const struct issuing_registry_file *file,
                              struct registry_config *registry)
{
    if ((file->sqlite != NULL) == (file->postgresql != NULL))
        return config_refuse(place, "registry: give either sqlite (a file) or postgresql "
                                    "(a connection string)");
    registry->sqlite = file->sqlite;
    registry->postgresql = file->postgresql;
#define X(key, fallback, min, max, text) registry->key = file->key ? *file->key : (fallback);
    REGISTRY_NUMBER_TABLE(X)
#undef X
    return ERR_OK;
}

static void take_audit(const struct issuing_audit_file *file, struct audit_config *audit)
{
    audit->folder = file->folder;
    audit->key = file->key;
#define X(name, fallback, min, max, text) audit->name = file->name ? *file->name : (fallback);
    AUDIT_NUMBER_TABLE(X)
#undef X
}

static enum err take_linter(const struct config_place *place,
                            const struct issuing_linter_file *file, struct linter_config *linter)
{
    enum linter_severity severity;
    linter->severity = "error";
    if (file == NULL)
        return ERR_OK;
    linter->socket = file->socket;
    if (file->severity != NULL)
        linter->severity = file->severity;
    if (linter_severity_from_text(span_text(linter->severity), &severity) != ERR_OK)
        return config_refuse(place, "linter: severity: %s: not one of pkimetal's severities",
                             linter->severity);
#define X(key, fallback, min, max, text) linter->key = file->key ? *file->key : (fallback);
    LINTER_NUMBER_TABLE(X)
#undef X
    return ERR_OK;
}

static enum err take_program(const struct config_place *place,
                             const struct issuing_config_file *file, struct issuing_config *config)
{
    config->state_dir = file->state_dir;
    config->blocked_keys = file->blocked_keys;
    config->debian_keys = file->debian_keys;
    config->public_suffix = file->public_suffix;
    config->log_level = file->log_level != NULL ? *file->log_level : LOG_LEVEL_INFO;
    config->has_admin = file->admin != NULL;
    if (file->admin != NULL && address_from_text(span_text(file->admin), &config->admin) != ERR_OK)
        return config_refuse(place, "admin: %s: not an address and port (127.0.0.1:9084)",
                             file->admin);
#define X(key, fallback, min, max, text) config->key = file->key ? *file->key : (fallback);
    ISSUING_NUMBER_TABLE(X)
#undef X
    return ERR_OK;
}

static enum err take_all(const struct config_place *place, struct issuing_config_file *file,
                         struct issuing_config *config)
{
    TRY(resolve(place, file));
    TRY(take_program(place, file, config));
    TRY(take_registry(place, file->registry, &config->registry));
    take_audit(file->audit, &config->audit);
    TRY(take_linter(place, file->linter, &config->linter));
    TRY(config_take_listeners(place, file, config));
    TRY(config_take_profiles(place, file, config));
    return config_take_authorities(place, file, config);
}

enum err issuing_config_load(const char *path, struct issuing_config **ret,
                             char message[static CONFIG_MESSAGE_BYTES])
{
    struct issuing_config *config = calloc(1, sizeof *config);
    if (config == NULL)
        return ERR_MEMORY;
    const struct config_place place = {path, message};
    enum err err = config_load(path, issuing_config_file_schema(), &config->file, message);
    if (err == ERR_OK) {
        err = take_all(&place, config->file, config);
        if (err == ERR_MEMORY)
            (void)!config_refuse(&place, "%s", err_text(err));
    }
    if (err != ERR_OK) {
        issuing_config_free(config);
        return err;
    }
    *ret = config;
    return ERR_OK;
}

struct issuing_config *issuing_config_free(struct issuing_config *config)
{
    if (config == NULL)
        return NULL;
    if (config->file != NULL)
        config_free(issuing_config_file_schema(), config->file);
    free(config->profiles);
    free(config);
    return NULL;
}

const struct leaf_profile *issuing_config_profile(const struct issuing_config *config,
                                                  struct span name)
{
    for (size_t i = 0; i < config->profile_count; i++)
        if (span_equal(span_text(config->profiles[i].name), name))
            return &config->profiles[i];
    return NULL;
}

void issuing_config_help(void)
{
#define X(name, fallback, min, max, text)                                                       \
    printf("  %-28s %-12" PRIu64 " %s (from %" PRIu64 ")\n", #name, (uint64_t)(fallback), text, \
           (uint64_t)(min));
    ISSUING_NUMBER_TABLE(X)
#undef X
}
