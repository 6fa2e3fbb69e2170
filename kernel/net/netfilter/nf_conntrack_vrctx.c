// SPDX-License-Identifier: GPL-2.0
/*
 * Connection tracking in virtual-router contexts: what ends with a context, and
 * what works in one.
 */

#include <linux/notifier.h>
#include <linux/string.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_zones.h>
#include <net/vrctx_ct.h>

static int nf_ct_vrctx_match(struct nf_conn *ct, void *data)
{
	const u32 *id = data;

	return nf_ct_zone_has_vrctx(nf_ct_zone(ct), *id);
}

/* Expectations and NAT mappings go with the connections. What is not in the
 * table yet does not get there, see vrctx_ct_dead().
 */
static int nf_ct_vrctx_purge(struct notifier_block *nb, unsigned long event,
			     void *ptr)
{
	u32 id = event;
	struct nf_ct_iter_data iter = {
		.net	= ptr,
		.data	= &id,
	};

	if (vrctx_ct_any(iter.net, id))
		nf_ct_iterate_cleanup_net(nf_ct_vrctx_match, &iter);

	return NOTIFY_DONE;
}

static struct notifier_block nf_ct_vrctx_nb = {
	.notifier_call	= nf_ct_vrctx_purge,
};

void nf_conntrack_vrctx_init(void)
{
	vrctx_purge_register(&nf_ct_vrctx_nb);
}

void nf_conntrack_vrctx_fini(void)
{
	vrctx_purge_unregister(&nf_ct_vrctx_nb);
}

/* The helpers that know no more of the network than the connection, whose
 * expectations are of its contexts. In the order of the alphabet.
 */
static const char * const nf_ct_vrctx_helpers[] = {
	"amanda", "ftp", "irc", "netbios-ns", "sane", "snmp", "tftp",
};

bool __nf_ct_helper_vrctx_ok(const struct nf_conntrack_helper *helper)
{
	/* one in user space asks for its expectations in context 0 */
	return !(READ_ONCE(helper->flags) & NF_CT_HELPER_F_USERSPACE) &&
	       match_string(nf_ct_vrctx_helpers,
			    ARRAY_SIZE(nf_ct_vrctx_helpers), helper->name) >= 0;
}
