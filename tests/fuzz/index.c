/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is refused, or makes an index that the writer writes again in the same octets. */
#include "lib/check.h"
#include "lib/index.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct index_reader index;
    if (index_open(span_of(data, size), &index) != ERR_OK)
        return 0;
    size_t out_size = size + 1; /* the writer's formatter needs room for a NUL */
    char *out = malloc(out_size);
    CHECK(out != NULL);
    struct index_writer w;
    index_writer_start(&w, span_text(index.network), index.log_number, &index.log_hash,
                       index.time_s, out, out_size);
    struct index_line line;
    size_t cursor = 0;
    while (index_next(&index, &cursor, &line)) {
        switch (line.type) {
        case INDEX_TEMPLATE:
            index_writer_template(&w, &line.template_);
            break;
        case INDEX_RANGE:
            index_writer_range(&w, &line.range);
            break;
        case INDEX_TAIL:
            index_writer_tail(&w, &line.range);
            break;
        case INDEX_PATH:
            index_writer_path(&w, &line.path);
            break;
        }
    }
    size_t written;
    CHECK(index_writer_finish(&w, &written) == ERR_OK);
    CHECK(written == size && memcmp(out, data, size) == 0);
    free(out);
    return 0;
}
