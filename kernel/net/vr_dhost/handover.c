// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: the lead gives packets to other nodes.
 *
 * The packet gets a new Ethernet header and is sent; nothing else of it
 * changes, the time to live included. The source is the lead's own address, by
 * which members know that it must not be handed over again. What is for all
 * nodes is sent once on each device, to the broadcast address.
 */

#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/dst.h>
#include <net/gso.h>
#include <net/ip.h>
#include <net/vrctx.h>

#include "dhost.h"

/* Does it fit through the device as it is? */
static bool vrdh_fits(const struct sk_buff *skb, const struct net_device *dev)
{
	unsigned int mtu = READ_ONCE(dev->mtu);

	return skb->len <= mtu ||
	       (skb_is_gso(skb) && skb_gso_validate_network_len(skb, mtu));
}

/* Takes @skb, whose data are from the IP header on */
static bool vrdh_send(const struct vrdh_host *host, struct sk_buff *skb,
		      struct net_device *dev, const u8 *lladdr)
{
	if (!dev || !netif_running(dev) || !netif_carrier_ok(dev) ||
	    READ_ONCE(dev->vrctx) != host->key.ctx ||
	    !vrdh_fits(skb, dev) || skb_warn_if_lro(skb) ||
	    skb_cow_head(skb, LL_RESERVED_SPACE(dev)))
		goto drop;

	skb_dst_drop(skb);
	skb_orphan(skb);
	nf_reset_ct(skb);
	skb_forward_csum(skb);
	skb_clear_tstamp(skb);
	__vlan_hwaccel_clear_tag(skb);
	skb->dev = dev;
	if (dev_hard_header(skb, dev, ntohs(skb->protocol), lladdr,
			    dev->dev_addr, skb->len) < 0)
		goto drop;
	skb_reset_mac_header(skb);
	dev_queue_xmit(skb);

	return true;

drop:
	vrdh_count(host, VRDH_FAILED);
	kfree_skb_reason(skb, (__force enum skb_drop_reason)
			      SKB_DROP_REASON_VRCTX_HANDOVER);
	return false;
}

void vrdh_hand_over(const struct vrdh_host *host, struct sk_buff *skb,
		    u32 node)
{
	const struct vrdh_member *member;
	struct net_device *dev = NULL;

	member = vrdh_member_find(rcu_dereference(host->members), node);
	if (member)
		dev = READ_ONCE(member->dev);
	if (vrdh_send(host, skb, dev, member ? member->lladdr : NULL))
		vrdh_count(host, VRDH_HANDED_OVER);
}

void vrdh_tell_lead(const struct vrdh_host *host, const struct sk_buff *skb)
{
	const struct vrdh_member *lead;
	struct sk_buff *copy;
	struct iphdr *iph;

	lead = vrdh_member_find(rcu_dereference(host->members),
				READ_ONCE(host->lead));
	copy = lead ? skb_copy(skb, GFP_ATOMIC) : NULL;
	if (!copy)
		return;

	if (vrdh_is6(host)) {
		ipv6_hdr(copy)->hop_limit = VRDH_MINE;
	} else {
		iph = ip_hdr(copy);
		iph->ttl = VRDH_MINE;
		ip_send_check(iph);
	}
	vrdh_send(host, copy, READ_ONCE(lead->dev), lead->lladdr);
}

void vrdh_flood(const struct vrdh_host *host, struct sk_buff *skb)
{
	const struct vrdh_members *members = rcu_dereference(host->members);
	struct net_device *dev;
	struct sk_buff *copy;
	u32 i, j;

	for (i = 0; i < members->count; i++) {
		dev = READ_ONCE(members->member[i].dev);
		if (!dev)
			continue;
		for (j = 0; j < i; j++) {
			if (READ_ONCE(members->member[j].dev) == dev)
				break;
		}
		if (j < i)
			continue;

		copy = skb_clone(skb, GFP_ATOMIC);
		if (copy)
			vrdh_send(host, copy, dev, dev->broadcast);
		else
			vrdh_count(host, VRDH_FAILED);
	}
}
