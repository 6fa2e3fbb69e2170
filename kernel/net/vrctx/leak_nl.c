// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: generic netlink of the route leaks.
 */

#include <net/addrconf.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "genl.h"
#include "leak.h"

static int vrctx_leak_put_ctx(struct sk_buff *skb, const struct net *net,
			      u32 id, int attr_id, int attr_name)
{
	const struct vrctx *ctx = id ? vrctx_find(net, id) : NULL;
	const char *name = VRCTX_NAME_0;

	if (id)
		name = ctx ? vrctx_name(ctx) : NULL;

	return nla_put_u32(skb, attr_id, id) ? :
	       name ? nla_put_string(skb, attr_name, name) : 0;
}

/* RCU or RTNL */
static int vrctx_leak_fill(struct sk_buff *skb, const struct vrctx_leak *leak)
{
	struct vrctx_leak_stats sum;

	vrctx_leak_read(leak, &sum);
	if (vrctx_leak_put_ctx(skb, leak->net, leak->from, VRCTX_A_LEAK_FROM,
			       VRCTX_A_LEAK_FROM_NAME) ||
	    vrctx_leak_put_ctx(skb, leak->net, leak->to, VRCTX_A_LEAK_TO,
			       VRCTX_A_LEAK_TO_NAME) ||
	    nla_put(skb, VRCTX_A_LEAK_PREFIX,
		    leak->family == AF_INET ? 4 : 16, &leak->prefix) ||
	    nla_put_u8(skb, VRCTX_A_LEAK_PREFIX_LEN, leak->plen) ||
	    nla_put_u64_64bit(skb, VRCTX_A_LEAK_PACKETS, sum.packets,
			      VRCTX_A_LEAK_PAD) ||
	    nla_put_u64_64bit(skb, VRCTX_A_LEAK_BYTES, sum.bytes,
			      VRCTX_A_LEAK_PAD))
		return -EMSGSIZE;

	return 0;
}

/* Who sees a leak sees both contexts */
static bool vrctx_leak_seen(const struct net *net,
			    const struct vrctx_leak *leak)
{
	return vrctx_may_see(net, leak->from) && vrctx_may_see(net, leak->to);
}

/* The context that two attributes name, by number, name, or both. RCU or RTNL.
 * *@ctx is NULL for context 0.
 */
static int vrctx_leak_ctx(struct genl_info *info, int attr_id, int attr_name,
			  struct vrctx **ctx)
{
	struct nlattr *name = info->attrs[attr_name];
	struct nlattr *id = info->attrs[attr_id];
	struct net *net = genl_info_net(info);
	struct vrctx *by_name = NULL;

	*ctx = NULL;
	if (!id && !name) {
		NL_SET_ERR_MSG(info->extack, "Both contexts are required, by number or name");
		return -EINVAL;
	}

	if (id && nla_get_u32(id)) {
		*ctx = vrctx_find_live(net, nla_get_u32(id));
		if (!*ctx) {
			NL_SET_ERR_MSG_ATTR(info->extack, id, "No such context");
			return -ENOENT;
		}
	}
	if (!name)
		return 0;

	if (strcmp(nla_data(name), VRCTX_NAME_0)) {
		by_name = vrctx_find_name(net, nla_data(name));
		if (!by_name) {
			NL_SET_ERR_MSG_ATTR(info->extack, name,
					    "No such context");
			return -ENOENT;
		}
	}
	if (id && *ctx != by_name) {
		NL_SET_ERR_MSG(info->extack, "Number and name are those of different contexts");
		return -EINVAL;
	}
	*ctx = by_name;

	return 0;
}

