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
#define vrctx_bpf_sdif(sdif, ctx)	(sdif)
#define vrctx_bpf_far(ctx)		false

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_BPF_H */
