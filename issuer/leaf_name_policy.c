/* SPDX-License-Identifier: Apache-2.0 */
#include <libpsl.h>
#include <stdlib.h>

#include "issuer/leaf_name_ip.h"

struct leaf_suffixes {
    psl_ctx_t *list;
};

/* Only the part that registries make; and a name is no suffix because the list does not have it. */
#define SUFFIX_KIND (PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE)

/* In the list, but nobody's: reverse zones (BR 4.2.2) and RFC 7686. All others of RFC 6761 are not
 * in it, as long as nobody writes them into a list of his own. */
static const char *const reserved[] = {"arpa", "onion"};

enum err leaf_suffixes_open(const char *path, struct leaf_suffixes **ret)
{
    psl_ctx_t *list = path == NULL ? psl_latest(NULL) : psl_load_file(path);
    if (list == NULL)
        return ERR_NOT_FOUND;
    /* A file of something else has no suffixes at all. */
    struct leaf_suffixes *suffixes = NULL;
    if (psl_suffix_count(list) != 0)
        suffixes = malloc(sizeof *suffixes);
    if (suffixes == NULL) {
        enum err err = psl_suffix_count(list) == 0 ? ERR_MALFORMED : ERR_MEMORY;
        psl_free(list);
        return err;
    }
    suffixes->list = list;
    *ret = suffixes;
    return ERR_OK;
}

struct leaf_suffixes *leaf_suffixes_close(struct leaf_suffixes *suffixes)
{
    if (suffixes != NULL)
        psl_free(suffixes->list);
    free(suffixes);
    return NULL;
}

bool leaf_suffixes_have(const struct leaf_suffixes *suffixes, const char *domain)
{
    return psl_is_public_suffix2(suffixes->list, domain, SUFFIX_KIND) == 1;
}

static bool is_reserved_top(const char *top)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcmp(top, reserved[i]) == 0)
            return true;
    return false;
}

enum err leaf_name_policy(const struct leaf_name *name, const struct leaf_suffixes *suffixes,
                          struct problem *why)
{
    if (name->type == LEAF_NAME_IP)
        return leaf_name_ip_reserved(span_of(name->address, name->address_size))
                   ? leaf_refuse(why, LEAF_WHY_NAME_IP_RESERVED, "%s: a reserved address",
                                 name->text)
                   : ERR_OK;
    const char *base = leaf_name_base(name), *dot = strrchr(base, '.');
    const char *top = dot == NULL ? base : dot + 1;
    if (is_reserved_top(top) || !leaf_suffixes_have(suffixes, top))
        return leaf_refuse(why, LEAF_WHY_NAME_RESERVED, "%.200s: .%.63s is not in the public DNS",
                           name->text, top);
    if (!leaf_suffixes_have(suffixes, base))
        return ERR_OK;
    return leaf_name_is_wildcard(name)
               ? leaf_refuse(why, LEAF_WHY_NAME_WILDCARD_SUFFIX,
                             "%.200s: right under a public suffix (BR 3.2.2.6)", name->text)
               : leaf_refuse(why, LEAF_WHY_NAME_PUBLIC_SUFFIX, "%.200s: a public suffix",
                             name->text);
}
