/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: what the network stack needs to know of them.
 *
 * A context is a number (0 is the default one) carried by tasks, sockets,
 * packets and devices of one network namespace. The carriers hold the plain
 * number. Where the stack already threads the index of an L3 master device
 * through its keys and look-ups (sdif, flowi_l3mdev, the l3mdev part of bind
 * buckets, the vif of fragment queues and inet peers), the context travels in
 * the same integer as an *L3 domain*:
 *
 *	   0	default context, no VRF
 *	 > 0	default context, ifindex of a VRF device (unchanged meaning)
 *	 < 0	-(context number)
 *
 * A VRF device cannot be put into a context, so the two never need the field
 * at the same time. With CONFIG_NET_VRCTX=n all of this folds to constants.
 */
#ifndef _NET_VRCTX_H
#define _NET_VRCTX_H

#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/cache.h>
#include <linux/hash.h>
#include <linux/jump_label.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/sockptr.h>
#include <linux/types.h>
#include <net/dropreason.h>
#include <uapi/linux/vrctx.h>

struct cmsghdr;
struct msghdr;
struct net;
struct net_device;
struct netlink_ext_ack;
struct nsproxy;
struct seq_file;
struct sk_buff;
struct sock;
struct task_struct;
struct file;
struct fib_result;
struct flowi4;
struct fib_table;
struct fib6_table;
struct inet_peer_base;

/* skc_vrctx of a VRCTX_ANY socket; chosen so that its L3 domain is INT_MIN */
#define SK_VRCTX_ANY	0x80000000U

/* L3 domain of a context number or of SK_VRCTX_ANY */
#define VRCTX_L3DOM(ctx)	((int)-(u32)(ctx))

/* A parameter of a function outside that exists only with contexts, so that
 * the object code without them stays as it was. The same for what is mixed into
 * a hash.
 */
#ifdef CONFIG_NET_VRCTX
#define VRCTX_FN(fn)		fn##_vrctx
#define VRCTX_PARAM(decl)	, decl
#define VRCTX_ARG(val)		, val
#define VRCTX_ADD(val, more)	((val) + (more))
#define VRCTX_XOR(val, more)	((val) ^ (more))
#else
#define VRCTX_FN(fn)		fn
#define VRCTX_PARAM(decl)
#define VRCTX_ARG(val)
#define VRCTX_ADD(val, more)	(val)
#define VRCTX_XOR(val, more)	(val)
#endif

#ifdef CONFIG_NET_VRCTX

/* On since the first context, and since the first VRCTX_ANY socket (which turns
 * on both). Never off again: packets that carry a number may be older than any
 * grace period.
 */
DECLARE_STATIC_KEY_FALSE(vrctx_used);
DECLARE_STATIC_KEY_FALSE(vrctx_any_used);

/* Was there ever a context other than 0? The look-ups and the data path ask
 * this first, so that all of it is a few no-ops where there is none.
 */
#define vrctx_active()		static_branch_unlikely(&vrctx_used)

static inline int vrctx_l3dom(u32 ctx)
{
	return VRCTX_L3DOM(ctx);
}

/* Context of an L3 domain; 0 for "no VRF" and for a VRF of context 0. The first
 * is for who has asked vrctx_active().
 */
static inline u32 __l3dom_vrctx(int dom)
{
	return -(u32)min(dom, 0);
}

static inline u32 l3dom_vrctx(int dom)
{
	return vrctx_active() ? __l3dom_vrctx(dom) : 0;
}

/* The VRF ifindex in an L3 domain, 0 if it is a context */
static inline int l3dom_ifindex(int dom)
{
	return max(dom, 0);
}

/* A macro, so that @dom is not loaded unless it is looked at */
#define l3dom_is_vrctx(dom)	(vrctx_active() && (dom) < 0)

