/* SPDX-License-Identifier: Apache-2.0 */
/* What others may have written into an audit log's folder: state, checkpoint, bundle of entries. */
#include "issuer/audit_tiles.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void state(struct span text)
{
    struct audit_tree tree, again;
    char out[AUDIT_STATE_BYTES_MAX];
    size_t out_size = 0;
    if (audit_state_read(text, &tree) != ERR_OK)
        return;
    CHECK(audit_state_write(&tree, out, sizeof out, &out_size) == ERR_OK);
    CHECK(audit_state_read(span_of(out, out_size), &again) == ERR_OK);
    CHECK(again.size == tree.size && sha256_equal(&again.root, &tree.root));
}

/* With the input as a note it has no signature; signed as a text it is judged for what it says. */
static void checkpoint(const struct publish_key *key, struct span text)
{
    struct audit_tree tree;
    char note[AUDIT_CHECKPOINT_BYTES_MAX];
    size_t note_size = 0;
    CHECK(audit_checkpoint_open(publish_key_public(key), text, &tree) != ERR_OK);
    if (note_sign(key, text, note, sizeof note, &note_size) == ERR_OK)
        (void)!audit_checkpoint_open(publish_key_public(key), span_of(note, note_size), &tree);
}

static void bundle(struct span octets)
{
    struct span rest = octets;
    struct span entry;
    size_t seen = 0;
    while (audit_bundle_next(&rest, &entry) == ERR_OK)
        seen += 2 + entry.size;
    CHECK(seen + rest.size == octets.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct publish_key *key;
    if (key == NULL)
        CHECK(publish_key_generate(span_text("audit.test"), &key) == ERR_OK);
    state(span_of(data, size));
    checkpoint(key, span_of(data, size));
    bundle(span_of(data, size));
    return 0;
}
