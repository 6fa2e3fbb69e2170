// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: IPsec policies and states of each.
 *
 * That look-ups keep to a context is in xfrm itself, see net/vrctx_xfrm.h.
 */

#include <linux/xfrm.h>
#include <net/netlink.h>
#include <net/vrctx_view.h>
#include <net/xfrm.h>

#include "ctx.h"

/* Can a context have such a state? */
static int vrctx_xfrm_state(const struct xfrm_usersa_info *p,
			    struct nlattr **attrs,
			    struct netlink_ext_ack *extack)
{
	const struct xfrm_encap_tmpl *encap;

	/* what a mobile node's states report is for context 0 */
	if (!xfrm_id_proto_match(p->id.proto, IPSEC_PROTO_ANY)) {
		NL_SET_ERR_MSG(extack, "Mobile IPv6 is not supported in a context");
		return -EOPNOTSUPP;
	}

	encap = attrs[XFRMA_ENCAP] ? nla_data(attrs[XFRMA_ENCAP]) : NULL;
	if (encap && encap->encap_type != UDP_ENCAP_ESPINUDP) {
		NL_SET_ERR_MSG(extack, "No such encapsulation in a context");
		return -EOPNOTSUPP;
	}

	return 0;
}

int __vrctx_xfrm_check(struct net *net, u32 ctx, u16 type,
		       struct nlattr **attrs, const void *hdr,
		       struct netlink_ext_ack *extack)
{
	struct vrctx *live;
	int err;

	/* A new one would outlive the purge */
	rcu_read_lock();
	live = vrctx_find_live(net, ctx);
	if (live)
		WRITE_ONCE(live->xfrm, true);
	rcu_read_unlock();
	if (!live) {
		NL_SET_ERR_MSG(extack, "No such context");
		return -ENOENT;
	}

	switch (type) {
	case XFRM_MSG_NEWSA:
	case XFRM_MSG_UPDSA:
		err = vrctx_xfrm_state(hdr, attrs, extack);
		if (err)
			return err;
		break;
	case XFRM_MSG_DELSA:
	case XFRM_MSG_GETSA:
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
	case XFRM_MSG_DELPOLICY:
	case XFRM_MSG_GETPOLICY:
	case XFRM_MSG_ALLOCSPI:
	case XFRM_MSG_ACQUIRE:
	case XFRM_MSG_EXPIRE:
	case XFRM_MSG_POLEXPIRE:
	case XFRM_MSG_FLUSHSA:
	case XFRM_MSG_FLUSHPOLICY:
	case XFRM_MSG_NEWAE:
	case XFRM_MSG_GETAE:
		break;
	default:
		/* defaults, hashes and counters of the namespace, MIGRATE */
		NL_SET_ERR_MSG(extack, "Not supported in a context");
		return -EOPNOTSUPP;
	}

	if (attrs[XFRMA_OFFLOAD_DEV]) {
		NL_SET_ERR_MSG(extack, "Offload is not supported in a context");
		return -EOPNOTSUPP;
	}
	if (attrs[XFRMA_IF_ID] && nla_get_u32(attrs[XFRMA_IF_ID])) {
		NL_SET_ERR_MSG(extack, "xfrm interfaces are not supported in a context");
		return -EOPNOTSUPP;
	}

	return 0;
}
EXPORT_SYMBOL_GPL(__vrctx_xfrm_check);

/**
 * vrctx_xfrm_purge - delete the policies and states of a dead context
 * @ctx: context; its namespace may be on its way out
 *
 * Context: process, may sleep, without RTNL.
 */
void vrctx_xfrm_purge(const struct vrctx *ctx)
{
	struct net *net = ctx->net;

	/* A flush looks into each bucket: not for those who never had any. Of a
	 * namespace that ends, all are flushed.
	 */
	if (!READ_ONCE(ctx->xfrm) || !maybe_get_net(net))
		return;

	/* A request is through with it, or has seen that the context is dead */
	mutex_lock(&net->xfrm.xfrm_cfg_mutex);
#ifdef CONFIG_XFRM_SUB_POLICY
	xfrm_policy_flush(net, XFRM_POLICY_TYPE_SUB, false, ctx->id);
#endif
	xfrm_policy_flush(net, XFRM_POLICY_TYPE_MAIN, false, ctx->id);
	xfrm_state_flush(net, 0, false, ctx->id);
	mutex_unlock(&net->xfrm.xfrm_cfg_mutex);
	put_net(net);
}
