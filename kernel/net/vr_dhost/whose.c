// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: whose is a received packet?
 *
 * That of one node, if that node has its connection or its port; of nobody,
 * which is what the lead is for; or of a node that only that node knows. The
 * answer is the same on each node, as far as its sockets do not give another.
 */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/ndisc.h>
#include <net/tcp.h>
#include <net/vrctx.h>

#include "dhost.h"

/* The first bytes of TCP and UDP */
struct vrdh_ports {
	__be16	source;
	__be16	dest;
};

/**
 * struct vrdh_upper - where the upper layer of a packet is
 * @off: its offset in the buffer, negative if there is none
 * @proto: its protocol
 * @frag: this is a fragment
 * @later: and not the first one: what is at @off is something else
 */
struct vrdh_upper {
	int	off;
	u8	proto;
	bool	frag;
	bool	later;
};

static void vrdh_upper4(int off, const struct iphdr *iph,
			struct vrdh_upper *upper)
{
	upper->off = off + iph->ihl * 4;
	upper->proto = iph->protocol;
	upper->frag = ip_is_fragment(iph);
	upper->later = iph->frag_off & htons(IP_OFFSET);
}

static void vrdh_upper6(const struct sk_buff *skb, int off,
			const struct ipv6hdr *ip6h, struct vrdh_upper *upper)
{
	__be16 frag_off;

	upper->proto = ip6h->nexthdr;
	upper->off = ipv6_skip_exthdr(skb, off + sizeof(*ip6h), &upper->proto,
				      &frag_off);
	upper->frag = frag_off & htons(IP6_OFFSET | IP6_MF);
	upper->later = frag_off & htons(IP6_OFFSET);
}

/* Does a listener of this node want the segment? One in the middle of a
 * connection only if it may be the answer to a SYN cookie: each node may have a
 * listener, but no more than one has the connection.
 */
static bool vrdh_tcp_listens(const struct vrdh_flow *flow, bool syn)
{
	const struct sock *sk = vrdh_tcp_listener(flow);

	if (!sk || syn)
		return sk;

#ifdef CONFIG_SYN_COOKIES
	return !tcp_synq_no_recent_overflow(sk);
#else
	return false;
#endif
}

/* If several nodes have the port; @proto is TCP, UDP, or has no ports */
static const struct vrdh_shared *vrdh_shared(const struct vrdh_flow *flow,
					     u8 proto)
{
	return vrdh_port_shared(flow->host, proto, ntohs(flow->dport));
}

/* A segment to a port that no single node has. @over: a connection of this node
 * that was the flow is no more.
 */
static noinline u32 vrdh_whose_tcp_unmapped(const struct vrdh_flow *flow,
					    bool syn, bool over)
{
	const struct vrdh_shared *shared = vrdh_shared(flow, IPPROTO_TCP);

	if (shared)
		return vrdh_shared_whose(flow, shared, IPPROTO_TCP, syn);
	if (over || vrdh_tcp_listens(flow, syn))
		return flow->host->own;

	/* a connection that is there is somebody's, port map or not */
	return syn ? VRDH_NOBODY : VRDH_SOMEBODY;
}

static u32 vrdh_whose_tcp(const struct vrdh_flow *flow, bool syn)
{
	int state = vrdh_tcp_state(flow);
	bool over = false;
	u32 owner;

	if (unlikely(state)) {
		/* the old connection is over, the new one is the owner's */
		over = syn && state == TCP_TIME_WAIT;
		if (!over) {
			if (flow->skb->pkt_type == PACKET_BROADCAST)
				vrdh_shared_mine(flow, IPPROTO_TCP);
			return flow->host->own;
		}
	}

	owner = vrdh_port_owner(flow->host, IPPROTO_TCP, ntohs(flow->dport));

	return owner ? : vrdh_whose_tcp_unmapped(flow, syn, over);
}

static u32 vrdh_whose_udp(const struct vrdh_flow *flow, u32 unknown)
{
	const struct sock *sk = vrdh_udp_sock(flow);
	const struct vrdh_shared *shared;
	u32 owner;

	if (sk && sk->sk_state == TCP_ESTABLISHED)
		return flow->host->own;

	owner = vrdh_port_owner(flow->host, IPPROTO_UDP, ntohs(flow->dport));
	if (owner)
		return owner;
	shared = vrdh_shared(flow, IPPROTO_UDP);
	if (shared)
		return vrdh_shared_whose(flow, shared, IPPROTO_UDP,
					 unknown == VRDH_NOBODY);

	return sk ? flow->host->own : unknown;
}

/* Of a protocol without ports */
static u32 vrdh_whose_proto(const struct vrdh_flow *flow, u8 proto, u32 unknown)
{
	const struct vrdh_shared *shared;
	u32 owner;

	owner = vrdh_port_owner(flow->host, proto, 0);
	if (owner)
		return owner;
	shared = vrdh_shared(flow, proto);
	if (shared)
		return vrdh_shared_whose(flow, shared, proto,
					 unknown == VRDH_NOBODY);

	return unknown;
}

