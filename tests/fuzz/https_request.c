/* SPDX-License-Identifier: Apache-2.0 */
/* Octets of a connection to the issuer: the verdict is the same whether they come at once or in two
 * pieces (cut where the first octet says), a request lies within them, and its fields, its query
 * and its parameters are of the form that handlers rely on. */
#include <stdlib.h>

#include "issuer/https_query.h"
#include "issuer/https_reader.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum https_done never(void *server, void *worker, const struct https_request *request,
                             struct https_response *response)
{
    (void)server, (void)worker, (void)request, (void)response;
    return HTTPS_ANSWERED;
}

static const struct https_route routes[] = {
    {HTTP_GET, "/", never, 0, 0, NULL},
    {HTTP_GET, "/v1/certificate/{id}", never, 0, 0, NULL},
    {HTTP_GET, "/v1/certificate/by-serial/{ca}/{serial}", never, 0, 0, NULL},
    {HTTP_POST, "/v1/certificate", never, 0, 64, "application/json"},
    {HTTP_POST, "/v1/dcv", never, 0, 64, NULL},
    {HTTP_GET, NULL, NULL, 0, 0, NULL},
};

static bool lies_within(struct span part, struct span whole)
{
    return part.size == 0 ||
           (part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
}

static void check_params(const struct https_request *request)
{
    for (size_t i = 0; i < HTTPS_PARAMS_MAX; i++)
        for (size_t j = 0; j < request->params[i].size; j++)
            CHECK(strchr("/%?#;\\\"' ", request->params[i].data[j]) == NULL);
}

static void check_query(struct span text)
{
    static const char *const names[] = {"a", "san", "limit", NULL};
    struct https_query query;
    struct problem why = {0};
    if (https_query_read(text, names, &query, &why) != ERR_OK) {
        CHECK(why.type == PROBLEM_FIELD && why.detail[0] != '\0');
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        CHECK(lies_within(query.values[i], span_of(query.octets, sizeof query.octets)));
        for (size_t j = 0; j < query.values[i].size; j++)
            CHECK(query.values[i].data[j] >= ' ' && query.values[i].data[j] <= '~');
    }
}

static void check_fields(struct span head)
{
    struct span value;
    bool repeated;
    CHECK(!https_field(head, "Content-Length", &value, &repeated) || !repeated);
    CHECK(!https_field(head, "Host", &value, &repeated) || !repeated);
    CHECK(!https_field(head, "Transfer-Encoding", &value, NULL));
    if (https_field(head, "Authorization", &value, NULL))
        CHECK(lies_within(value, head));
}

static void check_request(const struct https_reader *reader, struct span bytes)
{
    struct https_request request = {0};
    CHECK(reader->total_bytes <= bytes.size);
    https_reader_request(reader, bytes, &request);
    /* Of "https://host" the path is a "/" that nobody sent. */
    CHECK(lies_within(request.path, bytes) || span_equal(request.path, span_text("/")));
    CHECK(lies_within(request.body, bytes) && lies_within(request.head, bytes));
    CHECK(request.body.size <= reader->match.route->body_bytes_max);
    check_params(&request);
    check_query(request.query);
    check_fields(request.head);
}

/* Both readers' whole state, without what points into the octets. */
static void check_same(const struct https_reader *a, const struct https_reader *b)
{
    CHECK(a->keep_alive == b->keep_alive && a->total_bytes == b->total_bytes);
    CHECK(a->is_head == b->is_head && a->match.route == b->match.route);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct https_reader whole = {.routes = routes}, pieces = {.routes = routes};
    struct problem why = {0}, why_pieces = {0};
    if (size == 0 || size > 20000)
        return 0;
    size_t cut = data[0];
    struct span bytes = span_of(data + 1, size - 1);
    enum https_read read = https_reader_step(&whole, bytes, &why), again = HTTPS_READ_MORE;
    if (cut < bytes.size) {
        uint8_t *piece = malloc(cut + 1); /* its end is where the sanitizer watches */
        memcpy(piece, bytes.data, cut);
        again = https_reader_step(&pieces, span_of(piece, cut), &why_pieces);
        free(piece);
    }
    if (again == HTTPS_READ_MORE || again == HTTPS_READ_CONTINUE)
        again = https_reader_step(&pieces, bytes, &why_pieces);
    if (read == HTTPS_READ_CONTINUE || again == HTTPS_READ_CONTINUE)
        return 0;
    CHECK(read == again);
    if (read == HTTPS_READ_REQUEST || read == HTTPS_READ_REFUSED)
        check_same(&whole, &pieces);
    if (read == HTTPS_READ_REFUSED)
        CHECK(why.type == why_pieces.type);
    if (read == HTTPS_READ_REQUEST)
        check_request(&whole, bytes);
    check_fields(SPAN_EMPTY);
    struct span value;
    (void)https_field(bytes, "Authorization", &value, NULL);
    check_query(bytes);
    return 0;
}
