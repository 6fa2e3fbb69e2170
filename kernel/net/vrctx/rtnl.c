// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: what rtnetlink does for a process in one.
 *
 * Its requests pass here before their handlers.  What names a device or a
 * table of another context is refused as if that did not exist, and so is
 * what nobody has made to know contexts: a new message type is closed to them
 * until it is listed here.  Dumps leave out what is not of the context.
 */

#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>
#include <net/vrctx_view.h>

#include "ctx.h"

/* Requester, and what its message names */
struct vrctx_req {
	struct net		*net;
	const struct nlmsghdr	*nlh;
	struct netlink_ext_ack	*extack;
	u32			ctx;
	bool			change;
};

static int vrctx_req_dev_ok(const struct vrctx_req *req,
			    const struct net_device *dev)
{
	int err = vrctx_dev_access(dev, req->ctx, req->change);

	if (err == -EPERM)
		NL_SET_ERR_MSG(req->extack, "The loopback device serves all contexts");

	return err;
}

static int vrctx_req_index(const struct vrctx_req *req, int ifindex)
{
	int err;

	rcu_read_lock();
	err = vrctx_req_dev_ok(req, dev_get_by_index_rcu(req->net, ifindex));
	rcu_read_unlock();

	return err;
}

static int vrctx_req_name(const struct vrctx_req *req, const struct nlattr *nla)
{
	char name[ALTIFNAMSIZ];
	int err;

	nla_strscpy(name, nla, sizeof(name));
	rcu_read_lock();
	err = vrctx_req_dev_ok(req, dev_get_by_name_rcu(req->net, name));
	rcu_read_unlock();

	return err;
}

/* Attribute @type holds the ifindex of a device that is named in passing */
static int vrctx_req_attr_index(const struct vrctx_req *req, int hdrlen,
				int type)
{
	const struct nlattr *nla = nlmsg_find_attr(req->nlh, hdrlen, type);
	struct vrctx_req see = *req;

	if (!nla || nla_len(nla) < sizeof(u32) || !nla_get_u32(nla))
		return 0;

	see.change = false;
	return vrctx_req_index(&see, nla_get_u32(nla));
}

/* "ip link set lo up" is what every start-up script says: there is nothing to
 * do, and nothing wrong with it.
 */
static bool vrctx_req_lo_up(const struct vrctx_req *req,
			    const struct ifinfomsg *ifm)
{
	const struct net_device *lo = req->net->loopback_dev;
	const struct nlattr *nla;
	int rem;

	if (!(lo->flags & IFF_UP) || !(ifm->ifi_flags & IFF_UP) ||
	    ifm->ifi_change & ~IFF_UP)
		return false;

	nlmsg_for_each_attr(nla, req->nlh, sizeof(*ifm), rem) {
		if (nla_type(nla) != IFLA_IFNAME)
			return false;
	}

	return true;
}

static bool vrctx_name_taken(const struct vrctx_req *req,
			     const struct nlattr *nla)
{
	char name[ALTIFNAMSIZ];

	nla_strscpy(name, nla, sizeof(name));
	return __dev_get_by_name(req->net, name);
}

static int vrctx_req_link(struct vrctx_req *req)
{
	const struct ifinfomsg *ifm = nlmsg_data(req->nlh);
	bool create = req->nlh->nlmsg_type == RTM_NEWLINK &&
		      req->nlh->nlmsg_flags & NLM_F_CREATE;
	const struct nlattr *name;
	int err;

	if (nlmsg_len(req->nlh) < sizeof(*ifm))
		return -EINVAL;
	if (nlmsg_find_attr(req->nlh, sizeof(*ifm), IFLA_TARGET_NETNSID)) {
		NL_SET_ERR_MSG(req->extack, "Another namespace cannot be reached from a context");
		return -EPERM;
	}
	if (req->change && nlmsg_find_attr(req->nlh, sizeof(*ifm), IFLA_XDP)) {
		NL_SET_ERR_MSG(req->extack, "Programs of devices are not supported in a context");
		return -EOPNOTSUPP;
	}
	err = vrctx_req_attr_index(req, sizeof(*ifm), IFLA_LINK);
	if (!err)
		err = vrctx_req_attr_index(req, sizeof(*ifm), IFLA_MASTER);
	if (err)
		return err;

	name = nlmsg_find_attr(req->nlh, sizeof(*ifm), IFLA_IFNAME) ? :
	       nlmsg_find_attr(req->nlh, sizeof(*ifm), IFLA_ALT_IFNAME);
	if (vrctx_req_lo_up(req, ifm))
		req->change = false;
	if (ifm->ifi_index > 0) {
		err = vrctx_req_index(req, ifm->ifi_index);
		if (err == -ENODEV && create &&
		    !__dev_get_by_index(req->net, ifm->ifi_index))
			err = 0;
	} else if (name) {
		err = vrctx_req_name(req, name);
		if (err == -ENODEV && create)
			/* the handler knows about one that is there */
			err = vrctx_name_taken(req, name) ? -EEXIST : 0;
	} else if (req->change && !create) {
		NL_SET_ERR_MSG(req->extack, "A group may reach beyond the context");
		err = -EPERM;
	}

	return err;
}

