/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: who wants to know which ports are in use
 *
 * A distributed host (vr_dhost) tells its cluster of the sockets of its
 * addresses. There is one watcher, a module; without one each hook is a no-op
 * behind a static key, without CONFIG_NET_VRCTX nothing at all.
 */
#ifndef _NET_VRCTX_WATCH_H
#define _NET_VRCTX_WATCH_H

#include <linux/jump_label.h>
#include <linux/types.h>

struct in_ifaddr;
struct module;
struct net;
struct sock;

/* What happened to a socket. After VRCTX_SOCK_CLOSED it has no port. The values
 * are those of enum vr_dhost_sock_event.
 */
enum vrctx_sock_event {
	VRCTX_SOCK_BOUND,	/* it got a port: bind() or implicitly */
	VRCTX_SOCK_LISTENING,
	VRCTX_SOCK_CHILD,	/* made for a connection to a listener */
	VRCTX_SOCK_CONNECTED,	/* has a peer; TCP may still wait for it */
	VRCTX_SOCK_CLOSED,	/* the port is given back */
	VRCTX_SOCK_ACCEPTED,	/* a child was given to a process */
};

/**
 * struct vrctx_watcher - what a watcher is told
 * @owner: module
 * @event: something happened to a TCP or UDP socket, whose port and addresses
 *	are still, or already, set. Any context, BH may be off; RCU.
 * @bind: a bind() got its port. May sleep; the socket is locked. An error is
 *	that of bind(), and the port is given back.
 * @gone: a context is deleted. RTNL.
 */
struct vrctx_watcher {
	struct module	*owner;
	void		(*event)(struct sock *sk, enum vrctx_sock_event event);
	int		(*bind)(struct sock *sk);
	void		(*gone)(struct net *net, u32 ctx);
};

#ifdef CONFIG_NET_VRCTX

/* On while there is a watcher */
DECLARE_STATIC_KEY_FALSE(vrctx_watched);

int vrctx_watch(const struct vrctx_watcher *watcher);
/* Returns when none of the calls above runs any more */
void vrctx_unwatch(const struct vrctx_watcher *watcher);

/* Is @ctx 0 or a context that is alive? Takes RCU itself. */
bool vrctx_lives(const struct net *net, u32 ctx);

void __vrctx_sock_event(struct sock *sk, enum vrctx_sock_event event);
#define vrctx_sock_event(sk, event)					\
do {									\
	if (static_branch_unlikely(&vrctx_watched))			\
		__vrctx_sock_event(sk, event);				\
} while (0)

int __vrctx_sock_bind(struct sock *sk);
#define vrctx_sock_bind(sk)						\
	(static_branch_unlikely(&vrctx_watched) ? __vrctx_sock_bind(sk) : 0)

void __vrctx_watch_gone(struct net *net, u32 ctx);
static inline void vrctx_watch_gone(struct net *net, u32 ctx)
{
	if (static_branch_unlikely(&vrctx_watched))
		__vrctx_watch_gone(net, ctx);
}

#else /* !CONFIG_NET_VRCTX */

#define vrctx_sock_event(sk, event)	((void)(sk), (void)(event))
#define vrctx_sock_bind(sk)		((void)(sk), 0)
#define vrctx_lives(net, ctx)		true

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_WATCH_H */
