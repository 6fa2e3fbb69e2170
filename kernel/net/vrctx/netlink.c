// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: generic netlink.
 */

#include <linux/netdevice.h>
#include <linux/pid_namespace.h>
#include <linux/sched/task.h>
#include <net/sock.h>

#include "ctx.h"
#include "genl.h"

/* Where a dump is, and what it is about */
struct vrctx_dump {
	unsigned long	next;	/* number, ifindex or pid */
	bool		filter;
	u32		id;	/* with filter: of this context only */
};

int vrctx_nl_admin(struct sk_buff *skb, struct genl_info *info)
{
	if (netlink_ns_capable(skb, genl_info_net(info)->user_ns,
			       CAP_NET_ADMIN))
		return 0;

	NL_SET_ERR_MSG(info->extack, "CAP_NET_ADMIN is required");
	return -EPERM;
}

static int vrctx_nl_may_see(struct genl_info *info, u32 id)
{
	if (vrctx_may_see(genl_info_net(info), id))
		return 0;

	NL_SET_ERR_MSG(info->extack, VRCTX_NL_NOT_SEEN);
	return -EPERM;
}

/* Is that the name of @ctx, if there is one? */
static bool vrctx_named(const struct vrctx *ctx, const char *name)
{
	const char *own = ctx ? vrctx_name(ctx) : NULL;

	return own && !strcmp(own, name);
}

/* The context that the request names by number, name, or both. RCU or RTNL.
 * *@ctx is NULL for context 0.
 */
static int vrctx_nl_ctx(struct genl_info *info, struct vrctx **ctx)
{
	struct nlattr *nla_name = info->attrs[VRCTX_A_CTX_NAME];
	struct nlattr *nla_id = info->attrs[VRCTX_A_CTX_ID];
	struct net *net = genl_info_net(info);
	struct vrctx *by_name = NULL;
	bool name0 = false;

	*ctx = NULL;
	if (!nla_id && !nla_name) {
		NL_SET_ERR_MSG(info->extack, "A context number or name is required");
		return -EINVAL;
	}

	if (nla_id && nla_get_u32(nla_id)) {
		*ctx = vrctx_find_live(net, nla_get_u32(nla_id));
		if (!*ctx) {
			NL_SET_ERR_MSG_ATTR(info->extack, nla_id,
					    "No such context");
			return -ENOENT;
		}
	}
	if (!nla_name)
		return 0;

	if (!strcmp(nla_data(nla_name), VRCTX_NAME_0))
		name0 = true;
	else
		by_name = vrctx_find_name(net, nla_data(nla_name));
	if (!by_name && !name0) {
		NL_SET_ERR_MSG_ATTR(info->extack, nla_name, "No such context");
		return -ENOENT;
	}
	if (nla_id && *ctx != by_name) {
		NL_SET_ERR_MSG(info->extack, "Number and name are those of different contexts");
		return -EINVAL;
	}
	*ctx = by_name;

	return 0;
}

/* The same of a request to look at it. Who may see its own context only is not
 * told whether there is another one.
 */
static int vrctx_nl_ctx_seen(struct genl_info *info, struct vrctx **ctx)
{
	struct nlattr *nla_name = info->attrs[VRCTX_A_CTX_NAME];
	struct nlattr *nla_id = info->attrs[VRCTX_A_CTX_ID];
	struct net *net = genl_info_net(info);
	u32 own = vrctx_view_of(net);

	if (!vrctx_may_see_all(net)) {
		*ctx = vrctx_find(net, own);
		if ((nla_id && nla_get_u32(nla_id) != own) ||
		    (nla_name && !vrctx_named(*ctx, nla_data(nla_name)))) {
			NL_SET_ERR_MSG(info->extack, VRCTX_NL_NOT_SEEN);
			return -EPERM;
		}
	}

	return vrctx_nl_ctx(info, ctx);
}

/* The same of a request to change the context, which cannot be number 0 */
static struct vrctx *vrctx_nl_change(struct genl_info *info)
{
	struct vrctx *ctx;
	int err;

	err = vrctx_nl_ctx(info, &ctx);
	if (err)
		return ERR_PTR(err);
	if (!ctx) {
		NL_SET_ERR_MSG(info->extack, "Context 0 cannot be changed");
		return ERR_PTR(-EINVAL);
	}

	return ctx;
}

