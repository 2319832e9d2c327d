/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/policy_note.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer/audit_event.h"
#include "issuer/journal.h"
#include "issuer/leaf_profile.h"
#include "lib/os/file.h"
#include "lib/os/log.h"

#define FILE_NAME      "policy"
#define FILE_BYTES_MAX (4u << 20)
#define TEXT_FLAGS     (JSON_COMPACT | JSON_SORT_KEYS)

/* --- What the settings are. json_object_set_new() takes NULL as an error, and so does the whole.
 */

static int put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value);
}

static json_t *text_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

static json_t *allow_of(const struct leaf_profile *p)
{
    json_t *object = json_object();
    int bad = object == NULL;
    for (size_t i = 0; i < p->allow_count; i++)
        bad |= put(object, p->allow[i].lint, json_string(p->allow[i].reason));
    if (bad == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *policies_of(const struct leaf_profile *p)
{
    json_t *list = json_array();
    int bad = list == NULL;
    for (size_t i = 0; i < p->policy_count; i++) {
        char hex[2 * LEAF_OID_BYTES_MAX + 1] = "";
        for (size_t j = 0; j < p->policies[i].size; j++)
            snprintf(hex + 2 * j, sizeof hex - 2 * j, "%02x", p->policies[i].der[j]);
        bad |= json_array_append_new(list, json_string(hex));
    }
    if (bad == 0)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *profile_of(const struct leaf_profile *p)
{
    json_t *o = json_object();
    int bad = o == NULL;
    bad |= put(o, "kind", json_string(leaf_kind_text(p->kind)));
    bad |= put(o, "short_lived", json_boolean(p->short_lived));
    bad |= put(o, "validity_s", json_integer((json_int_t)p->validity_s));
    bad |= put(o, "names_max", json_integer(p->names_max));
    bad |= put(o, "key_algs", json_integer(p->key_algs));
#define X(name, fallback, text) bad |= put(o, #name, json_boolean(p->name));
    PROFILE_FLAG_TABLE(X)
#undef X
    bad |= put(o, "allow", allow_of(p));
    bad |= put(o, "policies", policies_of(p));
    if (bad == 0)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *authority_of(const struct authority *a)
{
    char hash[SHA256_TEXT_BYTES];
    const struct sha256 certificate = sha256_of(span_of(a->der.data, a->der.size));
    json_t *o = json_object(), *profiles = json_array();
    int bad = o == NULL || profiles == NULL;
    sha256_to_text(&certificate, hash);
    for (size_t i = 0; i < a->config->profile_count; i++)
        bad |= json_array_append_new(profiles, json_string(a->config->profiles[i]));
    bad |= put(o, "ca", json_string(a->id_text));
    bad |= put(o, "certificate", json_string(hash));
    bad |= put(o, "profiles", profiles);
    bad |= put(o, "ocsp_url", text_or_null(a->config->ocsp_url));
    bad |= put(o, "ca_issuers_url", text_or_null(a->config->ca_issuers_url));
    bad |= put(o, "crl_url_base", text_or_null(a->config->crl_url_base));
    bad |= put(o, "crl_shards", json_integer((json_int_t)a->config->crl_shards));
    bad |= put(o, "crl_shard_set", json_integer((json_int_t)a->config->crl_shard_set));
    if (bad == 0)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *client_of(const struct client_config *c)
{
    char hash[SHA256_TEXT_BYTES];
    sha256_to_text(&c->fingerprint, hash);
    json_t *o = json_object();
    int bad = o == NULL;
    bad |= put(o, "common_name", text_or_null(c->common_name));
    if (c->common_name == NULL)
        bad |= put(o, "fingerprint", json_string(hash));
    bad |= put(o, "roles", json_integer(c->roles));
    if (bad == 0)
        return o;
    json_decref(o);
    return NULL;
}

/* Takes `value`; its text stands under "<kind> <name>". */
static int put_text(json_t *all, const char *kind, const char *name, json_t *value)
{
    char key[2 * ISSUER_NAME_MAX + 2];
    snprintf(key, sizeof key, "%s%s%s", kind, name[0] != '\0' ? " " : "", name);
    char *text = value == NULL ? NULL : json_dumps(value, TEXT_FLAGS | JSON_ENCODE_ANY);
    int bad = text == NULL ? -1 : put(all, key, json_string(text));
    free(text);
    json_decref(value);
    return bad;
}

static json_t *settings(const struct issuer *issuer)
{
    const struct issuing_config *c = issuer->config;
    json_t *all = json_object();
    int bad = all == NULL;
    for (size_t i = 0; i < c->profile_count; i++)
        bad |= put_text(all, "profile", c->profiles[i].name, profile_of(&c->profiles[i]));
    for (size_t i = 0; i < issuer->authorities->count; i++) {
        const struct authority *a = &issuer->authorities->authorities[i];
        bad |= put_text(all, "authority", a->config->name, authority_of(a));
    }
    for (size_t i = 0; i < c->client_count; i++)
        bad |= put_text(all, "client", c->clients[i].name, client_of(&c->clients[i]));
    bad |= put_text(all, "linter", "", text_or_null(c->linter.socket));
    bad |= put_text(all, "linter", "severity", json_string(c->linter.severity));
    bad |= put_text(all, "approval_valid_s", "", json_integer((json_int_t)c->approval_valid_s));
    bad |= put_text(all, "backdate_s", "", json_integer((json_int_t)c->backdate_s));
    if (bad == 0)
        return all;
    json_decref(all);
    return NULL;
}

/* --- What has changed --- */

static enum err say(struct issuer *issuer, const char *name, const char *before, const char *after)
{
    struct audit_event event;
    uint64_t leaf = 0;
    audit_event_begin(&event, AUDIT_POLICY_CHANGED, issuer_now_s(issuer),
                      span_text("program:statim-issuer"), SPAN_EMPTY);
    audit_event_text(&event, AUDIT_FIELD_POLICY, span_text(name));
    audit_event_text(&event, AUDIT_FIELD_OLD, span_text(before));
    audit_event_text(&event, AUDIT_FIELD_NEW, span_text(after));
    return journal_record(issuer->journal, &event, &leaf);
}

static const char *text_of(const json_t *all, const char *name)
{
    const char *text = json_string_value(json_object_get(all, name));
    return text == NULL ? "" : text;
}

static enum err say_changes(struct issuer *issuer, json_t *before, json_t *after, size_t *ret_count)
{
    const char *name;
    json_t *value;
    size_t count = 0;
    json_object_foreach(after, name, value)
    {
        if (strcmp(text_of(before, name), json_string_value(value)) == 0)
            continue;
        TRY(say(issuer, name, text_of(before, name), json_string_value(value)));
        count++;
    }
    json_object_foreach(before, name, value)
    {
        if (json_object_get(after, name) != NULL)
            continue;
        TRY(say(issuer, name, text_of(before, name), ""));
        count++;
    }
    *ret_count = count;
    return ERR_OK;
}

/* A file that cannot be read is none: then everything is said once more. */
static json_t *read_before(const char *path)
{
    struct buffer file = {0};
    json_t *before = NULL;
    if (file_read(path, FILE_BYTES_MAX, &file) == ERR_OK)
        before = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, NULL);
    buffer_done(&file);
    return json_is_object(before) ? before : (json_decref(before), json_object());
}

static enum err write_after(const char *path, const json_t *after)
{
    char *text = json_dumps(after, JSON_INDENT(1) | JSON_SORT_KEYS);
    enum err err = text == NULL ? ERR_MEMORY : file_publish(path, span_text(text), 0600);
    free(text);
    return err;
}

enum err policy_note(struct issuer *issuer)
{
    char path[PATH_BYTES_MAX];
    size_t count = 0;
    TRY(path_join(path, sizeof path, issuer->config->state_dir, FILE_NAME));
    json_t *before = read_before(path), *after = settings(issuer);
    enum err err = before == NULL || after == NULL ? ERR_MEMORY : ERR_OK;
    if (err == ERR_OK)
        err = say_changes(issuer, before, after, &count);
    if (err == ERR_OK && count > 0)
        err = write_after(path, after);
    if (err == ERR_OK && count > 0)
        log_info("%zu settings of the policy are new or others than at the last start", count);
    json_decref(before);
    json_decref(after);
    if (err != ERR_OK)
        log_error("%s: the policy cannot be noted: %s", path, err_text(err));
    return err;
}
