// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: route leaks, that is the routes and their lifetime.
 *
 * A leak holds no reference to its contexts: it goes with either of them,
 * before the number can be given to another. Routes, and what is cached of
 * them, may keep the leak itself for longer; they find it dead.
 */

#include <linux/inetdevice.h>
#include <linux/percpu.h>
#include <net/addrconf.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/ip_fib.h>
#include <net/netlink.h>
#include <net/netns/generic.h>

#include "genl.h"
#include "leak.h"

static unsigned int vrctx_leak_net_id;

/* All leaks of the namespace, by their own number */
struct xarray *vrctx_leaks(const struct net *net)
{
	return net_generic(net, vrctx_leak_net_id);
}

static void vrctx_leak_free_rcu(struct rcu_head *head)
{
	struct vrctx_leak *leak = container_of(head, struct vrctx_leak, rcu);

	free_percpu(leak->stats);
	kfree(leak);
}

void vrctx_leak_put(struct vrctx_leak *leak)
{
	if (refcount_dec_and_test(&leak->refs))
		call_rcu(&leak->rcu, vrctx_leak_free_rcu);
}

/* The leak with the context, family and prefix of @key. RCU or RTNL. */
struct vrctx_leak *vrctx_leak_find(const struct net *net,
				   const struct vrctx_leak *key)
{
	struct vrctx_leak *leak;
	unsigned long id;

	xa_for_each(vrctx_leaks(net), id, leak) {
		if (leak->from == key->from && leak->family == key->family &&
		    leak->plen == key->plen &&
		    ipv6_addr_equal(&leak->prefix, &key->prefix))
			return leak;
	}

	return NULL;
}

/* What the route is made with: the number of the leak, for build_state */
struct vrctx_leak_encap {
	struct nlattr	nla;
	u32		id;
};

static void vrctx_leak_encap(struct vrctx_leak_encap *encap, u32 id)
{
	encap->nla.nla_len = sizeof(*encap);
	encap->nla.nla_type = 0;
	encap->id = id;
}

static u32 vrctx_leak_table(const struct vrctx_leak *leak)
{
	return vrctx_table_id(leak->from) ? : RT_TABLE_MAIN;
}

static int vrctx_leak_route4(const struct vrctx_leak *leak, bool add,
			     struct netlink_ext_ack *extack)
{
	struct vrctx_leak_encap encap;
	struct fib_config cfg = {
		.fc_protocol	= RTPROT_KERNEL,
		.fc_type	= RTN_UNICAST,
		.fc_scope	= RT_SCOPE_LINK,
		.fc_table	= vrctx_leak_table(leak),
		.fc_dst		= leak->prefix.s6_addr32[0],
		.fc_dst_len	= leak->plen,
		.fc_oif		= leak->net->loopback_dev->ifindex,
		.fc_priority	= VRCTX_LEAK_METRIC,
		.fc_encap	= &encap.nla,
		.fc_encap_type	= LWTUNNEL_ENCAP_VRCTX,
		.fc_nlflags	= NLM_F_CREATE | NLM_F_EXCL,
		.fc_nlinfo	= {
			.nl_net	= leak->net,
		},
	};
	struct fib_table *tb;

	vrctx_leak_encap(&encap, leak->id);
	tb = add ? fib_new_table(leak->net, cfg.fc_table) :
		   fib_get_table(leak->net, cfg.fc_table);
	if (IS_ERR_OR_NULL(tb))
		return tb ? PTR_ERR(tb) : -ENOMEM;

	return add ? fib_table_insert(leak->net, tb, &cfg, extack) :
		     fib_table_delete(leak->net, tb, &cfg, extack);
}

