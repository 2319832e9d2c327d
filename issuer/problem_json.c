/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/problem_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *errors_of(const struct problem *problem)
{
    json_t *list = json_array();
    for (size_t i = 0; i < problem->error_count; i++) {
        const struct problem_error *error = &problem->errors[i];
        json_t *row = json_pack("{ss,ss}", "field", error->field, "detail", error->detail);
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *document_of(const struct problem *problem, const char *request_id)
{
    char type[sizeof PROBLEM_URN + 64];
    snprintf(type, sizeof type, "%s%s", PROBLEM_URN, problem_word(problem->type));
    json_t *errors = problem->error_count > 0 ? errors_of(problem) : NULL;
    if (problem->error_count > 0 && errors == NULL)
        return NULL;
    /* "*" leaves a member out that is NULL. */
    return json_pack("{ss,ss,si,ss,ss*,ss*,so*}", "type", type, "title",
                     problem_title(problem->type), "status", (int)problem_status(problem->type),
                     "detail", problem->detail, "rule",
                     problem->rule[0] != '\0' ? problem->rule : NULL, "request_id", request_id,
                     "errors", errors);
}

enum err problem_to_json(const struct problem *problem, const char *request_id, struct buffer *ret)
{
    json_t *document = document_of(problem, request_id);
    char *text = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (text == NULL)
        return ERR_MEMORY;
    ret->size = 0;
    enum err err = buffer_append(ret, span_text(text));
    free(text);
    return err;
}
