// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: create, look up, count references, destroy.
 */

#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <net/ip_fib.h>
#include <net/ipv6.h>
#include <net/netns/hash.h>
#include <net/nexthop.h>
#include <net/vrctx_watch.h>

#include "ctx.h"

#include <trace/events/vrctx.h>

DEFINE_STATIC_KEY_FALSE(vrctx_used);
EXPORT_SYMBOL(vrctx_used);

/* Names of all namespaces, so that namespaces without contexts cost nothing */
static struct rhashtable vrctx_names;

struct vrctx_key {
	const struct net	*net;
	const char		*name;
};

static struct vrctx_map vrctx_no_map;

static u32 vrctx_name_hash(const struct net *net, const char *name, u32 seed)
{
	return jhash(name, strlen(name), seed ^ net_hash_mix(net));
}

static u32 vrctx_key_hash(const void *data, u32 len, u32 seed)
{
	const struct vrctx_key *key = data;

	return vrctx_name_hash(key->net, key->name, seed);
}

/* The name of an object in the table does not change */
static u32 vrctx_obj_hash(const void *data, u32 len, u32 seed)
{
	const struct vrctx *ctx = data;

	return vrctx_name_hash(ctx->net, rcu_dereference_raw(ctx->name), seed);
}

static int vrctx_obj_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct vrctx_key *key = arg->key;
	const struct vrctx *ctx = obj;

	return !net_eq(ctx->net, key->net) ||
	       strcmp(rcu_dereference_raw(ctx->name), key->name);
}

static const struct rhashtable_params vrctx_names_params = {
	.head_offset		= offsetof(struct vrctx, by_name),
	.hashfn			= vrctx_key_hash,
	.obj_hashfn		= vrctx_obj_hash,
	.obj_cmpfn		= vrctx_obj_cmp,
	.automatic_shrinking	= true,
};

/**
 * vrctx_check_name - is this a name for a context?
 * @name: string
 * @extack: why not
 *
 * Return: 0 or -EINVAL.
 */
int vrctx_check_name(const char *name, struct netlink_ext_ack *extack)
{
	size_t len = strlen(name);
	bool digits = true;
	const char *p;

	if (!len || len > VRCTX_NAME_MAX) {
		NL_SET_ERR_MSG(extack, "Context names have 1 to 31 characters");
		return -EINVAL;
	}

	for (p = name; *p; p++) {
		if (!isascii(*p) || (!isalnum(*p) && !strchr("_.-", *p))) {
			NL_SET_ERR_MSG(extack,
				       "Context names consist of letters, digits, '_', '.' and '-'");
			return -EINVAL;
		}
		if (!isdigit(*p))
			digits = false;
	}

	if (digits) {
		NL_SET_ERR_MSG(extack, "A context name must not be a number");
		return -EINVAL;
	}
	if (!strcmp(name, VRCTX_NAME_0) || !strcmp(name, VRCTX_NAME_NONE)) {
		NL_SET_ERR_MSG(extack, "The name is reserved");
		return -EINVAL;
	}

	return 0;
}

/* A live context by name. RCU or RTNL. */
struct vrctx *vrctx_find_name(const struct net *net, const char *name)
{
	struct vrctx_key key = { .net = net, .name = name };

	return rhashtable_lookup_fast(&vrctx_names, &key, vrctx_names_params);
}

/* The live context with the lowest number >= @id. RCU or RTNL. */
struct vrctx *vrctx_next(const struct net *net, u32 id)
{
	unsigned long index = id;
	struct vrctx *ctx;

	ctx = xa_find((struct xarray *)&net->vrctx.xa, &index, VRCTX_ID_MAX,
		      XA_PRESENT);
	while (ctx && READ_ONCE(ctx->dead))
		ctx = xa_find_after((struct xarray *)&net->vrctx.xa, &index,
				    VRCTX_ID_MAX, XA_PRESENT);

	return ctx;
}

static void vrctx_map_replace(struct net *net, struct vrctx_map *new)
{
	struct vrctx_map *old;

	old = rcu_replace_pointer(net->vrctx.map, new, lockdep_rtnl_is_held());
	if (old != &vrctx_no_map)
		kvfree_rcu(old, rcu);
}

/* Make room for @id if the numbers up to it are in use fairly densely. No
 * harm in failing: then it is the xarray that resolves the number.
 */
