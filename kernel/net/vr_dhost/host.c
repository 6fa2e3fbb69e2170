// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: addresses, leads, members.
 */

#include <linux/if_arp.h>
#include <linux/jhash.h>
#include <linux/netdevice.h>
#include <net/netlink.h>
#include <net/vrctx_watch.h>
#include <trace/events/vr_dhost.h>

#include "dhost.h"

static u32 vrdh_host_hash(const void *data, u32 len, u32 seed)
{
	const struct vrdh_key *key = data;

	/* few, and nobody else chooses them */
	return jhash_3words((__force u32)key->addr.s6_addr32[3],
			    (__force u32)(key->addr.s6_addr32[2] ^
					  key->addr.s6_addr32[1] ^
					  key->addr.s6_addr32[0]),
			    key->ctx, seed);
}

const struct rhashtable_params vrdh_host_params = {
	.head_offset		= offsetof(struct vrdh_host, node),
	.key_offset		= offsetof(struct vrdh_host, key),
	.key_len		= sizeof(struct vrdh_key),
	.hashfn			= vrdh_host_hash,
	.automatic_shrinking	= true,
};

/* RCU or the lock */
struct vrdh_host *vrdh_host_find(struct vrdh_net *vn,
				 const struct in6_addr *addr, u32 ctx)
{
	const struct vrdh_key key = {
		.addr = *addr,
		.ctx = ctx,
	};

	return rhashtable_lookup_fast(&vn->hosts, &key, vrdh_host_params);
}

/* The same for IPv4 */
struct vrdh_host *vrdh_host_find4(struct vrdh_net *vn, __be32 addr, u32 ctx)
{
	struct vrdh_key key = {
		.ctx = ctx,
	};

	ipv6_addr_set_v4mapped(addr, &key.addr);

	return rhashtable_lookup_fast(&vn->hosts, &key, vrdh_host_params);
}

static struct vrdh_members *vrdh_members(const struct vrdh_net *vn,
					 const struct vrdh_host *host)
{
	return rcu_dereference_protected(host->members,
					 lockdep_is_held(&vn->lock));
}

/* RCU or the lock of the namespace */
const struct vrdh_member *vrdh_member_find(const struct vrdh_members *members,
					   u32 node)
{
	u32 i;

	for (i = 0; i < members->count; i++) {
		if (members->member[i].node == node)
			return &members->member[i];
	}

	return NULL;
}

static void vrdh_members_put(struct vrdh_members *members)
{
	u32 i;

	for (i = 0; i < members->count; i++)
		netdev_put(members->member[i].dev, &members->member[i].tracker);
}

static struct vrdh_members *vrdh_members_alloc(u32 count)
{
	struct vrdh_members *members;

	members = kzalloc(struct_size(members, member, count), GFP_KERNEL);
	if (members)
		members->count = count;

	return members;
}

/* ---- addresses ---- */

static void vrdh_host_free(struct vrdh_host *host)
{
	vrdh_ports_free(host);
	free_percpu(host->stats);
	kfree(rcu_access_pointer(host->members));
	kfree(host);
}

static void vrdh_host_free_work(struct work_struct *work)
{
	vrdh_host_free(container_of(to_rcu_work(work), struct vrdh_host,
				    rwork));
}

static struct vrdh_host *vrdh_host_alloc(const struct vrdh_host *as)
{
	struct vrdh_members *members;
	struct vrdh_host *host;

	host = kmemdup(as, sizeof(*as), GFP_KERNEL);
	if (!host)
		return NULL;
	INIT_RCU_WORK(&host->rwork, vrdh_host_free_work);

	members = vrdh_members_alloc(0);
	if (!members)
		goto err_free;
	RCU_INIT_POINTER(host->members, members);

	host->stats = alloc_percpu(struct vrdh_stats);
	if (!host->stats)
		goto err_members;

	if (vrdh_ports_init(host))
		goto err_stats;

