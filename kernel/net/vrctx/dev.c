// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: devices, and the packets that pass them.
 */

#include <linux/if_arp.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>
#include <net/arp.h>
#include <net/dst.h>
#include <net/ipv6_stubs.h>
#include <net/rtnetlink.h>
#include <net/sch_generic.h>
#include <net/vrctx_neigh.h>
#include <net/vrctx_rules.h>
#include <net/vrctx_view.h>

#include "ctx.h"

#include <trace/events/vrctx.h>

/* Device whose packets are dropped from the backlogs. Set under RTNL. */
static const struct net_device *vrctx_flush_dev;

/* Where to count what is nobody's */
DEFINE_PER_CPU(struct vrctx_stats, vrctx_no_stats) = { .demux = true };
EXPORT_PER_CPU_SYMBOL_GPL(vrctx_no_stats);

/* Counters of context @id. RCU. */
static struct vrctx_stats __percpu *vrctx_stats(const struct net *net, u32 id)
{
	const struct vrctx *ctx = vrctx_find(net, id);
	struct vrctx_stats __percpu *stats;

	stats = ctx ? READ_ONCE(ctx->stats) : NULL;

	return stats ? : &vrctx_no_stats;
}

/* Packet and device are not in the same context: fine on the loopback device */
bool __vrctx_tx_ok(struct sk_buff *skb, const struct net_device *dev,
		   bool forwarded)
{
	struct vrctx_stats __percpu *stats;
	bool ok = dev->flags & IFF_LOOPBACK;

	rcu_read_lock();
	stats = vrctx_stats(dev_net_rcu(dev),
			    skb->vrctx ? : READ_ONCE(dev->vrctx));
	if (!ok) {
		trace_vrctx_wrong(skb, dev);
		this_cpu_inc(stats->wrong_ctx);
	} else if (forwarded) {
		this_cpu_inc(stats->fwd);
	} else {
		this_cpu_inc(stats->tx);
	}
	rcu_read_unlock();

	if (!ok)
		kfree_skb_reason(skb, (u32)SKB_DROP_REASON_VRCTX_MISMATCH);

	return ok;
}
EXPORT_SYMBOL_GPL(__vrctx_tx_ok);

static const struct net_device *vrctx_skb_dev(const struct sk_buff *skb)
{
	return skb->dev ? : skb_dst(skb) ? skb_dst_dev(skb) : NULL;
}

