/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: multicast routing.
 *
 * Each context has one multicast routing table of each family, made when a
 * daemon in it or a request first wants it. It is found by the number of the
 * context, never among the tables of the namespace: these are context 0's, and
 * so are the rules that lead to them. Those inside call theirs by the name of
 * the default table, context 0 by the number of the context's first FIB table.
 */
#ifndef _NET_VRCTX_MROUTE_H
#define _NET_VRCTX_MROUTE_H

#include <linux/cleanup.h>
#include <linux/inetdevice.h>
#include <linux/mroute_base.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/vrctx_view.h>

/* @family is RTNL_FAMILY_IPMR or RTNL_FAMILY_IP6MR everywhere. The default table
 * of the latter is RT6_TABLE_DFLT.
 */
#define mr_number(family)						\
	((family) == RTNL_FAMILY_IP6MR ? (u32)RT_TABLE_MAIN :		\
					 (u32)RT_TABLE_DEFAULT)

#if defined(CONFIG_NET_VRCTX) && defined(CONFIG_IP_MROUTE_COMMON)

#define mr_vrctx(mrt)		((mrt)->vrctx)
#define mr_l3dom(mrt)		vrctx_l3dom((mrt)->vrctx)

/* The table of context @ctx, NULL if it has none. It stays as long as something
 * carries the number, and for who has RTNL or is in an RCU read section.
 */
struct mr_table *vrctx_mr_table(const struct net *net, int family, u32 ctx);
/* The same, but one is made if the context is alive. RTNL. */
struct mr_table *vrctx_mr_get(struct net *net, int family, u32 ctx);
/* The same without RTNL, which it may take. The table stays until it is put. */
struct mr_table *vrctx_mr_hold(struct net *net, int family, u32 ctx);
void __vrctx_mr_put(const struct mr_table *mrt);
static inline void vrctx_mr_put(const struct mr_table *mrt)
{
	if (!IS_ERR_OR_NULL(mrt) && mrt->vrctx)
		__vrctx_mr_put(mrt);
}

DEFINE_FREE(mr_sk_put, struct mr_table *, vrctx_mr_put(_T))
/* A variable for mr_sk_table(), which is NULL at first */
#define __mr_sk_table		__free(mr_sk_put)
/* The table of the next context after @ctx (start with 0) that has one. RCU or
 * RTNL.
 */
struct mr_table *vrctx_mr_next(const struct net *net, int family, u32 ctx);
/* Is there a daemon in the context? What "all" of mc_forwarding says in 0. */
bool vrctx_mr_forwards(const struct net *net, int family, u32 ctx);
/* Namespace exit: free the tables of all contexts. RTNL. */
void vrctx_mr_exit(struct net *net, int family);

static inline int vrctx_mr_lookup(struct net *net, int family, int l3dom,
				  struct mr_table **mrt)
{
	*mrt = vrctx_mr_table(net, family, __l3dom_vrctx(l3dom));

	return *mrt ? 0 : -ENETUNREACH;
}

/* ipmr.c and ip6mr.c: a table of context @ctx, which is in no list; the end of
 * all that is in it; its own end, when no packet knows it. RTNL.
 */
struct mr_table *ipmr_vrctx_new(struct net *net, u32 ctx);
void ipmr_vrctx_clean(struct mr_table *mrt);
void ipmr_vrctx_free(struct mr_table *mrt);
struct mr_table *ip6mr_vrctx_new(struct net *net, u32 ctx);
void ip6mr_vrctx_clean(struct mr_table *mrt);
void ip6mr_vrctx_free(struct mr_table *mrt);

