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
 * Return: the node, or 0 for nobody.
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

static void vrdh_port_remove(struct vrdh_host *host, struct vrdh_port *entry)
{
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

/* Entries that the range lacks are made first, so that it is given as a whole
 * or, without memory, not at all.
 */
int vrdh_port_set(struct vrdh_host *host, u8 proto, u16 first, u16 last,
		  u32 node, struct netlink_ext_ack *extack)
{
	struct vrdh_port *entry;
	u32 port, undo;
	int err;

	err = vrdh_ports_check(proto, first, last, extack);
	if (err)
		return err;
	if (!vrdh_is_node(host, node)) {
		NL_SET_ERR_MSG(extack, "The node is not a member");
		return -ENOENT;
	}

	for (port = first; port <= last; port++) {
		if (vrdh_port_find(host, vrdh_port_key(proto, port)))
			continue;

		entry = kzalloc(sizeof(*entry), GFP_KERNEL);
		if (!entry) {
			err = -ENOMEM;
			goto err_undo;
		}
		entry->key = vrdh_port_key(proto, port);
		err = rhashtable_insert_fast(&host->ports, &entry->hash,
					     vrdh_port_params);
		if (err) {
			kfree(entry);
			goto err_undo;
		}
	}
	for (port = first; port <= last; port++) {
		entry = vrdh_port_find(host, vrdh_port_key(proto, port));
		WRITE_ONCE(entry->node, node);
	}

	return 0;

err_undo:
	for (undo = first; undo < port; undo++) {
		entry = vrdh_port_find(host, vrdh_port_key(proto, undo));
		if (!entry->node)
			vrdh_port_remove(host, entry);
	}
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

/* A member is no more: its ports are nobody's */
void vrdh_port_forget(struct vrdh_host *host, u32 node)
{
	struct rhashtable_iter iter;
	struct vrdh_port *entry;

	rhashtable_walk_enter(&host->ports, &iter);
	rhashtable_walk_start(&iter);
	while ((entry = rhashtable_walk_next(&iter))) {
		if (!IS_ERR(entry) && entry->node == node)
			vrdh_port_remove(host, entry);
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);
}

/* In the order of keys, whatever changes meanwhile. The keys there may be are
 * few enough to try each: port 0 of any protocol, all ports of two.
 */
u32 vrdh_port_next(struct vrdh_host *host, u32 *key)
{
	const struct vrdh_port *entry;
	u32 node;

	while (*key < vrdh_port_key(U8_MAX, 1)) {
		entry = vrdh_port_find(host, *key);
		node = entry ? READ_ONCE(entry->node) : 0;
		if (node)
			return node;
		if (vrdh_has_ports(*key >> 16))
			++*key;
		else
			*key = ((*key >> 16) + 1) << 16;
	}

	return 0;
}