static int vrctx_req_addr(const struct vrctx_req *req)
{
	const struct ifaddrmsg *ifa = nlmsg_data(req->nlh);
	struct vrctx_req see = *req;

	if (nlmsg_len(req->nlh) < sizeof(*ifa))
		return -EINVAL;
	if (!req->change && !ifa->ifa_index)
		return 0;

	/* The handler knows whose addresses those of the loopback device are */
	see.change = false;
	return vrctx_req_index(&see, ifa->ifa_index);
}

static int vrctx_req_route(const struct vrctx_req *req)
{
	int err;

	if (nlmsg_len(req->nlh) < sizeof(struct rtmsg))
		return -EINVAL;

	err = vrctx_req_attr_index(req, sizeof(struct rtmsg), RTA_IIF);
	return err ? : vrctx_req_attr_index(req, sizeof(struct rtmsg), RTA_OIF);
}

/* Devices are named, and may appear later: the handler binds a rule to those of
 * the context only.
 */
static int vrctx_req_rule(const struct vrctx_req *req)
{
	if (rtnl_msg_family(req->nlh) == AF_INET ||
	    rtnl_msg_family(req->nlh) == AF_INET6)
		return 0;

	NL_SET_ERR_MSG(req->extack, "Address family not supported in a context");
	return -EAFNOSUPPORT;
}

static int vrctx_req_neigh(const struct vrctx_req *req)
{
	const struct ndmsg *ndm = nlmsg_data(req->nlh);
	int err;

	if (nlmsg_len(req->nlh) < sizeof(*ndm))
		return -EINVAL;
	err = vrctx_req_attr_index(req, sizeof(*ndm), NDA_MASTER);
	if (!err)
		err = vrctx_req_attr_index(req, sizeof(*ndm), NDA_IFINDEX);
	if (err)
		return err;
	/* its number would be that of a group of context 0 */
	if (nlmsg_find_attr(req->nlh, sizeof(*ndm), NDA_NH_ID)) {
		NL_SET_ERR_MSG(req->extack, "Fdb nexthops are not supported in a context");
		return -EOPNOTSUPP;
	}
	if (ndm->ndm_ifindex)
		return vrctx_req_index(req, ndm->ndm_ifindex);
	if (!req->change)
		return 0;

	NL_SET_ERR_MSG(req->extack, "An entry for all devices reaches beyond the context");
	return -EPERM;
}

static int vrctx_req_netconf(const struct vrctx_req *req)
{
	const struct nlattr *nla = nlmsg_find_attr(req->nlh,
						   sizeof(struct netconfmsg),
						   NETCONFA_IFINDEX);

	/* "all" and "default" are negative */
	if (!nla || nla_len(nla) < sizeof(s32) || nla_get_s32(nla) <= 0)
		return 0;

	return vrctx_req_index(req, nla_get_s32(nla));
}

/* The numbers of nexthops are the context's, and so the handler knows */
static int vrctx_req_nexthop(const struct vrctx_req *req)
{
	if (nlmsg_len(req->nlh) < sizeof(struct nhmsg))
		return -EINVAL;

	return vrctx_req_attr_index(req, sizeof(struct nhmsg), NHA_OIF);
}

