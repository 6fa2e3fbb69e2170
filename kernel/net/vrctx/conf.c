// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: sysctls of their own.
 *
 * A context that never sets one shares those of context 0; the first write
 * copies them. So an idle context pays one pointer.
 */

#include <linux/if.h>
#include <linux/inetdevice.h>
#include <linux/netconf.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/ip6_route.h>
#include <net/route.h>
#include <net/vrctx_conf.h>
#include <net/vrctx_mroute.h>

#include "ctx.h"

/**
 * struct vrctx_conf - what a context has set itself
 * @all4: net.ipv4.conf.all
 * @dflt4: net.ipv4.conf.default
 * @fwd6_all: net.ipv6.conf.all.forwarding
 * @fwd6_dflt: net.ipv6.conf.default.forwarding
 * @rcu: freeing
 */
struct vrctx_conf {
	struct ipv4_devconf	all4;
	struct ipv4_devconf	dflt4;
	int			fwd6_all;
	int			fwd6_dflt;
	struct rcu_head		rcu;
};

static struct vrctx_conf *vrctx_conf(const struct net *net, u32 id)
{
	const struct vrctx *ctx = vrctx_find_live(net, id);

	return ctx ? rcu_dereference_rtnl(ctx->conf) : NULL;
}

bool vrctx_conf_has(const struct net *net, u32 id)
{
	return vrctx_conf(net, id);
}

bool __vrctx_conf_own(const struct net_device *dev)
{
	return vrctx_conf_has(dev_net(dev), dev->vrctx);
}

/* The "all" that holds for the device. RTNL. */
void vrctx_conf_in_dev(struct in_device *in_dev)
{
	const struct net_device *dev = in_dev->dev;
	struct net *net = dev_net(dev);
	struct vrctx_conf *conf;

	conf = dev->vrctx ? vrctx_conf(net, dev->vrctx) : NULL;
	WRITE_ONCE(in_dev->cnf_all,
		   conf ? &conf->all4 : net->ipv4.devconf_all);
}

static void vrctx_conf4_forward(struct in_device *in_dev, int on)
{
	struct net_device *dev = in_dev->dev;

	if (on)
		dev_disable_lro(dev);
	if (IN_DEV_FORWARD(in_dev) == on)
		return;
	IN_DEV_CONF_SET(in_dev, FORWARDING, on);
	inet_netconf_notify_devconf(dev_net(dev), RTM_NEWNETCONF,
				    NETCONFA_FORWARDING, dev->ifindex,
				    &in_dev->cnf);
}

static void vrctx_conf6_forward(struct net_device *dev, int on)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct inet6_dev *idev = __in6_dev_get_rtnl_net(dev);

	if (idev)
		addrconf_vrctx_forward(idev, on);
#endif
}

/* A device inherits what was written to "default" of its namespace, or of the
 * initial one, with the mark that it was written: no value of the device's own.
 */
static bool vrctx_conf4_inherited(const struct in_device *in_dev, int i)
{
	const struct ipv4_devconf *dflt = dev_net(in_dev->dev)->ipv4.devconf_dflt;

	return test_bit(i, dflt->state) &&
	       in_dev->cnf.data[i] == dflt->data[i];
}

/* Entry @i of "default" holds for the devices that have none of their own */
static void vrctx_conf4_dflt(struct in_device *in_dev,
			     const struct vrctx_conf *conf, int i)
{
	if (!test_bit(i, in_dev->cnf.state))
		WRITE_ONCE(in_dev->cnf.data[i], conf->dflt4.data[i]);
}

/* The device has come into its context, or this has got values. RTNL. */
void vrctx_conf_enter(struct net_device *dev)
{
	struct in_device *in_dev = __in_dev_get_rtnl(dev);
	struct vrctx_conf *conf;
	int i;

	if (in_dev)
		vrctx_conf_in_dev(in_dev);
	conf = dev->vrctx ? vrctx_conf(dev_net(dev), dev->vrctx) : NULL;
	if (!conf)
		return;
	if (in_dev) {
		for (i = 0; i < IPV4_DEVCONF_MAX; i++) {
			if (vrctx_conf4_inherited(in_dev, i))
				clear_bit(i, in_dev->cnf.state);
			vrctx_conf4_dflt(in_dev, conf, i);
		}
		vrctx_conf4_forward(in_dev,
				    IPV4_DEVCONF(conf->dflt4, FORWARDING));
	}
	vrctx_conf6_forward(dev, conf->fwd6_dflt);
}

void vrctx_conf_free(struct vrctx *ctx)
{
	struct vrctx_conf *conf = rcu_replace_pointer_rtnl(ctx->conf, NULL);

	if (conf)
		kfree_rcu(conf, rcu);
}

