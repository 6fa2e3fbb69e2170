// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: neighbour discovery, the same for IPv6 as arp.c.
 *
 * The other nodes do not answer solicitations for the address. Of what they say
 * themselves nothing tells where the address is: advertisements of it and
 * probes for duplicates are dropped, solicitations get another sender. Nor do
 * they believe that the lead's advertisements are those of a duplicate.
 */

#include <linux/icmpv6.h>
#include <linux/if_arp.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>
#include <net/checksum.h>
#include <net/if_inet6.h>
#include <net/ipv6.h>
#include <net/ipv6_stubs.h>
#include <net/ndisc.h>
#include <net/vrctx.h>

#include "dhost.h"

#if IS_ENABLED(CONFIG_IPV6)

/* The address if it is a distributed one that another node speaks for */
static struct vrdh_host *vrdh_nd_others(struct vrdh_net *vn,
					const struct in6_addr *addr,
					const struct net_device *dev)
{
	struct vrdh_host *host;

	host = vrdh_host_find(vn, addr, READ_ONCE(dev->vrctx));

	return host && !vrdh_is_lead(host) ? host : NULL;
}

/* Offset of a solicitation or advertisement in the packet, or -1 */
static int vrdh_nd_off(const struct sk_buff *skb)
{
	u8 proto = ipv6_hdr(skb)->nexthdr;
	__be16 frag_off;
	const u8 *type;
	u8 _type;
	int off;

	off = ipv6_skip_exthdr(skb, skb_network_offset(skb) +
				    sizeof(struct ipv6hdr), &proto, &frag_off);
	if (off < 0 || proto != IPPROTO_ICMPV6)
		return -1;
	type = skb_header_pointer(skb, off, sizeof(_type), &_type);

	return type && (*type == NDISC_NEIGHBOUR_SOLICITATION ||
			*type == NDISC_NEIGHBOUR_ADVERTISEMENT) ? off : -1;
}

/**
 * vrdh_nd_in - a packet that may be of neighbour discovery came
 * @vn: network namespace
 * @skb: the packet
 *
 * Return: a verdict, or -1 if it is neither a solicitation nor an advertisement.
 */
int vrdh_nd_in(struct vrdh_net *vn, struct sk_buff *skb)
{
	int off = vrdh_nd_off(skb);
	const struct nd_msg *msg;
	struct vrdh_host *host;
	struct nd_msg _msg;

	if (off < 0)
		return -1;
	msg = skb_header_pointer(skb, off, sizeof(_msg), &_msg);
	if (!msg)
		return NF_ACCEPT;
	host = vrdh_host_find(vn, &msg->target, READ_ONCE(skb->dev->vrctx));
	if (!host)
		return NF_ACCEPT;

	/* the lead answers, and minds duplicates outside of the cluster */
	if (!vrdh_is_lead(host) ||
	    (msg->icmph.icmp6_type == NDISC_NEIGHBOUR_ADVERTISEMENT &&
	     vrdh_from_member(host, skb)))
		return vrdh_drop(host, skb, VRDH_ARP_IGNORED);

	return NF_ACCEPT;
}

/* Who solicits, if not a distributed address? The link-local address of the
 * device, if it has one. Without any nobody can.
 */
static bool vrdh_nd_sender(struct vrdh_net *vn, const struct net_device *dev,
			   struct in6_addr *sender)
{
	const struct inet6_dev *idev = __in6_dev_get(dev);
	const struct inet6_ifaddr *ifa;
	bool found = false;

	if (!idev)
		return false;

	list_for_each_entry_rcu(ifa, &idev->addr_list, if_list) {
		if (ifa->flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC) ||
		    vrdh_nd_others(vn, &ifa->addr, dev))
			continue;
		*sender = ifa->addr;
		found = true;
		if (ifa->scope == IFA_LINK)
			break;
	}

	return found;
}

