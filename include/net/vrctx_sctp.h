/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: what SCTP needs to know of them.
 *
 * An association is in the context of its socket, from its first packet to its
 * last: whatever socket it migrates to has the same one. There is one list of
 * local addresses, which knows their devices: these may move.
 */
#ifndef _NET_VRCTX_SCTP_H
#define _NET_VRCTX_SCTP_H

#include <net/vrctx.h>

struct sctp_sockaddr_entry;

#ifdef CONFIG_NET_VRCTX

/* Of what has a member for it: a bind bucket, an address that came or went, a
 * key of the hash of transports, an association (in its base)
 */
#define sctp_vrctx(obj)			((obj)->vrctx)
#define sctp_set_vrctx(obj, ctx)	((void)((obj)->vrctx = (ctx)))
#define sctp_in_vrctx(obj, ctx)						\
	(!vrctx_active() || (obj)->vrctx == (ctx))

/* Where an address is: an in_device or inet6_dev */
#define sctp_addr_set_idev(addr, idev)					\
do {									\
	(addr)->ifindex = (idev)->dev->ifindex;				\
	(addr)->vrctx = idev_vrctx(idev);				\
} while (0)
/* Is it there? Contexts have addresses of their own on the loopback device. */
#define sctp_addr_on_idev(addr, idev)					\
	((addr)->ifindex == (idev)->dev->ifindex &&			\
	 (!((idev)->dev->flags & IFF_LOOPBACK) ||			\
	  (addr)->vrctx == (idev)->vrctx))
bool __sctp_addr_in_vrctx(struct net *net,
			  const struct sctp_sockaddr_entry *addr, u32 vrctx);
/* Does the context have this address of the list? */
#define sctp_addr_in_vrctx(net, addr, ctx)				\
	(!vrctx_active() || __sctp_addr_in_vrctx(net, addr, ctx))

void __sctp_sk_set_vrctx(struct sock *newsk, const struct sock *sk);
/* @newsk, which is nobody's yet, gets an association of @sk */
#define sctp_sk_set_vrctx(newsk, sk)					\
do {									\
	if (unlikely((newsk)->sk_vrctx != (sk)->sk_vrctx))		\
		__sctp_sk_set_vrctx(newsk, sk);				\
} while (0)

/* Is there any socket of the context? Who asks has a carrier of it. */
bool vrctx_has_socks(const struct net *net, u32 id);
void sctp_vrctx_init(void);
void sctp_vrctx_exit(void);

#else /* !CONFIG_NET_VRCTX */

#define sctp_vrctx(obj)				((void)(obj), 0U)
#define sctp_set_vrctx(obj, ctx)		do { } while (0)
#define sctp_in_vrctx(obj, ctx)			true
#define sctp_addr_set_idev(addr, idev)		do { } while (0)
#define sctp_addr_on_idev(addr, idev)		true
#define sctp_addr_in_vrctx(net, addr, ctx)	true
#define sctp_sk_set_vrctx(newsk, sk)		((void)(newsk), (void)(sk))
#define sctp_vrctx_init()			do { } while (0)
#define sctp_vrctx_exit()			do { } while (0)

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_SCTP_H */
