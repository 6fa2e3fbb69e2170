// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: which sockets have ports of the addresses.
 *
 * Each event has a number, whether it is sent or not, so that who listens sees
 * that one is missing, and the error of its socket that the last one is, and
 * asks for all of them again.
 */

#include <linux/sock_diag.h>
#include <net/genetlink.h>
#include <net/inet_hashtables.h>
#include <net/ipv6.h>
#include <net/tcp.h>
#include <net/udp.h>
#include <net/vrctx.h>

#include "dhost.h"
#include "genl.h"

/* Families of which the socket is for all addresses, as bits */
static unsigned int vrdh_sock_families(const struct sock *sk,
				       const struct vrdh_key *key)
{
	if (ipv6_addr_any(&key->addr))
		return BIT(VRDH_IPV6) |
		       (ipv6_only_sock(sk) ? 0 : BIT(VRDH_IPV4));

	return ipv6_addr_v4mapped(&key->addr) && !key->addr.s6_addr32[3] ?
	       BIT(VRDH_IPV4) : 0;
}

bool vrdh_sock_covers(const struct sock *sk, const struct vrdh_key *key,
		      const struct vrdh_host *host)
{
	unsigned int bit = BIT(vrdh_family_of(&host->key.addr));

	if (key->ctx != host->key.ctx && key->ctx != SK_VRCTX_ANY)
		return false;

	return vrdh_sock_families(sk, key) & bit ||
	       ipv6_addr_equal(&key->addr, &host->key.addr);
}

/* Its key, if it has a port of a distributed address. RCU. */
bool vrdh_sock_key(struct vrdh_net *vn, const struct sock *sk,
		   struct vrdh_key *key)
{
	unsigned int families = 0;
	int i;

	for (i = 0; i < __VRDH_FAMILIES; i++) {
		if (READ_ONCE(vn->family[i].count))
			families |= BIT(i);
	}
	if (!families || !inet_sk(sk)->inet_num ||
	    (sk->sk_protocol != IPPROTO_TCP && sk->sk_protocol != IPPROTO_UDP))
		return false;

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		key->addr = sk->sk_v6_rcv_saddr;
	else
#endif
		ipv6_addr_set_v4mapped(sk->sk_rcv_saddr, &key->addr);
	key->ctx = sk->sk_vrctx;

	return vrdh_sock_families(sk, key) & families ||
	       vrdh_host_find(vn, &key->addr, key->ctx);
}

u64 vrdh_sock_cookie(struct sock *sk)
{
	u32 cookie[2];

	sock_diag_save_cookie(sk, cookie);

	return (u64)cookie[1] << 32 | cookie[0];
}

static int vrdh_sock_fill_peer(struct sk_buff *skb, const struct sock *sk)
{
	u16 port = ntohs(inet_sk(sk)->inet_dport);
	struct in6_addr addr;

	if (!port)
		return 0;

	ipv6_addr_set_v4mapped(sk->sk_daddr, &addr);
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		addr = sk->sk_v6_daddr;
#endif

	return vrdh_put_addr(skb, VR_DHOST_A_DHOST_PEER, &addr) ||
	       nla_put_u16(skb, VR_DHOST_A_DHOST_PEER_PORT, port) ?
	       -EMSGSIZE : 0;
}

