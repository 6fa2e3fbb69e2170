// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: further routing tables.
 *
 * A context numbers its tables as it likes. The stack knows tables of a
 * namespace by one number, so each gets one from VRCTX_SUBTABLE_BASE on when
 * something is about to be put into it. It keeps that as long as the number of
 * its context is carried: routes that are found refer to it.
 */

#include <net/ip_fib.h>
#include <net/vrctx_rules.h>

#include "ctx.h"

/* Prepare for what a context seldom has. RTNL. */
struct vrctx_pol *vrctx_pol_get(struct vrctx *ctx)
{
	struct vrctx_pol *pol = rtnl_dereference(ctx->pol);

	if (pol)
		return pol;

	pol = kzalloc(sizeof(*pol), GFP_KERNEL_ACCOUNT);
	if (!pol)
		return NULL;

	xa_init(&pol->tables);
	RCU_INIT_POINTER(pol->table4, rtnl_dereference(ctx->fib4));
	RCU_INIT_POINTER(pol->table6, rtnl_dereference(ctx->fib6));
	rcu_assign_pointer(ctx->pol, pol);

	return pol;
}

/* What context @ctx calls table @number. RCU or RTNL. */
struct vrctx_table *vrctx_table_find(const struct vrctx *ctx, u32 number)
{
	struct vrctx_pol *pol = ctx ? rcu_dereference_rtnl(ctx->pol) : NULL;

	return pol ? xa_load(&pol->tables, number) : NULL;
}

/* The further table that the stack knows as @tb_id. RCU or RTNL. */
struct vrctx_table *vrctx_table_by_id(const struct net *net, u32 tb_id)
{
	if (tb_id <= VRCTX_SUBTABLE_BASE ||
	    tb_id > VRCTX_SUBTABLE_BASE + VRCTX_ID_MAX)
		return NULL;

	return xa_load((struct xarray *)&net->vrctx.tables,
		       tb_id - VRCTX_SUBTABLE_BASE);
}

/* Context whose table has the number, dead or alive. RCU or RTNL. */
struct vrctx *vrctx_table_owner(const struct net *net, u32 tb_id)
{
	const struct vrctx_table *table = vrctx_table_by_id(net, tb_id);

	return table ? table->ctx : vrctx_find(net, vrctx_table_ctx(tb_id));
}

u32 vrctx_table_number(const struct net *net, u32 tb_id)
{
	const struct vrctx_table *table = vrctx_table_by_id(net, tb_id);

	return table ? table->number : RT_TABLE_MAIN;
}

/* The further table after that with the number *@tb_id. RCU or RTNL. */
struct vrctx_table *vrctx_table_next(const struct net *net, u32 *tb_id)
{
	unsigned long index = *tb_id > VRCTX_SUBTABLE_BASE ?
			      *tb_id - VRCTX_SUBTABLE_BASE : 0;
	struct vrctx_table *table;

	table = xa_find_after((struct xarray *)&net->vrctx.tables, &index,
			      VRCTX_ID_MAX, XA_PRESENT);
	if (table)
		*tb_id = table->id;

	return table;
}

/* The same among those of a context: the one after *@number */
struct vrctx_table *vrctx_table_next_of(const struct vrctx *ctx, u32 *number)
{
	struct vrctx_pol *pol = rcu_dereference_rtnl(ctx->pol);
	unsigned long index = *number;
	struct vrctx_table *table;

	table = pol ? xa_find_after(&pol->tables, &index, U32_MAX,
				    XA_PRESENT) : NULL;
	if (table)
		*number = index;

	return table;
}

/* A number that the stack knows no table by */
static int vrctx_table_reserve(struct net *net, struct vrctx_table *table)
{
	u32 id, min = 1;
	int err;

	for (;;) {
		err = xa_alloc(&net->vrctx.tables, &id, NULL,
			       XA_LIMIT(min, VRCTX_ID_MAX), GFP_KERNEL_ACCOUNT);
		if (err)
			return err;

		table->id = VRCTX_SUBTABLE_BASE + id;
		if (!fib_get_table_0(net, table->id) &&
		    !vrctx_fib6_taken(net, table->id))
			break;

		xa_release(&net->vrctx.tables, id);
		min = id + 1;
	}

	/* cannot fail, the slot is reserved */
	xa_store(&net->vrctx.tables, id, table, GFP_KERNEL_ACCOUNT);
	return 0;
}

/* The same as vrctx_table_find(), but makes it. RTNL. */
struct vrctx_table *vrctx_table_make(struct vrctx *ctx, u32 number)
{
	struct vrctx_pol *pol = vrctx_pol_get(ctx);
	struct vrctx_table *table;
	int err;

	ASSERT_RTNL();

	if (!pol)
		return ERR_PTR(-ENOMEM);
	table = xa_load(&pol->tables, number);
	if (table)
		return table;

	table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return ERR_PTR(-ENOMEM);

