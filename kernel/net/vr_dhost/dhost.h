/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Distributed hosts: the objects and their lifetime
 */
#ifndef _VR_DHOST_H
#define _VR_DHOST_H

#include <linux/etherdevice.h>
#include <linux/in6.h>
#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <linux/percpu.h>
#include <linux/rhashtable.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/net_trackers.h>
#include <net/vrctx_shared.h>
#include <net/vrctx_watch.h>
#include <uapi/linux/vr_dhost.h>

struct genl_info;
struct netlink_ext_ack;

/**
 * DOC: Locking
 *
 * The mutex of a network namespace's state (vrdh_net.lock) is the lock of all
 * writers: addresses, members, leads and port maps change under it. It nests
 * inside RTNL, never the other way round, since notifiers take it. Packets and
 * sockets read under RCU. Members of an address are one array that is replaced
 * as a whole.
 *
 * A member holds a reference to its device until the device goes away: then
 * the notifier replaces the array by one in which the member has no device.
 */

/* What a packet counts as, in the order of the netlink attributes */
enum vrdh_stat {
	VRDH_LOCAL,
	VRDH_LEAD,
	VRDH_HANDED_OVER,
	VRDH_FLOODED,
	VRDH_IGNORED,
	VRDH_FAILED,
	VRDH_FROM_MEMBER,
	VRDH_FRAGMENTS,
	VRDH_ARP_IGNORED,
	VRDH_ARP_SILENCED,
	VRDH_SPREAD,
	VRDH_MOVED,
	__VRDH_STATS
};

struct vrdh_stats {
	u64	count[__VRDH_STATS];
};

/* Ports that a node takes when a program does not say which; none if max is 0 */
struct vrdh_slice {
	u16	min;
	u16	max;
};

struct vrdh_member {
	u32			node;
	struct vrdh_slice	slice;
	struct net_device	*dev;		/* NULL: it went away */
	netdevice_tracker	tracker;
	u8			lladdr[ETH_ALEN];
};

struct vrdh_members {
	u32			count;
	struct rcu_head		rcu;
	struct vrdh_member	member[] __counted_by(count);
};

/* IPv4 addresses are those that IPv6 maps them to: no host has such a one */
struct vrdh_key {
	struct in6_addr	addr;
	u32		ctx;
};

/**
 * struct vrdh_host - a distributed address
 * @node: in the table of its namespace
 * @key: address and context
 * @own: number of this node, never changes
 * @lead: number of the lead, 0 for none
 * @slice: of this node, never changes
 * @grants: what a bind() needs, enum vr_dhost_grants
 * @timeout: how long it waits for that, in ms
 * @handover: what the lead does, enum vr_dhost_handover
 * @epoch: grows with each change of @lead
 * @tenure: how often this node became the lead
 * @members: the other nodes
 * @ports: the port map, struct vrdh_port
 * @shared: entries of it that are struct vrdh_shared
 * @stats: packet counters
 * @rwork: freeing
 */
struct vrdh_host {
	struct rhash_head		node;
	struct vrdh_key			key;
	u32				own;
	u32				lead;
	struct vrdh_slice		slice;
	u32				grants;
	u32				timeout;
	u32				handover;
	u64				epoch;
	u32				tenure;
	struct vrdh_members __rcu	*members;
	struct rhashtable		ports;
	u32				shared;
	struct vrdh_stats __percpu	*stats;
	struct rcu_work			rwork;
};

/* One entry of a port map: 32 bytes, as there may be a million of them */
struct vrdh_port {
	struct rhash_head	hash;
	u32			key;	/* vrdh_port_key() */
	u32			node;	/* VRDH_NOBODY: of a struct vrdh_shared */
	struct rcu_head		rcu;
};

static_assert(sizeof(struct vrdh_port) <= 32);

/* One that several nodes have, in the order in which they got it */
struct vrdh_shared {
	struct vrdh_port	port;
	u32			count;
	u32			owner[] __counted_by(count);
};

/* Who is to have a port; more than one, or @shared: a struct vrdh_shared */
struct vrdh_owners {
	bool	shared;
	u32	count;
	u32	node[VR_DHOST_MEMBERS_MAX + 1];
};

