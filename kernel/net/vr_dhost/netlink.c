// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: generic netlink.
 */

#include <linux/in.h>
#include <linux/netdevice.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "dhost.h"
#include "genl.h"

/* What a bind() waits, if nobody says anything else */
#define VRDH_TIMEOUT_MS		5000

static_assert(VRDH_LOCAL + 1 == VR_DHOST_A_STATS_LOCAL);
static_assert(VRDH_ARP_SILENCED + 1 == VR_DHOST_A_STATS_ARP_SILENCED);
static_assert(VRDH_SPREAD + 2 == VR_DHOST_A_STATS_SPREAD);
static_assert(VRDH_MOVED + 2 == VR_DHOST_A_STATS_MOVED);

static int vrdh_nl_admin(struct sk_buff *skb, struct genl_info *info)
{
	if (netlink_ns_capable(skb, genl_info_net(info)->user_ns,
			       CAP_NET_ADMIN))
		return 0;

	NL_SET_ERR_MSG(info->extack, "CAP_NET_ADMIN is required");
	return -EPERM;
}

/* A process in a context sees what is there */
static bool vrdh_nl_may_see(struct sk_buff *skb, const struct net *net, u32 ctx)
{
	return ctx == READ_ONCE(current->vrctx) ||
	       netlink_ns_capable(skb, net->user_ns, CAP_NET_ADMIN);
}

static int vrdh_nl_key(struct genl_info *info, struct vrdh_key *key)
{
	struct nlattr *nla_addr = info->attrs[VR_DHOST_A_DHOST_ADDRESS];
	struct nlattr *nla_ctx = info->attrs[VR_DHOST_A_DHOST_CONTEXT];

	if (!nla_addr) {
		NL_SET_ERR_MSG(info->extack, "An address is required");
		return -EINVAL;
	}
	switch (nla_len(nla_addr)) {
	case sizeof(struct in_addr):
		ipv6_addr_set_v4mapped(nla_get_in_addr(nla_addr), &key->addr);
		break;
	case sizeof(struct in6_addr):
		key->addr = nla_get_in6_addr(nla_addr);
		if (!IS_ENABLED(CONFIG_IPV6)) {
			NL_SET_ERR_MSG_ATTR(info->extack, nla_addr,
					    "This kernel has no IPv6");
			return -EAFNOSUPPORT;
		}
		/* which would be two names for one address */
		if (ipv6_addr_v4mapped(&key->addr)) {
			NL_SET_ERR_MSG_ATTR(info->extack, nla_addr,
					    "This is an IPv4 address in the form of an IPv6 one");
			return -EADDRNOTAVAIL;
		}
		break;
	default:
		NL_SET_ERR_MSG_ATTR(info->extack, nla_addr,
				    "This is no IP address");
		return -EINVAL;
	}
	key->ctx = nla_ctx ? nla_get_u32(nla_ctx) : 0;

	return 0;
}

/* The address that the request names. The lock or RCU. */
static struct vrdh_host *vrdh_nl_find(struct genl_info *info)
{
	struct vrdh_host *host;
	struct vrdh_key key;
	int err;

	err = vrdh_nl_key(info, &key);
	if (err)
		return ERR_PTR(err);

	host = vrdh_host_find(vrdh_net(genl_info_net(info)), &key.addr,
			      key.ctx);
	if (!host) {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[VR_DHOST_A_DHOST_ADDRESS],
				    "This is not a distributed address of the context");
		return ERR_PTR(-ENOENT);
	}

	return host;
}

static u64 vrdh_nl_epoch(const struct genl_info *info)
{
	struct nlattr *nla = info->attrs[VR_DHOST_A_DHOST_EPOCH];

	return nla ? nla_get_u64(nla) : 0;
}

/* Begin a request to change an address: checks, lock, look-up. The epoch, if
 * there is one, has to be the current one unless the request sets it.
 */
static struct vrdh_host *vrdh_nl_begin(struct sk_buff *skb,
				       struct genl_info *info, bool set_epoch)
{
	struct vrdh_net *vn = vrdh_net(genl_info_net(info));
	u64 epoch = vrdh_nl_epoch(info);
	struct vrdh_host *host;
	int err;

	err = vrdh_nl_admin(skb, info);
	if (err)
		return ERR_PTR(err);

