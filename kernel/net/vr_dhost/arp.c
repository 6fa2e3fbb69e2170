// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: neighbours learn one Ethernet address, the lead's.
 *
 * The other nodes do not answer requests for the address, and no packet of
 * theirs says that the address is at their own Ethernet address: those that
 * only announce it are dropped, requests get another sender.
 */

#include <linux/if_arp.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/arp.h>
#include <net/vrctx.h>

#include "dhost.h"

/* Where the addresses are in a packet of ARP over Ethernet */
struct vrdh_arp {
	struct arphdr	hdr;
	u8		sha[ETH_ALEN];
	u8		sip[4];
	u8		tha[ETH_ALEN];
	u8		tip[4];
} __packed;

static struct vrdh_arp *vrdh_arp(struct sk_buff *skb)
{
	struct vrdh_arp *arp;

	if (skb->dev->type != ARPHRD_ETHER ||
	    !pskb_may_pull(skb, skb_network_offset(skb) + sizeof(*arp)))
		return NULL;

	arp = (struct vrdh_arp *)skb_network_header(skb);

	return arp->hdr.ar_pln == 4 && arp->hdr.ar_hln == ETH_ALEN ? arp : NULL;
}

static __be32 vrdh_arp_addr(const u8 *ip)
{
	__be32 addr;

	memcpy(&addr, ip, sizeof(addr));

	return addr;
}

/* The address if it is a distributed one that another node speaks for */
static struct vrdh_host *vrdh_others(struct vrdh_net *vn, __be32 addr,
				     const struct net_device *dev)
{
	struct vrdh_host *host;

	host = vrdh_host_find4(vn, addr, READ_ONCE(dev->vrctx));

	return host && !vrdh_is_lead(host) ? host : NULL;
}

unsigned int vrdh_arp_in(void *priv, struct sk_buff *skb,
			 const struct nf_hook_state *state)
{
	struct vrdh_arp *arp = vrdh_arp(skb);
	struct vrdh_net *vn = priv;
	struct vrdh_host *host;

	if (!arp || arp->hdr.ar_op != htons(ARPOP_REQUEST))
		return NF_ACCEPT;
	host = vrdh_others(vn, vrdh_arp_addr(arp->tip), skb->dev);
	if (!host)
		return NF_ACCEPT;

	return vrdh_drop(host, skb, VRDH_ARP_IGNORED);
}

/* Who asks for @tip, if not a distributed address? Nobody, as in a probe for a
 * duplicate address, if the device has no other.
 */
static __be32 vrdh_arp_sender(struct vrdh_net *vn,
			      const struct net_device *dev, __be32 tip)
{
	const struct in_device *in_dev = __in_dev_get_rcu(dev);
	const struct in_ifaddr *ifa;
	__be32 addr = 0;

	if (!in_dev)
		return 0;

	in_dev_for_each_ifa_rcu(ifa, in_dev) {
		if (ifa->ifa_scope > RT_SCOPE_LINK ||
		    vrdh_others(vn, ifa->ifa_local, dev))
			continue;
		if (inet_ifa_match(tip, ifa))
			return ifa->ifa_local;
		if (!addr)
			addr = ifa->ifa_local;
	}

	return addr;
}

unsigned int vrdh_arp_out(void *priv, struct sk_buff *skb,
			  const struct nf_hook_state *state)
{
	struct vrdh_arp *arp = vrdh_arp(skb);
	struct vrdh_net *vn = priv;
	struct vrdh_host *host;
	__be32 sender, tip;

	if (!arp)
		return NF_ACCEPT;
	host = vrdh_others(vn, vrdh_arp_addr(arp->sip), skb->dev);
	if (!host)
		return NF_ACCEPT;

	tip = vrdh_arp_addr(arp->tip);
	if (arp->hdr.ar_op != htons(ARPOP_REQUEST) || tip == vrdh_addr4(host) ||
	    skb_ensure_writable(skb, skb_network_offset(skb) + sizeof(*arp)))
		return vrdh_drop(host, skb, VRDH_ARP_SILENCED);

	vrdh_count(host, VRDH_ARP_SILENCED);
	arp = (struct vrdh_arp *)skb_network_header(skb);
	sender = vrdh_arp_sender(vn, skb->dev, tip);
	memcpy(arp->sip, &sender, sizeof(sender));

	return NF_ACCEPT;
}

/**
 * vrdh_arp_announce - tell all neighbours that this node is the lead now
 * @vn: namespace
 * @host: the address
 */
void vrdh_arp_announce(struct vrdh_net *vn, const struct vrdh_host *host)
{
	__be32 addr = vrdh_addr4(host);
	const struct in_ifaddr *ifa;
	struct in_device *in_dev;
	struct net_device *dev;

	rcu_read_lock();
	for_each_netdev_rcu(vn->net, dev) {
		in_dev = __in_dev_get_rcu(dev);
		if (!in_dev || READ_ONCE(dev->vrctx) != host->key.ctx ||
		    dev->type != ARPHRD_ETHER || !netif_running(dev))
			continue;
		in_dev_for_each_ifa_rcu(ifa, in_dev) {
			if (ifa->ifa_local != addr)
				continue;
			arp_send(ARPOP_REQUEST, ETH_P_ARP, addr, dev, addr,
				 NULL, dev->dev_addr, NULL);
			break;
		}
	}
	rcu_read_unlock();
}
