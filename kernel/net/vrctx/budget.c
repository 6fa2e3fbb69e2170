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
EXPORT_SYMBOL_GPL(__vrctx_budget);

struct inet_peer_base *__vrctx_peers4(const struct net *net, u32 id)
{
	struct vrctx *ctx = vrctx_find(net, id);

	return ctx ? &ctx->peers4 : NULL;
}

static atomic_long_t *vrctx_frags(struct vrctx *ctx, const struct fqdir *fqdir)
{
	if (fqdir == ctx->net->ipv4.fqdir)
		return &ctx->budget.frags[0];
#if IS_ENABLED(CONFIG_IPV6)
	if (fqdir == ctx->net->ipv6.fqdir)
		return &ctx->budget.frags[1];
#endif
	return &ctx->budget.frags[2];
}

/* No queue has a number that is used again: those of a deleted context are purged,
 * and who had one in hand then is done with it before the number is free.
 */
void __vrctx_frag_mem_add(struct fqdir *fqdir, u32 id, long val)
{
	struct vrctx *ctx;

	rcu_read_lock();
	/* the namespace ends: it may have no contexts any more */
	ctx = READ_ONCE(fqdir->dead) ? NULL : vrctx_find(fqdir->net, id);
	if (ctx)
		atomic_long_add(val, vrctx_frags(ctx, fqdir));
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(__vrctx_frag_mem_add);

long __vrctx_frag_mem(struct fqdir *fqdir, u32 id)
{
	struct vrctx *ctx = vrctx_find_live(fqdir->net, id);

	return ctx ? atomic_long_read(vrctx_frags(ctx, fqdir)) : LONG_MAX;
}

long vrctx_frag_mem_all(struct fqdir *fqdir)
{
	unsigned long index;
	struct vrctx *ctx;
	long sum = 0;

	rcu_read_lock();
	xa_for_each(&fqdir->net->vrctx.xa, index, ctx)
		sum += atomic_long_read(vrctx_frags(ctx, fqdir));
	rcu_read_unlock();

	return sum;
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
