// SPDX-License-Identifier: GPL-2.0
/* link.c - devices, addresses, routes and contexts of a namespace. */
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <linux/vrctx.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/* IF_OPER_UP of linux/if.h, which does not go with net/if.h. */
#define OPER_UP	6

static struct nl rt = { .fd = -1 };
static struct nl ge = { .fd = -1 };
static int ctx_family;

void link_forget(void)
{
	if (rt.fd >= 0)
		close(rt.fd);
	if (ge.fd >= 0)
		close(ge.fd);
	rt.fd = -1;
	ge.fd = -1;
}

static void *start(int type, int flags, size_t size)
{
	if (rt.fd < 0)
		nl_open(&rt, NETLINK_ROUTE);
	return nl_start(&rt, type, flags, size);
}

static uint32_t index_of(const char *name)
{
	uint32_t idx = if_nametoindex(name);

	if (!idx)
		die("no device %s", name);
	return idx;
}

/* A new link of this kind; the caller adds the kind's data. */
static size_t new_link(const char *name, const char *kind, size_t *info)
{
	start(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	nl_put_str(&rt, IFLA_IFNAME, name);
	*info = nl_nest(&rt, IFLA_LINKINFO);
	nl_put_str(&rt, IFLA_INFO_KIND, kind);
	return nl_nest(&rt, IFLA_INFO_DATA);
}

static void new_link_done(size_t info, size_t data, const char *name)
{
	nl_end(&rt, data);
	nl_end(&rt, info);
	nl_do(&rt, name);
}

void link_dummy(const char *name)
{
	size_t info, data = new_link(name, "dummy", &info);

	new_link_done(info, data, name);
}

void link_vrf(const char *name, uint32_t table)
{
	size_t info, data = new_link(name, "vrf", &info);

	nl_put_u32(&rt, IFLA_VRF_TABLE, table);
	new_link_done(info, data, name);
}

void link_veth(const char *name, const char *peer, int peer_ns)
{
	size_t info, data = new_link(name, "veth", &info), p;
	struct ifinfomsg ifi = { 0 };

	p = nl_nest(&rt, VETH_INFO_PEER);
	memcpy(rt.buf + rt.len, &ifi, sizeof(ifi));
	rt.len += sizeof(ifi);
	nl_put_str(&rt, IFLA_IFNAME, peer);
	nl_put_u32(&rt, IFLA_NET_NS_FD, peer_ns);
	nl_end(&rt, p);
	new_link_done(info, data, name);
}

static struct ifinfomsg *set_link(const char *name)
{
	struct ifinfomsg *ifi = start(RTM_NEWLINK, 0, sizeof(*ifi));

	ifi->ifi_index = index_of(name);
	return ifi;
}

void link_up(const char *name, int up)
{
	struct ifinfomsg *ifi = set_link(name);

	ifi->ifi_flags = up ? IFF_UP : 0;
	ifi->ifi_change = IFF_UP;
	nl_do(&rt, name);
}

static int operstate(const char *name)
{
	struct ifinfomsg *ifi = start(RTM_GETLINK, 0, sizeof(*ifi));
	struct nlattr *attr;
	size_t off;

	ifi->ifi_index = index_of(name);
	nl_do(&rt, name);
	for (off = NLMSG_SPACE(sizeof(*ifi)); off < rt.len;
	     off += NLA_ALIGN(attr->nla_len)) {
		attr = (void *)(rt.buf + off);
		if (attr->nla_type == IFLA_OPERSTATE)
			return *(uint8_t *)((char *)attr + NLA_HDRLEN);
	}
	return 0;
}

void link_wait(const char *name)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	int tries;

	for (tries = 0; operstate(name) != OPER_UP; tries++) {
		if (tries == 10000)
			die("%s does not come up", name);
		nanosleep(&ms, NULL);
	}
}

void link_master(const char *name, const char *master)
{
	set_link(name);
	nl_put_u32(&rt, IFLA_MASTER, index_of(master));
	nl_do(&rt, name);
}

