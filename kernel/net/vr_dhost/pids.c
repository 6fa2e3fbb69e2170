// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: which process a socket was taken by.
 *
 * Sockets do not know their processes, so the last one that bound, connected
 * or accepted it is noted when that is told. It is kept as a struct pid: the
 * number of a process that is gone may be another's by now.
 */

#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "dhost.h"

struct vrdh_pid {
	struct rhash_head	hash;
	u64			cookie;
	struct pid		*pid;	/* vrdh_net.event_lock */
	struct rcu_head		rcu;
};

static const struct rhashtable_params vrdh_pid_params = {
	.head_offset		= offsetof(struct vrdh_pid, hash),
	.key_offset		= offsetof(struct vrdh_pid, cookie),
	.key_len		= sizeof_field(struct vrdh_pid, cookie),
	.automatic_shrinking	= true,
};

int vrdh_pids_init(struct vrdh_net *vn)
{
	return rhashtable_init(&vn->pids, &vrdh_pid_params);
}

static void vrdh_pid_free(void *ptr, void *unused)
{
	struct vrdh_pid *entry = ptr;

	put_pid(entry->pid);
	kfree(entry);
}

/* Sockets of the kernel may still be closed after this */
void vrdh_pids_free(struct vrdh_net *vn)
{
	spin_lock_bh(&vn->event_lock);
	WRITE_ONCE(vn->pids_count, 0);
	spin_unlock_bh(&vn->event_lock);
	rhashtable_free_and_destroy(&vn->pids, vrdh_pid_free, NULL);
}

/* @sk is that of the process that runs; without memory, as if it were nobody's.
 * The event lock.
 */
void vrdh_pid_note(struct vrdh_net *vn, struct sock *sk)
{
	u64 cookie = vrdh_sock_cookie(sk);
	struct vrdh_pid *entry;

	entry = rhashtable_lookup_fast(&vn->pids, &cookie, vrdh_pid_params);
	if (entry) {
		put_pid(entry->pid);
		entry->pid = get_pid(task_tgid(current));
		return;
	}

	entry = kmalloc(sizeof(*entry), GFP_ATOMIC | __GFP_NOWARN);
	if (!entry)
		return;
	entry->cookie = cookie;
	entry->pid = get_pid(task_tgid(current));
	if (rhashtable_insert_fast(&vn->pids, &entry->hash, vrdh_pid_params))
		vrdh_pid_free(entry, NULL);
	else
		WRITE_ONCE(vn->pids_count, vn->pids_count + 1);
}

/* @sk has no port any more; any socket */
void vrdh_pid_forget(struct vrdh_net *vn, struct sock *sk)
{
	u64 cookie = atomic64_read(&sk->sk_cookie);
	struct vrdh_pid *entry;

	if (!cookie || !READ_ONCE(vn->pids_count))
		return;

	spin_lock_bh(&vn->event_lock);
	entry = vn->pids_count ?
		rhashtable_lookup_fast(&vn->pids, &cookie, vrdh_pid_params) :
		NULL;
	if (entry) {
		rhashtable_remove_fast(&vn->pids, &entry->hash,
				       vrdh_pid_params);
		WRITE_ONCE(vn->pids_count, vn->pids_count - 1);
		put_pid(entry->pid);
		kfree_rcu(entry, rcu);
	}
	spin_unlock_bh(&vn->event_lock);
}

/* Its number, 0 if it is gone or was never noted. The event lock and RCU. */
u32 vrdh_pid_of(struct vrdh_net *vn, struct sock *sk)
{
	u64 cookie = vrdh_sock_cookie(sk);
	struct vrdh_pid *entry;

	entry = rhashtable_lookup_fast(&vn->pids, &cookie, vrdh_pid_params);

	return entry && pid_task(entry->pid, PIDTYPE_TGID) ?
	       pid_nr(entry->pid) : 0;
}
