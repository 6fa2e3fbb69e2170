// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: packets that cross from one to another by a leak.
 *
 * The route that they took in the first context leads here. They are looked up
 * once more, in the second one, and go on there, as if they had come by a
 * device of it, if that gives a way on that is no leak again. Otherwise they
 * have not crossed: the error is the first context's.
 */

#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <net/addrconf.h>
#include <net/gso.h>
#include <net/icmp.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/vrctx_conf.h>
#include <net/vrctx_ct.h>
#include <net/xfrm.h>

#include "leak.h"

/* Does the route in the second context lead on? */
static bool vrctx_leak_leads(const struct dst_entry *dst)
{
	return !dst->error && !vrctx_lws_leaks(dst->lwtstate);
}

static bool vrctx_leak_leads4(const struct rtable *rt)
{
	return vrctx_leak_leads(&rt->dst) &&
	       (rt->rt_type == RTN_UNICAST || rt->rt_type == RTN_LOCAL);
}

/* Addresses that mean something else, or nothing, in another context */
static bool vrctx_leak_addrs4(const struct iphdr *iph)
{
	return !ipv4_is_multicast(iph->daddr) && !ipv4_is_lbcast(iph->daddr) &&
	       !ipv4_is_loopback(iph->daddr) && !ipv4_is_loopback(iph->saddr) &&
	       !ipv4_is_zeronet(iph->saddr);
}

/* The packet has a route in the second context: it goes on there */
static void vrctx_leak_cross(struct vrctx_leak *leak, struct sk_buff *skb)
{
	vrctx_ct_cross(leak->net, skb, leak->to);
	skb_set_vrctx(skb, leak->to);
	/* inet_sdif(): a VRF that it came by is none of the second one's */
	if (leak->family == AF_INET)
		IPCB(skb)->flags &= ~IPSKB_L3SLAVE;
	else
		IP6CB(skb)->flags &= ~IP6SKB_L3SLAVE;
	this_cpu_inc(leak->stats->packets);
	this_cpu_add(leak->stats->bytes, skb->len);
}

/* The same for one that was sent in the first: IPsec policies of the second see
 * one that is forwarded there. Those of the first did when it was sent.
 */
static bool vrctx_leak_cross_sent(struct vrctx_leak *leak, struct sk_buff *skb)
{
	bool ok;

	vrctx_leak_cross(leak, skb);
	/* tells the namespace */
	skb->dev = skb_dst_dev(skb);
	if (leak->family == AF_INET)
		ok = xfrm4_policy_check(NULL, XFRM_POLICY_FWD, skb) &&
		     xfrm4_route_forward(skb);
	else
		ok = xfrm6_policy_check(NULL, XFRM_POLICY_FWD, skb) &&
		     xfrm6_route_forward(skb);
	if (ok)
		return true;

	kfree_skb_reason(skb, SKB_DROP_REASON_XFRM_POLICY);
	return false;
}

static bool vrctx_leak_fits(const struct sk_buff *skb, unsigned int mtu)
{
	return skb_is_gso(skb) ? skb_gso_validate_network_len(skb, mtu) :
				 skb->len <= mtu;
}

/* A source address of the second context's own would be a lie there */
static bool vrctx_leak_own4(struct net *net, __be32 addr, u32 ctx)
{
	unsigned int type = ctx ?
		inet_addr_type_table(net, addr, vrctx_table_id(ctx)) :
		inet_addr_type(net, addr);

	return type == RTN_LOCAL || type == RTN_BROADCAST;
}