	return host;

err_stats:
	free_percpu(host->stats);
err_members:
	kfree(members);
err_free:
	kfree(host);
	return NULL;
}

/**
 * vrdh_host_new - make an address a distributed one
 * @vn: its namespace, locked
 * @as: key, own, lead, epoch, slice, grants and timeout of the new one
 * @extack: why not
 *
 * Return: the address or an error pointer.
 */
struct vrdh_host *vrdh_host_new(struct vrdh_net *vn, const struct vrdh_host *as,
				struct netlink_ext_ack *extack)
{
	struct vrdh_family *family;
	struct vrdh_host *host;
	int err, nr;

	lockdep_assert_held(&vn->lock);

	if (vrdh_host_find(vn, &as->key.addr, as->key.ctx)) {
		NL_SET_ERR_MSG(extack, "The address is distributed already");
		return ERR_PTR(-EEXIST);
	}
	/* under the lock: if it is deleted now, vrdh_ctx_gone() waits */
	if (!vrctx_lives(vn->net, as->key.ctx)) {
		NL_SET_ERR_MSG(extack, "No such context");
		return ERR_PTR(-ENOENT);
	}
	if (as->lead && as->lead != as->own) {
		NL_SET_ERR_MSG(extack, "Without members the lead can only be this node");
		return ERR_PTR(-EINVAL);
	}

	host = vrdh_host_alloc(as);
	if (!host)
		return ERR_PTR(-ENOMEM);

	nr = vrdh_family_of(&host->key.addr);
	family = &vn->family[nr];
	if (!family->count) {
		err = vrdh_hook(vn, nr);
		if (err)
			goto err_free;
	}
	err = rhashtable_insert_fast(&vn->hosts, &host->node, vrdh_host_params);
	if (err)
		goto err_unhook;
	set_bit(vrctx_shared_bit(host->key.addr.s6_addr32[3]),
		family->shared.filter);
	WRITE_ONCE(family->count, family->count + 1);
	vn->gen++;
	trace_vr_dhost_host(vn->net, host, "new");

	return host;

err_unhook:
	if (!family->count)
		vrdh_unhook(vn, nr);
err_free:
	vrdh_host_free(host);
	return ERR_PTR(err);
}

/* No packet finds it any more; those that have are let finish */
static void vrdh_host_unlink(struct vrdh_net *vn, struct vrdh_host *host)
{
	struct vrdh_family *family;

	family = &vn->family[vrdh_family_of(&host->key.addr)];
	rhashtable_remove_fast(&vn->hosts, &host->node, vrdh_host_params);
	WRITE_ONCE(family->count, family->count - 1);
	trace_vr_dhost_host(vn->net, host, "del");
	vn->gen++;
	vrdh_grant_host_gone(vn, host);
	vrdh_notify_host(vn, host, VR_DHOST_CMD_HOST_DEL_NTF);
	vrdh_members_put(vrdh_members(vn, host));
	queue_rcu_work(vrdh_wq, &host->rwork);
}

void vrdh_host_del(struct vrdh_net *vn, struct vrdh_host *host)
{
	int nr = vrdh_family_of(&host->key.addr);

	lockdep_assert_held(&vn->lock);

	vrdh_host_unlink(vn, host);
	if (!vn->family[nr].count)
		vrdh_unhook(vn, nr);
}

/* All addresses of context @ctx, or of all contexts */
static void vrdh_host_del_all(struct vrdh_net *vn, u32 ctx, bool all)
{
	bool had[__VRDH_FAMILIES];
	struct rhashtable_iter iter;
	struct vrdh_host *host;
	int i;

	mutex_lock(&vn->lock);
	for (i = 0; i < __VRDH_FAMILIES; i++)
		had[i] = vn->family[i].count;

	rhashtable_walk_enter(&vn->hosts, &iter);
	rhashtable_walk_start(&iter);
	while ((host = rhashtable_walk_next(&iter))) {
		/* an error: resized, and it starts again */
		if (!IS_ERR(host) && (all || host->key.ctx == ctx))
			vrdh_host_unlink(vn, host);
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);
	for (i = 0; i < __VRDH_FAMILIES; i++) {
		if (had[i] && !vn->family[i].count)
			vrdh_unhook(vn, i);
	}
	mutex_unlock(&vn->lock);
}