static int vrctx_nl_put_name(struct sk_buff *skb, const struct vrctx *ctx)
{
	const char *name = ctx ? vrctx_name(ctx) : VRCTX_NAME_0;

	return name ? nla_put_string(skb, VRCTX_A_CTX_NAME, name) : 0;
}

/* Numbers, all at once: who dumps contexts gets a hundred thousand of these */
struct vrctx_nl_u32 {
	struct nlattr	nla;
	u32		val;
};

static int vrctx_nl_put_u32s(struct sk_buff *skb, const struct vrctx_nl_u32 *num,
			     unsigned int count)
{
	static_assert(sizeof(*num) == NLA_HDRLEN + sizeof(u32));

	if (skb_tailroom(skb) < count * sizeof(*num))
		return -EMSGSIZE;

	skb_put_data(skb, num, count * sizeof(*num));
	return 0;
}

#define VRCTX_NL_U32(type, num)						\
	{ .nla = { NLA_HDRLEN + sizeof(u32), type }, .val = (num) }

/* In all of these @ctx is NULL for context 0. RCU or RTNL. */
static int vrctx_nl_fill_ctx(struct sk_buff *skb, const struct net *net,
			     const struct vrctx *ctx)
{
	const struct vrctx_nl_u32 num[] = {
		VRCTX_NL_U32(VRCTX_A_CTX_ID, ctx ? ctx->id : 0),
		VRCTX_NL_U32(VRCTX_A_CTX_TABLE,
			     ctx ? vrctx_table_id(ctx->id) : RT_TABLE_MAIN),
		VRCTX_NL_U32(VRCTX_A_CTX_DEVICES,
			     ctx ? READ_ONCE(ctx->ndev) : vrctx_dev_count(net)),
		/* those of context 0 are not counted */
		VRCTX_NL_U32(VRCTX_A_CTX_SOCKETS,
			     ctx ? atomic_read(&ctx->socks) : 0),
		VRCTX_NL_U32(VRCTX_A_CTX_TASKS,
			     ctx ? atomic_read(&ctx->tasks) : 0),
	};

	return vrctx_nl_put_u32s(skb, num, ctx ? ARRAY_SIZE(num) : 3) ? :
	       vrctx_nl_put_name(skb, ctx);
}

static int vrctx_nl_fill_stats(struct sk_buff *skb, const struct net *net,
			       const struct vrctx *ctx)
{
	struct vrctx_stats s = {};

	if (ctx)
		vrctx_read_stats(ctx, &s);

	if (nla_put_u32(skb, VRCTX_A_CTX_ID, ctx ? ctx->id : 0) ||
	    vrctx_nl_put_name(skb, ctx) ||
	    nla_put_u64_64bit(skb, VRCTX_A_CTX_RX_PACKETS, s.rx,
			      VRCTX_A_CTX_PAD) ||
	    nla_put_u64_64bit(skb, VRCTX_A_CTX_TX_PACKETS, s.tx,
			      VRCTX_A_CTX_PAD) ||
	    nla_put_u64_64bit(skb, VRCTX_A_CTX_FWD_PACKETS, s.fwd,
			      VRCTX_A_CTX_PAD) ||
	    nla_put_u64_64bit(skb, VRCTX_A_CTX_NO_ROUTE, s.no_route,
			      VRCTX_A_CTX_PAD) ||
	    nla_put_u64_64bit(skb, VRCTX_A_CTX_WRONG_CTX, s.wrong_ctx,
			      VRCTX_A_CTX_PAD))
		return -EMSGSIZE;

	return 0;
}

/* Number and name of the context that a device or task carries */
static int vrctx_nl_put_id(struct sk_buff *skb, const struct net *net, u32 id)
{
	const struct vrctx *ctx = id ? vrctx_find(net, id) : NULL;

	if (nla_put_u32(skb, VRCTX_A_CTX_ID, id))
		return -EMSGSIZE;

	return ctx || !id ? vrctx_nl_put_name(skb, ctx) : 0;
}

static int vrctx_nl_fill_dev(struct sk_buff *skb, const struct net_device *dev)
{
	if (nla_put_s32(skb, VRCTX_A_CTX_IFINDEX, dev->ifindex) ||
	    nla_put_string(skb, VRCTX_A_CTX_IFNAME, dev->name))
		return -EMSGSIZE;

	return vrctx_nl_put_id(skb, dev_net(dev), READ_ONCE(dev->vrctx));
}

