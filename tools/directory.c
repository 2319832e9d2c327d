/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/directory.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/os/file.h"
#include "tools/pki.h"

void directory_complain(const struct directory *d, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "statim %s: ", d->verb);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static bool pick_issuer(struct directory *d, const char *name)
{
    d->issuer = presigner_config_issuer(d->config, name);
    if (d->issuer != NULL)
        return true;
    if (name != NULL)
        directory_complain(d, "no issuer '%s' in %s", name, d->config_path);
    else
        directory_complain(d, "there are several issuers: say which by --issuer NAME");
    return false;
}

static bool find_issuer_id(struct directory *d)
{
    enum err err = pki_issuer_id(d->issuer->ca_certificate, &d->issuer_id);
    if (err != ERR_OK)
        directory_complain(d, "%s: %s", d->issuer->ca_certificate, err_text(err));
    return err == ERR_OK;
}

static bool read_config(const char *verb, const char *path, struct directory *ret)
{
    char message[CONFIG_MESSAGE_BYTES] = "";
    *ret = (struct directory){.verb = verb};
    enum err err =
        path_join(ret->config_path, sizeof ret->config_path, path, DIRECTORY_CONFIG_NAME);
    if (err == ERR_OK)
        err = presigner_config_load(ret->config_path, &ret->config, message);
    if (err != ERR_OK)
        directory_complain(ret, "%s", message[0] ? message : err_text(err));
    return err == ERR_OK;
}

bool directory_open(const char *verb, const char *path, const char *issuer_name,
                    struct directory *ret)
{
    if (!read_config(verb, path, ret))
        return false;
    if (pick_issuer(ret, issuer_name) && find_issuer_id(ret))
        return true;
    directory_close(ret);
    return false;
}

static bool open_status(struct directory *ret)
{
    enum err err = status_db_open(ret->config->state_dir, ret->config->map_size_bytes, &ret->db);
    if (err == ERR_OK)
        return true;
    directory_complain(ret, "%s: %s", ret->config->state_dir, err_text(err));
    directory_close(ret);
    return false;
}

bool directory_open_status(const char *verb, const char *path, const char *issuer_name,
                           struct directory *ret)
{
    return directory_open(verb, path, issuer_name, ret) && open_status(ret);
}

bool directory_open_all(const char *verb, const char *path, struct directory *ret)
{
    return read_config(verb, path, ret) && open_status(ret);
}

bool directory_use(struct directory *d, const struct issuer_config *issuer)
{
    d->issuer = issuer;
    return find_issuer_id(d);
}

void directory_close(struct directory *d)
{
    d->db = status_db_close(d->db);
    d->config = presigner_config_free(d->config);
}
