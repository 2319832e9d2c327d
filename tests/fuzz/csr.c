/* SPDX-License-Identifier: Apache-2.0 */
/* A request that is read has a key, and names in their one form; one that is refused says why. */
#include "issuer/csr.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct csr csr;
    static struct leaf_names names;
    struct problem why = {0};
    if (csr_read(span_of(data, size), &csr, &why) != ERR_OK) {
        CHECK(why.rule[0] != '\0' && why.detail[0] != '\0');
        return 0;
    }
    CHECK(csr.key != NULL && csr.spki.size > 0 && csr.names.count <= LEAF_NAMES_MAX);
    CHECK(strlen(csr.asked) < sizeof csr.asked);
    for (size_t i = 0; i < csr.names.count; i++) {
        struct leaf_name again;
        CHECK(leaf_name_read(span_text(csr.names.at[i].text), &again, &why) == ERR_OK);
        CHECK(leaf_name_compare(&again, &csr.names.at[i]) == 0);
        CHECK(i == 0 || leaf_name_compare(&csr.names.at[i - 1], &again) < 0);
    }
    if (csr_names(&csr, NULL, &names, &why) == ERR_OK)
        CHECK(leaf_names_equal(&names, &csr.names));
    csr_done(&csr);
    return 0;
}
