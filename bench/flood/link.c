/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/flood/link.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_BYTES 32768
#define NSID_NONE   (-1) /* as in NETNSA_NSID_NOT_ASSIGNED: this namespace itself */

/* Kinds of interfaces that lead nowhere but to others of these; veth first, which has a peer. */
static const char *const memory_kinds[] = {"veth", "dummy", "ifb", "bridge"};
#define FLOOD_KINDS 2u /* the first ones take a flood */
#define KIND_COUNT  (sizeof memory_kinds / sizeof *memory_kinds)

struct question {
    struct nlmsghdr header;
    struct ifinfomsg link;
    struct rtattr target;
    int nsid;
};
_Static_assert(sizeof(struct question) ==
                   NLMSG_SPACE(sizeof(struct ifinfomsg)) + RTA_LENGTH(sizeof(int)),
               "as netlink lays it out");

/* What rtnetlink says, one datagram at a time. */
struct talk {
    int fd;
    ssize_t size;
    _Alignas(struct nlmsghdr) uint8_t octets[REPLY_BYTES];
};

static enum err talk_start(struct talk *talk, struct question *question)
{
    talk->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (talk->fd < 0)
        return ERR_IO;
    size_t size = question->header.nlmsg_len;
    question->header.nlmsg_type = RTM_GETLINK;
    question->header.nlmsg_flags |= NLM_F_REQUEST;
    if (send(talk->fd, question, size, 0) == (ssize_t)size)
        return ERR_OK;
    close(talk->fd);
    return ERR_IO;
}

static enum err talk_read(struct talk *talk)
{
    talk->size = recv(talk->fd, talk->octets, sizeof talk->octets, 0);
    return talk->size > 0 ? ERR_OK : ERR_IO;
}

/* The attribute of that type among `size` octets of them, or NULL. */
static struct rtattr *find_attribute(struct rtattr *first, size_t size, unsigned type)
{
    for (struct rtattr *a = first; RTA_OK(a, size); a = RTA_NEXT(a, size)) {
        if ((a->rta_type & NLA_TYPE_MASK) == type)
            return a;
    }
    return NULL;
}

static struct rtattr *link_attribute(struct nlmsghdr *link, unsigned type)
{
    size_t skipped = NLMSG_SPACE(sizeof(struct ifinfomsg));
    if (link->nlmsg_len <= skipped)
        return NULL;
    uint8_t *first = (uint8_t *)link + skipped;
    return find_attribute((void *)first, link->nlmsg_len - skipped, type);
}

/* The interface of that number in this namespace; the answer stays in `talk`. */
static enum err ask_link(int index, struct talk *talk, struct nlmsghdr **ret)
{
    struct question question = {
        .header.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
        .link.ifi_index = index,
    };
    TRY(talk_start(talk, &question));
    enum err err = talk_read(talk);
    close(talk->fd);
    if (err != ERR_OK)
        return err;
    struct nlmsghdr *answer = (void *)talk->octets;
    if (!NLMSG_OK(answer, (size_t)talk->size) || answer->nlmsg_type != RTM_NEWLINK)
        return ERR_IO;
    *ret = answer;
    return ERR_OK;
}

static bool kind_is(struct rtattr *a, const char *kind)
{
    return RTA_PAYLOAD(a) == strlen(kind) + 1 && memcmp(RTA_DATA(a), kind, RTA_PAYLOAD(a)) == 0;
}

/* Its number in memory_kinds, or KIND_COUNT. */
static unsigned kind_of(struct nlmsghdr *link)
{
    unsigned no = 0;
    struct rtattr *info = link_attribute(link, IFLA_LINKINFO);
    if (info == NULL)
        return KIND_COUNT;
    struct rtattr *a = find_attribute(RTA_DATA(info), RTA_PAYLOAD(info), IFLA_INFO_KIND);
    while (no < KIND_COUNT && (a == NULL || !kind_is(a, memory_kinds[no])))
        no++;
    return no;
}

static bool leads_out(struct nlmsghdr *link)
{
    const struct ifinfomsg *about = NLMSG_DATA(link);
    bool is_up = (about->ifi_flags & IFF_UP) != 0;
    return is_up && about->ifi_type != ARPHRD_LOOPBACK && kind_of(link) == KIND_COUNT;
}