void vrctx_count_wrong(const struct sk_buff *skb)
{
	struct vrctx_stats __percpu *stats;
	const struct net_device *dev;

	rcu_read_lock();
	dev = vrctx_skb_dev(skb);
	if (dev) {
		trace_vrctx_wrong(skb, dev);
		stats = vrctx_stats(dev_net_rcu(dev),
				    skb->vrctx ? : READ_ONCE(dev->vrctx));
		this_cpu_inc(stats->wrong_ctx);
	}
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(vrctx_count_wrong);

void vrctx_count_no_route(const struct sk_buff *skb)
{
	struct vrctx_stats __percpu *stats;
	const struct net_device *dev;

	if (likely(!skb->vrctx))
		return;

	rcu_read_lock();
	dev = vrctx_skb_dev(skb);
	if (dev) {
		stats = vrctx_stats(dev_net_rcu(dev), skb->vrctx);
		this_cpu_inc(stats->no_route);
	}
	rcu_read_unlock();
}

/* Sum of a context's counters. RCU or RTNL. */
void vrctx_read_stats(const struct vrctx *ctx, struct vrctx_stats *sum)
{
	struct vrctx_stats __percpu *stats = READ_ONCE(ctx->stats);
	int cpu;

	memset(sum, 0, sizeof(*sum));
	if (!stats)
		return;

	for_each_possible_cpu(cpu) {
		const struct vrctx_stats *s = per_cpu_ptr(stats, cpu);

		sum->rx += READ_ONCE(s->rx);
		sum->tx += READ_ONCE(s->tx);
		sum->fwd += READ_ONCE(s->fwd);
		sum->no_route += READ_ONCE(s->no_route);
		sum->wrong_ctx += READ_ONCE(s->wrong_ctx);
	}
}

/* Called on each packet in the backlogs by vrctx_flush_backlogs() */
bool vrctx_flush_skb(const struct sk_buff *skb)
{
	bool stale = false;

	if (skb->dev == READ_ONCE(vrctx_flush_dev))
		return true;

	if (skb->vrctx) {
		rcu_read_lock();
		stale = !vrctx_find_live(dev_net_rcu(skb->dev), skb->vrctx);
		rcu_read_unlock();
	}

	return stale;
}

/* Devices in context 0. RCU or RTNL. */
u32 vrctx_dev_count(const struct net *net)
{
	struct net_device *dev;
	u32 count = 0;

	rcu_read_lock();
	for_each_netdev_rcu((struct net *)net, dev)
		count += !READ_ONCE(dev->vrctx);
	rcu_read_unlock();

	return count;
}

/* @ctx is active or NULL for context 0 */
static void vrctx_dev_assign(struct net_device *dev, struct vrctx *ctx)
{
	struct net *net = dev_net(dev);
	struct vrctx *old = NULL;
	u32 id = ctx ? ctx->id : 0;

	if (dev->vrctx)
		old = vrctx_find(net, dev->vrctx);

	trace_vrctx_dev_move(dev, dev->vrctx, id);
	if (ctx) {
		refcount_inc(&ctx->refs);
		ctx->ndev++;
	}
	fib_rules_vrctx_dev(dev, false);
	/* Never without: the two are not read together */
	WRITE_ONCE(dev->vrctx_stats, ctx ? ctx->stats : &vrctx_no_stats);
	WRITE_ONCE(dev->vrctx, id);
	if (old) {
		old->ndev--;
		vrctx_put(old);
	}
	vrctx_conf_enter(dev);
	fib_rules_vrctx_dev(dev, true);
	vrctx_notify_dev(dev);
}

void __vrctx_dev_reset(struct net_device *dev)
{
	ASSERT_RTNL();

	vrctx_dev_assign(dev, NULL);
}

static void vrctx_dev_neigh_flush(struct net_device *dev)
{
	neigh_ifdown(&arp_tbl, dev);
#if IS_ENABLED(CONFIG_IPV6)
	if (ipv6_stub->nd_tbl)
		neigh_ifdown(ipv6_stub->nd_tbl, dev);
#endif
}

/* Those inside see a device come and go as it moves */
static void vrctx_dev_tell(struct net_device *dev, u32 old)
{
	struct sk_buff *skb;

	/* A message is more work than all the rest */
	if (!rtnl_has_listeners(dev_net(dev), RTNLGRP_LINK))
		return;

	if (old) {
		skb = rtmsg_ifinfo_build_skb(RTM_DELLINK, dev, ~0U, 0,
					     GFP_KERNEL, NULL, 0, 0, NULL);
		if (skb)
			vrctx_nl_tell(dev_net(dev), skb, old, RTNLGRP_LINK,
				      GFP_KERNEL);
	}
	rtmsg_ifinfo(RTM_NEWLINK, dev, 0, GFP_KERNEL, 0, NULL);
}

/* Is there what readers find in a list or a bucket of the old context? */
static bool vrctx_dev_listed(const struct net_device *dev)
{
	const struct in_device *in_dev = __in_dev_get_rtnl(dev);
#if IS_ENABLED(CONFIG_IPV6)
	const struct inet6_dev *in6_dev = __in6_dev_get(dev);

	if (in6_dev && (dev->vrctx || !list_empty(&in6_dev->addr_list)))
		return true;
#endif
	return in_dev && rcu_access_pointer(in_dev->ifa_list);
}

/* Has the device never been up in its namespace? Then it has no packet: who
 * receives for a device asks whether it is up, but for bridges.
 */
static bool vrctx_dev_untouched(const struct net_device *dev)
{
	/* dev_activate() replaces it when the device goes up, for good */
	return rcu_access_pointer(dev->qdisc) == &noop_qdisc &&
	       !netif_is_bridge_master(dev);
}

static bool vrctx_dev_has_groups(const struct in_device *in_dev)
{
#ifdef CONFIG_IP_MULTICAST
	if (in_dev->mc_tomb)
		return true;
#endif
	return rcu_access_pointer(in_dev->mc_list);
}

#if IS_ENABLED(CONFIG_IPV6)
/* Groups other than those that each device is in */
static bool vrctx_dev_has_groups6(const struct inet6_dev *in6_dev)
{
	const struct ifmcaddr6 *mc;

	if (rcu_access_pointer(in6_dev->mc_tomb))
		return true;

	for (mc = rtnl_dereference(in6_dev->mc_list); mc;
	     mc = rtnl_dereference(mc->next)) {
		if (mc->mca_users != 1 ||
		    (!ipv6_addr_equal(&mc->mca_addr,
				      &in6addr_interfacelocal_allnodes) &&
		     !ipv6_addr_is_ll_all_nodes(&mc->mca_addr) &&
		     !(in6_dev->cnf.forwarding &&
		       ipv6_addr_is_ll_all_routers(&mc->mca_addr))))
			return true;
	}

	return false;
}
#endif

/* Is there nothing to leave behind? That is so with a new device. What protocols
 * keep for a device that was never up are addresses, groups and neighbours, each
 * of which holds the parameters, or else a proxy entry; one of IPv6 is in a
 * group. RTNL.
 */
static bool vrctx_dev_clean(const struct net_device *dev)
{
	const struct in_device *in_dev = __in_dev_get_rtnl(dev);
#if IS_ENABLED(CONFIG_IPV6)
	const struct inet6_dev *in6_dev = __in6_dev_get(dev);

	if (in6_dev && (in6_dev->ac_list ||
			vrctx_dev_has_groups6(in6_dev) ||
			refcount_read(&in6_dev->nd_parms->refcnt) != 1))
		return false;
#endif
#if IS_ENABLED(CONFIG_TIPC)
	if (rcu_access_pointer(dev->tipc_ptr))
		return false;
#endif
	if (in_dev && (vrctx_dev_has_groups(in_dev) ||
		       refcount_read(&in_dev->arp_parms->refcnt) != 1))
		return false;

	/* a multicast router has it in its table: allmulti */
	return !dev->vrctx && !dev->allmulti && vrctx_dev_untouched(dev) &&
	       !vrctx_dev_listed(dev) &&
	       !neigh_vrctx_proxies(&arp_tbl);
}

/* Drop what of the device's packets waits in the backlogs. It is down. RTNL. */
static void vrctx_dev_flush(struct net_device *dev)
{
	WRITE_ONCE(vrctx_flush_dev, dev);
	vrctx_flush_backlogs();
	WRITE_ONCE(vrctx_flush_dev, NULL);
}

/* Move a device that is down. RTNL. */
int vrctx_dev_move(struct net_device *dev, struct vrctx *ctx)
{
	int err = ctx ? vrctx_activate(ctx) : 0;
	u32 old = dev->vrctx;

	if (err)
		return err;
	if (vrctx_dev_clean(dev))
		goto assign;

	/* Packets that were received before it went down are the old context's;
	 * they are tagged only when they are processed.
	 */
	if (!vrctx_dev_untouched(dev)) {
		vrctx_dev_flush(dev);
		synchronize_net();
	}

	/* So is what the protocols keep for the device, some of it from them */
	call_netdevice_notifiers(NETDEV_VRCTX, dev);
	vrctx_dev_neigh_flush(dev);
	if (vrctx_dev_listed(dev))
		synchronize_net();

assign:
	vrctx_dev_assign(dev, ctx);
	inetdev_vrctx_enter(dev);
#if IS_ENABLED(CONFIG_IPV6)
	addrconf_vrctx_enter(dev);
#endif
	vrctx_dev_tell(dev, old);

	return 0;
}

/* The kinds of devices whose every packet goes through the places that tag
 * and check packets, and that keep no addresses or routes of their own.
 */
static bool vrctx_dev_supported(const struct net_device *dev)
{
	static const char * const kinds[] = {
		"bond", "bridge", "dummy", "geneve", "gre", "gretap", "ip6gre",
		"ip6gretap", "ip6tnl", "ipip", "ipvlan", "macvlan", "sit",
		"tun", "veth", "vlan", "vxlan", "wireguard",
	};

	if (!dev->rtnl_link_ops)
		return dev->type == ARPHRD_ETHER;

	return match_string(kinds, ARRAY_SIZE(kinds),
			    dev->rtnl_link_ops->kind) >= 0;
}

static bool vrctx_dev_mc_forwarding(struct net_device *dev)
{
	const struct in_device *in_dev = __in_dev_get_rtnl(dev);

#ifdef CONFIG_IPV6_MROUTE
	const struct inet6_dev *in6_dev = __in6_dev_get(dev);

	if (in6_dev && atomic_read(&in6_dev->cnf.mc_forwarding))
		return true;
#endif
	return in_dev && IPV4_DEVCONF(in_dev->cnf, MC_FORWARDING);
}

/* Is the device a bridge or a bond with ports? */
static bool vrctx_dev_has_ports(struct net_device *dev)
{
	struct net_device *lower;
	struct list_head *iter;

	netdev_for_each_lower_dev(dev, lower, iter) {
		if (netdev_master_upper_dev_get(lower) == dev)
			return true;
	}

	return false;
}

/**
 * vrctx_dev_set - put a device into a context
 * @dev: device
 * @ctx: live context, NULL for context 0
 * @extack: why not
 *
 * Context: RTNL.
 * Return: 0 or a negative errno.
 */
int vrctx_dev_set(struct net_device *dev, struct vrctx *ctx,
		  struct netlink_ext_ack *extack)
{
	ASSERT_RTNL();

	if (dev->vrctx == (ctx ? ctx->id : 0) && !(dev->flags & IFF_LOOPBACK))
		return 0;

	if (dev->flags & IFF_LOOPBACK) {
		NL_SET_ERR_MSG(extack, "The loopback device serves all contexts");
		return -EOPNOTSUPP;
	}
	if (!vrctx_dev_supported(dev)) {
		NL_SET_ERR_MSG(extack, "This kind of device does not support contexts");
		return -EOPNOTSUPP;
	}
	if (netdev_master_upper_dev_get(dev)) {
		NL_SET_ERR_MSG(extack, "The device has a master");
		return -EBUSY;
	}
	if (vrctx_dev_has_ports(dev)) {
		NL_SET_ERR_MSG(extack, "The device has ports");
		return -EBUSY;
	}
	if (netdev_is_rx_handler_busy(dev)) {
		NL_SET_ERR_MSG(extack, "Another device takes the packets of this one");
		return -EBUSY;
	}
	if (vrctx_dev_mc_forwarding(dev)) {
		NL_SET_ERR_MSG(extack, "The device is used for multicast routing");
		return -EBUSY;
	}
	if (dev->flags & IFF_UP) {
		NL_SET_ERR_MSG(extack, "The device is up");
		return -EBUSY;
	}

	return vrctx_dev_move(dev, ctx);
}

/* A process in context @id made the device, and the other end of a pair */
int __vrctx_dev_born(struct net_device *dev, u32 id,
		     struct netlink_ext_ack *extack)
{
	struct net *net = dev_net(dev);
	struct net_device *peer = NULL;
	struct vrctx *ctx;
	int err;

	ASSERT_RTNL();

	ctx = vrctx_find_live(net, id);
	if (!ctx) {
		NL_SET_ERR_MSG(extack, "The context is deleted");
		return -ENETUNREACH;
	}
	err = vrctx_dev_set(dev, ctx, extack);
	if (err || !dev->netdev_ops->ndo_get_peer_dev)
		return err;

	rcu_read_lock();
	peer = dev->netdev_ops->ndo_get_peer_dev(dev);
	rcu_read_unlock();
	/* RTNL keeps it */
	return peer && net_eq(dev_net(peer), net) ?
	       vrctx_dev_set(peer, ctx, extack) : 0;
}
EXPORT_SYMBOL_GPL(__vrctx_dev_born);

/* Take the devices of a context down and move them to context 0. RTNL. */
void vrctx_dev_evict(struct vrctx *ctx)
{
	struct net_device *dev;

	ASSERT_RTNL();

	for_each_netdev(ctx->net, dev) {
		if (!ctx->ndev)
			break;
		if (dev->vrctx != ctx->id)
			continue;
		dev_close(dev);
		vrctx_dev_move(dev, NULL);
	}
}

/* A device that goes to another namespace looks untouched there */
static int vrctx_netdev_event(struct notifier_block *nb, unsigned long event,
			      void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	if (event == NETDEV_UNREGISTER &&
	    dev->reg_state == NETREG_REGISTERED && vrctx_active())
		vrctx_dev_flush(dev);

	return NOTIFY_DONE;
}

static struct notifier_block vrctx_netdev_notifier = {
	.notifier_call = vrctx_netdev_event,
};

int __init vrctx_dev_watch(void)
{
	return register_netdevice_notifier(&vrctx_netdev_notifier);
}
