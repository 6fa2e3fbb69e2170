// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: IPv4 addresses on the loopback device.
 *
 * A context with such addresses has an in_device for them. It is not that of
 * the device, whose addresses are context 0's: so they cannot be mixed up, and
 * no list grows with the number of contexts.
 */

#include <linux/if_addr.h>
#include <linux/inetdevice.h>
#include <linux/notifier.h>
#include <linux/sockios.h>
#include <net/netlink.h>
#include <net/route.h>
#include <net/vrctx_lo.h>

#include "ctx.h"

/* The number in VRCTX_NL_ATTR of an address message; false if it has none */
static bool vrctx_lo_named(const struct nlmsghdr *nlh, u32 *id)
{
	const struct nlattr *nla = nlmsg_find_attr(nlh,
						   sizeof(struct ifaddrmsg),
						   VRCTX_NL_ATTR);

	if (!nla || nla_len(nla) != sizeof(u32))
		return false;

	*id = nla_get_u32(nla);
	return true;
}

/* Who has the addresses of @dev that the request is about? Sets *@ctx if they
 * are a context's on the loopback device, else to NULL.
 */
int vrctx_lo_owner(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		   const struct net_device *dev, struct vrctx **ctx,
		   struct netlink_ext_ack *extack)
{
	u32 inside = vrctx_nl_inside(skb), id = inside;

	*ctx = NULL;
	if (vrctx_lo_named(nlh, &id)) {
		if (inside && id != inside) {
			NL_SET_ERR_MSG(extack, "Another context cannot be reached from a context");
			return -EPERM;
		}
		if (!(dev->flags & IFF_LOOPBACK) && id != dev_vrctx(dev)) {
			NL_SET_ERR_MSG(extack, "The device is not in the context");
			return -EXDEV;
		}
	}
	if (!id || !(dev->flags & IFF_LOOPBACK))
		return 0;

	*ctx = vrctx_find_live(dev_net(dev), id);
	if (*ctx)
		return 0;

	if (inside) {
		NL_SET_ERR_MSG(extack, "The context is deleted");
		return -ENETUNREACH;
	}
	NL_SET_ERR_MSG(extack, "No such context");
	return -ENOENT;
}

u32 vrctx_lo_dump(const struct netlink_callback *cb)
{
	u32 id = vrctx_nl_inside(cb->skb);

	if (!id)
		vrctx_lo_named(cb->nlh, &id);

	return id;
}

struct in_device *vrctx_lo4(const struct net *net, u32 id)
{
	const struct vrctx *ctx = id ? vrctx_find(net, id) : NULL;

	return ctx ? rcu_dereference_rtnl(ctx->lo4) : NULL;
}

static struct in_device *vrctx_lo4_new(struct vrctx *ctx, struct in_device *lo)
{
	struct in_device *in_dev = rtnl_dereference(ctx->lo4);

	if (in_dev || vrctx_activate(ctx))
		return in_dev;

	in_dev = inetdev_vrctx_new(lo, ctx->id);
	rcu_assign_pointer(ctx->lo4, in_dev);

	return in_dev;
}

static const struct in_ifaddr *vrctx_lo4_find(const struct in_device *in_dev,
					      __be32 addr)
{
	const struct in_ifaddr *ifa;

	if (!in_dev)
		return NULL;
	in_dev_for_each_ifa_rtnl(ifa, in_dev) {
		if (ifa->ifa_local == addr)
			return ifa;
	}

	return NULL;
}

/* Is it an address of the loopback device that all contexts have? */
static bool vrctx_lo4_shared(const struct in_device *lo, __be32 addr)
{
	return ipv4_is_loopback(addr) && vrctx_lo4_find(lo, addr);
}

/* May the requester delete it from @in_dev? */
static int vrctx_lo4_del_check(const struct nlmsghdr *nlh,
			       const struct in_device *lo,
			       const struct in_device *in_dev,
			       struct netlink_ext_ack *extack)
{
	const struct nlattr *nla = nlmsg_find_attr(nlh,
						   sizeof(struct ifaddrmsg),
						   IFA_LOCAL);
	__be32 addr = nla && nla_len(nla) >= sizeof(addr) ?
		      nla_get_in_addr(nla) : 0;

	if (!vrctx_lo4_find(in_dev, addr) && vrctx_lo4_shared(lo, addr)) {
		NL_SET_ERR_MSG(extack, "All contexts have the address");
		return -EPERM;
	}
	if (!in_dev) {
		NL_SET_ERR_MSG(extack, "ipv4: Address not found");
		return -EADDRNOTAVAIL;
	}

