/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/serials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/serial.h"

/* Takes the next line that is not empty; false at the end. */
static bool next_line(struct span *rest, uint64_t *line_no, struct span *ret)
{
    while (rest->size > 0) {
        const uint8_t *end = memchr(rest->data, '\n', rest->size);
        size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
        struct span line = span_of(rest->data, size);
        size += end != NULL;
        *rest = span_of(rest->data + size, rest->size - size);
        (*line_no)++;
        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        if (line.size > 0) {
            *ret = line;
            return true;
        }
    }
    return false;
}

/* Goes over all lines: the first time to count and to find the longest, then to keep them. */
static enum err pass(struct span text, struct serials *s, uint64_t *ret_line)
{
    struct span line;
    uint64_t line_no = 0;
    uint64_t count = 0;
    uint32_t stride = s->stride;
    while (next_line(&text, &line_no, &line)) {
        struct serial serial;
        enum err err = count == SERIALS_MAX ? ERR_LIMIT : serial_from_hex(line, &serial);
        if (err != ERR_OK) {
            *ret_line = line_no;
            return err;
        }
        s->sizes[serial.size] = true;
        if (s->octets != NULL) {
            if (count == s->count || serial.size >= s->stride)
                return ERR_IO; /* somebody is writing the file */
            uint8_t *at = s->octets + count * s->stride;
            at[0] = serial.size;
            memcpy(at + 1, serial.octets, serial.size);
        } else if (serial.size + 1u > stride) {
            stride = serial.size + 1u;
        }
        count++;
    }
    s->stride = stride;
    s->count = count;
    *ret_line = 0;
    return count > 0 ? ERR_OK : ERR_MALFORMED;
}

static enum err read_text(struct span text, struct serials *ret, uint64_t *ret_line)
{
    struct serials s = {0};
    TRY(pass(text, &s, ret_line));
    s.octets = malloc(s.count * s.stride);
    if (s.octets == NULL)
        return ERR_MEMORY;
    /* Picked at random: without large pages nearly each look-up misses the TLB as well. */
    (void)madvise((void *)(((uintptr_t)s.octets + 4095) & ~(uintptr_t)4095),
                  s.count * s.stride & ~(size_t)4095, MADV_HUGEPAGE);
    enum err err = pass(text, &s, ret_line);
    if (err != ERR_OK) {
        serials_done(&s);
        return err;
    }
    *ret = s;
    return ERR_OK;
}

enum err serials_read(const char *path, struct serials *ret, uint64_t *ret_line)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused, not waited for */
    struct stat st;
    *ret_line = 0;
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return ERR_IO;
    }
    if (st.st_size == 0) {
        close(fd);
        return ERR_MALFORMED;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return ERR_IO;
    enum err err = read_text(span_of(map, (size_t)st.st_size), ret, ret_line);
    munmap(map, (size_t)st.st_size);
    return err;
}

void serials_done(struct serials *serials)
{
    free(serials->octets);
    serials->octets = NULL;
}
