// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: who is asked about packets for shared addresses.
 */

#include <net/vrctx_shared.h>

DEFINE_STATIC_KEY_FALSE(vrctx_shared_key);
EXPORT_SYMBOL_GPL(vrctx_shared_key);

static struct vrctx_shared __rcu **vrctx_shared_of(struct net *net, int family)
{
	return family == AF_INET ? &net->vrctx.shared4 : &net->vrctx.shared6;
}

/**
 * vrctx_share - have a module see packets for shared addresses
 * @net: namespace; nobody else does that for the family there
 * @family: AF_INET or AF_INET6
 * @shared: addresses, and what to call. It may get more while it is in use.
 *
 * May sleep.
 */
void vrctx_share(struct net *net, int family, struct vrctx_shared *shared)
{
	rcu_assign_pointer(*vrctx_shared_of(net, family), shared);
	static_branch_inc(&vrctx_shared_key);
}
EXPORT_SYMBOL_GPL(vrctx_share);

/**
 * vrctx_unshare - the end of that
 * @net: namespace
 * @family: as for vrctx_share()
 *
 * May sleep. What was given to vrctx_share() is in use until a grace period
 * has passed.
 */
void vrctx_unshare(struct net *net, int family)
{
	static_branch_dec(&vrctx_shared_key);
	RCU_INIT_POINTER(*vrctx_shared_of(net, family), NULL);
}
EXPORT_SYMBOL_GPL(vrctx_unshare);
