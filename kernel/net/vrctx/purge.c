// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: purge what is left of a deleted one.
 *
 * New sockets may come as long as tasks or sockets carry the number. They
 * reach nobody, so it does not matter that they are not found here.
 */

#include <linux/rhashtable.h>
#include <net/inet_frag.h>
#include <net/inet_hashtables.h>
#include <net/inet_timewait_sock.h>
#include <net/inetpeer.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/mptcp.h>
#include <net/raw.h>
#include <net/rawv6.h>
#include <net/tcp.h>
#include <net/udp.h>
#include <net/udplite.h>
#include <net/vrctx_ct.h>
#include <net/vrctx_mptcp.h>

#include "ctx.h"

/* Sockets to abort in one go: tcp_abort() sleeps, so not under a hash lock */
#define VRCTX_BATCH	16

static bool vrctx_purge_match(const struct sock *sk, const struct net *net,
			      u32 id)
{
	return READ_ONCE(sk->sk_vrctx) == id && net_eq(sock_net(sk), net);
}

/* End whatever kind of socket it is, drop the reference */
static void vrctx_abort(struct sock *sk, struct net *net, u32 id)
{
	local_bh_disable();
	switch (inet_sk_state_load(sk)) {
	case TCP_TIME_WAIT:
		inet_twsk_deschedule_put(inet_twsk(sk));
		local_bh_enable();
		return;
	case TCP_NEW_SYN_RECV:
		inet_csk_reqsk_queue_drop_and_put(inet_reqsk(sk)->rsk_listener,
						  inet_reqsk(sk));
		local_bh_enable();
		return;
	}
	local_bh_enable();

	/* The connection ends with all its subflows; that it has none left does
	 * not end it.
	 */
	if (IS_ENABLED(CONFIG_MPTCP) && sk_is_mptcp(sk))
		mptcp_vrctx_abort(sk, net, id);
	tcp_abort(sk, ECONNABORTED);
	sock_put(sk);
}

/* Sockets of a bucket; each is gone from it when it was aborted */
static void vrctx_purge_chain(struct hlist_nulls_head *chain, spinlock_t *lock,
			      struct net *net, u32 id)
{
	struct sock *batch[VRCTX_BATCH], *sk;
	struct hlist_nulls_node *node;
	int i, n;

	if (hlist_nulls_empty(chain))
		return;

	do {
		n = 0;
		spin_lock_bh(lock);
		sk_nulls_for_each(sk, node, chain) {
			if (!vrctx_purge_match(sk, net, id) ||
			    !refcount_inc_not_zero(&sk->sk_refcnt))
				continue;
			batch[n++] = sk;
			if (n == VRCTX_BATCH)
				break;
		}
		spin_unlock_bh(lock);

		for (i = 0; i < n; i++)
			vrctx_abort(batch[i], net, id);
		cond_resched();
	} while (n == VRCTX_BATCH);
}

static void vrctx_purge_tcp(struct net *net, u32 id)
{
	struct inet_hashinfo *hashinfo = net->ipv4.tcp_death_row.hashinfo;
	unsigned int i;

	/* Listeners first, they make the others */
	for (i = 0; i <= hashinfo->lhash2_mask; i++)
		vrctx_purge_chain(&hashinfo->lhash2[i].nulls_head,
				  &hashinfo->lhash2[i].lock, net, id);
	for (i = 0; i <= hashinfo->ehash_mask; i++)
		vrctx_purge_chain(&hashinfo->ehash[i].chain,
				  inet_ehash_lockp(hashinfo, i), net, id);
}

/* No packet will come: wake up whoever waits for one */
static void vrctx_wake(struct sock *sk)
{
	WRITE_ONCE(sk->sk_err, ENETUNREACH);
	sk_error_report(sk);
}

static void vrctx_purge_udp(struct udp_table *table, const struct net *net,
			    u32 id)
{
	struct udp_hslot *slot;
	struct sock *sk;
	unsigned int i;

	for (i = 0; i <= table->mask; i++) {
		slot = &table->hash[i];
		if (hlist_empty(&slot->head))
			continue;
		spin_lock_bh(&slot->lock);
		sk_for_each(sk, &slot->head) {
			if (vrctx_purge_match(sk, net, id))
				vrctx_wake(sk);
		}
		spin_unlock_bh(&slot->lock);
		cond_resched();
	}
}

