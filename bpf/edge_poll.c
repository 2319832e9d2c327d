/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/edge_poll.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/os/file.h"

#define URL_BYTES  (ADDRESS_TEXT_BYTES + 32)
#define EVENTS_MAX 32
/* What a probe answers is of no interest; so much is read before the connection is given up. */
#define PROBE_BODY_BYTES_MAX 65536u
#define MILLISECOND_US       1000

enum page { PAGE_METRICS, PAGE_HEALTH, PAGE_COUNT };

/* One request; its handle lives as long as the poll. */
struct transfer {
    CURL *easy;
    char url[URL_BYTES];
    struct buffer body;
    size_t bytes_max;
    bool under_way;
    CURLcode code;
};

struct edge {
    struct transfer pages[PAGE_COUNT];
    struct edge_metrics before; /* the last page of metrics that made sense */
    bool has_before;
    struct edge_look look;
};

struct edge_poll {
    CURLM *multi;
    int epoll_fd, timer_fd;
    uint64_t deadline_ms;
    unsigned edge_count, probe_count;
    unsigned under_way;
    struct edge edges[EDGE_POLL_EDGES_MAX];
    struct transfer probes[EDGE_POLL_PROBES_MAX];
    struct measurement measurement;
};

/* --- what curl asks for --- */

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
    struct transfer *t = context;
    (void)one; /* 1 by curl's contract */
    if (size > t->bytes_max - t->body.size ||
        buffer_append(&t->body, span_of(data, size)) != ERR_OK)
        return CURL_WRITEFUNC_ERROR;
    return size;
}

/* curl wants to be called after so many milliseconds; -1: not at all. */
static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    const struct edge_poll *p = context;
    (void)multi;
    struct itimerspec when = {0};
    if (timeout_ms >= 0)
        when.it_value = (struct timespec){.tv_sec = timeout_ms / 1000,
                                          .tv_nsec = timeout_ms % 1000 * 1000000 +
                                                     (timeout_ms == 0)}; /* 0 would be never */
    return timerfd_settime(p->timer_fd, 0, &when, NULL) == 0 ? 0 : -1;
}

/* `known` is not NULL for a socket that epoll has already. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    struct edge_poll *p = context;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return curl_multi_assign(p->multi, fd, NULL) == CURLM_OK ? 0 : -1;
    }
    struct epoll_event event = {.data.fd = fd};
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        event.events |= EPOLLIN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        event.events |= EPOLLOUT;
    int action = known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(p->epoll_fd, action, fd, &event) != 0)
        return -1;
    return curl_multi_assign(p->multi, fd, p) == CURLM_OK ? 0 : -1;
}

/* --- making and ending --- */

static bool make_transfer(struct transfer *t, const struct address *address, const char *path,
                          size_t bytes_max, uint64_t deadline_ms)
{
    char text[ADDRESS_TEXT_BYTES];
    address_to_text(address, text);
    (void)snprintf(t->url, sizeof t->url, "http://%s%s", text, path);
    t->bytes_max = bytes_max;
    t->easy = curl_easy_init();
    if (t->easy == NULL)
        return false;
    CURL *c = t->easy;
    CURLcode rc = curl_easy_setopt(c, CURLOPT_URL, t->url);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http");
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_PROXY, ""); /* whatever the environment says */
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_USERAGENT, "statim-shed/" STATIM_VERSION);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    /* A new client's latency is wanted; and an edge that is replaced closes the old ones. */
    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)deadline_ms);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)deadline_ms);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_PRIVATE, t);
    return rc == CURLE_OK;
}

static bool make_transfers(struct edge_poll *p, const struct edge_poll_config *config)
{
    for (unsigned i = 0; i < p->edge_count; i++) {
        struct transfer *pages = p->edges[i].pages;
        if (!make_transfer(&pages[PAGE_METRICS], &config->edges[i], "/metrics",
                           MEASURE_BODY_BYTES_MAX, p->deadline_ms) ||
            !make_transfer(&pages[PAGE_HEALTH], &config->edges[i], "/healthz",
                           MEASURE_BODY_BYTES_MAX, p->deadline_ms))
            return false;
    }
    for (unsigned i = 0; i < p->probe_count; i++) {
        if (!make_transfer(&p->probes[i], &config->probes[i], "/", PROBE_BODY_BYTES_MAX,
                           p->deadline_ms))
            return false;
    }
    return true;
}

