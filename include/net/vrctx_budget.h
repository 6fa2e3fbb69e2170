/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: what a context has for itself where context 0 has
 * what is its namespace's: limits that one could use up for the others, and
 * what TCP remembers of its peers.
 */
#ifndef _NET_VRCTX_BUDGET_H
#define _NET_VRCTX_BUDGET_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <net/inet_frag.h>
#include <net/inetpeer.h>
#include <net/vrctx.h>

struct net;

/* Where fragments wait: IPv4, IPv6, netfilter */
#define VRCTX_FRAG_DIRS	3

/**
 * struct vrctx_budget - limits, of the size that the namespace's sysctls say
 * @icmp_credit: ICMP messages that may be sent, see icmp_global_allow()
 * @icmp_stamp: when that was refilled, jiffies
 * @challenge_stamp: the second that @challenge_count is about
 * @challenge_count: challenge ACKs that may be sent in it
 * @tfo_disable_times: how often Fast Open met a black hole, the last time at
 *	@tfo_disable_stamp
 * @timewaits: timewait sockets, and one
 * @tfo_disable_stamp: jiffies
 * @frags: memory of fragments
 * @conns: tracked connections that were begun in it
 * @expects: expectations of these, under nf_conntrack_expect_lock
 */
struct vrctx_budget {
	atomic_t	icmp_credit;
	u32		icmp_stamp;
	u32		challenge_stamp;
	u32		challenge_count;
	atomic_t	tfo_disable_times;
	refcount_t	timewaits;
	unsigned long	tfo_disable_stamp;
	atomic_long_t	frags[VRCTX_FRAG_DIRS];
	atomic_t	conns;
	unsigned int	expects;
};

#ifdef CONFIG_NET_VRCTX

struct vrctx_budget *__vrctx_budget(const struct net *net, u32 ctx);
/* That of a context, NULL for 0. Valid as long as the caller has a carrier of
 * the number, or with BHs off.
 */
#define vrctx_budget(net, ctx)						\
	(vrctx_active() && (ctx) ? __vrctx_budget(net, ctx) : NULL)

/* Fast Open may be tried again, in all contexts */
void vrctx_tfo_enable(struct net *net);
/* Timewait sockets of all contexts but 0 */
unsigned int vrctx_timewaits(const struct net *net);

/* The same as icmp_global_allow() and icmp_global_consume() for a message in
 * the L3 domain @l3dom. BHs are off.
 */
bool icmp_global_allow_vrctx(struct net *net, int l3dom);
void icmp_global_consume_vrctx(struct net *net, int l3dom);

/* ---- Fragments (net/ipv4/inet_fragment.c) ---- */

/* Context of a queue. That of IPv4 has it in its key as the L3 domain, that of
 * 6LoWPAN is context 0's; the keys of both end before this.
 */
#define inet_frag_vrctx(q)		((q)->key.v6.vrctx)

/* The same as inet_frag_find() for a packet of the context. RCU. */
struct inet_frag_queue *inet_frag_find_vrctx(struct fqdir *fqdir, void *key,
					     u32 ctx);

void __vrctx_frag_mem_add(struct fqdir *fqdir, u32 ctx, long val);
/* Fragments of the context are kept, or go */
#define vrctx_frag_mem_add(fqdir, ctx, val)				\
do {									\
	if (vrctx_active() && (ctx))					\
		__vrctx_frag_mem_add(fqdir, ctx, val);			\
	else								\
		add_frag_mem_limit(fqdir, val);				\
} while (0)
#define vrctx_frag_mem_sub(fqdir, ctx, val)				\
do {									\
	if (vrctx_active() && (ctx))					\
		__vrctx_frag_mem_add(fqdir, ctx, -(long)(val));		\
	else								\
		sub_frag_mem_limit(fqdir, val);				\
} while (0)

long __vrctx_frag_mem(struct fqdir *fqdir, u32 ctx);
/* What is in the way of more of them; a deleted context gets none */
#define vrctx_frag_mem(fqdir, ctx)					\
	(vrctx_active() && (ctx) ? __vrctx_frag_mem(fqdir, ctx) :	\
				   frag_mem_limit(fqdir))
/* Those of all contexts but 0 */
long vrctx_frag_mem_all(struct fqdir *fqdir);

/* ---- Peers (net/ipv4/inetpeer.c) ---- */

struct inet_peer_base *__vrctx_peers4(const struct net *net, u32 ctx);

/* IPv4 peer in the L3 domain @l3dom. RCU. */
static inline struct inet_peer *vrctx_getpeer_v4(const struct net *net,
						 __be32 daddr, int l3dom)
{
	struct inet_peer_base *base = net->ipv4.peers;

	if (l3dom_is_vrctx(l3dom))
		base = __vrctx_peers4(net, __l3dom_vrctx(l3dom));

	return base ? inet_getpeer_v4(base, daddr, l3dom) : NULL;
}

/* ---- TCP metrics (net/ipv4/tcp_metrics.c) ---- */

/* Is the entry of the context? Macros, as the structure is not known here. */
#define tm_in_vrctx(tm, ctx)						\
	(!vrctx_active() || READ_ONCE((tm)->tcpm_vrctx) == (ctx))
#define tm_set_vrctx(tm, ctx)	WRITE_ONCE((tm)->tcpm_vrctx, ctx)
/* A socket of the context makes an entry: to be purged when it is deleted */
void __vrctx_note_metrics(const struct net *net, u32 ctx);
#define vrctx_note_metrics(net, ctx)					\
do {									\
	if (unlikely(ctx))						\
		__vrctx_note_metrics(net, ctx);				\
} while (0)
void tcp_metrics_purge_vrctx(struct net *net, u32 ctx);

#else /* !CONFIG_NET_VRCTX */

#define vrctx_budget(net, ctx)						\
	((void)(net), (void)(ctx), (struct vrctx_budget *)NULL)
static inline void vrctx_tfo_enable(struct net *net) { }
static inline unsigned int vrctx_timewaits(const struct net *net) { return 0; }
#define inet_frag_vrctx(q)		0U
#define vrctx_frag_mem_add(fqdir, ctx, val)				\
	add_frag_mem_limit(fqdir, val)
#define vrctx_frag_mem_sub(fqdir, ctx, val)				\
	sub_frag_mem_limit(fqdir, val)
#define vrctx_frag_mem(fqdir, ctx)	frag_mem_limit(fqdir)
#define vrctx_frag_mem_all(fqdir)	0L
#define vrctx_getpeer_v4(net, daddr, l3dom)				\
	inet_getpeer_v4((net)->ipv4.peers, daddr, l3dom)
#define tm_in_vrctx(tm, ctx)		true
#define tm_set_vrctx(tm, ctx)		do { } while (0)
#define vrctx_note_metrics(net, ctx)	do { } while (0)

#endif /* CONFIG_NET_VRCTX */

/* Fragments are added to a queue, or leave it */
#define inet_frag_mem_add(q, val)					\
	vrctx_frag_mem_add((q)->fqdir, inet_frag_vrctx(q), val)
#define inet_frag_mem_sub(q, val)					\
	vrctx_frag_mem_sub((q)->fqdir, inet_frag_vrctx(q), val)

/* That of the context of a socket, a request or a timewait socket */
#define vrctx_sk_budget(sk)	vrctx_budget(sock_net(sk), sk_vrctx_get(sk))

#endif /* _NET_VRCTX_BUDGET_H */
