/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/audit_format.h"

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/textline.h"

#define STATE_TITLE "statim-audit v1"

static void put_hash_line(struct line_writer *w, const struct sha256 *hash)
{
    char text[BASE64_ENCODED_BYTES(SHA256_BYTES)];
    size_t size = 0;
    CHECK(base64_encode(span_of(hash->octets, SHA256_BYTES), text, sizeof text, &size) == ERR_OK);
    text_put(w, span_of(text, size));
    text_put(w, span_text("\n"));
}

enum err audit_checkpoint_write(const struct publish_key *key, const struct audit_tree *tree,
                                char *out, size_t out_size, size_t *ret_size)
{
    char text[AUDIT_CHECKPOINT_BYTES_MAX];
    struct line_writer w = {.out = text, .out_size = sizeof text};
    text_put_format(&w, "%s\n%llu\n", publish_key_public(key)->network,
                    (unsigned long long)tree->size);
    put_hash_line(&w, &tree->root);
    TRY(w.err);
    return note_sign(key, span_of(text, w.size), out, out_size, ret_size);
}

static enum err read_hash(struct span word, struct sha256 *ret)
{
    struct sha256 hash;
    size_t size = 0;
    if (word.size != BASE64_ENCODED_BYTES(SHA256_BYTES) ||
        base64_decode(word, hash.octets, sizeof hash.octets, &size) != ERR_OK ||
        size != SHA256_BYTES)
        return ERR_MALFORMED;
    *ret = hash;
    return ERR_OK;
}

enum err audit_checkpoint_open(const struct verify_key *key, struct span note,
                               struct audit_tree *ret)
{
    struct span text;
    struct span origin;
    struct span size;
    struct span root;
    struct audit_tree tree;
    if (note.size > AUDIT_CHECKPOINT_BYTES_MAX)
        return ERR_LIMIT;
    TRY(note_open(key, note, &text));
    if (text_line(&text, &origin) != ERR_OK || text_line(&text, &size) != ERR_OK ||
        text_line(&text, &root) != ERR_OK)
        return ERR_MALFORMED;
    if (!span_equal(origin, span_text(key->network)))
        return ERR_NETWORK;
    TRY(text_decimal(size, &tree.size));
    TRY(read_hash(root, &tree.root));
    *ret = tree;
    return ERR_OK;
}

enum err audit_state_write(const struct audit_tree *tree, char *out, size_t out_size,
                           size_t *ret_size)
{
    char root[SHA256_TEXT_BYTES];
    sha256_to_text(&tree->root, root);
    struct line_writer w = {.out = out, .out_size = out_size};
    text_put_format(&w, STATE_TITLE "\nsize %llu\nroot %s\n", (unsigned long long)tree->size, root);
    if (w.err == ERR_OK)
        *ret_size = w.size;
    return w.err;
}

enum err audit_state_read(struct span text, struct audit_tree *ret)
{
    struct span line;
    struct span size;
    struct span root;
    struct audit_tree tree;
    if (text_line(&text, &line) != ERR_OK)
        return ERR_MALFORMED;
    if (!span_equal(line, span_text(STATE_TITLE)))
        return ERR_UNSUPPORTED;
    if (text_keyword_line(&text, "size", &size, 2) != ERR_OK ||
        text_keyword_line(&text, "root", &root, 2) != ERR_OK || text.size > 0)
        return ERR_MALFORMED;
    TRY(text_decimal(size, &tree.size));
    TRY(sha256_from_text(root, &tree.root));
    *ret = tree;
    return ERR_OK;
}

enum err audit_proof_write(uint64_t index, const struct merkle_proof *proof, struct span checkpoint,
                           char *out, size_t out_size, size_t *ret_size)
{
    struct line_writer w = {.out = out, .out_size = out_size};
    text_put_format(&w, "c2sp.org/tlog-proof@v1\nindex %llu\n", (unsigned long long)index);
    for (unsigned i = 0; i < proof->count; i++)
        put_hash_line(&w, &proof->hashes[i]);
    text_put(&w, span_text("\n"));
    text_put(&w, checkpoint);
    if (w.err == ERR_OK)
        *ret_size = w.size;
    return w.err;
}