void link_netns(const char *name, int ns)
{
	set_link(name);
	nl_put_u32(&rt, IFLA_NET_NS_FD, ns);
	nl_do(&rt, name);
}

void link_del(const char *name)
{
	struct ifinfomsg *ifi = start(RTM_DELLINK, 0, sizeof(*ifi));

	ifi->ifi_index = index_of(name);
	nl_do(&rt, name);
}

void link_mac(const char *name, uint8_t mac[6])
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifr))
		die("%s", name);
	close(fd);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
}

void addr_add(const char *name, struct ipaddr addr)
{
	struct ifaddrmsg *ifa = start(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
				      sizeof(*ifa));

	ifa->ifa_family = addr.family;
	ifa->ifa_prefixlen = prefix_len(addr.family);
	/* Nobody asks whether it is taken: less noise. */
	if (addr.family == AF_INET6)
		ifa->ifa_flags = IFA_F_NODAD;
	ifa->ifa_index = index_of(name);
	nl_put(&rt, IFA_LOCAL, addr.b, addr.len);
	nl_put(&rt, IFA_ADDRESS, addr.b, addr.len);
	nl_do(&rt, name);
}

void neigh_add(const char *name, struct ipaddr addr, const uint8_t mac[6])
{
	struct ndmsg *ndm = start(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
				  sizeof(*ndm));

	ndm->ndm_family = addr.family;
	ndm->ndm_ifindex = index_of(name);
	ndm->ndm_state = NUD_PERMANENT;
	nl_put(&rt, NDA_DST, addr.b, addr.len);
	nl_put(&rt, NDA_LLADDR, mac, 6);
	nl_do(&rt, name);
}

static struct rtmsg *new_route(uint32_t table, int family)
{
	struct rtmsg *rtm = start(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL,
				  sizeof(*rtm));

	rtm->rtm_family = family;
	rtm->rtm_table = RT_TABLE_UNSPEC;
	rtm->rtm_protocol = RTPROT_STATIC;
	nl_put_u32(&rt, RTA_TABLE, table);
	return rtm;
}

void route_add(uint32_t table, struct ipaddr addr, const char *dev)
{
	struct rtmsg *rtm = new_route(table, addr.family);

	rtm->rtm_dst_len = prefix_len(addr.family);
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_scope = RT_SCOPE_LINK;
	memset(addr.b + rtm->rtm_dst_len / 8, 0,
	       addr.len - rtm->rtm_dst_len / 8);
	nl_put(&rt, RTA_DST, addr.b, addr.len);
	nl_put_u32(&rt, RTA_OIF, index_of(dev));
	nl_do(&rt, "route");
}

void route_add_none(uint32_t table, int family)
{
	new_route(table, family)->rtm_type = RTN_UNREACHABLE;
	nl_do(&rt, "route");
}

static void rule(int type, int flags, int family, uint32_t table)
{
	struct fib_rule_hdr *frh = start(type, flags, sizeof(*frh));

	frh->family = family;
	frh->action = FR_ACT_TO_TBL;
	nl_put_u32(&rt, FRA_TABLE, table);
}

void rule_iif(const char *dev, int family, uint32_t table)
{
	rule(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family, table);
	nl_put_str(&rt, FRA_IIFNAME, dev);
	nl_do(&rt, "rule");
}

void rule_mark(uint32_t mark, int family, uint32_t table)
{
	rule(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family, table);
	nl_put_u32(&rt, FRA_FWMARK, mark);
	nl_do(&rt, "rule");
}

void rule_mark_del(uint32_t mark, int family, uint32_t table)
{
	rule(RTM_DELRULE, 0, family, table);
	nl_put_u32(&rt, FRA_FWMARK, mark);
	nl_do(&rt, "rule");
}

/* -- Contexts -------------------------------------------------------------- */