	mutex_lock(&vn->lock);
	host = vrdh_nl_find(info);
	if (IS_ERR(host)) {
		mutex_unlock(&vn->lock);
		return host;
	}
	if (!set_epoch && epoch && epoch != host->epoch) {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[VR_DHOST_A_DHOST_EPOCH],
				    "The epoch is stale");
		mutex_unlock(&vn->lock);
		return ERR_PTR(-ESTALE);
	}

	return host;
}

static void vrdh_nl_end(struct genl_info *info)
{
	mutex_unlock(&vrdh_net(genl_info_net(info))->lock);
}

static int vrdh_nl_slice(struct genl_info *info, struct vrdh_slice *slice)
{
	struct nlattr *min = info->attrs[VR_DHOST_A_DHOST_SLICE_MIN];
	struct nlattr *max = info->attrs[VR_DHOST_A_DHOST_SLICE_MAX];

	if (!min != !max) {
		NL_SET_ERR_MSG(info->extack, "A slice has a first and a last port");
		return -EINVAL;
	}
	if (!min) {
		/* so that no port is in it */
		slice->min = U16_MAX;
		slice->max = 0;
		return 0;
	}
	slice->min = nla_get_u16(min);
	slice->max = nla_get_u16(max);
	if (slice->max < slice->min) {
		NL_SET_ERR_MSG(info->extack, "The last port comes before the first");
		return -EINVAL;
	}

	return 0;
}

/* ---- filling ---- */

int vrdh_put_addr(struct sk_buff *skb, int attr, const struct in6_addr *addr)
{
	return vrdh_family_of(addr) == VRDH_IPV4 ?
	       nla_put_in_addr(skb, attr, addr->s6_addr32[3]) :
	       nla_put_in6_addr(skb, attr, addr);
}

static int vrdh_fill_slice(struct sk_buff *skb, const struct vrdh_slice *slice,
			   int min, int max)
{
	return slice->max && (nla_put_u16(skb, min, slice->min) ||
			      nla_put_u16(skb, max, slice->max)) ?
	       -EMSGSIZE : 0;
}

static int vrdh_fill_key(struct sk_buff *skb, const struct vrdh_host *host)
{
	return vrdh_put_addr(skb, VR_DHOST_A_DHOST_ADDRESS, &host->key.addr) ||
	       nla_put_u32(skb, VR_DHOST_A_DHOST_CONTEXT, host->key.ctx) ?
	       -EMSGSIZE : 0;
}

static int vrdh_fill_member(struct sk_buff *skb,
			    const struct vrdh_member *member)
{
	const struct net_device *dev = READ_ONCE(member->dev);
	struct nlattr *nest;

	nest = nla_nest_start(skb, VR_DHOST_A_DHOST_MEMBER);
	if (!nest)
		return -EMSGSIZE;

	if (nla_put_u32(skb, VR_DHOST_A_MEMBER_NODE, member->node) ||
	    nla_put_s32(skb, VR_DHOST_A_MEMBER_IFINDEX,
			dev ? dev->ifindex : 0) ||
	    nla_put(skb, VR_DHOST_A_MEMBER_LLADDR, ETH_ALEN, member->lladdr) ||
	    vrdh_fill_slice(skb, &member->slice, VR_DHOST_A_MEMBER_SLICE_MIN,
			    VR_DHOST_A_MEMBER_SLICE_MAX)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);

	return 0;
}

static int vrdh_fill_stats(struct sk_buff *skb, const struct vrdh_host *host)
{
	struct nlattr *nest;
	int cpu, i;
	u64 sum;

	nest = nla_nest_start(skb, VR_DHOST_A_DHOST_STATS);
	if (!nest)
		return -EMSGSIZE;

	for (i = 0; i < __VRDH_STATS; i++) {
		/* the padding is among them */
		int attr = i + 1 + (i + 1 >= VR_DHOST_A_STATS_PAD);

		sum = 0;
		for_each_possible_cpu(cpu)
			sum += READ_ONCE(per_cpu_ptr(host->stats,
						     cpu)->count[i]);
		if (nla_put_u64_64bit(skb, attr, sum, VR_DHOST_A_STATS_PAD)) {
			nla_nest_cancel(skb, nest);
			return -EMSGSIZE;
		}
	}
	nla_nest_end(skb, nest);

	return 0;
}

