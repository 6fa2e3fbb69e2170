/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: the context as a part of the key of an entry in a
 * table of addresses. The entry has a member "u64 vrctx" #ifdef
 * CONFIG_NET_VRCTX; without it there is one context, and no entry of another.
 */
#ifndef _NET_VRCTX_KEY_H
#define _NET_VRCTX_KEY_H

#include <net/vrctx.h>

#ifdef CONFIG_NET_VRCTX

/* Of the context of a packet. Its secret tells it from one that had the number
 * before; so nobody has to look for the entries of a deleted one.
 */
#define vrctx_key(net, skb)						\
	((u64)skb_vrctx(skb) << 32 | vrctx_salt(net, skb_vrctx(skb)))
#define vrctx_key_set(entry, key)	((void)((entry)->vrctx = (key)))
#define vrctx_key_is(entry, key)	((entry)->vrctx == (key))

#else /* !CONFIG_NET_VRCTX */

#define vrctx_key_set(entry, key)	do { } while (0)
#define vrctx_key_is(entry, key)	true

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_KEY_H */
