// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: the module, network namespaces and notifiers.
 */

#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/addrconf.h>
#include <net/genetlink.h>
#include <net/netns/generic.h>
#include <net/vrctx_watch.h>

#include "dhost.h"

#define CREATE_TRACE_POINTS
#include <trace/events/vr_dhost.h>

static unsigned int vrdh_net_id;
struct workqueue_struct *vrdh_wq;

struct vrdh_net *vrdh_net(const struct net *net)
{
	return net_generic(net, vrdh_net_id);
}

static int __net_init vrdh_init_net(struct net *net)
{
	struct vrdh_net *vn = vrdh_net(net);
	int err;

	vn->net = net;
	mutex_init(&vn->lock);
	spin_lock_init(&vn->event_lock);
	spin_lock_init(&vn->wait_lock);
	INIT_LIST_HEAD(&vn->waits);

	err = rhashtable_init(&vn->hosts, &vrdh_host_params);
	if (err)
		return err;
	err = vrdh_pids_init(vn);
	if (err)
		rhashtable_destroy(&vn->hosts);

	return err;
}

static void __net_exit vrdh_exit_net(struct net *net)
{
	struct vrdh_net *vn = vrdh_net(net);

	vrdh_net_flush(vn);
	vrdh_pids_free(vn);
	rhashtable_destroy(&vn->hosts);
}

static struct pernet_operations vrdh_net_ops = {
	.init	= vrdh_init_net,
	.exit	= vrdh_exit_net,
	.id	= &vrdh_net_id,
	.size	= sizeof(struct vrdh_net),
};

static int vrdh_netdev_event(struct notifier_block *nb, unsigned long event,
			     void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	if (event == NETDEV_UNREGISTER)
		vrdh_dev_gone(vrdh_net(dev_net(dev)), dev);

	return NOTIFY_DONE;
}

static struct notifier_block vrdh_netdev_notifier = {
	.notifier_call = vrdh_netdev_event,
};

#if IS_ENABLED(CONFIG_IPV6)
static int vrdh_inet6addr_event(struct notifier_block *nb, unsigned long event,
				void *ptr)
{
	struct inet6_ifaddr *ifa = ptr;

	if (event == NETDEV_UP)
		vrdh_nd_no_dad(vrdh_net(dev_net(ifa->idev->dev)), ifa);

	return NOTIFY_DONE;
}

static struct notifier_block vrdh_inet6addr_notifier = {
	.notifier_call = vrdh_inet6addr_event,
};
#endif

static void vrdh_gone(struct net *net, u32 ctx)
{
	vrdh_ctx_gone(vrdh_net(net), ctx);
}

static const struct vrctx_watcher vrdh_watcher = {
	.owner	= THIS_MODULE,
	.event	= vrdh_sock_event,
	.bind	= vrdh_sock_bind,
	.gone	= vrdh_gone,
};

/* Who waits for a grant delays the end of the watcher */
static void vrdh_unwatch(void)
{
	struct net *net;

	down_read(&net_rwsem);
	for_each_net(net)
		vrdh_grant_stop(vrdh_net(net));
	up_read(&net_rwsem);
	vrctx_unwatch(&vrdh_watcher);
}

/* ORDER: requests come last and go first. Addresses go with their namespaces,
 * which is before the notifiers, whose last calls find none.
 */
static int __init vrdh_init(void)
{
	int err;

	vrdh_wq = alloc_workqueue("vr_dhost", WQ_UNBOUND, 0);
	if (!vrdh_wq)
		return -ENOMEM;

	err = register_pernet_subsys(&vrdh_net_ops);
	if (err)
		goto err_wq;

	err = register_netdevice_notifier(&vrdh_netdev_notifier);
	if (err)
		goto err_pernet;

#if IS_ENABLED(CONFIG_IPV6)
	register_inet6addr_notifier(&vrdh_inet6addr_notifier);
#endif
	err = vrctx_watch(&vrdh_watcher);
	if (err)
		goto err_notifier;

	err = vrdh_netlink_init();
	if (err)
		goto err_watch;

	return 0;

err_watch:
	vrctx_unwatch(&vrdh_watcher);
err_notifier:
#if IS_ENABLED(CONFIG_IPV6)
	unregister_inet6addr_notifier(&vrdh_inet6addr_notifier);
#endif
	unregister_netdevice_notifier(&vrdh_netdev_notifier);
err_pernet:
	unregister_pernet_subsys(&vrdh_net_ops);
err_wq:
	destroy_workqueue(vrdh_wq);
	return err;
}
module_init(vrdh_init);

static void __exit vrdh_exit(void)
{
	vrdh_netlink_exit();
	vrdh_unwatch();
#if IS_ENABLED(CONFIG_IPV6)
	unregister_inet6addr_notifier(&vrdh_inet6addr_notifier);
#endif
	/* this tells of each device, and the members let go of theirs */
	unregister_netdevice_notifier(&vrdh_netdev_notifier);
	unregister_pernet_subsys(&vrdh_net_ops);
	/* queues the freeing of addresses */
	rcu_barrier();
	destroy_workqueue(vrdh_wq);
	/* after which port maps may still have some to free */
	rcu_barrier();
}
module_exit(vrdh_exit);

MODULE_DESCRIPTION("Distributed hosts: one IP address on several machines");
MODULE_LICENSE("GPL");
MODULE_ALIAS_GENL_FAMILY(VR_DHOST_FAMILY_NAME);
