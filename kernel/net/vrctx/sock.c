// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: sockets.
 */

#include <linux/in.h>
#include <linux/igmp.h>
#include <linux/mroute6.h>
#include <linux/netlink.h>
#include <linux/nsproxy.h>
#include <linux/sched/task.h>
#include <linux/sockptr.h>
#include <linux/udp.h>
#include <net/inet_connection_sock.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/vrctx_mptcp.h>
#include <net/vrctx_sctp.h>

#include "ctx.h"

DEFINE_STATIC_KEY_FALSE(vrctx_any_used);
EXPORT_SYMBOL(vrctx_any_used);

/* May a task in a context create such a socket? Only what keeps to the
 * context, or has nothing to do with the network.
 */
static int vrctx_sock_family(int family, int type, int protocol)
{
	bool ok = true;

	switch (family) {
	case AF_UNIX:
	case AF_ALG:
	case AF_PACKET:
		break;
	case AF_NETLINK:
		ok = protocol == NETLINK_ROUTE ||
		     protocol == NETLINK_GENERIC ||
		     protocol == NETLINK_SOCK_DIAG ||
		     protocol == NETLINK_KOBJECT_UEVENT ||
		     protocol == NETLINK_NETFILTER ||
		     protocol == NETLINK_XFRM ||
		     protocol == NETLINK_AUDIT;
		break;
	case AF_INET:
	case AF_INET6:
		if (type == SOCK_STREAM)
			ok = !protocol || protocol == IPPROTO_TCP ||
			     protocol == IPPROTO_MPTCP ||
			     protocol == IPPROTO_SCTP;
		else if (type == SOCK_DGRAM)
			ok = !protocol || protocol == IPPROTO_UDP ||
			     protocol == IPPROTO_UDPLITE ||
			     protocol == (family == AF_INET ? IPPROTO_ICMP :
							      IPPROTO_ICMPV6);
		else if (type == SOCK_SEQPACKET)
			ok = !protocol || protocol == IPPROTO_SCTP;
		else
			ok = type == SOCK_RAW;
		break;
	default:
		return -EAFNOSUPPORT;
	}

	return ok ? 0 : -EPROTONOSUPPORT;
}

/* Sockets of the kernel are context 0's: a tunnel, a file system or a server
 * that it opens for a task in a context would work in the wrong network.
 */
static int vrctx_sock_kern(int family, int type)
{
	return (family == AF_INET || family == AF_INET6) &&
	       (type == SOCK_STREAM || type == SOCK_DGRAM) ? -EOPNOTSUPP : 0;
}

int __vrctx_sock_create_check(struct net *net, int family, int type,
			      int protocol, int kern)
{
	u32 id = READ_ONCE(current->vrctx);
	struct vrctx *ctx;
	int err;

	if (!net_eq(net, current->nsproxy->net_ns))
		return 0;
	if (kern)
		return kern == VRCTX_KERN_TUNNEL ? 0 :
		       vrctx_sock_kern(family, type);

	err = vrctx_sock_family(family, type, protocol);
	if (err)
		return err;

	rcu_read_lock();
	ctx = vrctx_find_live(net, id);
	if (!ctx && (family == AF_INET || family == AF_INET6))
		err = -ENETUNREACH;
	/* Who listens there is asked for states, and there they are */
	if (ctx && family == AF_NETLINK && protocol == NETLINK_XFRM)
		WRITE_ONCE(ctx->xfrm, true);
	rcu_read_unlock();

	return err;
}

/* Under alloc_lock, so that the task carries the number until the socket does */
void __vrctx_sk_init(struct sock *sk)
{
	struct net *net = sock_net(sk);

	task_lock(current);
	if (current->vrctx && net_eq(net, current->nsproxy->net_ns)) {
		sk->sk_vrctx = current->vrctx;
		__vrctx_sock_hold(net, sk->sk_vrctx);
	}
	task_unlock(current);
}

