/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the worked examples out of docs/formats.md: each must decode to the values written beside
 * it, and be what the writers make today.
 *
 *   test_formats_doc                           checks the file that STATIM_DOCS/formats.md names
 *   test_formats_doc --generate FILE           writes the examples into FILE anew */
#include "format_examples.h"
#include "format_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "lib/hex.h"

#define DOC_BYTES_MAX         (1 << 18)
#define FENCE_BYTES_MAX       16384
#define OCTETS_ON_A_LINE      32
#define FENCE_TITLE_BYTES_MAX 64

static char doc[DOC_BYTES_MAX];
static size_t doc_size;

static void doc_read(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    doc_size = fread(doc, 1, sizeof doc, file);
    CHECK(doc_size < sizeof doc && fclose(file) == 0);
}

/* The text between ```<kind> <name> and the next ``` line; empty data when there is none. */
static struct span fence_find(const char *kind, const char *name)
{
    char title[FENCE_TITLE_BYTES_MAX];
    int size = snprintf(title, sizeof title, "\n```%s %s\n", kind, name);
    CHECK(size > 0 && size < (int)sizeof title);
    const char *start = memmem(doc, doc_size, title, (size_t)size);
    if (start == NULL)
        return SPAN_EMPTY;
    start += size;
    /* An empty body ends at once. */
    const char *end = memmem(start - 1, doc_size - (size_t)(start - 1 - doc), "\n```\n", 5);
    return end == NULL ? SPAN_EMPTY : span_of(start, (size_t)(end + 1 - start));
}

static const char *content_kind(const struct example *e)
{
    return e->binary ? "hex" : "text";
}

/* Hex with spaces, line ends and comments from # on. */
static size_t hex_fence_decode(struct span text, uint8_t *out, size_t out_size)
{
    size_t size = 0;
    struct span line;
    while (text.size > 0 && text_line(&text, &line) == ERR_OK) {
        char digits[4 * OCTETS_ON_A_LINE];
        size_t count = 0;
        for (size_t i = 0; i < line.size && line.data[i] != '#'; i++) {
            if (line.data[i] == ' ')
                continue;
            CHECK(count < sizeof digits);
            digits[count++] = (char)line.data[i];
        }
        size_t decoded;
        CHECK(hex_decode(span_of(digits, count), out + size, out_size - size, &decoded) == ERR_OK);
        size += decoded;
    }
    return size;
}

static size_t example_content(const struct example *e, uint8_t *out, size_t out_size)
{
    struct span fence = fence_find(content_kind(e), e->name);
    if (e->binary)
        return hex_fence_decode(fence, out, out_size);
    CHECK(fence.size <= out_size);
    if (fence.size > 0)
        memcpy(out, fence.data, fence.size);
    return fence.size;
}

static void every_example_reads_as_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        const struct example *e = &examples[i];
        uint8_t buffer[EXAMPLE_BYTES_MAX];
        char values[FENCE_BYTES_MAX];
        size_t size = example_content(e, buffer, sizeof buffer);
        if (size == 0)
            fail_msg("no fence ```%s %s", content_kind(e), e->name);
        uint8_t *octets = fixture_copy(buffer, size);
        struct line_writer w = {.out = values, .out_size = sizeof values};
        e->describe(span_of(octets, size), &w);
        free(octets);
        assert_int_equal(w.err, ERR_OK);
        if (!span_equal(span_of(values, w.size), fence_find("values", e->name)))
            fail_msg("%s reads as:\n%.*s", e->name, (int)w.size, values);
    }
}

static void every_example_is_what_is_written_today(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        const struct example *e = &examples[i];
        uint8_t in_doc[EXAMPLE_BYTES_MAX];
        uint8_t made[EXAMPLE_BYTES_MAX];
        size_t size = example_content(e, in_doc, sizeof in_doc);
        if (!span_equal(span_of(made, e->make(made)), span_of(in_doc, size)))
            fail_msg("%s: run test_formats_doc --generate", e->name);
    }
}

