/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: the object and its lifetime
 */
#ifndef _VRCTX_CTX_H
#define _VRCTX_CTX_H

#include <linux/llist.h>
#include <linux/refcount.h>
#include <linux/rhashtable-types.h>
#include <linux/rtnetlink.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>
#include <net/vrctx_budget.h>
#include <net/vrctx_view.h>

/* Contexts in use, that is with a FIB table */
#define VRCTX_ACTIVE	XA_MARK_1
/* Contexts that have dead routes */
#define VRCTX_STALE	XA_MARK_2

/* Slots @vrctx_map may have; numbers beyond are looked up in the xarray */
#define VRCTX_MAP_MIN	64
#define VRCTX_MAP_MAX	131072

/* Families that have multicast routing */
#define VRCTX_MR_FAMILIES	2

struct genl_info;
struct mr_table;
struct vrctx_conf;
struct vrctx_mptcp;
struct vrctx_pol;

/**
 * DOC: Locking
 *
 * RTNL is the lock of all writers: contexts are created, renamed, deleted and
 * activated, and devices moved, under it. Readers need RTNL or RCU.
 *
 * Devices, sockets and tasks carry the number, not a pointer; each of them
 * holds a reference, so that the number resolves as long as it is carried.
 * The first reference is that of the context being alive. The last one may be
 * dropped anywhere: then packets are all that may carry the number, and a
 * worker gives it free after these are gone. A task's number changes under
 * its alloc_lock, a socket's under the socket lock.
 *
 * A context that nobody ever used is a number and no more. Whoever is about
 * to carry the number calls vrctx_activate() before.
 */

/**
 * struct vrctx - a virtual-router context
 * @id: number in @net
 * @salt: secret, 0 unless active; never the same for a number that is used again
 * @fib4: IPv4 FIB table for the data path, NULL unless active and alive, and if
 *	there are IPv4 rules
 * @fib6: IPv6 FIB table, NULL unless active, and if there are IPv6 rules;
 *	stays, empty, until it is freed
 * @pol: further tables, rules; NULL if none
 * @stats: packet counters, NULL unless active
 * @conf: sysctls it has set, NULL if none
 * @lo4: its IPv4 addresses on the loopback device, NULL if none
 * @lo6: its IPv6 addresses there, NULL if none
 * @in6_devs: what devices of its have IPv6, in the order in which they came
 * @mrt: multicast routing tables of IPv4 and IPv6, NULL before somebody wants one;
 *	stay, empty, until it is freed
 * @net: namespace
 * @name: name or NULL, under RCU
 * @refs: one for being alive, one for each carrier
 * @socks: sockets, requests and timewait sockets
 * @tasks: threads
 * @conns: tracked connections, one for each direction, and packets that wait
 *	   for user space
 * @ndev: devices
 * @demux: @stats has been told that there are sockets
 * @dead: deleted; nobody finds it any more but those that carry the number
 * @xfrm: somebody in it may have made policies and states of IPsec
 * @metrics: TCP has learnt something in it
 * @budget: its limits
 * @mptcp: what MPTCP keeps for it, NULL before its first such socket
 * @by_name: in the table of names
 * @rcu: freeing
 * @reap: on the list of those to be purged late, then on its namespace's list
 *	  of numbers to be freed
 */
struct vrctx {
	u32				id;
	u32				salt;
	struct fib_table __rcu		*fib4;
	struct fib6_table __rcu		*fib6;
	struct vrctx_pol __rcu		*pol;
	struct vrctx_stats __percpu	*stats;
	struct vrctx_conf __rcu		*conf;
	struct in_device __rcu		*lo4;
	struct inet6_dev __rcu		*lo6;
	struct list_head		in6_devs;
	struct mr_table __rcu		*mrt[VRCTX_MR_FAMILIES];
	struct net			*net;
	const char __rcu		*name;
	refcount_t			refs;
	atomic_t			socks;
	atomic_t			tasks;
	atomic_t			conns;
	u32				ndev;
	bool				demux;
	bool				dead;
	bool				xfrm;
	bool				metrics;
	struct vrctx_budget		budget;
	struct vrctx_mptcp		*mptcp;
	struct rhash_head		by_name;
	union {
		struct rcu_head		rcu;
		struct llist_node	reap;
	};
};

