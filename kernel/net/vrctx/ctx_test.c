// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: KUnit tests for numbers, names and references.
 *
 * The oracle is a plain array indexed by number.
 */

#include <kunit/test.h>
#include <linux/inetdevice.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/ip_fib.h>

#include "ctx.h"

#define TEST_IDS	3000

/* A namespace with nothing in it but contexts, and no ordinary FIB tables */
static int vrctx_test_init(struct kunit *test)
{
	struct net *net;

	net = kunit_kzalloc(test, sizeof(*net), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, net);
	net->ipv4.fib_table_hash =
		kunit_kcalloc(test, FIB_TABLE_HASHSZ,
			      sizeof(struct hlist_head), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, net->ipv4.fib_table_hash);
	net->loopback_dev = kunit_kzalloc(test, sizeof(*net->loopback_dev),
					  GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, net->loopback_dev);
	vrctx_net_init(net);
	test->priv = net;

	return 0;
}

static void vrctx_test_exit(struct kunit *test)
{
	struct net *net = test->priv;

	rtnl_lock();
	vrctx_fib_exit(net);
	rtnl_unlock();
	vrctx_net_exit(net);
	/* the objects refer to the namespace until they are freed */
	rcu_barrier();
}

/* Delete as ctx-del does, but for the purge: there is nothing to purge */
static void vrctx_test_del(struct vrctx *ctx)
{
	bool used;

	rtnl_lock();
	used = vrctx_kill(ctx);
	rtnl_unlock();
	if (used)
		vrctx_put(ctx);
}

static struct vrctx *vrctx_test_new(struct net *net, u32 id, const char *name)
{
	struct vrctx *ctx = vrctx_new_wait(net, id, name, NULL);

	rtnl_unlock();
	return ctx;
}

static void vrctx_test_compare(struct kunit *test, struct vrctx **oracle)
{
	struct net *net = test->priv;
	unsigned int count = 0;
	struct vrctx *ctx;
	u32 id, next = 0;

	rcu_read_lock();
	ctx = vrctx_next(net, 0);
	for (id = 1; id < TEST_IDS; id++) {
		KUNIT_ASSERT_PTR_EQ(test, vrctx_find(net, id), oracle[id]);
		if (!oracle[id])
			continue;
		count++;
		KUNIT_ASSERT_PTR_EQ(test, ctx, oracle[id]);
		KUNIT_ASSERT_EQ(test, ctx->id, id);
		next = id + 1;
		ctx = vrctx_next(net, next);
	}
	rcu_read_unlock();
	KUNIT_ASSERT_EQ(test, net->vrctx.count, count);
}

/* Create and delete at random: look-up and walk agree with the oracle while
 * the map grows and goes.
 */
static void vrctx_test_numbers(struct kunit *test)
{
	struct net *net = test->priv;
	struct rnd_state rnd;
	struct vrctx **oracle;
	int i;

	oracle = kunit_kcalloc(test, TEST_IDS, sizeof(*oracle), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, oracle);
	prandom_seed_state(&rnd, 5652);

	for (i = 0; i < 8 * TEST_IDS; i++) {
		u32 id = 1 + prandom_u32_state(&rnd) % (TEST_IDS - 1);

		if (oracle[id] && i % 3) {
			vrctx_test_del(oracle[id]);
			oracle[id] = NULL;
		} else if (oracle[id]) {
			KUNIT_ASSERT_PTR_EQ(test, vrctx_test_new(net, id, NULL),
					    ERR_PTR(-EEXIST));
		} else {
			oracle[id] = vrctx_test_new(net, id, NULL);
			KUNIT_ASSERT_NOT_ERR_OR_NULL(test, oracle[id]);
		}
		if (!(i % TEST_IDS))
			vrctx_test_compare(test, oracle);
	}
	vrctx_test_compare(test, oracle);

	for (i = 1; i < TEST_IDS; i++) {
		if (!oracle[i])
			continue;
		vrctx_test_del(oracle[i]);
		oracle[i] = NULL;
	}
	vrctx_test_compare(test, oracle);
	KUNIT_EXPECT_TRUE(test, xa_empty(&net->vrctx.xa));
}