	table->number = number;
	table->ctx = ctx;
	err = xa_reserve(&pol->tables, number, GFP_KERNEL_ACCOUNT);
	if (!err)
		err = vrctx_table_reserve(ctx->net, table);
	if (err) {
		xa_release(&pol->tables, number);
		kfree(table);
		return ERR_PTR(err);
	}
	table->next = pol->all;
	pol->all = table;
	xa_store(&pol->tables, number, table, GFP_KERNEL_ACCOUNT);

	return table;
}

u32 vrctx_table_unused(struct net *net, u32 id)
{
	const struct vrctx *ctx = vrctx_find_live(net, id);
	u32 number;

	for (number = 1; number < RT_TABLE_COMPAT; number++) {
		if (ctx && !vrctx_table_find(ctx, number))
			return number;
	}

	return 0;
}

struct fib_table *vrctx_fib_by_number(const struct net *net, u32 id,
				      u32 number, u32 *part)
{
	const struct vrctx *ctx = vrctx_find(net, id);
	const struct vrctx_table *table;

	*part = 0;
	if (!ctx)
		return NULL;

	switch (number) {
	case RT_TABLE_MAIN:
	case RT_TABLE_LOCAL:
		*part = number;
		return vrctx_table4(ctx);
	case RT_TABLE_DEFAULT:
		/* what is put there is in main */
		return NULL;
	}
	if (number == vrctx_table_id(id))
		return vrctx_table4(ctx);

	table = vrctx_table_find(ctx, number);
	return table ? rcu_dereference(table->fib4) : NULL;
}

#if IS_ENABLED(CONFIG_IPV6)
struct fib6_table *vrctx_fib6_by_number(const struct net *net, u32 id,
					u32 number, u32 *part)
{
	const struct vrctx *ctx = vrctx_find(net, id);
	const struct vrctx_table *table;

	*part = 0;
	if (!ctx)
		return NULL;

	switch (number) {
	case RT_TABLE_MAIN:
	case RT_TABLE_LOCAL:
		*part = number;
		return vrctx_table6(ctx);
	case RT_TABLE_DEFAULT:
		return NULL;
	}
	if (number == vrctx_table_id(id))
		return vrctx_table6(ctx);

	table = vrctx_table_find(ctx, number);
	return table ? rcu_dereference(table->fib6) : NULL;
}

bool vrctx_fib6_number_new(struct net *net, u32 id, u32 number)
{
	struct vrctx *ctx = vrctx_find_live(net, id);
	struct vrctx_table *table;

	if (!ctx)
		return false;
	if (number == RT_TABLE_MAIN || number == RT_TABLE_LOCAL ||
	    number == RT_TABLE_DEFAULT || number == vrctx_table_id(id))
		return true;

	table = vrctx_table_make(ctx, number);
	return !IS_ERR(table) && vrctx_fib6_table_new(net, table->id);
}
#endif

/* No rules and no further IPv4 tables any more. RTNL. */
void vrctx_pol_del4(struct vrctx *ctx)
{
	struct vrctx_pol *pol = rtnl_dereference(ctx->pol);
	struct vrctx_table *table;
	struct fib_table *tb;
	unsigned long index;

	if (!pol)
		return;

	vrctx_rules_del(pol);
	xa_for_each(&pol->tables, index, table) {
		tb = rtnl_dereference(table->fib4);
		if (!tb)
			continue;
		RCU_INIT_POINTER(table->fib4, NULL);
		fib_table_flush(ctx->net, tb, true);
		fib_free_table(tb);
	}
}

/* The context is being deleted: nothing is to be reached in it. RTNL. */
void vrctx_pol_del(struct vrctx *ctx)
{
	struct vrctx_pol *pol = rtnl_dereference(ctx->pol);
	struct vrctx_table *table;
	unsigned long index;

	if (!pol)
		return;

	vrctx_pol_del4(ctx);
	xa_for_each(&pol->tables, index, table)
		vrctx_fib6_kill(ctx->net, rtnl_dereference(table->fib6));
}

/* Nothing carries the number of the context any more, so nobody looks for its
 * tables. RTNL.
 */
void vrctx_pol_release(struct vrctx *ctx)
{
	struct vrctx_pol *pol = rtnl_dereference(ctx->pol);
	struct vrctx_table *table;

	if (!pol)
		return;

	for (table = pol->all; table; table = table->next)
		xa_erase(&ctx->net->vrctx.tables,
			 table->id - VRCTX_SUBTABLE_BASE);
	/* Not in an RCU callback: the lock is one of processes */
	xa_destroy(&pol->tables);
}

/* Nobody finds the context any more */
void vrctx_pol_free(struct vrctx *ctx)
{
	struct vrctx_pol *pol = rcu_dereference_raw(ctx->pol);
	struct vrctx_table *table, *next;

	if (!pol)
		return;

	for (table = pol->all; table; table = next) {
		next = table->next;
		vrctx_fib6_put(rcu_dereference_raw(table->fib6));
		kfree(table);
	}
	kfree(pol);
}