#if IS_ENABLED(CONFIG_IPV6)
static int vrctx_leak_add6(const struct vrctx_leak *leak, gfp_t gfp,
			   struct netlink_ext_ack *extack)
{
	struct vrctx_leak_encap encap;
	struct fib6_config cfg = {
		.fc_table	= vrctx_leak_table(leak),
		.fc_ifindex	= leak->net->loopback_dev->ifindex,
		.fc_type	= RTN_UNICAST,
		.fc_flags	= RTF_UP,
		.fc_protocol	= RTPROT_KERNEL,
		.fc_metric	= VRCTX_LEAK_METRIC,
		.fc_dst		= leak->prefix,
		.fc_dst_len	= leak->plen,
		.fc_encap	= &encap.nla,
		.fc_encap_type	= LWTUNNEL_ENCAP_VRCTX,
		.fc_nlinfo	= {
			.nl_net	= leak->net,
		},
	};

	if (!ipv6_mod_enabled())
		return -EAFNOSUPPORT;

	vrctx_leak_encap(&encap, leak->id);
	return ip6_route_add(&cfg, gfp, extack);
}

/* The route is the one that leads to @leak */
static void vrctx_leak_del6(const struct vrctx_leak *leak)
{
	struct fib6_info *rt, *found = NULL;
	struct fib6_table *table;
	struct fib6_node *fn;

	table = fib6_get_table(leak->net, vrctx_leak_table(leak));
	if (!table)
		return;

	rcu_read_lock();
	fn = fib6_locate(&table->tb6_root, &leak->prefix, leak->plen, NULL, 0,
			 true);
	if (fn) {
		for_each_fib6_node_rt_rcu(fn) {
			if (vrctx_f6i_leaks(rt) && fib6_info_hold_safe(rt)) {
				found = rt;
				break;
			}
		}
	}
	rcu_read_unlock();

	if (found)
		ip6_del_rt(leak->net, found, false);
}
#else
static int vrctx_leak_add6(const struct vrctx_leak *leak, gfp_t gfp,
			   struct netlink_ext_ack *extack)
{
	return -EAFNOSUPPORT;
}

static void vrctx_leak_del6(const struct vrctx_leak *leak) { }
#endif

/**
 * vrctx_leak_add - make a leak
 * @net: namespace
 * @key: contexts, which are alive and active, family and prefix
 * @extack: why not
 *
 * Context: RTNL.
 * Return: 0 or a negative errno.
 */
int vrctx_leak_add(struct net *net, const struct vrctx_leak *key,
		   struct netlink_ext_ack *extack)
{
	struct vrctx_leak *leak;
	int err;

	ASSERT_RTNL();

	leak = kmemdup(key, sizeof(*key), GFP_KERNEL_ACCOUNT);
	if (!leak)
		return -ENOMEM;
	leak->net = net;
	refcount_set(&leak->refs, 1);
	err = -ENOMEM;
	leak->stats = alloc_percpu(struct vrctx_leak_stats);
	if (!leak->stats)
		goto err_free;
	err = xa_alloc(vrctx_leaks(net), &leak->id, leak, xa_limit_31b,
		       GFP_KERNEL);
	if (err)
		goto err_free;

	err = leak->family == AF_INET ?
	      vrctx_leak_route4(leak, true, extack) :
	      vrctx_leak_add6(leak, GFP_KERNEL, extack);
	if (err)
		goto err_erase;

	net->vrctx.seq++;
	/* what had no route, or another one */
	rt_cache_flush(net);
	vrctx_leak_notify(leak, VRCTX_CMD_LEAK_NTF);

	return 0;

err_erase:
	xa_erase(vrctx_leaks(net), leak->id);
	vrctx_leak_put(leak);
	return err;
err_free:
	free_percpu(leak->stats);
	kfree(leak);
	return err;
}

/* Remove a leak and its route, which may be gone with its table. RTNL. */
void vrctx_leak_del(struct vrctx_leak *leak)
{
	ASSERT_RTNL();

	WRITE_ONCE(leak->dead, true);
	if (leak->family == AF_INET)
		vrctx_leak_route4(leak, false, NULL);
	else
		vrctx_leak_del6(leak);
	rt_cache_flush(leak->net);
	vrctx_leak_notify(leak, VRCTX_CMD_LEAK_DEL_NTF);
	xa_erase(vrctx_leaks(leak->net), leak->id);
	leak->net->vrctx.seq++;
	vrctx_leak_put(leak);
}

