// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/vrctx.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "genl.h"

#include <uapi/linux/vrctx.h>

/* Integer value ranges */
static const struct netlink_range_validation vrctx_a_ctx_id_range = {
	.max	= VRCTX_ID_MAX,
};

static const struct netlink_range_validation vrctx_a_leak_from_range = {
	.max	= VRCTX_ID_MAX,
};

static const struct netlink_range_validation vrctx_a_leak_to_range = {
	.max	= VRCTX_ID_MAX,
};

/* VRCTX_CMD_CTX_GET - do */
static const struct nla_policy vrctx_ctx_get_nl_policy[VRCTX_A_CTX_NAME + 1] = {
	[VRCTX_A_CTX_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_ctx_id_range),
	[VRCTX_A_CTX_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
};

/* VRCTX_CMD_CTX_NEW - do */
static const struct nla_policy vrctx_ctx_new_nl_policy[VRCTX_A_CTX_NAME + 1] = {
	[VRCTX_A_CTX_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_ctx_id_range),
	[VRCTX_A_CTX_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
};

/* VRCTX_CMD_CTX_DEL - do */
static const struct nla_policy vrctx_ctx_del_nl_policy[VRCTX_A_CTX_FORCE + 1] = {
	[VRCTX_A_CTX_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_ctx_id_range),
	[VRCTX_A_CTX_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
	[VRCTX_A_CTX_FORCE] = { .type = NLA_FLAG, },
};

/* VRCTX_CMD_CTX_SET - do */
static const struct nla_policy vrctx_ctx_set_nl_policy[VRCTX_A_CTX_NAME + 1] = {
	[VRCTX_A_CTX_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_ctx_id_range),
	[VRCTX_A_CTX_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
};

/* VRCTX_CMD_DEV_GET - do */
static const struct nla_policy vrctx_dev_get_do_nl_policy[VRCTX_A_CTX_IFNAME + 1] = {
	[VRCTX_A_CTX_IFINDEX] = NLA_POLICY_MIN(NLA_S32, 1),
	[VRCTX_A_CTX_IFNAME] = { .type = NLA_NUL_STRING, },
};

/* VRCTX_CMD_DEV_GET - dump */
static const struct nla_policy vrctx_dev_get_dump_nl_policy[VRCTX_A_CTX_NAME + 1] = {
	[VRCTX_A_CTX_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_ctx_id_range),
	[VRCTX_A_CTX_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
};

/* VRCTX_CMD_DEV_SET - do */
static const struct nla_policy vrctx_dev_set_nl_policy[VRCTX_A_CTX_IFNAME + 1] = {
	[VRCTX_A_CTX_IFINDEX] = NLA_POLICY_MIN(NLA_S32, 1),
	[VRCTX_A_CTX_IFNAME] = { .type = NLA_NUL_STRING, },
	[VRCTX_A_CTX_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_ctx_id_range),
	[VRCTX_A_CTX_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
};

/* VRCTX_CMD_STATS_GET - do */
static const struct nla_policy vrctx_stats_get_nl_policy[VRCTX_A_CTX_NAME + 1] = {
	[VRCTX_A_CTX_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_ctx_id_range),
	[VRCTX_A_CTX_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
};

/* VRCTX_CMD_TASK_GET - do */
static const struct nla_policy vrctx_task_get_do_nl_policy[VRCTX_A_CTX_PID + 1] = {
	[VRCTX_A_CTX_PID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* VRCTX_CMD_TASK_GET - dump */
static const struct nla_policy vrctx_task_get_dump_nl_policy[VRCTX_A_CTX_NAME + 1] = {
	[VRCTX_A_CTX_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_ctx_id_range),
	[VRCTX_A_CTX_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
};

/* VRCTX_CMD_LEAK_GET - do */
static const struct nla_policy vrctx_leak_get_nl_policy[VRCTX_A_LEAK_PREFIX_LEN + 1] = {
	[VRCTX_A_LEAK_FROM] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_leak_from_range),
	[VRCTX_A_LEAK_FROM_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
	[VRCTX_A_LEAK_PREFIX] = { .type = NLA_BINARY, },
	[VRCTX_A_LEAK_PREFIX_LEN] = { .type = NLA_U8, },
};

/* VRCTX_CMD_LEAK_NEW - do */
static const struct nla_policy vrctx_leak_new_nl_policy[VRCTX_A_LEAK_PREFIX_LEN + 1] = {
	[VRCTX_A_LEAK_FROM] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_leak_from_range),
	[VRCTX_A_LEAK_FROM_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
	[VRCTX_A_LEAK_TO] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_leak_to_range),
	[VRCTX_A_LEAK_TO_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
	[VRCTX_A_LEAK_PREFIX] = { .type = NLA_BINARY, },
	[VRCTX_A_LEAK_PREFIX_LEN] = { .type = NLA_U8, },
};

/* VRCTX_CMD_LEAK_DEL - do */
static const struct nla_policy vrctx_leak_del_nl_policy[VRCTX_A_LEAK_PREFIX_LEN + 1] = {
	[VRCTX_A_LEAK_FROM] = NLA_POLICY_FULL_RANGE(NLA_U32, &vrctx_a_leak_from_range),
	[VRCTX_A_LEAK_FROM_NAME] = { .type = NLA_NUL_STRING, .len = VRCTX_NAME_MAX, },
	[VRCTX_A_LEAK_PREFIX] = { .type = NLA_BINARY, },
	[VRCTX_A_LEAK_PREFIX_LEN] = { .type = NLA_U8, },
};

/* Ops table for vrctx */
static const struct genl_split_ops vrctx_nl_ops[] = {
	{
		.cmd		= VRCTX_CMD_CTX_GET,
		.doit		= vrctx_nl_ctx_get_doit,
		.policy		= vrctx_ctx_get_nl_policy,
		.maxattr	= VRCTX_A_CTX_NAME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= VRCTX_CMD_CTX_GET,
		.dumpit	= vrctx_nl_ctx_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VRCTX_CMD_CTX_NEW,
		.doit		= vrctx_nl_ctx_new_doit,
		.policy		= vrctx_ctx_new_nl_policy,
		.maxattr	= VRCTX_A_CTX_NAME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VRCTX_CMD_CTX_DEL,
		.doit		= vrctx_nl_ctx_del_doit,
		.policy		= vrctx_ctx_del_nl_policy,
		.maxattr	= VRCTX_A_CTX_FORCE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VRCTX_CMD_CTX_SET,
		.doit		= vrctx_nl_ctx_set_doit,
		.policy		= vrctx_ctx_set_nl_policy,
		.maxattr	= VRCTX_A_CTX_NAME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VRCTX_CMD_DEV_GET,
		.doit		= vrctx_nl_dev_get_doit,
		.policy		= vrctx_dev_get_do_nl_policy,
		.maxattr	= VRCTX_A_CTX_IFNAME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VRCTX_CMD_DEV_GET,
		.dumpit		= vrctx_nl_dev_get_dumpit,
		.policy		= vrctx_dev_get_dump_nl_policy,
		.maxattr	= VRCTX_A_CTX_NAME,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VRCTX_CMD_DEV_SET,
		.doit		= vrctx_nl_dev_set_doit,
		.policy		= vrctx_dev_set_nl_policy,
		.maxattr	= VRCTX_A_CTX_IFNAME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VRCTX_CMD_STATS_GET,
		.doit		= vrctx_nl_stats_get_doit,
		.policy		= vrctx_stats_get_nl_policy,
		.maxattr	= VRCTX_A_CTX_NAME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= VRCTX_CMD_STATS_GET,
		.dumpit	= vrctx_nl_stats_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VRCTX_CMD_TASK_GET,
		.doit		= vrctx_nl_task_get_doit,
		.policy		= vrctx_task_get_do_nl_policy,
		.maxattr	= VRCTX_A_CTX_PID,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VRCTX_CMD_TASK_GET,
		.dumpit		= vrctx_nl_task_get_dumpit,
		.policy		= vrctx_task_get_dump_nl_policy,
		.maxattr	= VRCTX_A_CTX_NAME,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VRCTX_CMD_LEAK_GET,
		.doit		= vrctx_nl_leak_get_doit,
		.policy		= vrctx_leak_get_nl_policy,
		.maxattr	= VRCTX_A_LEAK_PREFIX_LEN,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= VRCTX_CMD_LEAK_GET,
		.dumpit	= vrctx_nl_leak_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= VRCTX_CMD_LEAK_NEW,
		.doit		= vrctx_nl_leak_new_doit,
		.policy		= vrctx_leak_new_nl_policy,
		.maxattr	= VRCTX_A_LEAK_PREFIX_LEN,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= VRCTX_CMD_LEAK_DEL,
		.doit		= vrctx_nl_leak_del_doit,
		.policy		= vrctx_leak_del_nl_policy,
		.maxattr	= VRCTX_A_LEAK_PREFIX_LEN,
		.flags		= GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group vrctx_nl_mcgrps[] = {
	[VRCTX_NLGRP_EVENTS] = { "events", },
};

struct genl_family vrctx_nl_family __ro_after_init = {
	.name		= VRCTX_FAMILY_NAME,
	.version	= VRCTX_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= vrctx_nl_ops,
	.n_split_ops	= ARRAY_SIZE(vrctx_nl_ops),
	.mcgrps		= vrctx_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(vrctx_nl_mcgrps),
};
