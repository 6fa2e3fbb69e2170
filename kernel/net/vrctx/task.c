// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: tasks.
 *
 * A task's context is a number in the network namespace of its nsproxy. Both
 * change under alloc_lock, so whoever wants to know them together takes it.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/kstrtox.h>
#include <linux/nsproxy.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "ctx.h"

#include <trace/events/vrctx.h>

/* Context of @task, and its namespace if it has one still (to be put) */
static u32 vrctx_task_get(struct task_struct *task, struct net **net)
{
	u32 id;

	task_lock(task);
	*net = task->nsproxy ? get_net(task->nsproxy->net_ns) : NULL;
	id = task->vrctx;
	task_unlock(task);

	return id;
}

/* @child, which nobody sees yet, was copied from @parent, which another task
 * may have moved since.
 */
void __vrctx_task_fork(struct task_struct *parent, struct task_struct *child)
{
	struct net *net = child->nsproxy->net_ns;
	u32 id = 0;

	task_lock(parent);
	if (parent->nsproxy->net_ns == net)
		id = parent->vrctx;
	child->vrctx = id;
	if (id)
		vrctx_get_user(vrctx_carried(net, id), VRCTX_TASK);
	task_unlock(parent);
}

void __vrctx_task_leave(struct task_struct *task, struct net *net)
{
	u32 id = task->vrctx;

	lockdep_assert_held(&task->alloc_lock);

	WRITE_ONCE(task->vrctx, 0);
	vrctx_put_user(vrctx_carried(net, id), VRCTX_TASK);
	trace_vrctx_task_move(task, id, 0);
}

/**
 * vrctx_ptrace_ok - may current control @task as far as contexts go?
 * @task: task, its alloc_lock is held
 *
 * Who controls a task has the use of its sockets, and can make it open others.
 *
 * Return: true if the two are in the same context of the same namespace, or
 *	   current could move itself there. Of another namespace, where the
 *	   numbers mean nothing, if neither knows contexts.
 */
bool vrctx_ptrace_ok(struct task_struct *task)
{
	const struct nsproxy *ns = task->nsproxy;
	u32 own;

	lockdep_assert_held(&task->alloc_lock);

	if (!vrctx_active())
		return true;
	own = READ_ONCE(current->vrctx);
	/* it exits, and has neither memory nor descriptors any more */
	if (!ns)
		return !task->vrctx && !own;
	if (ns->net_ns != current->nsproxy->net_ns)
		return (!own && xa_empty(&ns->net_ns->vrctx.xa)) ||
		       ns_capable(ns->net_ns->user_ns, CAP_NET_ADMIN);

	return likely(task->vrctx == own) ||
	       ns_capable(ns->net_ns->user_ns, CAP_NET_ADMIN);
}

/* A task that enters @net is in context 0 there */
bool vrctx_netns_enter_ok(const struct net *net)
{
	return likely(xa_empty(&net->vrctx.xa)) ||
	       ns_capable(net->user_ns, CAP_NET_ADMIN);
}

/* Its number tells for its own namespace. It may have left another one, for
 * context 0 of one that it made, but not a context there; who could go back by
 * setns() is where that would lead.
 */
u32 __vrctx_view_of(const struct net *net)
{
	const struct nsproxy *ns = current->nsproxy;

	if (likely(ns && net_eq(net, ns->net_ns)))
		return task_vrctx(current);

	return xa_empty(&net->vrctx.xa) ||
	       ns_capable_noaudit(net->user_ns, CAP_NET_ADMIN) ? 0 :
	       VRCTX_NOBODY;
}
EXPORT_SYMBOL_GPL(__vrctx_view_of);

/* May current read about context @id of @net? */
bool vrctx_may_see(const struct net *net, u32 id)
{
	return vrctx_seen(id, vrctx_view_of(net)) ||
	       ns_capable_noaudit(net->user_ns, CAP_NET_ADMIN);
}