struct vrdh_flows;
struct vrdh_frags;

/* The datagram that a fragment is of */
struct vrdh_frag_key {
	struct in6_addr	saddr;
	struct in6_addr	daddr;
	u32		ctx;
	__be32		id;
	u32		proto;	/* IPv4 only */
};

#define VRDH_HOOKS		2

/* Whose a packet may be besides that of a node. netlink.c refuses these
 * numbers for nodes.
 */
#define VRDH_NOBODY	0
#define VRDH_SOMEBODY	(U32_MAX - 1)
#define VRDH_EVERYBODY	U32_MAX

/* Time to live of a packet by which a node tells the lead that the flow is its
 * own. None that is received has it.
 */
#define VRDH_MINE	0

/**
 * struct vrdh_flow - one direction of a flow, seen from its far end
 * @net: network namespace
 * @host: the address it goes to
 * @saddr: where it comes from, of the same family
 * @sport: port there
 * @dport: port here
 * @skb: the packet that is of it, or about it
 * @l3dom: L3 domain
 */
struct vrdh_flow {
	struct net		*net;
	struct vrdh_host	*host;
	union nf_inet_addr	saddr;
	__be16			sport;
	__be16			dport;
	const struct sk_buff	*skb;
	int			l3dom;
};

enum {
	VRDH_IPV4,
	VRDH_IPV6,
	__VRDH_FAMILIES
};

/**
 * struct vrdh_family - the addresses of one family
 * @count: how many there are
 * @shared: what the network stack is told of them while there are any
 * @hooks: what is registered then
 */
struct vrdh_family {
	u32			count;
	struct vrctx_shared	shared;
	struct nf_hook_ops	hooks[VRDH_HOOKS];
};

/**
 * struct vrdh_net - state of a network namespace
 * @net: the namespace
 * @lock: see above
 * @hosts: the addresses
 * @family: what is by family
 * @frags: to whom fragments were given; there while there are addresses
 * @flows: to whom flows of shared ports were given; there from the first such
 *	port on, while there are addresses
 * @gen: grows when an address comes or goes, so that dumps see it
 * @event_lock: protects the next three and the order of events
 * @event_seq: number of the last event
 * @pids: processes of sockets, see pids.c
 * @pids_count: how many; 0 once they are destroyed
 * @wait_lock: protects the next two
 * @waits: bind() calls that wait for a grant
 * @no_waits: the module goes away
 */
struct vrdh_net {
	struct net		*net;
	struct mutex		lock;		/* see above */
	struct rhashtable	hosts;
	struct vrdh_family	family[__VRDH_FAMILIES];
	struct vrdh_frags	*frags;
	struct vrdh_flows __rcu	*flows;
	u32			gen;
	spinlock_t		event_lock;	/* the next three */
	u64			event_seq;
	struct rhashtable	pids;
	u32			pids_count;
	spinlock_t		wait_lock;	/* the next two */
	struct list_head	waits;
	bool			no_waits;
};

static inline int vrdh_family_of(const struct in6_addr *addr)
{
	return ipv6_addr_v4mapped(addr) ? VRDH_IPV4 : VRDH_IPV6;
}

static inline bool vrdh_is6(const struct vrdh_host *host)
{
	return vrdh_family_of(&host->key.addr) == VRDH_IPV6;
}

/* Its address, if that is an IPv4 one */
static inline __be32 vrdh_addr4(const struct vrdh_host *host)
{
	return host->key.addr.s6_addr32[3];
}

static inline u32 vrdh_port_key(u8 proto, u16 port)
{
	return (u32)proto << 16 | port;
}

/* The entry as one that several nodes have, NULL if it is that of one */
static inline const struct vrdh_shared *
vrdh_shared_of(const struct vrdh_port *port)
{
	return READ_ONCE(port->node) == VRDH_NOBODY ?
	       container_of(port, struct vrdh_shared, port) : NULL;
}

static inline bool vrdh_is_lead(const struct vrdh_host *host)
{
	return READ_ONCE(host->lead) == host->own;
}