/* The examples are one publication: what one says of another is true. */
static void the_examples_belong_together(void **state)
{
    (void)state;
    static const struct {
        const char *named;
        const char *by;
        const char *field;
    } rows[] = {
        {"pack", "log-entry", "pack"},      {"pack", "index", "pack"},
        {"log-entry", "index", "log hash"}, {"log-entry", "head", "log hash"},
        {"index", "head", "index hash"},    {"log-entry", "position", "log hash"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t octets[EXAMPLE_BYTES_MAX];
        char line[128];
        char hash_text[SHA256_TEXT_BYTES];
        const struct example *named = examples;
        while (strcmp(named->name, rows[i].named) != 0)
            named++;
        size_t size = example_content(named, octets, sizeof octets);
        struct sha256 hash = sha256_of(span_of(octets, size));
        sha256_to_text(&hash, hash_text);
        int line_size = snprintf(line, sizeof line, "%s: %s\n", rows[i].field, hash_text);
        struct span values = fence_find("values", rows[i].by);
        assert_non_null(values.data);
        assert_non_null(memmem(values.data, values.size, line, (size_t)line_size));
    }
}

static void put_hex_lines(struct line_writer *w, struct span octets, const char *label)
{
    for (size_t at = 0; at < octets.size; at += OCTETS_ON_A_LINE) {
        char hex[2 * OCTETS_ON_A_LINE + 1];
        size_t rest = octets.size - at;
        size_t size = rest < OCTETS_ON_A_LINE ? rest : OCTETS_ON_A_LINE;
        CHECK(hex_encode(span_of(octets.data + at, size), hex, sizeof hex) == ERR_OK);
        text_put_format(w, "%s%s%s\n", hex, at == 0 ? "  # " : "", at == 0 ? label : "");
    }
}

static void put_content(struct line_writer *w, const struct example *e, struct span octets)
{
    if (!e->binary) {
        text_put(w, octets);
        return;
    }
    for (const struct example_cut *cut = e->cuts; cut->size != 0; cut++) {
        CHECK(cut->size <= octets.size);
        put_hex_lines(w, span_of(octets.data, cut->size), cut->label);
        octets = span_of(octets.data + cut->size, octets.size - cut->size);
    }
    CHECK(octets.size == 0);
}

static void fence_replace(const char *kind, const char *name, struct span text)
{
    struct span old = fence_find(kind, name);
    if (old.data == NULL) {
        fprintf(stderr, "no fence ```%s %s\n", kind, name);
        exit(1);
    }
    size_t before = (size_t)(old.data - (const uint8_t *)doc);
    size_t after = doc_size - before - old.size;
    CHECK(before + text.size + after < sizeof doc);
    memmove(doc + before + text.size, doc + before + old.size, after);
    memcpy(doc + before, text.data, text.size);
    doc_size = before + text.size + after;
}

static int generate(const char *path)
{
    doc_read(path);
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        const struct example *e = &examples[i];
        uint8_t octets[EXAMPLE_BYTES_MAX];
        char content[FENCE_BYTES_MAX];
        char values[FENCE_BYTES_MAX];
        struct span made = span_of(octets, e->make(octets));
        struct line_writer w = {.out = content, .out_size = sizeof content};
        put_content(&w, e, made);
        struct line_writer v = {.out = values, .out_size = sizeof values};
        e->describe(made, &v);
        CHECK(w.err == ERR_OK && v.err == ERR_OK);
        fence_replace(content_kind(e), e->name, span_of(content, w.size));
        fence_replace("values", e->name, span_of(values, v.size));
    }
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(doc, 1, doc_size, file) != doc_size || fclose(file) != 0) {
        perror(path);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--generate") == 0)
        return generate(argv[2]);
    const char *folder = getenv("STATIM_DOCS");
    char path[4096];
    int size = snprintf(path, sizeof path, "%s/formats.md", folder != NULL ? folder : "docs");
    CHECK(size > 0 && size < (int)sizeof path);
    doc_read(path);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_reads_as_it_says),
        cmocka_unit_test(every_example_is_what_is_written_today),
        cmocka_unit_test(the_examples_belong_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
