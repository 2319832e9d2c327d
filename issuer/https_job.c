/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https_job.h"

#include <openssl/rand.h>

#include "issuer/https_answer.h"
#include "lib/check.h"
#include "lib/hex.h"
#include "lib/os/clock.h"

static void slot_drop(struct https_slot *slot)
{
    if (slot->drop != NULL)
        slot->drop(slot->state);
    *slot = (struct https_slot){0};
}

void https_job_start(struct https_job *job)
{
    uint8_t random[(HTTPS_REQUEST_ID_BYTES - 1) / 2];
    https_job_end(job);
    CHECK(RAND_bytes(random, sizeof random) == 1);
    CHECK(hex_encode(span_of(random, sizeof random), job->request_id, sizeof job->request_id) ==
          ERR_OK);
    memset(&job->actor, 0, sizeof job->actor);
    job->request = (struct https_request){.peer = &job->peer,
                                          .actor = &job->actor,
                                          .request_id = job->request_id,
                                          .slot = &job->slot};
    job->route = NULL;
    job->authorized = job->is_head = job->parked = job->failed = false;
    job->park_until_ns = 0;
}

void https_job_end(struct https_job *job)
{
    slot_drop(&job->slot);
    buffer_done(&job->answer);
}

/* TLS judged the certificate when the connection began, which a client that asks on may keep for
 * months. The next one is judged again. */
static bool has_expired(struct https_job *job, struct problem *why)
{
    if (!job->peer.has_certificate || clock_wall_s() <= job->peer.not_after_s)
        return false;
    job->keep_alive = false;
    problem_set(why, PROBLEM_FORBIDDEN, "the client certificate has expired");
    return true;
}

static bool authorize(const struct https_options *options, void *worker, struct https_job *job,
                      struct https_response *response)
{
    struct problem why = {0};
    if (job->route->roles == 0 || job->authorized)
        return true;
    https_authorize ask = options->listeners[job->listener].authorize;
    if (has_expired(job, &why) ||
        ask(options->server, worker, &job->request, &job->actor, &why) != ERR_OK) {
        https_answer_problem(&job->request, &why, response);
        return false;
    }
    if ((job->actor.roles & job->route->roles) == 0) {
        problem_set(&why, PROBLEM_FORBIDDEN, "none of this caller's roles may do that");
        https_answer_problem(&job->request, &why, response);
        return false;
    }
    job->authorized = true;
    return true;
}

static void answer(struct https_job *job, const struct https_response *response, const char *allow)
{
    struct https_answer_traits traits = {.request_id = job->request_id,
                                         .allow = allow,
                                         .is_head = job->is_head,
                                         .keep_alive = job->keep_alive,
                                         .time_s = clock_wall_s()};
    job->parked = false;
    job->status = response->status;
    job->failed = https_answer_write(response, &traits, &job->answer) != ERR_OK;
}

/* True: the handler wants to be called again. */
static bool call(const struct https_options *options, void *worker, struct https_job *job,
                 struct https_response *response)
{
    struct problem why = {0};
    enum https_done done = job->route->handler(options->server, worker, &job->request, response);
    if (done != HTTPS_PARKED)
        return false;
    job->park_until_ns = response->park_until_ns;
    if (!job->request.last_call)
        return true;
    problem_set(&why, PROBLEM_UNAVAILABLE, "what was waited for did not come");
    https_answer_problem(&job->request, &why, response);
    return false;
}

void https_job_run(const struct https_options *options, void *worker, struct https_job *job)
{
    struct https_response response = {.status = 200};
    bool parked =
        authorize(options, worker, job, &response) && call(options, worker, job, &response);
    if (!parked)
        answer(job, &response, NULL);
    job->parked = parked;
    buffer_done(&response.body);
}

void https_job_refuse(struct https_job *job, const struct problem *why, const char *allow)
{
    struct https_response response = {.status = 200};
    https_answer_problem(&job->request, why, &response);
    answer(job, &response, allow);
    buffer_done(&response.body);
}
