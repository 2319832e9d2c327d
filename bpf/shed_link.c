/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/shed_link.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

/* Interface and program of a link. An interface of 0: it has gone. */
static enum err describe(int link, struct bpf_link_info *ret)
{
    __u32 size = sizeof *ret;
    *ret = (struct bpf_link_info){0};
    bool known = bpf_obj_get_info_by_fd(link, ret, &size) == 0 && ret->type == BPF_LINK_TYPE_XDP;
    return known ? ERR_OK : ERR_IO;
}

/* Numbers of interfaces are those of a namespace; numbers of programs are the host's. */
static bool runs_on(const struct bpf_link_info *link, unsigned ifindex)
{
    __u32 program = 0;
    return link->xdp.ifindex == ifindex && bpf_xdp_query_id((int)ifindex, 0, &program) == 0 &&
           program == link->prog_id;
}

bool shed_link_is_on(int link, unsigned ifindex)
{
    struct bpf_link_info info;
    return describe(link, &info) == ERR_OK && runs_on(&info, ifindex);
}

bool shed_link_is_generic(unsigned ifindex)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, options);
    return bpf_xdp_query((int)ifindex, 0, &options) == 0 && options.attach_mode == XDP_ATTACHED_SKB;
}

static enum err judge(int link, const char *pin, unsigned ifindex, bool *ret_gone,
                      char message[static SHED_MESSAGE_BYTES])
{
    struct bpf_link_info info;
    if (describe(link, &info) != ERR_OK) {
        shed_say(message, "%.160s is not the link of an XDP program", pin);
        return ERR_IO;
    }
    *ret_gone = info.xdp.ifindex == 0;
    if (*ret_gone || runs_on(&info, ifindex))
        return ERR_OK;
    shed_say(message, "%.160s holds a filter on another interface (number %u): detach it first",
             pin, info.xdp.ifindex);
    return ERR_BUSY;
}

enum err shed_link_find(const char *pin, unsigned ifindex, int *ret,
                        char message[static SHED_MESSAGE_BYTES])
{
    bool gone = false;
    int link = bpf_obj_get(pin);
    if (link < 0 && errno != ENOENT) {
        shed_say(message, "%.160s: %s", pin, strerror(errno));
        return ERR_IO;
    }
    enum err err = link < 0 ? ERR_OK : judge(link, pin, ifindex, &gone, message);
    if (link >= 0 && (err != ERR_OK || gone)) {
        close(link);
        link = -1;
    }
    TRY(err);
    if (gone && unlink(pin) != 0) {
        shed_say(message, "%.160s: %s", pin, strerror(errno));
        return ERR_IO;
    }
    *ret = link;
    return ERR_OK;
}

static enum err fail_attach(unsigned ifindex, int error, char message[static SHED_MESSAGE_BYTES])
{
    __u32 program = 0;
    bool taken = error == EBUSY || error == EEXIST;
    if (taken && bpf_xdp_query_id((int)ifindex, 0, &program) == 0 && program != 0)
        shed_say(message, "another XDP program (number %u) is attached: take it off first",
                 program);
    else
        shed_say(message, "cannot be attached: %s", strerror(error));
    return taken ? ERR_BUSY : ERR_IO;
}

static int create(unsigned ifindex, int program, uint32_t flags)
{
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
    return bpf_link_create(program, (int)ifindex, BPF_XDP, &options);
}

enum err shed_link_make(const char *pin, unsigned ifindex, int program, bool generic, int *ret,
                        bool *ret_generic, char message[static SHED_MESSAGE_BYTES])
{
    int link = generic ? -1 : create(ifindex, program, XDP_FLAGS_DRV_MODE);
    bool taken = !generic && link < 0 && (errno == EBUSY || errno == EEXIST);
    bool in_kernel = link < 0 && !taken;
    if (in_kernel)
        link = create(ifindex, program, XDP_FLAGS_SKB_MODE);
    if (link < 0)
        return fail_attach(ifindex, errno, message);
    if (bpf_obj_pin(link, pin) != 0) {
        shed_say(message, "%.160s: cannot be pinned: %s", pin, strerror(errno));
        close(link);
        return ERR_IO;
    }
    *ret = link;
    *ret_generic = in_kernel;
    return ERR_OK;
}

enum err shed_link_update(int link, int program, char message[static SHED_MESSAGE_BYTES])
{
    if (bpf_link_update(link, program, NULL) == 0)
        return ERR_OK;
    shed_say(message, "cannot be upgraded: %s", strerror(errno));
    return ERR_IO;
}