static int vrctx_nl_fill_task(struct sk_buff *skb, const struct net *net,
			      u32 pid, u32 id)
{
	if (nla_put_u32(skb, VRCTX_A_CTX_PID, pid))
		return -EMSGSIZE;

	return vrctx_nl_put_id(skb, net, id);
}

/* Room for any of the above, and a leak: five counters, or less than that. Who
 * creates thousands has as many replies in the receive buffer.
 */
#define VRCTX_NL_SIZE							\
	(nla_total_size(sizeof(u32)) * 5 + nla_total_size(IFNAMSIZ) +	\
	 nla_total_size(VRCTX_NAME_MAX + 1) * 2 + nla_total_size_64bit(8) * 5)

/* A reply to @info with room for any of the above */
struct sk_buff *vrctx_nl_reply_new(struct genl_info *info, void **hdr)
{
	struct sk_buff *rsp = genlmsg_new(VRCTX_NL_SIZE, GFP_KERNEL);

	if (!rsp)
		return NULL;

	*hdr = genlmsg_iput(rsp, info);
	if (*hdr)
		return rsp;

	nlmsg_free(rsp);
	return NULL;
}

int vrctx_nl_reply_send(struct sk_buff *rsp, void *hdr, struct genl_info *info,
			int err)
{
	if (err) {
		nlmsg_free(rsp);
		return err;
	}

	genlmsg_end(rsp, hdr);
	return genlmsg_reply(rsp, info);
}

typedef int (*vrctx_nl_fill_t)(struct sk_buff *skb, const struct net *net,
			       const struct vrctx *ctx);

static int vrctx_nl_get(struct genl_info *info, vrctx_nl_fill_t fill)
{
	struct sk_buff *rsp;
	struct vrctx *ctx;
	void *hdr;
	int err;

	rsp = vrctx_nl_reply_new(info, &hdr);
	if (!rsp)
		return -ENOMEM;

	rcu_read_lock();
	err = vrctx_nl_ctx_seen(info, &ctx);
	if (!err)
		err = fill(rsp, genl_info_net(info), ctx);
	rcu_read_unlock();

	return vrctx_nl_reply_send(rsp, hdr, info, err);
}

/* Start or go on with a dump of contexts, devices or tasks */
static struct vrctx_dump *vrctx_nl_dump(struct netlink_callback *cb)
{
	NL_ASSERT_DUMP_CTX_FITS(struct vrctx_dump);

	return (struct vrctx_dump *)cb->ctx;
}

/* End a message of a dump, or take it back if it was not filled. Returns @err */
static int vrctx_nl_dump_end(struct sk_buff *skb, void *hdr, int err)
{
	if (err)
		genlmsg_cancel(skb, hdr);
	else
		genlmsg_end(skb, hdr);

	return err;
}

static int vrctx_nl_dump_ctx(struct sk_buff *skb, struct netlink_callback *cb,
			     vrctx_nl_fill_t fill)
{
	struct vrctx_dump *dump = vrctx_nl_dump(cb);
	struct net *net = sock_net(skb->sk);
	struct vrctx *ctx;
	int err = 0;
	void *hdr;

	/* an operation without a policy lets anything pass */
	if (nlmsg_attrlen(cb->nlh, GENL_HDRLEN)) {
		NL_SET_ERR_MSG(cb->extack, "The dump takes no attributes");
		return -EINVAL;
	}

	rcu_read_lock();
	cb->seq = READ_ONCE(net->vrctx.seq);
	while (dump->next <= VRCTX_ID_MAX) {
		ctx = NULL;
		if (dump->next) {
			ctx = vrctx_next(net, dump->next);
			if (!ctx)
				break;
			dump->next = ctx->id;
		}
		if (!vrctx_may_see(net, dump->next)) {
			dump->next++;
			continue;
		}

		hdr = genlmsg_iput(skb, genl_info_dump(cb));
		if (!hdr) {
			err = -EMSGSIZE;
			break;
		}
		genl_dump_check_consistent(cb, hdr);
		err = fill(skb, net, ctx);
		if (vrctx_nl_dump_end(skb, hdr, err))
			break;
		dump->next++;
	}
	rcu_read_unlock();

	return err;
}

int vrctx_nl_ctx_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return vrctx_nl_get(info, vrctx_nl_fill_ctx);
}