/* @sk may be a request, which has no owner of its own */
static int vrctx_leak_output4(struct net *net, struct sock *sk,
			      struct sk_buff *skb, struct vrctx_leak *leak)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct flowi4 fl4 = {
		.daddr		= iph->daddr,
		.saddr		= iph->saddr,
		.flowi4_tos	= iph->tos & INET_DSCP_MASK,
		.flowi4_mark	= skb->mark,
		.flowi4_proto	= iph->protocol,
		.flowi4_flags	= FLOWI_FLAG_ANYSRC,
		.flowi4_uid	= sock_net_uid(net, sk_to_full_sk(sk)),
	};
	struct rtable *rt;
	unsigned int mtu;

	if (!vrctx_leak_addrs4(iph) ||
	    vrctx_leak_own4(net, iph->saddr, leak->to))
		goto unreach;

	flowi4_set_l3dom(&fl4, vrctx_l3dom(leak->to));
	rt = __ip_route_output_key(net, &fl4);
	if (IS_ERR(rt))
		goto unreach;
	if (!vrctx_leak_leads4(rt)) {
		ip_rt_put(rt);
		goto unreach;
	}

	/* The sender knows the MTU of the loopback device only: tell it */
	mtu = dst_mtu(&rt->dst);
	if (iph->frag_off & htons(IP_DF) && !skb->ignore_df &&
	    !vrctx_leak_fits(skb, mtu)) {
		ip_rt_put(rt);
		icmp_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, htonl(mtu));
		kfree_skb_reason(skb, SKB_DROP_REASON_PKT_TOO_BIG);
		return -EMSGSIZE;
	}

	skb_dst_drop(skb);
	skb_dst_set(skb, &rt->dst);
	if (!vrctx_leak_cross_sent(leak, skb))
		return -EPERM;
	return dst_output(net, sk, skb);

unreach:
	icmp_send(skb, ICMP_DEST_UNREACH, ICMP_NET_UNREACH, 0);
	kfree_skb_reason(skb, SKB_DROP_REASON_IP_OUTNOROUTES);
	return -ENETUNREACH;
}

static int vrctx_leak_input4(struct sk_buff *skb, struct vrctx_leak *leak)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct dst_entry *old = skb_dst(skb);
	int err = -EINVAL;

	if (!xfrm4_policy_check(NULL, XFRM_POLICY_FWD, skb)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_XFRM_POLICY);
		return NET_RX_DROP;
	}
	if (!dst_hold_safe(old))
		goto drop;

	if (vrctx_leak_addrs4(iph)) {
		skb_dst_drop(skb);
		skb_set_vrctx(skb, leak->to);
		/* drops packets with a source of the second context's own */
		err = ip_route_input_noref(skb, iph->daddr, iph->saddr,
					   iph->tos & INET_DSCP_MASK, skb->dev);
		if (!err && vrctx_leak_leads4(skb_rtable(skb))) {
			dst_release(old);
			vrctx_leak_cross(leak, skb);
			secpath_reset(skb);
			return dst_input(skb);
		}
		skb_dst_drop(skb);
		skb_set_vrctx(skb, leak->from);
		skb_dst_set(skb, old);
	} else {
		dst_release(old);
	}

	if (!err) {
		vrctx_count_no_route(skb);
		icmp_send(skb, ICMP_DEST_UNREACH, ICMP_NET_UNREACH, 0);
	}
drop:
	kfree_skb_reason(skb, SKB_DROP_REASON_IP_INNOROUTES);
	return NET_RX_DROP;
}

#if IS_ENABLED(CONFIG_IPV6)
static bool vrctx_leak_leads6(const struct dst_entry *dst)
{
	return vrctx_leak_leads(dst) &&
	       !(dst_rt6_info(dst)->rt6i_flags & RTF_ANYCAST);
}

static bool vrctx_leak_addrs6(const struct net *net, const struct ipv6hdr *hdr,
			      u32 ctx)
{
	int src = ipv6_addr_type(&hdr->saddr);
	int dst = ipv6_addr_type(&hdr->daddr);
	const int no = IPV6_ADDR_MULTICAST | IPV6_ADDR_LOOPBACK |
		       IPV6_ADDR_LINKLOCAL;

	return !((src | dst) & no) && src != IPV6_ADDR_ANY &&
	       !ipv6_chk_addr_vrctx((struct net *)net, &hdr->saddr, NULL, 0,
				    ctx);
}

static int vrctx_leak_output6(struct net *net, struct sock *sk,
			      struct sk_buff *skb, struct vrctx_leak *leak)
{
	const struct ipv6hdr *hdr = ipv6_hdr(skb);
	struct flowi6 fl6 = {
		.daddr		= hdr->daddr,
		.saddr		= hdr->saddr,
		.flowlabel	= ip6_flowinfo(hdr),
		.flowi6_mark	= skb->mark,
		.flowi6_proto	= hdr->nexthdr,
		.flowi6_uid	= sock_net_uid(net, sk_to_full_sk(sk)),
	};
	struct dst_entry *dst;
	unsigned int mtu;

