// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: what ioctls, /proc/net and sock_diag show a process
 * in one, and let it change.
 */

#include <linux/inet_diag.h>
#include <linux/netdevice.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/string.h>
#include <net/netlink.h>
#include <net/route.h>
#include <net/vrctx_view.h>

#include "ctx.h"

static bool vrctx_ioctl_reads(unsigned int cmd)
{
	switch (cmd) {
	case SIOCGIFFLAGS:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCGIFSLAVE:
	case SIOCGIFMAP:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN:
	case SIOCGIFHWADDR:
	case SIOCGIFADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFNETMASK:
	case SIOCETHTOOL:	/* looks itself at what it is about */
		return true;
	default:
		return false;
	}
}

/* Under no lock: a device that moves at this moment may be judged by its old
 * context, as if the call had come before.
 */
int __vrctx_view_ifr(struct net *net, unsigned int cmd, const char *name)
{
	int err;

	/* What these do is the driver's affair; those of tunnels make others */
	if (cmd > SIOCDEVPRIVATE && cmd <= SIOCDEVPRIVATE + 15)
		return -EOPNOTSUPP;

	rcu_read_lock();
	err = vrctx_dev_access(dev_get_by_name_rcu(net, name), vrctx_view(),
			       !vrctx_ioctl_reads(cmd));
	rcu_read_unlock();

	return err;
}

int __vrctx_view_change(struct net *net, int ifindex)
{
	int err;

	rcu_read_lock();
	err = vrctx_dev_access(dev_get_by_index_rcu(net, ifindex),
			       vrctx_view(), true);
	rcu_read_unlock();

	return err;
}

bool __vrctx_view_index(struct net *net, int ifindex)
{
	return __vrctx_view_change(net, ifindex) != -ENODEV;
}

/* To what is on a link of the context */
struct rtable *vrctx_view_route(struct net *net, __be32 addr)
{
	struct flowi4 fl4 = {
		.daddr		= addr,
		.flowi4_scope	= RT_SCOPE_LINK,
	};

	flowi4_set_l3dom(&fl4, vrctx_l3dom(vrctx_view()));
	return ip_route_output_key(net, &fl4);
}

int __vrctx_genl_check(const struct nlmsghdr *nlh, const char *family,
		       struct netlink_ext_ack *extack)
{
	if (!strcmp(family, "nlctrl") || !strcmp(family, VRCTX_FAMILY_NAME))
		return 0;
	/* looks itself at which device it is about */
	if (!strcmp(family, "wireguard"))
		return 0;
	/* a dump would list the devices of all */
	if (!strcmp(family, "ethtool") && !(nlh->nlmsg_flags & NLM_F_DUMP))
		return 0;

	NL_SET_ERR_MSG(extack, "Not supported in a context");
	return -EOPNOTSUPP;
}

/* In the order of the alphabet. What is not here shows other contexts, or
 * belongs to what contexts do without.
 */
static const char * const vrctx_proc_names[] = {
	"anycast6", "arp", "dev", "dev_mcast", "fib_trie", "icmp", "icmp6",
	"if_inet6", "igmp", "igmp6", "ip6_flowlabel", "ipv6_route", "mcfilter",
	"mcfilter6", "netlink", "netstat", "packet", "protocols", "ptype",
	"raw", "raw6", "route", "rt6_stats", "snmp", "snmp6", "sockstat",
	"sockstat6", "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6",
	"unix", "vrctx",
};

bool __vrctx_view_proc(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vrctx_proc_names); i++)
		if (!strcmp(name, vrctx_proc_names[i]))
			return true;

	return false;
}

bool __vrctx_diag_ok(const struct nlmsghdr *nlh)
{
	const struct inet_diag_req_v2 *req = nlmsg_data(nlh);

	switch (req->sdiag_family) {
	case AF_UNIX:
	case AF_NETLINK:
	case AF_PACKET:
		return true;
	case AF_INET:
	case AF_INET6:
		break;
	default:
		return false;
	}
	if (nlmsg_len(nlh) < sizeof(*req) ||
	    nlmsg_find_attr(nlh, sizeof(*req), INET_DIAG_REQ_PROTOCOL))
		return false;

	return req->sdiag_protocol == IPPROTO_TCP ||
	       req->sdiag_protocol == IPPROTO_UDP ||
	       req->sdiag_protocol == IPPROTO_UDPLITE ||
	       req->sdiag_protocol == IPPROTO_RAW;
}

int __vrctx_diag_l3dom(const struct sk_buff *skb)
{
	const struct nlmsghdr *nlh = nlmsg_hdr(skb);
	u32 ctx = vrctx_nl_inside(skb);
	const struct nlattr *nla = NULL;

	if (!ctx && (nlh->nlmsg_type == SOCK_DIAG_BY_FAMILY ||
		     nlh->nlmsg_type == SOCK_DESTROY))
		nla = nlmsg_find_attr(nlh, sizeof(struct inet_diag_req_v2),
				      VRCTX_NL_ATTR);
	if (nla && nla_len(nla) == sizeof(u32))
		ctx = nla_get_u32(nla);
	if (ctx == VRCTX_ANY)
		ctx = SK_VRCTX_ANY;

	return vrctx_l3dom(ctx);
}
EXPORT_SYMBOL_GPL(__vrctx_diag_l3dom);
