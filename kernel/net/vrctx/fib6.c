// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: one IPv6 FIB table each.
 *
 * As the IPv4 tables, they are found by the number of the context. But routes
 * live on where cached routes refer to them, and these refer to their table:
 * so that of a deleted context is emptied and lives as long as they do.
 */

#include <linux/ipv6.h>
#include <net/addrconf.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>

#include "ctx.h"

/* A leaf, as long as the number is in the map: once a packet and more */
struct fib6_table *vrctx_fib6_rcu(const struct net *net, int dom)
{
	const struct vrctx *ctx = vrctx_find(net, -(u32)dom);

	return ctx ? rcu_dereference(ctx->fib6) : NULL;
}

struct fib6_table *vrctx_fib6_table(const struct net *net, u32 tb_id)
{
	struct fib6_table *tb = NULL;
	const struct vrctx *ctx;

	rcu_read_lock();
	ctx = vrctx_find(net, vrctx_table_ctx(tb_id));
	if (ctx)
		tb = rcu_dereference(ctx->fib6);
	rcu_read_unlock();

	return tb;
}

struct fib6_table *vrctx_fib6_next(const struct net *net, u32 *id)
{
	unsigned long index = *id;
	struct fib6_table *tb;
	struct vrctx *ctx;

	while ((ctx = xa_find_after((struct xarray *)&net->vrctx.xa, &index,
				    VRCTX_ID_MAX, VRCTX_ACTIVE))) {
		*id = index;
		tb = rcu_dereference(ctx->fib6);
		if (tb && !ctx->dead)
			return tb;
	}

	return NULL;
}

struct inet_peer_base *vrctx_peers6_rcu(const struct net *net, int dom)
{
	struct fib6_table *tb;

	if (!l3dom_is_vrctx(dom))
		return net->ipv6.peers;

	tb = vrctx_fib6_rcu(net, dom);
	return tb ? &tb->tb6_peers : NULL;
}

/* Is there an ordinary table with the number of that of context @id? */
bool vrctx_fib6_taken(struct net *net, u32 id)
{
	return ipv6_mod_enabled() &&
	       fib6_get_table_0(net, vrctx_table_id(id));
}

/* ::1, as init_loopback() adds it for context 0 */
static int vrctx_fib6_lo(struct vrctx *ctx, gfp_t gfp)
{
	struct fib6_config cfg = {
		.fc_table	= vrctx_table_id(ctx->id),
		.fc_ifindex	= ctx->net->loopback_dev->ifindex,
		.fc_type	= RTN_LOCAL,
		.fc_flags	= RTF_UP | RTF_NONEXTHOP | RTF_LOCAL,
		.fc_protocol	= RTPROT_KERNEL,
		.fc_dst		= IN6ADDR_LOOPBACK_INIT,
		.fc_dst_len	= 128,
		.fc_prefsrc	= IN6ADDR_LOOPBACK_INIT,
		.fc_nlinfo	= {
			.nl_net	= ctx->net,
		},
	};
	int err;

	err = ip6_route_add(&cfg, gfp, NULL);
	return err == -EEXIST ? 0 : err;
}

static bool vrctx_fib6_lo_ready(struct net *net)
{
	const struct net_device *lo = net->loopback_dev;
	const struct inet6_dev *idev = __in6_dev_get(lo);

	return lo->flags & IFF_UP && idev && !READ_ONCE(idev->cnf.disable_ipv6);
}

/* Set up the table of a context that becomes active. RTNL. */
int vrctx_fib6_add(struct vrctx *ctx)
{
	struct net *net = ctx->net;
	struct fib6_table *tb;
	int err;

	if (!ipv6_mod_enabled())
		return 0;

	tb = fib6_table_vrctx_new(net, vrctx_table_id(ctx->id));
	if (!tb)
		return -ENOMEM;

	/* adding routes looks the table up */
	rcu_assign_pointer(ctx->fib6, tb);
	if (!vrctx_fib6_lo_ready(net))
		return 0;

	err = vrctx_fib6_lo(ctx, GFP_KERNEL);
	if (err) {
		RCU_INIT_POINTER(ctx->fib6, NULL);
		/* somebody may have found it by its number */
		synchronize_net();
		fib6_table_vrctx_kill(net, tb);
		fib6_table_vrctx_put(tb);
	}

	return err;
}

/* The context is being deleted: nothing is to be reached in it. RTNL. */
void vrctx_fib6_del(struct vrctx *ctx)
{
	struct fib6_table *tb = rtnl_dereference(ctx->fib6);

	if (tb)
		fib6_table_vrctx_kill(ctx->net, tb);
}

/* Nobody finds the context any more */
void vrctx_fib6_free(struct vrctx *ctx)
{
	struct fib6_table *tb = rcu_dereference_raw(ctx->fib6);

	if (tb)
		fib6_table_vrctx_put(tb);
}

void vrctx_fib6_lo_up(struct net *net)
{
	struct fib6_table *tb;
	u32 id = 0;

	ASSERT_RTNL();

	rcu_read_lock();
	while ((tb = vrctx_fib6_next(net, &id))) {
		if (vrctx_fib6_lo(vrctx_find(net, id), GFP_ATOMIC))
			net_warn_ratelimited("vrctx: no ::1 in context %u\n",
					     id);
	}
	rcu_read_unlock();
	vrctx_leak_lo_up(net, AF_INET6);
}

void vrctx_fib6_exit(struct net *net)
{
	struct fib6_table *tb;
	u32 id = 0;

	rcu_read_lock();
	while ((tb = vrctx_fib6_next(net, &id)))
		fib6_table_vrctx_kill(net, tb);
	rcu_read_unlock();
}
