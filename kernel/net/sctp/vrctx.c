// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: SCTP.
 */

#include <linux/inet.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <net/ipv6.h>
#include <net/sctp/sctp.h>
#include <net/sctp/sm.h>
#include <net/vrctx_ct.h>
#include <net/vrctx_sctp.h>

/* Sockets to end in one go: that sleeps, so not under the lock of a bucket */
#define SCTP_VRCTX_BATCH	16

static bool sctp_addr_is_loopback(const union sctp_addr *addr)
{
	return addr->sa.sa_family == AF_INET ?
	       ipv4_is_loopback(addr->v4.sin_addr.s_addr) :
	       ipv6_addr_loopback(&addr->v6.sin6_addr);
}

bool __sctp_addr_in_vrctx(struct net *net,
			  const struct sctp_sockaddr_entry *addr, u32 vrctx)
{
	const struct net_device *dev;
	bool in = false;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(net, addr->ifindex);
	if (!dev)
		;
	else if (!(dev->flags & IFF_LOOPBACK))
		in = dev_in_vrctx(dev, vrctx);
	else
		in = addr->vrctx == vrctx ||
		     (!addr->vrctx && sctp_addr_is_loopback(&addr->a));
	rcu_read_unlock();

	return in;
}

void __sctp_sk_set_vrctx(struct sock *newsk, const struct sock *sk)
{
	u32 old = newsk->sk_vrctx;

	vrctx_sock_hold(sock_net(sk), sk->sk_vrctx);
	WRITE_ONCE(newsk->sk_vrctx, sk->sk_vrctx);
	vrctx_sock_put(sock_net(sk), old);
}

/* The context is deleted: end what the socket has there, tell who waits */
static void sctp_vrctx_end(struct sctp_endpoint *ep)
{
	struct sctp_association *asoc, *next;
	struct sock *sk = ep->base.sk;
	struct sctp_chunk *abort;

	lock_sock(sk);

	/* first, or associations would wait for accept() */
	if (sctp_sstate(sk, LISTENING)) {
		sctp_unhash_endpoint(ep);
		inet_sk_set_state(sk, SCTP_SS_CLOSED);
		sk->sk_state_change(sk);
	}

	list_for_each_entry_safe(asoc, next, &ep->asocs, asocs) {
		sctp_association_hold(asoc);
		if (!sctp_state(asoc, CLOSED)) {
			abort = sctp_make_abort_user(asoc, NULL, 0);
			sctp_primitive_ABORT(sock_net(sk), asoc, abort);
		}
		if (!asoc->base.dead)
			sctp_association_free(asoc);
		sctp_association_put(asoc);
	}

	if (!sk->sk_err)
		WRITE_ONCE(sk->sk_err, ENETUNREACH);
	sk_error_report(sk);

	release_sock(sk);
}

/* Has the socket anything to end, or is it only to be told? */
static bool sctp_vrctx_busy(const struct sock *sk, struct sctp_endpoint *ep)
{
	return sctp_sstate(sk, LISTENING) || !list_empty(&ep->asocs);
}

/* Some of the bucket's sockets that are busy. Who is idle is told at once. */
static int sctp_vrctx_collect(struct sctp_bind_hashbucket *head,
			      struct sctp_endpoint **batch,
			      const struct net *net, u32 id, bool again)
{
	struct sctp_bind_bucket *pp;
	struct sctp_endpoint *ep;
	struct sock *sk;
	int n = 0;

	spin_lock_bh(&head->lock);
	sctp_for_each_hentry(pp, &head->chain) {
		if (pp->vrctx != id || !net_eq(pp->net, net))
			continue;
		sk_for_each_bound(sk, &pp->owner) {
			ep = sctp_sk(sk)->ep;
			if (!sctp_vrctx_busy(sk, ep)) {
				if (again)
					continue;
				WRITE_ONCE(sk->sk_err, ENETUNREACH);
				sk_error_report(sk);
			} else if (n < SCTP_VRCTX_BATCH &&
				   sctp_endpoint_hold(ep)) {
				batch[n++] = ep;
			}
		}
	}
	spin_unlock_bh(&head->lock);

	return n;
}

/* Each socket with a port is in the bucket of that, whatever it does */
static void sctp_vrctx_purge_socks(const struct net *net, u32 id)
{
	struct sctp_endpoint *batch[SCTP_VRCTX_BATCH];
	struct sctp_bind_hashbucket *head;
	bool again;
	int i, j, n;

	for (i = 0; i < sctp_port_hashsize; i++) {
		head = &sctp_port_hashtable[i];
		if (hlist_empty(&head->chain))
			continue;
		again = false;
		do {
			n = sctp_vrctx_collect(head, batch, net, id, again);
			for (j = 0; j < n; j++) {
				sctp_vrctx_end(batch[j]);
				sctp_endpoint_put(batch[j]);
			}
			again = true;
			cond_resched();
		} while (n == SCTP_VRCTX_BATCH);
	}
}

/* Nobody is told of an address that the number's next user does not have */
static void sctp_vrctx_purge_addrs(struct net *net, u32 id)
{
	struct sctp_sockaddr_entry *addrw, *next;

	spin_lock_bh(&net->sctp.addr_wq_lock);
	list_for_each_entry_safe(addrw, next, &net->sctp.addr_waitq, list) {
		if (addrw->vrctx == id) {
			list_del(&addrw->list);
			kfree(addrw);
		}
	}
	spin_unlock_bh(&net->sctp.addr_wq_lock);
}

static int sctp_vrctx_purge(struct notifier_block *nb, unsigned long id,
			    void *ptr)
{
	struct net *net = ptr;

	sctp_vrctx_purge_addrs(net, id);
	if (vrctx_has_socks(net, id))
		sctp_vrctx_purge_socks(net, id);

	return NOTIFY_DONE;
}

static struct notifier_block sctp_vrctx_purger = {
	.notifier_call = sctp_vrctx_purge,
};

void sctp_vrctx_init(void)
{
	vrctx_purge_register(&sctp_vrctx_purger);
}

void sctp_vrctx_exit(void)
{
	vrctx_purge_unregister(&sctp_vrctx_purger);
}
