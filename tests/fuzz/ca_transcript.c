/* SPDX-License-Identifier: Apache-2.0 */
/* A transcript that is whole takes another line and is whole again. */
#include <stdlib.h>

#include "issuer/ca_transcript.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ca_transcript_end end, longer;
    uint64_t bad_line = 0;
    char *line = NULL;
    if (ca_transcript_read(span_of(data, size), NULL, &end, &bad_line) != ERR_OK) {
        CHECK(bad_line > 0);
        return 0;
    }
    json_t *event = json_pack("{s:s,s:s,s:s}", "did", "x", "time", "t", "operator", "o");
    CHECK(event != NULL && ca_transcript_line(&end, event, &line) == ERR_OK);
    json_decref(event);
    size_t line_size = strlen(line);
    char *all = malloc(size + line_size);
    CHECK(all != NULL);
    if (size > 0)
        memcpy(all, data, size);
    memcpy(all + size, line, line_size);
    CHECK(ca_transcript_read(span_of(all, size + line_size), NULL, &longer, &bad_line) == ERR_OK);
    CHECK(longer.line_count == end.line_count + 1);
    free(all);
    free(line);
    return 0;
}
