/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/os/log.h"

pid_t child_fork(struct child *child, uint64_t now_ns)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        /* A terminal sends these to the whole group: what they mean is the parent's to say. */
        signal(SIGINT, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1); /* the parent died in between */
        prctl(PR_SET_NAME, child->name);
        log_role(child->name);
        return 0;
    }
    if (pid > 0) {
        child->pid = pid;
        child->started_ns = now_ns;
        child->told = false;
    }
    return pid;
}

void child_died(struct child *child, uint64_t now_ns)
{
    bool lived = now_ns - child->started_ns >= CHILD_LIVED_NS;
    if (lived || child->pause_ns == 0)
        child->pause_ns = CHILD_PAUSE_FIRST_NS;
    else
        child->pause_ns *= 2;
    if (child->pause_ns > CHILD_PAUSE_LAST_NS)
        child->pause_ns = CHILD_PAUSE_LAST_NS;
    child->pid = 0;
    child->start_again_ns = now_ns + child->pause_ns;
}

void child_replace(struct child *child, bool again)
{
    child->start_again_ns = again ? 0 : UINT64_MAX;
    child->told = child->pid > 0;
    child_signal(child, SIGTERM);
}

bool child_due(const struct child *child, uint64_t now_ns)
{
    return child->pid == 0 && child->start_again_ns <= now_ns;
}

void child_signal(const struct child *child, int signal_no)
{
    if (child->pid > 0)
        kill(child->pid, signal_no);
}
