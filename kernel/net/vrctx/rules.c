// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: policy rules.
 *
 * What a rule is and does is the protocols' (net/core/fib_rules.c). Here is
 * whose rules count: they are made at the first request for a change, and
 * look-ups go by them from the first change on.
 */

#include <linux/fib_rules.h>
#include <linux/ipv6.h>
#include <net/fib_rules.h>
#include <net/ip_fib.h>
#include <net/vrctx_rules.h>

#include "ctx.h"

DEFINE_STATIC_KEY_FALSE(vrctx_rules_used);

/* What every host begins with, to show; made with the first context in use */
static struct fib_rules_ops *vrctx_std4, *vrctx_std6;

static struct fib_rules_ops *vrctx_rules_make(struct net *net, u32 ctx,
					      int family)
{
	if (family == AF_INET)
		return fib4_rules_vrctx_new(net, ctx);

	return IS_ENABLED(CONFIG_IPV6) && ipv6_mod_enabled() ?
	       fib6_rules_vrctx_new(net, ctx) : NULL;
}

/* A context is about to be used. RTNL. */
int vrctx_rules_prepare(void)
{
	if (!vrctx_std4)
		vrctx_std4 = vrctx_rules_make(&init_net, 0, AF_INET);
	if (!vrctx_std4)
		return -ENOMEM;
	if (!IS_ENABLED(CONFIG_IPV6) || !ipv6_mod_enabled())
		return 0;
	if (!vrctx_std6)
		vrctx_std6 = vrctx_rules_make(&init_net, 0, AF_INET6);

	return vrctx_std6 ? 0 : -ENOMEM;
}

static struct fib_rules_ops __rcu **vrctx_rules_of(struct vrctx_pol *pol,
						   int family)
{
	switch (family) {
	case AF_INET:
		return &pol->rules4;
	case AF_INET6:
		return &pol->rules6;
	default:
		return NULL;
	}
}

struct fib_rules_ops *vrctx_rules(const struct net *net, u32 id, int family)
{
	const struct vrctx *ctx = vrctx_find(net, id);
	struct fib_rules_ops __rcu **rules = NULL;
	struct vrctx_pol *pol;

	pol = ctx ? rcu_dereference_rtnl(ctx->pol) : NULL;
	if (pol)
		rules = vrctx_rules_of(pol, family);

	return rules ? rcu_dereference_rtnl(*rules) : NULL;
}

struct fib_rules_ops *vrctx_rules_shown(const struct net *net, u32 id,
					int family)
{
	struct fib_rules_ops *ops = vrctx_rules(net, id, family);

	if (ops)
		return ops;

	return family == AF_INET ? vrctx_std4 :
	       family == AF_INET6 ? vrctx_std6 : NULL;
}

struct fib_rules_ops *vrctx_rules_new(struct net *net, u32 id, int family)
{
	struct vrctx *ctx = vrctx_find_live(net, id);
	struct fib_rules_ops __rcu **rules;
	struct fib_rules_ops *ops;
	struct vrctx_pol *pol;

	ASSERT_RTNL();

	if (!ctx || vrctx_activate(ctx))
		return NULL;
	pol = vrctx_pol_get(ctx);
	rules = pol ? vrctx_rules_of(pol, family) : NULL;
	if (!rules)
		return NULL;

	ops = rtnl_dereference(*rules);
	if (!ops) {
		ops = vrctx_rules_make(net, id, family);
		rcu_assign_pointer(*rules, ops);
	}

	return ops;
}

int vrctx_rules_req(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		    struct netlink_ext_ack *extack)
{
	const struct fib_rule_hdr *frh = nlmsg_data(nlh);
	u32 ctx = vrctx_nl_meant(skb, nlh, sizeof(*frh));
	struct net *net = sock_net(skb->sk);

	if (!ctx)
		return 0;
	if (!vrctx_find_live(net, ctx)) {
		NL_SET_ERR_MSG(extack, "No such context");
		return -ENOENT;
	}
	if (vrctx_activate(vrctx_find_live(net, ctx)))
		return -ENOMEM;
	if (!vrctx_rules_shown(net, ctx, frh->family)) {
		NL_SET_ERR_MSG(extack, "Rule family not supported");
		return -EAFNOSUPPORT;
	}

	return vrctx_rules_new(net, ctx, frh->family) ? 0 : -ENOMEM;
}

void vrctx_rules_engage(struct net *net, u32 id, int family)
{
	struct vrctx *ctx = vrctx_find_live(net, id);
	bool v4 = family == AF_INET;

	if (!ctx || !(v4 ? !!rtnl_dereference(ctx->fib4) :
			   !!rtnl_dereference(ctx->fib6)))
		return;

	static_branch_enable(&vrctx_rules_used);
	/* Who finds no table looks for rules, and for the table elsewhere: it
	 * has to see both by then.
	 */
	synchronize_net();
	if (v4) {
		RCU_INIT_POINTER(ctx->fib4, NULL);
		vrctx_map_update(ctx);
		/* source addresses are to be checked by them, too */
		vrctx_fib_note(net, id);
	} else {
		RCU_INIT_POINTER(ctx->fib6, NULL);
	}
}

void vrctx_rules_fldissect(struct net *net, u32 id, int family, int by)
{
	const struct vrctx *ctx = vrctx_find(net, id);
	struct vrctx_pol *pol = ctx ? rtnl_dereference(ctx->pol) : NULL;

	if (!pol)
		return;

	if (family == AF_INET) {
		WRITE_ONCE(pol->fldissect4, pol->fldissect4 + by);
		WRITE_ONCE(net->vrctx.fldissect4, net->vrctx.fldissect4 + by);
	} else {
		WRITE_ONCE(pol->fldissect6, pol->fldissect6 + by);
		WRITE_ONCE(net->vrctx.fldissect6, net->vrctx.fldissect6 + by);
	}
}

/* RCU */
bool __vrctx_fldissect(const struct net *net, u32 id, int family)
{
	const struct vrctx *ctx = vrctx_find(net, id);
	const struct vrctx_pol *pol;

	pol = ctx ? rcu_dereference(ctx->pol) : NULL;

	return pol && (family == AF_INET ? READ_ONCE(pol->fldissect4) :
					   READ_ONCE(pol->fldissect6));
}

int vrctx_rule_check(u32 ctx, struct nlattr **tb, u32 table,
		     struct netlink_ext_ack *extack)
{
	if (tb[FRA_L3MDEV]) {
		NL_SET_ERR_MSG(extack, "VRFs are not supported in a context");
		return -EOPNOTSUPP;
	}
	if (tb[FRA_TUN_ID]) {
		NL_SET_ERR_MSG(extack, "Tunnels are not supported in a context");
		return -EOPNOTSUPP;
	}
	if (!vrctx_table_number_ok(ctx, table)) {
		NL_SET_ERR_MSG(extack, "The number of the table is reserved");
		return -EPERM;
	}

	return 0;
}

/* No more rules in a context that is being deleted. RTNL. */
void vrctx_rules_del(struct vrctx_pol *pol)
{
	struct fib_rules_ops *ops = rtnl_dereference(pol->rules4);

	RCU_INIT_POINTER(pol->rules4, NULL);
	if (ops)
		fib_rules_vrctx_free(ops);

	ops = rtnl_dereference(pol->rules6);
	RCU_INIT_POINTER(pol->rules6, NULL);
	if (ops)
		fib_rules_vrctx_free(ops);
}