int vrctx_task_show(struct seq_file *m, struct task_struct *task)
{
	const char *name = NULL;
	struct vrctx *ctx;
	struct net *net;
	u32 id;

	id = vrctx_task_get(task, &net);
	if (!net)
		return -ESRCH;
	if (!same_thread_group(task, current) && !vrctx_may_see(net, id)) {
		put_net(net);
		return -EPERM;
	}

	if (!id) {
		seq_puts(m, "0 " VRCTX_NAME_0 "\n");
	} else {
		rcu_read_lock();
		ctx = vrctx_find(net, id);
		if (ctx)
			name = vrctx_name(ctx);
		seq_printf(m, "%u %s\n", id, name ? : VRCTX_NAME_NONE);
		rcu_read_unlock();
	}
	put_net(net);

	return 0;
}

/* Number of the live context that @str names */
static int vrctx_parse(const struct net *net, const char *str, u32 *id)
{
	const struct vrctx *ctx;
	int err;

	if (str[strspn(str, "0123456789")] == '\0') {
		if (kstrtou32(str, 10, id) || *id > VRCTX_ID_MAX)
			return -EINVAL;
		return 0;
	}

	if (!strcmp(str, VRCTX_NAME_0)) {
		*id = 0;
		return 0;
	}

	err = vrctx_check_name(str, NULL);
	if (err)
		return err;

	rcu_read_lock();
	ctx = vrctx_find_name(net, str);
	if (ctx)
		*id = ctx->id;
	rcu_read_unlock();

	return ctx ? 0 : -ENOENT;
}

/* Move @task, which is in @net, to context @id */
static int vrctx_task_set(struct task_struct *task, struct net *net, u32 id)
{
	struct vrctx *put = NULL;
	int err = 0;
	u32 old;

	if (id) {
		put = vrctx_get_id(net, id, VRCTX_TASK);
		if (IS_ERR(put))
			return PTR_ERR(put);
	}

	task_lock(task);
	old = task->vrctx;
	if (!task->nsproxy || task->nsproxy->net_ns != net) {
		err = -ESRCH;
	} else if (task->flags & PF_KTHREAD) {
		err = -EINVAL;
#ifdef CONFIG_IO_URING
	} else if (task->io_uring || task->flags & PF_IO_WORKER) {
		/* its workers open sockets too, and have their own numbers */
		err = -EBUSY;
#endif
	} else {
		WRITE_ONCE(task->vrctx, id);
		put = old ? vrctx_carried(net, old) : NULL;
	}
	task_unlock(task);

	if (put)
		vrctx_put_user(put, VRCTX_TASK);
	if (!err)
		trace_vrctx_task_move(task, old, id);

	return err;
}

/**
 * vrctx_task_write - write to /proc/<pid>/vrctx
 * @task: the file's task
 * @file: the file
 * @buf: number or name, maybe with a newline
 * @count: its length
 *
 * Return: @count or a negative errno.
 */
ssize_t vrctx_task_write(struct task_struct *task, const struct file *file,
			 const char __user *buf, size_t count)
{
	char str[VRCTX_NAME_MAX + 2];	/* newline, NUL */
	size_t len = count;
	struct net *net;
	u32 id;
	int err;

	if (!count)
		return 0;

	vrctx_task_get(task, &net);
	if (!net)
		return -ESRCH;

	/* A program must not be tricked into writing to a descriptor that it
	 * was given, nor one be kept to be used without the capability.
	 */
	err = -EPERM;
	if (!file_ns_capable(file, net->user_ns, CAP_NET_ADMIN) ||
	    !ns_capable(net->user_ns, CAP_NET_ADMIN))
		goto out;
	if (task != current &&
	    !ptrace_may_access(task, PTRACE_MODE_ATTACH_REALCREDS))
		goto out;

	err = -EINVAL;
	if (count >= sizeof(str))
		goto out;
	if (copy_from_user(str, buf, count)) {
		err = -EFAULT;
		goto out;
	}
	str[count] = '\0';
	if (strlen(str) != count)
		goto out;
	if (str[len - 1] == '\n')
		str[--len] = '\0';
	if (!len || len > VRCTX_NAME_MAX)
		goto out;

	err = vrctx_parse(net, str, &id);
	if (!err)
		err = vrctx_task_set(task, net, id);
out:
	put_net(net);

	return err ? : count;
}