/* RCU; changes at the same time may be seen half */
static int vrdh_fill_host(struct sk_buff *skb, struct vrdh_host *host)
{
	const struct vrdh_members *members = rcu_dereference(host->members);
	u32 i;

	if (vrdh_fill_key(skb, host) ||
	    nla_put_u32(skb, VR_DHOST_A_DHOST_OWN, host->own) ||
	    nla_put_u32(skb, VR_DHOST_A_DHOST_LEAD, READ_ONCE(host->lead)) ||
	    nla_put_u64_64bit(skb, VR_DHOST_A_DHOST_EPOCH,
			      READ_ONCE(host->epoch), VR_DHOST_A_DHOST_PAD) ||
	    vrdh_fill_slice(skb, &host->slice, VR_DHOST_A_DHOST_SLICE_MIN,
			    VR_DHOST_A_DHOST_SLICE_MAX) ||
	    nla_put_u32(skb, VR_DHOST_A_DHOST_GRANTS,
			READ_ONCE(host->grants)) ||
	    nla_put_u32(skb, VR_DHOST_A_DHOST_TIMEOUT,
			READ_ONCE(host->timeout)) ||
	    nla_put_u32(skb, VR_DHOST_A_DHOST_HANDOVER,
			READ_ONCE(host->handover)) ||
	    nla_put_u32(skb, VR_DHOST_A_DHOST_PORTS,
			atomic_read(&host->ports.nelems)))
		return -EMSGSIZE;

	for (i = 0; i < members->count; i++) {
		if (vrdh_fill_member(skb, &members->member[i]))
			return -EMSGSIZE;
	}

	return vrdh_fill_stats(skb, host);
}

/* Of one node, or if there is none of those that share it */
static int vrdh_fill_port(struct sk_buff *skb, const struct vrdh_host *host,
			  u32 key, u32 node, const struct vrdh_shared *shared)
{
	u32 i, count;

	if (vrdh_fill_key(skb, host) ||
	    nla_put_u8(skb, VR_DHOST_A_DHOST_PROTOCOL, key >> 16) ||
	    nla_put_u16(skb, VR_DHOST_A_DHOST_PORT, key & U16_MAX))
		return -EMSGSIZE;
	if (node)
		return nla_put_u32(skb, VR_DHOST_A_DHOST_NODE, node);
	if (!shared)
		return 0;

	count = READ_ONCE(shared->count);
	for (i = 0; i < count; i++) {
		if (nla_put_u32(skb, VR_DHOST_A_DHOST_OWNER,
				READ_ONCE(shared->owner[i])))
			return -EMSGSIZE;
	}

	return 0;
}

/* End a message of a dump, or take it back if it was not filled */
static int vrdh_dump_end(struct sk_buff *skb, void *hdr, int err)
{
	if (err)
		genlmsg_cancel(skb, hdr);
	else
		genlmsg_end(skb, hdr);

	return err;
}

/* ---- addresses ---- */

int vr_dhost_nl_host_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vrdh_host *host;
	struct sk_buff *rsp;
	void *hdr;
	int err;

	rsp = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!rsp)
		return -ENOMEM;
	hdr = genlmsg_iput(rsp, info);
	if (!hdr) {
		nlmsg_free(rsp);
		return -EMSGSIZE;
	}

	rcu_read_lock();
	host = vrdh_nl_find(info);
	if (IS_ERR(host)) {
		err = PTR_ERR(host);
	} else if (!vrdh_nl_may_see(skb, genl_info_net(info), host->key.ctx)) {
		NL_SET_ERR_MSG(info->extack, "CAP_NET_ADMIN is required to see other contexts");
		err = -EPERM;
	} else {
		err = vrdh_fill_host(rsp, host);
	}
	rcu_read_unlock();
	if (err) {
		nlmsg_free(rsp);
		return err;
	}
	genlmsg_end(rsp, hdr);

	return genlmsg_reply(rsp, info);
}