/* Of a live context, made of context 0's at the first write. RTNL. */
static struct vrctx_conf *vrctx_conf_get(struct net *net, u32 id)
{
	struct vrctx *ctx = vrctx_find_live(net, id);
	struct net_device *dev;
	struct vrctx_conf *conf;

	if (!ctx)
		return ERR_PTR(-ENETUNREACH);
	conf = rcu_dereference_rtnl(ctx->conf);
	if (conf)
		return conf;
	conf = kzalloc(sizeof(*conf), GFP_KERNEL_ACCOUNT);
	if (!conf)
		return ERR_PTR(-ENOMEM);

	conf->all4 = *net->ipv4.devconf_all;
	conf->dflt4 = *net->ipv4.devconf_dflt;
#if IS_ENABLED(CONFIG_IPV6)
	conf->fwd6_all = net->ipv6.devconf_all->forwarding;
	conf->fwd6_dflt = net->ipv6.devconf_dflt->forwarding;
#endif
	rcu_assign_pointer(ctx->conf, conf);
	for_each_netdev(net, dev) {
		struct in_device *in_dev = __in_dev_get_rtnl(dev);

		if (in_dev && dev->vrctx == id)
			vrctx_conf_in_dev(in_dev);
	}

	return conf;
}

/* The process writes @val: get it, and what it goes to, under RTNL */
static struct vrctx_conf *vrctx_conf_write(const struct ctl_table *ctl,
					   void *buffer, size_t *lenp,
					   loff_t *ppos, struct net *net,
					   int *val)
{
	struct ctl_table tmp = *ctl;
	loff_t pos = *ppos;
	struct vrctx_conf *conf;
	int err;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return ERR_PTR(-EPERM);
	tmp.data = val;
	err = proc_dointvec(&tmp, 1, buffer, lenp, ppos);
	if (err)
		return ERR_PTR(err);
	if (!rtnl_trylock()) {
		*ppos = pos;
		return ERR_PTR(restart_syscall());
	}
	conf = vrctx_conf_get(net, vrctx_view_of(net));
	if (IS_ERR(conf))
		rtnl_unlock();

	return conf;
}

static int vrctx_conf_read(const struct ctl_table *ctl, void *buffer,
			   size_t *lenp, loff_t *ppos, int val)
{
	struct ctl_table tmp = *ctl;

	tmp.data = &val;
	return proc_dointvec(&tmp, 0, buffer, lenp, ppos);
}

/* An open file of a device's sysctl may be older than where the device is */
static bool vrctx_conf_dev_ok(const struct net_device *dev, int write)
{
	return !vrctx_dev_access(dev, vrctx_view_of(dev_net(dev)), write);
}

static void vrctx_conf4_set(struct net *net, struct vrctx_conf *conf,
			    bool all, int i, int val)
{
	bool forward = i == IPV4_DEVCONF_FORWARDING - 1;
	struct ipv4_devconf *cnf = all ? &conf->all4 : &conf->dflt4;
	struct net_device *dev;

	set_bit(i, cnf->state);
	/* As devinet_sysctl_forward(): what is no change is none for devices */
	if (forward && cnf->data[i] == val)
		return;
	WRITE_ONCE(cnf->data[i], val);
	if (all && forward) {
		IPV4_DEVCONF(conf->all4, ACCEPT_REDIRECTS) = !val;
		IPV4_DEVCONF(conf->dflt4, FORWARDING) = val;
	} else if (all || forward) {
		return;
	}
	for_each_netdev(net, dev) {
		struct in_device *in_dev = __in_dev_get_rtnl(dev);

		if (!in_dev || dev->vrctx != vrctx_view_of(net))
			continue;
		if (forward)
			vrctx_conf4_forward(in_dev, val);
		else
			vrctx_conf4_dflt(in_dev, conf, i);
	}
}