void __vrctx_sock_hold(struct net *net, u32 id)
{
	if (id != SK_VRCTX_ANY)
		vrctx_get_user(vrctx_carried(net, id), VRCTX_SOCK);
}
EXPORT_SYMBOL_GPL(__vrctx_sock_hold);

bool __vrctx_sock_tryhold(struct net *net, u32 id)
{
	return vrctx_tryget_id(net, id, VRCTX_SOCK);
}
EXPORT_SYMBOL_GPL(__vrctx_sock_tryhold);

void __vrctx_sock_put(struct net *net, u32 id)
{
	if (id != SK_VRCTX_ANY)
		vrctx_put_user(vrctx_carried(net, id), VRCTX_SOCK);
}
EXPORT_SYMBOL_GPL(__vrctx_sock_put);

bool vrctx_has_socks(const struct net *net, u32 id)
{
	return atomic_read(&vrctx_carried(net, id)->socks);
}
EXPORT_SYMBOL_GPL(vrctx_has_socks);

void __vrctx_sk_uncount(struct sock *sk)
{
	if (sk->sk_vrctx != SK_VRCTX_ANY)
		atomic_dec(&vrctx_carried(sock_net(sk), sk->sk_vrctx)->socks);
}

void __vrctx_sk_put(struct sock *sk)
{
	if (sk->sk_vrctx != SK_VRCTX_ANY)
		vrctx_put(vrctx_carried(sock_net(sk), sk->sk_vrctx));
}

/* Does the socket's protocol do contexts, and @any serve all of them? */
static bool vrctx_sk_supported(const struct sock *sk, bool any)
{
	if (sk->sk_family != AF_INET && sk->sk_family != AF_INET6)
		return false;

	switch (sk->sk_type) {
	case SOCK_STREAM:
		return sk->sk_protocol == IPPROTO_TCP ||
		       (!any && (sk->sk_protocol == IPPROTO_MPTCP ||
				 sk->sk_protocol == IPPROTO_SCTP));
	case SOCK_SEQPACKET:
		return !any && sk->sk_protocol == IPPROTO_SCTP;
	case SOCK_DGRAM:
		return sk->sk_protocol == IPPROTO_UDP ||
		       (!any && (sk->sk_protocol == IPPROTO_UDPLITE ||
				 sk->sk_protocol == IPPROTO_ICMP ||
				 sk->sk_protocol == IPPROTO_ICMPV6));
	case SOCK_RAW:
		return !any;
	default:
		return false;
	}
}

/* Does the socket get packets with a router alert option, as that of a
 * multicast routing daemon does?
 */
static bool vrctx_sk_router_alert(const struct sock *sk)
{
	const struct ip_ra_chain *ra;

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		const struct ip6_ra_chain *ra6;

		read_lock_bh(&ip6_ra_lock);
		for (ra6 = ip6_ra_chain; ra6; ra6 = ra6->next) {
			if (ra6->sk == sk)
				break;
		}
		read_unlock_bh(&ip6_ra_lock);

		return ra6;
	}
#endif

	rcu_read_lock();
	for (ra = rcu_dereference(sock_net(sk)->ipv4.ra_chain); ra;
	     ra = rcu_dereference(ra->next)) {
		if (ra->sk == sk)
			break;
	}
	rcu_read_unlock();

	return ra;
}

#if IS_ENABLED(CONFIG_IPV6)
/* The same as below for what only an IPv6 socket has */
static bool vrctx_sk_in_use6(const struct sock *sk)
{
	const struct ipv6_pinfo *np = inet6_sk(sk);

	return !ipv6_addr_any(&sk->sk_v6_rcv_saddr) ||
	       !ipv6_addr_any(&np->saddr) ||
	       np->sticky_pktinfo.ipi6_ifindex ||
	       READ_ONCE(np->mcast_oif) || READ_ONCE(np->ucast_oif) ||
	       rcu_access_pointer(np->ipv6_mc_list) || np->ipv6_ac_list ||
	       rcu_access_pointer(inet_sk(sk)->ipv6_fl_list) ||
	       ip6mr_sk_used(sk);
}
#endif