/* For each table of context @ctx; @fam is ipmr or ip6mr */
#define mr_for_each_table_in(fam, mrt, net, ctx)			\
	for (mrt = fam##_table_next(net, NULL, ctx); mrt;		\
	     mrt = fam##_table_next(net, mrt, ctx))

/* Does the device leave the tables it is in? */
#define mr_dev_leaves(event)						\
	((event) == NETDEV_UNREGISTER || (event) == NETDEV_VRCTX)

/* The IPv4 device forwards multicast; in a context ip_mr_input() asks whether
 * there is a daemon.
 */
#define mr_forwards4(in_dev)						\
	(vrctx_active() && dev_vrctx((in_dev)->dev) ?			\
	 IN_DEV_CONF_GET(in_dev, MC_FORWARDING) :			\
	 IN_DEV_MFORWARD(in_dev))
/* Does a context do so at all? */
#define mr_forwarding4(net, ctx)					\
	((ctx) ? vrctx_mr_forwards(net, RTNL_FAMILY_IPMR, ctx) :	\
		 IPV4_DEVCONF_ALL_RO(net, MC_FORWARDING))
/* Is the IPv6 multicast packet to be forwarded, if it can be? */
#define mr_forwarding6(net, skb)					\
	(skb_vrctx(skb) ?						\
	 vrctx_mr_forwards(net, RTNL_FAMILY_IP6MR, skb_vrctx(skb)) :	\
	 atomic_read(&(net)->ipv6.devconf_all->mc_forwarding))
/* In which context does the request look up a route that @skb answers? */
#define mr_get_vrctx(skb)						\
	(skb_vrctx(skb) ? : (skb)->dev ? dev_vrctx((skb)->dev) : 0U)

/* What the message @skb calls the table, inside that is @number */
#define mr_nl_number(mrt, skb, number)					\
	(skb_vrctx(skb) ? (u32)(number) : (mrt)->id)
/* The default table, by one of its names: ip6mr_rtm_getroute() uses another */
#define mr_is_default(family, id)					\
	((id) == mr_number(family) || (id) == RT_TABLE_DEFAULT)
/* The table that the request @req calls @id; @get finds those of context 0 */
#define mr_nl_table(net, family, req, id, get)				\
	(vrctx_nl_inside(req) ?						\
	 mr_is_default(family, id) ?					\
	 vrctx_mr_table(net, family, vrctx_nl_inside(req)) : NULL :	\
	 get(net, id) ? : vrctx_mr_table(net, family, vrctx_table_ctx(id)))
/* The same to be changed, by somebody in context @ctx: it may be made */
#define mr_nl_table_new(net, family, ctx, id, get)			\
	((ctx) ? mr_is_default(family, id) ?				\
	 vrctx_mr_get(net, family, ctx) : NULL : get(net, id))
/* The table that the socket @sk is about, without RTNL, for a variable that is
 * __mr_sk_table
 */
#define mr_sk_table(net, sk, family, get, id)				\
	(sk_vrctx_get(sk) ?						\
	 vrctx_mr_hold(net, family, sk_vrctx_get(sk)) : get(net, id))
/* Whose tables a dump shows */
#define mr_nl_shown(req)	(vrctx_nl_inside(req) ? : VRCTX_ANY)
/* Whose table /proc shows: @get finds that of context 0 */
#define mr_seq_table(seq, net, family, get)				\
	(seq_vrctx(seq) ?						\
	 vrctx_mr_table(net, family, seq_vrctx(seq)) :			\
	 get(net, mr_number(family)))
void __vrctx_mr_notify(const struct mr_table *mrt, const struct sk_buff *skb,
		       u32 group);
/* An entry has changed: tell those inside, who know another table */
#define vrctx_mr_notify(mrt, skb, group)				\
do {									\
	if (mr_vrctx(mrt))						\
		__vrctx_mr_notify(mrt, skb, group);			\
} while (0)

int __vrctx_mr_reg_dev(struct net_device *dev, u32 ctx);
/* The device for PIM, just made, is in the context of the table. RTNL. */
#define vrctx_mr_reg_dev(dev, mrt)					\
	(mr_vrctx(mrt) ? __vrctx_mr_reg_dev(dev, mr_vrctx(mrt)) : 0)

#else /* !CONFIG_NET_VRCTX || !CONFIG_IP_MROUTE_COMMON */

#define mr_vrctx(mrt)				((void)(mrt), 0U)
#define mr_l3dom(mrt)				((void)(mrt), 0)
#define vrctx_mr_table(net, family, ctx)	NULL
#define vrctx_mr_get(net, family, ctx)		NULL
#define __mr_sk_table
#define vrctx_mr_lookup(net, family, l3dom, mrt)	(-ENETUNREACH)
#define vrctx_mr_forwards(net, family, ctx)	false
#define vrctx_mr_exit(net, family)		do { } while (0)
#define mr_for_each_table_in(fam, mrt, net, ctx)			\
	fam##_for_each_table(mrt, net)
#define mr_dev_leaves(event)			((event) == NETDEV_UNREGISTER)
#define mr_forwards4(in_dev)			IN_DEV_MFORWARD(in_dev)
#define mr_forwarding4(net, ctx)					\
	IPV4_DEVCONF_ALL_RO(net, MC_FORWARDING)
#define mr_forwarding6(net, skb)					\
	atomic_read(&(net)->ipv6.devconf_all->mc_forwarding)
#define mr_get_vrctx(skb)			((void)(skb), 0U)
#define mr_nl_number(mrt, skb, number)		((mrt)->id)
#define mr_nl_table(net, family, req, id, get)	get(net, id)
#define mr_sk_table(net, sk, family, get, id)	get(net, id)
#define mr_nl_table_new(net, family, ctx, id, get)	get(net, id)
#define mr_seq_table(seq, net, family, get)	get(net, mr_number(family))
#define vrctx_mr_notify(mrt, skb, group)	do { } while (0)
#define vrctx_mr_reg_dev(dev, mrt)		0

#endif /* CONFIG_NET_VRCTX && CONFIG_IP_MROUTE_COMMON */

#endif /* _NET_VRCTX_MROUTE_H */
