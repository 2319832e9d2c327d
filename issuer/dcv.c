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

/* One domain, exactly; `is_below` asks for one that counts for names below it and for the wildcard.
 */
static enum err check_domain(struct registry *r, struct span customer, struct span domain,
                             struct span method, bool is_below, uint64_t now_s)
{
    struct registry_dcv found;
    TRY(registry_dcv_valid(r, customer, domain, method, now_s, &found));
    bool is_recent = found.validated_at_s + dcv_reuse_max_s(now_s) > now_s;
    return is_recent && (!is_below || found.wildcard) ? ERR_OK : ERR_NOT_FOUND;
}

/* The domain itself, then each above it that still has a dot. */
static enum err check_name(struct registry *r, struct span customer, struct span method,
                           const struct leaf_name *name, uint64_t now_s)
{
    const char *domain = leaf_name_base(name);
    enum err err =
        check_domain(r, customer, span_text(domain), method, leaf_name_is_wildcard(name), now_s);
    if (name->type != LEAF_NAME_DNS)
        return err;
    while (err == ERR_NOT_FOUND) {
        domain = strchr(domain, '.');
        if (domain == NULL || strchr(domain + 1, '.') == NULL)
            return ERR_NOT_FOUND;
        domain++;
        err = check_domain(r, customer, span_text(domain), method, true, now_s);
    }
    return err;
}

enum err dcv_check(struct issuer_worker *worker, struct span customer, struct span method,
                   const struct leaf_names *names, uint64_t now_s, struct problem *why)
{
    enum err result = ERR_OK;
    for (size_t i = 0; i < names->count; i++) {
        const struct leaf_name *name = &names->at[i];
        enum err err = check_name(worker->registry, customer, method, name, now_s);
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
