/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: the number as a part of the key of an entry in a
 * table of addresses. The entry has a member "u32 vrctx" #ifdef
 * CONFIG_NET_VRCTX; without it there is one context, and no entry of another.
 */
#ifndef _NET_VRCTX_KEY_H
#define _NET_VRCTX_KEY_H

#include <net/vrctx.h>

#ifdef CONFIG_NET_VRCTX

#define vrctx_key_set(entry, ctx)	((void)((entry)->vrctx = (ctx)))
#define vrctx_key_is(entry, ctx)	((entry)->vrctx == (ctx))

#else /* !CONFIG_NET_VRCTX */

#define vrctx_key_set(entry, ctx)	do { } while (0)
#define vrctx_key_is(entry, ctx)	true

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_KEY_H */
