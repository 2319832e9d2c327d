/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets as a CRL: what is read lies inside them, entry by entry. */
#include "lib/check.h"
#include "lib/crl_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct span whole, struct span part)
{
    if (part.size == 0)
        return;
    CHECK(part.data >= whole.data && part.size <= whole.size &&
          part.data + part.size <= whole.data + whole.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct crl crl;
    struct span whole = span_of(data, size);
    if (crl_open(whole, &crl) != ERR_OK)
        return 0;
    const struct span parts[] = {crl.tbs,    crl.algorithm, crl.signature,
                                 crl.issuer, crl.number,    crl.base_number,
                                 crl.key_id, crl.url,       crl.entries};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        check_inside(whole, parts[i]);
    struct span urls = crl.urls, url;
    for (size_t left = urls.size; crl_url_next(&urls, &url) == ERR_OK; left = urls.size) {
        check_inside(whole, url);
        CHECK(urls.size < left);
    }
    struct crl_cursor cursor;
    struct crl_entry entry;
    enum err err = ERR_OK;
    crl_cursor_start(&cursor, &crl);
    size_t count = 0;
    while ((err = crl_cursor_next(&cursor, &entry)) == ERR_OK) {
        CHECK(entry.serial.size >= 1 && entry.serial.size <= SERIAL_BYTES_MAX);
        CHECK(reason_valid(entry.reason));
        count++;
    }
    CHECK(count <= crl.entries.size / 2);
    /* The end is the end of the list, an error stays one. */
    CHECK(err != ERR_NOT_FOUND || crl.entries.size == 0 ||
          cursor.reader.at == crl.entries.data + crl.entries.size);
    uint64_t number;
    (void)!crl_number(crl.number, &number);
    (void)crl_number_compare(crl.number, crl.base_number);
    return 0;
}