unsigned int vrdh_nd_out(void *priv, struct sk_buff *skb,
			 const struct nf_hook_state *state)
{
	const struct net_device *dev = state->out;
	struct vrdh_net *vn = priv;
	struct in6_addr sender;
	struct vrdh_host *host;
	struct ipv6hdr *ip6h;
	struct nd_msg *msg;
	int off;

	if (likely(ipv6_hdr(skb)->hop_limit != 255) ||
	    dev->type != ARPHRD_ETHER)
		return NF_ACCEPT;
	off = vrdh_nd_off(skb);
	if (off < 0 || !pskb_may_pull(skb, off + sizeof(*msg)))
		return NF_ACCEPT;

	msg = (struct nd_msg *)(skb->data + off);
	host = vrdh_nd_others(vn, &msg->target, dev);
	if (host)
		return vrdh_drop(host, skb, VRDH_ARP_SILENCED);

	host = vrdh_nd_others(vn, &ipv6_hdr(skb)->saddr, dev);
	if (!host || msg->icmph.icmp6_type != NDISC_NEIGHBOUR_SOLICITATION)
		return NF_ACCEPT;
	if (!vrdh_nd_sender(vn, dev, &sender) ||
	    skb_ensure_writable(skb, off + sizeof(*msg)))
		return vrdh_drop(host, skb, VRDH_ARP_SILENCED);

	vrdh_count(host, VRDH_ARP_SILENCED);
	ip6h = ipv6_hdr(skb);
	msg = (struct nd_msg *)(skb->data + off);
	inet_proto_csum_replace16(&msg->icmph.icmp6_cksum, skb,
				  ip6h->saddr.s6_addr32, sender.s6_addr32,
				  true);
	ip6h->saddr = sender;

	return NF_ACCEPT;
}

/* Has the device the address, for good? */
static bool vrdh_nd_has(const struct inet6_dev *idev,
			const struct in6_addr *addr)
{
	const struct inet6_ifaddr *ifa;

	list_for_each_entry_rcu(ifa, &idev->addr_list, if_list) {
		if (ipv6_addr_equal(&ifa->addr, addr))
			return !(ifa->flags & IFA_F_TENTATIVE);
	}

	return false;
}

/**
 * vrdh_nd_announce - tell all neighbours that this node is the lead now
 * @vn: namespace
 * @host: the address
 */
void vrdh_nd_announce(struct vrdh_net *vn, const struct vrdh_host *host)
{
	struct inet6_dev *idev;
	struct net_device *dev;

	rcu_read_lock();
	for_each_netdev_rcu(vn->net, dev) {
		idev = __in6_dev_get(dev);
		if (!idev || READ_ONCE(dev->vrctx) != host->key.ctx ||
		    dev->type != ARPHRD_ETHER || !netif_running(dev) ||
		    !vrdh_nd_has(idev, &host->key.addr))
			continue;
		ipv6_stub->ndisc_send_na(dev, &in6addr_linklocal_allnodes,
					 &host->key.addr,
					 READ_ONCE(idev->cnf.forwarding), false,
					 true, true);
	}
	rcu_read_unlock();
}

/**
 * vrdh_nd_no_dad - a device gets an address
 * @vn: namespace
 * @ifa: the address
 *
 * The cluster has it already: none but the lead looks for duplicates.
 */
void vrdh_nd_no_dad(struct vrdh_net *vn, struct inet6_ifaddr *ifa)
{
	rcu_read_lock();
	if (vrdh_nd_others(vn, &ifa->addr, ifa->idev->dev)) {
		spin_lock_bh(&ifa->lock);
		ifa->flags |= IFA_F_NODAD;
		spin_unlock_bh(&ifa->lock);
	}
	rcu_read_unlock();
}

#else /* !CONFIG_IPV6 */

void vrdh_nd_announce(struct vrdh_net *vn, const struct vrdh_host *host)
{
}

#endif /* CONFIG_IPV6 */