/* Looks through what came; whether that was the end. */
static enum err look_through(struct talk *talk, bool *found, bool *ret_ended)
{
    size_t left = (size_t)talk->size;
    for (struct nlmsghdr *m = (void *)talk->octets; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
        if (m->nlmsg_type == NLMSG_ERROR)
            return ERR_IO;
        *ret_ended = m->nlmsg_type == NLMSG_DONE;
        *found = *found || (m->nlmsg_type == RTM_NEWLINK && leads_out(m));
    }
    return ERR_OK;
}

/* Whether a namespace has an interface that may lead out of it. */
static enum err any_leads_out(int nsid, bool *ret)
{
    struct question question = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_flags = NLM_F_DUMP},
        .target = {.rta_len = RTA_LENGTH(sizeof(int)), .rta_type = IFLA_TARGET_NETNSID},
        .nsid = nsid,
    };
    if (nsid != NSID_NONE)
        question.header.nlmsg_len = sizeof question;
    struct talk talk;
    bool found = false, ended = false;
    TRY(talk_start(&talk, &question));
    enum err err = ERR_OK;
    while (err == ERR_OK && !ended) {
        err = talk_read(&talk);
        if (err == ERR_OK)
            err = look_through(&talk, &found, &ended);
    }
    close(talk.fd);
    if (err == ERR_OK)
        *ret = found;
    return err;
}

static enum err refuse(enum err err, const char *name, const char *what,
                       char why[static LINK_WHY_BYTES])
{
    snprintf(why, LINK_WHY_BYTES, "%s: %s", name, what);
    return err;
}

static enum err check_namespace(const char *name, int nsid, char why[static LINK_WHY_BYTES])
{
    bool out;
    if (any_leads_out(nsid, &out) != ERR_OK)
        return refuse(ERR_IO, name, "cannot see which interfaces its namespaces have", why);
    if (out)
        return refuse(ERR_NETWORK, name,
                      nsid == NSID_NONE
                          ? "refused: this network namespace has a way out; a flood is "
                            "for namespaces made for a test"
                          : "refused: the network namespace of its peer has a way out",
                      why);
    return ERR_OK;
}

static int number_of(struct rtattr *a)
{
    int number = NSID_NONE;
    if (a != NULL && RTA_PAYLOAD(a) == sizeof number)
        memcpy(&number, RTA_DATA(a), sizeof number);
    return number;
}

enum err link_open(const char *name, struct flood_link *ret, char why[static LINK_WHY_BYTES])
{
    struct flood_link link = {.index = (int)if_nametoindex(name)};
    struct talk talk;
    struct nlmsghdr *answer;
    if (link.index == 0 || ask_link(link.index, &talk, &answer) != ERR_OK)
        return refuse(ERR_NOT_FOUND, name, "no such interface in this network namespace", why);
    if (kind_of(answer) >= FLOOD_KINDS)
        return refuse(ERR_NETWORK, name, "refused: neither a veth nor a dummy interface", why);
    int peer = number_of(link_attribute(answer, IFLA_LINK_NETNSID));
    struct rtattr *mac = link_attribute(answer, IFLA_ADDRESS);
    if (mac == NULL || RTA_PAYLOAD(mac) != sizeof link.mac)
        return refuse(ERR_IO, name, "no hardware address", why);
    memcpy(link.mac, RTA_DATA(mac), sizeof link.mac);
    TRY(check_namespace(name, NSID_NONE, why));
    if (peer != NSID_NONE)
        TRY(check_namespace(name, peer, why));
    *ret = link;
    return ERR_OK;
}

enum err link_count(const struct flood_link *link, struct link_counts *ret)
{
    struct talk talk;
    struct nlmsghdr *answer;
    struct rtnl_link_stats64 stats;
    TRY(ask_link(link->index, &talk, &answer));
    struct rtattr *a = link_attribute(answer, IFLA_STATS64);
    if (a == NULL || RTA_PAYLOAD(a) < sizeof stats)
        return ERR_IO;
    memcpy(&stats, RTA_DATA(a), sizeof stats);
    *ret = (struct link_counts){.sent = stats.tx_packets, .dropped = stats.tx_dropped};
    return ERR_OK;
}
