// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: the port map of an address.
 *
 * Entries win over slices, so that a port of somebody's slice can be given to
 * another node.
 */

#include <linux/in.h>
#include <linux/slab.h>
#include <net/netlink.h>

#include "dhost.h"

static const struct rhashtable_params vrdh_port_params = {
	.head_offset		= offsetof(struct vrdh_port, hash),
	.key_offset		= offsetof(struct vrdh_port, key),
	.key_len		= sizeof(u32),
	.automatic_shrinking	= true,
};

int vrdh_ports_init(struct vrdh_host *host)
{
	return rhashtable_init(&host->ports, &vrdh_port_params);
}

static void vrdh_port_free(void *ptr, void *arg)
{
	kfree(ptr);
}

void vrdh_ports_free(struct vrdh_host *host)
{
	rhashtable_free_and_destroy(&host->ports, vrdh_port_free, NULL);
}

/* RCU or the lock of the namespace */
static struct vrdh_port *vrdh_port_find(struct vrdh_host *host, u32 key)
{
	return rhashtable_lookup_fast(&host->ports, &key, vrdh_port_params);
}

/* Does the protocol have ports? */
static bool vrdh_has_ports(u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

/**
 * vrdh_port_owner - the node that has a port
 * @host: the address; RCU
 * @proto: protocol
 * @port: port, 0 if the protocol has none
 *
 * Return: the node, or 0 for nobody or several.
 */
u32 vrdh_port_owner(struct vrdh_host *host, u8 proto, u16 port)
{
	const struct vrdh_members *members;
	const struct vrdh_port *entry;
	u32 i;

	entry = vrdh_port_find(host, vrdh_port_key(proto, port));
	if (entry)
		return READ_ONCE(entry->node);
	if (!port)
		return 0;

	if (vrdh_in_slice(&host->slice, port))
		return host->own;
	members = rcu_dereference(host->members);
	for (i = 0; i < members->count; i++) {
		if (vrdh_in_slice(&members->member[i].slice, port))
			return members->member[i].node;
	}

	return 0;
}

/* The owners of a port that several nodes have, NULL if it is none. RCU. */
const struct vrdh_shared *vrdh_port_shared(struct vrdh_host *host, u8 proto,
					   u16 port)
{
	const struct vrdh_port *entry;

	/* most addresses have none, and need no second look-up */
	if (!READ_ONCE(host->shared))
		return NULL;
	entry = vrdh_port_find(host, vrdh_port_key(proto, port));

	return entry ? vrdh_shared_of(entry) : NULL;
}

static int vrdh_ports_check(u8 proto, u16 first, u16 last,
			    struct netlink_ext_ack *extack)
{
	if (vrdh_has_ports(proto) ? !first : first || last) {
		NL_SET_ERR_MSG(extack, "TCP and UDP have ports from 1 on, others just port 0");
		return -EINVAL;
	}
	if (last < first) {
		NL_SET_ERR_MSG(extack, "The last port comes before the first");
		return -EINVAL;
	}

	return 0;
}

/* Entries that share a port are counted */
static void vrdh_port_count(struct vrdh_host *host,
			    const struct vrdh_port *entry, int by)
{
	if (vrdh_shared_of(entry))
		WRITE_ONCE(host->shared, host->shared + by);
}

static void vrdh_port_remove(struct vrdh_host *host, struct vrdh_port *entry)
{
	vrdh_port_count(host, entry, -1);
	rhashtable_remove_fast(&host->ports, &entry->hash, vrdh_port_params);
	kfree_rcu(entry, rcu);
}

/* Is @node this node or a member? */
static bool vrdh_is_node(const struct vrdh_host *host, u32 node)
{
	bool found;

	rcu_read_lock();
	found = node == host->own ||
		vrdh_member_find(rcu_dereference(host->members), node);
	rcu_read_unlock();

	return found;
}

static struct vrdh_port *vrdh_port_alloc(u32 key,
					 const struct vrdh_owners *owners)
{
	struct vrdh_shared *shared;
	struct vrdh_port *entry;

	if (owners->shared) {
		shared = kzalloc(struct_size(shared, owner, owners->count),
				 GFP_KERNEL);
		if (!shared)
			return NULL;
		shared->count = owners->count;
		memcpy(shared->owner, owners->node,
		       owners->count * sizeof(u32));
		entry = &shared->port;
	} else {
		entry = kzalloc(sizeof(*entry), GFP_KERNEL);
		if (!entry)
			return NULL;
		entry->node = owners->node[0];
	}
	entry->key = key;

	return entry;
}

/* Give one port to owners: in place, or by another entry in its place. Only
 * the latter needs memory, which is in @fresh.
 */
static void vrdh_port_replace(struct vrdh_host *host, struct vrdh_port *entry,
			      struct vrdh_port *fresh, u32 node)
{
	if (!fresh) {
		WRITE_ONCE(entry->node, node);
		return;
	}
	vrdh_port_count(host, fresh, 1);
	rhashtable_replace_fast(&host->ports, &entry->hash, &fresh->hash,
				vrdh_port_params);
	vrdh_port_count(host, entry, -1);
	kfree_rcu(entry, rcu);
}

static int vrdh_port_insert(struct vrdh_host *host, struct vrdh_port *fresh)
{
	int err;

	vrdh_port_count(host, fresh, 1);
	err = rhashtable_insert_fast(&host->ports, &fresh->hash,
				     vrdh_port_params);
	if (err)
		vrdh_port_count(host, fresh, -1);

	return err;
}

/* Entries that the range lacks, or has as those of one or several owners and
 * not as those of the other kind, are made first, so that it is given as a
 * whole or, without memory, not at all.
 */
int vrdh_port_set(struct vrdh_host *host, u8 proto, u16 first, u16 last,
		  const struct vrdh_owners *owners,
		  struct netlink_ext_ack *extack)
{
	u32 i, count = last - first + 1, inserted = 0;
	struct vrdh_port *entry, **fresh;
	int err;

	err = vrdh_ports_check(proto, first, last, extack);
	if (err)
		return err;
	for (i = 0; i < owners->count; i++) {
		if (!vrdh_is_node(host, owners->node[i])) {
			NL_SET_ERR_MSG(extack, "The node is not a member");
			return -ENOENT;
		}
	}

	err = -ENOMEM;
	fresh = kvcalloc(count, sizeof(*fresh), GFP_KERNEL);
	if (!fresh)
		goto out;
	for (i = 0; i < count; i++) {
		entry = vrdh_port_find(host, vrdh_port_key(proto, first + i));
		if (entry && !owners->shared && !vrdh_shared_of(entry))
			continue;
		fresh[i] = vrdh_port_alloc(vrdh_port_key(proto, first + i),
					   owners);
		if (!fresh[i])
			goto err_undo;
	}
	for (; inserted < count; inserted++) {
		i = inserted;
		if (vrdh_port_find(host, vrdh_port_key(proto, first + i)))
			continue;
		err = vrdh_port_insert(host, fresh[i]);
		if (err)
			goto err_undo;
	}
	for (i = 0; i < count; i++) {
		entry = vrdh_port_find(host, vrdh_port_key(proto, first + i));
		if (entry != fresh[i])
			vrdh_port_replace(host, entry, fresh[i],
					  owners->node[0]);
	}
	kvfree(fresh);

	return 0;

err_undo:
	for (i = 0; i < count; i++) {
		if (i < inserted && fresh[i] &&
		    vrdh_port_find(host, fresh[i]->key) == fresh[i])
			vrdh_port_remove(host, fresh[i]);
		else
			kfree(fresh[i]);
	}
	kvfree(fresh);
out:
	NL_SET_ERR_MSG(extack, "The port map has no room");
	return err;
}

int vrdh_port_del(struct vrdh_host *host, u8 proto, u16 first, u16 last,
		  struct netlink_ext_ack *extack)
{
	struct vrdh_port *entry;
	bool found = false;
	u32 port;
	int err;

	err = vrdh_ports_check(proto, first, last, extack);
	if (err)
		return err;

	for (port = first; port <= last; port++) {
		entry = vrdh_port_find(host, vrdh_port_key(proto, port));
		if (!entry)
			continue;
		vrdh_port_remove(host, entry);
		found = true;
	}
	if (!found) {
		NL_SET_ERR_MSG(extack, "Nobody has the port");
		return -ENOENT;
	}

	return 0;
}

/* Take a node from the owners: those after it move up, so that a reader may see
 * one of them twice.
 */
static void vrdh_shared_forget(struct vrdh_shared *shared, u32 node)
{
	u32 i, to = 0;

	for (i = 0; i < shared->count; i++) {
		if (shared->owner[i] != node)
			WRITE_ONCE(shared->owner[to++], shared->owner[i]);
	}
	WRITE_ONCE(shared->count, to);
}

/* A member is no more: its ports are nobody's, or the others' */
void vrdh_port_forget(struct vrdh_host *host, u32 node)
{
	struct vrdh_shared *shared;
	struct rhashtable_iter iter;
	struct vrdh_port *entry;

	rhashtable_walk_enter(&host->ports, &iter);
	rhashtable_walk_start(&iter);
	while ((entry = rhashtable_walk_next(&iter))) {
		if (IS_ERR(entry))
			continue;
		shared = (struct vrdh_shared *)vrdh_shared_of(entry);
		if (shared)
			vrdh_shared_forget(shared, node);
		if (shared ? !shared->count : entry->node == node)
			vrdh_port_remove(host, entry);
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);
}

/* In the order of keys, whatever changes meanwhile. The keys there may be are
 * few enough to try each: port 0 of any protocol, all ports of two.
 */
const struct vrdh_port *vrdh_port_next(struct vrdh_host *host, u32 *key)
{
	const struct vrdh_port *entry;

	while (*key < vrdh_port_key(U8_MAX, 1)) {
		entry = vrdh_port_find(host, *key);
		if (entry)
			return entry;
		if (vrdh_has_ports(*key >> 16))
			++*key;
		else
			*key = ((*key >> 16) + 1) << 16;
	}

	return NULL;
}