/* The carriers. Macros, because the structures are not complete here. */
#define skb_vrctx(skb)		(vrctx_active() ? (skb)->vrctx : 0U)
/* To hand on, not to test: that costs less than to ask before */
#define __skb_vrctx(skb)	((skb)->vrctx)
#define skb_l3dom(skb)		vrctx_l3dom(__skb_vrctx(skb))
#define skb_set_vrctx(skb, ctx)	((void)((skb)->vrctx = (ctx)))
/* A hash of both, where context 0 is to hash as the protocol alone does */
#define vrctx_proto(proto, ctx)	((u32)(proto) | (ctx) << 8)
/* Of a packet, where @sdif is that of a VRF or 0: for who may not need it */
#define vrctx_sdif(skb, sdif)	((sdif) ? : skb_l3dom(skb))
#define sk_vrctx_get(sk)	READ_ONCE((sk)->sk_vrctx)
#define sk_l3dom(sk)		vrctx_l3dom(sk_vrctx_get(sk))
#define dev_vrctx(dev)		READ_ONCE((dev)->vrctx)
#define dev_l3dom(dev)		vrctx_l3dom(dev_vrctx(dev))
#define dev_in_vrctx(dev, ctx)	(dev_vrctx(dev) == (ctx))
#define task_vrctx(tsk)		READ_ONCE((tsk)->vrctx)

/* Does the socket (or request, or timewait socket) live in the L3 domain? One
 * addition tells for all but VRFs: no ifindex is the negative of a context.
 */
#define sk_in_l3dom(sk, dom)						\
	(!vrctx_active() || likely(sk_vrctx_get(sk) + (u32)(dom) == 0) || \
	 ((dom) > 0 && !sk_vrctx_get(sk)))

/* May the socket name the device? One of its context, or lo. A VRCTX_ANY
 * socket may name any.
 */
#define vrctx_sk_dev_ok(sk, dev)					\
	(dev_vrctx(dev) == sk_vrctx_get(sk) ||				\
	 (dev)->flags & IFF_LOOPBACK ||					\
	 sk_vrctx_get(sk) == SK_VRCTX_ANY)

#define vrctx_any_sk(sk)						\
	(static_branch_unlikely(&vrctx_any_used) &&			\
	 sk_vrctx_get(sk) == SK_VRCTX_ANY)

/* After a look-up in domain @dom found nothing: try VRCTX_ANY sockets? */
#define vrctx_any_next(dom)						\
	(static_branch_unlikely(&vrctx_any_used) &&			\
	 (dom) <= 0 && (dom) != VRCTX_L3DOM(SK_VRCTX_ANY))

/* FIB table number of a context; 0 (RT_TABLE_UNSPEC) for context 0 */
static inline u32 vrctx_table_id(u32 ctx)
{
	return ctx ? VRCTX_TABLE_BASE + ctx : 0;
}

/* Context whose first FIB table may have the number, 0 if it has another */
static inline u32 vrctx_table_ctx(u32 tb_id)
{
	return vrctx_active() && (tb_id & ~VRCTX_ID_MAX) == VRCTX_TABLE_BASE ?
	       tb_id & VRCTX_ID_MAX : 0;
}

/* What is mixed into a hash that is no good at mixing itself (a good one has
 * the number in its seed). Context 0 keeps the buckets that it has without
 * contexts, and a VRCTX_ANY socket is where the look-up for such looks. Spreads
 * numbers that follow each other and such that are multiples of a large one.
 */
static inline u32 vrctx_hash(u32 ctx)
{
	return ror32(ctx * GOLDEN_RATIO_32, 16);
}

/* The same for a FIB table's number */
static inline u32 vrctx_table_hash(u32 tb_id)
{
	return tb_id - VRCTX_TABLE_BASE < 2 * (VRCTX_ID_MAX + 1) ?
	       vrctx_hash(tb_id - VRCTX_TABLE_BASE) : 0;
}

/* May a FIB table with the number be one of a context? */
static inline bool vrctx_table_maybe(u32 tb_id)
{
	return vrctx_active() &&
	       tb_id - VRCTX_TABLE_BASE < 2 * (VRCTX_ID_MAX + 1);
}

/* Drop reasons: the packet met another context than its own; the protocol or
 * subsystem does not do contexts; another node deals with what was sent to a
 * distributed address; it could not be handed over to that node.
 */
#define VRCTX_DROP_REASONS(R)			\
	R(SKB_DROP_REASON_VRCTX_MISMATCH)	\
	R(SKB_DROP_REASON_VRCTX_UNSUPP)		\
	R(SKB_DROP_REASON_VRCTX_DHOST)		\
	R(SKB_DROP_REASON_VRCTX_HANDOVER)	\
	/* deliberate comment for trailing \ */

enum vrctx_drop_reason {
	__SKB_DROP_REASON_VRCTX = SKB_DROP_REASON_SUBSYS_VRCTX <<
				  SKB_DROP_REASON_SUBSYS_SHIFT,
#define ENUM(x) x,
	VRCTX_DROP_REASONS(ENUM)
#undef ENUM
};