/* Has the socket something that belongs to the context it is in? */
static int vrctx_sk_in_use(const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);

	if (sk->sk_state != TCP_CLOSE)
		return -EISCONN;

	/* A raw socket's number is its protocol, and it has one at once */
	if ((inet->inet_num && sk->sk_type != SOCK_RAW) ||
	    inet->inet_rcv_saddr || inet->inet_saddr ||
	    sk->sk_bound_dev_if || rcu_access_pointer(inet->mc_list))
		return -EINVAL;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 && vrctx_sk_in_use6(sk))
		return -EINVAL;
#endif

#ifdef CONFIG_XFRM
	/* its own IPsec policies are of the context it has */
	if (rcu_access_pointer(sk->sk_policy[0]) ||
	    rcu_access_pointer(sk->sk_policy[1]))
		return -EINVAL;
#endif
	if (sk->sk_type == SOCK_RAW && vrctx_sk_router_alert(sk))
		return -EINVAL;
	/* a tunnel's socket */
	if (sk_is_udp(sk) && READ_ONCE(udp_sk(sk)->encap_type))
		return -EINVAL;
	/* IPsec in TCP; what else is above TCP needs a connection first */
	if (sk_is_tcp(sk) && inet_csk(sk)->icsk_ulp_ops)
		return -EINVAL;

	return 0;
}

static void vrctx_any_on(void)
{
	rtnl_lock();
	vrctx_on();
	static_branch_enable(&vrctx_any_used);
	rtnl_unlock();
}

static void vrctx_sk_move(struct sock *sk, u32 id)
{
	if (sk->sk_type != SOCK_RAW || sk->sk_vrctx == id) {
		WRITE_ONCE(sk->sk_vrctx, id);
		return;
	}

	/* It is hashed by the context. Who looks at the old chain must not be
	 * led to the new one before the end.
	 */
	sk->sk_prot->unhash(sk);
	synchronize_net();
	WRITE_ONCE(sk->sk_vrctx, id);
	sk->sk_prot->hash(sk);
}

/* The first subflow of an MPTCP socket, if one of other options has made it, is
 * unbound as the socket is, and nobody else's.
 */
static void vrctx_sk_move_first(struct sock *sk, u32 id)
{
	struct sock *first = mptcp_vrctx_first(sk);
	struct net *net = sock_net(sk);
	u32 old;

	mptcp_vrctx_moved(sk);
	if (!first)
		return;

	old = first->sk_vrctx;
	vrctx_sock_hold(net, id);
	WRITE_ONCE(first->sk_vrctx, id);
	sk_dst_reset(first);
	vrctx_sock_put(net, old);
}