static int vrctx_req_index_at(const struct vrctx_req *req, int offset)
{
	if (nlmsg_len(req->nlh) < offset + sizeof(u32))
		return -EINVAL;

	return vrctx_req_index(req, *(u32 *)(nlmsg_data(req->nlh) + offset));
}

static int vrctx_req_mdb(const struct vrctx_req *req)
{
	int err = vrctx_req_index_at(req, offsetof(struct br_port_msg, ifindex));

	/* an entry begins with the number of the port */
	BUILD_BUG_ON(offsetof(struct br_mdb_entry, ifindex));
	return err ? : vrctx_req_attr_index(req, sizeof(struct br_port_msg),
					    MDBA_SET_ENTRY);
}

/* A request that is no dump */
static int vrctx_req_do(struct vrctx_req *req)
{
	switch (req->nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_GETLINK:
	case RTM_SETLINK:
	case RTM_NEWLINKPROP:
	case RTM_DELLINKPROP:
		return vrctx_req_link(req);
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_GETADDR:
		return vrctx_req_addr(req);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
	case RTM_GETROUTE:
		return vrctx_req_route(req);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return vrctx_req_rule(req);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
	case RTM_GETNEIGH:
		return vrctx_req_neigh(req);
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
	case RTM_GETNEXTHOP:
	case RTM_GETNEXTHOPBUCKET:
		return vrctx_req_nexthop(req);
	case RTM_GETNETCONF:
		return vrctx_req_netconf(req);
	case RTM_GETSTATS:
	case RTM_SETSTATS:
		return vrctx_req_index_at(req, offsetof(struct if_stats_msg,
							ifindex));
	case RTM_NEWMDB:
	case RTM_DELMDB:
	case RTM_GETMDB:
		return vrctx_req_mdb(req);
	case RTM_NEWVLAN:
	case RTM_DELVLAN:
		return vrctx_req_index_at(req, offsetof(struct br_vlan_msg,
							ifindex));
	case RTM_GETNSID:
	case RTM_GETADDRLABEL:
		return 0;
	default:
		NL_SET_ERR_MSG(req->extack, "Not supported in a context");
		return -EOPNOTSUPP;
	}
}

/* A look at the devices or addresses of another namespace, whose contexts have
 * nothing but numbers in common with those here
 */
static bool vrctx_req_foreign(const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case RTM_GETLINK:
		return nlmsg_find_attr(nlh, sizeof(struct ifinfomsg),
				       IFLA_TARGET_NETNSID);
	case RTM_GETADDR:
	case RTM_GETMULTICAST:
	case RTM_GETANYCAST:
		return nlmsg_find_attr(nlh, sizeof(struct ifaddrmsg),
				       IFA_TARGET_NETNSID);
	default:
		return false;
	}
}

/* Multicast routing: what is about the one table of the context. There are no
 * rules that would lead to others.
 */
static bool vrctx_req_mroute(const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
	case RTM_GETROUTE:
		return true;
	case RTM_GETLINK:
		return nlh->nlmsg_flags & NLM_F_DUMP;
	default:
		return false;
	}
}

static int vrctx_req_dump(const struct vrctx_req *req)
{
	switch (req->nlh->nlmsg_type) {
	case RTM_GETLINK:
	case RTM_GETADDR:
	case RTM_GETROUTE:
	case RTM_GETNEIGH:
	case RTM_GETNEIGHTBL:
	case RTM_GETNETCONF:
	case RTM_GETSTATS:
	case RTM_GETMULTICAST:
	case RTM_GETANYCAST:
	case RTM_GETMDB:
	case RTM_GETVLAN:
	case RTM_GETRULE:
	case RTM_GETADDRLABEL:
	case RTM_GETNSID:
	case RTM_GETNEXTHOP:
	case RTM_GETNEXTHOPBUCKET:
		return 0;
	default:
		NL_SET_ERR_MSG(req->extack, "Not supported in a context");
		return -EOPNOTSUPP;
	}
}