/* Is it one that means the same in another context? @key has the address */
static bool vrctx_leak_prefix_ok(const struct vrctx_leak *key)
{
	int type;

	if (!key->plen)
		return true;
	if (key->family == AF_INET) {
		__be32 addr = key->prefix.s6_addr32[0];

		return !ipv4_is_multicast(addr) && !ipv4_is_lbcast(addr) &&
		       !ipv4_is_loopback(addr) && !ipv4_is_zeronet(addr);
	}

	type = ipv6_addr_type(&key->prefix);
	return !(type & (IPV6_ADDR_MULTICAST | IPV6_ADDR_LOOPBACK |
			 IPV6_ADDR_LINKLOCAL)) &&
	       (type != IPV6_ADDR_ANY || key->plen < 128);
}

static int vrctx_leak_prefix(struct genl_info *info, struct vrctx_leak *key)
{
	struct nlattr *nla = info->attrs[VRCTX_A_LEAK_PREFIX];
	struct nlattr *plen = info->attrs[VRCTX_A_LEAK_PREFIX_LEN];
	struct in6_addr masked = {};
	u8 max;

	if (!nla || !plen) {
		NL_SET_ERR_MSG(info->extack, "A prefix and its length are required");
		return -EINVAL;
	}

	switch (nla_len(nla)) {
	case 4:
		key->family = AF_INET;
		max = 32;
		break;
	case 16:
		key->family = AF_INET6;
		max = 128;
		break;
	default:
		NL_SET_ERR_MSG_ATTR(info->extack, nla,
				    "A prefix has 4 or 16 bytes");
		return -EINVAL;
	}
	key->plen = nla_get_u8(plen);
	if (key->plen > max) {
		NL_SET_ERR_MSG_ATTR(info->extack, plen,
				    "The prefix is longer than an address");
		return -EINVAL;
	}

	memcpy(&key->prefix, nla_data(nla), nla_len(nla));
	ipv6_addr_prefix(&masked, &key->prefix, key->plen);
	if (!ipv6_addr_equal(&masked, &key->prefix)) {
		NL_SET_ERR_MSG_ATTR(info->extack, nla,
				    "The prefix has host bits");
		return -EINVAL;
	}

	return 0;
}

static int vrctx_leak_may_change(struct sk_buff *skb, struct genl_info *info)
{
	if (vrctx_nl_inside(skb) || task_vrctx(current)) {
		NL_SET_ERR_MSG(info->extack, "Only context 0 may change leaks");
		return -EPERM;
	}

	return vrctx_nl_admin(skb, info);
}

/* Contexts exist, differ, and have what carriers need. RTNL. */
static int vrctx_leak_check(struct genl_info *info, struct vrctx_leak *key,
			    struct vrctx *from, struct vrctx *to)
{
	struct net *net = genl_info_net(info);
	int err;

	if (from == to) {
		NL_SET_ERR_MSG(info->extack, "A leak leads to another context");
		return -EINVAL;
	}
	if (!vrctx_leak_prefix_ok(key)) {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[VRCTX_A_LEAK_PREFIX],
				    "Multicast, loopback and link-local addresses do not leave their context");
		return -EINVAL;
	}
	if (vrctx_leak_find(net, key)) {
		NL_SET_ERR_MSG(info->extack, "The context has a leak for the prefix");
		return -EEXIST;
	}
	if (key->family == AF_INET6 && !ipv6_mod_enabled()) {
		NL_SET_ERR_MSG(info->extack, "IPv6 is off");
		return -EAFNOSUPPORT;
	}
	if (!(net->loopback_dev->flags & IFF_UP)) {
		NL_SET_ERR_MSG(info->extack, "The loopback device is down");
		return -ENETDOWN;
	}

	err = from ? vrctx_activate(from) : 0;

	return err || !to ? err : vrctx_activate(to);
}

int vrctx_nl_leak_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct vrctx_leak key = {};
	struct vrctx *from, *to;
	int err;

	err = vrctx_leak_may_change(skb, info);
	if (!err)
		err = vrctx_leak_prefix(info, &key);
	if (err)
		return err;

	rtnl_lock();
	err = vrctx_leak_ctx(info, VRCTX_A_LEAK_FROM, VRCTX_A_LEAK_FROM_NAME,
			     &from);
	if (!err)
		err = vrctx_leak_ctx(info, VRCTX_A_LEAK_TO,
				     VRCTX_A_LEAK_TO_NAME, &to);
	if (!err) {
		key.from = vrctx_id(from);
		key.to = vrctx_id(to);
		err = vrctx_leak_check(info, &key, from, to);
	}
	if (!err)
		err = vrctx_leak_add(net, &key, info->extack);
	rtnl_unlock();

	return err;
}

