/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/note.h"

#include "lib/base64.h"
#include "lib/textline.h"

#define SIGNATURE_LINES_MAX  16
#define SIGNATURE_PREFIX     "\xe2\x80\x94 " /* em dash, space */
#define NOTE_SIGNATURE_BYTES (PUBLISH_KEY_ID_BYTES + ED25519_SIGNATURE_BYTES)
/* base64 digits that hold the key id: 6 octets in 8 digits, of which 4 count. */
#define KEY_ID_DIGITS 8

static bool text_valid(struct span text)
{
    if (text.size == 0 || text.data[text.size - 1] != '\n')
        return false;
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] < 0x20 && text.data[i] != '\n') || text.data[i] == 0x7f)
            return false;
    return true;
}

enum err note_sign(const struct publish_key *key, struct span text, char *out, size_t out_size,
                   size_t *ret_size)
{
    if (!text_valid(text))
        return ERR_MALFORMED;
    const struct verify_key *public_half = publish_key_public(key);
    uint8_t octets[NOTE_SIGNATURE_BYTES];
    memcpy(octets, public_half->id, PUBLISH_KEY_ID_BYTES);
    TRY(publish_key_sign(key, text, octets + PUBLISH_KEY_ID_BYTES));
    char base64[BASE64_ENCODED_BYTES(NOTE_SIGNATURE_BYTES)];
    size_t base64_size;
    TRY(base64_encode(span_of(octets, sizeof octets), base64, sizeof base64, &base64_size));

    struct line_writer w = {.out = out, .out_size = out_size};
    text_put(&w, text);
    text_put(&w, span_text("\n" SIGNATURE_PREFIX));
    text_put(&w, span_text(public_half->network));
    text_put(&w, span_text(" "));
    text_put(&w, span_of(base64, base64_size));
    text_put(&w, span_text("\n"));
    if (w.err == ERR_OK)
        *ret_size = w.size;
    return w.err;
}

/* The last empty line parts text and signatures: the text may have empty lines of its own. */
static enum err note_split(struct span note, struct span *ret_text, struct span *ret_signatures)
{
    for (size_t i = note.size; i >= 2; i--) {
        if (note.data[i - 1] == '\n' && note.data[i - 2] == '\n') {
            *ret_text = span_of(note.data, i - 1);
            *ret_signatures = span_of(note.data + i, note.size - i);
            return ERR_OK;
        }
    }
    return ERR_MALFORMED;
}

/* One signature line -> ERR_KEY when it is of another key, else what verifying says. */
static enum err check_line(const struct verify_key *key, struct span text, struct span line)
{
    size_t prefix = sizeof SIGNATURE_PREFIX - 1;
    struct span words[2];
    if (line.size < prefix || memcmp(line.data, SIGNATURE_PREFIX, prefix) != 0)
        return ERR_MALFORMED;
    TRY(text_words(span_of(line.data + prefix, line.size - prefix), words, 2));
    if (!span_equal(words[0], span_text(key->network)))
        return ERR_KEY;
    /* The same name may stand for other keys, of other algorithms and signature sizes. */
    uint8_t octets[NOTE_SIGNATURE_BYTES];
    size_t size;
    if (words[1].size < KEY_ID_DIGITS || base64_decode(span_of(words[1].data, KEY_ID_DIGITS),
                                                       octets, sizeof octets, &size) != ERR_OK)
        return ERR_MALFORMED;
    if (size < PUBLISH_KEY_ID_BYTES)
        return ERR_MALFORMED;
    if (memcmp(octets, key->id, PUBLISH_KEY_ID_BYTES) != 0)
        return ERR_KEY;
    if (words[1].size != BASE64_ENCODED_BYTES(NOTE_SIGNATURE_BYTES) ||
        base64_decode(words[1], octets, sizeof octets, &size) != ERR_OK || size != sizeof octets)
        return ERR_MALFORMED;
    return verify_key_verify(key, text, octets + PUBLISH_KEY_ID_BYTES);
}

enum err note_open(const struct verify_key *key, struct span note, struct span *ret_text)
{
    struct span text;
    struct span signatures;
    TRY(note_split(note, &text, &signatures));
    if (!text_valid(text) || !text_valid(signatures))
        return ERR_MALFORMED;
    bool verified = false;
    for (int lines = 0; signatures.size > 0; lines++) {
        if (lines == SIGNATURE_LINES_MAX)
            return ERR_LIMIT;
        struct span line;
        TRY(text_line(&signatures, &line));
        enum err err = check_line(key, text, line);
        if (err != ERR_OK && err != ERR_KEY)
            return err;
        verified = verified || err == ERR_OK;
    }
    if (!verified)
        return ERR_KEY;
    *ret_text = text;
    return ERR_OK;
}
