// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: what is done with a received packet.
 *
 * Whose it is says vrdh_whose(), the same on each node. What a node makes of it
 * depends on whether it is the lead:
 *
 *	whose			lead			others
 *	this node		takes it		takes it
 *	another node		hands it over		ignores it
 *	VRDH_NOBODY		takes it		ignores it
 *	VRDH_SOMEBODY		gives it to the others	ignores it
 *	VRDH_EVERYBODY		takes it, gives it to	takes it
 *				the others
 *
 * What may be handed over, vrdh_may_hand_over() says: there is no loop, however
 * many leads there are.
 */

#include <linux/inetdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/vrctx.h>
#include <net/vrctx_shared.h>
#include <trace/events/vr_dhost.h>

#include "dhost.h"

u32 vrdh_from_member(const struct vrdh_host *host, const struct sk_buff *skb)
{
	const struct vrdh_members *members = rcu_dereference(host->members);
	const u8 *source;
	u32 i;

	if (skb->dev->type != ARPHRD_ETHER || !skb_mac_header_was_set(skb))
		return 0;

	source = eth_hdr(skb)->h_source;
	for (i = 0; i < members->count; i++) {
		if (ether_addr_equal_unaligned(members->member[i].lladdr,
					       source))
			return members->member[i].node;
	}

	return 0;
}

static unsigned int vrdh_take(const struct vrdh_host *host,
			      struct sk_buff *skb, enum vrdh_stat as)
{
	vrdh_count(host, as);
	/* given to all nodes, by the lead or by a switch: TCP wants it to have
	 * been sent to this one
	 */
	skb->pkt_type = PACKET_HOST;

	return NF_ACCEPT;
}

unsigned int vrdh_drop(const struct vrdh_host *host, struct sk_buff *skb,
		       enum vrdh_stat as)
{
	vrdh_count(host, as);
	kfree_skb_reason(skb, (__force enum skb_drop_reason)
			      SKB_DROP_REASON_VRCTX_DHOST);

	return NF_STOLEN;
}

/* The packet is for the address, which this machine has */
static unsigned int vrdh_packet(struct vrdh_net *vn, struct vrdh_host *host,
				struct sk_buff *skb)
{
	bool member, may_hand_over;
	u32 whose;

	whose = vrdh_whose(vn, host, skb);
	member = vrdh_from_member(host, skb);
	if (member)
		vrdh_count(host, VRDH_FROM_MEMBER);
	may_hand_over = vrdh_may_hand_over(host, skb, member);
	trace_vr_dhost_packet(vn->net, host, skb, whose, member);

	if (whose == host->own)
		return vrdh_take(host, skb, VRDH_LOCAL);

	switch (whose) {
	case VRDH_NOBODY:
		if (vrdh_is_lead(host))
			return vrdh_take(host, skb, VRDH_LEAD);
		return vrdh_drop(host, skb, VRDH_IGNORED);
	case VRDH_EVERYBODY:
		if (!may_hand_over)
			return vrdh_take(host, skb, VRDH_LOCAL);
		vrdh_flood(host, skb);
		return vrdh_take(host, skb, VRDH_FLOODED);
	case VRDH_SOMEBODY:
		if (!may_hand_over)
			return vrdh_drop(host, skb, VRDH_IGNORED);
		vrdh_flood(host, skb);
		vrdh_count(host, VRDH_FLOODED);
		consume_skb(skb);
		return NF_STOLEN;
	default:
		if (!may_hand_over)
			return vrdh_drop(host, skb, VRDH_IGNORED);
		vrdh_hand_over(host, skb, whose);
		return NF_STOLEN;
	}
}

/* The packet may be for an address that is distributed */
bool vrdh_packet4_in(struct vrctx_shared *shared, struct sk_buff *skb)
{
	struct vrdh_net *vn = container_of(shared, struct vrdh_net,
					   family[VRDH_IPV4].shared);
	const struct iphdr *iph = ip_hdr(skb);
	struct vrdh_host *host;

	/* what this machine sends to itself stays here */
	if (skb->dev->flags & IFF_LOOPBACK)
		return true;
	host = vrdh_host_find4(vn, iph->daddr, skb->vrctx);
	if (!host)
		return true;
	/* a router on the way to it */
	if (!inet_lookup_ifaddr_rcu_vrctx(vn->net, iph->daddr, skb->vrctx))
		return true;

	return vrdh_packet(vn, host, skb) == NF_ACCEPT;
}

#if IS_ENABLED(CONFIG_IPV6)
/* Or it is neighbour discovery */
bool vrdh_packet6_in(struct vrctx_shared *shared, struct sk_buff *skb)
{
	struct vrdh_net *vn = container_of(shared, struct vrdh_net,
					   family[VRDH_IPV6].shared);
	const struct ipv6hdr *ip6h = ipv6_hdr(skb);
	struct vrdh_host *host;
	int verdict;

	if (skb->dev->flags & IFF_LOOPBACK)
		return true;
	if (ip6h->hop_limit == 255) {
		verdict = vrdh_nd_in(vn, skb);
		if (verdict >= 0)
			return verdict == NF_ACCEPT;
	}
	host = vrdh_host_find(vn, &ip6h->daddr, skb->vrctx);
	if (!host)
		return true;
	/* a router on the way to it; while it is tentative it is ours */
	if (!ipv6_chk_addr_and_flags_vrctx(vn->net, &ip6h->daddr, NULL, true, 0,
					   0, skb->vrctx))
		return true;

	return vrdh_packet(vn, host, skb) == NF_ACCEPT;
}
#endif
