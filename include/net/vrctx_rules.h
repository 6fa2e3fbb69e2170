/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: policy rules of their own.
 *
 * A context that never changed its rules has none in memory: the data path
 * goes to its first table, and finds no table there once it has rules. What it
 * calls main and local are parts of that table, kept apart by the types of
 * routes: only rules tell them from each other.
 */
#ifndef _NET_VRCTX_RULES_H
#define _NET_VRCTX_RULES_H

#include <linux/socket.h>
#include <net/vrctx.h>

struct fib6_table;
struct fib_lookup_arg;
struct fib_rule;
struct fib_rules_ops;
struct flowi;
struct nlattr;

#ifdef CONFIG_NET_VRCTX

/* On since the first context changed its rules */
DECLARE_STATIC_KEY_FALSE(vrctx_rules_used);

/* The rules of a context, NULL if it has those that every host begins with.
 * RCU or RTNL.
 */
struct fib_rules_ops *vrctx_rules(const struct net *net, u32 ctx, int family);
/* The same to show */
struct fib_rules_ops *vrctx_rules_shown(const struct net *net, u32 ctx,
					int family);
/* The same for a change, or NULL. RTNL. */
struct fib_rules_ops *vrctx_rules_new(struct net *net, u32 ctx, int family);
/* A request for a change: does the context that it is for exist, and can it have
 * rules of the family? 0 or -errno with a text. RTNL.
 */
int vrctx_rules_req(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		    struct netlink_ext_ack *extack);
/* A change of the rules is about to happen: look-ups go by them from now on.
 * RTNL.
 */
void vrctx_rules_engage(struct net *net, u32 ctx, int family);
/* A rule that looks at protocols or ports comes (@by 1) or goes (-1). RTNL */
void vrctx_rules_fldissect(struct net *net, u32 ctx, int family, int by);
/* What a rule of a context cannot have: 0 or -errno with a text */
int vrctx_rule_check(u32 ctx, struct nlattr **tb, u32 table,
		     struct netlink_ext_ack *extack);
/* The table with the lowest number that the context does not use, 0 if there is
 * none. RTNL.
 */
u32 vrctx_table_unused(struct net *net, u32 ctx);
/* Data path: what context @ctx calls table @number, NULL if there is none; *@part
 * is the part of it that counts (0: all). RCU.
 */
struct fib_table *vrctx_fib_by_number(const struct net *net, u32 ctx,
				      u32 number, u32 *part);
struct fib6_table *vrctx_fib6_by_number(const struct net *net, u32 ctx,
					u32 number, u32 *part);
/* Sets up the IPv6 table that a rule leads to; false if that fails. RTNL */
bool vrctx_fib6_number_new(struct net *net, u32 ctx, u32 number);
#define vrctx_part_hides(part, type)					\
	((part) && (part) != vrctx_table_part(type))

/* Does the packet's context have rules of its own? */
#define vrctx_skb_has_rules(net, skb, family)				\
	(static_branch_unlikely(&vrctx_rules_used) && skb_vrctx(skb) &&	\
	 vrctx_rules(net, skb_vrctx(skb), family))

bool __vrctx_fldissect(const struct net *net, u32 ctx, int family);
/* Some rule looks at protocols or ports: is it one for the packet? @all is how
 * many there are.
 */
#define vrctx_no_fldissect(net, skb, fam, all)				\
	(vrctx_active() &&						\
	 (skb_vrctx(skb) ?						\
	  !__vrctx_fldissect(net, skb_vrctx(skb), fam) :		\
	  (all) == ((fam) == AF_INET ? (net)->vrctx.fldissect4 :	\
				       (net)->vrctx.fldissect6)))

#define vrctx_rule_fldissect(rule, family, by)				\
do {									\
	if ((rule)->vrctx)						\
		vrctx_rules_fldissect((rule)->fr_net, (rule)->vrctx,	\
				      family, by);			\
} while (0)

/* The rules of @ops, or the rule, are a context's */
#define fib_rules_vrctx(ops)	((ops)->vrctx)
/* May the rule be bound to the device? Context 0's to any, as ever. */
#define vrctx_rule_dev_ok(ops, dev)					\
	(!(ops)->vrctx || vrctx_dev_seen(dev, (ops)->vrctx))
#define vrctx_rule_put(skb, ops)	vrctx_nl_put(skb, (ops)->vrctx)
/* The message is about a rule: those in its context, and in 0, may hear */
#define vrctx_nl_about_rule(skb, ops)	skb_set_vrctx(skb, (ops)->vrctx)

/* A device enters its context, or is about to leave it. RTNL. */
void fib_rules_vrctx_dev(struct net_device *dev, bool enter);

/* What the protocols make and free them with */
struct fib_rules_ops *fib_rules_vrctx_new(const struct fib_rules_ops *tmpl,
					  struct net *net, u32 ctx);
void fib_rules_vrctx_free(struct fib_rules_ops *ops);
/* Their templates are needed for ever */
#define VRCTX_RULES_OPS		static const struct fib_rules_ops
struct fib_rules_ops *fib4_rules_vrctx_new(struct net *net, u32 ctx);
struct fib_rules_ops *fib6_rules_vrctx_new(struct net *net, u32 ctx);

#else /* !CONFIG_NET_VRCTX */

#define vrctx_part_hides(part, type)			((void)(type), false)
#define vrctx_skb_has_rules(net, skb, family)		false
#define vrctx_no_fldissect(net, skb, fam, all)		false
#define VRCTX_RULES_OPS	static const struct fib_rules_ops __net_initconst
#define fib_rules_vrctx(ops)				0U
#define vrctx_rule_fldissect(rule, family, by)		do { } while (0)
#define vrctx_rules_engage(net, ctx, family)		do { } while (0)
#define vrctx_fib6_number_new(net, ctx, number)		true
#define fib_rules_vrctx_dev(dev, enter)			do { } while (0)
#define vrctx_rule_dev_ok(ops, dev)			true
#define vrctx_rule_put(skb, ops)			0
#define vrctx_nl_about_rule(skb, ops)			do { } while (0)

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_RULES_H */
