/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: IPsec policies and states of each.
 *
 * A state and a policy are of the context of who asked for them, and serve its
 * flows and packets only. Nobody else sees them, not even context 0: they hold
 * keys, and a key manager would take those of another context for its own.
 */
#ifndef _NET_VRCTX_XFRM_H
#define _NET_VRCTX_XFRM_H

#include <net/vrctx.h>

struct net;
struct netlink_ext_ack;
struct nlattr;
struct sk_buff;

/* What xfrm compares everywhere, a mark or an interface identifier, has the
 * context above it: a look-up by the one is a look-up by both. As a number it
 * is what it was in context 0.
 */
#ifdef CONFIG_NET_VRCTX

typedef u64 xfrm_key_t;

#define xfrm_key(ctx, val)	((u64)(ctx) << 32 | (u32)(val))
#define xfrm_key_vrctx(key)	upper_32_bits(key)
#define xfrm_same_vrctx(a, b)						\
	(!vrctx_active() || !upper_32_bits((a) ^ (b)))
/* @val for a hash, so that equal ones of many contexts share no chain */
#define xfrm_salted(val, key)						\
	(vrctx_active() ?						\
	 VRCTX_XOR(val, vrctx_hash(xfrm_key_vrctx(key))) : (val))
#define xfrm_salted_spi(spi, key)					\
	((__force __be32)xfrm_salted((__force u32)(spi), key))
#define xfrm_salted_slot(slot, key, mask)				\
	(vrctx_active() ? xfrm_salted(slot, key) & (mask) : (slot))

/* @obj: a state or a policy, without an interface identifier yet */
#define xfrm_set_vrctx(obj, ctx)	((void)((obj)->if_id = xfrm_key(ctx, 0)))
#define xfrm_in_vrctx(obj, ctx)		(xfrm_key_vrctx((obj)->if_id) == (ctx))
/* Is it among those of @ctx, which may be VRCTX_ANY? */
#define xfrm_flushed(obj, ctx)						\
	((ctx) == VRCTX_ANY || xfrm_in_vrctx(obj, ctx))
/* The mark of a state in the look-ups for it */
#define xfrm_state_key(x)						\
	xfrm_key(xfrm_key_vrctx((x)->if_id), (x)->mark.v & (x)->mark.m)
/* Policies of contexts have random indices: the next of a counter would tell
 * how many others there are.
 */
#define xfrm_hide_index(index, dir, ctx)				\
do {									\
	if ((ctx) && !(index))						\
		(index) = (get_random_u32() & ~7U) | (dir);		\
} while (0)
#define xfrm_params_set_vrctx(params, ctx)	((void)((params)->vrctx = (ctx)))
#define xfrm_params_l3dom(params)	vrctx_l3dom((params)->vrctx)
#define xfrm_event_set_vrctx(c, ctx)	((void)((c)->vrctx = (ctx)))
/* Whose event is it? That of a flush has no object. */
#define xfrm_event_vrctx(obj, c)					\
	((obj) ? xfrm_key_vrctx((obj)->if_id) : (c)->vrctx)
/* The message is for those in the context of the object, of the flush */
#define xfrm_nl_about(skb, obj)						\
	vrctx_nl_inside_only(skb, xfrm_key_vrctx((obj)->if_id))
#define xfrm_nl_flushed(skb, c)	vrctx_nl_inside_only(skb, (c)->vrctx)

int __vrctx_xfrm_check(struct net *net, u32 ctx, u16 type,
		       struct nlattr **attrs, const void *hdr,
		       struct netlink_ext_ack *extack);
/* Before a handler of xfrm netlink: does such a request keep to the context,
 * and is that still there? 0, or -errno with a text. xfrm_cfg_mutex.
 */
#define vrctx_xfrm_check(net, skb, nlh, attrs, extack)			\
	(likely(!vrctx_nl_inside(skb)) ? 0 :				\
	 __vrctx_xfrm_check(net, vrctx_nl_inside(skb), (nlh)->nlmsg_type,\
			    attrs, nlmsg_data(nlh), extack))

#else /* !CONFIG_NET_VRCTX */

typedef u32 xfrm_key_t;

#define xfrm_key(ctx, val)			(val)
#define xfrm_key_vrctx(key)			((void)(key), 0U)
#define xfrm_same_vrctx(a, b)			true
#define xfrm_salted(val, key)			(val)
#define xfrm_salted_spi(spi, key)		(spi)
#define xfrm_salted_slot(slot, key, mask)	(slot)
#define xfrm_set_vrctx(obj, ctx)		do { } while (0)
#define xfrm_in_vrctx(obj, ctx)			true
#define xfrm_flushed(obj, ctx)			true
#define xfrm_state_key(x)		((x)->mark.v & (x)->mark.m)
#define xfrm_hide_index(index, dir, ctx)	do { } while (0)
#define xfrm_params_set_vrctx(params, ctx)	do { } while (0)
#define xfrm_params_l3dom(params)		0
#define xfrm_event_set_vrctx(c, ctx)		do { } while (0)
#define xfrm_event_vrctx(obj, c)		0U
#define xfrm_nl_about(skb, obj)			do { } while (0)
#define xfrm_nl_flushed(skb, c)			do { } while (0)
#define vrctx_xfrm_check(net, skb, nlh, attrs, extack)	0

#endif /* CONFIG_NET_VRCTX */

/* Does the default for flows without a policy forbid them? It is context 0's. */
#define xfrm_blocks(net, dir, key)					\
	(READ_ONCE((net)->xfrm.policy_default[dir]) ==			\
	 XFRM_USERPOLICY_BLOCK && !xfrm_key_vrctx(key))
/* The mark by which the state of a packet is looked up */
#define xfrm_skb_key(skb, mark)		xfrm_key(skb_vrctx(skb), mark)

#endif /* _NET_VRCTX_XFRM_H */
