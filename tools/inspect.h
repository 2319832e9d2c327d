/* SPDX-License-Identifier: Apache-2.0 */
/* `statim inspect`: each kind of file has a reader that checks the form and puts what it says into
 * one JSON object. The same object is printed as JSON or as text for people, so both say the same.
 *
 * A file that does not have the form its kind asks for is refused, with the reason in `why`. A
 * database is shown as far as it goes; what breaks an invariant becomes a problem in the list. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "lib/os/file.h"

#define INSPECT_WHY_BYTES    1024
#define INSPECT_PROBLEMS_MAX 20 /* shown; all are counted */

struct inspection {
    const char *path;
    const char *key; /* --key: a verifier key or a file that has one; NULL: not given */
    bool verify;     /* walk databases and check their invariants */
    bool signatures; /* check every statement's signature too */
    json_t *facts;   /* an object */
    uint64_t problem_count;
    char why[INSPECT_WHY_BYTES];
};

/** Puts the reason into `why`; false, for `return inspect_refuse(...)`. */
__attribute__((format(printf, 2, 3))) bool inspect_refuse(struct inspection *in, const char *format,
                                                          ...);
/** A broken invariant: counted, and the first INSPECT_PROBLEMS_MAX go into the facts. */
__attribute__((format(printf, 2, 3))) void inspect_problem(struct inspection *in,
                                                           const char *format, ...);

/* The readers; false: refused. */
bool inspect_head(struct inspection *in, struct span content);
bool inspect_log_entry(struct inspection *in, struct span content);
bool inspect_index(struct inspection *in, struct span content);
bool inspect_template(struct inspection *in, struct span content);
bool inspect_pack(struct inspection *in, struct span content);
bool inspect_filter(struct inspection *in, struct span content);
/** An edge's store or a presigner's status database, or the folder that has one. */
bool inspect_folder(struct inspection *in);
