/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/der_write.h"

void der_put_unsigned(struct der_writer *w, struct span number)
{
    while (number.size > 0 && number.data[0] == 0) {
        number.data++;
        number.size--;
    }
    size_t mark = w->used;
    der_put(w, number.data, number.size);
    /* Zero is one zero octet; a leading one bit would make the number negative. */
    if (number.size == 0 || number.data[0] & 0x80)
        der_put_octet(w, 0);
    der_put_header(w, DER_INTEGER, mark);
}

enum err der_writer_finish(struct der_writer *w, size_t *ret_size)
{
    if (w->err != ERR_OK)
        return w->err;
    size_t gap = w->capacity - w->used;
    if (w->start != NULL && gap != 0)
        memmove(w->start, w->start + gap, w->used);
    *ret_size = w->used;
    return ERR_OK;
}
