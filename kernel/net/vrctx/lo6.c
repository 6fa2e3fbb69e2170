// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: IPv6 addresses on the loopback device.
 *
 * As the IPv4 ones (lo.c), they are in an inet6_dev of the context. While the
 * loopback device is down they stay, with no routes.
 */

#include <linux/if_addr.h>
#include <linux/notifier.h>
#include <net/addrconf.h>
#include <net/netlink.h>
#include <net/vrctx_lo.h>

#include "ctx.h"

struct inet6_dev *vrctx_lo6(const struct net *net, u32 id)
{
	const struct vrctx *ctx = id ? vrctx_find(net, id) : NULL;

	return ctx ? rcu_dereference_rtnl(ctx->lo6) : NULL;
}

struct list_head *vrctx_in6_devs(const struct net *net, u32 id)
{
	struct vrctx *ctx = id ? vrctx_find(net, id) : NULL;

	return ctx ? &ctx->in6_devs : NULL;
}

/* *@lo, made if need be. RTNL. */
static int vrctx_lo6_get(struct vrctx *ctx, const struct net_device *dev,
			 struct inet6_dev **lo, bool create)
{
	struct inet6_dev *idev = __in6_dev_get(dev);

	*lo = rtnl_dereference(ctx->lo6);
	if (*lo)
		return 0;
	if (!create)
		return -EADDRNOTAVAIL;
	/* the handler knows why */
	if (!idev)
		return 0;

	if (!vrctx_activate(ctx))
		*lo = addrconf_vrctx_new(idev, ctx->id);
	rcu_assign_pointer(ctx->lo6, *lo);

	return *lo ? 0 : -ENOBUFS;
}

/* The address that a request deletes is ::1 */
static bool vrctx_lo6_req_shared(const struct nlmsghdr *nlh)
{
	const struct nlattr *nla;

	nla = nlmsg_find_attr(nlh, sizeof(struct ifaddrmsg), IFA_LOCAL) ? :
	      nlmsg_find_attr(nlh, sizeof(struct ifaddrmsg), IFA_ADDRESS);

	return nla && nla_len(nla) >= sizeof(struct in6_addr) &&
	       ipv6_addr_loopback(nla_data(nla));
}

int vrctx_lo6_req(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		  struct inet6_dev **lo, bool create,
		  struct netlink_ext_ack *extack)
{
	const struct ifaddrmsg *ifm = nlmsg_data(nlh);
	const struct net_device *dev;
	struct vrctx *ctx;
	int err;

	*lo = NULL;
	dev = __dev_get_by_index(sock_net(skb->sk), ifm->ifa_index);
	/* the handler has an error for that */
	if (!dev)
		return 0;

	err = vrctx_lo_owner(skb, nlh, dev, &ctx, extack);
	if (err || !ctx)
		return err;
	if (!create && vrctx_lo6_req_shared(nlh)) {
		NL_SET_ERR_MSG(extack, "All contexts have the address");
		return -EPERM;
	}

	err = vrctx_lo6_get(ctx, dev, lo, create);
	if (err == -EADDRNOTAVAIL)
		NL_SET_ERR_MSG(extack, "address not found");

	return err;
}

int vrctx_lo6_check(const struct inet6_dev *lo, const struct in6_addr *addr,
		    u32 flags, struct netlink_ext_ack *extack)
{
	if (!lo)
		return 0;

	if (flags & IFA_F_MCAUTOJOIN || ipv6_addr_is_multicast(addr)) {
		NL_SET_ERR_MSG(extack, "No multicast groups on the loopback device of a context");
		return -EOPNOTSUPP;
	}
	if (ipv6_addr_loopback(addr)) {
		NL_SET_ERR_MSG(extack, "All contexts have the address");
		return -EEXIST;
	}

	return 0;
}

int __vrctx_lo6_ifr(struct net *net, int ifindex, const struct in6_addr *addr,
		    struct inet6_dev **lo, bool create)
{
	const struct net_device *dev = __dev_get_by_index(net, ifindex);
	struct vrctx *ctx;
	int err;

	err = vrctx_dev_access(dev, vrctx_view_of(net), false);
	if (err || !(dev->flags & IFF_LOOPBACK))
		return err;
	if (!create && ipv6_addr_loopback(addr))
		return -EPERM;

	ctx = vrctx_find_live(net, vrctx_view_of(net));
	if (!ctx)
		return -ENETUNREACH;
	err = vrctx_lo6_get(ctx, dev, lo, create);

	return err ? : create ? vrctx_lo6_check(*lo, addr, 0, NULL) : 0;
}

void vrctx_lo6_first(u32 id, const struct inet6_dev **idev)
{
	const struct inet6_dev *lo = NULL;

	if (id && (*idev)->dev->flags & IFF_LOOPBACK)
		lo = vrctx_lo6(dev_net((*idev)->dev), id);
	if (lo)
		*idev = lo;
}

bool vrctx_lo6_more(const struct inet6_dev **idev)
{
	if (!(*idev)->vrctx)
		return false;

	*idev = __in6_dev_get((*idev)->dev);
	return *idev;
}

void vrctx_lo6_del(struct vrctx *ctx)
{
	struct inet6_dev *idev = rcu_replace_pointer_rtnl(ctx->lo6, NULL);

	if (idev)
		addrconf_vrctx_destroy(idev);
}

void vrctx_lo6_flush(struct net *net)
{
	unsigned long index;
	struct vrctx *ctx;

	xa_for_each_marked(&net->vrctx.xa, index, ctx, VRCTX_ACTIVE)
		vrctx_lo6_del(ctx);
}

void vrctx_lo6_down(struct net *net)
{
	struct inet6_dev *idev;
	unsigned long index;
	struct vrctx *ctx;

	xa_for_each_marked(&net->vrctx.xa, index, ctx, VRCTX_ACTIVE) {
		idev = rtnl_dereference(ctx->lo6);
		if (idev)
			addrconf_vrctx_leave(idev);
	}
}

void vrctx_lo6_up(struct net *net)
{
	struct inet6_dev *idev;
	unsigned long index;
	struct vrctx *ctx;

	xa_for_each_marked(&net->vrctx.xa, index, ctx, VRCTX_ACTIVE) {
		idev = rtnl_dereference(ctx->lo6);
		if (idev)
			addrconf_vrctx_up(idev);
	}
}

static ATOMIC_NOTIFIER_HEAD(vrctx_lo6_chain);

int vrctx_lo6_register(struct notifier_block *nb)
{
	return atomic_notifier_chain_register(&vrctx_lo6_chain, nb);
}
EXPORT_SYMBOL_GPL(vrctx_lo6_register);

void vrctx_lo6_unregister(struct notifier_block *nb)
{
	atomic_notifier_chain_unregister(&vrctx_lo6_chain, nb);
}
EXPORT_SYMBOL_GPL(vrctx_lo6_unregister);

void vrctx_lo6_event(unsigned long event, struct inet6_ifaddr *ifa)
{
	atomic_notifier_call_chain(&vrctx_lo6_chain, event, ifa);
}