int vrctx_sk_set(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	bool mptcp = IS_ENABLED(CONFIG_MPTCP) &&
		     sk->sk_protocol == IPPROTO_MPTCP;
	bool raw = sk->sk_type == SOCK_RAW;
	struct net *net = sock_net(sk);
	struct vrctx *ctx;
	u32 val, id, old;
	int err;

	if (optlen != sizeof(val))
		return -EINVAL;
	if (copy_from_sockptr(&val, optval, sizeof(val)))
		return -EFAULT;
	if (val > VRCTX_ID_MAX && val != VRCTX_ANY)
		return -EINVAL;
	if (!vrctx_sk_supported(sk, val == VRCTX_ANY))
		return -EOPNOTSUPP;

	id = val == VRCTX_ANY ? SK_VRCTX_ANY : val;
	if (id != READ_ONCE(sk->sk_vrctx) &&
	    !sockopt_ns_capable(net->user_ns, CAP_NET_ADMIN))
		return -EPERM;

	if (id == SK_VRCTX_ANY) {
		vrctx_any_on();
	} else if (id) {
		/* takes RTNL, which comes before the socket lock */
		ctx = vrctx_get_id(net, id, VRCTX_SOCK);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
		if (mptcp) {
			err = vrctx_mptcp_prepare(net, id);
			if (err) {
				vrctx_sock_put(net, id);
				return err;
			}
		}
	}

	/* Multicast routing ties a socket to its context under RTNL */
	if (raw)
		rtnl_lock();
	sockopt_lock_sock(sk);
	old = sk->sk_vrctx;
	err = vrctx_sk_in_use(sk);
	/* somebody else may have changed it meanwhile */
	if (!err && id != old &&
	    !sockopt_ns_capable(net->user_ns, CAP_NET_ADMIN))
		err = -EPERM;
	if (!err) {
		vrctx_sk_move(sk, id);
		sk_dst_reset(sk);
		if (mptcp)
			vrctx_sk_move_first(sk, id);
	}
	sockopt_release_sock(sk);
	if (raw)
		rtnl_unlock();

	vrctx_sock_put(net, err ? id : old);

	return err;
}

int vrctx_sk_get(const struct sock *sk, int *val)
{
	u32 id = READ_ONCE(sk->sk_vrctx);

	if (!vrctx_sk_supported(sk, false))
		return -EOPNOTSUPP;

	*val = id == SK_VRCTX_ANY ? VRCTX_ANY : id;
	return 0;
}

int vrctx_sk_cmsg(const struct sock *sk, const struct cmsghdr *cmsg)
{
	u32 val, own = READ_ONCE(sk->sk_vrctx);
	int err = 0;

	if (cmsg->cmsg_len != CMSG_LEN(sizeof(val)))
		return -EINVAL;
	if (!vrctx_sk_supported(sk, false))
		return -EOPNOTSUPP;

	val = *(u32 *)CMSG_DATA(cmsg);
	if (val > VRCTX_ID_MAX || (own != SK_VRCTX_ANY && own != val))
		return -EINVAL;

	if (val && own == SK_VRCTX_ANY) {
		rcu_read_lock();
		if (!vrctx_find_live(sock_net(sk), val))
			err = -ENOENT;
		rcu_read_unlock();
	}
	return err;
}

int vrctx_sk_any_dest(const struct sock *sk, struct msghdr *msg, int *l3dom)
{
	struct cmsghdr *cmsg;
	int err = -EDESTADDRREQ;

	/* the last one counts, as with IP_PKTINFO */
	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_VRCTX)
			continue;
		err = vrctx_sk_cmsg(sk, cmsg);
		if (err)
			return err;
		*l3dom = vrctx_l3dom(*(u32 *)CMSG_DATA(cmsg));
	}

	return err;
}

int __vrctx_sk_any_dest(const struct sock *sk, struct msghdr *msg)
{
	int l3dom = VRCTX_L3DOM(SK_VRCTX_ANY);

	vrctx_sk_any_dest(sk, msg, &l3dom);

	return l3dom;
}

bool __vrctx_sk_ifindex_ok(const struct sock *sk, int ifindex)
{
	const struct net_device *dev;
	bool ok;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(sock_net(sk), ifindex);
	ok = !dev || vrctx_sk_dev_ok(sk, dev);
	rcu_read_unlock();

	return ok;
}
EXPORT_SYMBOL_GPL(__vrctx_sk_ifindex_ok);

int vrctx_sk_bind_dev_check(const struct sock *sk, int ifindex)
{
	const struct net_device *dev;
	int err = 0;

	if (!ifindex)
		return 0;
	/* There is none that is in all contexts */
	if (sk->sk_vrctx == SK_VRCTX_ANY)
		return -EINVAL;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(sock_net(sk), ifindex);
	if (dev && !vrctx_sk_dev_ok(sk, dev))
		err = -ENODEV;
	rcu_read_unlock();

	return err;
}
