// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: the context below a tunnel.
 */

#include <linux/netdevice.h>
#include <linux/string.h>
#include <net/rtnetlink.h>
#include <net/sock.h>
#include <net/udp_tunnel.h>
#include <net/vrctx_below.h>

#include "ctx.h"

/* What has packets of its own, that is, for which vrctx_under() is asked */
static bool vrctx_is_tunnel(const struct net_device *dev)
{
	static const char * const kinds[] = {
		"geneve", "gre", "gretap", "ip6gre", "ip6gretap", "ip6tnl",
		"ipip", "sit", "vxlan", "wireguard",
	};

	return dev->rtnl_link_ops &&
	       match_string(kinds, ARRAY_SIZE(kinds),
			    dev->rtnl_link_ops->kind) >= 0;
}

int __vrctx_under_set(struct net_device *dev, u32 id,
		      struct netlink_ext_ack *extack)
{
	struct vrctx *ctx;

	ASSERT_RTNL();

	if (!vrctx_is_tunnel(dev))
		return 0;

	ctx = vrctx_find_live(dev_net(dev), id);
	if (!ctx) {
		NL_SET_ERR_MSG(extack, "The context is deleted");
		return -ENETUNREACH;
	}

	refcount_inc(&ctx->refs);
	dev->vrctx_under = id;
	/* The number says nothing elsewhere */
	dev->netns_immutable = true;

	return 0;
}

int vrctx_sock_create_in(struct net *net, u32 id, int family, int type,
			 int protocol, int kern, struct socket **sockp)
{
	int err = __sock_create(net, family, type, protocol, sockp, kern);

	if (err || !id)
		return err;

	if (!__vrctx_sock_tryhold(net, id)) {
		sock_release(*sockp);
		*sockp = NULL;
		return -ENETUNREACH;
	}
	(*sockp)->sk->sk_vrctx = id;

	return 0;
}

/* Whoever sets a tunnel up, its socket is in the context below it.  The tunnel
 * holds the number; if the context is deleted, the socket cannot be made.
 */
int vrctx_sock_create_udp(struct net *net, int family,
			  const struct udp_port_cfg *cfg, struct socket **sockp)
{
	u32 id = cfg->vrctx_tunnel ? cfg->vrctx_tunnel->vrctx_under :
				     cfg->vrctx;

	return vrctx_sock_create_in(net, id, family, SOCK_DGRAM, 0,
				    id || cfg->vrctx_tunnel ? VRCTX_KERN_TUNNEL : 1,
				    sockp);
}
EXPORT_SYMBOL_GPL(vrctx_sock_create_udp);

int vrctx_sock_create_below(struct net *net, u32 id, int family, int type,
			    int protocol, struct socket **sockp)
{
	return vrctx_sock_create_in(net, id, family, type, protocol,
				    id ? VRCTX_KERN_TUNNEL : 1, sockp);
}
EXPORT_SYMBOL_GPL(vrctx_sock_create_below);

void __vrctx_under_put(struct net_device *dev)
{
	vrctx_put(vrctx_carried(dev_net(dev), dev->vrctx_under));
	dev->vrctx_under = 0;
}
