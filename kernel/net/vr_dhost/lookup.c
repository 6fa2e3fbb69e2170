// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: has this node a socket for a flow?
 */

#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <net/udp.h>

#include "dhost.h"

/* Device that packets of the flow come by */
static int vrdh_dif(const struct vrdh_flow *flow)
{
	return flow->skb->dev->ifindex;
}

static struct sock *vrdh_established(const struct vrdh_flow *flow,
				     struct inet_hashinfo *hashinfo)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (vrdh_is6(flow->host))
		return __inet6_lookup_established(flow->net, hashinfo,
						  &flow->saddr.in6, flow->sport,
						  &flow->host->key.addr,
						  ntohs(flow->dport),
						  vrdh_dif(flow), flow->l3dom);
#endif
	return __inet_lookup_established(flow->net, hashinfo, flow->saddr.ip,
					 flow->sport, vrdh_addr4(flow->host),
					 ntohs(flow->dport), vrdh_dif(flow),
					 flow->l3dom);
}

/* State of the connection of the flow, 0 if there is none */
int vrdh_tcp_state(const struct vrdh_flow *flow)
{
	struct sock *sk;
	int state;

	sk = vrdh_established(flow, flow->net->ipv4.tcp_death_row.hashinfo);
	if (!sk)
		return 0;

	state = sk->sk_state;
	sock_gen_put(sk);

	return state;
}

const struct sock *vrdh_tcp_listener(const struct vrdh_flow *flow)
{
	struct inet_hashinfo *hashinfo = flow->net->ipv4.tcp_death_row.hashinfo;

#if IS_ENABLED(CONFIG_IPV6)
	if (vrdh_is6(flow->host))
		return inet6_lookup_listener(flow->net, hashinfo, NULL, 0,
					     &flow->saddr.in6, flow->sport,
					     &flow->host->key.addr,
					     ntohs(flow->dport), vrdh_dif(flow),
					     flow->l3dom);
#endif
	return __inet_lookup_listener(flow->net, hashinfo, NULL, 0,
				      flow->saddr.ip, flow->sport,
				      vrdh_addr4(flow->host),
				      ntohs(flow->dport), vrdh_dif(flow),
				      flow->l3dom);
}

const struct sock *vrdh_udp_sock(const struct vrdh_flow *flow)
{
	struct udp_table *table = flow->net->ipv4.udp_table;

#if IS_ENABLED(CONFIG_IPV6)
	if (vrdh_is6(flow->host))
		return __udp6_lib_lookup(flow->net, &flow->saddr.in6,
					 flow->sport, &flow->host->key.addr,
					 flow->dport, vrdh_dif(flow), flow->l3dom,
					 table, NULL);
#endif
	return __udp4_lib_lookup(flow->net, flow->saddr.ip, flow->sport,
				 vrdh_addr4(flow->host), flow->dport,
				 vrdh_dif(flow), flow->l3dom, table, NULL);
}
