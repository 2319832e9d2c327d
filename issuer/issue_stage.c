/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/issue_stage.h"

static const char *const words[ISSUE_STAGE_COUNT] = {
#define X(name, word, text) word,
    ISSUE_STAGE_TABLE(X)
#undef X
};

const char *issue_stage_word(enum issue_stage stage)
{
    return words[stage];
}