int vr_dhost_nl_host_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct net *net = sock_net(skb->sk);
	struct vrdh_net *vn = vrdh_net(net);
	unsigned long *done = (void *)cb->ctx;
	struct rhashtable_iter iter;
	struct vrdh_host *host;
	unsigned long nth = 0;
	int err = 0;
	void *hdr;

	if (nlmsg_attrlen(cb->nlh, GENL_HDRLEN)) {
		NL_SET_ERR_MSG(cb->extack, "The dump takes no attributes");
		return -EINVAL;
	}

	cb->seq = READ_ONCE(vn->gen);
	rhashtable_walk_enter(&vn->hosts, &iter);
	rhashtable_walk_start(&iter);
	while ((host = rhashtable_walk_next(&iter))) {
		if (IS_ERR(host)) {
			/* resized: what is sent already may come again */
			cb->seq++;
			continue;
		}
		if (nth++ < *done ||
		    !vrdh_nl_may_see(cb->skb, net, host->key.ctx))
			continue;

		hdr = genlmsg_iput(skb, genl_info_dump(cb));
		if (!hdr) {
			err = -EMSGSIZE;
			break;
		}
		genl_dump_check_consistent(cb, hdr);
		err = vrdh_dump_end(skb, hdr, vrdh_fill_host(skb, host));
		if (err)
			break;
		*done = nth;
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);

	return err;
}

/* Set what of an address can be set at any time; false if nothing is */
static bool vrdh_nl_options(struct genl_info *info, struct vrdh_host *host)
{
	struct nlattr *grants = info->attrs[VR_DHOST_A_DHOST_GRANTS];
	struct nlattr *timeout = info->attrs[VR_DHOST_A_DHOST_TIMEOUT];
	struct nlattr *handover = info->attrs[VR_DHOST_A_DHOST_HANDOVER];

	if (grants)
		WRITE_ONCE(host->grants, nla_get_u32(grants));
	if (timeout)
		WRITE_ONCE(host->timeout, nla_get_u32(timeout));
	if (handover)
		WRITE_ONCE(host->handover, nla_get_u32(handover));

	return grants || timeout || handover;
}

/* Can it be the address of a host, everywhere? Link-local ones are another on
 * each link.
 */
static bool vrdh_nl_is_host(const struct in6_addr *addr)
{
	__be32 addr4 = addr->s6_addr32[3];

	if (vrdh_family_of(addr) == VRDH_IPV4)
		return !ipv4_is_zeronet(addr4) && !ipv4_is_loopback(addr4) &&
		       !ipv4_is_multicast(addr4) && !ipv4_is_lbcast(addr4);

	return !ipv6_addr_any(addr) && !ipv6_addr_loopback(addr) &&
	       !ipv6_addr_is_multicast(addr) &&
	       !(ipv6_addr_type(addr) & IPV6_ADDR_LINKLOCAL);
}

int vr_dhost_nl_host_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vrdh_net *vn = vrdh_net(genl_info_net(info));
	struct nlattr *lead = info->attrs[VR_DHOST_A_DHOST_LEAD];
	struct vrdh_host as = { .timeout = VRDH_TIMEOUT_MS };
	struct vrdh_host *host;
	int err;

	err = vrdh_nl_admin(skb, info);
	if (err)
		return err;
	err = vrdh_nl_key(info, &as.key);
	if (err)
		return err;
	if (!vrdh_nl_is_host(&as.key.addr)) {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[VR_DHOST_A_DHOST_ADDRESS],
				    "This is not the address of a host");
		return -EADDRNOTAVAIL;
	}
	if (GENL_REQ_ATTR_CHECK(info, VR_DHOST_A_DHOST_OWN)) {
		NL_SET_ERR_MSG(info->extack, "The number of this node is required");
		return -EINVAL;
	}
	err = vrdh_nl_slice(info, &as.slice);
	if (err)
		return err;
	as.own = nla_get_u32(info->attrs[VR_DHOST_A_DHOST_OWN]);
	as.lead = lead ? nla_get_u32(lead) : 0;
	as.epoch = vrdh_nl_epoch(info) ? : 1;
	vrdh_nl_options(info, &as);

	mutex_lock(&vn->lock);
	host = vrdh_host_new(vn, &as, info->extack);
	err = PTR_ERR_OR_ZERO(host);
	if (!err)
		vrdh_notify_host(vn, host, VR_DHOST_CMD_HOST_NTF);
	mutex_unlock(&vn->lock);

	return err;
}

int vr_dhost_nl_host_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vrdh_host *host = vrdh_nl_begin(skb, info, false);

	if (IS_ERR(host))
		return PTR_ERR(host);

	vrdh_host_del(vrdh_net(genl_info_net(info)), host);
	vrdh_nl_end(info);

	return 0;
}

