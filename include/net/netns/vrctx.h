/* SPDX-License-Identifier: GPL-2.0 */
/* The virtual-router contexts of a network namespace */
#ifndef __NETNS_VRCTX_H__
#define __NETNS_VRCTX_H__

#include <linux/llist.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct vrctx_map;
struct vrctx_shared;

/**
 * struct netns_vrctx - virtual-router contexts of one network namespace
 * @map: flat array for small numbers, what the data path looks at first
 * @xa: all contexts by number, deleted ones that something still carries too
 * @tables: further routing tables of all contexts, by number - VRCTX_SUBTABLE_BASE
 * @reap: contexts that nothing carries any more, for @reap_work
 * @reap_work: frees the numbers in @reap after a grace period
 * @local_routes: bit n: a context with a number of n modulo the bits here has,
 *	or had, local routes that were added by hand
 * @count: contexts that are not deleted
 * @seq: changes whenever a context comes, goes or is renamed
 * @fldissect4: IPv4 rules of contexts that look at protocols or ports
 * @fldissect6: the same for IPv6
 * @shared4: IPv4 addresses shared with other hosts, see net/vrctx_shared.h
 * @shared6: the same for IPv6
 *
 * Written under RTNL, but for @reap, @shared4 and @shared6.
 */
struct netns_vrctx {
	struct vrctx_map __rcu	*map;
	struct xarray		xa;
	struct xarray		tables;
	struct llist_head	reap;
	struct work_struct	reap_work;
	unsigned long		local_routes;
	unsigned int		count;
	unsigned int		seq;
	unsigned int		fldissect4;
	unsigned int		fldissect6;
	struct vrctx_shared __rcu *shared4;
	struct vrctx_shared __rcu *shared6;
};

#endif /* __NETNS_VRCTX_H__ */
