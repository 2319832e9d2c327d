/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/control_request.h"

#include <string.h>

bool control_line(struct span octets, struct span *ret_line, size_t *ret_used)
{
    const uint8_t *end = octets.size > 0 ? memchr(octets.data, '\n', octets.size) : NULL;
    if (end == NULL)
        return false;
    size_t size = (size_t)(end - octets.data);
    *ret_line = span_of(octets.data, size);
    *ret_used = size + 1;
    return true;
}

enum err control_request_read(struct span line, json_t **ret)
{
    json_error_t error;
    json_t *request =
        json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(request)) {
        json_decref(request);
        return ERR_MALFORMED;
    }
    *ret = request;
    return ERR_OK;
}