#ifdef CONFIG_NET_VRCTX_DEBUG
#define VRCTX_ASSERT(cond)	WARN_ON_ONCE(!(cond))
#else
#define VRCTX_ASSERT(cond)	BUILD_BUG_ON_INVALID(cond)
#endif

/* At the exit of the stack to a socket */
#define vrctx_assert_rcv(sk, skb)					\
	VRCTX_ASSERT(((sk)->sk_family != AF_INET &&			\
		      (sk)->sk_family != AF_INET6) ||			\
		     sk_vrctx_get(sk) == SK_VRCTX_ANY ||		\
		     sk_vrctx_get(sk) == (skb)->vrctx)

/* ---- lookup (ctx.c) ---- */

/**
 * struct vrctx_stats - packet counters of one context on one CPU
 * @rx: packets of any protocol received by the context's devices
 * @tx: IP packets sent by the context's sockets and by the kernel for it
 * @fwd: IP packets forwarded
 * @no_route: received IP packets without a route
 * @wrong_ctx: packets dropped at a context boundary
 * @id: the context, the same on all CPUs: who counts a packet has the line
 * @demux: the context has sockets, or had some, that packets may be for; the
 *	same on all CPUs
 */
struct vrctx_stats {
	u64	rx;
	u64	tx;
	u64	fwd;
	u64	no_route;
	u64	wrong_ctx;
	u32	id;
	bool	demux;
} ____cacheline_aligned;

/* Flat arrays for small numbers, so that the data path needs two loads: the FIB
 * table of each, and behind these (see ctx.h) the contexts.
 */
struct vrctx_map {
	u32			size;
	struct rcu_head		rcu;
	struct fib_table __rcu	*fib4[];
};

/* ---- FIB (fib.c); callers hold RTNL unless said otherwise ---- */

/* The same as vrctx_fib_rcu() in net/ip_fib.h for a number beyond the map */
struct fib_table *vrctx_fib_slow(const struct net *net, u32 ctx);
/* A context's FIB table with the number @tb_id, NULL if there is none. RCU or
 * RTNL. Does not find ordinary tables.
 */
struct fib_table *vrctx_fib_table(struct net *net, u32 tb_id);
/* The same, but sets the table up if the context exists. RTNL. */
struct fib_table *vrctx_fib_table_new(struct net *net, u32 tb_id);
/* Next context table after that with the number *@tb_id (start with 0), sets it;
 * RCU or RTNL. For dumps and the like that walk all tables.
 */
struct fib_table *vrctx_fib_table_next(struct net *net, u32 *tb_id);
/* The same among the tables of one context, *@number is what it calls them */
struct fib_table *vrctx_fib_table_next_of(struct net *net, u32 ctx,
					  u32 *number);
/* The same: the one after @tb (NULL: the first) */
struct fib_table *vrctx_fib_after(struct net *net, u32 ctx,
				  const struct fib_table *tb);
/* What a context calls its table with the number @tb_id; main if its first. RCU
 * or RTNL.
 */
u32 vrctx_table_number(const struct net *net, u32 tb_id);
/* A route of table @tb_id died with its device, address or nexthop: to be
 * flushed if the table is a context's. RTNL.
 */
void __vrctx_fib_stale(struct net *net, u32 tb_id);
#define vrctx_fib_stale(net, tb_id)					\
do {									\
	if (vrctx_table_maybe(tb_id))					\
		__vrctx_fib_stale(net, tb_id);				\
} while (0)
/* Next table of a context that has such routes after that with the number
 * *@tb_id (start with 0), sets it; such a context is not one any more.
 */
struct fib_table *vrctx_fib_stale_next(struct net *net, u32 *tb_id);
/* The context that table @tb_id belongs to is deleted, its table to be freed
 * with whatever is in it.
 */
bool vrctx_table_dead(const struct net *net, u32 tb_id);
/* The number of the context that table @tb_id belongs to, a deleted one that
 * is still carried included, else 0 (an ordinary table may have such a number
 * while no such context exists).
 */
u32 __vrctx_table_used(const struct net *net, u32 tb_id);
static inline u32 vrctx_table_used(const struct net *net, u32 tb_id)
{
	return unlikely(vrctx_table_maybe(tb_id)) ?
	       __vrctx_table_used(net, tb_id) : 0;
}

