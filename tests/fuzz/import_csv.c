/* SPDX-License-Identifier: Apache-2.0 */
/* Any line gives a record that can be stored and read back, or words that say what is wrong. */
#include "lib/check.h"
#include "presigner/import_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct import_line line;
    const char *why = NULL;
    enum err header = import_csv_header(span_of(data, size), &why);
    CHECK((header == ERR_UNSUPPORTED) == (why != NULL));
    why = NULL;
    if (import_csv_line(span_of(data, size), &line, &why) != ERR_OK) {
        CHECK(why != NULL);
        return 0;
    }
    uint8_t wire[CERT_RECORD_BYTES];
    struct cert_record again;
    CHECK(line.serial.size >= 1 && line.serial.size <= SERIAL_BYTES_MAX);
    cert_record_write(&line.record, wire);
    CHECK(cert_record_read(span_of(wire, sizeof wire), &again) == ERR_OK);
    CHECK(again.not_after_s == line.record.not_after_s);
    return 0;
}