static void vrctx_map_grow(struct net *net, u32 id)
{
	struct vrctx_map *map;
	unsigned long index;
	struct vrctx *ctx;
	u32 size;

	size = max_t(u32, roundup_pow_of_two(id + 1), VRCTX_MAP_MIN);
	if (size > VRCTX_MAP_MAX ||
	    size > max(16 * VRCTX_MAP_MIN, 8 * net->vrctx.count))
		return;

	map = kvzalloc(struct_size(map, fib4, 2 * size),
		       GFP_KERNEL | __GFP_NOWARN);
	if (!map)
		return;

	map->size = size;
	xa_for_each_range(&net->vrctx.xa, index, ctx, 0, size - 1) {
		RCU_INIT_POINTER(vrctx_map_ctx(map)[index], ctx);
		RCU_INIT_POINTER(map->fib4[index],
				 rtnl_dereference(ctx->fib4));
	}
	vrctx_map_replace(net, map);
}

static void vrctx_map_set(struct net *net, u32 id, struct vrctx *ctx)
{
	struct vrctx_map *map = rtnl_dereference(net->vrctx.map);

	if (id < map->size)
		rcu_assign_pointer(vrctx_map_ctx(map)[id], ctx);
	else if (ctx)
		vrctx_map_grow(net, id);
}

/* The context's FIB table has changed. RTNL. */
void vrctx_map_update(struct vrctx *ctx)
{
	struct vrctx_map *map = rtnl_dereference(ctx->net->vrctx.map);

	if (ctx->id < map->size)
		rcu_assign_pointer(map->fib4[ctx->id],
				   rtnl_dereference(ctx->fib4));
}

/* Is there an ordinary FIB table with the number of that of context @id? */
static bool vrctx_table_taken(struct net *net, u32 id)
{
	return fib_get_table_0(net, vrctx_table_id(id)) ||
	       vrctx_fib6_taken(net, vrctx_table_id(id));
}

/* May there be a context with the number @id? */
static int vrctx_check_id(struct net *net, u32 id,
			  struct netlink_ext_ack *extack)
{
	struct vrctx *old = vrctx_find(net, id);

	if (old && !old->dead) {
		NL_SET_ERR_MSG(extack, "The number is taken");
		return -EEXIST;
	}
	if (old) {
		NL_SET_ERR_MSG(extack,
			       "Sockets, tasks or connections of a deleted context still carry the number");
		return -EAGAIN;
	}
	if (vrctx_table_taken(net, id)) {
		NL_SET_ERR_MSG(extack, "The context's FIB table exists as an ordinary one");
		return -EBUSY;
	}

	return 0;
}

/* Reserve the lowest number that is free */
static int vrctx_reserve_id(struct net *net, u32 *id,
			    struct netlink_ext_ack *extack)
{
	struct xarray *xa = &net->vrctx.xa;
	u32 min = 1;
	int err;

	for (;;) {
		err = xa_alloc(xa, id, NULL, XA_LIMIT(min, VRCTX_ID_MAX),
			       GFP_KERNEL);
		if (err) {
			NL_SET_ERR_MSG(extack, "No free number");
			return err;
		}
		if (!vrctx_table_taken(net, *id))
			return 0;
		xa_release(xa, *id);
		min = *id + 1;
	}
}

/* Before a number other than 0 can be found and carried. RTNL. */
void vrctx_on(void)
{
	/* cheaper to see here than there, below a lock */
	if (static_key_enabled(&vrctx_used))
		return;

	vrctx_rx_on();
	static_branch_enable(&vrctx_used);
}

/**
 * vrctx_new - create a context
 * @net: namespace
 * @id: number, 0 for the lowest free one
 * @name: name or NULL
 * @extack: why not
 *
 * Context: RTNL.
 * Return: the context, or an ERR_PTR(). -EAGAIN if the number belongs to a
 *	   deleted context and is to be had later.
 */
struct vrctx *vrctx_new(struct net *net, u32 id, const char *name,
			struct netlink_ext_ack *extack)
{
	struct xarray *xa = &net->vrctx.xa;
	bool reserved = !id;
	struct vrctx *ctx;
	int err;

	ASSERT_RTNL();

	err = id ? vrctx_check_id(net, id, extack) :
		   vrctx_reserve_id(net, &id, extack);
	if (err)
		return ERR_PTR(err);
	if (name && vrctx_find_name(net, name)) {
		NL_SET_ERR_MSG(extack, "The name is taken");
		err = -EEXIST;
		goto err_release;
	}

	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	err = -ENOMEM;
	if (!ctx)
		goto err_release;

