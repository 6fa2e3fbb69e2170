/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: what a device that moves may have of neighbours
 */
#ifndef _NET_VRCTX_NEIGH_H
#define _NET_VRCTX_NEIGH_H

#include <linux/types.h>

struct neigh_table;

/* Are there proxy entries, of any device? RTNL. */
bool neigh_vrctx_proxies(const struct neigh_table *tbl);

#endif /* _NET_VRCTX_NEIGH_H */
