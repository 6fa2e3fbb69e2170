// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: whose is a received packet?
 *
 * A packet is that of one node, if that node has its connection or its port;
 * of nobody, which is what the lead is for; or of a node that only that node
 * knows. The answer is the same on each node, what a node makes of it depends
 * on whether it is the lead:
 *
 *	whose			lead			others
 *	this node		takes it		takes it
 *	another node		hands it over		ignores it
 *	VRDH_NOBODY		takes it		ignores it
 *	VRDH_SOMEBODY		gives it to the others	ignores it
 *	VRDH_EVERYBODY		takes it, gives it to	takes it
 *				the others
 *
 * Only packets to this machine's Ethernet address that do not come from a
 * member are ever handed over: there is no loop, however many leads there are.
 */

#include <linux/icmp.h>
#include <linux/inetdevice.h>
#include <linux/ip.h>
#include <linux/netfilter_ipv4.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/inet_hashtables.h>
#include <net/ip.h>
#include <net/tcp.h>
#include <net/udp.h>
#include <net/vrctx.h>
#include <trace/events/vr_dhost.h>

#include "dhost.h"

/* Nodes that there are not; netlink.c refuses these numbers */
#define VRDH_NOBODY	0
#define VRDH_SOMEBODY	(U32_MAX - 1)
#define VRDH_EVERYBODY	U32_MAX

/* One direction of a flow, seen from its far end */
struct vrdh_flow {
	struct net	*net;
	__be32		saddr;
	__be16		sport;
	__be16		dport;
	int		dif;
	int		l3dom;
};

/* The first bytes of TCP and UDP */
struct vrdh_ports {
	__be16	source;
	__be16	dest;
};

/* State of the connection of the flow on this node, 0 if there is none */
static int vrdh_tcp_state(const struct vrdh_host *host,
			  const struct vrdh_flow *flow)
{
	struct inet_hashinfo *hashinfo = flow->net->ipv4.tcp_death_row.hashinfo;
	struct sock *sk;
	int state;

	sk = __inet_lookup_established(flow->net, hashinfo, flow->saddr,
				       flow->sport, host->key.addr,
				       ntohs(flow->dport), flow->dif,
				       flow->l3dom);
	if (!sk)
		return 0;

	state = sk->sk_state;
	sock_gen_put(sk);

	return state;
}

/* Does a listener of this node want the segment? One in the middle of a
 * connection only if it may be the answer to a SYN cookie: each node may have a
 * listener, but no more than one has the connection.
 */
static bool vrdh_tcp_listens(const struct vrdh_host *host,
			     const struct vrdh_flow *flow, bool syn)
{
	struct inet_hashinfo *hashinfo = flow->net->ipv4.tcp_death_row.hashinfo;
	const struct sock *sk;

	sk = __inet_lookup_listener(flow->net, hashinfo, NULL, 0, flow->saddr,
				    flow->sport, host->key.addr,
				    ntohs(flow->dport), flow->dif,
				    flow->l3dom);
	if (!sk || syn)
		return sk;

#ifdef CONFIG_SYN_COOKIES
	return !tcp_synq_no_recent_overflow(sk);
#else
	return false;
#endif
}

static u32 vrdh_whose_tcp(struct vrdh_host *host, const struct vrdh_flow *flow,
			  bool syn)
{
	int state = vrdh_tcp_state(host, flow);
	u32 owner;

	/* the old connection is over, the new one is the owner's */
	if (state && !(syn && state == TCP_TIME_WAIT))
		return host->own;

	owner = vrdh_port_owner(host, IPPROTO_TCP, ntohs(flow->dport));
	if (owner)
		return owner;
	if (state || vrdh_tcp_listens(host, flow, syn))
		return host->own;

	/* a connection that is there is somebody's, port map or not */
	return syn ? VRDH_NOBODY : VRDH_SOMEBODY;
}