/**
 * struct vrctx_pol - policy routing of a context, made when it is used
 * @table4: the context's first IPv4 FIB table
 * @table6: the same for IPv6
 * @rules4: IPv4 rules, NULL before the first request for a change
 * @rules6: IPv6 rules, the same
 * @tables: further tables, by the number that the context has given them
 * @all: the same as a list, for who frees them
 * @fldissect4: IPv4 rules that look at protocols or ports
 * @fldissect6: the same for IPv6
 */
struct vrctx_pol {
	struct fib_table __rcu		*table4;
	struct fib6_table __rcu		*table6;
	struct fib_rules_ops __rcu	*rules4;
	struct fib_rules_ops __rcu	*rules6;
	struct xarray			tables;
	struct vrctx_table		*all;
	unsigned int			fldissect4;
	unsigned int			fldissect6;
};

/**
 * struct vrctx_table - a further routing table of a context
 * @id: number by which the stack knows it
 * @number: number that the context has given it
 * @ctx: its context
 * @next: among the tables of the context
 * @fib4: the IPv4 routes, NULL before the first
 * @fib6: the IPv6 routes, the same
 */
struct vrctx_table {
	u32				id;
	u32				number;
	struct vrctx			*ctx;
	struct vrctx_table		*next;
	struct fib_table __rcu		*fib4;
	struct fib6_table __rcu		*fib6;
};

/* Name of context 0, which has no object; what procfs shows for no name */
#define VRCTX_NAME_0	"default"
#define VRCTX_NAME_NONE	"-"

/* Kind of a carrier; user space sees how many there are of the first two */
enum vrctx_user {
	VRCTX_SOCK,
	VRCTX_TASK,
	VRCTX_CONN,
};

/* The contexts of a map */
static inline struct vrctx __rcu **vrctx_map_ctx(const struct vrctx_map *map)
{
	return (struct vrctx __rcu **)(map->fib4 + map->size);
}

/* What carries @id resolves to, dead or alive. RCU or RTNL. */
static inline struct vrctx *vrctx_find(const struct net *net, u32 id)
{
	const struct vrctx_map *map = rcu_dereference_rtnl(net->vrctx.map);

	if (likely(id < map->size))
		return rcu_dereference_rtnl(vrctx_map_ctx(map)[id]);

	return xa_load((struct xarray *)&net->vrctx.xa, id);
}

/* The same, but only if it is alive */
static inline struct vrctx *vrctx_find_live(const struct net *net, u32 id)
{
	struct vrctx *ctx = vrctx_find(net, id);

	return ctx && !READ_ONCE(ctx->dead) ? ctx : NULL;
}

/* The same for somebody who holds a carrier of @id still */
static inline struct vrctx *vrctx_carried(const struct net *net, u32 id)
{
	struct vrctx *ctx;

	rcu_read_lock();
	ctx = vrctx_find(net, id);
	rcu_read_unlock();

	return ctx;
}

static inline const char *vrctx_name(const struct vrctx *ctx)
{
	return rcu_dereference_rtnl(ctx->name);
}

/* ctx.c */
int vrctx_check_name(const char *name, struct netlink_ext_ack *extack);
struct vrctx *vrctx_find_name(const struct net *net, const char *name);
struct vrctx *vrctx_next(const struct net *net, u32 id);
void vrctx_on(void);
struct vrctx *vrctx_new(struct net *net, u32 id, const char *name,
			struct netlink_ext_ack *extack);
struct vrctx *vrctx_new_wait(struct net *net, u32 id, const char *name,
			     struct netlink_ext_ack *extack);
int vrctx_rename(struct vrctx *ctx, const char *name,
		 struct netlink_ext_ack *extack);
int vrctx_activate(struct vrctx *ctx);
bool vrctx_kill(struct vrctx *ctx);
void vrctx_map_update(struct vrctx *ctx);
void vrctx_put(struct vrctx *ctx);
void vrctx_get_user(struct vrctx *ctx, enum vrctx_user user);
void vrctx_put_user(struct vrctx *ctx, enum vrctx_user user);
bool vrctx_tryget_id(struct net *net, u32 id, enum vrctx_user user);
struct vrctx *vrctx_get_id(struct net *net, u32 id, enum vrctx_user user);
void vrctx_net_init(struct net *net);
void vrctx_net_exit(struct net *net);
int vrctx_ctx_init(void);