/* The leak that a request names. RTNL. */
static struct vrctx_leak *vrctx_leak_named(struct genl_info *info)
{
	struct vrctx_leak key = {}, *leak;
	struct vrctx *from;
	int err;

	err = vrctx_leak_prefix(info, &key);
	if (!err)
		err = vrctx_leak_ctx(info, VRCTX_A_LEAK_FROM,
				     VRCTX_A_LEAK_FROM_NAME, &from);
	if (err)
		return ERR_PTR(err);

	key.from = vrctx_id(from);
	leak = vrctx_leak_find(genl_info_net(info), &key);
	if (leak)
		return leak;

	NL_SET_ERR_MSG(info->extack, "The context has no leak for the prefix");
	return ERR_PTR(-ENOENT);
}

int vrctx_nl_leak_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vrctx_leak *leak;
	int err;

	err = vrctx_leak_may_change(skb, info);
	if (err)
		return err;

	rtnl_lock();
	leak = vrctx_leak_named(info);
	err = PTR_ERR_OR_ZERO(leak);
	if (!err)
		vrctx_leak_del(leak);
	rtnl_unlock();

	return err;
}

int vrctx_nl_leak_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vrctx_leak *leak;
	struct sk_buff *rsp;
	void *hdr;
	int err;

	/* one of the two would be another one, which may not even exist */
	if (!vrctx_may_see_all(genl_info_net(info))) {
		NL_SET_ERR_MSG(info->extack, VRCTX_NL_NOT_SEEN);
		return -EPERM;
	}

	rsp = vrctx_nl_reply_new(info, &hdr);
	if (!rsp)
		return -ENOMEM;

	rtnl_lock();
	leak = vrctx_leak_named(info);
	err = PTR_ERR_OR_ZERO(leak);
	if (!err)
		err = vrctx_leak_fill(rsp, leak);
	rtnl_unlock();

	return vrctx_nl_reply_send(rsp, hdr, info, err);
}

int vrctx_nl_leak_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net *net = sock_net(skb->sk);
	unsigned long id = cb->args[0];
	struct vrctx_leak *leak;
	int err = 0;
	void *hdr;

	/* an operation without a policy lets anything pass */
	if (nlmsg_attrlen(cb->nlh, GENL_HDRLEN)) {
		NL_SET_ERR_MSG(cb->extack, "The dump takes no attributes");
		return -EINVAL;
	}

	rtnl_lock();
	cb->seq = READ_ONCE(net->vrctx.seq);
	xa_for_each_start(vrctx_leaks(net), id, leak, id) {
		if (!vrctx_leak_seen(net, leak))
			continue;
		hdr = genlmsg_iput(skb, genl_info_dump(cb));
		if (!hdr) {
			err = -EMSGSIZE;
			break;
		}
		genl_dump_check_consistent(cb, hdr);
		err = vrctx_leak_fill(skb, leak);
		if (err) {
			genlmsg_cancel(skb, hdr);
			break;
		}
		genlmsg_end(skb, hdr);
		cb->args[0] = id + 1;
	}
	rtnl_unlock();

	return err;
}

/* Tell who listens of a leak that has come or is about to go. RTNL. */
void vrctx_leak_notify(const struct vrctx_leak *leak, u8 cmd)
{
	struct sk_buff *skb;
	void *hdr;

	skb = vrctx_ntf_new(leak->net, cmd, &hdr);
	if (skb)
		vrctx_ntf_send(leak->net, skb, hdr, vrctx_leak_fill(skb, leak));
}
