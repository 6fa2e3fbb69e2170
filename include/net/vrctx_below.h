/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: tunnels that have no device to say which context is
 * below (see vrctx_tunnel.h): L2TP, FOU. Their socket says it, the one of who
 * made the tunnel.
 */
#ifndef _NET_VRCTX_BELOW_H
#define _NET_VRCTX_BELOW_H

#include <net/vrctx_tunnel.h>
#include <net/vrctx_view.h>
#include <net/vrctx_watch.h>

#ifdef CONFIG_NET_VRCTX

/* udp_sock_create() is for such a tunnel, in context @ctx */
#define vrctx_udp_below(cfg, ctx)	((void)((cfg)->vrctx = (ctx)))
/* Any socket of such a tunnel. 0 or -errno */
int vrctx_sock_create_below(struct net *net, u32 id, int family, int type,
			    int protocol, struct socket **sockp);
/* The device @dev of such a tunnel is born in context @ctx. 0 or -errno; RTNL. */
#define vrctx_born_above(dev, ctx)					\
	(likely(!(ctx)) ? 0 : __vrctx_dev_born(dev, ctx, NULL))
/* The packet @skb is about to travel in @ctx: the same as vrctx_scrub() where
 * nothing is lost within a context.
 */
#define vrctx_enter_below(skb, ctx)					\
do {									\
	if (vrctx_active() && (skb)->vrctx != (ctx)) {			\
		skb_scrub_packet(skb, true);				\
		(skb)->vrctx = (ctx);					\
	}								\
} while (0)

#else /* !CONFIG_NET_VRCTX */

#define vrctx_udp_below(cfg, ctx)	do { } while (0)
#define vrctx_sock_create_below(net, id, family, type, protocol, sockp)	\
	sock_create_kern(net, family, type, protocol, sockp)
#define vrctx_enter_below(skb, ctx)	do { } while (0)

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_BELOW_H */