/* dev.c */
int vrctx_dev_watch(void);
int vrctx_dev_set(struct net_device *dev, struct vrctx *ctx,
		  struct netlink_ext_ack *extack);
void vrctx_dev_evict(struct vrctx *ctx);
/* Whatever kind it is: for who knows that its driver does contexts. RTNL. */
int vrctx_dev_move(struct net_device *dev, struct vrctx *ctx);
u32 vrctx_dev_count(const struct net *net);
void vrctx_read_stats(const struct vrctx *ctx, struct vrctx_stats *sum);

/* The first tables of a context. RCU or RTNL. */
static inline struct fib_table *vrctx_table4(const struct vrctx *ctx)
{
	struct vrctx_pol *pol = rcu_dereference_rtnl(ctx->pol);

	return pol ? rcu_dereference_rtnl(pol->table4) :
		     rcu_dereference_rtnl(ctx->fib4);
}

static inline struct fib6_table *vrctx_table6(const struct vrctx *ctx)
{
	struct vrctx_pol *pol = rcu_dereference_rtnl(ctx->pol);

	return pol ? rcu_dereference_rtnl(pol->table6) :
		     rcu_dereference_rtnl(ctx->fib6);
}

/* May context @ctx call a table that? The numbers of the other ones' are not
 * to be mistaken for its own.
 */
static inline bool vrctx_table_number_ok(u32 ctx, u32 number)
{
	return !vrctx_table_maybe(number) || number == vrctx_table_id(ctx);
}

/* fib.c */
int vrctx_fib_add(struct vrctx *ctx);
void vrctx_fib_del(struct vrctx *ctx);
void vrctx_fib_note(struct net *net, u32 id);

/* table.c */
struct vrctx_pol *vrctx_pol_get(struct vrctx *ctx);
struct vrctx_table *vrctx_table_find(const struct vrctx *ctx, u32 number);
struct vrctx_table *vrctx_table_by_id(const struct net *net, u32 tb_id);
struct vrctx *vrctx_table_owner(const struct net *net, u32 tb_id);
struct vrctx_table *vrctx_table_next(const struct net *net, u32 *tb_id);
struct vrctx_table *vrctx_table_next_of(const struct vrctx *ctx, u32 *number);
struct vrctx_table *vrctx_table_make(struct vrctx *ctx, u32 number);
void vrctx_pol_del4(struct vrctx *ctx);
void vrctx_pol_del(struct vrctx *ctx);
void vrctx_pol_release(struct vrctx *ctx);
void vrctx_pol_free(struct vrctx *ctx);

/* rules.c */
int vrctx_rules_prepare(void);
void vrctx_rules_del(struct vrctx_pol *pol);

/* lo.c */
int vrctx_lo_owner(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		   const struct net_device *dev, struct vrctx **ctx,
		   struct netlink_ext_ack *extack);
void vrctx_lo4_up(struct vrctx *ctx);
void vrctx_lo4_del(struct vrctx *ctx);

/* lo6.c */
#if IS_ENABLED(CONFIG_IPV6)
void vrctx_lo6_up(struct net *net);
void vrctx_lo6_del(struct vrctx *ctx);
#else
static inline void vrctx_lo6_del(struct vrctx *ctx) { }
#endif

/* fib6.c */
#if IS_ENABLED(CONFIG_IPV6)
int vrctx_fib6_add(struct vrctx *ctx);
void vrctx_fib6_del(struct vrctx *ctx);
void vrctx_fib6_free(struct vrctx *ctx);
bool vrctx_fib6_taken(struct net *net, u32 tb_id);
void vrctx_fib6_kill(struct net *net, struct fib6_table *tb);
void vrctx_fib6_put(struct fib6_table *tb);
#else
static inline int vrctx_fib6_add(struct vrctx *ctx) { return 0; }
static inline void vrctx_fib6_del(struct vrctx *ctx) { }
static inline void vrctx_fib6_free(struct vrctx *ctx) { }
static inline bool vrctx_fib6_taken(struct net *net, u32 id) { return false; }
static inline void vrctx_fib6_kill(struct net *net, struct fib6_table *tb) { }
static inline void vrctx_fib6_put(struct fib6_table *tb) { }
#endif

