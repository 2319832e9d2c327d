/* SPDX-License-Identifier: Apache-2.0 */
/* A command line of any words, each ended by a zero octet: what is taken lies within its limits,
 * and what is not says why. */
#include <stdlib.h>
#include <string.h>

#include "bench/load/options.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX 4096
#define WORDS_MAX       64

static void check_place(const struct load_options *o)
{
    size_t host_size = strlen(o->host), prefix_size = strlen(o->prefix);
    CHECK(host_size > 0 && host_size <= LOAD_HOST_MAX);
    CHECK(prefix_size > 0 && prefix_size <= LOAD_PREFIX_MAX);
    CHECK(o->prefix[0] == '/' && o->prefix[prefix_size - 1] == '/');
    CHECK(strspn(o->port, "0123456789") == strlen(o->port));
    CHECK(o->port[0] != 0 && o->port[0] != '0');
    /* Nothing that could end a line of the request. */
    for (size_t i = 0; i < host_size; i++)
        CHECK(o->host[i] > ' ' && o->host[i] <= '~');
    for (size_t i = 0; i < prefix_size; i++)
        CHECK(o->prefix[i] > ' ' && o->prefix[i] <= '~');
    for (uint32_t i = 0; i < o->path_count; i++)
        for (const char *c = o->paths[i]; *c != '\0'; c++)
            CHECK(*c > ' ' && *c <= '~');
}

static void check_amount(const struct load_options *o)
{
    CHECK(o->connections >= 1 && o->connections <= LOAD_CONNECTIONS_MAX);
    CHECK(o->threads >= 1 && o->threads <= LOAD_THREADS_MAX && o->path_count <= LOAD_PATHS_MAX);
    CHECK(o->duration_s >= 0.1 && o->duration_s <= LOAD_DURATION_MAX_S && o->warmup_s >= 0);
    CHECK(o->timeout_s > 0 && o->lag_max_s > 0 && o->signature_sample >= 1);
    CHECK(o->rate_per_s == 0 || (o->rate_per_s >= 0.1 && o->rate_per_s <= LOAD_RATE_MAX));
    CHECK(o->zipf >= 0 && o->zipf <= 10 && o->close_share >= 0 && o->close_share <= 1);
    if (o->mode != LOAD_STEADY) {
        CHECK(o->step_count >= 2 && o->step_count <= LOAD_STEPS_MAX);
        CHECK(o->rate_per_s > 0 && o->rate_to_per_s > o->rate_per_s);
        CHECK(o->rate_to_per_s <= LOAD_RATE_MAX);
    }
    CHECK((o->path_count > 0) == (o->issuer_file == NULL && o->serials_file == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[INPUT_BYTES_MAX + 1];
    static char *words[WORDS_MAX + 1];
    static struct load_options o;
    char why[OPTIONS_WHY_BYTES] = "";
    int count = 1;
    if (size > INPUT_BYTES_MAX)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    words[0] = text;
    for (char *word = text; word < text + size && count < WORDS_MAX; word += strlen(word) + 1)
        words[count++] = word;
    words[count] = NULL;
    enum options_found found = load_options_read(count, words, &o, why);
    CHECK((found == OPTIONS_BAD) == (why[0] != '\0') && strlen(why) < sizeof why);
    if (found == OPTIONS_RUN) {
        check_place(&o);
        check_amount(&o);
    }
    return 0;
}
