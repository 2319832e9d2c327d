/* SPDX-License-Identifier: Apache-2.0 */
/* An If-None-Match value of any octets: put before or after a list that matches, a well-formed one
 * keeps it matching and a malformed one never does. */
#include "lib/check.h"
#include "lib/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX 4096

static uint8_t list[INPUT_BYTES_MAX + 64];

static bool matches_with(const char *before, struct span value, const char *after)
{
    size_t before_size = strlen(before), after_size = strlen(after);
    memcpy(list, before, before_size);
    memcpy(list + before_size, value.data, value.size);
    memcpy(list + before_size + value.size, after, after_size);
    return http_etag_matches(span_of(list, before_size + value.size + after_size),
                             span_text("\"t\""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span value = span_of(data, size), path;
    if (size > INPUT_BYTES_MAX)
        return 0;
    bool matches = http_etag_matches(value, span_text("\"t\""));
    bool star = matches && !matches_with("\"t\",", value, "");
    if (star) /* only "*" is well-formed alone and not in a list */
        CHECK(memchr(data, '*', size) != NULL && memchr(data, '"', size) == NULL);
    else
        CHECK(!matches || matches_with("", value, " , \"t\""));
    if (http_target_path(value, &path) && data[0] == '/')
        CHECK(path.data == data && path.size == size);
    return 0;
}