int __vrctx_conf4(const struct ctl_table *ctl, int write, void *buffer,
		  size_t *lenp, loff_t *ppos, proc_handler *handler)
{
	struct ipv4_devconf *cnf = ctl->extra1;
	struct net *net = ctl->extra2;
	bool all = cnf == net->ipv4.devconf_all;
	int i = (int *)ctl->data - cnf->data;
	struct vrctx_conf *conf;
	int val;

	if (!all && cnf != net->ipv4.devconf_dflt) {
		struct in_device *in_dev = container_of(cnf, struct in_device,
							cnf);

		return vrctx_conf_dev_ok(in_dev->dev, write) ?
		       handler(ctl, write, buffer, lenp, ppos) : -EPERM;
	}
	if (!write) {
		rcu_read_lock();
		conf = vrctx_conf(net, vrctx_view_of(net));
		if (conf)
			cnf = all ? &conf->all4 : &conf->dflt4;
		val = READ_ONCE(cnf->data[i]);
		rcu_read_unlock();
		if (all && i == IPV4_DEVCONF_MC_FORWARDING - 1)
			val = vrctx_mr_forwards(net, RTNL_FAMILY_IPMR,
						vrctx_view_of(net));
		return vrctx_conf_read(ctl, buffer, lenp, ppos, val);
	}

	conf = vrctx_conf_write(ctl, buffer, lenp, ppos, net, &val);
	if (IS_ERR(conf))
		return PTR_ERR(conf);
	vrctx_conf4_set(net, conf, all, i, val);
	rtnl_unlock();
	rt_cache_flush(net);

	return 0;
}

#if IS_ENABLED(CONFIG_IPV6)
static void vrctx_conf6_set(struct net *net, struct vrctx_conf *conf,
			    bool all, int val)
{
	struct net_device *dev;

	conf->fwd6_dflt = val;
	if (!all)
		return;
	conf->fwd6_all = val;
	for_each_netdev(net, dev)
		if (dev->vrctx == vrctx_view_of(net))
			vrctx_conf6_forward(dev, val);
	if (val)
		rt6_purge_dflt_routers_vrctx(net, vrctx_view_of(net));
}

int __vrctx_conf6(const struct ctl_table *ctl, int write, void *buffer,
		  size_t *lenp, loff_t *ppos, proc_handler *handler)
{
	struct inet6_dev *idev = ctl->extra1;
	struct net *net = ctl->extra2;
	bool all = ctl->data == &net->ipv6.devconf_all->forwarding;
	struct vrctx_conf *conf;
	int val;

	if (!all && ctl->data != &net->ipv6.devconf_dflt->forwarding)
		return vrctx_conf_dev_ok(idev->dev, write) ?
		       handler(ctl, write, buffer, lenp, ppos) : -EPERM;
	if (!write) {
		rcu_read_lock();
		conf = vrctx_conf(net, vrctx_view_of(net));
		if (!conf)
			val = READ_ONCE(*(int *)ctl->data);
		else
			val = READ_ONCE(*(all ? &conf->fwd6_all :
						&conf->fwd6_dflt));
		rcu_read_unlock();
		return vrctx_conf_read(ctl, buffer, lenp, ppos, val);
	}

	conf = vrctx_conf_write(ctl, buffer, lenp, ppos, net, &val);
	if (IS_ERR(conf))
		return PTR_ERR(conf);
	vrctx_conf6_set(net, conf, all, val);
	rtnl_unlock();

	return 0;
}
#endif

static const char *vrctx_conf_name(const struct ctl_dir *dir)
{
	return dir && dir->header.parent ? dir->header.ctl_table->procname : "";
}

static bool vrctx_conf_keyed(const char *family, const struct ctl_table *table)
{
	return !strcmp(family, "ipv4") || !strcmp(table->procname, "forwarding");
}

/* Paths are net/FAMILY/{conf,neigh}/{all,default,DEVICE}/ENTRY; net/ipv4/ENTRY.
 * A process sees the directories of its devices.
 */
int __vrctx_conf_mode(struct ctl_table_header *head,
		      const struct ctl_table *table, int mode)
{
	struct net *net = container_of(head->set, struct net, sysctls);
	const struct ctl_dir *dir = head->parent;
	const char *name = table->procname;
	int err;

	if (!dir)
		return mode;
	if (!S_ISDIR(table->mode)) {
		name = vrctx_conf_name(dir);
		if (!strcmp(name, "ipv4") &&
		    !strcmp(table->procname, "ip_forward"))
			return mode;
		dir = dir->header.parent;
	}
	if (strcmp(vrctx_conf_name(dir), "conf") &&
	    strcmp(vrctx_conf_name(dir), "neigh"))
		return S_ISDIR(table->mode) ? mode : mode & ~0222;
	if (!strcmp(name, "all") || !strcmp(name, "default"))
		return !S_ISDIR(table->mode) &&
		       (strcmp(vrctx_conf_name(dir), "conf") ||
			!vrctx_conf_keyed(vrctx_conf_name(dir->header.parent),
					  table)) ? mode & ~0222 : mode;

	rcu_read_lock();
	err = vrctx_dev_access(dev_get_by_name_rcu(net, name),
			       vrctx_view_of(net), true);
	rcu_read_unlock();

	return err == -ENODEV ? mode & ~0777 : err ? mode & ~0222 : mode;
}
