// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: ports that several nodes have.
 *
 * A flow that begins is that of one of the owners, by rendezvous hashing: each
 * node computes the same, and when an owner comes or goes only flows move that
 * it gets or had. Flows that are there do not move even then, unless it is
 * their owner that goes:
 *
 *  - the lead notes to whom it gave a flow,
 *  - a node has a TCP connection or not, whatever anybody computes,
 *  - a lead that has no note of a TCP connection, as it was not the lead or has
 *    forgotten, knows where it is if none who came later than the first owner
 *    outbids that one. Else it gives the segment to all. Who has the connection
 *    takes it, and tells the lead.
 *
 * What the lead hands over to one node is that node's to answer.
 */

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/jhash.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>

#include "dhost.h"

/* Notes: 2 MiB, of 114,688 flows; the one not seen for longest is forgotten */
#define VRDH_BUCKETS	16384
#define VRDH_NOTES	7

/* What notes are known by. Collisions are nothing to fear: the key is secret. */
struct vrdh_flow_key {
	struct in6_addr	saddr;
	struct in6_addr	daddr;
	u32		ctx;
	u32		tenure;
	__be16		sport;
	__be16		dport;
	u32		proto;
} __aligned(SIPHASH_ALIGNMENT);

struct vrdh_note {
	u64	flow;
	u32	node;	/* 0: none yet */
	u32	seen;	/* jiffies */
};

struct vrdh_bucket {
	spinlock_t		lock;	/* the notes */
	struct vrdh_note	note[VRDH_NOTES];
} ____cacheline_aligned;

struct vrdh_flows {
	siphash_key_t		secret;
	struct vrdh_bucket	bucket[VRDH_BUCKETS];
};

/* A port is about to be shared. The lock of the namespace. */
int vrdh_flows_need(struct vrdh_net *vn, struct netlink_ext_ack *extack)
{
	struct vrdh_flows *flows;
	int i;

	lockdep_assert_held(&vn->lock);

	if (rcu_access_pointer(vn->flows))
		return 0;
	flows = kvzalloc(sizeof(*flows), GFP_KERNEL);
	if (!flows) {
		NL_SET_ERR_MSG(extack, "There is no memory for flows of shared ports");
		return -ENOMEM;
	}

	get_random_bytes(&flows->secret, sizeof(flows->secret));
	for (i = 0; i < VRDH_BUCKETS; i++)
		spin_lock_init(&flows->bucket[i].lock);
	rcu_assign_pointer(vn->flows, flows);

	return 0;
}

static void vrdh_flow_addrs(const struct vrdh_flow *flow,
			    struct in6_addr *saddr, struct in6_addr *daddr)
{
	*daddr = flow->host->key.addr;
	if (vrdh_is6(flow->host))
		*saddr = flow->saddr.in6;
	else
		ipv6_addr_set_v4mapped(flow->saddr.ip, saddr);
}

/* ---- whose is it, if it begins now? ---- */

/* The same on each node, whatever its byte order */
static u64 vrdh_flow_hash(const struct vrdh_flow *flow, u8 proto)
{
	struct in6_addr saddr, daddr;
	u32 words[10], i;

	vrdh_flow_addrs(flow, &saddr, &daddr);
	for (i = 0; i < 4; i++) {
		words[i] = ntohl(saddr.s6_addr32[i]);
		words[4 + i] = ntohl(daddr.s6_addr32[i]);
	}
	words[8] = (u32)ntohs(flow->sport) << 16 | ntohs(flow->dport);
	words[9] = proto;

	return (u64)jhash2(words, ARRAY_SIZE(words), 0) << 32 |
	       jhash2(words, ARRAY_SIZE(words), 1);
}

/* What the node bids for the flow: the bits of both, well mixed */
static u64 vrdh_bid(u64 flow, u32 node)
{
	u64 bid = flow ^ node * 0x9e3779b97f4a7c15ULL;

	bid = (bid ^ bid >> 33) * 0xff51afd7ed558ccdULL;
	bid = (bid ^ bid >> 33) * 0xc4ceb9fe1a85ec53ULL;

	return bid ^ bid >> 33;
}

/* The owner that bids most for the flow. @sure: the first one does, so that the
 * flow is its own even if it began when others were not there.
 */
static u32 vrdh_best(const struct vrdh_shared *port,
		     const struct vrdh_flow *flow, u8 proto, bool *sure)
{
	u32 i, node, best = VRDH_NOBODY, count = READ_ONCE(port->count);
	u64 bid, most = 0, hash = vrdh_flow_hash(flow, proto);

	*sure = true;
	for (i = 0; i < count; i++) {
		node = READ_ONCE(port->owner[i]);
		bid = vrdh_bid(hash, node);
		if (i && bid <= most)
			continue;
		most = bid;
		best = node;
		*sure = !i;
	}

	return best;
}

static bool vrdh_is_owner(const struct vrdh_shared *port, u32 node)
{
	u32 i, count = READ_ONCE(port->count);

	for (i = 0; i < count; i++) {
		if (READ_ONCE(port->owner[i]) == node)
			return true;
	}

	return false;
}

/* ---- notes ---- */