/* A context is about to be deleted: no way into it or out of it. RTNL. */
void vrctx_leak_purge(struct net *net, u32 id)
{
	struct vrctx_leak *leak;
	unsigned long index;

	xa_for_each(vrctx_leaks(net), index, leak) {
		if (leak->from == id || leak->to == id)
			vrctx_leak_del(leak);
	}
}

/* The loopback device is back, the routes went with it. RTNL. */
void vrctx_leak_lo_up(struct net *net, int family)
{
	struct vrctx_leak *leak;
	unsigned long index;
	int err;

	ASSERT_RTNL();

	xa_for_each(vrctx_leaks(net), index, leak) {
		if (leak->family != family)
			continue;
		err = family == AF_INET ?
		      vrctx_leak_route4(leak, true, NULL) :
		      vrctx_leak_add6(leak, GFP_KERNEL, NULL);
		if (err && err != -EEXIST)
			net_warn_ratelimited("vrctx: a leak of context %u has no route\n",
					     leak->from);
	}
}

void vrctx_leak_read(const struct vrctx_leak *leak,
		     struct vrctx_leak_stats *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct vrctx_leak_stats *s = per_cpu_ptr(leak->stats,
							       cpu);

		sum->packets += READ_ONCE(s->packets);
		sum->bytes += READ_ONCE(s->bytes);
	}
}

static int __net_init vrctx_leak_net_init(struct net *net)
{
	xa_init_flags(vrctx_leaks(net), XA_FLAGS_ALLOC1);

	return 0;
}

/* The routes have gone, or go, with their tables */
static void __net_exit vrctx_leak_net_exit(struct net *net)
{
	struct vrctx_leak *leak;
	unsigned long index;

	xa_for_each(vrctx_leaks(net), index, leak) {
		WRITE_ONCE(leak->dead, true);
		vrctx_leak_put(leak);
	}
	xa_destroy(vrctx_leaks(net));
}

static struct pernet_operations vrctx_leak_net_ops = {
	.init	= vrctx_leak_net_init,
	.exit	= vrctx_leak_net_exit,
	.id	= &vrctx_leak_net_id,
	.size	= sizeof(struct xarray),
};

/* ---- the state of the route ---- */

static int vrctx_leak_build(struct net *net, struct nlattr *nla,
			    unsigned int family, const void *cfg,
			    struct lwtunnel_state **ts,
			    struct netlink_ext_ack *extack)
{
	struct vrctx_leak_encap *encap;
	struct lwtunnel_state *lws;
	struct vrctx_leak *leak;

	/* User space cannot name the type: it is ours */
	encap = container_of(nla, struct vrctx_leak_encap, nla);
	leak = xa_load(vrctx_leaks(net), encap->id);
	if (!leak)
		return -ENOENT;

	lws = lwtunnel_state_alloc(sizeof(leak));
	if (!lws)
		return -ENOMEM;

	refcount_inc(&leak->refs);
	*(struct vrctx_leak **)lws->data = leak;
	lws->type = LWTUNNEL_ENCAP_VRCTX;
	lws->flags = LWTUNNEL_STATE_OUTPUT_REDIRECT |
		     LWTUNNEL_STATE_INPUT_REDIRECT;
	*ts = lws;

	return 0;
}

static void vrctx_leak_destroy(struct lwtunnel_state *lws)
{
	vrctx_leak_put(vrctx_lws_leak(lws));
}

static int vrctx_leak_cmp(struct lwtunnel_state *a, struct lwtunnel_state *b)
{
	return vrctx_lws_leak(a) != vrctx_lws_leak(b);
}

static const struct lwtunnel_encap_ops vrctx_leak_ops = {
	.build_state	= vrctx_leak_build,
	.destroy_state	= vrctx_leak_destroy,
	.output		= vrctx_leak_output,
	.input		= vrctx_leak_input,
	.cmp_encap	= vrctx_leak_cmp,
};

int __init vrctx_leak_init(void)
{
	int err = register_pernet_subsys(&vrctx_leak_net_ops);

	return err ? : lwtunnel_encap_add_ops(&vrctx_leak_ops,
					      LWTUNNEL_ENCAP_VRCTX);
}
