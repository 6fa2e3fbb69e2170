/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: what a process in one sees of network devices in
 * sysfs. What it has open stays open, whatever becomes of the device.
 */
#ifndef _NET_VRCTX_SYSFS_H
#define _NET_VRCTX_SYSFS_H

#include <linux/kernfs.h>
#include <net/vrctx.h>

#ifdef CONFIG_NET_VRCTX

bool __vrctx_sysfs_seen(const struct kernfs_node *kn);
/* Does the process see the active node @kn, as far as it is a network device,
 * one that belongs to it or a link to either? The caller has kernfs_rwsem.
 */
#define vrctx_sysfs_seen(kn)						\
	(!vrctx_active() || __vrctx_sysfs_seen(kn))

#else /* !CONFIG_NET_VRCTX */

#define vrctx_sysfs_seen(kn)	true

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_SYSFS_H */
