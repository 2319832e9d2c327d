/* SPDX-License-Identifier: Apache-2.0 */
/* docs/openapi.yaml against the tables of routes and problems: neither has what the other lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <yaml.h>

#include "issuer/problem.h"
#include "issuer/rest.h"
#include "issuer/role.h"

static yaml_document_t document;

static int load(void **state)
{
    yaml_parser_t parser;
    (void)state;
    FILE *file = fopen(DOCS "/openapi.yaml", "r");
    if (file == NULL || yaml_parser_initialize(&parser) != 1)
        return 1;
    yaml_parser_set_input_file(&parser, file);
    int loaded = yaml_parser_load(&parser, &document);
    yaml_parser_delete(&parser);
    fclose(file);
    return loaded == 1 ? 0 : 1;
}

static int unload(void **state)
{
    (void)state;
    yaml_document_delete(&document);
    return 0;
}

static yaml_node_t *node(int index)
{
    return yaml_document_get_node(&document, index);
}

static const char *text_of(const yaml_node_t *n)
{
    assert_int_equal(n->type, YAML_SCALAR_NODE);
    return (const char *)n->data.scalar.value;
}

/* NULL: there is no such member. */
static yaml_node_t *member(const yaml_node_t *mapping, const char *name)
{
    assert_int_equal(mapping->type, YAML_MAPPING_NODE);
    for (yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
         p < mapping->data.mapping.pairs.top; p++)
        if (strcmp(text_of(node(p->key)), name) == 0)
            return node(p->value);
    return NULL;
}

static yaml_node_t *at(const char *const *names)
{
    yaml_node_t *n = yaml_document_get_root_node(&document);
    for (; *names != NULL; names++) {
        n = member(n, *names);
        assert_non_null(n);
    }
    return n;
}

static yaml_node_t *paths(void)
{
    static const char *const names[] = {"paths", NULL};
    return at(names);
}

/* "get", "post" */
static const char *method_word(enum http_method method)
{
    return method == HTTP_GET ? "get" : "post";
}

/* The roles of a listener's list; 0 without one. */
static uint32_t roles_of(const yaml_node_t *operation, const char *listener)
{
    uint32_t roles = 0;
    const yaml_node_t *list = member(operation, listener);
    if (list == NULL)
        return 0;
    assert_int_equal(list->type, YAML_SEQUENCE_NODE);
    for (yaml_node_item_t *i = list->data.sequence.items.start; i < list->data.sequence.items.top;
         i++) {
        enum role role;
        assert_int_equal(role_from_text(span_text(text_of(node(*i))), &role), ERR_OK);
        roles |= role;
    }
    return roles;
}

static void check_route(const struct https_route *route, const char *listener)
{
    print_message("%s %s %s\n", listener, method_word(route->method), route->pattern);
    const yaml_node_t *path = member(paths(), route->pattern);
    assert_non_null(path);
    const yaml_node_t *operation = member(path, method_word(route->method));
    assert_non_null(operation);
    assert_int_equal(roles_of(operation, listener), route->roles);
    assert_int_equal(member(operation, "requestBody") != NULL, route->body_bytes_max > 0);
    assert_true(route->body_bytes_max == 0 || strcmp(route->content_type, "application/json") == 0);
    assert_true(route->body_bytes_max <= HTTPS_BODY_BYTES_MAX);
    assert_int_not_equal(route->roles, 0);
}

static void test_every_route_is_described(void **state)
{
    (void)state;
    for (const struct https_route *r = rest_public_routes; r->pattern != NULL; r++)
        check_route(r, "x-public");
    for (const struct https_route *r = rest_internal_routes; r->pattern != NULL; r++)
        check_route(r, "x-internal");
}

static bool has_route(const struct https_route *routes, const char *pattern, const char *method)
{
    for (const struct https_route *r = routes; r->pattern != NULL; r++)
        if (strcmp(r->pattern, pattern) == 0 && strcmp(method_word(r->method), method) == 0)
            return true;
    return false;
}

static void check_operation(const char *pattern, const char *method, const yaml_node_t *operation)
{
    print_message("%s %s\n", method, pattern);
    assert_non_null(member(operation, "summary"));
    assert_non_null(member(operation, "responses"));
    assert_int_equal(member(operation, "x-public") != NULL,
                     has_route(rest_public_routes, pattern, method));
    assert_int_equal(member(operation, "x-internal") != NULL,
                     has_route(rest_internal_routes, pattern, method));
    assert_true(member(operation, "x-public") != NULL || member(operation, "x-internal") != NULL);
}

static void test_every_description_has_a_route(void **state)
{
    const yaml_node_t *all = paths();
    (void)state;
    for (yaml_node_pair_t *p = all->data.mapping.pairs.start; p < all->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *path = node(p->value);
        for (yaml_node_pair_t *o = path->data.mapping.pairs.start; o < path->data.mapping.pairs.top;
             o++)
            check_operation(text_of(node(p->key)), text_of(node(o->key)), node(o->value));
    }
}

/* What is for presigners and administrators does not exist at the public door. */
static void test_the_public_door_has_no_feed_and_no_administration(void **state)
{
    (void)state;
    for (const struct https_route *r = rest_public_routes; r->pattern != NULL; r++) {
        assert_null(strstr(r->pattern, "/admin"));
        assert_null(strstr(r->pattern, "/events"));
        assert_int_equal(r->roles & ~(uint32_t)(ROLE_CUSTOMER | ROLE_OPERATOR), 0);
    }
    for (const struct https_route *r = rest_internal_routes; r->pattern != NULL; r++) {
        assert_int_equal(r->roles & ROLE_CUSTOMER, 0);
        if (strncmp(r->pattern, "/v1/events", 10) == 0)
            assert_int_equal(r->roles, ROLE_FEED);
    }
}

static void test_every_problem_is_described(void **state)
{
    static const char *const names[] = {"components", "schemas", "Problem", "properties",
                                        "type",       "x-words", NULL};
    const yaml_node_t *words = at(names);
    enum problem_type type = 0;
    (void)state;
    assert_int_equal(words->type, YAML_SEQUENCE_NODE);
    for (yaml_node_item_t *i = words->data.sequence.items.start; i < words->data.sequence.items.top;
         i++, type++) {
        char status[8];
        assert_true(type < PROBLEM_COUNT);
        snprintf(status, sizeof status, "%u", problem_status(type));
        assert_string_equal(text_of(member(node(*i), "word")), problem_word(type));
        assert_string_equal(text_of(member(node(*i), "status")), status);
        assert_string_equal(text_of(member(node(*i), "title")), problem_title(type));
    }
    assert_int_equal(type, PROBLEM_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_described),
        cmocka_unit_test(test_every_description_has_a_route),
        cmocka_unit_test(test_the_public_door_has_no_feed_and_no_administration),
        cmocka_unit_test(test_every_problem_is_described),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