/* Find the packet of ours that an error quotes from @off on. False if it is
 * none. The flow that it was an answer to gets its far end.
 */
static bool vrdh_quoted(struct vrdh_flow *flow, const struct sk_buff *skb,
			int off, struct vrdh_upper *upper)
{
	const struct ipv6hdr *ip6h;
	const struct iphdr *iph;
	struct ipv6hdr _ip6h;
	struct iphdr _iph;

	if (vrdh_is6(flow->host)) {
		ip6h = skb_header_pointer(skb, off, sizeof(_ip6h), &_ip6h);
		if (!ip6h || ip6h->version != 6 ||
		    !ipv6_addr_equal(&ip6h->saddr, &flow->host->key.addr))
			return false;
		flow->saddr.in6 = ip6h->daddr;
		vrdh_upper6(skb, off, ip6h, upper);
		return upper->off >= 0;
	}

	iph = skb_header_pointer(skb, off, sizeof(_iph), &_iph);
	if (!iph || iph->ihl < 5 || iph->saddr != vrdh_addr4(flow->host))
		return false;
	flow->saddr.ip = iph->daddr;
	vrdh_upper4(off, iph, upper);

	return true;
}

static u32 vrdh_whose_error(struct vrdh_flow *flow, const struct sk_buff *skb,
			    int off)
{
	const struct vrdh_ports *ports;
	struct vrdh_ports _ports;
	struct vrdh_upper upper;

	if (!vrdh_quoted(flow, skb, off, &upper))
		return VRDH_NOBODY;
	if (upper.later)
		return VRDH_EVERYBODY;
	if (upper.proto != IPPROTO_TCP && upper.proto != IPPROTO_UDP)
		return vrdh_whose_proto(flow, upper.proto, VRDH_EVERYBODY);

	ports = skb_header_pointer(skb, upper.off, sizeof(_ports), &_ports);
	if (!ports)
		return VRDH_NOBODY;
	flow->sport = ports->dest;
	flow->dport = ports->source;

	return upper.proto == IPPROTO_TCP ?
	       vrdh_whose_tcp(flow, false) :
	       vrdh_whose_udp(flow, VRDH_SOMEBODY);
}

