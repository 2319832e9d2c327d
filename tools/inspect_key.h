/* SPDX-License-Identifier: Apache-2.0 */
/* The key that `statim inspect` checks heads and log entries with: the one that was given, or the
 * publish-key.pub beside the publication. */
#pragma once

#include "lib/publish_key.h"
#include "tools/inspect.h"

struct inspect_key {
    struct verify_key key;
    bool known;                  /* there is one */
    bool given;                  /* by --key, so it must be the one that signed */
    char source[PATH_BYTES_MAX]; /* where it is from */
};

/** false: refused, because what was given is no key. */
bool inspect_key_find(struct inspection *in, struct inspect_key *ret);
/** What opening with that key came to, as a fact "signature". false: refused. */
bool inspect_key_verdict(struct inspection *in, const struct inspect_key *key, enum err err);
