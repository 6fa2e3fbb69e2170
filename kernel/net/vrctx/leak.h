/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: what the parts of the route leaks share
 */
#ifndef _VRCTX_LEAK_H
#define _VRCTX_LEAK_H

#include <linux/in6.h>
#include <net/vrctx_leak.h>

#include "ctx.h"

/* Counted on one CPU */
struct vrctx_leak_stats {
	u64	packets;
	u64	bytes;
};

/**
 * struct vrctx_leak - a route that leads from one context to another
 * @id: in vrctx_leaks()
 * @from: context whose table the route is in
 * @to: context that its packets go on in
 * @prefix: destinations; an IPv4 address is the first word
 * @family: AF_INET or AF_INET6
 * @plen: length of @prefix
 * @dead: removed, nothing crosses any more
 * @net: namespace
 * @stats: packets that crossed
 * @refs: one for being in vrctx_leaks(), one for each state of a route
 * @rcu: freeing
 *
 * Written under RTNL.
 */
struct vrctx_leak {
	u32				id;
	u32				from;
	u32				to;
	struct in6_addr			prefix;
	u8				family;
	u8				plen;
	bool				dead;
	struct net			*net;
	struct vrctx_leak_stats __percpu *stats;
	refcount_t			refs;
	struct rcu_head			rcu;
};

/* Context @id as it is in requests: NULL for 0 */
static inline u32 vrctx_id(const struct vrctx *ctx)
{
	return ctx ? ctx->id : 0;
}

/* The leak that a route's state stands for */
static inline struct vrctx_leak *vrctx_lws_leak(struct lwtunnel_state *lws)
{
	return *(struct vrctx_leak **)lws->data;
}

/* leak.c */
struct xarray *vrctx_leaks(const struct net *net);
struct vrctx_leak *vrctx_leak_find(const struct net *net,
				   const struct vrctx_leak *key);
int vrctx_leak_add(struct net *net, const struct vrctx_leak *key,
		   struct netlink_ext_ack *extack);
void vrctx_leak_del(struct vrctx_leak *leak);
void vrctx_leak_put(struct vrctx_leak *leak);
void vrctx_leak_read(const struct vrctx_leak *leak,
		     struct vrctx_leak_stats *sum);

/* leak_path.c */
int vrctx_leak_output(struct net *net, struct sock *sk, struct sk_buff *skb);
int vrctx_leak_input(struct sk_buff *skb);

/* leak_nl.c */
void vrctx_leak_notify(const struct vrctx_leak *leak, u8 cmd);

#endif /* _VRCTX_LEAK_H */