/* May context @ctx look at @dev (NULL: there is none), or change it? RCU or
 * RTNL.
 */
static inline int vrctx_dev_access(const struct net_device *dev, u32 ctx,
				   bool change)
{
	if (!dev || !vrctx_dev_seen(dev, ctx))
		return -ENODEV;

	return change && dev->flags & IFF_LOOPBACK ? -EPERM : 0;
}

/* rtnl.c */
void vrctx_nl_tell(struct net *net, struct sk_buff *skb, u32 ctx, u32 group,
		   gfp_t gfp);

/* leak.c; RTNL */
void vrctx_leak_purge(struct net *net, u32 id);
void vrctx_leak_lo_up(struct net *net, int family);
int vrctx_leak_init(void);

/* tunnel.c, mptcp.c; in place of "kern" of __sock_create(): it says what context
 * the socket is in. Odd, as sk_kern_sock has one bit.
 */
#define VRCTX_KERN_TUNNEL	3
/* A socket of the kernel that is in context @id, with a reference. 0 or -errno,
 * -ENETUNREACH if the context is deleted.
 */
int vrctx_sock_create_in(struct net *net, u32 id, int family, int type,
			 int protocol, int kern, struct socket **sockp);

/* conf.c */
void vrctx_conf_enter(struct net_device *dev);
void vrctx_conf_free(struct vrctx *ctx);

/* ct.c */
void vrctx_purge_notify(struct vrctx *ctx);
#ifdef CONFIG_XFRM
void vrctx_xfrm_purge(const struct vrctx *ctx);
#else
static inline void vrctx_xfrm_purge(const struct vrctx *ctx) {}
#endif

/* budget.c */
void vrctx_metrics_purge(const struct vrctx *ctx);

/* mroute.c */
#ifdef CONFIG_IP_MROUTE_COMMON
void vrctx_mr_clean(struct vrctx *ctx);
void vrctx_mr_free(struct vrctx *ctx);
#else
static inline void vrctx_mr_clean(struct vrctx *ctx) { }
static inline void vrctx_mr_free(struct vrctx *ctx) { }
#endif

/* mptcp.c */
#ifdef CONFIG_MPTCP
void vrctx_mptcp_purge(struct vrctx *ctx);
void vrctx_mptcp_free(struct vrctx *ctx);
#else
static inline void vrctx_mptcp_purge(struct vrctx *ctx) { }
static inline void vrctx_mptcp_free(struct vrctx *ctx) { }
#endif

/* purge.c */
void vrctx_purge(struct vrctx *ctx);
void vrctx_purge_flush(void);

/* task.c */
bool vrctx_may_see(const struct net *net, u32 id);
/* The same about all of them: this is the number of none */
#define vrctx_may_see_all(net)	vrctx_may_see(net, VRCTX_ANY)

/* proc.c */
#ifdef CONFIG_PROC_FS
int vrctx_proc_init(struct net *net);
void vrctx_proc_exit(struct net *net);
#else
static inline int vrctx_proc_init(struct net *net) { return 0; }
static inline void vrctx_proc_exit(struct net *net) { }
#endif

/* netlink.c */
#define VRCTX_NL_NOT_SEEN						\
	"CAP_NET_ADMIN is required to see other contexts"
void vrctx_notify(struct vrctx *ctx, u8 cmd);
void vrctx_notify_dev(struct net_device *dev);
struct sk_buff *vrctx_ntf_new(struct net *net, u8 cmd, void **hdr);
void vrctx_ntf_send(struct net *net, struct sk_buff *skb, void *hdr, int err);
struct sk_buff *vrctx_nl_reply_new(struct genl_info *info, void **hdr);
int vrctx_nl_reply_send(struct sk_buff *rsp, void *hdr, struct genl_info *info,
			int err);
int vrctx_nl_admin(struct sk_buff *skb, struct genl_info *info);
int vrctx_netlink_init(void);

#endif /* _VRCTX_CTX_H */
