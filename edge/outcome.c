/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/outcome.h"

#include "lib/check.h"

static const struct outcome_info outcomes[] = {
#define X(name, http, ocsp, label, text) {http, ocsp, label, text},
    OUTCOME_TABLE(X)
#undef X
};

const struct outcome_info *outcome_info(enum outcome outcome)
{
    CHECK((unsigned)outcome < OUTCOME_COUNT);
    return &outcomes[outcome];
}
