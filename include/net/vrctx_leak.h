/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: route leaks, the one way from a context to another.
 *
 * A leak is a route in the table of one context, on the loopback device, whose
 * lightweight tunnel state hands packets on to another context. Nobody else
 * changes the context of a packet that has one.
 */
#ifndef _NET_VRCTX_LEAK_H
#define _NET_VRCTX_LEAK_H

#include <net/lwtunnel.h>
#include <net/vrctx.h>

#ifdef CONFIG_NET_VRCTX

/* Types up to here have operations. That of leaks is the kernel's own: no
 * request names it, and no message tells of it.
 */
#define LWTUNNEL_ENCAP_VRCTX	(LWTUNNEL_ENCAP_MAX + 1)
#define LWTUNNEL_ENCAP_LAST	LWTUNNEL_ENCAP_VRCTX

#define vrctx_lws_leaks(lws)						\
	((lws) && (lws)->type == LWTUNNEL_ENCAP_VRCTX)
/* Is the IPv4 route a leak? */
#define vrctx_fi_leaks(fi)						\
	(!(fi)->nh && (fi)->fib_nhs == 1 &&				\
	 vrctx_lws_leaks((fi)->fib_nh->fib_nh_lws))
/* Is the IPv6 route one? */
#define vrctx_f6i_leaks(f6i)						\
	(!(f6i)->nh && vrctx_lws_leaks((f6i)->fib6_nh->fib_nh_lws))
/* Has the packet come to its context by a leak, and not by the device? */
#define vrctx_crossed(skb, dev)						\
	(vrctx_active() && (skb)->vrctx != (dev)->vrctx &&		\
	 !((dev)->flags & IFF_LOOPBACK))

#else /* !CONFIG_NET_VRCTX */

#define LWTUNNEL_ENCAP_LAST		LWTUNNEL_ENCAP_MAX
#define vrctx_lws_leaks(lws)		false
#define vrctx_fi_leaks(fi)		((void)(fi), false)
#define vrctx_f6i_leaks(f6i)		((void)(f6i), false)
#define vrctx_crossed(skb, dev)		((void)(skb), (void)(dev), false)

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_LEAK_H */
