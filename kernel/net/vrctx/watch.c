// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: the watcher of sockets.
 *
 * SRCU, as what the watcher does at a bind() may sleep. A bind() that sleeps
 * there delays vrctx_unwatch(), so a watcher wakes those up first.
 */

#include <linux/module.h>
#include <linux/srcu.h>
#include <net/sock.h>
#include <net/vrctx_watch.h>

#include "ctx.h"

DEFINE_STATIC_KEY_FALSE(vrctx_watched);
EXPORT_SYMBOL(vrctx_watched);

static const struct vrctx_watcher __rcu *vrctx_watcher;
static DEFINE_MUTEX(vrctx_watch_lock);	/* writers of the above */
DEFINE_STATIC_SRCU(vrctx_watch_srcu);

/**
 * vrctx_watch - have a watcher told of sockets from now on
 * @watcher: what to call
 *
 * Return: 0, or -EBUSY if there is one already.
 */
int vrctx_watch(const struct vrctx_watcher *watcher)
{
	int err = 0;

	mutex_lock(&vrctx_watch_lock);
	if (rcu_access_pointer(vrctx_watcher))
		err = -EBUSY;
	else
		rcu_assign_pointer(vrctx_watcher, watcher);
	mutex_unlock(&vrctx_watch_lock);
	if (!err)
		static_branch_inc(&vrctx_watched);

	return err;
}
EXPORT_SYMBOL_GPL(vrctx_watch);

/**
 * vrctx_unwatch - the end of a watcher
 * @watcher: what vrctx_watch() was given
 */
void vrctx_unwatch(const struct vrctx_watcher *watcher)
{
	static_branch_dec(&vrctx_watched);
	mutex_lock(&vrctx_watch_lock);
	RCU_INIT_POINTER(vrctx_watcher, NULL);
	mutex_unlock(&vrctx_watch_lock);
	synchronize_srcu(&vrctx_watch_srcu);
	synchronize_rcu();
}
EXPORT_SYMBOL_GPL(vrctx_unwatch);

void __vrctx_sock_event(struct sock *sk, enum vrctx_sock_event event)
{
	const struct vrctx_watcher *watcher;

	rcu_read_lock();
	watcher = rcu_dereference(vrctx_watcher);
	if (watcher)
		watcher->event(sk, event);
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(__vrctx_sock_event);

int __vrctx_sock_bind(struct sock *sk)
{
	const struct vrctx_watcher *watcher;
	int err = 0, idx;

	/* a socket of the kernel asks nobody */
	if (sk->sk_kern_sock)
		return 0;

	idx = srcu_read_lock(&vrctx_watch_srcu);
	watcher = srcu_dereference(vrctx_watcher, &vrctx_watch_srcu);
	if (watcher)
		err = watcher->bind(sk);
	srcu_read_unlock(&vrctx_watch_srcu, idx);

	return err;
}
EXPORT_SYMBOL_GPL(__vrctx_sock_bind);

void __vrctx_watch_gone(struct net *net, u32 ctx)
{
	const struct vrctx_watcher *watcher;
	int idx;

	idx = srcu_read_lock(&vrctx_watch_srcu);
	watcher = srcu_dereference(vrctx_watcher, &vrctx_watch_srcu);
	if (watcher)
		watcher->gone(net, ctx);
	srcu_read_unlock(&vrctx_watch_srcu, idx);
}

bool vrctx_lives(const struct net *net, u32 ctx)
{
	bool lives;

	if (!ctx)
		return true;

	rcu_read_lock();
	lives = vrctx_find_live(net, ctx);
	rcu_read_unlock();

	return lives;
}
EXPORT_SYMBOL_GPL(vrctx_lives);
