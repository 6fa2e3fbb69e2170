// SPDX-License-Identifier: GPL-2.0
/*
 * A race on purpose: scripts/check-kcsan has to be told of it.
 */

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>

static long probe_shared;

static int probe_run(void *unused)
{
	while (!kthread_should_stop()) {
		probe_shared++;
		cond_resched();
	}

	return 0;
}

static int __init probe_init(void)
{
	struct task_struct *one, *other;

	one = kthread_run(probe_run, NULL, "probe0");
	if (IS_ERR(one))
		return PTR_ERR(one);
	other = kthread_run(probe_run, NULL, "probe1");
	msleep(3000);
	kthread_stop(one);
	if (IS_ERR(other))
		return PTR_ERR(other);
	kthread_stop(other);

	/* it has done what it is for */
	return -EAGAIN;
}
module_init(probe_init);

MODULE_DESCRIPTION("A race on purpose");
MODULE_LICENSE("GPL");