static u32 vrdh_whose_udp(struct vrdh_host *host, const struct vrdh_flow *flow,
			  u32 unknown)
{
	const struct sock *sk;
	u32 owner;

	sk = __udp4_lib_lookup(flow->net, flow->saddr, flow->sport,
			       host->key.addr, flow->dport, flow->dif,
			       flow->l3dom, flow->net->ipv4.udp_table, NULL);
	if (sk && sk->sk_state == TCP_ESTABLISHED)
		return host->own;

	owner = vrdh_port_owner(host, IPPROTO_UDP, ntohs(flow->dport));
	if (owner)
		return owner;

	return sk ? host->own : unknown;
}

/* An error is about a packet of ours, which it quotes from @off on */
static u32 vrdh_whose_error(struct vrdh_host *host, struct vrdh_flow *flow,
			    const struct sk_buff *skb, int off)
{
	const struct vrdh_ports *ports;
	const struct iphdr *iph;
	struct vrdh_ports _ports;
	struct iphdr _iph;
	u32 owner;

	iph = skb_header_pointer(skb, off, sizeof(_iph), &_iph);
	if (!iph || iph->ihl < 5 || iph->saddr != host->key.addr)
		return VRDH_NOBODY;
	if (iph->frag_off & htons(IP_OFFSET))
		return VRDH_EVERYBODY;

	flow->saddr = iph->daddr;
	switch (iph->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		ports = skb_header_pointer(skb, off + iph->ihl * 4,
					   sizeof(_ports), &_ports);
		if (!ports)
			return VRDH_NOBODY;
		flow->sport = ports->dest;
		flow->dport = ports->source;
		if (iph->protocol == IPPROTO_TCP)
			return vrdh_whose_tcp(host, flow, false);
		return vrdh_whose_udp(host, flow, VRDH_SOMEBODY);
	default:
		owner = vrdh_port_owner(host, iph->protocol, 0);
		return owner ? : VRDH_EVERYBODY;
	}
}

static u32 vrdh_whose_icmp(struct vrdh_host *host, struct vrdh_flow *flow,
			   const struct sk_buff *skb, int off)
{
	const struct icmphdr *icmph;
	struct icmphdr _icmph;

	icmph = skb_header_pointer(skb, off, sizeof(_icmph), &_icmph);
	if (!icmph)
		return VRDH_NOBODY;

	switch (icmph->type) {
	case ICMP_DEST_UNREACH:
	case ICMP_SOURCE_QUENCH:
	case ICMP_REDIRECT:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return vrdh_whose_error(host, flow, skb, off + sizeof(*icmph));
	case ICMP_ECHOREPLY:
	case ICMP_TIMESTAMPREPLY:
	case ICMP_INFO_REPLY:
	case ICMP_ADDRESSREPLY:
	case ICMP_EXT_ECHOREPLY:
		/* whoever asked, it does no harm elsewhere */
		return VRDH_EVERYBODY;
	default:
		return VRDH_NOBODY;
	}
}

/* @skb is a whole packet or a first fragment */
static u32 vrdh_whose(struct vrdh_host *host, const struct sk_buff *skb,
		      struct net *net)
{
	const struct iphdr *iph = ip_hdr(skb);
	int off = skb_network_offset(skb) + iph->ihl * 4;
	struct vrdh_flow flow = {
		.net = net,
		.saddr = iph->saddr,
		.dif = skb->dev->ifindex,
		.l3dom = VRCTX_L3DOM(skb->vrctx),
	};
	const struct vrdh_ports *ports;
	struct vrdh_ports _ports;
	const u8 *flags;
	bool syn;
	u8 _flags;

	switch (iph->protocol) {
	case IPPROTO_ICMP:
		return vrdh_whose_icmp(host, &flow, skb, off);
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		ports = skb_header_pointer(skb, off, sizeof(_ports), &_ports);
		if (!ports)
			return VRDH_NOBODY;
		flow.sport = ports->source;
		flow.dport = ports->dest;
		break;
	default:
		return vrdh_port_owner(host, iph->protocol, 0);
	}
	if (iph->protocol == IPPROTO_UDP)
		return vrdh_whose_udp(host, &flow, VRDH_NOBODY);

