// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: limits of each, and the end of its TCP metrics.
 */

#include <net/vrctx_budget.h>

#include "ctx.h"

struct vrctx_budget *__vrctx_budget(const struct net *net, u32 id)
{
	struct vrctx *ctx = vrctx_carried(net, id);

	return ctx ? &ctx->budget : NULL;
}

void vrctx_tfo_enable(struct net *net)
{
	unsigned long index;
	struct vrctx *ctx;

	rcu_read_lock();
	xa_for_each(&net->vrctx.xa, index, ctx)
		atomic_set(&ctx->budget.tfo_disable_times, 0);
	rcu_read_unlock();
}

unsigned int vrctx_timewaits(const struct net *net)
{
	unsigned int sum = 0;
	unsigned long index;
	struct vrctx *ctx;

	rcu_read_lock();
	xa_for_each((struct xarray *)&net->vrctx.xa, index, ctx)
		sum += refcount_read(&ctx->budget.timewaits) - 1;
	rcu_read_unlock();

	return sum;
}

void __vrctx_note_metrics(const struct net *net, u32 id)
{
	struct vrctx *ctx = vrctx_carried(net, id);

	if (ctx && !READ_ONCE(ctx->metrics))
		WRITE_ONCE(ctx->metrics, true);
}

/**
 * vrctx_metrics_purge - forget what TCP has learnt in a dead context
 * @ctx: context that no socket is in any more, so that nothing is learnt
 *
 * Context: process, may sleep.
 */
void vrctx_metrics_purge(const struct vrctx *ctx)
{
	/* It looks into each bucket: not for those who never had any */
	if (READ_ONCE(ctx->metrics))
		tcp_metrics_purge_vrctx(ctx->net, ctx->id);
}
