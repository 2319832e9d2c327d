/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a head is refused or written again in the same octets; a note under a fixed key and
 * the text of a verifier key are refused or make sense. */
#include "lib/check.h"
#include "lib/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_head_text(struct span text)
{
    struct head head;
    char out[HEAD_BYTES_MAX + 1];
    size_t size;
    if (head_text_read(text, &head) != ERR_OK)
        return;
    CHECK(head_text_write(&head, out, sizeof out, &size) == ERR_OK);
    CHECK(span_equal(span_of(out, size), text));
}

static void read_note(struct span note)
{
    struct verify_key key;
    struct span text;
    CHECK(verify_key_from_text(
              span_text("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"),
              &key) == ERR_OK);
    if (note_open(&key, note, &text) == ERR_OK)
        CHECK(text.data == note.data && text.size > 0 && text.size < note.size);
}

static void read_key_text(struct span text)
{
    struct verify_key key;
    char out[VKEY_TEXT_BYTES];
    if (verify_key_from_text(text, &key) != ERR_OK)
        return;
    verify_key_to_text(&key, out);
    CHECK(strlen(out) == text.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = span_of(data, size);
    read_head_text(all);
    read_note(all);
    read_key_text(all);
    return 0;
}