	flags = skb_header_pointer(skb, off + 13, sizeof(_flags), &_flags);
	syn = flags && (*flags & (TCPHDR_SYN | TCPHDR_ACK)) == TCPHDR_SYN;

	return vrdh_whose_tcp(host, &flow, syn);
}

/* The first fragment tells of all */
static u32 vrdh_whose_frag(struct vrdh_net *vn, struct vrdh_host *host,
			   const struct sk_buff *skb)
{
	u32 whose;

	if (ip_hdr(skb)->frag_off & htons(IP_OFFSET)) {
		if (vrdh_frags_get(vn->frags, skb, &whose))
			return whose;
		vrdh_count(host, VRDH_FRAGMENTS);
		return VRDH_EVERYBODY;
	}

	whose = vrdh_whose(host, skb, vn->net);
	vrdh_frags_put(vn->frags, skb, whose);

	return whose;
}

static bool vrdh_from_member(const struct vrdh_host *host,
			     const struct sk_buff *skb)
{
	const struct vrdh_members *members = rcu_dereference(host->members);
	const u8 *source;
	u32 i;

	if (skb->dev->type != ARPHRD_ETHER || !skb_mac_header_was_set(skb))
		return false;

	source = eth_hdr(skb)->h_source;
	for (i = 0; i < members->count; i++) {
		if (ether_addr_equal_unaligned(members->member[i].lladdr,
					       source))
			return true;
	}

	return false;
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

static unsigned int vrdh_ignore(const struct vrdh_host *host,
				struct sk_buff *skb)
{
	vrdh_count(host, VRDH_IGNORED);
	kfree_skb_reason(skb, (__force enum skb_drop_reason)
			      SKB_DROP_REASON_VRCTX_DHOST);

	return NF_STOLEN;
}

unsigned int vrdh_packet_in(void *priv, struct sk_buff *skb,
			    const struct nf_hook_state *state)
{
	const struct iphdr *iph = ip_hdr(skb);
	bool lead, member, may_hand_over;
	struct vrdh_net *vn = priv;
	struct vrdh_host *host;
	u32 whose;

	if (likely(!test_bit(vrdh_filter_bit(iph->daddr), vn->filter)))
		return NF_ACCEPT;
	/* what this machine sends to itself stays here */
	if (skb->dev->flags & IFF_LOOPBACK)
		return NF_ACCEPT;
	host = vrdh_host_find(vn, iph->daddr, skb->vrctx);
	if (!host)
		return NF_ACCEPT;
	/* a router on the way to it */
	if (!inet_lookup_ifaddr_rcu_vrctx(vn->net, iph->daddr, skb->vrctx))
		return NF_ACCEPT;

	if (unlikely(ip_is_fragment(iph)))
		whose = vrdh_whose_frag(vn, host, skb);
	else
		whose = vrdh_whose(host, skb, vn->net);

	lead = vrdh_is_lead(host);
	member = vrdh_from_member(host, skb);
	if (member)
		vrdh_count(host, VRDH_FROM_MEMBER);
	may_hand_over = lead && !member && skb->pkt_type == PACKET_HOST;
	trace_vr_dhost_packet(vn->net, host, skb, whose, member);

	if (whose == host->own)
		return vrdh_take(host, skb, VRDH_LOCAL);

	switch (whose) {
	case VRDH_NOBODY:
		if (lead)
			return vrdh_take(host, skb, VRDH_LEAD);
		return vrdh_ignore(host, skb);
	case VRDH_EVERYBODY:
		if (!may_hand_over)
			return vrdh_take(host, skb, VRDH_LOCAL);
		vrdh_flood(host, skb);
		return vrdh_take(host, skb, VRDH_FLOODED);
	case VRDH_SOMEBODY:
		if (!may_hand_over)
			return vrdh_ignore(host, skb);
		vrdh_flood(host, skb);
		vrdh_count(host, VRDH_FLOODED);
		consume_skb(skb);
		return NF_STOLEN;
	default:
		if (!may_hand_over)
			return vrdh_ignore(host, skb);
		vrdh_hand_over(host, skb, whose);
		return NF_STOLEN;
	}
}
