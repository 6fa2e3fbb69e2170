// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: one IPv4 FIB table each.
 *
 * The tables are not in the hash of the namespace's tables: a context's is
 * found by its number in a step or two, however many there are.
 */

#include <linux/inetdevice.h>
#include <net/ip_fib.h>
#include <net/nexthop.h>
#include <net/route.h>
#include <net/vrctx_ct.h>
#include <net/vrctx_rules.h>

#include "ctx.h"

struct fib_table *vrctx_fib_slow(const struct net *net, u32 id)
{
	struct vrctx *ctx = vrctx_find(net, id);

	return ctx ? rcu_dereference(ctx->fib4) : NULL;
}
EXPORT_SYMBOL(vrctx_fib_slow);

/* The data path finds it in the map */
static void vrctx_fib_set(struct vrctx *ctx, struct fib_table *tb)
{
	rcu_assign_pointer(ctx->fib4, tb);
	vrctx_map_update(ctx);
}

struct fib_table *vrctx_fib_table(struct net *net, u32 tb_id)
{
	struct vrctx_table *table = vrctx_table_by_id(net, tb_id);
	struct vrctx *ctx;

	if (table)
		return rcu_dereference_rtnl(table->fib4);

	ctx = vrctx_find(net, vrctx_table_ctx(tb_id));
	return ctx ? vrctx_table4(ctx) : NULL;
}

int vrctx_table_prepare(struct net *net, u32 tb_id,
			struct netlink_ext_ack *extack)
{
	struct vrctx *ctx = vrctx_table_owner(net, tb_id);

	ASSERT_RTNL();

	if (!ctx)
		return 0;
	if (ctx->dead) {
		NL_SET_ERR_MSG(extack, "The context of the table is deleted");
		return -ENETUNREACH;
	}

	return vrctx_activate(ctx);
}

struct fib_table *vrctx_fib_table_new(struct net *net, u32 tb_id)
{
	int err = vrctx_table_prepare(net, tb_id, NULL);
	struct vrctx_table *table;
	struct fib_table *tb;

	if (err)
		return ERR_PTR(err);

	tb = vrctx_fib_table(net, tb_id);
	table = vrctx_table_by_id(net, tb_id);
	if (tb || !table)
		return tb;

	tb = fib_trie_table(tb_id, NULL);
	if (!tb)
		return ERR_PTR(-ENOMEM);
	rcu_assign_pointer(table->fib4, tb);

	return tb;
}

/* The active context after *@id that has a table. RCU or RTNL. */
static struct vrctx *vrctx_fib_next(struct net *net, u32 *id)
{
	unsigned long index = *id;
	struct vrctx *ctx;

	while ((ctx = xa_find_after(&net->vrctx.xa, &index, VRCTX_ID_MAX,
				    VRCTX_ACTIVE))) {
		*id = index;
		if (vrctx_table4(ctx))
			break;
	}

	return ctx;
}

struct fib_table *vrctx_fib_table_next(struct net *net, u32 *tb_id)
{
	const struct vrctx_table *table;
	struct fib_table *tb;
	struct vrctx *ctx;
	u32 id;

	if (*tb_id < VRCTX_SUBTABLE_BASE) {
		id = *tb_id > VRCTX_TABLE_BASE ? *tb_id - VRCTX_TABLE_BASE : 0;
		while ((ctx = vrctx_fib_next(net, &id))) {
			*tb_id = vrctx_table_id(id);
			tb = vrctx_table4(ctx);
			if (tb)
				return tb;
		}
	}

	while ((table = vrctx_table_next(net, tb_id))) {
		tb = rcu_dereference_rtnl(table->fib4);
		if (tb)
			return tb;
	}

	return NULL;
}

/* The first table comes in the place of table main */
struct fib_table *vrctx_fib_table_next_of(struct net *net, u32 id, u32 *number)
{
	const struct vrctx *ctx = vrctx_find(net, id);
	const struct vrctx_table *table;
	struct fib_table *tb;
	u32 next = *number;

	if (!ctx)
		return NULL;

