/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the external linter answers: good, or a refusal with its reason. What is good for a
 * severity is good for a worse one. */
#include "issuer/linter_hook.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool good = false;
    for (unsigned severity = 0; severity < LINTER_SEVERITY_COUNT; severity++) {
        const struct linter_hook_options options = {.severity = (enum linter_severity)severity};
        struct problem why = {0};
        enum err err = linter_answer_judge(&options, span_of(data, size), &why);
        CHECK(err == ERR_OK || why.rule[0] != '\0');
        CHECK(!good || err == ERR_OK);
        good = err == ERR_OK;
    }
    return 0;
}