static void vrctx_purge_raw(struct raw_hashinfo *hashinfo,
			    const struct net *net, u32 id)
{
	struct sock *sk;
	int i;

	rcu_read_lock();
	for (i = 0; i < RAW_HTABLE_SIZE; i++) {
		sk_for_each_rcu(sk, &hashinfo->ht[i]) {
			if (vrctx_purge_match(sk, net, id))
				vrctx_wake(sk);
		}
	}
	rcu_read_unlock();
}

/* Fragments of packets that will never be whole */
void vrctx_purge_frags(struct fqdir *fqdir, u32 id, bool ipv6)
{
	struct rhashtable_iter hti;
	struct inet_frag_queue *fq;

	if (!atomic_read(&fqdir->rhashtable.nelems))
		return;

	rhashtable_walk_enter(&fqdir->rhashtable, &hti);
	rhashtable_walk_start(&hti);
	while ((fq = rhashtable_walk_next(&hti))) {
		int refs = 0;

		if (IS_ERR(fq)) {
			if (PTR_ERR(fq) != -EAGAIN)
				break;
			continue;
		}
		if (ipv6 ? fq->key.v6.vrctx != id :
			   fq->key.v4.vif != vrctx_l3dom(id))
			continue;
		spin_lock_bh(&fq->lock);
		inet_frag_kill(fq, &refs);
		spin_unlock_bh(&fq->lock);
		inet_frag_putn(fq, refs);
	}
	rhashtable_walk_stop(&hti);
	rhashtable_walk_exit(&hti);
}
EXPORT_SYMBOL_GPL(vrctx_purge_frags);

static void vrctx_purge_socks(struct vrctx *ctx)
{
	struct net *net = ctx->net;

	if (!atomic_read(&ctx->socks))
		return;

	vrctx_purge_tcp(net, ctx->id);
	vrctx_mptcp_purge(ctx);
	vrctx_purge_udp(net->ipv4.udp_table, net, ctx->id);
	vrctx_purge_udp(&udplite_table, net, ctx->id);
	vrctx_purge_raw(&raw_v4_hashinfo, net, ctx->id);
#if IS_ENABLED(CONFIG_IPV6)
	vrctx_purge_raw(&raw_v6_hashinfo, net, ctx->id);
#endif
}

/* The SYN that a VRCTX_ANY listener got before the context died is a request
 * after a grace period. All contexts that were deleted meanwhile share one.
 */
static LLIST_HEAD(vrctx_late);

static void vrctx_purge_late(struct work_struct *work)
{
	struct llist_node *list = llist_del_all(&vrctx_late);
	struct vrctx *ctx, *tmp;

	synchronize_net();
	llist_for_each_entry_safe(ctx, tmp, list, reap) {
		vrctx_purge_socks(ctx);
		vrctx_put(ctx);
	}
}

static DECLARE_WORK(vrctx_late_work, vrctx_purge_late);

/* All that was to be purged late is. May sleep, without RTNL. */
void vrctx_purge_flush(void)
{
	flush_work(&vrctx_late_work);
}

/**
 * vrctx_purge - end what a deleted context has left behind
 * @ctx: context; its first reference is dropped
 *
 * Context: process, may sleep, without RTNL.
 */
void vrctx_purge(struct vrctx *ctx)
{
	struct net *net = ctx->net;

	vrctx_purge_frags(net->ipv4.fqdir, ctx->id, false);
#if IS_ENABLED(CONFIG_IPV6)
	if (ipv6_mod_enabled())
		vrctx_purge_frags(net->ipv6.fqdir, ctx->id, true);
#endif
	inetpeer_purge_vif(net->ipv4.peers, vrctx_l3dom(ctx->id));
	vrctx_purge_notify(ctx);
	vrctx_purge_socks(ctx);
	vrctx_xfrm_purge(ctx);

	if (!static_branch_unlikely(&vrctx_any_used))
		vrctx_put(ctx);
	else if (llist_add(&ctx->reap, &vrctx_late))
		queue_work(system_unbound_wq, &vrctx_late_work);
}