int vr_dhost_nl_host_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vrdh_net *vn = vrdh_net(genl_info_net(info));
	struct nlattr *lead = info->attrs[VR_DHOST_A_DHOST_LEAD];
	struct vrdh_host *host;
	int err = 0;

	host = vrdh_nl_begin(skb, info, lead);
	if (IS_ERR(host))
		return PTR_ERR(host);

	if (lead)
		err = vrdh_host_lead(vn, host, nla_get_u32(lead),
				     vrdh_nl_epoch(info), info->extack);
	if (!err && !vrdh_nl_options(info, host) && !lead) {
		NL_SET_ERR_MSG(info->extack, "There is nothing to change");
		err = -EINVAL;
	}
	if (!err)
		vrdh_notify_host(vn, host, VR_DHOST_CMD_HOST_NTF);
	vrdh_nl_end(info);

	return err;
}

/* ---- members ---- */

/* Index of the device that the request names, by index or name */
static int vrdh_nl_ifindex(struct genl_info *info)
{
	struct nlattr *nla_index = info->attrs[VR_DHOST_A_DHOST_IFINDEX];
	struct nlattr *nla_name = info->attrs[VR_DHOST_A_DHOST_IFNAME];
	const struct net_device *dev;
	int ifindex = -ENODEV;

	if (!nla_index == !nla_name) {
		NL_SET_ERR_MSG(info->extack, "A device is required, by index or by name");
		return -EINVAL;
	}
	if (nla_index)
		return nla_get_s32(nla_index);

	rcu_read_lock();
	dev = dev_get_by_name_rcu(genl_info_net(info), nla_data(nla_name));
	if (dev)
		ifindex = dev->ifindex;
	else
		NL_SET_ERR_MSG_ATTR(info->extack, nla_name, "No such device");
	rcu_read_unlock();

	return ifindex;
}

/* The node that the request names, 0 if it does not */
static u32 vrdh_nl_node(struct genl_info *info)
{
	struct nlattr *nla = info->attrs[VR_DHOST_A_DHOST_NODE];

	if (nla)
		return nla_get_u32(nla);

	NL_SET_ERR_MSG(info->extack, "The number of a node is required");
	return 0;
}

int vr_dhost_nl_member_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vrdh_net *vn = vrdh_net(genl_info_net(info));
	struct nlattr *lladdr = info->attrs[VR_DHOST_A_DHOST_LLADDR];
	struct vrdh_member as = {};
	struct vrdh_host *host;
	int err, ifindex;

	host = vrdh_nl_begin(skb, info, false);
	if (IS_ERR(host))
		return PTR_ERR(host);

	err = -EINVAL;
	as.node = vrdh_nl_node(info);
	if (!as.node)
		goto unlock;
	if (!lladdr) {
		NL_SET_ERR_MSG(info->extack, "The member's Ethernet address is required");
		goto unlock;
	}
	ether_addr_copy(as.lladdr, nla_data(lladdr));
	err = vrdh_nl_slice(info, &as.slice);
	if (err)
		goto unlock;
	ifindex = vrdh_nl_ifindex(info);
	err = ifindex < 0 ? ifindex :
	      vrdh_member_new(vn, host, &as, ifindex, info->extack);
	if (!err)
		vrdh_notify_host(vn, host, VR_DHOST_CMD_HOST_NTF);
unlock:
	vrdh_nl_end(info);

	return err;
}

int vr_dhost_nl_member_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vrdh_net *vn = vrdh_net(genl_info_net(info));
	struct vrdh_host *host;
	int err = -EINVAL;
	u32 node;

	host = vrdh_nl_begin(skb, info, false);
	if (IS_ERR(host))
		return PTR_ERR(host);

	node = vrdh_nl_node(info);
	if (node)
		err = vrdh_member_del(vn, host, node, info->extack);
	if (!err)
		vrdh_notify_host(vn, host, VR_DHOST_CMD_HOST_NTF);
	vrdh_nl_end(info);

	return err;
}

/* ---- port map ---- */