static bool make_multi(struct edge_poll *p)
{
    p->multi = curl_multi_init();
    return p->multi != NULL &&
           curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p) == CURLM_OK &&
           curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p) == CURLM_OK;
}

static bool make_descriptors(struct edge_poll *p)
{
    p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = p->timer_fd};
    return p->timer_fd >= 0 && p->epoll_fd >= 0 &&
           epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->timer_fd, &event) == 0;
}

enum err edge_poll_new(const struct edge_poll_config *config, struct edge_poll **ret)
{
    if (config->edge_count == 0 || config->edge_count > EDGE_POLL_EDGES_MAX ||
        config->probe_count > EDGE_POLL_PROBES_MAX || config->deadline_ms == 0 ||
        config->deadline_ms > INT32_MAX)
        return ERR_RANGE;
    struct edge_poll *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_MEMORY;
    p->edge_count = config->edge_count;
    p->probe_count = config->probe_count;
    p->deadline_ms = config->deadline_ms;
    p->timer_fd = p->epoll_fd = -1;
    enum err err = make_descriptors(p) ? ERR_OK : ERR_IO;
    int saved = errno;
    if (err == ERR_OK && (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !make_multi(p) ||
                          !make_transfers(p, config)))
        err = ERR_MEMORY;
    if (err != ERR_OK) {
        edge_poll_free(p);
        errno = saved;
        return err;
    }
    *ret = p;
    return ERR_OK;
}

/* All transfers, one after the other; NULL after the last one. */
static struct transfer *transfer_at(struct edge_poll *p, unsigned i)
{
    unsigned pages = p->edge_count * PAGE_COUNT;
    if (i < pages)
        return &p->edges[i / PAGE_COUNT].pages[i % PAGE_COUNT];
    return i - pages < p->probe_count ? &p->probes[i - pages] : NULL;
}

static void give_up(struct edge_poll *p)
{
    struct transfer *t;
    for (unsigned i = 0; (t = transfer_at(p, i)) != NULL; i++) {
        if (t->under_way)
            (void)curl_multi_remove_handle(p->multi, t->easy);
        t->under_way = false;
    }
    p->under_way = 0;
}

struct edge_poll *edge_poll_free(struct edge_poll *p)
{
    if (p == NULL)
        return NULL;
    struct transfer *t;
    give_up(p);
    for (unsigned i = 0; (t = transfer_at(p, i)) != NULL; i++) {
        curl_easy_cleanup(t->easy);
        buffer_done(&t->body);
    }
    /* May close sockets and tell so: the descriptors go last. */
    curl_multi_cleanup(p->multi);
    if (p->timer_fd >= 0)
        close(p->timer_fd);
    if (p->epoll_fd >= 0)
        close(p->epoll_fd);
    free(p);
    return NULL;
}

/* --- a look --- */

int edge_poll_fd(const struct edge_poll *p)
{
    return p->epoll_fd;
}

enum err edge_poll_begin(struct edge_poll *p)
{
    struct transfer *t;
    give_up(p);
    /* curl asks for its timer with each, so that it begins in edge_poll_step(). */
    for (unsigned i = 0; (t = transfer_at(p, i)) != NULL; i++) {
        t->body.size = 0;
        if (curl_multi_add_handle(p->multi, t->easy) != CURLM_OK) {
            give_up(p);
            return ERR_MEMORY;
        }
        t->under_way = true;
        p->under_way++;
    }
    return ERR_OK;
}

static bool was_refused(const struct transfer *t)
{
    long os_error = 0;
    return t->code == CURLE_COULDNT_CONNECT &&
           curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os_error) == CURLE_OK &&
           os_error == ECONNREFUSED;
}