static int vrdh_sock_fill(struct sk_buff *skb, struct sock *sk,
			  const struct vrdh_key *key, u64 seq, u32 pid)
{
	const struct inet_sock *inet = inet_sk(sk);
	u32 ctx = key->ctx == SK_VRCTX_ANY ? VRCTX_ANY : key->ctx;

	if (nla_put_u64_64bit(skb, VR_DHOST_A_DHOST_SEQ, seq,
			      VR_DHOST_A_DHOST_PAD) ||
	    vrdh_put_addr(skb, VR_DHOST_A_DHOST_ADDRESS, &key->addr) ||
	    nla_put_u32(skb, VR_DHOST_A_DHOST_CONTEXT, ctx) ||
	    nla_put_u8(skb, VR_DHOST_A_DHOST_PROTOCOL, sk->sk_protocol) ||
	    nla_put_u16(skb, VR_DHOST_A_DHOST_PORT, inet->inet_num) ||
	    nla_put_u64_64bit(skb, VR_DHOST_A_DHOST_COOKIE,
			      vrdh_sock_cookie(sk), VR_DHOST_A_DHOST_PAD) ||
	    nla_put_u32(skb, VR_DHOST_A_DHOST_PID, pid))
		return -EMSGSIZE;

	if (ipv6_addr_any(&key->addr) && ipv6_only_sock(sk) &&
	    nla_put_flag(skb, VR_DHOST_A_DHOST_V6ONLY))
		return -EMSGSIZE;

	return vrdh_sock_fill_peer(skb, sk);
}

/* Number an event of @sk, and tell who listens. @event is -1 for a bind() that
 * waits. Any context; RCU.
 */
void vrdh_sock_tell(struct vrdh_net *vn, struct sock *sk,
		    const struct vrdh_key *key, int event)
{
	u32 pid = in_task() ? task_tgid_nr(current) : 0;
	struct sk_buff *skb;
	void *hdr;
	u64 seq;

	/* so that events come in the order of their numbers */
	spin_lock_bh(&vn->event_lock);
	seq = ++vn->event_seq;
	if (pid && event != VRCTX_SOCK_CLOSED)
		vrdh_pid_note(vn, sk);
	if (!genl_has_listeners(&vr_dhost_nl_family, vn->net,
				VR_DHOST_NLGRP_EVENTS))
		goto unlock;

	skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	if (!skb)
		goto lost;
	hdr = genlmsg_put(skb, 0, 0, &vr_dhost_nl_family, 0,
			  event < 0 ? VR_DHOST_CMD_BIND_NTF :
				      VR_DHOST_CMD_SOCK_NTF);
	if (!hdr ||
	    (event >= 0 &&
	     nla_put_u32(skb, VR_DHOST_A_DHOST_EVENT, event)) ||
	    vrdh_sock_fill(skb, sk, key, seq, pid)) {
		nlmsg_free(skb);
		goto lost;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&vr_dhost_nl_family, vn->net, skb, 0,
				VR_DHOST_NLGRP_EVENTS, GFP_ATOMIC);
	goto unlock;

lost:
	vrdh_events_lost(vn);
unlock:
	spin_unlock_bh(&vn->event_lock);
}

static_assert((int)VRCTX_SOCK_BOUND == VR_DHOST_SOCK_EVENT_BOUND);
static_assert((int)VRCTX_SOCK_ACCEPTED == VR_DHOST_SOCK_EVENT_ACCEPTED);

/* struct vrctx_watcher */
void vrdh_sock_event(struct sock *sk, enum vrctx_sock_event event)
{
	struct vrdh_net *vn = vrdh_net(sock_net(sk));
	struct vrdh_key key;

	if (vrdh_sock_key(vn, sk, &key))
		vrdh_sock_tell(vn, sk, &key, event);

	/* of a distributed address or not: it may have been one */
	if (event == VRCTX_SOCK_CLOSED)
		vrdh_pid_forget(vn, sk);
}

/* ---- all of them ---- */

/* Where the dump is: TCP's buckets, then UDP's */
struct vrdh_sock_dump {
	u64	seq;
	u32	bucket;
	u32	in_bucket;
	bool	started;
};

static enum vr_dhost_sock_event vrdh_sock_state(const struct sock *sk)
{
	switch (sk->sk_state) {
	case TCP_LISTEN:
		return VR_DHOST_SOCK_EVENT_LISTENING;
	case TCP_CLOSE:
		return VR_DHOST_SOCK_EVENT_BOUND;
	default:
		return VR_DHOST_SOCK_EVENT_CONNECTED;
	}
}

