/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: sysctls of their own.
 *
 * In a context, net.ipv4.ip_forward, net.ipv4.conf.{all,default} and
 * net.ipv6.conf.{all,default}.forwarding are the context's. Until it sets one
 * of them it has the values of context 0. Those of its devices it may set as
 * ever; all other sysctls below net/ it can only read.
 */
#ifndef _NET_VRCTX_CONF_H
#define _NET_VRCTX_CONF_H

#include <linux/sysctl.h>
#include <net/vrctx_view.h>

struct inet6_dev;
struct in_device;

#ifdef CONFIG_NET_VRCTX

int __vrctx_conf_mode(struct ctl_table_header *head,
		      const struct ctl_table *table, int mode);
/* What the process may do with an entry of @mode */
#define vrctx_conf_mode(head, table, mode)				\
	(likely(!vrctx_view_of(container_of((head)->set, struct net,	\
					    sysctls))) ? (mode) :	\
	 __vrctx_conf_mode(head, table, mode))

void vrctx_conf_in_dev(struct in_device *in_dev);
/* Has context @ctx values of its own? RTNL or RCU. */
bool vrctx_conf_has(const struct net *net, u32 ctx);
bool __vrctx_conf_own(const struct net_device *dev);
/* Does the device's context have values of its own? RTNL or RCU. */
#define vrctx_conf_own(dev)						\
	((dev)->vrctx && __vrctx_conf_own(dev))

int __vrctx_conf4(const struct ctl_table *ctl, int write, void *buffer,
		  size_t *lenp, loff_t *ppos, proc_handler *handler);
int __vrctx_conf6(const struct ctl_table *ctl, int write, void *buffer,
		  size_t *lenp, loff_t *ppos, proc_handler *handler);

/* Define the handler @fn that sends processes in a context to their values */
#define VRCTX_CONF(family, fn)						\
static int fn(const struct ctl_table *ctl, int write, void *buffer,	\
	      size_t *lenp, loff_t *ppos)				\
{									\
	return vrctx_view_of((struct net *)ctl->extra2) ?		\
	       __vrctx_conf##family(ctl, write, buffer, lenp, ppos,	\
				    fn##_vrctx) :			\
	       fn##_vrctx(ctl, write, buffer, lenp, ppos);		\
}

/* In a context, its devices say whether IPv6 is forwarded */
#define vrctx_ip6_forwards(net, idev, skb)				\
	(skb_vrctx(skb) ? (idev) && READ_ONCE((idev)->cnf.forwarding) :	\
	 READ_ONCE((net)->ipv6.devconf_all->forwarding))

#else /* !CONFIG_NET_VRCTX */

#define vrctx_conf_mode(head, table, mode)	(mode)
#define vrctx_conf_in_dev(in_dev)		do { } while (0)
#define vrctx_conf_own(dev)			((void)(dev), false)
#define VRCTX_CONF(family, fn)
#define vrctx_ip6_forwards(net, idev, skb)				\
	READ_ONCE((net)->ipv6.devconf_all->forwarding)

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_CONF_H */
