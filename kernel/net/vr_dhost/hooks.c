// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: where packets are met.
 *
 * Received packets before netfilter, see net/vrctx_shared.h; address resolution
 * in it.
 */

#include <linux/mm.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>

#include "dhost.h"

/* What this node says last is what counts */
static const struct nf_hook_ops vrdh_hooks4[] = {
	{
		.hook		= vrdh_arp_in,
		.pf		= NFPROTO_ARP,
		.hooknum	= NF_ARP_IN,
		.priority	= INT_MIN,
	},
	{
		.hook		= vrdh_arp_out,
		.pf		= NFPROTO_ARP,
		.hooknum	= NF_ARP_OUT,
		.priority	= INT_MAX,
	},
};

static const struct nf_hook_ops vrdh_hooks6[] = {
#if IS_ENABLED(CONFIG_IPV6)
	{
		.hook		= vrdh_nd_out,
		.pf		= NFPROTO_IPV6,
		.hooknum	= NF_INET_LOCAL_OUT,
		.priority	= NF_IP6_PRI_LAST,
	},
#endif
};

static_assert(ARRAY_SIZE(vrdh_hooks4) <= VRDH_HOOKS);
static_assert(ARRAY_SIZE(vrdh_hooks6) <= VRDH_HOOKS);

static const struct {
	int				family;
	bool				(*in)(struct vrctx_shared *shared,
					      struct sk_buff *skb);
	const struct nf_hook_ops	*ops;
	unsigned int			count;
} vrdh_hooks[] = {
	[VRDH_IPV4] = {
		.family	= AF_INET,
		.in	= vrdh_packet4_in,
		.ops	= vrdh_hooks4,
		.count	= ARRAY_SIZE(vrdh_hooks4),
	},
#if IS_ENABLED(CONFIG_IPV6)
	[VRDH_IPV6] = {
		.family	= AF_INET6,
		.in	= vrdh_packet6_in,
		.ops	= vrdh_hooks6,
		.count	= ARRAY_SIZE(vrdh_hooks6),
	},
#endif
};

/* What both families have goes with the last address of all */
static void vrdh_frags_end(struct vrdh_net *vn)
{
	int i;

	for (i = 0; i < __VRDH_FAMILIES; i++) {
		if (vn->family[i].count)
			return;
	}
	kvfree(vn->frags);
	vn->frags = NULL;
	kvfree(rcu_replace_pointer(vn->flows, NULL,
				   lockdep_is_held(&vn->lock)));
}

int vrdh_hook(struct vrdh_net *vn, int family)
{
	struct nf_hook_ops *hooks = vn->family[family].hooks;
	unsigned int i, count = vrdh_hooks[family].count;
	int err;

	if (!vn->frags)
		vn->frags = vrdh_frags_new();
	if (!vn->frags)
		return -ENOMEM;

	for (i = 0; i < count; i++) {
		hooks[i] = vrdh_hooks[family].ops[i];
		hooks[i].priv = vn;
	}
	err = nf_register_net_hooks(vn->net, hooks, count);
	if (err) {
		vrdh_frags_end(vn);
		return err;
	}
	vn->family[family].shared.in = vrdh_hooks[family].in;
	vrctx_share(vn->net, vrdh_hooks[family].family,
		    &vn->family[family].shared);

	return 0;
}

void vrdh_unhook(struct vrdh_net *vn, int family)
{
	vrctx_unshare(vn->net, vrdh_hooks[family].family);
	nf_unregister_net_hooks(vn->net, vn->family[family].hooks,
				vrdh_hooks[family].count);
	/* what they were doing is done */
	synchronize_net();
	bitmap_zero(vn->family[family].shared.filter, VRCTX_SHARED_BITS);
	vrdh_frags_end(vn);
}