	ctx->id = id;
	ctx->net = net;
	INIT_LIST_HEAD(&ctx->in6_devs);
	refcount_set(&ctx->refs, 1);
	refcount_set(&ctx->budget.timewaits, 1);
	if (name) {
		RCU_INIT_POINTER(ctx->name, kstrdup(name, GFP_KERNEL_ACCOUNT));
		if (!rcu_access_pointer(ctx->name))
			goto err_free;
	}

	vrctx_on();

	err = reserved ? xa_err(xa_store(xa, id, ctx, GFP_KERNEL)) :
			 xa_insert(xa, id, ctx, GFP_KERNEL);
	if (err)
		goto err_name;
	if (name) {
		err = rhashtable_insert_fast(&vrctx_names, &ctx->by_name,
					     vrctx_names_params);
		if (err)
			goto err_erase;
	}
	net->vrctx.count++;
	net->vrctx.seq++;
	vrctx_map_set(net, id, ctx);

	trace_vrctx_new(ctx);
	return ctx;

err_erase:
	/* somebody may be looking at it */
	xa_erase(xa, id);
	synchronize_rcu();
err_name:
	kfree(rcu_dereference_raw(ctx->name));
err_free:
	kfree(ctx);
err_release:
	if (reserved)
		xa_release(xa, id);
	return ERR_PTR(err);
}

/**
 * vrctx_new_wait - create a context, wait for a number that is about to be free
 * @net: namespace
 * @id: number, 0 for the lowest free one
 * @name: name or NULL
 * @extack: why not
 *
 * Context: process, no locks held. Returns with RTNL held in any case.
 * Return: the context or an ERR_PTR().
 */
struct vrctx *vrctx_new_wait(struct net *net, u32 id, const char *name,
			     struct netlink_ext_ack *extack)
{
	struct vrctx *ctx;

	rtnl_lock();
	ctx = vrctx_new(net, id, name, extack);
	if (ctx != ERR_PTR(-EAGAIN))
		return ctx;

	/* Sockets are freed by RCU after they were closed, and the number is
	 * after the last carrier. One that had asked for packets with a router
	 * alert is held until as much later.
	 */
	rtnl_unlock();
	vrctx_purge_flush();
	rcu_barrier();
	rcu_barrier();
	flush_work(&net->vrctx.reap_work);
	rtnl_lock();

	ctx = vrctx_new(net, id, name, extack);
	return ctx != ERR_PTR(-EAGAIN) ? ctx : ERR_PTR(-EBUSY);
}

/* Rename a live context. RTNL. */
int vrctx_rename(struct vrctx *ctx, const char *name,
		 struct netlink_ext_ack *extack)
{
	const char *old = rtnl_dereference(ctx->name);
	struct vrctx *other;
	char *dup;
	int err;

	other = vrctx_find_name(ctx->net, name);
	if (other == ctx)
		return 0;
	if (other) {
		NL_SET_ERR_MSG(extack, "The name is taken");
		return -EEXIST;
	}

	dup = kstrdup(name, GFP_KERNEL_ACCOUNT);
	if (!dup)
		return -ENOMEM;

	if (old)
		rhashtable_remove_fast(&vrctx_names, &ctx->by_name,
				       vrctx_names_params);
	rcu_assign_pointer(ctx->name, dup);
	err = rhashtable_insert_fast(&vrctx_names, &ctx->by_name,
				     vrctx_names_params);
	if (err) {
		/* nowhere to put it: nameless rather than not to be found */
		RCU_INIT_POINTER(ctx->name, NULL);
		kvfree_rcu_mightsleep(dup);
	}
	if (old)
		kvfree_rcu_mightsleep(old);
	ctx->net->vrctx.seq++;

	return err;
}

/**
 * vrctx_activate - give a live context what its carriers need
 * @ctx: context
 *
 * To be called before anything is made to carry the number.
 *
 * Context: RTNL.
 * Return: 0 or -ENOMEM.
 */
int vrctx_activate(struct vrctx *ctx)
{
	struct vrctx_stats __percpu *stats;
	int cpu, err;

	ASSERT_RTNL();

	if (ctx->stats)
		return 0;

	stats = alloc_percpu(struct vrctx_stats);
	if (!stats)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		per_cpu_ptr(stats, cpu)->id = ctx->id;

	err = vrctx_rules_prepare();
	if (!err)
		err = vrctx_fib_add(ctx);
	if (err)
		goto err_stats;
	err = vrctx_fib6_add(ctx);
	if (err)
		goto err_fib;

	ctx->salt = get_random_u32() ? : 1;
	/* pairs with the address dependency in vrctx_stats() */
	smp_store_release(&ctx->stats, stats);
	xa_set_mark(&ctx->net->vrctx.xa, ctx->id, VRCTX_ACTIVE);

	return 0;

err_fib:
	vrctx_fib_del(ctx);
err_stats:
	free_percpu(stats);
	return err;
}