int vrctx_nl_ctx_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return vrctx_nl_dump_ctx(skb, cb, vrctx_nl_fill_ctx);
}

int vrctx_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return vrctx_nl_get(info, vrctx_nl_fill_stats);
}

int vrctx_nl_stats_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return vrctx_nl_dump_ctx(skb, cb, vrctx_nl_fill_stats);
}

/* The name in the request if it is one, NULL if there is none */
static const char *vrctx_nl_name(struct genl_info *info)
{
	struct nlattr *nla = info->attrs[VRCTX_A_CTX_NAME];
	int err;

	if (!nla)
		return NULL;

	err = vrctx_check_name(nla_data(nla), info->extack);
	if (err) {
		NL_SET_BAD_ATTR(info->extack, nla);
		return ERR_PTR(err);
	}

	return nla_data(nla);
}

int vrctx_nl_ctx_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *nla_id = info->attrs[VRCTX_A_CTX_ID];
	struct net *net = genl_info_net(info);
	struct sk_buff *rsp;
	struct vrctx *ctx;
	const char *name;
	void *hdr;
	int err;

	err = vrctx_nl_admin(skb, info);
	if (err)
		return err;

	if (nla_id && !nla_get_u32(nla_id)) {
		NL_SET_ERR_MSG_ATTR(info->extack, nla_id,
				    "Context 0 exists always");
		return -EINVAL;
	}
	name = vrctx_nl_name(info);
	if (IS_ERR(name))
		return PTR_ERR(name);

	rsp = vrctx_nl_reply_new(info, &hdr);
	if (!rsp)
		return -ENOMEM;

	ctx = vrctx_new_wait(net, nla_id ? nla_get_u32(nla_id) : 0, name,
			     info->extack);
	if (IS_ERR(ctx)) {
		err = PTR_ERR(ctx);
	} else {
		err = vrctx_nl_fill_ctx(rsp, net, ctx);
		vrctx_notify(ctx, VRCTX_CMD_CTX_NTF);
	}
	rtnl_unlock();

	return vrctx_nl_reply_send(rsp, hdr, info, err);
}

int vrctx_nl_ctx_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vrctx *ctx;
	bool used;
	int err;

	err = vrctx_nl_admin(skb, info);
	if (err)
		return err;

	rtnl_lock();
	ctx = vrctx_nl_change(info);
	if (IS_ERR(ctx)) {
		err = PTR_ERR(ctx);
		goto err_unlock;
	}
	if (ctx->ndev && !info->attrs[VRCTX_A_CTX_FORCE]) {
		NL_SET_ERR_MSG(info->extack, "There are devices in the context");
		err = -EBUSY;
		goto err_unlock;
	}

	vrctx_leak_purge(ctx->net, ctx->id);
	/* its devices for PIM are no others' */
	vrctx_mr_clean(ctx);
	vrctx_dev_evict(ctx);
	vrctx_notify(ctx, VRCTX_CMD_CTX_DEL_NTF);
	used = vrctx_kill(ctx);
	rtnl_unlock();

	if (used)
		vrctx_purge(ctx);

	return 0;

err_unlock:
	rtnl_unlock();
	return err;
}

int vrctx_nl_ctx_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct vrctx *ctx;
	const char *name;
	u32 id;
	int err;

	err = vrctx_nl_admin(skb, info);
	if (err)
		return err;

	if (GENL_REQ_ATTR_CHECK(info, VRCTX_A_CTX_ID) ||
	    GENL_REQ_ATTR_CHECK(info, VRCTX_A_CTX_NAME)) {
		NL_SET_ERR_MSG(info->extack, "A number and a new name are required");
		return -EINVAL;
	}
	id = nla_get_u32(info->attrs[VRCTX_A_CTX_ID]);
	if (!id) {
		NL_SET_ERR_MSG(info->extack, "Context 0 cannot be changed");
		return -EINVAL;
	}
	name = vrctx_nl_name(info);
	if (IS_ERR(name))
		return PTR_ERR(name);

	rtnl_lock();
	ctx = vrctx_find_live(net, id);
	if (!ctx) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[VRCTX_A_CTX_ID],
				    "No such context");
		err = -ENOENT;
	} else {
		err = vrctx_rename(ctx, name, info->extack);
	}
	if (!err)
		vrctx_notify(ctx, VRCTX_CMD_CTX_NTF);
	rtnl_unlock();

	return err;
}