static u64 vrdh_note_key(const struct vrdh_flows *flows,
			 const struct vrdh_flow *flow, u8 proto)
{
	struct vrdh_flow_key key = {
		.ctx = flow->host->key.ctx,
		.tenure = READ_ONCE(flow->host->tenure),
		.sport = flow->sport,
		.dport = flow->dport,
		.proto = proto,
	};

	vrdh_flow_addrs(flow, &key.saddr, &key.daddr);

	return siphash(&key, sizeof(key), &flows->secret);
}

static struct vrdh_bucket *vrdh_bucket(struct vrdh_flows *flows, u64 flow)
{
	return &flows->bucket[flow % VRDH_BUCKETS];
}

static struct vrdh_note *vrdh_note_find(struct vrdh_bucket *bucket, u64 flow)
{
	int i;

	for (i = 0; i < VRDH_NOTES; i++) {
		if (bucket->note[i].node && bucket->note[i].flow == flow)
			return &bucket->note[i];
	}

	return NULL;
}

/* The node that the flow was given to, VRDH_NOBODY if none is known */
static u32 vrdh_noted(struct vrdh_flows *flows, u64 flow)
{
	struct vrdh_bucket *bucket = vrdh_bucket(flows, flow);
	u32 node = VRDH_NOBODY;
	struct vrdh_note *note;

	spin_lock(&bucket->lock);
	note = vrdh_note_find(bucket, flow);
	if (note) {
		note->seen = jiffies;
		node = note->node;
	}
	spin_unlock(&bucket->lock);

	return node;
}

static void vrdh_note(struct vrdh_flows *flows, u64 flow, u32 node)
{
	struct vrdh_bucket *bucket = vrdh_bucket(flows, flow);
	u32 now = jiffies;
	struct vrdh_note *note;
	int i;

	spin_lock(&bucket->lock);
	note = vrdh_note_find(bucket, flow);
	if (!note) {
		note = &bucket->note[0];
		for (i = 1; note->node && i < VRDH_NOTES; i++) {
			if (!bucket->note[i].node ||
			    now - bucket->note[i].seen > now - note->seen)
				note = &bucket->note[i];
		}
	}
	note->flow = flow;
	note->node = node;
	note->seen = now;
	spin_unlock(&bucket->lock);
}

/* ---- whose is it? ---- */

static u8 vrdh_ttl(const struct vrdh_flow *flow)
{
	return vrdh_is6(flow->host) ? ipv6_hdr(flow->skb)->hop_limit :
				      ip_hdr(flow->skb)->ttl;
}

/* The lead decides, and keeps to it */
static u32 vrdh_shared_lead(const struct vrdh_flow *flow,
			    const struct vrdh_shared *port, u8 proto,
			    bool begins)
{
	struct vrdh_net *vn = vrdh_net(flow->net);
	struct vrdh_flows *flows = rcu_dereference(vn->flows);
	u64 key = vrdh_note_key(flows, flow, proto);
	u32 node = vrdh_noted(flows, key), best;
	bool sure;

	if (node && vrdh_is_owner(port, node))
		return node;
	best = vrdh_best(port, flow, proto, &sure);
	if (node)
		vrdh_count(flow->host, VRDH_MOVED);
	else if (proto == IPPROTO_TCP && !begins && !sure)
		return VRDH_SOMEBODY;
	else if (begins)
		vrdh_count(flow->host, VRDH_SPREAD);
	else if (proto != IPPROTO_TCP)
		return best;	/* an error is no flow */
	vrdh_note(flows, key, best);

	return best;
}

/**
 * vrdh_shared_whose - the owner of a shared port whose a packet is
 * @flow: the flow of the packet, of which this node has no connection
 * @port: its port here
 * @proto: its protocol
 * @begins: the flow may begin with this packet
 *
 * Return: as vrdh_whose(). RCU.
 */
u32 vrdh_shared_whose(const struct vrdh_flow *flow,
		      const struct vrdh_shared *port, u8 proto, bool begins)
{
	u32 own = flow->host->own, member, best;
	struct vrdh_flows *flows;
	bool sure;

	member = vrdh_from_member(flow->host, flow->skb);
	if (vrdh_may_hand_over(flow->host, flow->skb, member))
		return vrdh_shared_lead(flow, port, proto, begins);

	if (member && flow->skb->pkt_type == PACKET_HOST) {
		if (vrdh_ttl(flow) != VRDH_MINE)
			return vrdh_is_owner(port, own) ? own : VRDH_SOMEBODY;
		/* an answer to what was given to all */
		if (vrdh_is_lead(flow->host) && vrdh_is_owner(port, member)) {
			flows = rcu_dereference(vrdh_net(flow->net)->flows);
			vrdh_note(flows, vrdh_note_key(flows, flow, proto),
				  member);
		}
		return VRDH_SOMEBODY;
	}

	best = vrdh_best(port, flow, proto, &sure);

	return proto == IPPROTO_TCP && !begins && !sure ? VRDH_SOMEBODY : best;
}

/* This node has the connection of a packet that was given to all: if that is
 * because the port is shared, the lead may know whose the next ones are.
 */
void vrdh_shared_mine(const struct vrdh_flow *flow, u8 proto)
{
	u32 member = vrdh_from_member(flow->host, flow->skb);

	if (member && member == READ_ONCE(flow->host->lead) &&
	    vrdh_port_shared(flow->host, proto, ntohs(flow->dport)))
		vrdh_tell_lead(flow->host, flow->skb);
}
