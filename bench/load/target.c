/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/target.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"

/* A path of its own and the head around it. */
#define PLAIN_REQUEST_MAX 8192

static enum err complain(const char *what, const char *detail, enum err err)
{
    fprintf(stderr, "statim-bench: %s %s: %s\n", what, detail, err_text(err));
    return err;
}

static enum err set_host(const struct load_options *options, struct load_target *t)
{
    bool usual = strcmp(options->port, "80") == 0;
    int size = snprintf(t->host, sizeof t->host, "%s%s%s", options->host, usual ? "" : ":",
                        usual ? "" : options->port);
    return size < 0 || (size_t)size >= sizeof t->host ? ERR_LIMIT : ERR_OK;
}

static enum err make_shape(const struct request_place *place, const struct request_issuer *id,
                           size_t size, struct target_shape *shape, size_t *room)
{
    for (unsigned form = 0; form < 4; form++) {
        struct request_form *f = &shape->forms[form >> 1][form & 1];
        TRY(request_form_make(place, id, size, form >> 1, form & 1, f));
        if (request_form_room(f, size) > *room)
            *room = request_form_room(f, size);
    }
    return request_certid_prefix(id, size, shape->certid_prefix, &shape->certid_prefix_size);
}

static enum err make_shapes(const struct load_options *options, struct load_target *t)
{
    const struct request_place place = {.host = t->host, .prefix = options->prefix};
    for (size_t size = 1; size <= SERIAL_BYTES_MAX; size++) {
        if (!t->serials.sizes[size])
            continue;
        t->shapes[size] = calloc(1, sizeof *t->shapes[size]);
        if (t->shapes[size] == NULL)
            return ERR_MEMORY;
        TRY(make_shape(&place, &t->id, size, t->shapes[size], &t->request_room));
    }
    return ERR_OK;
}

static enum err read_serials(const char *path, struct load_target *t)
{
    uint64_t line = 0;
    enum err err = serials_read(path, &t->serials, &line);
    if (err != ERR_OK && line > 0)
        fprintf(stderr, "statim-bench: %s, line %llu is not a serial in hex\n", path,
                (unsigned long long)line);
    else if (err == ERR_MALFORMED)
        fprintf(stderr, "statim-bench: %s has no serials\n", path);
    else if (err != ERR_OK)
        return complain("serials", path, err);
    return err;
}

static enum err prepare_ocsp(const struct load_options *options, struct load_target *t)
{
    if (options->hash != CERTID_HASH_SHA1 && options->hash != CERTID_HASH_SHA256)
        return ERR_UNSUPPORTED;
    enum err err = ocsp_issuer_load(options->issuer_file, &t->issuer);
    if (err != ERR_OK)
        return complain("issuer", options->issuer_file, err);
    TRY(read_serials(options->serials_file, t));
    size_t size = options->hash == CERTID_HASH_SHA1 ? 20 : 32;
    t->id = (struct request_issuer){.hash = options->hash,
                                    .name_hash = span_of(t->issuer.name_hash[options->hash], size),
                                    .key_hash = span_of(t->issuer.key_hash[options->hash], size)};
    err = make_shapes(options, t);
    if (err != ERR_OK)
        return complain("requests for", options->prefix, err);
    zipf_init(&t->zipf, t->serials.count, options->zipf);
    return ERR_OK;
}

static enum err prepare_path(const struct request_place *place, const char *path, bool close,
                             struct load_target *t, uint32_t number)
{
    uint8_t request[PLAIN_REQUEST_MAX];
    size_t size = 0;
    TRY(request_plain(place, path, close, request, sizeof request, &size));
    t->plain[number][close] = malloc(size);
    if (t->plain[number][close] == NULL)
        return ERR_MEMORY;
    memcpy(t->plain[number][close], request, size);
    t->plain_sizes[number][close] = size;
    return ERR_OK;
}

static enum err prepare_plain(const struct load_options *options, struct load_target *t)
{
    const struct request_place place = {.host = t->host, .prefix = options->prefix};
    for (uint32_t i = 0; i < options->path_count; i++) {
        for (unsigned close = 0; close < 2; close++) {
            enum err err = prepare_path(&place, options->paths[i], close, t, i);
            if (err != ERR_OK)
                return complain("path", options->paths[i], err);
        }
    }
    zipf_init(&t->zipf, options->path_count, options->zipf);
    return ERR_OK;
}

enum err load_target_new(const struct load_options *options, struct load_target **ret)
{
    struct load_target *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ERR_MEMORY;
    CHECK(options->path_count <= LOAD_PATHS_MAX);
    t->is_plain = options->path_count > 0;
    enum err err = set_host(options, t);
    if (err == ERR_OK)
        err = t->is_plain ? prepare_plain(options, t) : prepare_ocsp(options, t);
    if (err != ERR_OK) {
        load_target_free(t);
        return err;
    }
    *ret = t;
    return ERR_OK;
}

struct load_target *load_target_free(struct load_target *t)
{
    if (t == NULL)
        return NULL;
    for (size_t i = 0; i <= SERIAL_BYTES_MAX; i++)
        free(t->shapes[i]);
    for (size_t i = 0; i < LOAD_PATHS_MAX; i++) {
        free(t->plain[i][0]);
        free(t->plain[i][1]);
    }
    serials_done(&t->serials);
    ocsp_issuer_done(&t->issuer);
    free(t);
    return NULL;
}

void load_target_size(const struct load_target *t, uint64_t *ret_count, uint64_t *ret_bytes)
{
    uint64_t bytes = sizeof *t + t->serials.count * t->serials.stride;
    for (size_t i = 0; i <= SERIAL_BYTES_MAX; i++)
        bytes += t->shapes[i] != NULL ? sizeof *t->shapes[i] : 0;
    for (size_t i = 0; i < LOAD_PATHS_MAX; i++)
        bytes += t->plain_sizes[i][0] + t->plain_sizes[i][1];
    *ret_count = (uint64_t)t->zipf.count;
    *ret_bytes = bytes;
}
