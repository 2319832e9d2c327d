/* SPDX-License-Identifier: Apache-2.0 */
/* Files from a worker's store: sent from the pages of the file, never through the map. Where the
 * worker could read the octets in memory there is nothing readable. */
#include "edge/worker_file.h"
#include "lib/os/file_map.h"
#include "tests/unit/file_fixture.h"
#include "tests/unit/worker_world.h"

#include <signal.h>
#include <sys/mman.h>

#define FILE_BYTES  (40 * CONN_PIECE_BYTES + 777)
#define FILE_OFFSET 4096u /* of the blob in the store's file */
#define GET_FILE    "GET /f HTTP/1.1\r\nHost: a\r\n\r\n"

static struct {
    uint8_t blob[FILE_BYTES];
    uint8_t got[FILE_BYTES];
    FILE *file;
    uint8_t *map;
    struct path_table *table;
    int error;
} f;

static int file_setup(void **state)
{
    int result = setup(state);
    struct fixture_random r = fixture_random_of(11);
    fixture_random_fill(&r, f.blob, sizeof f.blob);
    f.file = tmpfile();
    assert_non_null(f.file);
    assert_int_equal(fseek(f.file, FILE_OFFSET, SEEK_SET), 0);
    assert_int_equal(fwrite(f.blob, 1, sizeof f.blob, f.file), sizeof f.blob);
    assert_int_equal(fflush(f.file), 0);
    struct store_map *map = &t.config.map;
    map->fd = fileno(f.file);
    f.map = mmap(NULL, FILE_OFFSET + FILE_BYTES, PROT_READ, MAP_SHARED, map->fd, 0);
    assert_true(f.map != MAP_FAILED);
    assert_int_equal(file_map_find(map->fd, &map->base, &map->bytes), ERR_OK);
    assert_ptr_equal(map->base, f.map);
    assert_true(map->bytes >= FILE_OFFSET + FILE_BYTES);
    struct file_fixture row = {"/f", span_of(f.map + FILE_OFFSET, FILE_BYTES), NULL, 5, 0, 0};
    f.table = file_fixture_table(&row, 1);
    t.fixture.snapshot->paths = f.table;
    return result;
}

static int file_teardown(void **state)
{
    int result = teardown(state);
    munmap(f.map, FILE_OFFSET + FILE_BYTES);
    fclose(f.file);
    return result;
}

/* From here on only the kernel gets at the octets, through the file. */
static void start_blind(void)
{
    assert_int_equal(mprotect(f.map, FILE_OFFSET + FILE_BYTES, PROT_NONE), 0);
    start_worker();
}

static void hear_head(int fd, size_t content_bytes)
{
    char head[RESPONSE_MAX + 1] = "";
    size_t size = 0;
    while (size < 4 || memcmp(head + size - 4, "\r\n\r\n", 4) != 0) {
        assert_true(size < RESPONSE_MAX);
        assert_int_equal(take(fd, head + size, 1, 0), 1);
        size++;
    }
    head[size] = '\0';
    assert_int_equal(content_length(head), content_bytes);
}

/* Up to `size` octets of a body, fewer when the connection ends before: f.error says how. */
static size_t hear_octets(int fd, size_t size)
{
    size_t have = 0;
    ssize_t n = 1;
    while (have < size && (n = take(fd, f.got + have, size - have, 0)) > 0)
        have += (size_t)n;
    f.error = n < 0 ? errno : 0;
    return have;
}

static void whole_file(void **state)
{
    (void)state;
    start_blind();
    int fd = client();
    for (unsigned i = 0; i < 3; i++) {
        say(fd, GET_FILE);
        hear_head(fd, FILE_BYTES);
        assert_int_equal(hear_octets(fd, FILE_BYTES), FILE_BYTES);
        assert_memory_equal(f.got, f.blob, FILE_BYTES);
        memset(f.got, 0, sizeof f.got);
        ask(fd, i); /* and the connection is as before */
        hear_statement(fd, i);
    }
    shutdown(fd, SHUT_WR);
    hear_end(fd);
    wait_counter(SERVE_OPEN, 0);
}

