/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of any octets: what is taken has the form that the table of fields says, and means the
 * same when it is written and read again. */
#include <stdlib.h>

#include "issuer/json_body.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT, UTF8, LINES, NUMBER, FLAG, TEXTS, OBJECT };

static const struct json_field fields[] = {
    [TEXT] = {"t", JSON_KIND_TEXT, false, 1, 16},
    [UTF8] = {"u", JSON_KIND_UTF8, false, 0, 16},
    [LINES] = {"l", JSON_KIND_LINES, false, 0, 16},
    [NUMBER] = {"n", JSON_KIND_NUMBER, false, 3, 99},
    [FLAG] = {"f", JSON_KIND_FLAG, false, 0, 0},
    [TEXTS] = {"s", JSON_KIND_TEXTS, false, 1, 4},
    [OBJECT] = {"o", JSON_KIND_OBJECT, false, 1, 4},
    {0},
};

static void check_text(struct span text, size_t min, size_t max, bool lines, bool utf8)
{
    if (text.data == NULL)
        return;
    CHECK(text.size >= min && text.size <= max);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        CHECK(c >= ' ' || (lines && (c == '\r' || c == '\n')));
        CHECK(c != 0x7F && (c < 0x80 || utf8));
    }
}

static void check_body(const struct json_body *body)
{
    check_text(json_body_text(body, TEXT), 1, 16, false, false);
    check_text(json_body_text(body, UTF8), 0, 16, false, true);
    check_text(json_body_text(body, LINES), 0, 16, true, false);
    uint64_t number = json_body_number(body, NUMBER, 3);
    CHECK(number >= 3 && number <= 99);
    (void)json_body_flag(body, FLAG, false);
    CHECK(json_body_count(body, TEXTS) <= JSON_BODY_LIST_MAX);
    for (size_t i = 0; i < json_body_count(body, TEXTS); i++)
        check_text(json_body_item(body, TEXTS, i), 1, 4, false, false);
    check_text(json_body_member(body, OBJECT, "k"), 1, 4, false, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_body body = {0}, again = {0};
    struct problem why = {0};
    if (json_body_read(span_of(data, size), fields, &body, &why) != ERR_OK) {
        CHECK(why.detail[0] != '\0' && (why.type == PROBLEM_JSON || why.type == PROBLEM_FIELD));
        CHECK(body.root == NULL);
        return 0;
    }
    check_body(&body);
    char *text = json_dumps(body.root, JSON_COMPACT);
    CHECK(text != NULL);
    CHECK(json_body_read(span_text(text), fields, &again, &why) == ERR_OK);
    CHECK(json_equal(body.root, again.root));
    free(text);
    json_body_done(&body);
    json_body_done(&again);
    return 0;
}
