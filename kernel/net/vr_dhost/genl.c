// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/vr_dhost.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "genl.h"

#include <uapi/linux/vr_dhost.h>

/* Integer value ranges */
static const struct netlink_range_validation vr_dhost_a_dhost_context_range = {
	.max	= 16777215ULL,
};

static const struct netlink_range_validation vr_dhost_a_dhost_own_range = {
	.min	= 1ULL,
	.max	= VR_DHOST_NODE_MAX,
};

static const struct netlink_range_validation vr_dhost_a_dhost_lead_range = {
	.max	= VR_DHOST_NODE_MAX,
};

static const struct netlink_range_validation vr_dhost_a_dhost_node_range = {
	.min	= 1ULL,
	.max	= VR_DHOST_NODE_MAX,
};

static const struct netlink_range_validation vr_dhost_a_dhost_owner_range = {
	.min	= 1ULL,
	.max	= VR_DHOST_NODE_MAX,
};

/* VR_DHOST_CMD_HOST_GET - do */
static const struct nla_policy vr_dhost_host_get_nl_policy[VR_DHOST_A_DHOST_CONTEXT + 1] = {
	[VR_DHOST_A_DHOST_ADDRESS] = { .type = NLA_BINARY, },
	[VR_DHOST_A_DHOST_CONTEXT] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_context_range),
};

/* VR_DHOST_CMD_HOST_NEW - do */
static const struct nla_policy vr_dhost_host_new_nl_policy[VR_DHOST_A_DHOST_HANDOVER + 1] = {
	[VR_DHOST_A_DHOST_ADDRESS] = { .type = NLA_BINARY, },
	[VR_DHOST_A_DHOST_CONTEXT] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_context_range),
	[VR_DHOST_A_DHOST_OWN] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_own_range),
	[VR_DHOST_A_DHOST_LEAD] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_lead_range),
	[VR_DHOST_A_DHOST_EPOCH] = { .type = NLA_U64, },
	[VR_DHOST_A_DHOST_SLICE_MIN] = NLA_POLICY_MIN(NLA_U16, 1),
	[VR_DHOST_A_DHOST_SLICE_MAX] = NLA_POLICY_MIN(NLA_U16, 1),
	[VR_DHOST_A_DHOST_GRANTS] = NLA_POLICY_MAX(NLA_U32, 2),
	[VR_DHOST_A_DHOST_TIMEOUT] = NLA_POLICY_MIN(NLA_U32, 1),
	[VR_DHOST_A_DHOST_HANDOVER] = NLA_POLICY_MAX(NLA_U32, 1),
};

/* VR_DHOST_CMD_HOST_DEL - do */
static const struct nla_policy vr_dhost_host_del_nl_policy[VR_DHOST_A_DHOST_EPOCH + 1] = {
	[VR_DHOST_A_DHOST_ADDRESS] = { .type = NLA_BINARY, },
	[VR_DHOST_A_DHOST_CONTEXT] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_context_range),
	[VR_DHOST_A_DHOST_EPOCH] = { .type = NLA_U64, },
};

/* VR_DHOST_CMD_HOST_SET - do */
static const struct nla_policy vr_dhost_host_set_nl_policy[VR_DHOST_A_DHOST_HANDOVER + 1] = {
	[VR_DHOST_A_DHOST_ADDRESS] = { .type = NLA_BINARY, },
	[VR_DHOST_A_DHOST_CONTEXT] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_context_range),
	[VR_DHOST_A_DHOST_LEAD] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_lead_range),
	[VR_DHOST_A_DHOST_EPOCH] = { .type = NLA_U64, },
	[VR_DHOST_A_DHOST_GRANTS] = NLA_POLICY_MAX(NLA_U32, 2),
	[VR_DHOST_A_DHOST_TIMEOUT] = NLA_POLICY_MIN(NLA_U32, 1),
	[VR_DHOST_A_DHOST_HANDOVER] = NLA_POLICY_MAX(NLA_U32, 1),
};

