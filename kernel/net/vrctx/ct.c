// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: connections that are tracked, packets that wait.
 */

#include <linux/notifier.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_zones.h>
#include <net/vrctx_ct.h>

#include "ctx.h"

static bool vrctx_ct_tryhold(struct net *net, u32 id)
{
	return !id || vrctx_tryget_id(net, id, VRCTX_CONN);
}

static void vrctx_ct_release(struct net *net, u32 id)
{
	if (id)
		vrctx_put_user(vrctx_carried(net, id), VRCTX_CONN);
}

bool __vrctx_ct_hold(struct net *net, const struct nf_conntrack_zone *zone)
{
	if (!vrctx_ct_tryhold(net, zone->vrctx[IP_CT_DIR_ORIGINAL]))
		return false;
	if (vrctx_ct_tryhold(net, zone->vrctx[IP_CT_DIR_REPLY]))
		return true;

	vrctx_ct_release(net, zone->vrctx[IP_CT_DIR_ORIGINAL]);
	return false;
}
EXPORT_SYMBOL_GPL(__vrctx_ct_hold);

void __vrctx_ct_put(struct net *net, const struct nf_conntrack_zone *zone)
{
	vrctx_ct_release(net, zone->vrctx[IP_CT_DIR_ORIGINAL]);
	vrctx_ct_release(net, zone->vrctx[IP_CT_DIR_REPLY]);
}
EXPORT_SYMBOL_GPL(__vrctx_ct_put);

bool __vrctx_pkt_hold(struct net *net, u32 id)
{
	return vrctx_tryget_id(net, id, VRCTX_CONN);
}

void __vrctx_pkt_put(struct net *net, u32 id)
{
	vrctx_put_user(vrctx_carried(net, id), VRCTX_CONN);
}

static bool vrctx_ct_gone(const struct net *net, u32 id)
{
	bool gone = false;

	if (id) {
		rcu_read_lock();
		gone = !vrctx_find_live(net, id);
		rcu_read_unlock();
	}

	return gone;
}

bool __vrctx_ct_dead(const struct net *net,
		     const struct nf_conntrack_zone *zone)
{
	return vrctx_ct_gone(net, zone->vrctx[IP_CT_DIR_ORIGINAL]) ||
	       vrctx_ct_gone(net, zone->vrctx[IP_CT_DIR_REPLY]);
}
EXPORT_SYMBOL_GPL(__vrctx_ct_dead);

bool vrctx_ct_any(const struct net *net, u32 id)
{
	const struct vrctx *ctx;
	bool any;

	rcu_read_lock();
	ctx = vrctx_find(net, id);
	any = ctx && atomic_read(&ctx->conns);
	rcu_read_unlock();

	return any;
}
EXPORT_SYMBOL_GPL(vrctx_ct_any);

/**
 * vrctx_ct_cross - a packet goes on in another context
 * @net: namespace
 * @skb: packet
 * @to: context
 *
 * What is in the table stays as it is: if its replies come from elsewhere, that
 * is where they are found.
 */
void vrctx_ct_cross(struct net *net, struct sk_buff *skb, u32 to)
{
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo);
	u32 old;

	if (!ct || nf_ct_is_template(ct) || nf_ct_is_confirmed(ct))
		return;

	old = ct->zone.vrctx[IP_CT_DIR_REPLY];
	if (old == to)
		return;

	if (vrctx_ct_tryhold(net, to)) {
		ct->zone.vrctx[IP_CT_DIR_REPLY] = to;
		vrctx_ct_release(net, old);
	} else {
		nf_reset_ct(skb);
	}
#endif
}

/* Those that keep something for contexts, and may be modules */
static BLOCKING_NOTIFIER_HEAD(vrctx_purgers);

int vrctx_purge_register(struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&vrctx_purgers, nb);
}
EXPORT_SYMBOL_GPL(vrctx_purge_register);

void vrctx_purge_unregister(struct notifier_block *nb)
{
	blocking_notifier_chain_unregister(&vrctx_purgers, nb);
}
EXPORT_SYMBOL_GPL(vrctx_purge_unregister);

void vrctx_purge_notify(struct vrctx *ctx)
{
	blocking_notifier_call_chain(&vrctx_purgers, ctx->id, ctx->net);
}
