/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/vrctx.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_VRCTX_GEN_H
#define _LINUX_VRCTX_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/vrctx.h>

int vrctx_nl_ctx_get_doit(struct sk_buff *skb, struct genl_info *info);
int vrctx_nl_ctx_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int vrctx_nl_ctx_new_doit(struct sk_buff *skb, struct genl_info *info);
int vrctx_nl_ctx_del_doit(struct sk_buff *skb, struct genl_info *info);
int vrctx_nl_ctx_set_doit(struct sk_buff *skb, struct genl_info *info);
int vrctx_nl_dev_get_doit(struct sk_buff *skb, struct genl_info *info);
int vrctx_nl_dev_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int vrctx_nl_dev_set_doit(struct sk_buff *skb, struct genl_info *info);
int vrctx_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info);
int vrctx_nl_stats_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int vrctx_nl_task_get_doit(struct sk_buff *skb, struct genl_info *info);
int vrctx_nl_task_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int vrctx_nl_leak_get_doit(struct sk_buff *skb, struct genl_info *info);
int vrctx_nl_leak_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int vrctx_nl_leak_new_doit(struct sk_buff *skb, struct genl_info *info);
int vrctx_nl_leak_del_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	VRCTX_NLGRP_EVENTS,
};

extern struct genl_family vrctx_nl_family;

#endif /* _LINUX_VRCTX_GEN_H */