static long status_of(const struct transfer *t)
{
    long status = 0;
    if (curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return 0;
    return status;
}

static enum err read_metrics(const struct transfer *t, struct edge_metrics *ret)
{
    if (status_of(t) != 200)
        return ERR_UNSUPPORTED;
    return measure_metrics(span_of(t->body.data, t->body.size), ret);
}

/* Both pages are there. */
static enum err read_pages(struct edge *e, struct edge_look *look)
{
    struct edge_metrics now;
    const struct transfer *health = &e->pages[PAGE_HEALTH];
    TRY(read_metrics(&e->pages[PAGE_METRICS], &now));
    TRY(measure_health((unsigned)status_of(health), span_of(health->body.data, health->body.size),
                       &look->healthy, look->why));
    look->answered = true;
    look->serving = now.serving;
    look->news_age_s = now.has_news ? now.news_age_s : UINT64_MAX;
    look->load_known =
        e->has_before && measure_load(&e->before, &now, &look->load_permille) == ERR_OK;
    e->before = now;
    e->has_before = true;
    return ERR_OK;
}

static void look_at(struct edge *e)
{
    struct edge_look look = {0};
    const struct transfer *failed = NULL;
    for (unsigned i = 0; i < PAGE_COUNT && failed == NULL; i++) {
        if (e->pages[i].code != CURLE_OK)
            failed = &e->pages[i];
    }
    if (failed != NULL) {
        look.gone = was_refused(&e->pages[PAGE_METRICS]) && was_refused(&e->pages[PAGE_HEALTH]);
        (void)snprintf(look.why, sizeof look.why, "%s", curl_easy_strerror(failed->code));
    } else {
        enum err err = read_pages(e, &look);
        if (err != ERR_OK) {
            look = (struct edge_look){0};
            (void)snprintf(look.why, sizeof look.why, "its pages make no sense: %s", err_text(err));
        }
    }
    e->look = look;
}

/* Of a probe; one without an answer took the whole time. */
static uint32_t latency_of(const struct edge_poll *p, const struct transfer *t)
{
    curl_off_t time_us = 0;
    if (t->code != CURLE_OK ||
        curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &time_us) != CURLE_OK)
        return (uint32_t)p->deadline_ms;
    return (uint32_t)((time_us + MILLISECOND_US - 1) / MILLISECOND_US);
}

static void finish(struct edge_poll *p)
{
    struct edge_look looks[EDGE_POLL_EDGES_MAX];
    for (unsigned i = 0; i < p->edge_count; i++) {
        look_at(&p->edges[i]);
        looks[i] = p->edges[i].look;
    }
    struct measurement m;
    measure_join(looks, p->edge_count, &m);
    for (unsigned i = 0; i < p->probe_count; i++) {
        uint32_t latency_ms = latency_of(p, &p->probes[i]);
        m.latency_known = true;
        m.latency_late |= p->probes[i].code != CURLE_OK;
        m.latency_ms = latency_ms > m.latency_ms ? latency_ms : m.latency_ms;
    }
    p->measurement = m;
}

static void take_ended(struct edge_poll *p)
{
    CURLMsg *message;
    int rest = 0;
    while ((message = curl_multi_info_read(p->multi, &rest)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct transfer *t = NULL;
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result; /* the message goes with its handle */
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
        CHECK(t != NULL && t->under_way);
        t->code = code;
        t->under_way = false;
        p->under_way--;
        (void)curl_multi_remove_handle(p->multi, easy);
    }
}

bool edge_poll_step(struct edge_poll *p)
{
    struct epoll_event events[EVENTS_MAX];
    int running = 0;
    bool was_under_way = p->under_way > 0;
    int count = epoll_wait(p->epoll_fd, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        uint64_t times;
        if (fd == p->timer_fd) {
            (void)!read(p->timer_fd, &times, sizeof times);
            (void)curl_multi_socket_action(p->multi, CURL_SOCKET_TIMEOUT, 0, &running);
            continue;
        }
        int what = ((events[i].events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                   ((events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                   ((events[i].events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
        (void)curl_multi_socket_action(p->multi, fd, what, &running);
    }
    take_ended(p);
    if (!was_under_way || p->under_way > 0)
        return false;
    finish(p);
    return true;
}

void edge_poll_measurement(const struct edge_poll *p, struct measurement *ret)
{
    *ret = p->measurement;
}

const struct edge_look *edge_poll_look(const struct edge_poll *p, unsigned edge)
{
    CHECK(edge < p->edge_count);
    return &p->edges[edge].look;
}
