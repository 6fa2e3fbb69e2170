/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: Multipath TCP.
 *
 * A subflow is in the context of its connection, whoever makes it: a process,
 * or the worker of the connection, which is in none. A token names a connection
 * of one context only. Each context has endpoints and limits of its own, and
 * its own memory of a network that loses what is not plain TCP.
 */
#ifndef _NET_VRCTX_MPTCP_H
#define _NET_VRCTX_MPTCP_H

#include <linux/atomic.h>
#include <net/vrctx.h>

struct pm_nl_pernet;
struct socket;

#ifdef CONFIG_NET_VRCTX

/**
 * struct vrctx_mptcp - what a context other than 0 has of struct mptcp_pernet
 * @pm: the path manager's
 * @active_disable_times: how often the network lost SYNs of MPTCP
 * @active_disable_stamp: when last
 */
struct vrctx_mptcp {
	struct pm_nl_pernet	*pm;
	atomic_t		active_disable_times;
	unsigned long		active_disable_stamp;
};

/* What struct mptcp_pernet has of the same name is context 0's */
#define vrctx_mptcp_times(pernet, sk)					\
	(unlikely((sk)->sk_vrctx) ?					\
	 &vrctx_mptcp(sock_net(sk), (sk)->sk_vrctx)->active_disable_times : \
	 &(pernet)->active_disable_times)
#define vrctx_mptcp_stamp(pernet, sk)					\
	(unlikely((sk)->sk_vrctx) ?					\
	 &vrctx_mptcp(sock_net(sk), (sk)->sk_vrctx)->active_disable_stamp : \
	 &(pernet)->active_disable_stamp)
/* In a look-up by token; SK_VRCTX_ANY looks in all contexts */
#define vrctx_mptcp_in(sk, ctx)						\
	((ctx) == SK_VRCTX_ANY || (sk)->sk_vrctx == (ctx))

/* May sleep. The caller carries the number, as all do that ask for it then. */
int vrctx_mptcp_prepare(struct net *net, u32 id);
struct vrctx_mptcp *vrctx_mptcp(const struct net *net, u32 id);
int vrctx_mptcp_init(struct sock *sk);
int vrctx_sock_create_mptcp(struct net *net, u32 id, int family, int protocol,
			    struct socket **sockp);

/* net/mptcp */
struct pm_nl_pernet *mptcp_pm_vrctx_new(void);
void mptcp_pm_vrctx_purge(struct pm_nl_pernet *pernet);
void mptcp_pm_vrctx_free(struct pm_nl_pernet *pernet);
void mptcp_vrctx_purge(struct net *net, u32 id);
void mptcp_vrctx_abort(struct sock *ssk, struct net *net, u32 id);
struct sock *mptcp_vrctx_first(const struct sock *sk);
void mptcp_vrctx_moved(struct sock *sk);

#else /* !CONFIG_NET_VRCTX */

#define vrctx_mptcp_times(pernet, sk)	(&(pernet)->active_disable_times)
#define vrctx_mptcp_stamp(pernet, sk)	(&(pernet)->active_disable_stamp)
#define vrctx_mptcp_in(sk, ctx)			true
#define vrctx_mptcp_init(sk)			0
#define vrctx_sock_create_mptcp(net, id, family, protocol, sockp)	\
	sock_create_kern(net, family, SOCK_STREAM, protocol, sockp)

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_MPTCP_H */
