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
#include <net/vrctx.h>

struct net;

/**
 * struct vrctx_budget - limits, of the size that the namespace's sysctls say
 * @icmp_credit: ICMP messages that may be sent, see icmp_global_allow()
 * @icmp_stamp: when that was refilled, jiffies
 * @challenge_stamp: the second that @challenge_count is about
 * @challenge_count: challenge ACKs that may be sent in it
 * @tfo_disable_times: how often Fast Open met a black hole
 * @tfo_disable_stamp: when it last did, jiffies
 * @timewaits: timewait sockets, and one
 */
struct vrctx_budget {
	atomic_t	icmp_credit;
	u32		icmp_stamp;
	u32		challenge_stamp;
	u32		challenge_count;
	atomic_t	tfo_disable_times;
	unsigned long	tfo_disable_stamp;
	refcount_t	timewaits;
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
#define tm_in_vrctx(tm, ctx)		true
#define tm_set_vrctx(tm, ctx)		do { } while (0)
#define vrctx_note_metrics(net, ctx)	do { } while (0)

#endif /* CONFIG_NET_VRCTX */

/* That of the context of a socket, a request or a timewait socket */
#define vrctx_sk_budget(sk)	vrctx_budget(sock_net(sk), sk_vrctx_get(sk))

#endif /* _NET_VRCTX_BUDGET_H */
