/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/blob_path.h"

/* pchar of RFC 3986 3.3 and "/"; "%" too: escapes stay as they are. */
static bool is_path_octet(uint8_t c)
{
    static const char marks[] = "/-._~%!$&'()*+,;=:@";
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool digit = c >= '0' && c <= '9';
    return letter || digit || (c != 0 && strchr(marks, c) != NULL);
}

bool blob_path_valid(struct span path)
{
    if (path.size == 0 || path.size > PATH_BYTES_MAX || path.data[0] != '/')
        return false;
    for (size_t i = 0; i < path.size; i++)
        if (!is_path_octet(path.data[i]))
            return false;
    return true;
}

/* It is copied into a header field: one "/" between tokens (RFC 9110 8.3.1), no parameters. */
static bool is_media_type(struct span type)
{
    size_t slashes = 0;
    if (type.size < 3 || type.data[0] == '/' || type.data[type.size - 1] == '/')
        return false;
    for (size_t i = 0; i < type.size; i++) {
        uint8_t c = type.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '-' && c != '.' && c != '+' && c != '/')
            return false;
        slashes += c == '/';
    }
    return slashes == 1;
}

static bool is_withdrawn(const struct blob_path *p)
{
    static const struct sha256 none;
    return sha256_equal(&p->blob, &none) && p->media_type.size == 0 && p->modified_s == 0 &&
           p->next_s == 0 && p->expires_s == 0;
}

enum err blob_path_check(const struct blob_path *p)
{
    if (p->path.size > PATH_BYTES_MAX || p->media_type.size > MEDIA_TYPE_MAX ||
        p->blob_bytes > BLOB_BYTES_MAX)
        return ERR_LIMIT;
    if (!blob_path_valid(p->path))
        return ERR_MALFORMED;
    if (p->blob_bytes == 0)
        return is_withdrawn(p) ? ERR_OK : ERR_MALFORMED;
    bool ordered = (p->next_s == 0 || p->next_s >= p->modified_s) &&
                   (p->expires_s == 0 || p->expires_s > p->modified_s);
    return is_media_type(p->media_type) && ordered ? ERR_OK : ERR_MALFORMED;
}

enum err blob_path_read(struct span wire, struct blob_path *ret)
{
    struct wire_reader r = wire_reader_of(wire);
    struct blob_path p = {.path = wire_get(&r, wire_get_u16(&r))};
    struct span hash = wire_get(&r, SHA256_BYTES);
    p.blob_bytes = wire_get_u64(&r);
    p.media_type = wire_get(&r, wire_get_u8(&r));
    p.modified_s = wire_get_u64(&r);
    p.next_s = wire_get_u64(&r);
    p.expires_s = wire_get_u64(&r);
    TRY(wire_reader_end(&r));
    memcpy(p.blob.octets, hash.data, SHA256_BYTES);
    TRY(blob_path_check(&p));
    *ret = p;
    return ERR_OK;
}

enum err blob_path_write(const struct blob_path *p, uint8_t *out, size_t out_size, size_t *ret_size)
{
    TRY(blob_path_check(p));
    struct wire_writer w = wire_writer_of(out, out_size);
    wire_put_u16(&w, (uint16_t)p->path.size);
    wire_put(&w, p->path);
    wire_put(&w, span_of(p->blob.octets, SHA256_BYTES));
    wire_put_u64(&w, p->blob_bytes);
    wire_put_u8(&w, (uint8_t)p->media_type.size);
    wire_put(&w, p->media_type);
    wire_put_u64(&w, p->modified_s);
    wire_put_u64(&w, p->next_s);
    wire_put_u64(&w, p->expires_s);
    TRY(w.err);
    *ret_size = w.size;
    return ERR_OK;
}
