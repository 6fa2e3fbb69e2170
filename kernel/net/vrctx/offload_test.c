// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: KUnit tests for what hardware is not asked for.
 *
 * No device that a machine without the hardware has offloads these. A made-up
 * one does, as far as the code under test looks.
 */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/tcp.h>
#include <net/dst.h>
#include <net/flow_offload.h>
#include <net/sch_generic.h>

#include "../tls/tls.h"
#include "ctx.h"

static const struct net_device_ops vrctx_test_ops = {};

static int vrctx_test_init(struct kunit *test)
{
	struct net_device *dev = alloc_etherdev(0);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	dev->netdev_ops = &vrctx_test_ops;
	test->priv = dev;

	return 0;
}

static void vrctx_test_exit(struct kunit *test)
{
	free_netdev(test->priv);
}

/* A socket of context 0 is told why it gets no offload by what comes after the
 * features of the device: that it is down, that there is no such cipher.
 */
static void vrctx_test_tls(struct kunit *test)
{
	struct net_device *dev = test->priv;
	struct tls_context *ctx;
	struct dst_entry *dst;
	struct sock *sk;

	sk = kunit_kzalloc(test, sizeof(struct tcp_sock), GFP_KERNEL);
	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	dst = kunit_kzalloc(test, sizeof(*dst), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sk);
	KUNIT_ASSERT_NOT_NULL(test, ctx);
	KUNIT_ASSERT_NOT_NULL(test, dst);

	dev->features |= NETIF_F_HW_TLS_RX | NETIF_F_HW_TLS_TX;
	dst->dev = dev;
	rcu_assign_pointer(sk->sk_dst_cache, dst);
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, ctx);
	ctx->crypto_send.info.version = TLS_1_2_VERSION;
	ctx->crypto_recv.info.version = TLS_1_2_VERSION;

	KUNIT_EXPECT_EQ(test, tls_set_device_offload(sk), -EINVAL);
	KUNIT_EXPECT_EQ(test, tls_set_device_offload_rx(sk, ctx), -EINVAL);
	sk->sk_vrctx = 1;
	KUNIT_EXPECT_EQ(test, tls_set_device_offload(sk), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, tls_set_device_offload_rx(sk, ctx), -EOPNOTSUPP);
}

static int vrctx_test_asked(struct net_device *dev, struct Qdisc *sch,
			    void *cb_priv, enum tc_setup_type type,
			    void *type_data, void *data,
			    void (*cleanup)(struct flow_block_cb *block_cb))
{
	unsigned int *count = cb_priv;

	(*count)++;

	return 0;
}

/* Filters of a device that has hardware below it only */
static void vrctx_test_indirect(struct kunit *test)
{
	static const struct {
		u32			vrctx, under;
		enum flow_block_command	command;
		bool			asked;
	} rows[] = {
		{ 0, 0, FLOW_BLOCK_BIND, true },
		{ 0, 0, FLOW_BLOCK_UNBIND, true },
		{ 1, 0, FLOW_BLOCK_BIND, false },
		/* it may have been in context 0 before */
		{ 1, 0, FLOW_BLOCK_UNBIND, true },
		{ 0, 1, FLOW_BLOCK_BIND, false },
		{ 0, 1, FLOW_BLOCK_UNBIND, false },
	};
	struct net_device *dev = test->priv;
	unsigned int count = 0, i;

	KUNIT_ASSERT_EQ(test, 0,
			flow_indr_dev_register(vrctx_test_asked, &count));
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct flow_block_offload bo = { .command = rows[i].command };

		INIT_LIST_HEAD(&bo.cb_list);
		dev->vrctx = rows[i].vrctx;
		dev->vrctx_under = rows[i].under;
		count = 0;
		KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
				flow_indr_dev_setup_offload(dev, NULL,
							    TC_SETUP_BLOCK,
							    test, &bo, NULL));
		KUNIT_EXPECT_EQ_MSG(test, count, rows[i].asked, "row %u", i);
	}
	dev->vrctx = 0;
	dev->vrctx_under = 0;
	flow_indr_dev_unregister(vrctx_test_asked, &count, NULL);
}

/* One that may have them does not move into a context */
static void vrctx_test_move(struct kunit *test)
{
	static const char why[] = "Hardware may have filters of the device";
	struct net_device *dev = test->priv;
	struct netlink_ext_ack extack = {};
	struct vrctx ctx = { .id = 1 };
	struct netdev_queue *ingress;
	struct Qdisc *qdisc;
	unsigned int count;

	ingress = kunit_kzalloc(test, sizeof(*ingress), GFP_KERNEL);
	qdisc = kunit_kzalloc(test, sizeof(*qdisc), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ingress);
	KUNIT_ASSERT_NOT_NULL(test, qdisc);
	KUNIT_ASSERT_EQ(test, 0,
			flow_indr_dev_register(vrctx_test_asked, &count));

	rtnl_lock();
	rcu_assign_pointer(ingress->qdisc_sleeping, qdisc);
	rcu_assign_pointer(dev->ingress_queue, ingress);
	KUNIT_EXPECT_EQ(test, vrctx_dev_set(dev, &ctx, &extack), -EBUSY);
	KUNIT_EXPECT_STREQ(test, extack._msg, why);
	RCU_INIT_POINTER(dev->ingress_queue, NULL);
	rtnl_unlock();
	flow_indr_dev_unregister(vrctx_test_asked, &count, NULL);
}

static struct kunit_case vrctx_test_cases[] = {
	KUNIT_CASE(vrctx_test_tls),
	KUNIT_CASE(vrctx_test_indirect),
	KUNIT_CASE(vrctx_test_move),
	{}
};

static struct kunit_suite vrctx_test_suite = {
	.name		= "vrctx-offload",
	.init		= vrctx_test_init,
	.exit		= vrctx_test_exit,
	.test_cases	= vrctx_test_cases,
};

kunit_test_suite(vrctx_test_suite);

MODULE_DESCRIPTION("KUnit tests for offloads and virtual-router contexts");
MODULE_LICENSE("GPL");
