/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: what a process in one sees of the network, and may
 * change: its own. For rtnetlink (rtnl.c), ioctls, /proc/net and sock_diag.
 *
 * A netlink socket sees with the eyes of the context it was made in, an ioctl
 * and an open() with those of the calling process. Context 0 sees everything.
 * Who has gone to another namespace sees nothing any more of one with contexts,
 * whatever number it had here or has there.
 */
#ifndef _NET_VRCTX_VIEW_H
#define _NET_VRCTX_VIEW_H

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/seq_file_net.h>
#include <linux/skbuff.h>
#include <net/sock.h>
#include <net/vrctx.h>

#ifdef CONFIG_NET_VRCTX

/* The context a request or a dump comes from: that of its socket */
#define vrctx_nl_inside(skb)						\
	(vrctx_active() && NETLINK_CB(skb).sk ?				\
	 NETLINK_CB(skb).sk->sk_vrctx : 0U)
/* Does context @ctx see what is of context @of? */
#define vrctx_seen(of, ctx)	(!(ctx) || (of) == (ctx))
#define vrctx_sk_seen(sk, ctx)	vrctx_seen((sk)->sk_vrctx, ctx)
#define vrctx_dev_seen(dev, ctx)					\
	(vrctx_seen((dev)->vrctx, ctx) || (dev)->flags & IFF_LOOPBACK)
#define vrctx_nl_sees(skb, dev)		vrctx_dev_seen(dev, vrctx_nl_inside(skb))
/* Of lo's neighbours each context would see the addresses of all others */
#define vrctx_nl_sees_neigh(skb, n)					\
	vrctx_seen((n)->dev->vrctx, vrctx_nl_inside(skb))
/* A proxy entry for all devices is context 0's */
#define vrctx_pneigh_seen(n, ctx)					\
	(!(ctx) || ((n)->dev && vrctx_dev_seen((n)->dev, ctx)))
#define vrctx_nl_sees_pneigh(skb, n)					\
	vrctx_pneigh_seen(n, vrctx_nl_inside(skb))
/* The same for the calling process, in its namespace */
#define vrctx_view()	(vrctx_active() ? task_vrctx(current) : 0U)
/* What no table, device or socket has: who is that sees none of them */
#define VRCTX_NOBODY	((u32)INT_MAX)
u32 __vrctx_view_of(const struct net *net);
/* The same for @net, which the process may be no longer in, or never was */
#define vrctx_view_of(net)	(vrctx_active() ? __vrctx_view_of(net) : 0U)
#define vrctx_view_sees(dev)						\
	vrctx_dev_seen(dev, vrctx_view_of(dev_net(dev)))
/* An ioctl means the network of the process: is it that of the socket, too? */
#define vrctx_view_is(sk)						\
	(!(sk)->sk_vrctx ||						\
	 (sk)->sk_vrctx == vrctx_view_of(sock_net(sk)))

/* The message @skb is about @dev: those who see it may hear of it */
#define vrctx_nl_about(skb, dev)					\
	skb_set_vrctx(skb, (dev)->flags & IFF_LOOPBACK ? SK_VRCTX_ANY :	\
							 (dev)->vrctx)
/* Marks a message as one that is written for those inside */
#define VRCTX_NL_INSIDE		0x40000000
/* The message @skb is for those in context @ctx, unless that is 0 */
#define vrctx_nl_inside_only(skb, ctx)					\
do {									\
	if (ctx)							\
		skb_set_vrctx(skb, (ctx) | VRCTX_NL_INSIDE);		\
} while (0)
/* The message @skb answers @req: write it as the requester sees things */
#define vrctx_nl_reply(skb, req)	skb_set_vrctx(skb, vrctx_nl_inside(req))

bool __vrctx_nl_hears(const struct sock *sk, const struct sk_buff *skb,
		      const struct net *net);
/* May the socket hear the multicast message, from @net? */
#define vrctx_nl_hears(sk, skb, net)					\
	(!vrctx_active() || __vrctx_nl_hears(sk, skb, net))

int __vrctx_rtnl_check(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		       struct netlink_ext_ack *extack);
/* Before a handler: may the requester do that? 0, or -errno with a text. Under
 * RTNL unless the handler does without.
 */
#define vrctx_rtnl_check(skb, nlh, extack)				\
	(likely(!vrctx_nl_inside(skb)) ? 0 :				\
	 __vrctx_rtnl_check(skb, nlh, extack))

int __vrctx_dev_born(struct net_device *dev, u32 id,
		     struct netlink_ext_ack *extack);
/* A handler has made @dev: it is in the context of the requester. 0 or -errno
 * with a text. RTNL.
 */
#define vrctx_dev_born(dev, skb, extack)				\
	(likely(!vrctx_nl_inside(skb)) ||				\
	 !net_eq(dev_net(dev), sock_net((skb)->sk)) ? 0 :		\
	 __vrctx_dev_born(dev, vrctx_nl_inside(skb), extack))