int genl_family(struct nl *nl, const char *name)
{
	struct genlmsghdr *g;
	struct nlattr *attr;
	int family = 0;
	size_t off;

	nl_open(nl, NETLINK_GENERIC);
	g = nl_start(nl, GENL_ID_CTRL, 0, sizeof(*g));
	g->cmd = CTRL_CMD_GETFAMILY;
	g->version = 1;
	nl_put_str(nl, CTRL_ATTR_FAMILY_NAME, name);
	nl_do(nl, name);
	for (off = NLMSG_SPACE(sizeof(*g)); off < nl->len;
	     off += NLA_ALIGN(attr->nla_len)) {
		attr = (void *)(nl->buf + off);
		if (attr->nla_type == CTRL_ATTR_FAMILY_ID)
			family = *(uint16_t *)((char *)attr + NLA_HDRLEN);
	}
	return family;
}

static void ctx_start(int cmd)
{
	struct genlmsghdr *g;

	if (ge.fd < 0)
		ctx_family = genl_family(&ge, VRCTX_FAMILY_NAME);
	g = nl_start(&ge, ctx_family, 0, sizeof(*g));
	g->cmd = cmd;
	g->version = VRCTX_FAMILY_VERSION;
}

void ctx_new(uint32_t id)
{
	ctx_start(VRCTX_CMD_CTX_NEW);
	nl_put_u32(&ge, VRCTX_A_CTX_ID, id);
	/* The answer says that it is done */
	ge.h.nlmsg_flags = NLM_F_REQUEST;
	nl_do(&ge, "ctx-new");
}

void ctx_del(uint32_t id)
{
	ctx_start(VRCTX_CMD_CTX_DEL);
	nl_put_u32(&ge, VRCTX_A_CTX_ID, id);
	nl_do(&ge, "ctx-del");
}

/* Requests to one system call; all answers must fit into the receive buffer */
#define BATCH	64

static void ctx_all(int cmd, uint32_t first, int n)
{
	static char buf[BATCH * 64];
	int i, done, sent;
	size_t len = 0;

	for (i = 0, done = 0, sent = 0; done < n;) {
		while (i < n && i < done + BATCH) {
			ctx_start(cmd);
			nl_put_u32(&ge, VRCTX_A_CTX_ID, first + i++);
			ge.h.nlmsg_len = ge.len;
			memcpy(buf + len, ge.buf, ge.len);
			len += ge.len;
		}
		if (send(ge.fd, buf, len, 0) != (ssize_t)len)
			die("netlink send");
		len = 0;
		for (sent = i; done < sent; done++)
			nl_wait(&ge, ge.seq - (sent - 1 - done));
	}
}

void ctx_new_all(uint32_t first, int n)
{
	ctx_all(VRCTX_CMD_CTX_NEW, first, n);
}

void ctx_del_all(uint32_t first, int n)
{
	ctx_all(VRCTX_CMD_CTX_DEL, first, n);
}

int ctx_count(void)
{
	ctx_start(VRCTX_CMD_CTX_GET);
	ge.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	return nl_dump(&ge);
}

void ctx_move(const char *dev, uint32_t id)
{
	ctx_start(VRCTX_CMD_DEV_SET);
	nl_put_u32(&ge, VRCTX_A_CTX_ID, id);
	nl_put_str(&ge, VRCTX_A_CTX_IFNAME, dev);
	nl_do(&ge, "dev-set");
}

void link_packets(const char *name, uint64_t *rx, uint64_t *tx)
{
	static char buf[1 << 20];
	char key[IFNAMSIZ + 4];
	char *p;

	read_file("/proc/thread-self/net/dev", buf, sizeof(buf));
	snprintf(key, sizeof(key), "%s:", name);
	for (p = buf; p; p = strchr(p, '\n')) {
		p += strspn(p, "\n ");
		if (strncmp(p, key, strlen(key)))
			continue;
		if (sscanf(p + strlen(key),
			   "%*u %lu %*u %*u %*u %*u %*u %*u %*u %lu",
			   rx, tx) == 2)
			return;
	}
	die("no counters of %s", name);
}
