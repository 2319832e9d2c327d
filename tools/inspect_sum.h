/* SPDX-License-Identifier: Apache-2.0 */
/* What `statim inspect` adds up over the statements of packs and stores, and the check of their
 * signatures. */
#pragma once

#include "lib/template.h"
#include "tools/inspect.h"

#define INSPECT_TEMPLATES_MAX 4096

struct inspect_sum {
    uint64_t count;
    uint64_t good;
    uint64_t revoked;
    uint64_t signature_bytes;
    uint32_t this_update_min_s;
    uint32_t this_update_max_s;
    uint32_t next_update_min_s;
    uint32_t next_update_max_s;
};

void inspect_sum_add(struct inspect_sum *sum, const struct statement *s);
/** Good, revoked, times; not the count. */
void inspect_sum_show(const struct inspect_sum *sum, json_t *object);

/* Templates that statements name, with a verifier for each when signatures are checked. */
struct inspect_templates {
    struct inspect_template_row {
        uint64_t issuer_id;
        uint16_t template_no;
        uint16_t signature_bytes;
        struct template_verifier *verifier; /* NULL: not checked */
    } * rows;
    size_t count;
    size_t latest; /* the row found last: most statements name the same */
};

/** ERR_LIMIT, ERR_MEMORY, and those of template_verifier_new(). */
MUST_CHECK enum err inspect_templates_add(struct inspect_templates *all,
                                          const struct ocsp_template *t, bool signatures);
void inspect_templates_done(struct inspect_templates *all);
/** ERR_NOT_FOUND: no such template; ERR_SIGNATURE: also a signature of the wrong size. */
MUST_CHECK enum err inspect_templates_check(struct inspect_templates *all, uint64_t issuer_id,
                                            const struct statement *s);