/* User space is about to add a route to table @tb_id: set it up if it is that
 * of a context, for both families. RTNL.
 */
int vrctx_table_prepare(struct net *net, u32 tb_id,
			struct netlink_ext_ack *extack);
/* Local routes are added by hand to @tb: true, and noted, if it is a context's */
bool vrctx_fib_note_local(struct net *net, const struct fib_table *tb);
/* May the context have such routes? Never wrong about "no". */
#define vrctx_fib_has_local(net, ctx)					\
	((net)->vrctx.local_routes &&					\
	 (net)->vrctx.local_routes & BIT((ctx) % BITS_PER_LONG))
/* Namespace exit: free all context tables. RTNL. */
void vrctx_fib_exit(struct net *net);
/* lo came up: 127.0.0.0/8 of every active context. RTNL. */
void vrctx_fib_lo_up(struct net *net);

/* ---- IPv6 FIB (fib6.c) ---- */

/* Data path: the table of the context with the L3 domain @dom, NULL if it does
 * not exist or nobody was ever in it. That of a deleted context is empty. RCU.
 */
struct fib6_table *vrctx_fib6_rcu(const struct net *net, int dom);
/* A context's table with the number @tb_id, NULL if there is none. RCU or RTNL;
 * after that the caller has to have a route, a device or a socket of it.
 */
struct fib6_table *vrctx_fib6_table(const struct net *net, u32 tb_id);
/* The same, but sets a further table up. RTNL */
struct fib6_table *vrctx_fib6_table_new(struct net *net, u32 tb_id);
/* Next context table after that with the number *@tb_id (start with 0), sets
 * it; RCU
 */
struct fib6_table *vrctx_fib6_next(const struct net *net, u32 *tb_id);
/* The same among the tables of one context, *@number is what it calls them */
struct fib6_table *vrctx_fib6_next_of(const struct net *net, u32 ctx,
				      u32 *number);
/* The same: the one after @tb (NULL: the first) */
struct fib6_table *vrctx_fib6_after(const struct net *net, u32 ctx,
				    const struct fib6_table *tb);
/* IPv6 peers as seen from an L3 domain, NULL if it has none. RCU. */
struct inet_peer_base *vrctx_peers6_rcu(const struct net *net, int dom);
/* Namespace exit: no more routes in any context */
void vrctx_fib6_exit(struct net *net);
/* lo has got its address: ::1 in every active context. RTNL. */
void vrctx_fib6_lo_up(struct net *net);

/* ---- sockets (sock.c) ---- */

/* May current, or the kernel (@kern) on its behalf, create such a socket while
 * current is in a context? 0 or -errno
 */
int __vrctx_sock_create_check(struct net *net, int family, int type,
			      int protocol, int kern);
#define vrctx_sock_create_check(net, family, type, protocol, kern)	\
	(likely(!task_vrctx(current)) ? 0 :				\
	 __vrctx_sock_create_check(net, family, type, protocol, kern))
/* inet_create(): @sk, of a user, is in the context of current */
void __vrctx_sk_init(struct sock *sk);
#define vrctx_sk_init(sk, kern)						\
do {									\
	if (!(kern) && unlikely(task_vrctx(current)))			\
		__vrctx_sk_init(sk);					\
} while (0)
/* A further carrier (clone, request, timewait) of @ctx in @net / its end.
 * Any context including softirq. The caller of hold has a carrier already.
 */
void __vrctx_sock_hold(struct net *net, u32 ctx);
void __vrctx_sock_put(struct net *net, u32 ctx);
/* The same for a caller that has none, but just a packet (the request of a
 * VRCTX_ANY listener): false if the context is gone or going.
 */
bool __vrctx_sock_tryhold(struct net *net, u32 ctx);
static inline void vrctx_sock_hold(struct net *net, u32 ctx)
{
	if (unlikely(ctx))
		__vrctx_sock_hold(net, ctx);
}

static inline bool vrctx_sock_tryhold(struct net *net, u32 ctx)
{
	return likely(!ctx) || __vrctx_sock_tryhold(net, ctx);
}

static inline void vrctx_sock_put(struct net *net, u32 ctx)
{
	if (unlikely(ctx))
		__vrctx_sock_put(net, ctx);
}

/* The end of a socket: it is one less at once, but carries the number until it
 * is freed.
 */
