// SPDX-License-Identifier: GPL-2.0
/* esp.c - esp4.insn_per_packet: what the router does to forward a packet into an
 * IPsec tunnel, with the null cipher: not the cipher is measured, but who looks
 * for policy, state and outer route.
 *
 * Where they can, the n others have the same policy and state: equal selectors,
 * ends and numbers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define SPI	0x1000
#define REQID	7

static void enter_ctx(uint32_t id)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", id);
	write_file("/proc/self/vrctx", text);
}

static void set_addr(xfrm_address_t *to, struct ipaddr addr)
{
	memcpy(to, addr.b, addr.len);
}

static void set_lifetime(struct xfrm_lifetime_cfg *lft)
{
	lft->soft_byte_limit = lft->hard_byte_limit = XFRM_INF;
	lft->soft_packet_limit = lft->hard_packet_limit = XFRM_INF;
}

/* All from host a to host b goes through a tunnel between r1 and b, in the
 * namespace and context of the moment.
 */
static void tunnel_add(void)
{
	const struct xfrm_algo null = { .alg_name = "ecb(cipher_null)" };
	struct xfrm_user_tmpl tmpl = {
		.family = AF_INET,
		.reqid = REQID,
		.mode = XFRM_MODE_TUNNEL,
		.id.proto = IPPROTO_ESP,
		.aalgos = ~0, .ealgos = ~0, .calgos = ~0,
	};
	struct xfrm_userpolicy_info *policy;
	struct xfrm_usersa_info *state;
	struct nl nl;

	nl_open(&nl, NETLINK_XFRM);
	state = nl_start(&nl, XFRM_MSG_NEWSA, 0, sizeof(*state));
	set_addr(&state->saddr, R1_ADDR(AF_INET));
	set_addr(&state->id.daddr, B_ADDR(AF_INET));
	state->id.spi = htonl(SPI);
	state->id.proto = IPPROTO_ESP;
	state->family = AF_INET;
	state->mode = XFRM_MODE_TUNNEL;
	state->reqid = REQID;
	set_lifetime(&state->lft);
	nl_put(&nl, XFRMA_ALG_CRYPT, &null, sizeof(null));
	nl_do(&nl, "state");

	policy = nl_start(&nl, XFRM_MSG_NEWPOLICY, 0, sizeof(*policy));
	set_addr(&policy->sel.saddr, A_ADDR(AF_INET));
	set_addr(&policy->sel.daddr, B_ADDR(AF_INET));
	policy->sel.family = AF_INET;
	policy->sel.prefixlen_s = policy->sel.prefixlen_d = 32;
	policy->sel.proto = IPPROTO_UDP;
	policy->dir = XFRM_POLICY_OUT;
	set_lifetime(&policy->lft);
	set_addr(&tmpl.saddr, R1_ADDR(AF_INET));
	set_addr(&tmpl.id.daddr, B_ADDR(AF_INET));
	nl_put(&nl, XFRMA_TMPL, &tmpl, sizeof(tmpl));
	nl_do(&nl, "policy");
	close(nl.fd);
}

void fig_esp4(void)
{
	int i;

	for (i = 0; i < topo.n; i++) {
		if (topo.mode == CTX)
			enter_ctx(CTX_OTHER + i);
		else if (topo.mode != NETNS)
			break;
		one_enter(i);
		tunnel_add();
		one_leave();
	}
	ns_enter(topo.router);
	if (topo.mode == CTX)
		enter_ctx(CTX_ID);
	tunnel_add();
	if (topo.mode == CTX)
		enter_ctx(0);
	result("esp4.insn_per_packet", forwarded(B_ADDR(AF_INET)), "insn");
}
