// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: initialisation.
 */

#include <linux/init.h>

#include "ctx.h"

static const char * const vrctx_drop_reasons[] = {
	[0] = "SKB_DROP_REASON_VRCTX_UNSPEC",
#define S(x) (#x),
	VRCTX_DROP_REASONS(S)
#undef S
};

static const struct drop_reason_list vrctx_drop_reason_list = {
	.reasons = (const char **)vrctx_drop_reasons,
	.n_reasons = ARRAY_SIZE(vrctx_drop_reasons),
};

static int __net_init vrctx_init_net(struct net *net)
{
	vrctx_net_init(net);

	return vrctx_proc_init(net);
}

static void __net_exit vrctx_exit_net(struct net *net)
{
	vrctx_proc_exit(net);
	vrctx_net_exit(net);
}

static struct pernet_operations vrctx_net_ops = {
	.init = vrctx_init_net,
	.exit = vrctx_exit_net,
};

/* ORDER: before all others that know of contexts, so that a namespace's are
 * there when these start and still are when these have exited.
 */
static int __init vrctx_init(void)
{
	int err;

	err = vrctx_ctx_init();
	if (err)
		return err;

	err = register_pernet_subsys(&vrctx_net_ops);
	if (err)
		return err;

	drop_reasons_register_subsys(SKB_DROP_REASON_SUBSYS_VRCTX,
				     &vrctx_drop_reason_list);

	return 0;
}
core_initcall(vrctx_init);

/* Not before generic netlink is there */
static int __init vrctx_late_init(void)
{
	int err = vrctx_dev_watch();

	if (!err)
		err = vrctx_leak_init();

	return err ? : vrctx_netlink_init();
}
subsys_initcall(vrctx_late_init);
