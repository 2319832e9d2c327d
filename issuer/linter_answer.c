/* SPDX-License-Identifier: Apache-2.0 */
/* What the external linter has found: a JSON array of objects. */
#include <jansson.h>

#include "issuer/linter_hook.h"
#include "lib/check.h"

static const char *const severities[LINTER_SEVERITY_COUNT] = {
#define X(name, word) word,
    LINTER_SEVERITY_TABLE(X)
#undef X
};

enum err linter_severity_from_text(struct span text, enum linter_severity *ret)
{
    for (size_t i = 0; i < LINTER_SEVERITY_COUNT; i++) {
        if (span_equal(text, span_text(severities[i]))) {
            *ret = (enum linter_severity)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

const char *linter_severity_text(enum linter_severity severity)
{
    CHECK((size_t)severity < LINTER_SEVERITY_COUNT);
    return severities[severity];
}

static enum err finding_judge(const json_t *finding, enum linter_severity least,
                              struct problem *why)
{
    const char *linter = json_string_value(json_object_get(finding, "Linter")),
               *text = json_string_value(json_object_get(finding, "Finding")),
               *word = json_string_value(json_object_get(finding, "Severity"));
    enum linter_severity severity;
    if (linter == NULL || text == NULL || word == NULL ||
        linter_severity_from_text(span_text(word), &severity) != ERR_OK)
        return leaf_refuse(why, LEAF_WHY_LINT_HOOK_SILENT,
                           "the external linter: a finding without Linter, Finding or Severity");
    return severity < least
               ? ERR_OK
               : leaf_refuse(why, LEAF_WHY_LINT_HOOK, "%.40s: %s: %.240s", linter, word, text);
}

enum err linter_answer_judge(const struct linter_hook_options *options, struct span answer,
                             struct problem *why)
{
    enum err err = ERR_OK;
    json_t *findings =
        json_loadb((const char *)answer.data, answer.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_array(findings))
        err = leaf_refuse(why, LEAF_WHY_LINT_HOOK_SILENT,
                          "the external linter: no JSON array of findings");
    for (size_t i = 0; err == ERR_OK && i < json_array_size(findings); i++)
        err = finding_judge(json_array_get(findings, i), options->severity, why);
    json_decref(findings);
    return err;
}
