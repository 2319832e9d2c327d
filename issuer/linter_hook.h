/* SPDX-License-Identifier: Apache-2.0 */
/* Another linter beside ours, asked over HTTP on a unix socket in pkimetal's form: POST /lintcert,
 * application/x-www-form-urlencoded b64input, severity, format=json; it answers a JSON array of
 * findings with Linter, Finding and Severity.
 *
 * Fail closed: where a hook is configured, no answer, a late one, or one that is not of this form
 * is a refusal. Used by one thread at a time; libcurl has to be initialised by the program. */
#pragma once

#include "issuer/leaf_reason.h"

#define LINTER_HOOK_ANSWER_MAX 262144
#define LINTER_HOOK_TIMEOUT_MS \
    1000 /* the default; pkimetal starts other programs for some linters */

/* pkimetal's severities from the least one on: name, word. */
#define LINTER_SEVERITY_TABLE(X) \
    X(META, "meta")              \
    X(DEBUG, "debug")            \
    X(INFO, "info")              \
    X(NOTICE, "notice")          \
    X(WARNING, "warning")        \
    X(ERROR, "error")            \
    X(BUG, "bug")                \
    X(FATAL, "fatal")

enum linter_severity {
#define X(name, word) LINTER_##name,
    LINTER_SEVERITY_TABLE(X)
#undef X
        LINTER_SEVERITY_COUNT
};

struct linter_hook_options {
    const char *socket_path;
    uint32_t timeout_ms;           /* of the whole exchange */
    enum linter_severity severity; /* this and worse refuse */
};

struct linter_hook;
/** Strings are borrowed. Connects to nothing yet. ERR_MEMORY. */
MUST_CHECK enum err linter_hook_open(const struct linter_hook_options *options,
                                     struct linter_hook **ret);
struct linter_hook *linter_hook_close(struct linter_hook *hook);

/** Asks about a certificate in DER. LINT_HOOK with the first finding; LINT_HOOK_SILENT when there
 * is no answer that could be read. */
MUST_CHECK enum err linter_hook_ask(struct linter_hook *hook, struct span certificate,
                                    struct problem *why);

/** The decoder of an answer, pure: the first finding of at least that severity.
 *  LINT_HOOK_SILENT, LINT_HOOK. */
MUST_CHECK enum err linter_answer_judge(const struct linter_hook_options *options,
                                        struct span answer, struct problem *why);
const char *linter_severity_text(enum linter_severity severity);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err linter_severity_from_text(struct span text, enum linter_severity *ret);