static void vrctx_free_rcu(struct rcu_head *head)
{
	struct vrctx *ctx = container_of(head, struct vrctx, rcu);

	vrctx_fib6_free(ctx);
	vrctx_pol_free(ctx);
	vrctx_mptcp_free(ctx);
	free_percpu(ctx->stats);
	kfree(rcu_dereference_raw(ctx->name));
	kfree(ctx);
}

/* Nothing carries the number any more */
static void vrctx_free(struct vrctx *ctx)
{
	struct net *net = ctx->net;

	ASSERT_RTNL();

	trace_vrctx_free(ctx);
#if IS_ENABLED(CONFIG_IPV6)
	/* those that linger, and those that sockets held until now */
	ip6_fl_purge_vrctx(net, ctx->id);
#endif
	vrctx_conf_free(ctx);
	vrctx_mr_free(ctx);
	vrctx_pol_release(ctx);
	vrctx_map_set(net, ctx->id, NULL);
	xa_erase(&net->vrctx.xa, ctx->id);
	if (xa_empty(&net->vrctx.xa))
		vrctx_map_replace(net, &vrctx_no_map);

	call_rcu(&ctx->rcu, vrctx_free_rcu);
}

static void vrctx_reap(struct work_struct *work)
{
	struct netns_vrctx *nv = container_of(work, struct netns_vrctx,
					      reap_work);
	struct llist_node *list = llist_del_all(&nv->reap);
	struct vrctx *ctx, *tmp;

	if (!list)
		return;

	/* Packets on the loopback device carry the numbers still: those being
	 * processed, which may end up in a backlog, those in the backlogs,
	 * and those just taken from there. Somebody may wait for a number, so
	 * be quick.
	 */
	synchronize_rcu_expedited();
	rtnl_lock();
	vrctx_flush_backlogs();
	rtnl_unlock();
	synchronize_rcu_expedited();

	/* A flow that had a policy when it was purged may have asked for a
	 * state since then
	 */
	llist_for_each_entry(ctx, list, reap) {
		vrctx_xfrm_purge(ctx);
		vrctx_metrics_purge(ctx);
	}

	rtnl_lock();
	llist_for_each_entry_safe(ctx, tmp, list, reap)
		vrctx_free(ctx);
	rtnl_unlock();
}

/* Any context */
void vrctx_put(struct vrctx *ctx)
{
	struct netns_vrctx *nv = &ctx->net->vrctx;

	if (refcount_dec_and_test(&ctx->refs) &&
	    llist_add(&ctx->reap, &nv->reap))
		queue_work(system_unbound_wq, &nv->reap_work);
}

/**
 * vrctx_kill - make a live context without devices a deleted one
 * @ctx: context
 *
 * The caller purges what is left of it with vrctx_purge(), unless nobody ever
 * used it: then it is gone on return.
 *
 * Context: RTNL.
 * Return: whether there is something to purge.
 */
bool vrctx_kill(struct vrctx *ctx)
{
	struct net *net = ctx->net;

	ASSERT_RTNL();

	WRITE_ONCE(ctx->dead, true);
	if (rtnl_dereference(ctx->name))
		rhashtable_remove_fast(&vrctx_names, &ctx->by_name,
				       vrctx_names_params);
	net->vrctx.count--;
	net->vrctx.seq++;
	trace_vrctx_del(ctx);
	vrctx_watch_gone(net, ctx->id);

	if (ctx->stats) {
		vrctx_lo4_del(ctx);
		vrctx_lo6_del(ctx);
		vrctx_pol_del(ctx);
		vrctx_fib_del(ctx);
		vrctx_fib6_del(ctx);
		nexthop_flush_vrctx(net, ctx->id);
		return true;
	}

	WARN_ON_ONCE(!refcount_dec_and_test(&ctx->refs));
	vrctx_free(ctx);
	return false;
}

static atomic_t *vrctx_users(struct vrctx *ctx, enum vrctx_user user)
{
	switch (user) {
	case VRCTX_SOCK:
		return &ctx->socks;
	case VRCTX_TASK:
		return &ctx->tasks;
	default:
		return &ctx->conns;
	}
}