int __vrctx_rtnl_check(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		       struct netlink_ext_ack *extack)
{
	/* in groups of four: new, delete, get, set */
	unsigned int kind = (nlh->nlmsg_type - RTM_BASE) & 3;
	struct vrctx_req req = {
		.net	= sock_net(skb->sk),
		.nlh	= nlh,
		.extack	= extack,
		.ctx	= sk_vrctx_get(NETLINK_CB(skb).sk),
		.change	= kind != 2,
	};

	switch (rtnl_msg_family(nlh)) {
	case AF_UNSPEC:
	case AF_INET:
	case AF_INET6:
	case AF_PACKET:
	case AF_BRIDGE:
		break;
	case RTNL_FAMILY_IPMR:
	case RTNL_FAMILY_IP6MR:
		if (vrctx_req_mroute(nlh))
			break;
		fallthrough;
	default:
		NL_SET_ERR_MSG(extack, "Address family not supported in a context");
		return -EAFNOSUPPORT;
	}

	if (vrctx_req_foreign(nlh)) {
		NL_SET_ERR_MSG(extack, "Another namespace cannot be reached from a context");
		return -EPERM;
	}

	return !req.change && nlh->nlmsg_flags & NLM_F_DUMP ?
	       vrctx_req_dump(&req) : vrctx_req_do(&req);
}

bool __vrctx_nl_hears(const struct sock *sk, const struct sk_buff *skb,
		      const struct net *net)
{
	u32 own = sk->sk_vrctx;

	if (!own)
		return skb->vrctx == SK_VRCTX_ANY ||
		       !(skb->vrctx & VRCTX_NL_INSIDE);

	return net_eq(sock_net(sk), net) &&
	       (skb->vrctx == SK_VRCTX_ANY ||
		(skb->vrctx & VRCTX_ID_MAX) == own);
}

u32 __vrctx_nl_meant(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		     int hdrlen)
{
	const struct nlattr *nla;

	if (vrctx_nl_inside(skb))
		return vrctx_nl_inside(skb);
	if (nlmsg_len(nlh) < hdrlen)
		return 0;
	nla = nlmsg_find_attr(nlh, hdrlen, VRCTX_NL_ATTR);
	if (!nla)
		return 0;

	/* not context 0 for want of a better one */
	return nla_len(nla) == sizeof(u32) ? nla_get_u32(nla) : VRCTX_ANY;
}
EXPORT_SYMBOL_GPL(__vrctx_nl_meant);

/* A further table of the context: one that is there, or that a route is put
 * into.
 */
static int vrctx_nl_subtable(struct net *net, u32 id, u32 *number, bool add,
			     struct netlink_ext_ack *extack)
{
	struct vrctx *ctx = vrctx_find_live(net, id);
	struct vrctx_table *table;

	if (!ctx) {
		NL_SET_ERR_MSG(extack, "The context of the table is deleted");
		return -ENETUNREACH;
	}
	if (!vrctx_table_number_ok(id, *number)) {
		NL_SET_ERR_MSG(extack, "The number of the table is reserved");
		return -EPERM;
	}
	if (add) {
		int err = vrctx_activate(ctx);

		if (err)
			return err;
		table = vrctx_table_make(ctx, *number);
		if (IS_ERR(table))
			return PTR_ERR(table);
	} else {
		table = vrctx_table_find(ctx, *number);
		if (!table) {
			NL_SET_ERR_MSG(extack, "FIB table does not exist");
			return -ESRCH;
		}
	}
	*number = table->id;

	return 0;
}

int __vrctx_nl_table_in(const struct sk_buff *skb, u32 *table,
			struct netlink_ext_ack *extack)
{
	const struct nlmsghdr *nlh = nlmsg_hdr(skb);
	u32 ctx = __vrctx_nl_meant(skb, nlh, sizeof(struct rtmsg));

	if (!ctx)
		return 0;
	if (!vrctx_nl_inside(skb) &&
	    !vrctx_find_live(sock_net(skb->sk), ctx)) {
		NL_SET_ERR_MSG(extack, "No such context");
		return -ENOENT;
	}