/* Everything asked for at once; answers in order, the file's parts too. */
static void pipelined_parts(void **state)
{
    (void)state;
    start_blind();
    int fd = client_with(16384);
    say(fd, "GET /f HTTP/1.1\r\nHost: a\r\nRange: bytes=1-400000\r\n\r\n"
            "GET /f HTTP/1.1\r\nHost: a\r\nRange: bytes=-300001\r\n\r\n");
    ask(fd, 3);
    hear_head(fd, 400000);
    assert_int_equal(hear_octets(fd, 400000), 400000);
    assert_memory_equal(f.got, f.blob + 1, 400000);
    hear_head(fd, 300001);
    assert_int_equal(hear_octets(fd, 300001), 300001);
    assert_memory_equal(f.got, f.blob + FILE_BYTES - 300001, 300001);
    hear_statement(fd, 3);
    close(fd);
    wait_counter(SERVE_OPEN, 0);
}

/* Behind a file that is not taken yet: a last request as long as three receive buffers, and more
 * behind it. What does not fit is held; when its turn comes the last answer goes together with the
 * close, and only then the worker sees that there is more. */
static void more_behind_the_last(void **state)
{
    (void)state;
    static const char end[] = "\r\nConnection: close\r\n\r\n";
    enum { REQUEST_BYTES = 3 * RING_RECEIVE_BYTES, MORE_BYTES = 4 * RING_RECEIVE_BYTES };
    static char octets[REQUEST_BYTES + MORE_BYTES];
    int head = snprintf(octets, sizeof octets, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    memset(octets + head, 'x', sizeof octets - (size_t)head);
    memcpy(octets + REQUEST_BYTES - strlen(end), end, strlen(end));
    start_blind();
    for (unsigned i = 1; i <= 5; i++) {
        int fd = client_with(4096);
        say(fd, GET_FILE);
        hear_head(fd, FILE_BYTES);
        put(fd, octets, sizeof octets);
        wait_counter(SERVE_PAUSES, i);
        assert_int_equal(hear_octets(fd, FILE_BYTES), FILE_BYTES);
        assert_int_equal(hear(fd)->status, 404);
        hear_end(fd);
        close(fd);
    }
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_ASKED), 5);
}

/* Does not take the file in time: the end, and what was queued at the socket went with it. */
static void slow_reader(void **state)
{
    (void)state;
    t.config.conn.send_timeout_ns = 200 * MS;
    start_blind();
    int fd = client_with(4096);
    say(fd, GET_FILE);
    hear_head(fd, FILE_BYTES);
    wait_counter(serve_counter_end(CONN_END_SEND_TIMEOUT), 1);
    wait_counter(SERVE_OPEN, 0);
    size_t size = hear_octets(fd, FILE_BYTES);
    assert_true(size < FILE_BYTES);
    assert_memory_equal(f.got, f.blob, size);
    assert_int_equal(f.error, ECONNRESET);
    close(fd);
}

/* The file is shorter than its blob should be: a fault of the store, and no endless loop. */
static void short_file(void **state)
{
    (void)state;
    assert_int_equal(ftruncate(fileno(f.file), FILE_OFFSET + FILE_BYTES / 2), 0);
    start_blind();
    int fd = client();
    say(fd, GET_FILE);
    hear_head(fd, FILE_BYTES);
    assert_true(hear_octets(fd, FILE_BYTES) < FILE_BYTES);
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_SEND_ERROR), 1);
    close(fd);
}

static void client_leaves(void **state)
{
    (void)state;
    start_blind();
    for (unsigned i = 0; i < 20; i++) {
        int fd = client_with(i % 2 == 0 ? 4096 : 0);
        say(fd, GET_FILE);
        hear_head(fd, FILE_BYTES);
        (void)hear_octets(fd, 1000 * i);
        close(fd);
    }
    wait_counter(SERVE_OPEN, 0);
}

static void no_map(void **state)
{
    (void)state;
    const uint8_t *base = NULL;
    size_t bytes = 0;
    FILE *other = tmpfile();
    assert_non_null(other);
    assert_int_equal(file_map_find(fileno(other), &base, &bytes), ERR_NOT_FOUND);
    fclose(other);
    t.config.map.base = NULL; /* copied, then */
    start_worker();
    int fd = client();
    say(fd, GET_FILE);
    hear_head(fd, FILE_BYTES);
    assert_int_equal(hear_octets(fd, FILE_BYTES), FILE_BYTES);
    assert_memory_equal(f.got, f.blob, FILE_BYTES);
    close(fd);
    wait_counter(SERVE_OPEN, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, file_setup, file_teardown)
    const struct CMUnitTest tests[] = {
        TEST(whole_file),  TEST(pipelined_parts), TEST(more_behind_the_last),
        TEST(slow_reader), TEST(short_file),      TEST(client_leaves),
        TEST(no_map),
    };
    signal(SIGPIPE, SIG_IGN); /* as in edge/main.c */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
