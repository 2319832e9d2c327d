/* SPDX-License-Identifier: Apache-2.0 */
/* The external linter: what it is asked, what it answers, and that no answer is a refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "issuer/linter_hook.h"
#include "lib/check.h"
#include "tests/unit/scratch.h"

#define ROWS(rows)    (sizeof(rows) / sizeof(rows)[0])
#define REQUEST_BYTES 8192
#define PATIENCE_MS   10000

/* A linter that gives one answer: to a whole request, then it closes. */
struct linter {
    pthread_t thread;
    int socket;
    const char *answer; /* NULL: none, until it is closed */
    char request[REQUEST_BYTES];
    size_t size;
};

static char folder[SCRATCH_BYTES], path[SCRATCH_BYTES + 8];

static bool has_whole(const struct linter *l)
{
    const char *body = strstr(l->request, "\r\n\r\n"), *length = strstr(l->request, "Length: ");
    return body != NULL && length != NULL && strlen(body + 4) >= strtoul(length + 8, NULL, 10);
}

static void *serve(void *context)
{
    struct linter *l = context;
    int client = accept(l->socket, NULL, NULL);
    struct pollfd ready = {.fd = client, .events = POLLIN};
    if (client < 0)
        return NULL; /* nobody came: it was given up before */
    while (!has_whole(l) && poll(&ready, 1, PATIENCE_MS) == 1) {
        ssize_t got = read(client, l->request + l->size, sizeof l->request - 1 - l->size);
        if (got <= 0)
            break;
        l->size += (size_t)got;
    }
    if (l->answer != NULL)
        CHECK(write(client, l->answer, strlen(l->answer)) == (ssize_t)strlen(l->answer));
    else
        (void)poll(&ready, 1, PATIENCE_MS); /* until the other side has gone */
    close(client);
    return NULL;
}

static void linter_start(struct linter *l, const char *answer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(l, 0, sizeof *l);
    l->answer = answer;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    l->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(l->socket, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(l->socket, 1), 0);
    assert_int_equal(pthread_create(&l->thread, NULL, serve, l), 0);
}

static void linter_stop(struct linter *l)
{
    shutdown(l->socket, SHUT_RDWR);
    pthread_join(l->thread, NULL);
    close(l->socket);
}

