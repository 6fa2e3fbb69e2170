// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: Multipath TCP.
 *
 * That look-ups keep to a context is in MPTCP itself, see net/vrctx_mptcp.h.
 */

#include <linux/net.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <net/vrctx_mptcp.h>

#include "ctx.h"

/**
 * vrctx_mptcp_prepare - give a context what its MPTCP sockets need
 * @net: namespace
 * @id: number, not 0; the caller carries it
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vrctx_mptcp_prepare(struct net *net, u32 id)
{
	struct vrctx *ctx = vrctx_carried(net, id);
	struct vrctx_mptcp *new;

	if (READ_ONCE(ctx->mptcp))
		return 0;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->pm = mptcp_pm_vrctx_new();
	if (!new->pm) {
		kfree(new);
		return -ENOMEM;
	}

	/* somebody else may have been faster */
	if (cmpxchg(&ctx->mptcp, NULL, new)) {
		mptcp_pm_vrctx_free(new->pm);
		kfree(new);
	}

	return 0;
}

/* For a carrier of the number, after the above. Any context. */
struct vrctx_mptcp *vrctx_mptcp(const struct net *net, u32 id)
{
	return READ_ONCE(vrctx_carried(net, id)->mptcp);
}

/**
 * vrctx_mptcp_init - before an MPTCP socket is set up
 * @sk: socket
 *
 * If that fails, the socket is none of the context's: it is freed as one that
 * is set up, which takes the limits of some context.
 *
 * Return: 0 or -ENOMEM.
 */
int vrctx_mptcp_init(struct sock *sk)
{
	u32 id = sk->sk_vrctx;
	int err;

	if (likely(!id))
		return 0;

	err = vrctx_mptcp_prepare(sock_net(sk), id);
	if (err) {
		sk->sk_vrctx = 0;
		__vrctx_sock_put(sock_net(sk), id);
	}

	return err;
}

/**
 * vrctx_sock_create_mptcp - make a subflow, or a socket that listens for some
 * @net: namespace
 * @id: context it is in, whatever that of the caller
 * @family: AF_INET or AF_INET6
 * @protocol: IPPROTO_TCP or IPPROTO_MPTCP
 * @sockp: the socket
 *
 * Return: 0 or -errno, -ENETUNREACH if the context is deleted.
 */
int vrctx_sock_create_mptcp(struct net *net, u32 id, int family, int protocol,
			    struct socket **sockp)
{
	return vrctx_sock_create_in(net, id, family, SOCK_STREAM, protocol,
				    VRCTX_KERN_TUNNEL, sockp);
}

/* A dead context: no more endpoints, no more connections. Process, may sleep. */
void vrctx_mptcp_purge(struct vrctx *ctx)
{
	struct vrctx_mptcp *mptcp = READ_ONCE(ctx->mptcp);

	if (!mptcp)
		return;

	mptcp_pm_vrctx_purge(mptcp->pm);
	mptcp_vrctx_purge(ctx->net, ctx->id);
}

/* Nothing carries the number any more */
void vrctx_mptcp_free(struct vrctx *ctx)
{
	if (!ctx->mptcp)
		return;

	mptcp_pm_vrctx_free(ctx->mptcp->pm);
	kfree(ctx->mptcp);
}