/* VR_DHOST_CMD_MEMBER_NEW - do */
static const struct nla_policy vr_dhost_member_new_nl_policy[VR_DHOST_A_DHOST_SLICE_MAX + 1] = {
	[VR_DHOST_A_DHOST_ADDRESS] = { .type = NLA_BINARY, },
	[VR_DHOST_A_DHOST_CONTEXT] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_context_range),
	[VR_DHOST_A_DHOST_EPOCH] = { .type = NLA_U64, },
	[VR_DHOST_A_DHOST_NODE] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_node_range),
	[VR_DHOST_A_DHOST_IFINDEX] = NLA_POLICY_MIN(NLA_S32, 1),
	[VR_DHOST_A_DHOST_IFNAME] = { .type = NLA_NUL_STRING, },
	[VR_DHOST_A_DHOST_LLADDR] = NLA_POLICY_EXACT_LEN(6),
	[VR_DHOST_A_DHOST_SLICE_MIN] = NLA_POLICY_MIN(NLA_U16, 1),
	[VR_DHOST_A_DHOST_SLICE_MAX] = NLA_POLICY_MIN(NLA_U16, 1),
};

/* VR_DHOST_CMD_MEMBER_DEL - do */
static const struct nla_policy vr_dhost_member_del_nl_policy[VR_DHOST_A_DHOST_NODE + 1] = {
	[VR_DHOST_A_DHOST_ADDRESS] = { .type = NLA_BINARY, },
	[VR_DHOST_A_DHOST_CONTEXT] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_context_range),
	[VR_DHOST_A_DHOST_EPOCH] = { .type = NLA_U64, },
	[VR_DHOST_A_DHOST_NODE] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_node_range),
};

/* VR_DHOST_CMD_PORT_GET - do */
static const struct nla_policy vr_dhost_port_get_do_nl_policy[VR_DHOST_A_DHOST_PORT + 1] = {
	[VR_DHOST_A_DHOST_ADDRESS] = { .type = NLA_BINARY, },
	[VR_DHOST_A_DHOST_CONTEXT] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_context_range),
	[VR_DHOST_A_DHOST_PROTOCOL] = { .type = NLA_U8, },
	[VR_DHOST_A_DHOST_PORT] = { .type = NLA_U16, },
};

/* VR_DHOST_CMD_PORT_GET - dump */
static const struct nla_policy vr_dhost_port_get_dump_nl_policy[VR_DHOST_A_DHOST_CONTEXT + 1] = {
	[VR_DHOST_A_DHOST_ADDRESS] = { .type = NLA_BINARY, },
	[VR_DHOST_A_DHOST_CONTEXT] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_context_range),
};

/* VR_DHOST_CMD_PORT_SET - do */
static const struct nla_policy vr_dhost_port_set_nl_policy[VR_DHOST_A_DHOST_OWNER + 1] = {
	[VR_DHOST_A_DHOST_ADDRESS] = { .type = NLA_BINARY, },
	[VR_DHOST_A_DHOST_CONTEXT] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_context_range),
	[VR_DHOST_A_DHOST_EPOCH] = { .type = NLA_U64, },
	[VR_DHOST_A_DHOST_PROTOCOL] = { .type = NLA_U8, },
	[VR_DHOST_A_DHOST_PORT] = { .type = NLA_U16, },
	[VR_DHOST_A_DHOST_PORT_LAST] = { .type = NLA_U16, },
	[VR_DHOST_A_DHOST_NODE] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_node_range),
	[VR_DHOST_A_DHOST_OWNER] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_owner_range),
};

/* VR_DHOST_CMD_PORT_DEL - do */
static const struct nla_policy vr_dhost_port_del_nl_policy[VR_DHOST_A_DHOST_PORT_LAST + 1] = {
	[VR_DHOST_A_DHOST_ADDRESS] = { .type = NLA_BINARY, },
	[VR_DHOST_A_DHOST_CONTEXT] = NLA_POLICY_FULL_RANGE(NLA_U32, &vr_dhost_a_dhost_context_range),
	[VR_DHOST_A_DHOST_EPOCH] = { .type = NLA_U64, },
	[VR_DHOST_A_DHOST_PROTOCOL] = { .type = NLA_U8, },
	[VR_DHOST_A_DHOST_PORT] = { .type = NLA_U16, },
	[VR_DHOST_A_DHOST_PORT_LAST] = { .type = NLA_U16, },
};

