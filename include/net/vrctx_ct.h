/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: what connection tracking needs to know of them.
 *
 * The context is a part of the zone, so it is wherever a connection, an
 * expectation or a look-up has one: in their keys and hashes. As with zones
 * there is one for each direction. The two differ for a connection whose
 * packets cross to another context by a route leak, for that is where the
 * replies come from.
 *
 * A connection holds its contexts. It does not enter the table when one of
 * them is deleted, and those in there are purged.
 */
#ifndef _NET_VRCTX_CT_H
#define _NET_VRCTX_CT_H

#include <linux/netfilter/nf_conntrack_zones_common.h>
#include <linux/types.h>
#include <net/vrctx.h>

struct fqdir;
struct net;
struct net_device;
struct nf_conntrack_helper;
struct notifier_block;
struct sk_buff;

#ifdef CONFIG_NET_VRCTX

static inline u32 nf_ct_zone_vrctx(const struct nf_conntrack_zone *zone,
				   enum ip_conntrack_dir dir)
{
	return vrctx_active() ? zone->vrctx[dir] : 0;
}

static inline void nf_ct_zone_set_vrctx(struct nf_conntrack_zone *zone, u32 ctx)
{
	zone->vrctx[IP_CT_DIR_ORIGINAL] = ctx;
	zone->vrctx[IP_CT_DIR_REPLY] = ctx;
}

/* Is any direction in a context other than 0? */
static inline bool nf_ct_zone_in_vrctx(const struct nf_conntrack_zone *zone)
{
	return vrctx_active() && (zone->vrctx[IP_CT_DIR_ORIGINAL] |
				  zone->vrctx[IP_CT_DIR_REPLY]);
}

/* Is any direction in context @ctx? */
static inline bool nf_ct_zone_has_vrctx(const struct nf_conntrack_zone *zone,
					u32 ctx)
{
	return !vrctx_active() || zone->vrctx[IP_CT_DIR_ORIGINAL] == ctx ||
	       zone->vrctx[IP_CT_DIR_REPLY] == ctx;
}

/* Does context @ctx see what is in such a zone? */
static inline bool nf_ct_zone_seen(const struct nf_conntrack_zone *zone,
				   u32 ctx)
{
	return !ctx || nf_ct_zone_has_vrctx(zone, ctx);
}

/* Do the two agree about a direction? */
static inline bool nf_ct_zone_vrctx_equal(const struct nf_conntrack_zone *a,
					  const struct nf_conntrack_zone *b,
					  enum ip_conntrack_dir dir)
{
	return !vrctx_active() || a->vrctx[dir] == b->vrctx[dir];
}

bool __vrctx_ct_hold(struct net *net, const struct nf_conntrack_zone *zone);
void __vrctx_ct_put(struct net *net, const struct nf_conntrack_zone *zone);
bool __vrctx_ct_dead(const struct net *net,
		     const struct nf_conntrack_zone *zone);
/* A new connection: false if there is no such context (any more) */
#define vrctx_ct_hold(net, zone)					\
	(likely(!nf_ct_zone_in_vrctx(zone)) || __vrctx_ct_hold(net, zone))
/* It is freed. Any context. */
#define vrctx_ct_put(net, zone)						\
do {									\
	if (unlikely(nf_ct_zone_in_vrctx(zone)))			\
		__vrctx_ct_put(net, zone);				\
} while (0)
/* Under the lock of a bucket: is one of its contexts deleted, so that those
 * in the bucket are purged or will be?
 */
#define vrctx_ct_dead(net, zone)					\
	(unlikely(nf_ct_zone_in_vrctx(zone)) && __vrctx_ct_dead(net, zone))

/* A packet is put away, to go on whenever user space says so: false if there is
 * no such context (any more). And: it goes on, or is dropped.
 */
bool __vrctx_pkt_hold(struct net *net, u32 ctx);
void __vrctx_pkt_put(struct net *net, u32 ctx);
#define vrctx_pkt_hold(net, ctx)					\
	(likely(!(ctx)) || __vrctx_pkt_hold(net, ctx))
#define vrctx_pkt_put(net, ctx)						\
do {									\
	if (unlikely(ctx))						\
		__vrctx_pkt_put(net, ctx);				\
} while (0)

/* Does the context have any? */
bool vrctx_ct_any(const struct net *net, u32 id);

/* The packet goes on in context @to: so its replies come from there */
void vrctx_ct_cross(struct net *net, struct sk_buff *skb, u32 to);

/* What is called when a context is deleted, to purge what is left of it. Called
 * with the namespace, and with the number as the event; may sleep.
 */
int vrctx_purge_register(struct notifier_block *nb);
void vrctx_purge_unregister(struct notifier_block *nb);
/* Drop the fragments of a deleted context */
void vrctx_purge_frags(struct fqdir *fqdir, u32 id, bool ipv6);

/* Type of an IPv4 address in a context other than 0, of those on @dev if that is
 * not NULL.
 */
unsigned int vrctx_addr_type(struct net *net, const struct net_device *dev,
			     __be32 addr, u32 ctx);

/* nf_conntrack_vrctx.c */
void nf_conntrack_vrctx_init(void);
void nf_conntrack_vrctx_fini(void);
bool __nf_ct_helper_vrctx_ok(const struct nf_conntrack_helper *helper);
/* May the helper work for such a connection? */
#define nf_ct_helper_vrctx_ok(helper, zone)				\
	(likely(!nf_ct_zone_in_vrctx(zone)) || __nf_ct_helper_vrctx_ok(helper))

#else /* !CONFIG_NET_VRCTX */

#define nf_ct_zone_vrctx(zone, dir)		0U
#define nf_ct_zone_set_vrctx(zone, ctx)		((void)(zone), (void)(ctx))
#define nf_ct_zone_in_vrctx(zone)		false
#define nf_ct_zone_has_vrctx(zone, ctx)		true
#define nf_ct_zone_seen(zone, ctx)		((void)(ctx), true)
#define nf_ct_zone_vrctx_equal(a, b, dir)	true
#define nf_ct_zone_dir(zone, dir, tmp)		(zone)
#define vrctx_ct_hold(net, zone)		true
#define vrctx_ct_put(net, zone)			do { } while (0)
#define vrctx_ct_dead(net, zone)		false
#define vrctx_pkt_hold(net, ctx)		true
#define vrctx_pkt_put(net, ctx)			do { } while (0)
#define nf_conntrack_vrctx_init()		do { } while (0)
#define nf_conntrack_vrctx_fini()		do { } while (0)
#define nf_ct_helper_vrctx_ok(helper, zone)	true

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_CT_H */
