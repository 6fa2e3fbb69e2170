/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual-router contexts: addresses of their own on the loopback device.
 *
 * There is one loopback device. What it is to a context is an in_device and an
 * inet6_dev more, which are not those of the device (dev->ip_ptr, ip6_ptr) and
 * hold the addresses of that context alone. Who walks the addresses of a
 * device does not meet them unless he asks here.
 */
#ifndef _NET_VRCTX_LO_H
#define _NET_VRCTX_LO_H

#include <linux/inetdevice.h>
#include <net/if_inet6.h>
#include <net/l3mdev.h>
#include <net/vrctx_view.h>

struct ifreq;
struct netlink_callback;
struct nlattr;
struct notifier_block;

#ifdef CONFIG_NET_VRCTX

/* The context of the addresses of an in_device or inet6_dev. One of the two is
 * 0: the loopback device is in no context.
 */
#define idev_vrctx(idev)	((idev)->vrctx | dev_vrctx((idev)->dev))
#define idev_in_vrctx(idev, ctx)	(idev_vrctx(idev) == (ctx))
/* Does context @ctx see these addresses? Context 0 those of its own loopback
 * device only: they look alike to programs that do not know contexts.
 */
#define vrctx_idev_seen(idev, ctx)					\
	((idev)->vrctx ? (idev)->vrctx == (ctx) :			\
			 vrctx_dev_seen((idev)->dev, ctx))
/* The FIB table of these addresses, 0 if it is context 0's */
#define idev_fib_table(idev)						\
	((idev)->vrctx ? vrctx_table_id((idev)->vrctx) :		\
			 l3mdev_fib_table((idev)->dev))
/* Are these a context's addresses on the loopback device? */
#define vrctx_lo_is(idev)	((idev)->vrctx)

/* What the loopback device is to context @ctx, NULL if it has no address
 * there. RCU or RTNL.
 */
struct in_device *vrctx_lo4(const struct net *net, u32 ctx);
struct inet6_dev *vrctx_lo6(const struct net *net, u32 ctx);
/* What devices of context @ctx have IPv6, NULL if there is no such context, and
 * for context 0, which has most. RCU or RTNL.
 */
struct list_head *vrctx_in6_devs(const struct net *net, u32 ctx);
/* The FIB alone hears of an address (net/ipv4/fib_frontend.c). RTNL. */
void fib_ifaddr_event(unsigned long event, struct in_ifaddr *ifa);
/* Who knows contexts may hear of it, too, as of addresses of other devices, but
 * may not sleep.
 */
int vrctx_lo4_register(struct notifier_block *nb);
void vrctx_lo4_unregister(struct notifier_block *nb);
void vrctx_lo4_event(unsigned long event, struct in_ifaddr *ifa);
int vrctx_lo6_register(struct notifier_block *nb);
void vrctx_lo6_unregister(struct notifier_block *nb);
void vrctx_lo6_event(unsigned long event, struct inet6_ifaddr *ifa);
/* The loopback device loses IPv4 or IPv6: so do the contexts. It goes down:
 * IPv6 addresses stay for when it comes up. RTNL.
 */
void vrctx_lo4_flush(struct net *net);
void vrctx_lo6_flush(struct net *net);
void vrctx_lo6_down(struct net *net);

/* A request of @skb is about the loopback device: the addresses there are the
 * requester's, or of whom VRCTX_NL_ATTR names. Sets *@in_dev or *@lo if that is
 * a context, and makes it if @create is set. 0 or -errno with a text. RTNL.
 */
int vrctx_lo4_req(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		  struct in_device **in_dev, bool create,
		  struct netlink_ext_ack *extack);
int vrctx_lo6_req(const struct sk_buff *skb, const struct nlmsghdr *nlh,
		  struct inet6_dev **lo, bool create,
		  struct netlink_ext_ack *extack);
/* May a context have this address on the loopback device? */
int vrctx_lo4_check(const struct in_ifaddr *ifa,
		    struct netlink_ext_ack *extack);
int vrctx_lo6_check(const struct inet6_dev *lo, const struct in6_addr *addr,
		    u32 flags, struct netlink_ext_ack *extack);

/* Address ioctls of a process in a context: what they are about */
int __vrctx_lo4_ifr(unsigned int cmd, bool alias, __be32 addr,
		    struct in_device **in_dev);
#define vrctx_lo4_ifr(cmd, alias, addr, in_dev)				\
	(vrctx_active() ? __vrctx_lo4_ifr(cmd, alias, addr, in_dev) : 0)
