/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: addresses that this host shares with others
 *
 * What is received for an address of a distributed host (vr_dhost) may be for
 * another node. Who knows is a module; it is asked where the header of a packet
 * has been checked, before netfilter: what is not for this host is not to be
 * defragmented, tracked or translated here. All other packets pay for a bit in
 * a map, and none while no address is shared.
 */
#ifndef _NET_VRCTX_SHARED_H
#define _NET_VRCTX_SHARED_H

#include <linux/bitmap.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/jump_label.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <net/net_namespace.h>

/* Bits of a filter; a power of two */
#define VRCTX_SHARED_BITS	256

/**
 * struct vrctx_shared - shared addresses of one family in a namespace
 * @filter: for each of them the bit that is vrctx_shared_bit()
 * @in: the packet may be for one of them, or is neighbour discovery. RCU, and
 *	the network header is pulled. True to go on with it, false if it was
 *	taken.
 */
struct vrctx_shared {
	DECLARE_BITMAP(filter, VRCTX_SHARED_BITS);
	bool	(*in)(struct vrctx_shared *shared, struct sk_buff *skb);
};

/* @last: the last four bytes of an address, in network byte order */
static inline unsigned int vrctx_shared_bit(__be32 last)
{
	return ntohl(last) & (VRCTX_SHARED_BITS - 1);
}

#ifdef CONFIG_NET_VRCTX

/* On while there are any */
DECLARE_STATIC_KEY_FALSE(vrctx_shared_key);

void vrctx_share(struct net *net, int family, struct vrctx_shared *shared);
void vrctx_unshare(struct net *net, int family);

static inline bool vrctx_shared_in4(const struct net *net, struct sk_buff *skb)
{
	struct vrctx_shared *shared = rcu_dereference(net->vrctx.shared4);

	return !shared ||
	       likely(!test_bit(vrctx_shared_bit(ip_hdr(skb)->daddr),
				shared->filter)) ||
	       shared->in(shared, skb);
}

/* Neighbour discovery takes nothing that has passed a router (RFC 4861, 7.1) */
static inline bool vrctx_shared_in6(const struct net *net, struct sk_buff *skb)
{
	struct vrctx_shared *shared = rcu_dereference(net->vrctx.shared6);
	const struct ipv6hdr *ip6h = ipv6_hdr(skb);

	return !shared ||
	       likely(ip6h->hop_limit != 255 &&
		      !test_bit(vrctx_shared_bit(ip6h->daddr.s6_addr32[3]),
				shared->filter)) ||
	       shared->in(shared, skb);
}

/* Is a received packet, whose header is fine, not for another host? */
#define vrctx_shared_ok4(net, skb)					\
	(!static_branch_unlikely(&vrctx_shared_key) ||			\
	 vrctx_shared_in4(net, skb))
#define vrctx_shared_ok6(net, skb)					\
	(!static_branch_unlikely(&vrctx_shared_key) ||			\
	 vrctx_shared_in6(net, skb))

#else /* !CONFIG_NET_VRCTX */

#define vrctx_shared_ok4(net, skb)	((void)(net), (void)(skb), true)
#define vrctx_shared_ok6(net, skb)	((void)(net), (void)(skb), true)

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_SHARED_H */