/* The device that the request names by index, name, or both. RTNL. */
static struct net_device *vrctx_nl_dev(struct genl_info *info)
{
	struct nlattr *nla_index = info->attrs[VRCTX_A_CTX_IFINDEX];
	struct nlattr *nla_name = info->attrs[VRCTX_A_CTX_IFNAME];
	struct net *net = genl_info_net(info);
	struct net_device *dev = NULL;

	if (!nla_index && !nla_name) {
		NL_SET_ERR_MSG(info->extack, "A device index or name is required");
		return ERR_PTR(-EINVAL);
	}

	if (nla_index)
		dev = __dev_get_by_index(net, nla_get_s32(nla_index));
	else
		dev = __dev_get_by_name(net, nla_data(nla_name));
	if (!dev) {
		NL_SET_ERR_MSG_ATTR(info->extack, nla_index ? : nla_name,
				    "No such device");
		return ERR_PTR(-ENODEV);
	}
	if (nla_index && nla_name &&
	    __dev_get_by_name(net, nla_data(nla_name)) != dev) {
		NL_SET_ERR_MSG(info->extack, "Index and name are those of different devices");
		return ERR_PTR(-EINVAL);
	}

	return dev;
}

int vrctx_nl_dev_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct net_device *dev;
	struct sk_buff *rsp;
	void *hdr;
	int err;

	rsp = vrctx_nl_reply_new(info, &hdr);
	if (!rsp)
		return -ENOMEM;

	rtnl_lock();
	dev = vrctx_nl_dev(info);
	err = PTR_ERR_OR_ZERO(dev);
	if (!err)
		err = vrctx_nl_may_see(info, dev->vrctx);
	if (!err)
		err = vrctx_nl_fill_dev(rsp, dev);
	rtnl_unlock();

	return vrctx_nl_reply_send(rsp, hdr, info, err);
}

int vrctx_nl_dev_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct net_device *dev;
	struct vrctx *ctx;
	int err;

	err = vrctx_nl_admin(skb, info);
	if (err)
		return err;

	rtnl_lock();
	dev = vrctx_nl_dev(info);
	err = PTR_ERR_OR_ZERO(dev);
	if (!err)
		err = vrctx_nl_ctx(info, &ctx);
	if (!err)
		err = vrctx_dev_set(dev, ctx, info->extack);
	rtnl_unlock();

	return err;
}

/* What the dump is about, on its first call */
static int vrctx_nl_dump_filter(struct netlink_callback *cb,
				struct vrctx_dump *dump)
{
	struct genl_info *info = (struct genl_info *)genl_info_dump(cb);
	struct vrctx *ctx;
	int err;

	if (dump->next || (!info->attrs[VRCTX_A_CTX_ID] &&
			   !info->attrs[VRCTX_A_CTX_NAME]))
		return 0;

	rcu_read_lock();
	err = vrctx_nl_ctx_seen(info, &ctx);
	if (!err) {
		dump->filter = true;
		dump->id = ctx ? ctx->id : 0;
	}
	rcu_read_unlock();

	return err;
}

static bool vrctx_nl_dump_skip(const struct vrctx_dump *dump,
			       const struct net *net, u32 id)
{
	return (dump->filter && id != dump->id) || !vrctx_may_see(net, id);
}

int vrctx_nl_dev_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vrctx_dump *dump = vrctx_nl_dump(cb);
	struct net *net = sock_net(skb->sk);
	struct net_device *dev;
	void *hdr;
	int err;

	err = vrctx_nl_dump_filter(cb, dump);
	if (err)
		return err;

	rcu_read_lock();
	cb->seq = READ_ONCE(net->dev_base_seq);
	for_each_netdev_dump(net, dev, dump->next) {
		if (vrctx_nl_dump_skip(dump, net, READ_ONCE(dev->vrctx)))
			continue;

		hdr = genlmsg_iput(skb, genl_info_dump(cb));
		if (!hdr) {
			err = -EMSGSIZE;
			break;
		}
		genl_dump_check_consistent(cb, hdr);
		err = vrctx_nl_fill_dev(skb, dev);
		if (vrctx_nl_dump_end(skb, hdr, err))
			break;
	}
	rcu_read_unlock();

	return err;
}