/* Numbers that the map does not cover resolve all the same */
static void vrctx_test_sparse(struct kunit *test)
{
	static const u32 ids[] = {
		1, VRCTX_MAP_MIN - 1, VRCTX_MAP_MIN, VRCTX_MAP_MAX - 1,
		VRCTX_MAP_MAX, 1000000, VRCTX_ID_MAX - 1, VRCTX_ID_MAX,
	};
	struct net *net = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test,
					     vrctx_test_new(net, ids[i], NULL));

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		struct vrctx *ctx = vrctx_find(net, ids[i]);

		KUNIT_ASSERT_NOT_NULL(test, ctx);
		KUNIT_EXPECT_EQ(test, ctx->id, ids[i]);
	}
	KUNIT_EXPECT_NULL(test, vrctx_find(net, 2));
	KUNIT_EXPECT_NULL(test, vrctx_find(net, VRCTX_MAP_MAX + 1));
	KUNIT_EXPECT_NULL(test, vrctx_find(net, SK_VRCTX_ANY));
	KUNIT_EXPECT_LE(test, rcu_dereference(net->vrctx.map)->size,
			16 * VRCTX_MAP_MIN);
	rcu_read_unlock();
}

/* Number 0 in a request is the lowest free one */
static void vrctx_test_lowest(struct kunit *test)
{
	static const u32 taken[] = { 1, 2, 5 }, want[] = { 3, 4, 6, 7 };
	struct net *net = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(taken); i++)
		vrctx_test_new(net, taken[i], NULL);
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		struct vrctx *ctx = vrctx_test_new(net, 0, NULL);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ctx);
		KUNIT_EXPECT_EQ(test, ctx->id, want[i]);
	}
}

static void vrctx_test_name_rules(struct kunit *test)
{
	static const struct {
		const char	*name;
		int		err;
	} rows[] = {
		{ "a", 0 }, { "--", 0 }, { ".", 0 }, { "_", 0 }, { "0x", 0 },
		{ "A_b.c-9", 0 }, { "1.2", 0 }, { "Default", 0 },
		{ "0123456789012345678901234567x-.", 0 },
		{ "", -EINVAL }, { "0", -EINVAL }, { "17", -EINVAL }, { "-", -EINVAL },
		{ "default", -EINVAL }, { "a b", -EINVAL }, { " a", -EINVAL },
		{ "a\n", -EINVAL }, { "a/b", -EINVAL }, { "a:b", -EINVAL },
		{ "k\xc3\xa4se", -EINVAL }, { "\x7f", -EINVAL },
		{ "0123456789012345678901234567x-._", -EINVAL },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_EQ_MSG(test, vrctx_check_name(rows[i].name, NULL),
				    rows[i].err, "name '%s'", rows[i].name);
}

static void vrctx_test_names(struct kunit *test)
{
	struct net *net = test->priv;
	struct vrctx *one, *two;

	one = vrctx_test_new(net, 1, "one");
	two = vrctx_test_new(net, 2, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, one);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, two);
	KUNIT_EXPECT_PTR_EQ(test, vrctx_test_new(net, 3, "one"),
			    ERR_PTR(-EEXIST));

	rtnl_lock();
	KUNIT_EXPECT_NULL(test, vrctx_find(net, 3));
	KUNIT_EXPECT_PTR_EQ(test, vrctx_find_name(net, "one"), one);
	KUNIT_EXPECT_NULL(test, vrctx_find_name(net, "two"));
	KUNIT_EXPECT_NULL(test, vrctx_find_name(&init_net, "one"));

	KUNIT_EXPECT_EQ(test, vrctx_rename(two, "one", NULL), -EEXIST);
	KUNIT_EXPECT_EQ(test, vrctx_rename(two, "two", NULL), 0);
	KUNIT_EXPECT_EQ(test, vrctx_rename(one, "uno", NULL), 0);
	KUNIT_EXPECT_EQ(test, vrctx_rename(one, "uno", NULL), 0);
	KUNIT_EXPECT_EQ(test, vrctx_rename(two, "one", NULL), 0);
	KUNIT_EXPECT_PTR_EQ(test, vrctx_find_name(net, "uno"), one);
	KUNIT_EXPECT_PTR_EQ(test, vrctx_find_name(net, "one"), two);
	KUNIT_EXPECT_NULL(test, vrctx_find_name(net, "two"));
	rtnl_unlock();

	vrctx_test_del(two);
	rtnl_lock();
	KUNIT_EXPECT_NULL(test, vrctx_find_name(net, "one"));
	rtnl_unlock();
}