/* Protocol and range of ports of a request; -EINVAL if it has none */
static int vrdh_nl_range(struct genl_info *info, u8 *proto, u16 *first,
			 u16 *last)
{
	struct nlattr *nla_proto = info->attrs[VR_DHOST_A_DHOST_PROTOCOL];
	struct nlattr *nla_port = info->attrs[VR_DHOST_A_DHOST_PORT];

	if (!nla_proto || !nla_port) {
		NL_SET_ERR_MSG(info->extack, "A protocol and a port are required");
		return -EINVAL;
	}
	*proto = nla_get_u8(nla_proto);
	*first = nla_get_u16(nla_port);
	*last = *first;

	return 0;
}

int vr_dhost_nl_port_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vrdh_host *host;
	struct sk_buff *rsp;
	u16 port, last;
	void *hdr;
	u8 proto;
	int err;

	err = vrdh_nl_range(info, &proto, &port, &last);
	if (err)
		return err;

	rsp = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!rsp)
		return -ENOMEM;
	hdr = genlmsg_iput(rsp, info);
	if (!hdr) {
		nlmsg_free(rsp);
		return -EMSGSIZE;
	}

	rcu_read_lock();
	host = vrdh_nl_find(info);
	if (IS_ERR(host)) {
		err = PTR_ERR(host);
	} else if (!vrdh_nl_may_see(skb, genl_info_net(info), host->key.ctx)) {
		NL_SET_ERR_MSG(info->extack, "CAP_NET_ADMIN is required to see other contexts");
		err = -EPERM;
	} else {
		err = vrdh_fill_port(rsp, host, vrdh_port_key(proto, port),
				     vrdh_port_owner(host, proto, port),
				     vrdh_port_shared(host, proto, port));
	}
	rcu_read_unlock();
	if (err) {
		nlmsg_free(rsp);
		return err;
	}
	genlmsg_end(rsp, hdr);

	return genlmsg_reply(rsp, info);
}

int vr_dhost_nl_port_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct genl_info *info = (struct genl_info *)genl_info_dump(cb);
	const struct vrdh_port *port;
	u32 *key = (void *)cb->ctx;
	struct vrdh_host *host;
	int err = 0;
	void *hdr;
	u32 node;

	rcu_read_lock();
	host = vrdh_nl_find(info);
	if (IS_ERR(host)) {
		err = PTR_ERR(host);
		goto unlock;
	}
	if (!vrdh_nl_may_see(cb->skb, genl_info_net(info), host->key.ctx)) {
		NL_SET_ERR_MSG(cb->extack, "CAP_NET_ADMIN is required to see other contexts");
		err = -EPERM;
		goto unlock;
	}

	while ((port = vrdh_port_next(host, key))) {
		node = READ_ONCE(port->node);
		hdr = genlmsg_iput(skb, info);
		if (!hdr) {
			err = -EMSGSIZE;
			break;
		}
		err = vrdh_dump_end(skb, hdr,
				    vrdh_fill_port(skb, host, *key, node,
						   vrdh_shared_of(port)));
		if (err)
			break;
		++*key;
	}
unlock:
	rcu_read_unlock();

	return err;
}

/* Those who get a port: one node, or all owners in their order */
static int vrdh_nl_owners(struct genl_info *info, struct vrdh_owners *owners)
{
	struct nlattr *nla;
	int rem;
	u32 i;

	owners->count = 0;
	owners->shared = info->attrs[VR_DHOST_A_DHOST_OWNER];
	if (!owners->shared) {
		owners->node[0] = vrdh_nl_node(info);
		owners->count = 1;
		return owners->node[0] ? 0 : -EINVAL;
	}
	if (info->attrs[VR_DHOST_A_DHOST_NODE]) {
		NL_SET_ERR_MSG(info->extack, "A port has a node, or owners that share it");
		return -EINVAL;
	}

	nlmsg_for_each_attr_type(nla, VR_DHOST_A_DHOST_OWNER, info->nlhdr,
				 GENL_HDRLEN, rem) {
		for (i = 0; i < owners->count; i++) {
			if (owners->node[i] == nla_get_u32(nla)) {
				NL_SET_ERR_MSG_ATTR(info->extack, nla,
						    "The owner is there twice");
				return -EEXIST;
			}
		}
		if (owners->count == ARRAY_SIZE(owners->node)) {
			NL_SET_ERR_MSG_ATTR(info->extack, nla,
					    "There are more owners than there can be nodes");
			return -ENOSPC;
		}
		owners->node[owners->count++] = nla_get_u32(nla);
	}

	return 0;
}