/* A process has made @dev, not by rtnetlink: the same */
#define vrctx_view_born(dev)						\
	(likely(!vrctx_view_of(dev_net(dev))) ? 0 :			\
	 __vrctx_dev_born(dev, vrctx_view_of(dev_net(dev)), NULL))

/* In a context, tables main and local are names for its first table; others are
 * its own, too, and are made when a route is to be added. The number that the
 * stack knows the table by which a request means: 0, or -errno with a text.
 */
int __vrctx_nl_table_in(const struct sk_buff *skb, u32 *table,
			struct netlink_ext_ack *extack);
#define vrctx_nl_table_in(skb, table, extack)				\
	(vrctx_active() ? __vrctx_nl_table_in(skb, table, extack) : 0)
/* What a context calls the part of its first table with routes of @type */
static inline u32 vrctx_table_part(u8 type)
{
	return type == RTN_LOCAL || type == RTN_BROADCAST ||
	       type == RTN_ANYCAST || type == RTN_MULTICAST ? RT_TABLE_LOCAL :
							      RT_TABLE_MAIN;
}

u32 __vrctx_nl_table_out(const struct net *net, u32 table, u8 type);
/* What a message that is written for a context calls the table of a route */
#define vrctx_nl_table_out(net, skb, table, type)			\
	(likely(!skb_vrctx(skb)) ? (table) :				\
	 __vrctx_nl_table_out(net, table, type))
bool __vrctx_nl_put_table(const struct net *net, struct sk_buff *skb,
			  u32 table);
/* Tell context 0 whose the table of a route is; true if there is no room */
#define vrctx_nl_put_table(net, skb, table)				\
	(vrctx_active() && !skb_vrctx(skb) &&				\
	 __vrctx_nl_put_table(net, skb, table))
#define VRCTX_NL_TABLE_SIZE	(2 * nla_total_size(4))
/* A dump for a context: leads to its table, and remembers what was asked for */
void __vrctx_nl_filter(const struct sock *sk, u32 *table, u32 *shown);
#define vrctx_nl_filter(skb, filter)					\
do {									\
	if (vrctx_nl_inside(skb))					\
		__vrctx_nl_filter(NETLINK_CB(skb).sk,			\
				  &(filter)->table_id,			\
				  &(filter)->vrctx_table);		\
} while (0)
#define VRCTX_NL_NO_TABLE	0xffffffffU
/* It asks for a table that the context does not have */
#define vrctx_nl_no_table(filter)					\
	((filter)->vrctx_table == VRCTX_NL_NO_TABLE)
#define vrctx_nl_filtered(filter, type)					\
	((filter)->vrctx_table && (filter)->vrctx_table !=		\
	 vrctx_table_part(type))
/* The context that a request is for: that of its socket, or the one that
 * context 0 names with VRCTX_NL_ATTR after a header of @hdrlen bytes.
 */
u32 __vrctx_nl_meant(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		     int hdrlen);
#define vrctx_nl_meant(skb, nlh, hdrlen)				\
	(vrctx_active() ? __vrctx_nl_meant(skb, nlh, hdrlen) : 0U)
/* Is there nothing after the header but the name of a context? */
#define vrctx_nl_named(nlh, hdrlen)					\
	(vrctx_active() &&						\
	 nlmsg_attrlen(nlh, hdrlen) == nla_total_size(sizeof(u32)) &&	\
	 nlmsg_find_attr(nlh, hdrlen, VRCTX_NL_ATTR))
/* The route to ::1 names its source in a context, as lo is not the context's:
 * no host shows that.
 */
#define vrctx_nl_own_src(skb, rt)					\
	(skb_vrctx(skb) && ipv6_addr_loopback(&(rt)->fib6_prefsrc.addr))
/* L3 domain of the table an IPv6 route is in */
#define vrctx_rt6_l3dom(net, rt)					\
	((void)(net), vrctx_l3dom((rt)->fib6_table ?			\
				  fib6_table_vrctx((rt)->fib6_table) : 0))
void __vrctx_nl_route(struct net *net, const struct sk_buff *skb, u32 group,
		      gfp_t gfp);
/* A route has changed: tell those in its context, who know another table */
#define vrctx_nl_route(net, skb, group, gfp)				\
do {									\
	if (vrctx_active() && ((group) == RTNLGRP_IPV4_ROUTE ||		\
			       (group) == RTNLGRP_IPV6_ROUTE))		\
		__vrctx_nl_route(net, skb, group, gfp);			\
} while (0)

/* ---- ioctls, /proc/net, sock_diag, packet sockets (view.c) ---- */

#define vrctx_view_owns(dev)						\
	vrctx_seen((dev)->vrctx, vrctx_view_of(dev_net(dev)))
