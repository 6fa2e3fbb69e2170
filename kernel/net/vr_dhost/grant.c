// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: a bind() waits for the cluster's consent.
 *
 * The port is this socket's already, here; what is asked is whether another
 * node has it. No means that the port is given back, which is an event as any
 * other close, so whoever granted it hears of the end exactly once: whether
 * the answer came too late, the process was killed or the socket was closed.
 */

#include <linux/completion.h>
#include <net/genetlink.h>
#include <net/inet_sock.h>
#include <net/vrctx.h>

#include "dhost.h"
#include "genl.h"

struct vrdh_wait {
	struct list_head	list;	/* vrdh_net.waits */
	struct completion	done;
	const struct vrdh_host	*host;	/* compared only */
	u64			cookie;
	int			err;
};

/* Ends the waits for @cookie, of @host, or all that there are */
static bool vrdh_waits_end(struct vrdh_net *vn, u64 cookie,
			   const struct vrdh_host *host, int err)
{
	struct vrdh_wait *wait, *next;
	bool found = false;

	spin_lock_bh(&vn->wait_lock);
	list_for_each_entry_safe(wait, next, &vn->waits, list) {
		if ((cookie && wait->cookie != cookie) ||
		    (host && wait->host != host))
			continue;
		list_del_init(&wait->list);
		wait->err = err;
		complete(&wait->done);
		found = true;
	}
	spin_unlock_bh(&vn->wait_lock);

	return found;
}

bool vrdh_grant(struct vrdh_net *vn, u64 cookie, bool deny)
{
	return vrdh_waits_end(vn, cookie, NULL, deny ? -EADDRINUSE : 0);
}

/* It is an ordinary address now, for whose ports nobody asks */
void vrdh_grant_host_gone(struct vrdh_net *vn, const struct vrdh_host *host)
{
	vrdh_waits_end(vn, 0, host, 0);
}

/* The module goes away: no more waiting in this namespace */
void vrdh_grant_stop(struct vrdh_net *vn)
{
	spin_lock_bh(&vn->wait_lock);
	vn->no_waits = true;
	spin_unlock_bh(&vn->wait_lock);
	vrdh_waits_end(vn, 0, NULL, 0);
}

static bool vrdh_asks(const struct vrdh_host *host, u16 port)
{
	/* ports of the slice are this node's without asking */
	return READ_ONCE(host->grants) != VR_DHOST_GRANTS_NONE &&
	       !vrdh_in_slice(&host->slice, port);
}

/* The address whose port a bind() took, if it has to ask. A socket for all
 * addresses asks for one of them; the port is one for the daemon, too.
 */
static struct vrdh_host *vrdh_asking(struct vrdh_net *vn,
				     const struct sock *sk,
				     const struct vrdh_key *key)
{
	struct vrdh_host *host, *found = NULL;
	u16 port = inet_sk(sk)->inet_num;
	struct rhashtable_iter iter;

	host = vrdh_host_find(vn, &key->addr, key->ctx);
	if (host)
		return vrdh_asks(host, port) ? host : NULL;

	rhashtable_walk_enter(&vn->hosts, &iter);
	rhashtable_walk_start(&iter);
	while ((host = rhashtable_walk_next(&iter))) {
		if (IS_ERR(host))
			continue;
		if (vrdh_sock_covers(sk, key, host) && vrdh_asks(host, port)) {
			found = host;
			break;
		}
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);

	return found;
}

/* struct vrctx_watcher: process context, the socket is locked */
int vrdh_sock_bind(struct sock *sk)
{
	struct vrdh_net *vn = vrdh_net(sock_net(sk));
	struct vrdh_wait wait = {};
	struct vrdh_host *host;
	struct vrdh_key key;
	long left;
	u32 ms;

	rcu_read_lock();
	host = vrdh_sock_key(vn, sk, &key) ? vrdh_asking(vn, sk, &key) : NULL;
	if (!host)
		goto granted;

	if (!genl_has_listeners(&vr_dhost_nl_family, vn->net,
				VR_DHOST_NLGRP_EVENTS)) {
		if (READ_ONCE(host->grants) == VR_DHOST_GRANTS_ALLOW)
			goto granted;
		rcu_read_unlock();
		return -EADDRINUSE;
	}

	wait.host = host;
	wait.cookie = vrdh_sock_cookie(sk);
	ms = READ_ONCE(host->timeout);
	init_completion(&wait.done);
	spin_lock_bh(&vn->wait_lock);
	/* or it is one no more: nobody would end this */
	if (vn->no_waits || vrdh_asking(vn, sk, &key) != host) {
		spin_unlock_bh(&vn->wait_lock);
		goto granted;
	}
	list_add_tail(&wait.list, &vn->waits);
	spin_unlock_bh(&vn->wait_lock);
	vrdh_sock_tell(vn, sk, &key, -1);
	rcu_read_unlock();

	left = wait_for_completion_interruptible_timeout(&wait.done,
							 msecs_to_jiffies(ms));

	spin_lock_bh(&vn->wait_lock);
	if (!list_empty(&wait.list)) {
		/* not answered; from now on an answer finds nothing */
		list_del(&wait.list);
		wait.err = left < 0 ? left : -EAGAIN;
	}
	spin_unlock_bh(&vn->wait_lock);

	return wait.err;

granted:
	rcu_read_unlock();
	return 0;
}