	return 0;
}

int vrctx_lo4_req(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		  struct in_device **in_dev, bool create,
		  struct netlink_ext_ack *extack)
{
	struct in_device *lo = *in_dev;
	struct vrctx *ctx;
	int err;

	/* the handler has an error for that */
	if (!lo)
		return 0;

	err = vrctx_lo_owner(skb, nlh, lo->dev, &ctx, extack);
	if (err || !ctx)
		return err;
	if (create) {
		*in_dev = vrctx_lo4_new(ctx, lo);
		return *in_dev ? 0 : -ENOBUFS;
	}

	*in_dev = rtnl_dereference(ctx->lo4);
	return vrctx_lo4_del_check(nlh, lo, *in_dev, extack);
}

int vrctx_lo4_check(const struct in_ifaddr *ifa, struct netlink_ext_ack *extack)
{
	const struct in_device *in_dev = ifa->ifa_dev;

	if (!in_dev->vrctx)
		return 0;

	if (ifa->ifa_flags & IFA_F_MCAUTOJOIN ||
	    ipv4_is_multicast(ifa->ifa_local) ||
	    ipv4_is_multicast(ifa->ifa_address)) {
		NL_SET_ERR_MSG(extack, "No multicast groups on the loopback device of a context");
		return -EOPNOTSUPP;
	}
	if (vrctx_lo4_shared(__in_dev_get_rtnl(in_dev->dev), ifa->ifa_local)) {
		NL_SET_ERR_MSG(extack, "All contexts have the address");
		return -EEXIST;
	}

	return 0;
}

/* A process in a context. Without an alias and an address, or with 127.0.0.1,
 * it is about the address that all have.
 */
int __vrctx_lo4_ifr(unsigned int cmd, bool alias, __be32 addr,
		    struct in_device **in_dev)
{
	struct in_device *lo = *in_dev;
	struct vrctx *ctx;
	u32 id;

	if (!lo || !(lo->dev->flags & IFF_LOOPBACK))
		return 0;
	id = vrctx_view_of(dev_net(lo->dev));
	if (!id)
		return 0;
	if (!alias && (!addr || ipv4_is_loopback(addr)))
		return 0;
	if (cmd == SIOCSIFADDR && vrctx_lo4_shared(lo, addr))
		return -EEXIST;

	ctx = vrctx_find_live(dev_net(lo->dev), id);
	if (!ctx)
		return -ENETUNREACH;
	*in_dev = cmd == SIOCSIFADDR ? vrctx_lo4_new(ctx, lo) :
				       rtnl_dereference(ctx->lo4);

	return 0;
}

bool vrctx_lo4_more(u32 id, struct in_device **in_dev)
{
	struct in_device *lo = *in_dev;

	if (!id || lo->vrctx || !(lo->dev->flags & IFF_LOOPBACK))
		return false;

	lo = vrctx_lo4(dev_net(lo->dev), id);
	if (!lo)
		return false;

	*in_dev = lo;
	return true;
}

/* The routes of a device that came up */
void vrctx_lo4_up(struct vrctx *ctx)
{
	struct in_device *in_dev = rtnl_dereference(ctx->lo4);
	struct in_ifaddr *ifa;

	if (!in_dev)
		return;
	in_dev_for_each_ifa_rtnl(ifa, in_dev)
		fib_add_ifaddr(ifa);
}

void vrctx_lo4_del(struct vrctx *ctx)
{
	struct in_device *in_dev = rcu_replace_pointer_rtnl(ctx->lo4, NULL);

	if (in_dev)
		inetdev_vrctx_destroy(in_dev);
}

void vrctx_lo4_flush(struct net *net)
{
	unsigned long index;
	struct vrctx *ctx;

	xa_for_each_marked(&net->vrctx.xa, index, ctx, VRCTX_ACTIVE)
		vrctx_lo4_del(ctx);
}

static ATOMIC_NOTIFIER_HEAD(vrctx_lo4_chain);

int vrctx_lo4_register(struct notifier_block *nb)
{
	return atomic_notifier_chain_register(&vrctx_lo4_chain, nb);
}
EXPORT_SYMBOL_GPL(vrctx_lo4_register);

void vrctx_lo4_unregister(struct notifier_block *nb)
{
	atomic_notifier_chain_unregister(&vrctx_lo4_chain, nb);
}
EXPORT_SYMBOL_GPL(vrctx_lo4_unregister);

void vrctx_lo4_event(unsigned long event, struct in_ifaddr *ifa)
{
	atomic_notifier_call_chain(&vrctx_lo4_chain, event, ifa);
}
