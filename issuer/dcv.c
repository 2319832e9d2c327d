/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/dcv.h"

#include <string.h>

#include "issuer/registry_dcv.h"

#define DAY_S 86400u

struct reuse_row {
    uint64_t from_s;
    uint64_t max_days;
};

static const struct reuse_row reuse_rows[] = {
#define X(from_s, max_days) {from_s, max_days},
    DCV_REUSE_TABLE(X)
#undef X
};

uint64_t dcv_reuse_max_s(uint64_t now_s)
{
    uint64_t days = 0;
    for (size_t i = 0; i < sizeof reuse_rows / sizeof *reuse_rows; i++)
        if (reuse_rows[i].from_s <= now_s)
            days = reuse_rows[i].max_days;
    return days * DAY_S;
}

/* Whose names are asked for. */
struct asked {
    const struct issuer_worker *worker;
    struct span customer, method;
    uint64_t now_s;
};

/* One domain, exactly; `is_below` asks for one that counts for names below it and for the wildcard.
 */
static enum err check_domain(const struct asked *asked, const char *domain, bool is_below)
{
    struct registry_dcv found;
    TRY(registry_dcv_valid(asked->worker->registry, asked->customer, span_text(domain),
                           asked->method, is_below, asked->now_s, &found));
    bool is_recent = found.validated_at_s + dcv_reuse_max_s(asked->now_s) > asked->now_s;
    return is_recent ? ERR_OK : ERR_NOT_FOUND;
}

/* The domain itself, then each above it, but no public suffix: whoever has that, does not have what
 * was registered below it (BR 3.2.2.4). */
static enum err check_name(const struct asked *asked, const struct leaf_name *name)
{
    const char *domain = leaf_name_base(name);
    enum err err = check_domain(asked, domain, leaf_name_is_wildcard(name));
    if (name->type != LEAF_NAME_DNS)
        return err;
    while (err == ERR_NOT_FOUND) {
        domain = strchr(domain, '.');
        if (domain == NULL || leaf_suffixes_have(asked->worker->issuer->suffixes, ++domain))
            return ERR_NOT_FOUND;
        err = check_domain(asked, domain, true);
    }
    return err;
}

enum err dcv_check(struct issuer_worker *worker, struct span customer, struct span method,
                   const struct leaf_names *names, uint64_t now_s, struct problem *why)
{
    enum err result = ERR_OK;
    const struct asked asked = {worker, customer, method, now_s};
    for (size_t i = 0; i < names->count; i++) {
        const struct leaf_name *name = &names->at[i];
        enum err err = check_name(&asked, name);
        if (err == ERR_OK)
            continue;
        if (err != ERR_NOT_FOUND)
            return problem_set(why, PROBLEM_REGISTRY, "the validations cannot be read");
        if (result == ERR_OK)
            result = problem_set(why, PROBLEM_DCV, "%s has no valid domain validation%s",
                                 name->text, method.size > 0 ? " by this method" : "");
        problem_add(why, name->text, "no valid domain validation");
    }
    return result;
}