struct rtable *vrctx_view_route(struct net *net, __be32 addr);
int __vrctx_view_ifr(struct net *net, unsigned int cmd, const char *name);
/* May the process do this to the device it names? 0, -ENODEV or -EPERM */
#define vrctx_view_ifr(net, cmd, name)					\
	(likely(!vrctx_view_of(net)) ? 0 :				\
	 __vrctx_view_ifr(net, cmd, name))

int __vrctx_view_change(struct net *net, int ifindex);
/* May it change the device with the number? 0, -ENODEV or -EPERM */
#define vrctx_view_change(net, ifindex)					\
	(likely(!vrctx_view_of(net)) ? 0 : __vrctx_view_change(net, ifindex))
bool __vrctx_view_index(struct net *net, int ifindex);
/* Does the process see the device with the number? */
#define vrctx_view_index(net, ifindex)					\
	(likely(!vrctx_view_of(net)) || __vrctx_view_index(net, ifindex))

/* The table that an ioctl means; it may be the first route in it */
#define vrctx_view_table(cfg)						\
do {									\
	u32 __view = vrctx_view_of((cfg)->fc_nlinfo.nl_net);		\
									\
	if (__view)							\
		(cfg)->fc_table = vrctx_table_id(__view);		\
} while (0)
#define vrctx_view_prepare(net, table)					\
	(vrctx_view_of(net) ? vrctx_table_prepare(net, table, NULL) : 0)

bool __vrctx_view_proc(const char *dir, const char *name);
/* Does this file of @net's /proc/net, or of the directory @dir there, keep to
 * the context of who opens it? @net is looked at only if there are contexts.
 */
#define vrctx_view_proc(net, dir, name)					\
	(likely(!vrctx_view_of(net)) || __vrctx_view_proc(dir, name))
bool __vrctx_view_bpf(unsigned int prog_type);
/* Does a BPF program of this type serve who runs or attaches it, and not
 * devices or the namespace?
 */
#define vrctx_view_bpf(prog_type)					\
	(likely(!vrctx_view()) || __vrctx_view_bpf(prog_type))
#define vrctx_seq_set(priv, net)					\
	((void)(((struct seq_net_private *)(priv))->vrctx =		\
		vrctx_view_of(net)))
/* For whom is it written? */
#define seq_vrctx(seq)							\
	(vrctx_active() ?						\
	 ((struct seq_net_private *)(seq)->private)->vrctx : 0U)
#define seq_sees_dev(seq, dev)	vrctx_dev_seen(dev, seq_vrctx(seq))
#define seq_sees_sk(seq, sk)	vrctx_sk_seen(sk, seq_vrctx(seq))
#define seq_sees_pneigh(seq, n)	vrctx_pneigh_seen(n, seq_vrctx(seq))
#define seq_sees_fl(seq, fl)	vrctx_seen((fl)->vrctx, seq_vrctx(seq))

int __vrctx_genl_check(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		       const char *family, struct netlink_ext_ack *extack);
/* Do requests to the generic netlink family keep to the context? */
#define vrctx_genl_check(skb, nlh, family, extack)			\
	(likely(!vrctx_nl_inside(skb)) ? 0 :				\
	 __vrctx_genl_check(skb, nlh, family, extack))

int __vrctx_nfnl_check(u16 type, struct netlink_ext_ack *extack);
/* Do such requests to nfnetlink keep to the context? */
#define vrctx_nfnl_check(skb, type, extack)				\
	(likely(!vrctx_nl_inside(skb)) ? 0 : __vrctx_nfnl_check(type, extack))

bool __vrctx_diag_ok(const struct nlmsghdr *nlh);
/* Do sockets of this kind know contexts? */
#define vrctx_diag_ok(skb, nlh)						\
	(likely(!vrctx_nl_inside(skb)) || __vrctx_diag_ok(nlh))
int __vrctx_diag_l3dom(const struct sk_buff *skb);
/* Where to look for the socket that a request names: the requester's context;
 * context 0 may name another with VRCTX_NL_ATTR (u32).
 */
#define vrctx_diag_l3dom(skb)						\
	(vrctx_active() ? __vrctx_diag_l3dom(skb) : 0)
/* The context in a message about a device or a socket, unless it is 0 */
#define vrctx_nl_put(skb, ctx)						\
	((ctx) && nla_put_u32(skb, VRCTX_NL_ATTR,			\
			      (ctx) == SK_VRCTX_ANY ? VRCTX_ANY : (ctx)))
#define vrctx_diag_put(skb, sk)		vrctx_nl_put(skb, (sk)->sk_vrctx)
#define vrctx_dev_put(skb, dev)		vrctx_nl_put(skb, (dev)->vrctx)
/* The message @skb is about @sk; a VRCTX_ANY socket is context 0's */
#define vrctx_nl_about_sk(skb, sk)					\
	skb_set_vrctx(skb, (sk)->sk_vrctx & VRCTX_ID_MAX)