/* Only packets to this machine's Ethernet address that do not come from a
 * member are ever handed over.
 */
static inline bool vrdh_may_hand_over(const struct vrdh_host *host,
				      const struct sk_buff *skb, bool member)
{
	return vrdh_is_lead(host) && !member && skb->pkt_type == PACKET_HOST &&
	       READ_ONCE(host->handover) == VR_DHOST_HANDOVER_ON;
}

static inline bool vrdh_in_slice(const struct vrdh_slice *slice, u16 port)
{
	return port >= slice->min && port <= slice->max;
}

static inline void vrdh_count(const struct vrdh_host *host,
			      enum vrdh_stat stat)
{
	this_cpu_inc(host->stats->count[stat]);
}

/* main.c */
extern struct workqueue_struct *vrdh_wq;	/* frees addresses */
struct vrdh_net *vrdh_net(const struct net *net);

/* host.c; writers hold vrdh_net.lock */
extern const struct rhashtable_params vrdh_host_params;
struct vrdh_host *vrdh_host_find(struct vrdh_net *vn,
				 const struct in6_addr *addr, u32 ctx);
struct vrdh_host *vrdh_host_find4(struct vrdh_net *vn, __be32 addr, u32 ctx);
struct vrdh_host *vrdh_host_new(struct vrdh_net *vn, const struct vrdh_host *as,
				struct netlink_ext_ack *extack);
void vrdh_host_del(struct vrdh_net *vn, struct vrdh_host *host);
int vrdh_host_lead(struct vrdh_net *vn, struct vrdh_host *host, u32 lead,
		   u64 epoch, struct netlink_ext_ack *extack);
const struct vrdh_member *vrdh_member_find(const struct vrdh_members *members,
					   u32 node);
int vrdh_member_new(struct vrdh_net *vn, struct vrdh_host *host,
		    const struct vrdh_member *as, int ifindex,
		    struct netlink_ext_ack *extack);
int vrdh_member_del(struct vrdh_net *vn, struct vrdh_host *host, u32 node,
		    struct netlink_ext_ack *extack);
void vrdh_dev_gone(struct vrdh_net *vn, struct net_device *dev);
void vrdh_ctx_gone(struct vrdh_net *vn, u32 ctx);
void vrdh_net_flush(struct vrdh_net *vn);

/* ports.c; writers hold vrdh_net.lock */
int vrdh_ports_init(struct vrdh_host *host);
void vrdh_ports_free(struct vrdh_host *host);
u32 vrdh_port_owner(struct vrdh_host *host, u8 proto, u16 port);
const struct vrdh_shared *vrdh_port_shared(struct vrdh_host *host, u8 proto,
					   u16 port);
int vrdh_port_set(struct vrdh_host *host, u8 proto, u16 first, u16 last,
		  const struct vrdh_owners *owners,
		  struct netlink_ext_ack *extack);
int vrdh_port_del(struct vrdh_host *host, u8 proto, u16 first, u16 last,
		  struct netlink_ext_ack *extack);
void vrdh_port_forget(struct vrdh_host *host, u32 node);
/* The entry at @key or the next one after it, NULL at the end */
const struct vrdh_port *vrdh_port_next(struct vrdh_host *host, u32 *key);

/* shared.c */
int vrdh_flows_need(struct vrdh_net *vn, struct netlink_ext_ack *extack);
u32 vrdh_shared_whose(const struct vrdh_flow *flow,
		      const struct vrdh_shared *port, u8 proto, bool begins);
void vrdh_shared_mine(const struct vrdh_flow *flow, u8 proto);

/* hooks.c: registered while there are addresses of the family, under the lock.
 * The first is called before the first one comes, the other after the last one
 * went.
 */
int vrdh_hook(struct vrdh_net *vn, int family);
void vrdh_unhook(struct vrdh_net *vn, int family);