void __vrctx_sk_uncount(struct sock *sk);
void __vrctx_sk_put(struct sock *sk);
#define vrctx_sk_uncount(sk)						\
do {									\
	if (unlikely((sk)->sk_vrctx))					\
		__vrctx_sk_uncount(sk);					\
} while (0)
#define vrctx_sk_put(sk)						\
do {									\
	if (unlikely((sk)->sk_vrctx))					\
		__vrctx_sk_put(sk);					\
} while (0)
/* SO_VRCTX; set is called without the socket lock and takes it itself */
int vrctx_sk_set(struct sock *sk, sockptr_t optval, unsigned int optlen);
int vrctx_sk_get(const struct sock *sk, int *val);
/* SO_BINDTODEVICE and SO_BINDTOIFINDEX: may @sk be bound to @ifindex? */
int vrctx_sk_bind_dev_check(const struct sock *sk, int ifindex);
/* May @sk name the device @ifindex otherwise? Yes if there is no such device. */
bool __vrctx_sk_ifindex_ok(const struct sock *sk, int ifindex);
#define vrctx_sk_ifindex_ok(sk, ifindex)				\
	(!vrctx_active() || !(ifindex) || __vrctx_sk_ifindex_ok(sk, ifindex))
/* SCM_VRCTX on sendmsg: 0 if @sk may say that, or -errno */
int vrctx_sk_cmsg(const struct sock *sk, const struct cmsghdr *cmsg);
/* L3 domain that SCM_VRCTX names on a VRCTX_ANY socket. 0 or -errno,
 * -EDESTADDRREQ if it does not name any.
 */
int vrctx_sk_any_dest(const struct sock *sk, struct msghdr *msg, int *l3dom);
/* The same again. One that no context has if that is deleted meanwhile. */
int __vrctx_sk_any_dest(const struct sock *sk, struct msghdr *msg);
/* L3 domain of what @sk sends with @msg: asked again where it is needed, not
 * kept, which would cost all other sockets something.
 */
#define vrctx_sk_dest(sk, msg)						\
	(vrctx_any_sk(sk) ? __vrctx_sk_any_dest(sk, msg) : sk_l3dom(sk))
/* Per-context secret for SYN cookies and sequence numbers; 0 in context 0 */
u32 __vrctx_salt(const struct net *net, u32 ctx);
static inline u32 vrctx_salt(const struct net *net, u32 ctx)
{
	return unlikely(ctx) ? __vrctx_salt(net, ctx) : 0;
}

/* ---- tasks (task.c) ---- */

/* copy_namespaces(): the child carries the parent's context */
void __vrctx_task_fork(struct task_struct *parent, struct task_struct *child);
/* leaving @net for another namespace or for good; alloc_lock is held */
void __vrctx_task_leave(struct task_struct *tsk, struct net *net);
#define vrctx_task_fork(parent, child)					\
do {									\
	if (unlikely(READ_ONCE((parent)->vrctx) | (child)->vrctx))	\
		__vrctx_task_fork(parent, child);			\
} while (0)
#define vrctx_task_leave(tsk, net)					\
do {									\
	if (unlikely((tsk)->vrctx))					\
		__vrctx_task_leave(tsk, net);				\
} while (0)
/* May a task in one context attach to one in another with ptrace? */
bool vrctx_ptrace_ok(struct task_struct *task);
/* May current enter @net (where it will be in context 0)? */
bool vrctx_netns_enter_ok(const struct net *net);
/* /proc/<pid>/vrctx and /proc/<pid>/task/<tid>/vrctx */
int vrctx_task_show(struct seq_file *m, struct task_struct *task);
ssize_t vrctx_task_write(struct task_struct *task, const struct file *file,
			 const char __user *buf, size_t count);

/* ---- devices and packets (dev.c) ---- */

/* Counters of devices in context 0; never read */
DECLARE_PER_CPU(struct vrctx_stats, vrctx_no_stats);
#define vrctx_dev_init(dev)	((void)((dev)->vrctx_stats = &vrctx_no_stats))
/* Packet and device are not in the same context. True to go on with output,
 * false if the packet was freed.
 */
bool __vrctx_tx_ok(struct sk_buff *skb, const struct net_device *dev,
		   bool forwarded);