/* Does context @ctx see this frame? What comes and goes there */
#define vrctx_frame_seen(ctx, skb, dev)					\
	(!vrctx_active() || !(ctx) ||					\
	 ((dev)->flags & IFF_LOOPBACK ? (skb)->vrctx : (dev)->vrctx) == (ctx))
/* Does a packet socket get it, or a group of them? */
#define vrctx_packet_seen(sk, skb, dev)					\
	vrctx_frame_seen((sk)->sk_vrctx, skb, dev)
#define vrctx_fanout_seen(f, skb, dev)	vrctx_frame_seen((f)->vrctx, skb, dev)
#define vrctx_fanout_in(f, sk)	((f)->vrctx == (sk)->sk_vrctx)
#define vrctx_fanout_set(f, sk)	((void)((f)->vrctx = (sk)->sk_vrctx))

#else /* !CONFIG_NET_VRCTX */

#define vrctx_nl_inside(skb)			((void)(skb), 0U)
#define vrctx_nl_sees(skb, dev)			((void)(skb), true)
#define vrctx_view()				0U
#define vrctx_view_of(net)			((void)(net), 0U)
#define vrctx_view_sees(dev)			((void)(dev), true)
#define vrctx_nl_about(skb, dev)		((void)(skb), (void)(dev))
#define vrctx_nl_about_addr(skb, dev, loopback)	((void)(skb), (void)(dev))
#define vrctx_nl_inside_only(skb, ctx)		((void)(skb), (void)(ctx))
#define vrctx_nl_reply(skb, req)		((void)(skb), (void)(req))
#define vrctx_nl_hears(sk, skb, net)		true
#define vrctx_rtnl_check(skb, nlh, extack)	0
#define vrctx_dev_born(dev, skb, extack)	0
#define vrctx_view_born(dev)			0
#define vrctx_nl_table_in(skb, table, extack)	0
#define vrctx_nl_table_out(net, skb, table, type)	(table)
#define vrctx_nl_put_table(net, skb, table)	false
#define VRCTX_NL_TABLE_SIZE			0
#define vrctx_nl_no_table(filter)		false
#define vrctx_nl_meant(skb, nlh, hdrlen)	0U
#define vrctx_nl_named(nlh, hdrlen)		false
#define vrctx_nl_filter(skb, filter)		do { } while (0)
#define vrctx_nl_filtered(filter, type)		false
#define vrctx_nl_own_src(skb, rt)		false
#define vrctx_rt6_l3dom(net, rt)		0
#define vrctx_nl_route(net, skb, group, gfp)	do { } while (0)

#define vrctx_dev_seen(dev, ctx)		((void)(dev), true)
#define vrctx_sk_seen(sk, ctx)			((void)(sk), true)
#define vrctx_view_is(sk)			((void)(sk), true)
#define vrctx_view_owns(dev)			((void)(dev), true)
#define vrctx_view_route(net, addr)		NULL
#define vrctx_genl_check(skb, nlh, family, extack)	0
#define vrctx_view_ifr(net, cmd, name)		0
#define vrctx_view_change(net, ifindex)		0
#define vrctx_view_index(net, ifindex)		true
#define vrctx_view_table(cfg)			do { } while (0)
#define vrctx_view_prepare(net, table)		0
#define vrctx_view_proc(net, dir, name)		((void)(dir), (void)(name), true)
#define vrctx_view_bpf(prog_type)		true
#define vrctx_seq_set(priv, net)		do { } while (0)
#define seq_vrctx(seq)				((void)(seq), 0U)
#define seq_sees_dev(seq, dev)			((void)(dev), true)
#define seq_sees_sk(seq, sk)			((void)(sk), true)
#define seq_sees_fl(seq, fl)			((void)(fl), true)
#define seq_sees_pneigh(seq, n)			((void)(n), true)
#define vrctx_nl_sees_pneigh(skb, n)		((void)(n), true)
#define vrctx_nl_sees_neigh(skb, n)		((void)(skb), (void)(n), true)
#define vrctx_nfnl_check(skb, type, extack)	((void)(type), 0)
#define vrctx_diag_ok(skb, nlh)			true
#define vrctx_diag_l3dom(skb)			0
#define vrctx_nl_put(skb, ctx)			0
#define vrctx_diag_put(skb, sk)			0
#define vrctx_dev_put(skb, dev)			0
#define vrctx_nl_about_sk(skb, sk)		do { } while (0)
#define vrctx_packet_seen(sk, skb, dev)		true
#define vrctx_fanout_seen(f, skb, dev)		true
#define vrctx_fanout_in(f, sk)			true
#define vrctx_fanout_set(f, sk)			do { } while (0)

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_VIEW_H */
