/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/shed_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpf/control.h"

#define READ_BYTES 65536u

static bool connect_to(const char *path, int *ret)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = SHED_ANSWER_TIMEOUT_S};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return false;
    }
    *ret = fd;
    return true;
}

bool shed_client_open(const char *path, struct shed_client *ret)
{
    int fd = -1;
    if (!connect_to(path, &fd)) {
        fprintf(stderr, "statim shed: %s: %s%s\n", path, strerror(errno),
                errno == ENOENT || errno == ECONNREFUSED ? " (is statim-shed running?)" : "");
        return false;
    }
    *ret = (struct shed_client){.fd = fd};
    return true;
}

static bool send_line(int fd, const char *text, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t n = send(fd, text + sent, size - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

/* Until the end of the line, which is the end of what was sent. */
static bool receive_line(struct shed_client *c)
{
    c->in.size = 0;
    for (;;) {
        if (c->in.size > CONTROL_ANSWER_BYTES_MAX ||
            buffer_reserve(&c->in, c->in.size + READ_BYTES) != ERR_OK)
            return false;
        ssize_t n = recv(c->fd, c->in.data + c->in.size, READ_BYTES, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ECONNRESET;
        if (n <= 0)
            return false;
        c->in.size += (size_t)n;
        if (c->in.data[c->in.size - 1] == '\n')
            return true;
    }
}

json_t *shed_client_ask(struct shed_client *c, json_t *request)
{
    json_error_t error;
    json_t *answer = NULL;
    char *line = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    bool asked = line != NULL && send_line(c->fd, line, strlen(line)) && send_line(c->fd, "\n", 1);
    free(line);
    if (!asked || !receive_line(c)) {
        fprintf(stderr, "statim shed: no answer: %s\n", strerror(errno));
        return NULL;
    }
    answer = json_loadb((const char *)c->in.data, c->in.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(answer)) {
        fprintf(stderr, "statim shed: an answer that is no JSON object\n");
        json_decref(answer);
        return NULL;
    }
    if (!json_is_true(json_object_get(answer, "ok"))) {
        const char *text = json_string_value(json_object_get(answer, "error"));
        fprintf(stderr, "statim shed: %s\n", text != NULL ? text : "refused");
        json_decref(answer);
        return NULL;
    }
    return answer;
}

void shed_client_close(struct shed_client *c)
{
    close(c->fd);
    buffer_done(&c->in);
}