int __vrctx_lo6_ifr(struct net *net, int ifindex, const struct in6_addr *addr,
		    struct inet6_dev **lo, bool create);
#define vrctx_lo6_ifr(net, ifindex, addr, lo, create)			\
	(likely(!vrctx_view_of(net)) ? 0 :				\
	 __vrctx_lo6_ifr(net, ifindex, addr, lo, create))

/* Of the loopback device's own, 127.0.0.0/8 and ::1 are in all contexts */
#define vrctx_ifa_hidden(ifa, ctx)					\
	((ctx) && !(ifa)->ifa_dev->vrctx &&				\
	 (ifa)->ifa_dev->dev->flags & IFF_LOOPBACK &&			\
	 !ipv4_is_loopback((ifa)->ifa_local))
#define vrctx_ifa6_hidden(ifa, ctx)					\
	((ctx) && !(ifa)->idev->vrctx &&				\
	 (ifa)->idev->dev->flags & IFF_LOOPBACK &&			\
	 !ipv6_addr_loopback(&(ifa)->addr))

#define vrctx_ifa6_seen(ifa, ctx)					\
	(vrctx_idev_seen((ifa)->idev, ctx) && !vrctx_ifa6_hidden(ifa, ctx))

/* After those of *@in_dev: more to show to @ctx? Sets *@in_dev */
bool vrctx_lo4_more(u32 ctx, struct in_device **in_dev);
/* A host shows ::1 last: set *@idev to what comes first for @ctx, and after
 * that to what is left, if there is more.
 */
void vrctx_lo6_first(u32 ctx, const struct inet6_dev **idev);
bool vrctx_lo6_more(const struct inet6_dev **idev);
/* Whose addresses a dump shows: the requester's and, in context 0, those of
 * the context that it names with VRCTX_NL_ATTR.
 */
u32 vrctx_lo_dump(const struct netlink_callback *cb);
#define vrctx_lo_put(skb, idev)		vrctx_nl_put(skb, (idev)->vrctx)

/* The message @skb is about an address; of the loopback device's own, all see
 * 127.0.0.0/8 and ::1 only.
 */
#define vrctx_nl_about_addr(skb, idev, loopback)			\
do {									\
	if ((idev)->vrctx)						\
		skb_set_vrctx(skb, (idev)->vrctx | VRCTX_NL_INSIDE);	\
	else if (!((idev)->dev->flags & IFF_LOOPBACK) || (loopback))	\
		vrctx_nl_about(skb, (idev)->dev);			\
} while (0)

#else /* !CONFIG_NET_VRCTX */

#define idev_in_vrctx(idev, ctx)	((void)(idev), true)
#define vrctx_idev_seen(idev, ctx)	((void)(idev), true)
#define idev_fib_table(idev)		l3mdev_fib_table((idev)->dev)
#define vrctx_lo_is(idev)		((void)(idev), false)
#define vrctx_lo4(net, ctx)		NULL
#define vrctx_lo6(net, ctx)		NULL
#define vrctx_lo4_register(nb)		do { } while (0)
#define vrctx_lo4_unregister(nb)	do { } while (0)
#define vrctx_lo6_register(nb)		do { } while (0)
#define vrctx_lo6_unregister(nb)	do { } while (0)
#define vrctx_lo6_event(event, ifa)	do { } while (0)
#define vrctx_lo4_flush(net)		do { } while (0)
#define vrctx_lo6_flush(net)		do { } while (0)
#define vrctx_lo6_down(net)		do { } while (0)
#define vrctx_lo4_req(skb, nlh, in_dev, create, extack)	0
#define vrctx_lo6_req(skb, nlh, lo, create, extack)	0
#define vrctx_lo4_check(ifa, extack)			0
#define vrctx_lo6_check(lo, addr, flags, extack)	0
#define vrctx_lo6_ifr(net, ifindex, addr, lo, create)	0
#define vrctx_ifa_hidden(ifa, ctx)	((void)(ifa), false)
#define vrctx_ifa6_hidden(ifa, ctx)	((void)(ifa), false)
#define vrctx_ifa6_seen(ifa, ctx)	((void)(ifa), true)
#define vrctx_lo4_more(ctx, idev)	false
#define vrctx_lo6_first(ctx, idev)	do { } while (0)
#define vrctx_lo6_more(idev)		false
#define vrctx_lo_dump(cb)		0
#define vrctx_lo_put(skb, idev)		0

#endif /* CONFIG_NET_VRCTX */

#endif /* _NET_VRCTX_LO_H */
