/* SPDX-License-Identifier: Apache-2.0 */
/* What comes on the control socket, line by line: a request that is understood is within its
 * limits, and means the same when it is written and read again. */
#include <stdlib.h>

#include "bpf/control_request.h"
#include "bpf/shed_words.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_word(const struct shed_word *word)
{
    char text[PREFIX_TEXT_BYTES];
    struct prefix again;
    bool of_prefix = word->kind == SHED_WORD_ALLOW || word->kind == SHED_WORD_DENY;
    CHECK(word->kind < SHED_WORD_COUNT && (word->given || !word->takes_back));
    CHECK(word->shed_permille <= CONTROLLER_SHED_ALL_PERMILLE && word->route <= ROUTE_WITHDRAW);
    bool lasts = word->given && !word->takes_back;
    CHECK(lasts ? word->for_s >= 1 && word->for_s <= CONTROL_WORD_MAX_S : word->for_s == 0);
    if (!word->given || !of_prefix)
        return;
    prefix_text(&word->prefix, text);
    CHECK(prefix_parse(span_text(text), &again) == ERR_OK && prefix_same(&word->prefix, &again));
}

static bool word_equal(const struct shed_word *a, const struct shed_word *b)
{
    return a->kind == b->kind && a->given == b->given && a->takes_back == b->takes_back &&
           prefix_same(&a->prefix, &b->prefix) && a->shed_permille == b->shed_permille &&
           a->route == b->route && a->for_s == b->for_s;
}

static void read_line(struct span line)
{
    json_t *request, *same;
    struct shed_word word, again;
    const char *why = NULL;
    if (control_request_read(line, &request) != ERR_OK)
        return;
    enum err err = shed_word_read(request, &word, &why);
    CHECK(err == ERR_OK || (err == ERR_MALFORMED && why != NULL));
    if (err == ERR_OK) {
        check_word(&word);
        char *text = json_dumps(request, JSON_COMPACT);
        CHECK(text != NULL && control_request_read(span_text(text), &same) == ERR_OK);
        CHECK(shed_word_read(same, &again, &why) == ERR_OK && word_equal(&word, &again));
        json_decref(same);
        free(text);
    }
    json_decref(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span left = span_of(data, size), line;
    size_t used;
    while (control_line(left, &line, &used)) {
        CHECK(line.size + 1 == used && used <= left.size && left.data[used - 1] == '\n');
        if (used <= CONTROL_REQUEST_BYTES_MAX)
            read_line(line);
        left = span_of(left.data + used, left.size - used);
    }
    return 0;
}
