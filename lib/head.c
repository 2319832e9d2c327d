/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/head.h"

#include "lib/textline.h"

#define HEAD_TITLE "statim-head v1"

static bool hash_zero(const struct sha256 *hash)
{
    static const struct sha256 zero;
    return sha256_equal(hash, &zero);
}

static enum err head_numbers_check(const struct head *head)
{
    if (head->log_last == UINT64_MAX || head->log_first == 0 ||
        head->log_first > head->log_last + 1)
        return ERR_RANGE;
    if ((head->log_last == 0) != hash_zero(&head->log_hash))
        return ERR_RANGE;
    if (head->index_log > head->log_last || head->log_first > head->index_log + 1)
        return ERR_RANGE;
    if ((head->index_bytes == 0) != hash_zero(&head->index_hash))
        return ERR_RANGE;
    if (head->index_bytes == 0 && head->index_log != 0)
        return ERR_RANGE;
    return head->valid_until_s < head->time_s ? ERR_RANGE : ERR_OK;
}

enum err head_text_write(const struct head *head, char *out, size_t out_size, size_t *ret_size)
{
    TRY(network_name_check(span_text(head->network)));
    TRY(head_numbers_check(head));
    char log[SHA256_TEXT_BYTES];
    char index[SHA256_TEXT_BYTES];
    char previous[SHA256_TEXT_BYTES];
    sha256_to_text(&head->log_hash, log);
    sha256_to_text(&head->index_hash, index);
    sha256_to_text(&head->previous, previous);
    struct line_writer w = {.out = out, .out_size = out_size};
    text_put_format(&w, HEAD_TITLE "\nnetwork %s\n", head->network);
    text_put_format(&w, "log %llu %llu %s\n", (unsigned long long)head->log_first,
                    (unsigned long long)head->log_last, log);
    text_put_format(&w, "time %llu\nvalid-until %llu\n", (unsigned long long)head->time_s,
                    (unsigned long long)head->valid_until_s);
    text_put_format(&w, "index %llu %llu %s\n", (unsigned long long)head->index_log,
                    (unsigned long long)head->index_bytes, index);
    text_put_format(&w, "previous %s\n", previous);
    if (w.err == ERR_OK)
        *ret_size = w.size;
    return w.err;
}

static enum err read_lines(struct span *text, struct head *head)
{
    struct span line;
    struct span words[3];
    TRY(text_line(text, &line));
    if (!span_equal(line, span_text(HEAD_TITLE)))
        return ERR_UNSUPPORTED;
    TRY(text_keyword_line(text, "network", words, 2));
    TRY(network_name_check(words[0]));
    memcpy(head->network, words[0].data, words[0].size);
    TRY(text_keyword_line(text, "log", words, 4));
    TRY(text_decimal(words[0], &head->log_first));
    TRY(text_decimal(words[1], &head->log_last));
    TRY(sha256_from_text(words[2], &head->log_hash));
    TRY(text_keyword_line(text, "time", words, 2));
    TRY(text_decimal(words[0], &head->time_s));
    TRY(text_keyword_line(text, "valid-until", words, 2));
    TRY(text_decimal(words[0], &head->valid_until_s));
    TRY(text_keyword_line(text, "index", words, 4));
    TRY(text_decimal(words[0], &head->index_log));
    TRY(text_decimal(words[1], &head->index_bytes));
    TRY(sha256_from_text(words[2], &head->index_hash));
    TRY(text_keyword_line(text, "previous", words, 2));
    return sha256_from_text(words[0], &head->previous);
}

enum err head_text_read(struct span text, struct head *ret)
{
    if (text.size > HEAD_BYTES_MAX)
        return ERR_LIMIT;
    struct head head = {.network = ""};
    TRY(read_lines(&text, &head));
    if (text.size > 0)
        return ERR_TRAILING;
    TRY(head_numbers_check(&head));
    *ret = head;
    return ERR_OK;
}

enum err head_write(const struct publish_key *key, const struct head *head, char *out,
                    size_t out_size, size_t *ret_size)
{
    if (strcmp(head->network, publish_key_public(key)->network) != 0)
        return ERR_NETWORK;
    char text[HEAD_BYTES_MAX];
    size_t size;
    TRY(head_text_write(head, text, sizeof text, &size));
    return note_sign(key, span_of(text, size), out, out_size, ret_size);
}

enum err head_open(const struct verify_key *key, struct span note, struct head *ret)
{
    if (note.size > HEAD_BYTES_MAX)
        return ERR_LIMIT;
    struct span text;
    struct head head;
    TRY(note_open(key, note, &text));
    TRY(head_text_read(text, &head));
    if (strcmp(head.network, key->network) != 0)
        return ERR_NETWORK;
    *ret = head;
    return ERR_OK;
}

enum err head_check(const struct head *head, uint64_t log_applied,
                    const struct sha256 *log_applied_hash, uint64_t now_s)
{
    if (now_s > head->valid_until_s)
        return ERR_EXPIRED;
    if (head->time_s > now_s && head->time_s - now_s > HEAD_SKEW_S)
        return ERR_FUTURE;
    if (head->log_last < log_applied)
        return ERR_REPLAY;
    if (head->log_last == log_applied && !sha256_equal(&head->log_hash, log_applied_hash))
        return ERR_CHAIN;
    return ERR_OK;
}