/* An active context has a socket: packets look for it from now on. Any context;
 * it does no harm to do that twice.
 */
static void vrctx_has_socks(struct vrctx *ctx)
{
	int cpu;

	if (likely(READ_ONCE(ctx->demux)))
		return;

	for_each_possible_cpu(cpu)
		WRITE_ONCE(per_cpu_ptr(ctx->stats, cpu)->demux, true);
	WRITE_ONCE(ctx->demux, true);
}

/* The carrier has its reference already */
static void vrctx_count_user(struct vrctx *ctx, enum vrctx_user user)
{
	if (user == VRCTX_SOCK)
		vrctx_has_socks(ctx);
	atomic_inc(vrctx_users(ctx, user));
}

/* A further carrier of an active context; whoever calls has a reference */
void vrctx_get_user(struct vrctx *ctx, enum vrctx_user user)
{
	refcount_inc(&ctx->refs);
	vrctx_count_user(ctx, user);
}

/**
 * vrctx_tryget_id - become a carrier of an active context that may be gone
 * @net: namespace
 * @id: number, not 0
 * @user: kind of carrier
 *
 * Context: any.
 * Return: false if there is no such context (any more).
 */
bool vrctx_tryget_id(struct net *net, u32 id, enum vrctx_user user)
{
	struct vrctx *ctx;

	rcu_read_lock();
	ctx = vrctx_find_live(net, id);
	if (ctx && !refcount_inc_not_zero(&ctx->refs))
		ctx = NULL;
	if (ctx)
		vrctx_count_user(ctx, user);
	rcu_read_unlock();

	return ctx;
}

void vrctx_put_user(struct vrctx *ctx, enum vrctx_user user)
{
	atomic_dec(vrctx_users(ctx, user));
	vrctx_put(ctx);
}

/**
 * vrctx_get_id - become a carrier of a context
 * @net: namespace
 * @id: number, not 0
 * @user: kind of carrier
 *
 * Sets up what the context needs for that.
 *
 * Context: process, takes RTNL.
 * Return: the context or an ERR_PTR(), -ENOENT if there is no such context.
 */
struct vrctx *vrctx_get_id(struct net *net, u32 id, enum vrctx_user user)
{
	struct vrctx *ctx;
	int err;

	rtnl_lock();
	ctx = vrctx_find_live(net, id);
	err = ctx ? vrctx_activate(ctx) : -ENOENT;
	if (!err)
		vrctx_get_user(ctx, user);
	rtnl_unlock();

	return err ? ERR_PTR(err) : ctx;
}

/**
 * __vrctx_salt - secret of a context to be mixed into SYN cookies
 * @net: namespace
 * @id: number, not 0
 *
 * Return: a random number, 0 if there is no such context.
 */
u32 __vrctx_salt(const struct net *net, u32 id)
{
	struct vrctx *ctx;
	u32 salt = 0;

	rcu_read_lock();
	ctx = vrctx_find(net, id);
	if (ctx)
		salt = ctx->salt;
	rcu_read_unlock();

	return salt;
}
EXPORT_SYMBOL_GPL(__vrctx_salt);

void vrctx_net_init(struct net *net)
{
	struct netns_vrctx *nv = &net->vrctx;

	xa_init_flags(&nv->xa, XA_FLAGS_ALLOC1);
	xa_init_flags(&nv->tables, XA_FLAGS_ALLOC1);
	RCU_INIT_POINTER(nv->map, &vrctx_no_map);
	init_llist_head(&nv->reap);
	INIT_WORK(&nv->reap_work, vrctx_reap);
	nv->count = 0;
	nv->seq = 1;
}

/* No device, socket, task or packet is left in the namespace */
void vrctx_net_exit(struct net *net)
{
	struct netns_vrctx *nv = &net->vrctx;
	unsigned long index;
	struct vrctx *ctx;

	vrctx_purge_flush();
	flush_work(&nv->reap_work);
	if (xa_empty(&nv->xa))
		return;

	rtnl_lock();
	xa_for_each(&nv->xa, index, ctx) {
		WARN_ON_ONCE(ctx->dead || refcount_read(&ctx->refs) != 1);
		if (rtnl_dereference(ctx->name))
			rhashtable_remove_fast(&vrctx_names, &ctx->by_name,
					       vrctx_names_params);
		vrctx_free(ctx);
	}
	rtnl_unlock();
}

int __init vrctx_ctx_init(void)
{
	return rhashtable_init(&vrctx_names, &vrctx_names_params);
}