void vrdh_ctx_gone(struct vrdh_net *vn, u32 ctx)
{
	vrdh_host_del_all(vn, ctx, false);
}

void vrdh_net_flush(struct vrdh_net *vn)
{
	vrdh_host_del_all(vn, 0, true);
}

/**
 * vrdh_host_lead - make a node the lead
 * @vn: namespace of the address, locked
 * @host: the address
 * @lead: this node, a member, or 0 for none
 * @epoch: must grow; 0: the next one
 * @extack: why not
 *
 * The same lead in the same epoch again changes nothing.
 *
 * Return: 0 or -errno.
 */
int vrdh_host_lead(struct vrdh_net *vn, struct vrdh_host *host, u32 lead,
		   u64 epoch, struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&vn->lock);

	if (epoch && epoch == host->epoch && lead == host->lead)
		return 0;
	if (epoch && epoch <= host->epoch) {
		NL_SET_ERR_MSG(extack, "The epoch is stale");
		return -ESTALE;
	}
	if (lead && lead != host->own &&
	    !vrdh_member_find(vrdh_members(vn, host), lead)) {
		NL_SET_ERR_MSG(extack, "The lead is not a member");
		return -ENOENT;
	}

	host->epoch = epoch ? : host->epoch + 1;
	/* what it knew of flows may not be true any more */
	if (lead == host->own && host->lead != lead)
		WRITE_ONCE(host->tenure, host->tenure + 1);
	WRITE_ONCE(host->lead, lead);
	trace_vr_dhost_host(vn->net, host, "lead");
	if (lead == host->own) {
		if (vrdh_is6(host))
			vrdh_nd_announce(vn, host);
		else
			vrdh_arp_announce(vn, host);
	}

	return 0;
}

/* ---- members ---- */

/* Publish @members, which took over the device references of the old array */
static void vrdh_members_set(struct vrdh_host *host,
			     struct vrdh_members *members)
{
	struct vrdh_members *old = rcu_access_pointer(host->members);

	rcu_assign_pointer(host->members, members);
	kfree_rcu(old, rcu);
}

/* A reference of its own to the device of each of @count members */
static void vrdh_members_copy(struct vrdh_member *to,
			      const struct vrdh_member *from, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		to[i] = from[i];
		memset(&to[i].tracker, 0, sizeof(to[i].tracker));
		netdev_hold(to[i].dev, &to[i].tracker, GFP_KERNEL);
	}
}

/**
 * vrdh_member_new - add a member
 * @vn: namespace of the address, locked
 * @host: the address
 * @as: node, Ethernet address and slice
 * @ifindex: device on which the node is reached
 * @extack: why not
 *
 * Return: 0 or -errno.
 */
int vrdh_member_new(struct vrdh_net *vn, struct vrdh_host *host,
		    const struct vrdh_member *as, int ifindex,
		    struct netlink_ext_ack *extack)
{
	struct vrdh_members *old, *new;
	struct net_device *dev;
	u32 i;

	lockdep_assert_held(&vn->lock);

	old = vrdh_members(vn, host);
	if (as->node == host->own) {
		NL_SET_ERR_MSG(extack, "This is the number of this node");
		return -EEXIST;
	}
	if (old->count >= VR_DHOST_MEMBERS_MAX) {
		NL_SET_ERR_MSG(extack, "There are too many members");
		return -ENOSPC;
	}
	for (i = 0; i < old->count; i++) {
		if (old->member[i].node == as->node) {
			NL_SET_ERR_MSG(extack, "The node is a member already");
			return -EEXIST;
		}
		if (ether_addr_equal(old->member[i].lladdr, as->lladdr)) {
			NL_SET_ERR_MSG(extack, "Another member has this Ethernet address");
			return -EEXIST;
		}
	}
	if (!is_valid_ether_addr(as->lladdr)) {
		NL_SET_ERR_MSG(extack, "This is no Ethernet address of one machine");
		return -EINVAL;
	}