	if (!vrctx_leak_addrs6(net, hdr, leak->to))
		goto unreach;

	flowi6_set_l3dom(&fl6, vrctx_l3dom(leak->to));
	dst = ip6_route_output(net, NULL, &fl6);
	if (!vrctx_leak_leads6(dst)) {
		dst_release(dst);
		goto unreach;
	}

	mtu = dst_mtu(dst);
	if (!skb->ignore_df && !vrctx_leak_fits(skb, mtu)) {
		dst_release(dst);
		skb->dev = skb_dst_dev(skb);
		icmpv6_send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
		kfree_skb_reason(skb, SKB_DROP_REASON_PKT_TOO_BIG);
		return -EMSGSIZE;
	}

	skb_dst_drop(skb);
	skb_dst_set(skb, dst);
	if (!vrctx_leak_cross_sent(leak, skb))
		return -EPERM;
	return dst_output(net, sk, skb);

unreach:
	skb->dev = skb_dst_dev(skb);
	icmpv6_send(skb, ICMPV6_DEST_UNREACH, ICMPV6_NOROUTE, 0);
	kfree_skb_reason(skb, SKB_DROP_REASON_IP_OUTNOROUTES);
	return -ENETUNREACH;
}

static int vrctx_leak_input6(struct sk_buff *skb, struct vrctx_leak *leak)
{
	struct net *net = dev_net_rcu(skb->dev);
	const struct ipv6hdr *hdr = ipv6_hdr(skb);
	struct dst_entry *old = skb_dst(skb);
	const struct inet6_dev *idev;

	if (!xfrm6_policy_check(NULL, XFRM_POLICY_FWD, skb)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_XFRM_POLICY);
		return NET_RX_DROP;
	}
	/* Whoever leaves the first context is forwarded there */
	idev = __in6_dev_get(skb->dev);
	if (!vrctx_ip6_forwards(net, idev, skb) ||
	    skb->pkt_type != PACKET_HOST ||
	    !vrctx_leak_addrs6(net, hdr, leak->to) || !dst_hold_safe(old))
		goto drop;

	skb_set_vrctx(skb, leak->to);
	ip6_route_input(skb);
	if (vrctx_leak_leads6(skb_dst(skb))) {
		dst_release(old);
		vrctx_leak_cross(leak, skb);
		secpath_reset(skb);
		return dst_input(skb);
	}
	skb_dst_drop(skb);
	skb_set_vrctx(skb, leak->from);
	skb_dst_set(skb, old);
	vrctx_count_no_route(skb);
	icmpv6_send(skb, ICMPV6_DEST_UNREACH, ICMPV6_NOROUTE, 0);
drop:
	kfree_skb_reason(skb, SKB_DROP_REASON_IP_INNOROUTES);
	return NET_RX_DROP;
}
#endif

/* In both, RCU is held. That a leak is removed shows before its contexts are:
 * a number that one is dead for is not used any more.
 */
int vrctx_leak_output(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	struct dst_entry *dst = skb_dst(skb);
	struct vrctx_leak *leak = vrctx_lws_leak(dst->lwtstate);
	int ret;

	if (READ_ONCE(leak->dead)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_IP_OUTNOROUTES);
		return -ENETUNREACH;
	}

#if IS_ENABLED(CONFIG_IPV6)
	if (leak->family == AF_INET6)
		ret = vrctx_leak_output6(net, sk, skb, leak);
	else
#endif
		ret = vrctx_leak_output4(net, sk, skb, leak);

	/* to the caller that would mean that the packet is still there */
	return ret == -EOPNOTSUPP ? -EHOSTUNREACH : ret;
}

int vrctx_leak_input(struct sk_buff *skb)
{
	struct dst_entry *dst = skb_dst(skb);
	struct vrctx_leak *leak = vrctx_lws_leak(dst->lwtstate);
	int ret;

	if (READ_ONCE(leak->dead)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_IP_INNOROUTES);
		return NET_RX_DROP;
	}

#if IS_ENABLED(CONFIG_IPV6)
	if (leak->family == AF_INET6)
		ret = vrctx_leak_input6(skb, leak);
	else
#endif
		ret = vrctx_leak_input4(skb, leak);

	return ret == -EOPNOTSUPP ? NET_RX_DROP : ret;
}
