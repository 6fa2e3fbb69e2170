// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: one multicast routing table of each family.
 *
 * The table is found by the number of its context, and emptied when the context
 * is deleted. It lives until nothing carries the number: so packets and timers
 * need no reference. A socket may be moved to another context meanwhile, so its
 * options hold the number for as long as they use the table.
 */

#include <linux/mroute.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>
#include <net/vrctx_mroute.h>

#include "ctx.h"

/* What differs between the families */
struct vrctx_mr_ops {
	struct mr_table *(*new)(struct net *net, u32 ctx);
	void (*clean)(struct mr_table *mrt);
	void (*free)(struct mr_table *mrt);
};

/* In the order of struct vrctx */
static const struct vrctx_mr_ops vrctx_mr_ops[VRCTX_MR_FAMILIES] = {
#ifdef CONFIG_IP_MROUTE
	{ ipmr_vrctx_new, ipmr_vrctx_clean, ipmr_vrctx_free },
#else
	{},
#endif
#ifdef CONFIG_IPV6_MROUTE
	{ ip6mr_vrctx_new, ip6mr_vrctx_clean, ip6mr_vrctx_free },
#endif
};

static int vrctx_mr_slot(int family)
{
	return family == RTNL_FAMILY_IP6MR;
}

struct mr_table *vrctx_mr_table(const struct net *net, int family, u32 id)
{
	struct mr_table *mrt = NULL;
	const struct vrctx *ctx;

	rcu_read_lock();
	ctx = vrctx_find_live(net, id);
	if (ctx)
		mrt = rcu_dereference(ctx->mrt[vrctx_mr_slot(family)]);
	rcu_read_unlock();

	return mrt;
}

struct mr_table *vrctx_mr_get(struct net *net, int family, u32 id)
{
	struct vrctx *ctx = vrctx_find_live(net, id);
	int slot = vrctx_mr_slot(family);
	struct mr_table *mrt;

	ASSERT_RTNL();

	if (!ctx)
		return NULL;
	mrt = rtnl_dereference(ctx->mrt[slot]);
	if (mrt)
		return mrt;
	if (vrctx_activate(ctx))
		return NULL;
	mrt = vrctx_mr_ops[slot].new(net, id);
	if (IS_ERR(mrt))
		return NULL;
	rcu_assign_pointer(ctx->mrt[slot], mrt);

	return mrt;
}

struct mr_table *vrctx_mr_hold(struct net *net, int family, u32 id)
{
	struct mr_table *mrt;

	if (!__vrctx_sock_tryhold(net, id))
		return NULL;

	mrt = vrctx_mr_table(net, family, id);
	if (!mrt) {
		rtnl_lock();
		mrt = vrctx_mr_get(net, family, id);
		rtnl_unlock();
	}
	if (!mrt)
		__vrctx_sock_put(net, id);

	return mrt;
}

void __vrctx_mr_put(const struct mr_table *mrt)
{
	__vrctx_sock_put(read_pnet(&mrt->net), mrt->vrctx);
}

struct mr_table *vrctx_mr_next(const struct net *net, int family, u32 id)
{
	const struct vrctx *ctx;
	struct mr_table *mrt;

	while ((ctx = vrctx_next(net, id + 1))) {
		mrt = rcu_dereference_rtnl(ctx->mrt[vrctx_mr_slot(family)]);
		if (mrt)
			return mrt;
		id = ctx->id;
	}

	return NULL;
}

bool vrctx_mr_forwards(const struct net *net, int family, u32 id)
{
	const struct mr_table *mrt;
	bool daemon;

	rcu_read_lock();
	mrt = vrctx_mr_table(net, family, id);
	daemon = mrt && rcu_access_pointer(mrt->mroute_sk);
	rcu_read_unlock();

	return daemon;
}

/* The context is being deleted: no daemon, no device and no entry any more */
void vrctx_mr_clean(struct vrctx *ctx)
{
	struct mr_table *mrt;
	int i;

	for (i = 0; i < VRCTX_MR_FAMILIES; i++) {
		mrt = rtnl_dereference(ctx->mrt[i]);
		if (mrt)
			vrctx_mr_ops[i].clean(mrt);
	}
}

static void vrctx_mr_free_one(struct vrctx *ctx, int slot)
{
	struct mr_table *mrt = rtnl_dereference(ctx->mrt[slot]);

	if (!mrt)
		return;
	RCU_INIT_POINTER(ctx->mrt[slot], NULL);
	vrctx_mr_ops[slot].free(mrt);
}

/* Nothing carries the number any more, and a grace period has passed since the
 * context was deleted, when others ceased to find the table.
 */
void vrctx_mr_free(struct vrctx *ctx)
{
	int i;

	for (i = 0; i < VRCTX_MR_FAMILIES; i++)
		vrctx_mr_free_one(ctx, i);
}

void vrctx_mr_exit(struct net *net, int family)
{
	unsigned long index;
	struct vrctx *ctx;

	ASSERT_RTNL();

	xa_for_each(&net->vrctx.xa, index, ctx)
		vrctx_mr_free_one(ctx, vrctx_mr_slot(family));
}

void __vrctx_mr_notify(const struct mr_table *mrt, const struct sk_buff *skb,
		       u32 group)
{
	struct sk_buff *copy = skb_copy(skb, GFP_ATOMIC);
	struct nlattr *nla;
	struct rtmsg *rtm;
	u32 table;

	if (!copy)
		return;
	rtm = nlmsg_data(nlmsg_hdr(copy));
	table = mr_number(rtm->rtm_family);
	rtm->rtm_table = table;
	nla = nlmsg_find_attr(nlmsg_hdr(copy), sizeof(*rtm), RTA_TABLE);
	if (nla)
		memcpy(nla_data(nla), &table, sizeof(table));
	vrctx_nl_tell(read_pnet(&mrt->net), copy, mrt->vrctx, group,
		      GFP_ATOMIC);
}

int __vrctx_mr_reg_dev(struct net_device *dev, u32 id)
{
	struct vrctx *ctx = vrctx_find_live(dev_net(dev), id);

	return ctx ? vrctx_dev_move(dev, ctx) : -ENETUNREACH;
}