/* Context of a task of @net */
static int vrctx_nl_task_id(struct task_struct *task, const struct net *net,
			    u32 *id)
{
	int err = -ESRCH;

	task_lock(task);
	if (task->nsproxy && net_eq(task->nsproxy->net_ns, net)) {
		*id = task->vrctx;
		err = 0;
	}
	task_unlock(task);

	return err;
}

int vrctx_nl_task_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct task_struct *task;
	struct sk_buff *rsp;
	void *hdr;
	u32 pid, id;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, VRCTX_A_CTX_PID)) {
		NL_SET_ERR_MSG(info->extack, "A process number is required");
		return -EINVAL;
	}
	pid = nla_get_u32(info->attrs[VRCTX_A_CTX_PID]);

	rsp = vrctx_nl_reply_new(info, &hdr);
	if (!rsp)
		return -ENOMEM;

	rcu_read_lock();
	task = find_task_by_vpid(pid);
	err = task ? vrctx_nl_task_id(task, net, &id) : -ESRCH;
	if (err)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[VRCTX_A_CTX_PID],
				    "No such task in this network namespace");
	else
		err = vrctx_nl_may_see(info, id);
	if (!err)
		err = vrctx_nl_fill_task(rsp, net, pid, id);
	rcu_read_unlock();

	return vrctx_nl_reply_send(rsp, hdr, info, err);
}

int vrctx_nl_task_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct pid_namespace *pid_ns = task_active_pid_ns(current);
	struct vrctx_dump *dump = vrctx_nl_dump(cb);
	struct net *net = sock_net(skb->sk);
	struct task_struct *task;
	struct pid *pid;
	int err, nr;
	void *hdr;
	u32 id;

	err = vrctx_nl_dump_filter(cb, dump);
	if (err)
		return err;

	rcu_read_lock();
	while ((pid = find_ge_pid(dump->next, pid_ns))) {
		nr = pid_nr_ns(pid, pid_ns);
		dump->next = nr;

		task = pid_task(pid, PIDTYPE_PID);
		if (!task || vrctx_nl_task_id(task, net, &id) ||
		    vrctx_nl_dump_skip(dump, net, id) ||
		    (!dump->filter && !id)) {
			dump->next++;
			continue;
		}

		hdr = genlmsg_iput(skb, genl_info_dump(cb));
		if (!hdr) {
			err = -EMSGSIZE;
			break;
		}
		err = vrctx_nl_fill_task(skb, net, nr, id);
		if (vrctx_nl_dump_end(skb, hdr, err))
			break;
		dump->next++;
	}
	rcu_read_unlock();

	return err;
}

/* Is there anybody to notify? If so begin a message. */
struct sk_buff *vrctx_ntf_new(struct net *net, u8 cmd, void **hdr)
{
	struct sk_buff *skb;

	if (!genl_has_listeners(&vrctx_nl_family, net, VRCTX_NLGRP_EVENTS))
		return NULL;

	skb = genlmsg_new(VRCTX_NL_SIZE, GFP_KERNEL);
	if (!skb)
		return NULL;

	*hdr = genlmsg_put(skb, 0, 0, &vrctx_nl_family, 0, cmd);
	if (*hdr)
		return skb;

	nlmsg_free(skb);
	return NULL;
}

void vrctx_ntf_send(struct net *net, struct sk_buff *skb, void *hdr, int err)
{
	if (err) {
		nlmsg_free(skb);
		return;
	}

	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&vrctx_nl_family, net, skb, 0,
				VRCTX_NLGRP_EVENTS, GFP_KERNEL);
}

/* Tell who listens of a change to a context. RTNL. */
void vrctx_notify(struct vrctx *ctx, u8 cmd)
{
	struct sk_buff *skb;
	void *hdr;

	skb = vrctx_ntf_new(ctx->net, cmd, &hdr);
	if (skb)
		vrctx_ntf_send(ctx->net, skb, hdr,
			       vrctx_nl_fill_ctx(skb, ctx->net, ctx));
}

/* The same of a device that changed its context. RTNL. */
void vrctx_notify_dev(struct net_device *dev)
{
	struct net *net = dev_net(dev);
	struct sk_buff *skb;
	void *hdr;

	skb = vrctx_ntf_new(net, VRCTX_CMD_DEV_NTF, &hdr);
	if (skb)
		vrctx_ntf_send(net, skb, hdr, vrctx_nl_fill_dev(skb, dev));
}

int __init vrctx_netlink_init(void)
{
	return genl_register_family(&vrctx_nl_family);
}