	do {
		table = vrctx_table_next_of(ctx, &next);
		if (*number < RT_TABLE_MAIN &&
		    (!table || next > RT_TABLE_MAIN)) {
			*number = RT_TABLE_MAIN;
			next = RT_TABLE_MAIN;
			tb = vrctx_table4(ctx);
			if (tb)
				return tb;
			continue;
		}
		*number = next;
		tb = table ? rcu_dereference_rtnl(table->fib4) : NULL;
	} while (table && !tb);

	return tb;
}

struct fib_table *vrctx_fib_after(struct net *net, u32 id,
				  const struct fib_table *tb)
{
	u32 number = tb ? vrctx_table_number(net, tb->tb_id) : 0;

	return vrctx_fib_table_next_of(net, id, &number);
}

void __vrctx_fib_stale(struct net *net, u32 tb_id)
{
	u32 id = vrctx_table_used(net, tb_id);

	ASSERT_RTNL();

	if (id)
		xa_set_mark(&net->vrctx.xa, id, VRCTX_STALE);
}

struct fib_table *vrctx_fib_stale_next(struct net *net, u32 *tb_id)
{
	struct fib_table *tb = vrctx_fib_table(net, *tb_id);
	unsigned long id = vrctx_table_used(net, *tb_id);

	ASSERT_RTNL();

	if (tb)
		tb = vrctx_fib_after(net, id, tb);
	while (!tb) {
		id = 0;
		if (!xa_find(&net->vrctx.xa, &id, VRCTX_ID_MAX, VRCTX_STALE))
			return NULL;
		xa_clear_mark(&net->vrctx.xa, id, VRCTX_STALE);
		tb = vrctx_fib_after(net, id, NULL);
	}
	*tb_id = tb->tb_id;

	return tb;
}

u32 __vrctx_table_used(const struct net *net, u32 tb_id)
{
	const struct vrctx *ctx;
	u32 used;

	rcu_read_lock();
	ctx = vrctx_table_owner(net, tb_id);
	used = ctx ? ctx->id : 0;
	rcu_read_unlock();

	return used;
}
EXPORT_SYMBOL_GPL(__vrctx_table_used);

bool vrctx_table_dead(const struct net *net, u32 tb_id)
{
	struct vrctx *ctx;
	bool dead;

	if (likely(!vrctx_table_maybe(tb_id)))
		return false;

	rcu_read_lock();
	ctx = vrctx_table_owner(net, tb_id);
	dead = ctx && READ_ONCE(ctx->dead);
	rcu_read_unlock();

	return dead;
}

/* Addresses of the context alone do not tell what is local in it. RTNL. */
void vrctx_fib_note(struct net *net, u32 id)
{
	WRITE_ONCE(net->vrctx.local_routes,
		   net->vrctx.local_routes | BIT(id % BITS_PER_LONG));
}

bool vrctx_fib_note_local(struct net *net, const struct fib_table *tb)
{
	if (!vrctx_table_maybe(tb->tb_id) ||
	    vrctx_fib_table(net, tb->tb_id) != tb)
		return false;

	vrctx_fib_note(net, vrctx_table_owner(net, tb->tb_id)->id);
	return true;
}

/* Add or remove @dst/@len on the loopback device */
static int vrctx_fib_local(struct vrctx *ctx, struct fib_table *tb, bool add,
			   u8 type, __be32 dst, int len)
{
	struct fib_config cfg = {
		.fc_protocol	= RTPROT_KERNEL,
		.fc_type	= type,
		.fc_scope	= type == RTN_LOCAL ? RT_SCOPE_HOST :
						      RT_SCOPE_LINK,
		.fc_table	= tb->tb_id,
		.fc_dst		= dst,
		.fc_dst_len	= len,
		.fc_prefsrc	= htonl(INADDR_LOOPBACK),
		.fc_oif		= ctx->net->loopback_dev->ifindex,
		.fc_nlflags	= NLM_F_CREATE | NLM_F_APPEND,
		.fc_nlinfo	= {
			.nl_net	= ctx->net,
		},
	};
	int err;

	if (!add)
		return fib_table_delete(ctx->net, tb, &cfg, NULL);

	err = fib_table_insert(ctx->net, tb, &cfg, NULL);
	return err == -EEXIST ? 0 : err;
}