	switch (*table) {
	case RT_TABLE_UNSPEC:
	case RT_TABLE_MAIN:
	case RT_TABLE_LOCAL:
	case RT_TABLE_DEFAULT:
		*table = vrctx_table_id(ctx);
	}
	if (*table != vrctx_table_id(ctx))
		return vrctx_nl_subtable(sock_net(skb->sk), ctx, table,
					 nlh->nlmsg_type == RTM_NEWROUTE,
					 extack);

	return 0;
}

u32 __vrctx_nl_table_out(const struct net *net, u32 tb_id, u8 type)
{
	const struct vrctx_table *table;
	u32 number;

	rcu_read_lock();
	table = vrctx_table_by_id(net, tb_id);
	number = table ? table->number : vrctx_table_part(type);
	rcu_read_unlock();

	return number;
}

bool __vrctx_nl_put_table(const struct net *net, struct sk_buff *skb, u32 tb_id)
{
	const struct vrctx_table *table;
	u32 ctx, number = 0;

	if (!vrctx_table_maybe(tb_id))
		return false;

	rcu_read_lock();
	ctx = __vrctx_table_used(net, tb_id);
	table = vrctx_table_by_id(net, tb_id);
	if (table)
		number = table->number;
	rcu_read_unlock();

	return vrctx_nl_put(skb, ctx) ||
	       (number && nla_put_u32(skb, VRCTX_NL_TABLE, number));
}

void __vrctx_nl_filter(const struct sock *sk, u32 *table, u32 *shown)
{
	u32 own = vrctx_table_id(sk->sk_vrctx);
	const struct vrctx_table *found;

	*shown = 0;
	switch (*table) {
	case RT_TABLE_MAIN:
	case RT_TABLE_LOCAL:
	case RT_TABLE_DEFAULT:
		*shown = *table;
		*table = own;
		return;
	case RT_TABLE_UNSPEC:
		return;
	}
	if (*table == own)
		return;

	rcu_read_lock();
	found = vrctx_table_find(vrctx_find(sock_net(sk), sk->sk_vrctx),
				 *table);
	if (found)
		*table = found->id;
	else
		*shown = VRCTX_NL_NO_TABLE;
	rcu_read_unlock();
}

/* Tell those inside alone */
void vrctx_nl_tell(struct net *net, struct sk_buff *skb, u32 ctx, u32 group,
		   gfp_t gfp)
{
	skb_set_vrctx(skb, ctx | VRCTX_NL_INSIDE);
	nlmsg_notify(net->rtnl, skb, 0, group, 0, gfp);
}

/* The attribute with the table of a route */
static struct nlattr *vrctx_nl_table(const struct nlmsghdr *nlh)
{
	struct nlattr *nla;

	if (nlmsg_len(nlh) < sizeof(struct rtmsg))
		return NULL;
	nla = nlmsg_find_attr(nlh, sizeof(struct rtmsg), RTA_TABLE);

	return nla && nla_len(nla) == sizeof(u32) ? nla : NULL;
}

/* In place of the number of the table, the name that the context knows */
static void vrctx_nl_rewrite(const struct net *net, struct nlmsghdr *nlh)
{
	struct nlattr *nla = vrctx_nl_table(nlh);
	struct rtmsg *rtm = nlmsg_data(nlh);
	u32 table;

	table = __vrctx_nl_table_out(net, nla_get_u32(nla), rtm->rtm_type);
	rtm->rtm_table = table < 256 ? table : RT_TABLE_COMPAT;
	memcpy(nla_data(nla), &table, sizeof(table));
}

void __vrctx_nl_route(struct net *net, const struct sk_buff *skb, u32 group,
		      gfp_t gfp)
{
	const struct nlmsghdr *nlh = nlmsg_hdr(skb);
	const struct nlattr *nla = NULL;
	struct sk_buff *copy;
	u32 ctx;

	/* one message, as long as nobody puts two into it */
	if (nlmsg_ok(nlh, skb->len))
		nla = vrctx_nl_table(nlh);
	ctx = nla ? vrctx_table_used(net, nla_get_u32(nla)) : 0;
	if (!ctx)
		return;
	copy = skb_copy(skb, gfp);
	if (!copy)
		return;
	vrctx_nl_rewrite(net, nlmsg_hdr(copy));
	vrctx_nl_tell(net, copy, ctx, group, gfp);
}
