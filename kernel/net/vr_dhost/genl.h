/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/vr_dhost.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_VR_DHOST_GEN_H
#define _LINUX_VR_DHOST_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/vr_dhost.h>

int vr_dhost_nl_host_get_doit(struct sk_buff *skb, struct genl_info *info);
int vr_dhost_nl_host_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int vr_dhost_nl_host_new_doit(struct sk_buff *skb, struct genl_info *info);
int vr_dhost_nl_host_del_doit(struct sk_buff *skb, struct genl_info *info);
int vr_dhost_nl_host_set_doit(struct sk_buff *skb, struct genl_info *info);
int vr_dhost_nl_member_new_doit(struct sk_buff *skb, struct genl_info *info);
int vr_dhost_nl_member_del_doit(struct sk_buff *skb, struct genl_info *info);
int vr_dhost_nl_port_get_doit(struct sk_buff *skb, struct genl_info *info);
int vr_dhost_nl_port_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int vr_dhost_nl_port_set_doit(struct sk_buff *skb, struct genl_info *info);
int vr_dhost_nl_port_del_doit(struct sk_buff *skb, struct genl_info *info);
int vr_dhost_nl_sock_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int vr_dhost_nl_grant_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	VR_DHOST_NLGRP_EVENTS,
};

extern struct genl_family vr_dhost_nl_family;

#endif /* _LINUX_VR_DHOST_GEN_H */