/* Add @sk unless it has been already. 0, or -EMSGSIZE if there is no room. */
static int vrdh_sock_dump_one(struct sk_buff *skb, struct netlink_callback *cb,
			      struct sock *sk, u32 *nth)
{
	struct vrdh_sock_dump *dump = (void *)cb->ctx;
	struct vrdh_net *vn = vrdh_net(sock_net(skb->sk));
	struct vrdh_key key;
	void *hdr;
	u32 pid;

	if (!net_eq(sock_net(sk), vn->net) || !vrdh_sock_key(vn, sk, &key) ||
	    (*nth)++ < dump->in_bucket)
		return 0;

	hdr = genlmsg_iput(skb, genl_info_dump(cb));
	if (!hdr)
		return -EMSGSIZE;
	spin_lock(&vn->event_lock);
	pid = vrdh_pid_of(vn, sk);
	spin_unlock(&vn->event_lock);
	if (nla_put_u32(skb, VR_DHOST_A_DHOST_EVENT, vrdh_sock_state(sk)) ||
	    vrdh_sock_fill(skb, sk, &key, dump->seq, pid)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	dump->in_bucket++;

	return 0;
}

static int vrdh_sock_dump_tcp(struct sk_buff *skb, struct netlink_callback *cb,
			      struct inet_bind_hashbucket *head)
{
	struct inet_bind2_bucket *tb2;
	struct sock *sk;
	u32 nth = 0;
	int err = 0;

	spin_lock_bh(&head->lock);
	inet_bind_bucket_for_each(tb2, &head->chain) {
		sk_for_each_bound(sk, &tb2->owners) {
			/* timewait sockets are over */
			if (sk->sk_state == TCP_TIME_WAIT)
				continue;
			err = vrdh_sock_dump_one(skb, cb, sk, &nth);
			if (err)
				goto unlock;
		}
	}
unlock:
	spin_unlock_bh(&head->lock);

	return err;
}

static int vrdh_sock_dump_udp(struct sk_buff *skb, struct netlink_callback *cb,
			      struct udp_hslot *slot)
{
	struct sock *sk;
	u32 nth = 0;
	int err = 0;

	spin_lock_bh(&slot->lock);
	sk_for_each(sk, &slot->head) {
		err = vrdh_sock_dump_one(skb, cb, sk, &nth);
		if (err)
			break;
	}
	spin_unlock_bh(&slot->lock);

	return err;
}

int vr_dhost_nl_sock_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct vrdh_sock_dump *dump = (void *)cb->ctx;
	struct net *net = sock_net(skb->sk);
	struct vrdh_net *vn = vrdh_net(net);
	struct inet_hashinfo *tcp = net->ipv4.tcp_death_row.hashinfo;
	struct udp_table *udp = net->ipv4.udp_table;
	int err = 0;

	NL_ASSERT_DUMP_CTX_FITS(struct vrdh_sock_dump);

	if (!netlink_ns_capable(cb->skb, net->user_ns, CAP_NET_ADMIN)) {
		NL_SET_ERR_MSG(cb->extack, "CAP_NET_ADMIN is required");
		return -EPERM;
	}
	if (nlmsg_attrlen(cb->nlh, GENL_HDRLEN)) {
		NL_SET_ERR_MSG(cb->extack, "The dump takes no attributes");
		return -EINVAL;
	}

	if (!dump->started) {
		/* what comes after is told by an event, be it in the dump too */
		spin_lock_bh(&vn->event_lock);
		dump->seq = vn->event_seq;
		spin_unlock_bh(&vn->event_lock);
		dump->started = true;
	}

	rcu_read_lock();
	while (dump->bucket < tcp->bhash_size + udp->mask + 1) {
		if (dump->bucket < tcp->bhash_size)
			err = vrdh_sock_dump_tcp(skb, cb,
						 &tcp->bhash2[dump->bucket]);
		else
			err = vrdh_sock_dump_udp(skb, cb,
						 &udp->hash[dump->bucket -
							    tcp->bhash_size]);
		if (err)
			break;
		dump->bucket++;
		dump->in_bucket = 0;
	}
	rcu_read_unlock();

	return err;
}
