/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: what BPF helpers look up, and where.
 *
 * A program is of whoever set it up, for packets of all contexts. What it looks
 * up on behalf of a packet, a frame or a socket is of their context; what it
 * asks about a device by number, of the device's. The loopback device is in all
 * contexts: the packet says which.
 */
#ifndef _NET_VRCTX_BPF_H
#define _NET_VRCTX_BPF_H

#include <linux/bpf.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/vrctx.h>
#include <net/xdp.h>

#ifdef CONFIG_NET_VRCTX

/* What there is of these to a program: the last field is ours */
#define VRCTX_BPF_SKB_SIZE	offsetofend(struct __sk_buff, vrctx)
#define VRCTX_BPF_SOCK_SIZE	offsetofend(struct bpf_sock, vrctx)
/* The structure as user space hands it over and gets it back */
#define VRCTX_BPF_SKB_USER	sizeof(struct __sk_buff)

/* Above the flags of an xdp_buff: the context of the packet that it is made
 * from. Frames of drivers have none; they do not come from the loopback device.
 */
#define XDP_VRCTX_SHIFT		8

#define xdp_set_vrctx(xdp, skb)						\
	((void)((xdp)->flags |= __skb_vrctx(skb) << XDP_VRCTX_SHIFT))

/* The context of what is about @dev on behalf of somebody in context @ctx */
static inline u32 vrctx_bpf_dev(const struct net_device *dev, u32 ctx)
{
	return dev->flags & IFF_LOOPBACK ? ctx : dev_vrctx(dev);
}

static inline u32 xdp_vrctx(const struct xdp_buff *xdp)
{
	return vrctx_bpf_dev(xdp->rxq->dev, xdp->flags >> XDP_VRCTX_SHIFT);
}

/* bpf_fib_lookup(): the flow is one of that context */
#define vrctx_bpf_flow(fl, dev, ctx)					\
	((void)((fl)->flowic_l3mdev = vrctx_l3dom(vrctx_bpf_dev(dev, ctx))))

/* bpf_redirect_neigh(): what is sent out of a device is the device's */
#define vrctx_bpf_send(skb, dev)					\
	skb_set_vrctx(skb, vrctx_bpf_dev(dev, skb_vrctx(skb)))

/* Redirected by generic XDP. A tun device may have run it before the frame has
 * a tag, which is what it keeps if it is sent out of the loopback device.
 */
#define vrctx_bpf_xdp(skb)		vrctx_bpf_send(skb, (skb)->dev)

/* Redirected to @dev, to be received there: the context that the frame keeps if
 * that is the loopback device, where nothing else would give it one.
 */
#define vrctx_bpf_keep(skb, dev)					\
	(vrctx_active() && (dev)->flags & IFF_LOOPBACK ?		\
	 vrctx_bpf_dev((skb)->dev, skb_vrctx(skb)) : 0)

/* As dev_forward_skb_nomtu() to the loopback device, in context @ctx */
static inline int vrctx_bpf_rx(struct net_device *dev, struct sk_buff *skb,
			       u32 ctx)
{
	int ret = ____dev_forward_skb(dev, skb, false);

	if (unlikely(ret))
		return ret;

	skb_set_vrctx(skb, ctx);
	skb->protocol = eth_type_trans(skb, dev);
	skb_postpull_rcsum(skb, eth_hdr(skb), ETH_HLEN);

	return netif_rx(skb);
}

/* bpf_sk_lookup_*(): the L3 domain to look in */
#define vrctx_bpf_sdif(sdif, ctx)	((ctx) ? vrctx_l3dom(ctx) : (sdif))
/* In a namespace that is named by its number there: 0 or a VRF alone */
#define vrctx_bpf_far(ctx)		(ctx)

#else /* !CONFIG_NET_VRCTX */

#define VRCTX_BPF_SKB_SIZE	offsetofend(struct __sk_buff, hwtstamp)
#define VRCTX_BPF_SOCK_SIZE	offsetofend(struct bpf_sock, rx_queue_mapping)
#define VRCTX_BPF_SKB_USER	VRCTX_BPF_SKB_SIZE

#define xdp_set_vrctx(xdp, skb)		do { } while (0)
#define xdp_vrctx(xdp)			((void)(xdp), 0U)
#define vrctx_bpf_flow(fl, dev, ctx)	do { } while (0)
#define vrctx_bpf_send(skb, dev)	do { } while (0)
#define vrctx_bpf_xdp(skb)		do { } while (0)
#define vrctx_bpf_keep(skb, dev)	((void)(skb), (void)(dev), 0U)
#define vrctx_bpf_rx(dev, skb, ctx)	dev_forward_skb_nomtu(dev, skb)
#define vrctx_bpf_sdif(sdif, ctx)	(sdif)
#define vrctx_bpf_far(ctx)		false

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_BPF_H */