/* A number is busy as long as something carries it, then fresh */
static void vrctx_test_carriers(struct kunit *test)
{
	struct net *net = test->priv;
	struct vrctx *ctx, *again;
	u32 salt;

	ctx = vrctx_test_new(net, 7, "seven");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ctx);
	KUNIT_EXPECT_PTR_EQ(test, vrctx_get_id(net, 8, VRCTX_SOCK),
			    ERR_PTR(-ENOENT));
	KUNIT_ASSERT_PTR_EQ(test, vrctx_get_id(net, 7, VRCTX_SOCK), ctx);
	salt = ctx->salt;
	KUNIT_EXPECT_NE(test, salt, 0);
	KUNIT_EXPECT_EQ(test, vrctx_salt(net, 7), salt);
	KUNIT_EXPECT_EQ(test, vrctx_salt(net, 0), 0);
	KUNIT_ASSERT_PTR_EQ(test, vrctx_get_id(net, 7, VRCTX_TASK), ctx);
	vrctx_sock_hold(net, 7);
	KUNIT_EXPECT_TRUE(test, vrctx_sock_tryhold(net, 7));
	KUNIT_EXPECT_FALSE(test, vrctx_sock_tryhold(net, 8));
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->socks), 3);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->tasks), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&ctx->refs), 5);

	/* deleted: those that carry it find it, nobody else does */
	vrctx_test_del(ctx);
	KUNIT_EXPECT_PTR_EQ(test, vrctx_carried(net, 7), ctx);
	KUNIT_EXPECT_FALSE(test, vrctx_sock_tryhold(net, 7));
	KUNIT_EXPECT_PTR_EQ(test, vrctx_get_id(net, 7, VRCTX_SOCK),
			    ERR_PTR(-ENOENT));
	vrctx_sock_hold(net, 7);
	KUNIT_EXPECT_PTR_EQ(test, vrctx_test_new(net, 7, "seven"),
			    ERR_PTR(-EBUSY));
	KUNIT_EXPECT_EQ(test, net->vrctx.count, 0);

	vrctx_put_user(ctx, VRCTX_TASK);
	vrctx_sock_put(net, 7);
	vrctx_sock_put(net, 7);
	vrctx_sock_put(net, 7);
	KUNIT_EXPECT_PTR_EQ(test, vrctx_test_new(net, 7, NULL),
			    ERR_PTR(-EBUSY));
	vrctx_sock_put(net, 7);

	again = vrctx_test_new(net, 7, "seven");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, again);
	KUNIT_EXPECT_EQ(test, atomic_read(&again->socks), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&again->refs), 1);
}

/* Nothing is set up for a context that nobody uses */
static void vrctx_test_activate(struct kunit *test)
{
	struct net *net = test->priv;
	struct fib_table *tb;
	struct vrctx *ctx;
	u32 id = 0;

	ctx = vrctx_test_new(net, 9, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ctx);
	KUNIT_EXPECT_NULL(test, ctx->stats);

	rtnl_lock();
	KUNIT_EXPECT_NULL(test, vrctx_fib_table(net, vrctx_table_id(9)));
	KUNIT_EXPECT_NULL(test, vrctx_fib_table_next(net, &id));
	KUNIT_EXPECT_NULL(test, vrctx_fib_table_new(net, vrctx_table_id(10)));
	tb = vrctx_fib_table_new(net, vrctx_table_id(9));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tb);
	KUNIT_EXPECT_EQ(test, tb->tb_id, vrctx_table_id(9));
	KUNIT_EXPECT_PTR_EQ(test, vrctx_fib_table(net, vrctx_table_id(9)), tb);
	KUNIT_EXPECT_PTR_EQ(test, vrctx_fib_table_next(net, &id), tb);
	KUNIT_EXPECT_EQ(test, id, vrctx_table_id(9));
	KUNIT_EXPECT_NULL(test, vrctx_fib_table_next(net, &id));
	KUNIT_EXPECT_FALSE(test, vrctx_fib_has_local(net, 9));
	KUNIT_EXPECT_TRUE(test, vrctx_fib_note_local(net, tb));
	KUNIT_EXPECT_TRUE(test, vrctx_fib_has_local(net, 9));
	rtnl_unlock();
	KUNIT_EXPECT_NOT_NULL(test, ctx->stats);
}

