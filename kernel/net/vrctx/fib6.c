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
	struct vrctx_table *table;
	const struct vrctx *ctx;

	rcu_read_lock();
	table = vrctx_table_by_id(net, tb_id);
	ctx = table ? NULL : vrctx_find(net, vrctx_table_ctx(tb_id));
	if (table)
		tb = rcu_dereference(table->fib6);
	else if (ctx)
		tb = vrctx_table6(ctx);
	rcu_read_unlock();

	return tb;
}

struct fib6_table *vrctx_fib6_table_new(struct net *net, u32 tb_id)
{
	struct vrctx_table *table = vrctx_table_by_id(net, tb_id);
	struct fib6_table *tb;

	if (!table || table->ctx->dead)
		return NULL;

	tb = rtnl_dereference(table->fib6);
	if (tb)
		return tb;

	tb = fib6_table_vrctx_new(net, tb_id, table->ctx->id);
	if (tb)
		rcu_assign_pointer(table->fib6, tb);

	return tb;
}

/* The active, live context after *@id. RCU or RTNL. */
static struct vrctx *vrctx_fib6_next_ctx(const struct net *net, u32 *id)
{
	unsigned long index = *id;
	struct vrctx *ctx;

	while ((ctx = xa_find_after((struct xarray *)&net->vrctx.xa, &index,
				    VRCTX_ID_MAX, VRCTX_ACTIVE))) {
		*id = index;
		if (vrctx_table6(ctx) && !ctx->dead)
			break;
	}

	return ctx;
}

struct fib6_table *vrctx_fib6_next(const struct net *net, u32 *tb_id)
{
	const struct vrctx_table *table;
	struct fib6_table *tb;
	struct vrctx *ctx;
	u32 id;

	if (*tb_id < VRCTX_SUBTABLE_BASE) {
		id = *tb_id > VRCTX_TABLE_BASE ? *tb_id - VRCTX_TABLE_BASE : 0;
		ctx = vrctx_fib6_next_ctx(net, &id);
		if (ctx) {
			*tb_id = vrctx_table_id(id);
			return vrctx_table6(ctx);
		}
	}

	while ((table = vrctx_table_next(net, tb_id))) {
		tb = rcu_dereference(table->fib6);
		if (tb && !table->ctx->dead)
			return tb;
	}

	return NULL;
}

/* The first table comes in the place of table main */
struct fib6_table *vrctx_fib6_next_of(const struct net *net, u32 id,
				      u32 *number)
{
	const struct vrctx *ctx = vrctx_find_live(net, id);
	const struct vrctx_table *table;
	struct fib6_table *tb;
	u32 next = *number;

	if (!ctx)
		return NULL;

	do {
		table = vrctx_table_next_of(ctx, &next);
		if (*number < RT_TABLE_MAIN &&
		    (!table || next > RT_TABLE_MAIN)) {
			*number = RT_TABLE_MAIN;
			return vrctx_table6(ctx);
		}
		*number = next;
		tb = table ? rcu_dereference(table->fib6) : NULL;
	} while (table && !tb);

	return tb;
}

struct fib6_table *vrctx_fib6_after(const struct net *net, u32 id,
				    const struct fib6_table *tb)
{
	u32 number = tb ? vrctx_table_number(net, tb->tb6_id) : 0;

	return vrctx_fib6_next_of(net, id, &number);
}

struct inet_peer_base *vrctx_peers6_rcu(const struct net *net, int dom)
{
	const struct vrctx *ctx;
	struct fib6_table *tb;

	if (!l3dom_is_vrctx(dom))
		return net->ipv6.peers;

	ctx = vrctx_find(net, -(u32)dom);
	tb = ctx ? vrctx_table6(ctx) : NULL;
	return tb ? &tb->tb6_peers : NULL;
}

/* Is there an ordinary table with the number? */
bool vrctx_fib6_taken(struct net *net, u32 tb_id)
{
	return ipv6_mod_enabled() && fib6_get_table_0(net, tb_id);
}

/* Nothing is to be reached in the table any more. RTNL. */
void vrctx_fib6_kill(struct net *net, struct fib6_table *tb)
{
	if (tb)
		fib6_table_vrctx_kill(net, tb);
}

/* Nobody finds it any more */
void vrctx_fib6_put(struct fib6_table *tb)
{
	if (tb)
		fib6_table_vrctx_put(tb);
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

	tb = fib6_table_vrctx_new(net, vrctx_table_id(ctx->id), ctx->id);
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
	vrctx_fib6_kill(ctx->net, vrctx_table6(ctx));
}

/* Nobody finds the context any more */
void vrctx_fib6_free(struct vrctx *ctx)
{
	struct vrctx_pol *pol = rcu_dereference_raw(ctx->pol);

	vrctx_fib6_put(pol ? rcu_dereference_raw(pol->table6) :
			     rcu_dereference_raw(ctx->fib6));
}

void vrctx_fib6_lo_up(struct net *net)
{
	struct vrctx *ctx;
	u32 id = 0;

	ASSERT_RTNL();

	rcu_read_lock();
	while ((ctx = vrctx_fib6_next_ctx(net, &id))) {
		if (vrctx_fib6_lo(ctx, GFP_ATOMIC))
			net_warn_ratelimited("vrctx: no ::1 in context %u\n",
					     id);
	}
	rcu_read_unlock();
	vrctx_lo6_up(net);
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