static int setup(void **state)
{
    (void)state;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    scratch_make(folder);
    snprintf(path, sizeof path, "%s/lint", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(folder);
    curl_global_cleanup();
    return 0;
}

#define HEAD(type, size) \
    "HTTP/1.1 200 OK\r\nContent-Type: " type "\r\nContent-Length: " size "\r\n\r\n"
#define JSON(size, body) HEAD("application/json; charset=UTF-8", size) body

static void asked(const char *answer, uint32_t timeout_ms, const char *rule)
{
    static struct linter linter;
    struct linter_hook_options options = {
        .socket_path = path, .timeout_ms = timeout_ms, .severity = LINTER_ERROR};
    struct linter_hook *hook = NULL;
    struct problem why = {0};
    linter_start(&linter, answer);
    assert_int_equal(linter_hook_open(&options, &hook), ERR_OK);
    enum err err = linter_hook_ask(hook, span_of("\xfb\xff\x00", 3), &why);
    linter_hook_close(hook);
    linter_stop(&linter);
    if ((err == ERR_OK) != (rule == NULL) || (rule != NULL && strcmp(why.rule, rule) != 0))
        fail_msg("%s: %s", answer, err == ERR_OK ? "good" : why.detail);
    if (answer == NULL)
        return; /* on a busy machine its time is over before all is asked */
    assert_non_null(strstr(linter.request, "POST /lintcert HTTP/1.1\r\n"));
    assert_non_null(strstr(linter.request, "\r\n\r\nb64input=%2B%2F8A&format=json&severity=error"));
}

static void answers_over_a_socket(void **state)
{
    (void)state;
    asked(JSON("2", "[]"), PATIENCE_MS, NULL);
    asked(JSON("56", "[{\"Linter\":\"zlint\",\"Finding\":\"x\",\"Severity\":\"warning\"}] "),
          PATIENCE_MS, NULL);
    asked(JSON("53", "[{\"Linter\":\"zlint\",\"Finding\":\"x\",\"Severity\":\"error\"}]"),
          PATIENCE_MS, "lint-hook");
    asked(JSON("9", "not JSON!"), PATIENCE_MS, "lint-hook-silent");
    asked(HEAD("text/html", "2") "[]", PATIENCE_MS, "lint-hook-silent");
    asked("HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
          PATIENCE_MS, "lint-hook-silent");
    asked(JSON("100", "[]"), PATIENCE_MS, "lint-hook-silent"); /* closed before its end */
    asked("nonsense\r\n\r\n", PATIENCE_MS, "lint-hook-silent");
    asked("", PATIENCE_MS, "lint-hook-silent");
    asked(NULL, 50, "lint-hook-silent");
}

static void nobody_there(void **state)
{
    (void)state;
    struct linter_hook_options options = {.socket_path = path, .timeout_ms = PATIENCE_MS};
    struct linter_hook *hook = NULL;
    struct problem why = {0};
    unlink(path);
    assert_int_equal(linter_hook_open(&options, &hook), ERR_OK);
    assert_int_not_equal(linter_hook_ask(hook, span_text("x"), &why), ERR_OK);
    assert_string_equal(why.rule, "lint-hook-silent");
    assert_int_equal(why.type, PROBLEM_LINTER);
    linter_hook_close(hook);
}

/* One answer of any size must not fill the memory. */
static void an_endless_answer(void **state)
{
    (void)state;
    static char answer[LINTER_HOOK_ANSWER_MAX + 4096];
    size_t used = (size_t)snprintf(answer, sizeof answer, "%s", HEAD("application/json", "400000"));
    memset(answer + used, ' ', sizeof answer - 1 - used);
    struct linter_hook_options options = {
        .socket_path = path, .timeout_ms = PATIENCE_MS, .severity = LINTER_ERROR};
    static struct linter linter;
    struct linter_hook *hook = NULL;
    struct problem why = {0};
    linter_start(&linter, NULL);
    linter.answer = answer;
    assert_int_equal(linter_hook_open(&options, &hook), ERR_OK);
    assert_int_not_equal(linter_hook_ask(hook, span_text("x"), &why), ERR_OK);
    assert_string_equal(why.rule, "lint-hook-silent");
    linter_hook_close(hook);
    linter_stop(&linter);
}

static void findings(void **state)
{
    (void)state;
#define FINDING(severity) "{\"Linter\":\"l\",\"Finding\":\"f\",\"Severity\":\"" severity "\"}"
    static const struct {
        const char *text;
        enum linter_severity least;
        const char *rule; /* NULL: good */
    } rows[] = {
        {"[]", LINTER_META, NULL},
        {"[" FINDING("meta") "]", LINTER_DEBUG, NULL},
        {"[" FINDING("meta") "]", LINTER_META, "lint-hook"},
        {"[" FINDING("info") "," FINDING("fatal") "]", LINTER_ERROR, "lint-hook"},
        {"[" FINDING("bug") "]", LINTER_ERROR, "lint-hook"},
        {"[" FINDING("warning") "]", LINTER_WARNING, "lint-hook"},
        {"[" FINDING("Error") "]", LINTER_ERROR, "lint-hook-silent"},
        {"[" FINDING("none") "]", LINTER_ERROR, "lint-hook-silent"},
        {"[{\"Linter\":\"l\",\"Finding\":\"f\"}]", LINTER_ERROR, "lint-hook-silent"},
        {"[{\"Linter\":1,\"Finding\":\"f\",\"Severity\":\"info\"}]", LINTER_ERROR,
         "lint-hook-silent"},
        {"[{\"Linter\":\"l\",\"Finding\":\"f\",\"Severity\":\"info\",\"Severity\":\"error\"}]",
         LINTER_ERROR, "lint-hook-silent"},
        {"{}", LINTER_ERROR, "lint-hook-silent"},
        {"null", LINTER_ERROR, "lint-hook-silent"},
        {"[1]", LINTER_ERROR, "lint-hook-silent"},
        {"[] x", LINTER_ERROR, "lint-hook-silent"},
        {"", LINTER_ERROR, "lint-hook-silent"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct linter_hook_options options = {.severity = rows[i].least};
        struct problem why = {0};
        enum err err = linter_answer_judge(&options, span_text(rows[i].text), &why);
        if ((err == ERR_OK) != (rows[i].rule == NULL) ||
            (err != ERR_OK && strcmp(why.rule, rows[i].rule) != 0))
            fail_msg("%s: %s", rows[i].text, err == ERR_OK ? "good" : why.rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_over_a_socket),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(an_endless_answer),
        cmocka_unit_test(findings),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