static void vrctx_test_l3dom(struct kunit *test)
{
	static const u32 ids[] = { 0, 1, 2, VRCTX_ID_MAX, SK_VRCTX_ANY };
	int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		int dom = vrctx_l3dom(ids[i]);

		KUNIT_EXPECT_EQ(test, l3dom_vrctx(dom), ids[i]);
		KUNIT_EXPECT_EQ(test, l3dom_ifindex(dom), 0);
		KUNIT_EXPECT_EQ(test, l3dom_is_vrctx(dom), !!ids[i]);
	}
	KUNIT_EXPECT_EQ(test, vrctx_l3dom(SK_VRCTX_ANY), INT_MIN);

	/* a VRF, which is context 0's */
	KUNIT_EXPECT_EQ(test, l3dom_vrctx(42), 0);
	KUNIT_EXPECT_EQ(test, l3dom_ifindex(42), 42);
	KUNIT_EXPECT_FALSE(test, l3dom_is_vrctx(42));
}

static void vrctx_test_tables(struct kunit *test)
{
	static const u32 ordinary[] = {
		0, 1, RT_TABLE_MAIN, RT_TABLE_LOCAL, VRCTX_ID_MAX,
		VRCTX_TABLE_BASE, 2 * VRCTX_TABLE_BASE, U32_MAX,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(ordinary); i++)
		KUNIT_EXPECT_EQ(test, vrctx_table_ctx(ordinary[i]), 0);

	KUNIT_EXPECT_EQ(test, vrctx_table_id(0), 0);
	KUNIT_EXPECT_EQ(test, vrctx_table_id(5), VRCTX_TABLE_BASE + 5);
	KUNIT_EXPECT_EQ(test, vrctx_table_ctx(vrctx_table_id(5)), 5);
	KUNIT_EXPECT_EQ(test, vrctx_table_ctx(vrctx_table_id(VRCTX_ID_MAX)),
			VRCTX_ID_MAX);
}

/* What differs in the context only is spread over a hash as evenly as what
 * differs in everything: no chain is longer than a random one would be.
 */
static void vrctx_test_spread(struct kunit *test)
{
	static const u32 strides[] = { 1, 2, 3, 7, 64, 100, 4096, 65536 };
	static const u32 bits[] = { 8, 12, 16, 17 };
	unsigned int i, j, longest;
	u32 id, num, mask;
	u8 *chain;

	KUNIT_EXPECT_EQ(test, vrctx_hash(0), 0);
	KUNIT_EXPECT_EQ(test, vrctx_table_hash(RT_TABLE_MAIN), 0);
	KUNIT_EXPECT_EQ(test, vrctx_table_hash(vrctx_table_id(5)),
			vrctx_hash(5));

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		mask = BIT(bits[i]) - 1;
		chain = kvmalloc(mask + 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, chain);

		for (j = 0; j < ARRAY_SIZE(strides); j++) {
			memset(chain, 0, mask + 1);
			num = min(min(mask, 100000), VRCTX_ID_MAX / strides[j]);
			longest = 0;
			for (id = 1; id <= num; id++) {
				u8 *one = &chain[vrctx_hash(id * strides[j]) &
						 mask];

				longest = max(longest, ++*one);
			}
			KUNIT_EXPECT_LE_MSG(test, longest, 10,
					    "%u numbers, %u apart, %u buckets",
					    num, strides[j], mask + 1);
		}
		kvfree(chain);
	}
}

static struct kunit_case vrctx_test_cases[] = {
	KUNIT_CASE(vrctx_test_numbers),
	KUNIT_CASE(vrctx_test_sparse),
	KUNIT_CASE(vrctx_test_lowest),
	KUNIT_CASE(vrctx_test_name_rules),
	KUNIT_CASE(vrctx_test_names),
	KUNIT_CASE(vrctx_test_carriers),
	KUNIT_CASE(vrctx_test_activate),
	KUNIT_CASE(vrctx_test_l3dom),
	KUNIT_CASE(vrctx_test_tables),
	KUNIT_CASE(vrctx_test_spread),
	{}
};

static struct kunit_suite vrctx_test_suite = {
	.name		= "vrctx",
	.init		= vrctx_test_init,
	.exit		= vrctx_test_exit,
	.test_cases	= vrctx_test_cases,
};

kunit_test_suite(vrctx_test_suite);

MODULE_DESCRIPTION("KUnit tests for virtual-router contexts");
MODULE_LICENSE("GPL");