	new = vrdh_members_alloc(old->count + 1);
	if (!new)
		return -ENOMEM;

	/* Under the lock: if it is found, it goes away after this, and the
	 * notifier finds the member.
	 */
	dev = dev_get_by_index(vn->net, ifindex);
	if (!dev) {
		NL_SET_ERR_MSG(extack, "No such device");
		kfree(new);
		return -ENODEV;
	}
	if (dev->type != ARPHRD_ETHER || dev->flags & IFF_LOOPBACK) {
		NL_SET_ERR_MSG(extack, "This is no Ethernet device");
		dev_put(dev);
		kfree(new);
		return -EOPNOTSUPP;
	}
	if (READ_ONCE(dev->vrctx) != host->key.ctx) {
		NL_SET_ERR_MSG(extack, "The device is in another context");
		dev_put(dev);
		kfree(new);
		return -EXDEV;
	}
	if (ether_addr_equal(dev->dev_addr, as->lladdr)) {
		NL_SET_ERR_MSG(extack, "This is the device's own Ethernet address");
		dev_put(dev);
		kfree(new);
		return -EINVAL;
	}

	vrdh_members_copy(new->member, old->member, old->count);
	new->member[old->count] = *as;
	new->member[old->count].dev = dev;
	netdev_hold(dev, &new->member[old->count].tracker, GFP_KERNEL);
	dev_put(dev);
	vrdh_members_put(old);
	vrdh_members_set(host, new);

	return 0;
}

int vrdh_member_del(struct vrdh_net *vn, struct vrdh_host *host, u32 node,
		    struct netlink_ext_ack *extack)
{
	struct vrdh_members *old, *new;
	u32 i;

	lockdep_assert_held(&vn->lock);

	old = vrdh_members(vn, host);
	if (!vrdh_member_find(old, node)) {
		NL_SET_ERR_MSG(extack, "The node is not a member");
		return -ENOENT;
	}
	if (host->lead == node) {
		NL_SET_ERR_MSG(extack, "The member is the lead");
		return -EBUSY;
	}

	new = vrdh_members_alloc(old->count - 1);
	if (!new)
		return -ENOMEM;
	for (i = 0; old->member[i].node != node; i++)
		;
	vrdh_members_copy(new->member, old->member, i);
	vrdh_members_copy(new->member + i, old->member + i + 1,
			  new->count - i);
	vrdh_members_put(old);
	vrdh_members_set(host, new);
	vrdh_port_forget(host, node);

	return 0;
}

/* Members that were reached by the device are not any more. Packets may still
 * have it: unregistering it waits for them.
 */
static void vrdh_host_dev_gone(struct vrdh_net *vn, struct vrdh_host *host,
			       struct net_device *dev)
{
	struct vrdh_members *members = vrdh_members(vn, host);
	u32 i;

	for (i = 0; i < members->count; i++) {
		struct vrdh_member *member = &members->member[i];

		if (member->dev != dev)
			continue;
		WRITE_ONCE(member->dev, NULL);
		netdev_put(dev, &member->tracker);
	}
}

void vrdh_dev_gone(struct vrdh_net *vn, struct net_device *dev)
{
	struct rhashtable_iter iter;
	struct vrdh_host *host;

	mutex_lock(&vn->lock);
	rhashtable_walk_enter(&vn->hosts, &iter);
	rhashtable_walk_start(&iter);
	while ((host = rhashtable_walk_next(&iter))) {
		if (!IS_ERR(host))
			vrdh_host_dev_gone(vn, host, dev);
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);
	mutex_unlock(&vn->lock);
}