/* packet.c */
bool vrdh_packet4_in(struct vrctx_shared *shared, struct sk_buff *skb);
bool vrdh_packet6_in(struct vrctx_shared *shared, struct sk_buff *skb);
/* The member that sent the packet, 0 if none did */
u32 vrdh_from_member(const struct vrdh_host *host, const struct sk_buff *skb);
unsigned int vrdh_drop(const struct vrdh_host *host, struct sk_buff *skb,
		       enum vrdh_stat as);

/* whose.c: a node, or VRDH_NOBODY and the like */
u32 vrdh_whose(struct vrdh_net *vn, struct vrdh_host *host,
	       const struct sk_buff *skb);

/* lookup.c: sockets of this node. RCU. */
int vrdh_tcp_state(const struct vrdh_flow *flow);
const struct sock *vrdh_tcp_listener(const struct vrdh_flow *flow);
const struct sock *vrdh_udp_sock(const struct vrdh_flow *flow);

/* handover.c; the first takes @skb, the second a copy */
void vrdh_hand_over(const struct vrdh_host *host, struct sk_buff *skb,
		    u32 node);
void vrdh_flood(const struct vrdh_host *host, struct sk_buff *skb);
/* Give the lead a copy that is marked, see VRDH_MINE */
void vrdh_tell_lead(const struct vrdh_host *host, const struct sk_buff *skb);

/* frag.c: nodes that have the other fragments of a datagram */
struct vrdh_frags *vrdh_frags_new(void);
void vrdh_frags_put(struct vrdh_frags *frags, const struct vrdh_frag_key *key,
		    u32 node);
bool vrdh_frags_get(struct vrdh_frags *frags, const struct vrdh_frag_key *key,
		    u32 *node);

/* arp.c */
unsigned int vrdh_arp_in(void *priv, struct sk_buff *skb,
			 const struct nf_hook_state *state);
unsigned int vrdh_arp_out(void *priv, struct sk_buff *skb,
			  const struct nf_hook_state *state);
void vrdh_arp_announce(struct vrdh_net *vn, const struct vrdh_host *host);

/* nd.c */
struct inet6_ifaddr;
int vrdh_nd_in(struct vrdh_net *vn, struct sk_buff *skb);
unsigned int vrdh_nd_out(void *priv, struct sk_buff *skb,
			 const struct nf_hook_state *state);
void vrdh_nd_announce(struct vrdh_net *vn, const struct vrdh_host *host);
void vrdh_nd_no_dad(struct vrdh_net *vn, struct inet6_ifaddr *ifa);

/* sock.c */
/* Does the key of @sk, from vrdh_sock_key(), cover the address? */
bool vrdh_sock_covers(const struct sock *sk, const struct vrdh_key *key,
		      const struct vrdh_host *host);
bool vrdh_sock_key(struct vrdh_net *vn, const struct sock *sk,
		   struct vrdh_key *key);
u64 vrdh_sock_cookie(struct sock *sk);
void vrdh_sock_tell(struct vrdh_net *vn, struct sock *sk,
		    const struct vrdh_key *key, int event);
void vrdh_sock_event(struct sock *sk, enum vrctx_sock_event event);

/* pids.c: the process that a socket is of, as far as events told it */
int vrdh_pids_init(struct vrdh_net *vn);
void vrdh_pids_free(struct vrdh_net *vn);
void vrdh_pid_note(struct vrdh_net *vn, struct sock *sk);
void vrdh_pid_forget(struct vrdh_net *vn, struct sock *sk);
u32 vrdh_pid_of(struct vrdh_net *vn, struct sock *sk);

/* grant.c */
int vrdh_sock_bind(struct sock *sk);
bool vrdh_grant(struct vrdh_net *vn, u64 cookie, bool deny);
void vrdh_grant_host_gone(struct vrdh_net *vn, const struct vrdh_host *host);
void vrdh_grant_stop(struct vrdh_net *vn);

/* netlink.c */
int vrdh_put_addr(struct sk_buff *skb, int attr, const struct in6_addr *addr);
void vrdh_events_lost(struct vrdh_net *vn);
void vrdh_notify_host(struct vrdh_net *vn, struct vrdh_host *host, u8 cmd);
int vrdh_netlink_init(void);
void vrdh_netlink_exit(void);

#endif /* _VR_DHOST_H */