/* What the loopback device's address is to context 0. The address itself
 * first: it is the preferred source of the network.
 */
static int vrctx_fib_lo(struct vrctx *ctx, struct fib_table *tb, bool add)
{
	const __be32 addr = htonl(INADDR_LOOPBACK), mask = inet_make_mask(8);
	const struct {
		__be32	dst;
		u8	len;
		u8	type;
	} routes[] = {
		{ addr,		32,	RTN_LOCAL },
		{ addr & mask,	8,	RTN_LOCAL },
		{ addr | ~mask,	32,	RTN_BROADCAST },
	};
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(routes); i++) {
		int this = vrctx_fib_local(ctx, tb, add, routes[i].type,
					   routes[i].dst, routes[i].len);

		if (this && add)
			return this;
		err = err ? : this;
	}

	return err;
}

static void vrctx_fib_free(struct vrctx *ctx, struct fib_table *tb)
{
	struct vrctx_pol *pol = rtnl_dereference(ctx->pol);

	vrctx_fib_set(ctx, NULL);
	if (pol)
		RCU_INIT_POINTER(pol->table4, NULL);
	fib_table_flush(ctx->net, tb, true);
	fib_free_table(tb);
}

/* Set up the table of a context that becomes active. RTNL. */
int vrctx_fib_add(struct vrctx *ctx)
{
	const struct net_device *lo = ctx->net->loopback_dev;
	struct fib_table *tb;
	int err;

	tb = fib_trie_table(vrctx_table_id(ctx->id), NULL);
	if (!tb)
		return -ENOMEM;

	/* adding routes looks the table up */
	vrctx_fib_set(ctx, tb);
	if (!(lo->flags & IFF_UP))
		return 0;

	err = vrctx_fib_lo(ctx, tb, true);
	if (err) {
		vrctx_fib_lo(ctx, tb, false);
		vrctx_fib_free(ctx, tb);
	}

	return err;
}

/* The context is being deleted: nothing is to be reached in it. RTNL. */
void vrctx_fib_del(struct vrctx *ctx)
{
	struct fib_table *tb = vrctx_table4(ctx);

	if (!tb)
		return;

	vrctx_fib_free(ctx, tb);
	rt_cache_flush(ctx->net);
}

void vrctx_fib_lo_up(struct net *net)
{
	struct vrctx *ctx;
	u32 id = 0;

	while ((ctx = vrctx_fib_next(net, &id))) {
		if (vrctx_fib_lo(ctx, vrctx_table4(ctx), true))
			net_warn_ratelimited("vrctx: no loopback routes in context %u\n",
					     id);
		vrctx_lo4_up(ctx);
	}
	vrctx_leak_lo_up(net, AF_INET);
}

void vrctx_fib_exit(struct net *net)
{
	struct vrctx *ctx;
	u32 id = 0;

	while ((ctx = vrctx_fib_next(net, &id))) {
		vrctx_pol_del4(ctx);
		vrctx_fib_del(ctx);
	}
}

unsigned int vrctx_addr_type(struct net *net, const struct net_device *dev,
			     __be32 addr, u32 ctx)
{
	struct flowi4 fl4 = { .daddr = addr };
	unsigned int type = RTN_UNICAST;
	struct fib_table *table;
	struct fib_result res;

	if (ipv4_is_zeronet(addr) || ipv4_is_lbcast(addr))
		return RTN_BROADCAST;
	if (ipv4_is_multicast(addr))
		return RTN_MULTICAST;

	rcu_read_lock();
	table = vrctx_fib_table(net, vrctx_table_id(ctx));
	if (table && !fib_table_lookup(table, &fl4, &res, FIB_LOOKUP_NOREF) &&
	    (!dev || dev == fib_info_nhc(res.fi, 0)->nhc_dev))
		type = res.type;
	rcu_read_unlock();

	return type;
}
EXPORT_SYMBOL_GPL(vrctx_addr_type);