/* VR_DHOST_CMD_GRANT - do */
static const struct nla_policy vr_dhost_grant_nl_policy[VR_DHOST_A_DHOST_DENY + 1] = {
	[VR_DHOST_A_DHOST_COOKIE] = { .type = NLA_U64, },
	[VR_DHOST_A_DHOST_DENY] = { .type = NLA_FLAG, },
};

/* Ops table for vr_dhost */
static const struct genl_split_ops vr_dhost_nl_ops[] = {
	{
		.cmd		= VR_DHOST_CMD_HOST_GET,
		.doit		= vr_dhost_nl_host_get_doit,
		.policy		= vr_dhost_host_get_nl_policy,
		.maxattr	= VR_DHOST_A_DHOST_CONTEXT,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= VR_DHOST_CMD_HOST_GET,
		.dumpit	= vr_dhost_nl_host_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VR_DHOST_CMD_HOST_NEW,
		.doit		= vr_dhost_nl_host_new_doit,
		.policy		= vr_dhost_host_new_nl_policy,
		.maxattr	= VR_DHOST_A_DHOST_HANDOVER,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VR_DHOST_CMD_HOST_DEL,
		.doit		= vr_dhost_nl_host_del_doit,
		.policy		= vr_dhost_host_del_nl_policy,
		.maxattr	= VR_DHOST_A_DHOST_EPOCH,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VR_DHOST_CMD_HOST_SET,
		.doit		= vr_dhost_nl_host_set_doit,
		.policy		= vr_dhost_host_set_nl_policy,
		.maxattr	= VR_DHOST_A_DHOST_HANDOVER,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VR_DHOST_CMD_MEMBER_NEW,
		.doit		= vr_dhost_nl_member_new_doit,
		.policy		= vr_dhost_member_new_nl_policy,
		.maxattr	= VR_DHOST_A_DHOST_SLICE_MAX,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VR_DHOST_CMD_MEMBER_DEL,
		.doit		= vr_dhost_nl_member_del_doit,
		.policy		= vr_dhost_member_del_nl_policy,
		.maxattr	= VR_DHOST_A_DHOST_NODE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VR_DHOST_CMD_PORT_GET,
		.doit		= vr_dhost_nl_port_get_doit,
		.policy		= vr_dhost_port_get_do_nl_policy,
		.maxattr	= VR_DHOST_A_DHOST_PORT,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VR_DHOST_CMD_PORT_GET,
		.dumpit		= vr_dhost_nl_port_get_dumpit,
		.policy		= vr_dhost_port_get_dump_nl_policy,
		.maxattr	= VR_DHOST_A_DHOST_CONTEXT,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VR_DHOST_CMD_PORT_SET,
		.doit		= vr_dhost_nl_port_set_doit,
		.policy		= vr_dhost_port_set_nl_policy,
		.maxattr	= VR_DHOST_A_DHOST_OWNER,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VR_DHOST_CMD_PORT_DEL,
		.doit		= vr_dhost_nl_port_del_doit,
		.policy		= vr_dhost_port_del_nl_policy,
		.maxattr	= VR_DHOST_A_DHOST_PORT_LAST,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= VR_DHOST_CMD_SOCK_GET,
		.dumpit	= vr_dhost_nl_sock_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VR_DHOST_CMD_GRANT,
		.doit		= vr_dhost_nl_grant_doit,
		.policy		= vr_dhost_grant_nl_policy,
		.maxattr	= VR_DHOST_A_DHOST_DENY,
		.flags		= GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group vr_dhost_nl_mcgrps[] = {
	[VR_DHOST_NLGRP_EVENTS] = { "events", },
};

struct genl_family vr_dhost_nl_family __ro_after_init = {
	.name		= VR_DHOST_FAMILY_NAME,
	.version	= VR_DHOST_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= vr_dhost_nl_ops,
	.n_split_ops	= ARRAY_SIZE(vr_dhost_nl_ops),
	.mcgrps		= vr_dhost_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(vr_dhost_nl_mcgrps),
};
