// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: /proc/net/vrctx.
 */

#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "ctx.h"

/* Position 0 is the header, 1 + id that of a context */
static void *vrctx_seq_find(struct seq_file *seq, loff_t *pos)
{
	struct net *net = seq_file_net(seq);
	struct vrctx *ctx;
	u32 id;

	if (!*pos)
		return SEQ_START_TOKEN;

	/* context 0 has no object: the namespace stands for it */
	if (*pos == 1)
		return net;

	if (*pos - 1 > VRCTX_ID_MAX)
		return NULL;

	id = *pos - 1;
	ctx = vrctx_next(net, id);
	if (!ctx)
		return NULL;

	*pos = 1 + ctx->id;
	return ctx;
}

static void *vrctx_seq_start(struct seq_file *seq, loff_t *pos)
	__acquires(rcu)
{
	rcu_read_lock();

	return vrctx_seq_find(seq, pos);
}

static void *vrctx_seq_next(struct seq_file *seq, void *v, loff_t *pos)
{
	++*pos;

	return vrctx_seq_find(seq, pos);
}

static void vrctx_seq_stop(struct seq_file *seq, void *v)
	__releases(rcu)
{
	rcu_read_unlock();
}

static int vrctx_seq_show(struct seq_file *seq, void *v)
{
	struct net *net = seq_file_net(seq);
	const struct vrctx *ctx = v;

	if (v == SEQ_START_TOKEN) {
		seq_puts(seq, "id name devices sockets tasks\n");
		return 0;
	}

	/* sockets and tasks of context 0 are not counted */
	if (v == net) {
		if (vrctx_may_see(net, 0))
			seq_printf(seq, "0 %s %u - -\n", VRCTX_NAME_0,
				   vrctx_dev_count(net));
		return 0;
	}

	if (vrctx_may_see(net, ctx->id))
		seq_printf(seq, "%u %s %u %d %d\n", ctx->id,
			   vrctx_name(ctx) ? : VRCTX_NAME_NONE,
			   READ_ONCE(ctx->ndev),
			   atomic_read(&ctx->socks), atomic_read(&ctx->tasks));
	return 0;
}

static const struct seq_operations vrctx_seq_ops = {
	.start	= vrctx_seq_start,
	.next	= vrctx_seq_next,
	.stop	= vrctx_seq_stop,
	.show	= vrctx_seq_show,
};

int __net_init vrctx_proc_init(struct net *net)
{
	if (!proc_create_net("vrctx", 0444, net->proc_net, &vrctx_seq_ops,
			     sizeof(struct seq_net_private)))
		return -ENOMEM;

	return 0;
}

void __net_exit vrctx_proc_exit(struct net *net)
{
	remove_proc_entry("vrctx", net->proc_net);
}
