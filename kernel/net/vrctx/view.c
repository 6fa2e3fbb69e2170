// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: what ioctls, /proc/net and sock_diag show a process
 * in one, and let it change.
 */

#include <linux/inet_diag.h>
#include <linux/netdevice.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/string.h>
#include <net/netlink.h>
#include <net/route.h>
#include <net/vrctx_mptcp.h>
#include <net/vrctx_view.h>
#include <uapi/linux/bpf.h>

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
	err = vrctx_dev_access(dev_get_by_name_rcu(net, name),
			       vrctx_view_of(net), !vrctx_ioctl_reads(cmd));
	rcu_read_unlock();

	return err;
}

int __vrctx_view_change(struct net *net, int ifindex)
{
	int err;

	rcu_read_lock();
	err = vrctx_dev_access(dev_get_by_index_rcu(net, ifindex),
			       vrctx_view_of(net), true);
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

	flowi4_set_l3dom(&fl4, vrctx_l3dom(vrctx_view_of(net)));
	return ip_route_output_key(net, &fl4);
}

int __vrctx_genl_check(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		       const char *family, struct netlink_ext_ack *extack)
{
	if (!strcmp(family, "nlctrl") || !strcmp(family, VRCTX_FAMILY_NAME))
		return 0;
	/* look themselves at whose device, tunnel or port it is about */
	if (!strcmp(family, "wireguard") || !strcmp(family, "l2tp") ||
	    !strcmp(family, "fou"))
		return 0;
	/* looks itself at whose the entries are */
	if (!strcmp(family, "tcp_metrics"))
		return 0;
	if (IS_ENABLED(CONFIG_MPTCP) && !strcmp(family, "mptcp_pm"))
		return vrctx_mptcp_prepare(sock_net(NETLINK_CB(skb).sk),
					   vrctx_nl_inside(skb));
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
	"if_inet6", "igmp", "igmp6", "ip6_flowlabel", "ip6_mr_cache",
	"ip6_mr_vif", "ip_mr_cache", "ip_mr_vif", "ipv6_route", "mcfilter",
	"mcfilter6", "netlink", "netstat", "nf_conntrack",
	"nf_conntrack_expect", "packet", "protocols", "psched", "ptype", "raw",
	"raw6", "route", "rt6_stats", "rt_cache", "snmp", "snmp6", "sockstat",
	"sockstat6", "softnet_stat", "tcp", "tcp6", "udp", "udp6", "udplite",
	"udplite6", "unix", "vrctx",
};

bool __vrctx_view_proc(const char *dir, const char *name)
{
	unsigned int i;

	/* its files are named after devices and look at them */
	if (dir && !strcmp(dir, "dev_snmp6"))
		return true;
	/* eps, assocs and remaddr; snmp is like the one above it */
	if (dir && !strcmp(dir, "sctp"))
		return true;
	/* of what nfnetlink refuses there are statistics, too */
	if (dir)
		return !strcmp(dir, "stat") &&
		       (!strcmp(name, "arp_cache") ||
			!strcmp(name, "ndisc_cache") ||
			!strcmp(name, "rt_cache"));

	for (i = 0; i < ARRAY_SIZE(vrctx_proc_names); i++)
		if (!strcmp(name, vrctx_proc_names[i]))
			return true;

	return false;
}

bool __vrctx_view_bpf(unsigned int prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_LWT_SEG6LOCAL:
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_SK_LOOKUP:
	case BPF_PROG_TYPE_NETFILTER:
		return false;
	default:
		return true;
	}
}

/* Connections and expectations. Rule sets are shared by all contexts, so those
 * inside neither see nor change them; statistics count for the namespace.
 */
int __vrctx_nfnl_check(u16 type, struct netlink_ext_ack *extack)
{
	bool ok = false;

	switch (NFNL_SUBSYS_ID(type)) {
	case NFNL_SUBSYS_CTNETLINK:
		switch (NFNL_MSG_TYPE(type)) {
		case IPCTNL_MSG_CT_NEW:
		case IPCTNL_MSG_CT_GET:
		case IPCTNL_MSG_CT_DELETE:
		case IPCTNL_MSG_CT_GET_CTRZERO:
		case IPCTNL_MSG_CT_GET_DYING:
		case IPCTNL_MSG_CT_GET_UNCONFIRMED:
			ok = true;
		}
		break;
	case NFNL_SUBSYS_CTNETLINK_EXP:
		switch (NFNL_MSG_TYPE(type)) {
		case IPCTNL_MSG_EXP_NEW:
		case IPCTNL_MSG_EXP_GET:
		case IPCTNL_MSG_EXP_DELETE:
			ok = true;
		}
	}

	if (!ok)
		NL_SET_ERR_MSG(extack, "Not supported in a context");

	return ok ? 0 : -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(__vrctx_nfnl_check);

bool __vrctx_diag_ok(const struct nlmsghdr *nlh)
{
	const struct inet_diag_req_v2 *req = nlmsg_data(nlh);
	const struct nlattr *nla;

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
	if (nlmsg_len(nlh) < sizeof(*req))
		return false;
	nla = nlmsg_find_attr(nlh, sizeof(*req), INET_DIAG_REQ_PROTOCOL);
	if (nla)
		return nla_len(nla) == sizeof(u32) &&
		       nla_get_u32(nla) == IPPROTO_MPTCP;

	return req->sdiag_protocol == IPPROTO_TCP ||
	       req->sdiag_protocol == IPPROTO_SCTP ||
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
