/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/config_parts.h"

static enum err take_listener(const struct config_place *place, const char *where,
                              struct issuing_listener_file *file, struct listener_config *listener)
{
    TRY(config_resolve(place, &file->certificate));
    TRY(config_resolve(place, &file->key));
    TRY(config_resolve(place, &file->client_ca));
    if (address_from_text(span_text(file->listen), &listener->listen) != ERR_OK)
        return config_refuse(place,
                             "%s: listen: %s: not an address and port (192.0.2.1:443, "
                             "[2001:db8::1]:443)",
                             where, file->listen);
    listener->certificate = file->certificate;
    listener->key = file->key;
    listener->client_ca = file->client_ca;
    return ERR_OK;
}

static enum err take_roles(const struct config_place *place, const struct issuing_client_file *file,
                           struct client_config *client)
{
    enum role role;
    for (unsigned i = 0; i < file->roles_count; i++) {
        if (role_from_text(span_text(file->roles[i]), &role) != ERR_OK)
            return config_refuse(place, "client %s: roles: %s: there is no such role", file->name,
                                 file->roles[i]);
        if (role == ROLE_CUSTOMER)
            return config_refuse(place,
                                 "client %s: roles: a customer has an API key, and uses the "
                                 "public listener",
                                 file->name);
        client->roles |= role;
    }
    return ERR_OK;
}

static enum err take_client(const struct config_place *place,
                            const struct issuing_client_file *file, struct client_config *client)
{
    client->name = file->name;
    client->common_name = file->common_name;
    if ((file->common_name != NULL) == (file->fingerprint != NULL))
        return config_refuse(place, "client %s: give either common_name or fingerprint",
                             file->name);
    if (file->fingerprint != NULL &&
        sha256_from_text(span_text(file->fingerprint), &client->fingerprint) != ERR_OK)
        return config_refuse(place,
                             "client %s: fingerprint: not the SHA-256 of a certificate, as 64 "
                             "lower-case hex digits",
                             file->name);
    return take_roles(place, file, client);
}

static bool same_client(const struct client_config *a, const struct client_config *b)
{
    if (a->common_name == NULL || b->common_name == NULL)
        return a->common_name == b->common_name && sha256_equal(&a->fingerprint, &b->fingerprint);
    return strcmp(a->common_name, b->common_name) == 0;
}

static enum err take_clients(const struct config_place *place,
                             const struct issuing_config_file *file, struct issuing_config *config)
{
    for (unsigned i = 0; i < file->clients_count; i++) {
        struct client_config *client = &config->clients[i];
        TRY(take_client(place, &file->clients[i], client));
        for (unsigned j = 0; j < i; j++)
            if (same_client(client, &config->clients[j]))
                return config_refuse(place, "client %s: is the same certificate as client %s",
                                     client->name, config->clients[j].name);
        config->client_count = i + 1;
    }
    return ERR_OK;
}

enum err config_take_listeners(const struct config_place *place, struct issuing_config_file *file,
                               struct issuing_config *config)
{
    TRY(take_listener(place, "public", file->public_listener, &config->public_listener));
    TRY(take_listener(place, "internal", file->internal_listener, &config->internal_listener));
    if (config->public_listener.client_ca != NULL)
        return config_refuse(place, "public: client_ca: its clients have API keys, not "
                                    "certificates");
    if (config->internal_listener.client_ca == NULL)
        return config_refuse(place, "internal: needs client_ca: who certifies its clients");
    return take_clients(place, file, config);
}

unsigned issuing_config_client(const struct issuing_config *config,
                               const struct sha256 *fingerprint, const char *common_name,
                               const char **ret_name)
{
    const struct client_config *found = NULL;
    for (size_t i = 0; i < config->client_count; i++) {
        const struct client_config *client = &config->clients[i];
        if (client->common_name == NULL && sha256_equal(&client->fingerprint, fingerprint))
            found = client;
        else if (found == NULL && client->common_name != NULL &&
                 strcmp(client->common_name, common_name) == 0)
            found = client;
    }
    if (found == NULL)
        return 0;
    if (ret_name != NULL)
        *ret_name = found->name;
    return found->roles;
}