/* Drop because a protocol or subsystem does not do contexts: counts it */
void vrctx_count_wrong(const struct sk_buff *skb);
void vrctx_count_no_route(const struct sk_buff *skb);
#define vrctx_drop_unsupp(skb)						\
do {									\
	vrctx_count_wrong(skb);						\
	kfree_skb_reason(skb, (__force enum skb_drop_reason)		\
			      SKB_DROP_REASON_VRCTX_UNSUPP);		\
} while (0)
/* The device changes its network namespace or goes away: back to 0. RTNL */
void __vrctx_dev_reset(struct net_device *dev);
#define vrctx_dev_reset(dev)						\
do {									\
	if (unlikely((dev)->vrctx))					\
		__vrctx_dev_reset(dev);					\
} while (0)
/* Is the packet one that vrctx_flush_backlogs() (net/core/dev.c) drops? */
bool vrctx_flush_skb(const struct sk_buff *skb);
void vrctx_flush_backlogs(void);

/* A received packet takes the context of its device. There is but one loopback
 * device: only the sender knows.
 *
 * The key of generic XDP is on, too, since the first context, so that who needs
 * neither pays for one of them. True if the device may have such a program.
 */
#define vrctx_rx(skb)							\
({									\
	const struct net_device *__dev = (skb)->dev;			\
	u32 __ctx = dev_vrctx(__dev);					\
									\
	if ((skb)->vrctx != __ctx && !(__dev->flags & IFF_LOOPBACK)) {	\
		(skb)->vrctx = __ctx;					\
		this_cpu_inc(__dev->vrctx_stats->rx);			\
	}								\
	unlikely(rcu_access_pointer(__dev->xdp_prog));			\
})
/* Turns that key on, for good; net/core/dev.c */
void vrctx_rx_on(void);

/* Look for a socket before the route? A context that never had one is a router,
 * for which that is in vain.
 */
#define vrctx_demux(dev)						\
	(!vrctx_active() || this_cpu_read((dev)->vrctx_stats->demux))

/* Output of an IP packet: counts it if @dev is in its context. If this says
 * true, __vrctx_tx_ok() has to look at it.
 */
#define vrctx_tx_check(skb, dev, forwarded)				\
({									\
	bool __check = false;						\
									\
	if (vrctx_active()) {						\
		if (this_cpu_read((dev)->vrctx_stats->id) !=		\
		    (skb)->vrctx)					\
			__check = true;					\
		else if (!(skb)->vrctx)					\
			;						\
		else if (likely(!(forwarded)))				\
			this_cpu_inc((dev)->vrctx_stats->tx);		\
		else							\
			this_cpu_inc((dev)->vrctx_stats->fwd);		\
	}								\
	__check;							\
})

#else /* !CONFIG_NET_VRCTX */

#define vrctx_active()			false
static inline int vrctx_l3dom(u32 ctx) { return 0; }
static inline u32 l3dom_vrctx(int dom) { return 0; }
#define __l3dom_vrctx(dom)		l3dom_vrctx(dom)
#define l3dom_ifindex(dom)		(dom)
#define l3dom_is_vrctx(dom)		((void)(dom), false)

#define skb_vrctx(skb)			((void)(skb), 0U)
#define __skb_vrctx(skb)		skb_vrctx(skb)
#define skb_set_vrctx(skb, ctx)		((void)(skb), (void)(ctx))
#define skb_l3dom(skb)			((void)(skb), 0)
#define vrctx_proto(proto, ctx)		(proto)
#define vrctx_sdif(skb, sdif)		(sdif)
#define sk_vrctx_get(sk)		((void)(sk), 0U)
#define sk_l3dom(sk)			((void)(sk), 0)
#define dev_vrctx(dev)			((void)(dev), 0U)
#define dev_l3dom(dev)			((void)(dev), 0)
#define dev_in_vrctx(dev, ctx)		true
#define task_vrctx(tsk)			0U
#define sk_in_l3dom(sk, dom)		((void)(sk), (void)(dom), true)
#define vrctx_sk_dev_ok(sk, dev)	((void)(sk), (void)(dev), true)
#define vrctx_any_sk(sk)		((void)(sk), false)
#define vrctx_sk_dest(sk, msg)		((void)(sk), (void)(msg), 0)
#define vrctx_any_next(dom)		((void)(dom), false)

static inline u32 vrctx_hash(u32 ctx) { return 0; }
static inline u32 vrctx_table_hash(u32 tb_id) { return 0; }

#define vrctx_table_id(ctx)		0U
static inline u32 vrctx_table_ctx(u32 tb_id) { return 0; }
static inline bool vrctx_table_maybe(u32 tb_id) { return false; }

