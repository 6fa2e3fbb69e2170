/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: tunnels.
 *
 * A tunnel is in two contexts, as it may be in two namespaces: that of its
 * device (dev->vrctx), which what it carries is in, and the one below, which
 * its own packets travel in (dev->vrctx_under). The latter is the context of
 * the process that made the tunnel, for good; the device may be moved on. The
 * tunnel holds the number, so that it is not used again before.
 *
 * The device carries both, since all kinds of tunnels have one.
 */
#ifndef _NET_VRCTX_TUNNEL_H
#define _NET_VRCTX_TUNNEL_H

#include <linux/netdevice.h>
#include <net/vrctx.h>

#ifdef CONFIG_NET_VRCTX

/* The context below a tunnel */
#define vrctx_under(dev)		((dev)->vrctx_under)
/* In a look-up: is it that of the packet? */
#define vrctx_under_is(dev, vrctx)	((dev)->vrctx_under == (vrctx))
#define vrctx_not_0(vrctx)		((vrctx) != 0)
/* Context 0 keeps its buckets */
#define vrctx_mix(hash, vrctx)		((hash) ^ (vrctx) * GOLDEN_RATIO_32)
/* Between two contexts a packet loses what it loses between two namespaces */
#define vrctx_under_xnet(dev, xnet)					\
	((xnet) || (dev)->vrctx != (dev)->vrctx_under)
/* The packet @skb is about to travel in @ctx */
#define vrctx_scrub(skb, ctx, xnet)					\
do {									\
	skb_scrub_packet(skb, (xnet) || (skb)->vrctx != (ctx));		\
	(skb)->vrctx = (ctx);						\
} while (0)
#define vrctx_tag(skb, ctx)		((void)((skb)->vrctx = (ctx)))
/* Does an error about @skb, of a tunnel, concern somebody elsewhere? */
#define vrctx_crosses(dev, skb)		((dev)->vrctx != (skb)->vrctx)
/* The lower device a tunnel names, if it is in the context below */
#define vrctx_under_dev(dev, lower)					\
({									\
	struct net_device *__lower = (lower);				\
									\
	__lower && __lower->vrctx == (dev)->vrctx_under ? __lower : NULL; \
})

/* Are two tunnels in one context below? */
#define vrctx_under_same(one, two)					\
	((one)->vrctx_under == (two)->vrctx_under)
/* The same for the socket of a tunnel over UDP */
#define vrctx_under_sk(sk, ctx)		((sk)->sk_vrctx == (ctx))
/* udp_sock_create() is for the tunnel @dev */
#define vrctx_udp_tunnel(cfg, dev)	((void)((cfg)->vrctx_tunnel = (dev)))
struct udp_port_cfg;
int vrctx_sock_create_udp(struct net *net, int family,
			  const struct udp_port_cfg *cfg,
			  struct socket **sockp);

int __vrctx_under_set(struct net_device *dev, u32 id,
		      struct netlink_ext_ack *extack);
/* A device is about to be made for the requester. 0 or -errno with a text.
 * RTNL.
 */
#define vrctx_under_set(dev, skb, extack)				\
	(likely(!vrctx_nl_inside(skb)) ||				\
	 !net_eq(dev_net(dev), sock_net((skb)->sk)) ? 0 :		\
	 __vrctx_under_set(dev, vrctx_nl_inside(skb), extack))
void __vrctx_under_put(struct net_device *dev);
/* The device is about to be freed */
#define vrctx_under_put(dev)						\
do {									\
	if (unlikely((dev)->vrctx_under))				\
		__vrctx_under_put(dev);					\
} while (0)

#else /* !CONFIG_NET_VRCTX */

#define vrctx_under(dev)		((void)(dev), 0U)
#define vrctx_under_is(dev, vrctx)	((void)(dev), true)
#define vrctx_not_0(vrctx)		false
#define vrctx_mix(hash, vrctx)		(hash)
#define vrctx_under_xnet(dev, xnet)	(xnet)
#define vrctx_scrub(skb, vrctx, xnet)	skb_scrub_packet(skb, xnet)
#define vrctx_tag(skb, vrctx)		do { } while (0)
#define vrctx_crosses(dev, skb)		((void)(dev), (void)(skb), false)
#define vrctx_under_dev(dev, lower)	(lower)
#define vrctx_under_same(one, two)	true
#define vrctx_under_sk(sk, ctx)		true
#define vrctx_udp_tunnel(cfg, dev)	do { } while (0)
#define vrctx_sock_create_udp(net, family, cfg, sockp)			\
	sock_create_kern(net, family, SOCK_DGRAM, 0, sockp)
#define vrctx_under_set(dev, skb, extack)	0
#define vrctx_under_put(dev)		do { } while (0)

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_TUNNEL_H */