static u8 vrdh_icmp_proto(const struct vrdh_host *host)
{
	return vrdh_is6(host) ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

enum vrdh_icmp {
	VRDH_ICMP_REQUEST,	/* the lead's, and whatever is unknown */
	VRDH_ICMP_ERROR,	/* about a packet that it quotes */
	VRDH_ICMP_FOR_ALL,	/* whoever asked, it does no harm elsewhere */
};

static enum vrdh_icmp vrdh_icmp4(u8 type)
{
	switch (type) {
	case ICMP_DEST_UNREACH:
	case ICMP_SOURCE_QUENCH:
	case ICMP_REDIRECT:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return VRDH_ICMP_ERROR;
	case ICMP_ECHOREPLY:
	case ICMP_TIMESTAMPREPLY:
	case ICMP_INFO_REPLY:
	case ICMP_ADDRESSREPLY:
	case ICMP_EXT_ECHOREPLY:
		return VRDH_ICMP_FOR_ALL;
	default:
		return VRDH_ICMP_REQUEST;
	}
}

static enum vrdh_icmp vrdh_icmp6(u8 type)
{
	if (!(type & ICMPV6_INFOMSG_MASK))
		return VRDH_ICMP_ERROR;

	switch (type) {
	case ICMPV6_ECHO_REPLY:
	case ICMPV6_NI_REPLY:
	case ICMPV6_EXT_ECHO_REPLY:
	case NDISC_REDIRECT:
		return VRDH_ICMP_FOR_ALL;
	default:
		return VRDH_ICMP_REQUEST;
	}
}

static u32 vrdh_whose_icmp(struct vrdh_flow *flow, const struct sk_buff *skb,
			   int off)
{
	enum vrdh_icmp kind;
	const u8 *type;
	u8 _type;

	type = skb_header_pointer(skb, off, sizeof(_type), &_type);
	if (!type)
		return VRDH_NOBODY;

	kind = vrdh_is6(flow->host) ? vrdh_icmp6(*type) : vrdh_icmp4(*type);
	switch (kind) {
	case VRDH_ICMP_ERROR:
		BUILD_BUG_ON(sizeof(struct icmphdr) != sizeof(struct icmp6hdr));
		return vrdh_whose_error(flow, skb,
					off + sizeof(struct icmphdr));
	case VRDH_ICMP_FOR_ALL:
		return VRDH_EVERYBODY;
	default:
		return VRDH_NOBODY;
	}
}

/* @skb is a whole packet or a first fragment */
static u32 vrdh_whose_upper(struct vrdh_flow *flow, const struct sk_buff *skb,
			    const struct vrdh_upper *upper)
{
	const struct vrdh_ports *ports;
	struct vrdh_ports _ports;
	const u8 *flags;
	bool syn;
	u8 _flags;

	switch (upper->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		ports = skb_header_pointer(skb, upper->off, sizeof(_ports),
					   &_ports);
		if (!ports)
			return VRDH_NOBODY;
		flow->sport = ports->source;
		flow->dport = ports->dest;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		/* that of the other family is a protocol as any other */
		if (upper->proto == vrdh_icmp_proto(flow->host))
			return vrdh_whose_icmp(flow, skb, upper->off);
		fallthrough;
	default:
		return vrdh_whose_proto(flow, upper->proto, VRDH_NOBODY);
	}
	if (upper->proto == IPPROTO_UDP)
		return vrdh_whose_udp(flow, VRDH_NOBODY);

	flags = skb_header_pointer(skb, upper->off + 13, sizeof(_flags),
				   &_flags);
	syn = flags && (*flags & (TCPHDR_SYN | TCPHDR_ACK)) == TCPHDR_SYN;

	return vrdh_whose_tcp(flow, syn);
}

/* Would the reassembly of IPv6 complain about the fragment, on each node? */
static bool vrdh_frag6_bad(const struct sk_buff *skb, unsigned int off,
			   const struct frag_hdr *fh)
{
	unsigned int size = skb->len - off - sizeof(*fh);

	return (fh->frag_off & htons(IP6_MF) && size & 7) ||
	       (ntohs(fh->frag_off) & IP6_OFFSET) + size > IPV6_MAXPLEN;
}

/* The datagram that @skb is a fragment of; false if it is of none */
static bool vrdh_frag_key(const struct vrdh_host *host,
			  const struct sk_buff *skb, struct vrdh_frag_key *key)
{
	const struct frag_hdr *fh;
	struct frag_hdr _fh;
	unsigned int off = 0;

	key->daddr = host->key.addr;
	key->ctx = host->key.ctx;
	if (!vrdh_is6(host)) {
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &key->saddr);
		key->id = (__force __be32)(u32)(__force u16)ip_hdr(skb)->id;
		key->proto = ip_hdr(skb)->protocol;
		return true;
	}

	if (ipv6_find_hdr(skb, &off, NEXTHDR_FRAGMENT, NULL, NULL) < 0)
		return false;
	fh = skb_header_pointer(skb, off, sizeof(_fh), &_fh);
	if (!fh || vrdh_frag6_bad(skb, off, fh))
		return false;
	key->saddr = ipv6_hdr(skb)->saddr;
	key->id = fh->identification;
	key->proto = 0;

	return true;
}

/* The first fragment tells of all */
static u32 vrdh_whose_frag(struct vrdh_net *vn, struct vrdh_flow *flow,
			   const struct sk_buff *skb,
			   const struct vrdh_upper *upper)
{
	struct vrdh_frag_key key;
	u32 whose;

	if (!vrdh_frag_key(flow->host, skb, &key))
		return VRDH_NOBODY;

	if (upper->later) {
		if (vrdh_frags_get(vn->frags, &key, &whose))
			return whose;
		vrdh_count(flow->host, VRDH_FRAGMENTS);
		return VRDH_EVERYBODY;
	}

	whose = vrdh_whose_upper(flow, skb, upper);
	vrdh_frags_put(vn->frags, &key, whose);

	return whose;
}

/**
 * vrdh_whose - the node whose a packet is
 * @vn: network namespace
 * @host: the address it is sent to
 * @skb: the packet
 *
 * Return: the node, VRDH_NOBODY, VRDH_SOMEBODY (a node other than this one) or
 * VRDH_EVERYBODY. RCU.
 */
u32 vrdh_whose(struct vrdh_net *vn, struct vrdh_host *host,
	       const struct sk_buff *skb)
{
	struct vrdh_flow flow = {
		.net = vn->net,
		.host = host,
		.skb = skb,
		.l3dom = VRCTX_L3DOM(skb->vrctx),
	};
	struct vrdh_upper upper;

	if (vrdh_is6(host)) {
		flow.saddr.in6 = ipv6_hdr(skb)->saddr;
		vrdh_upper6(skb, skb_network_offset(skb), ipv6_hdr(skb),
			    &upper);
		if (upper.off < 0)
			return VRDH_NOBODY;
	} else {
		flow.saddr.ip = ip_hdr(skb)->saddr;
		vrdh_upper4(skb_network_offset(skb), ip_hdr(skb), &upper);
	}

	if (unlikely(upper.frag))
		return vrdh_whose_frag(vn, &flow, skb, &upper);

	return vrdh_whose_upper(&flow, skb, &upper);
}