static int vrdh_nl_port(struct sk_buff *skb, struct genl_info *info, bool set)
{
	struct nlattr *nla_last = info->attrs[VR_DHOST_A_DHOST_PORT_LAST];
	struct vrdh_host *host;
	struct vrdh_owners owners;
	u16 first, last;
	int err;
	u8 proto;

	host = vrdh_nl_begin(skb, info, false);
	if (IS_ERR(host))
		return PTR_ERR(host);

	err = vrdh_nl_range(info, &proto, &first, &last);
	if (err)
		goto unlock;
	if (nla_last)
		last = nla_get_u16(nla_last);
	if (!set) {
		err = vrdh_port_del(host, proto, first, last, info->extack);
		goto unlock;
	}
	err = vrdh_nl_owners(info, &owners);
	if (!err && owners.shared)
		err = vrdh_flows_need(vrdh_net(genl_info_net(info)),
				      info->extack);
	if (!err)
		err = vrdh_port_set(host, proto, first, last, &owners,
				    info->extack);
unlock:
	vrdh_nl_end(info);

	return err;
}

int vr_dhost_nl_port_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return vrdh_nl_port(skb, info, true);
}

int vr_dhost_nl_port_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return vrdh_nl_port(skb, info, false);
}

int vr_dhost_nl_grant_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *cookie = info->attrs[VR_DHOST_A_DHOST_COOKIE];
	int err;

	err = vrdh_nl_admin(skb, info);
	if (err)
		return err;
	if (!cookie || !nla_get_u64(cookie)) {
		NL_SET_ERR_MSG(info->extack, "The cookie of a socket is required");
		return -EINVAL;
	}
	if (!vrdh_grant(vrdh_net(genl_info_net(info)), nla_get_u64(cookie),
			info->attrs[VR_DHOST_A_DHOST_DENY])) {
		NL_SET_ERR_MSG_ATTR(info->extack, cookie,
				    "No bind() waits for this");
		return -ENOENT;
	}

	return 0;
}

/* ---- events ---- */

/* There was no memory to tell who listens of something: ENOBUFS, as if its
 * socket had none
 */
void vrdh_events_lost(struct vrdh_net *vn)
{
	genl_set_err(&vr_dhost_nl_family, vn->net, 0, VR_DHOST_NLGRP_EVENTS,
		     -ENOBUFS);
}

/* Tell who listens of an address. The lock; may be under RCU. */
void vrdh_notify_host(struct vrdh_net *vn, struct vrdh_host *host, u8 cmd)
{
	struct sk_buff *skb;
	void *hdr;
	int err;

	if (!genl_has_listeners(&vr_dhost_nl_family, vn->net,
				VR_DHOST_NLGRP_EVENTS))
		return;

	skb = genlmsg_new(NLMSG_GOODSIZE, GFP_ATOMIC);
	if (!skb)
		goto lost;
	hdr = genlmsg_put(skb, 0, 0, &vr_dhost_nl_family, 0, cmd);
	if (!hdr)
		goto free;

	rcu_read_lock();
	err = vrdh_fill_host(skb, host);
	rcu_read_unlock();
	if (err)
		goto free;
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&vr_dhost_nl_family, vn->net, skb, 0,
				VR_DHOST_NLGRP_EVENTS, GFP_ATOMIC);
	return;

free:
	nlmsg_free(skb);
lost:
	vrdh_events_lost(vn);
}

/* The generator has no word for it: events tell of everybody's sockets */
static const struct genl_multicast_group vrdh_mcgrps[] = {
	[VR_DHOST_NLGRP_EVENTS] = {
		.name	= VR_DHOST_MCGRP_EVENTS,
		.flags	= GENL_MCAST_CAP_NET_ADMIN,
	},
};

int __init vrdh_netlink_init(void)
{
	vr_dhost_nl_family.mcgrps = vrdh_mcgrps;
	vr_dhost_nl_family.n_mcgrps = ARRAY_SIZE(vrdh_mcgrps);

	return genl_register_family(&vr_dhost_nl_family);
}

void vrdh_netlink_exit(void)
{
	genl_unregister_family(&vr_dhost_nl_family);
}