#define vrctx_rx(skb)			true
#define vrctx_demux(dev)		((void)(dev), true)
#define vrctx_tx_check(skb, dev, forwarded)	false

static inline bool __vrctx_tx_ok(struct sk_buff *skb,
				 const struct net_device *dev, bool forwarded)
{
	return true;
}

static inline struct fib_table *vrctx_fib_table(struct net *net, u32 tb_id)
{
	return NULL;
}

static inline struct fib_table *vrctx_fib_table_new(struct net *net, u32 id)
{
	return NULL;
}

static inline struct fib_table *vrctx_fib_table_next(struct net *net,
						     u32 *tb_id)
{
	return NULL;
}

static inline struct fib_table *vrctx_fib_after(struct net *net, u32 ctx,
						const struct fib_table *tb)
{
	return NULL;
}

static inline u32 vrctx_table_number(const struct net *net, u32 tb_id)
{
	return 0;
}

static inline struct fib_table *vrctx_fib_table_next_of(struct net *net,
							u32 ctx, u32 *number)
{
	return NULL;
}

static inline bool vrctx_table_dead(const struct net *net, u32 tb_id)
{
	return false;
}

static inline u32 vrctx_table_used(const struct net *net, u32 tb_id)
{
	return 0;
}

#define vrctx_fib_stale(net, tb_id)	((void)(net), (void)(tb_id))
static inline struct fib_table *vrctx_fib_stale_next(struct net *net,
						     u32 *tb_id)
{
	return NULL;
}

static inline bool vrctx_fib_note_local(struct net *net,
					const struct fib_table *tb)
{
	return false;
}

#define vrctx_fib_has_local(net, ctx)	((void)(net), (void)(ctx), false)

static inline void vrctx_fib_exit(struct net *net) { }
static inline void vrctx_fib_lo_up(struct net *net) { }

static inline struct fib6_table *vrctx_fib6_rcu(const struct net *net, int dom)
{
	return NULL;
}

static inline struct fib6_table *vrctx_fib6_table_new(struct net *net,
						      u32 tb_id)
{
	return NULL;
}

static inline struct fib6_table *vrctx_fib6_next(const struct net *net,
						 u32 *tb_id)
{
	return NULL;
}

static inline struct fib6_table *
vrctx_fib6_after(const struct net *net, u32 ctx, const struct fib6_table *tb)
{
	return NULL;
}

static inline struct fib6_table *vrctx_fib6_next_of(const struct net *net,
						    u32 ctx, u32 *number)
{
	return NULL;
}

static inline int vrctx_table_prepare(struct net *net, u32 tb_id,
				      struct netlink_ext_ack *extack)
{
	return 0;
}

static inline void vrctx_fib6_exit(struct net *net) { }
static inline void vrctx_fib6_lo_up(struct net *net) { }

#define vrctx_sock_create_check(net, family, type, protocol, kern)	0
#define vrctx_sk_init(sk, kern)		do { } while (0)
static inline void vrctx_sock_hold(struct net *net, u32 ctx) { }
static inline bool vrctx_sock_tryhold(struct net *net, u32 ctx) { return true; }
static inline void vrctx_sock_put(struct net *net, u32 ctx) { }
static inline u32 vrctx_salt(const struct net *net, u32 ctx) { return 0; }
static inline bool vrctx_ptrace_ok(struct task_struct *task) { return true; }
static inline bool vrctx_netns_enter_ok(const struct net *net) { return true; }
static inline void vrctx_count_wrong(const struct sk_buff *skb) { }
static inline void vrctx_count_no_route(const struct sk_buff *skb) { }
#define vrctx_drop_unsupp(skb)		do { } while (0)

#define vrctx_sk_uncount(sk)		do { } while (0)
#define vrctx_sk_put(sk)		do { } while (0)
#define vrctx_sk_bind_dev_check(sk, ifindex)	0
#define vrctx_sk_ifindex_ok(sk, ifindex)	true
#define vrctx_task_fork(parent, child)	do { } while (0)
#define vrctx_task_leave(tsk, net)	do { } while (0)
#define vrctx_dev_init(dev)		do { } while (0)
#define vrctx_dev_reset(dev)		do { } while (0)
#define vrctx_flush_skb(skb)		false
#define vrctx_assert_rcv(sk, skb)	do { } while (0)

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_H */
