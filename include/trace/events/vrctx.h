/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vrctx

#if !defined(_TRACE_VRCTX_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_VRCTX_H

#include <linux/netdevice.h>
#include <linux/sched.h>
#include <linux/skbuff.h>
#include <linux/tracepoint.h>
#include <net/net_namespace.h>

struct vrctx;

DECLARE_EVENT_CLASS(vrctx_object,

	TP_PROTO(const struct vrctx *ctx),

	TP_ARGS(ctx),

	TP_STRUCT__entry(
		__field(u32, id)
		__field(u64, net_cookie)
		__field(u32, devices)
		__field(u32, sockets)
		__field(u32, tasks)
	),

	TP_fast_assign(
		__entry->id = ctx->id;
		__entry->net_cookie = ctx->net->net_cookie;
		__entry->devices = ctx->ndev;
		__entry->sockets = atomic_read(&ctx->socks);
		__entry->tasks = atomic_read(&ctx->tasks);
	),

	TP_printk("vrctx=%u net_cookie=%llu devices=%u sockets=%u tasks=%u",
		  __entry->id, __entry->net_cookie, __entry->devices,
		  __entry->sockets, __entry->tasks)
);

/* a context was created */
DEFINE_EVENT(vrctx_object, vrctx_new,
	TP_PROTO(const struct vrctx *ctx),
	TP_ARGS(ctx));

/* a context was deleted; something may still carry its number */
DEFINE_EVENT(vrctx_object, vrctx_del,
	TP_PROTO(const struct vrctx *ctx),
	TP_ARGS(ctx));

/* nothing does any more, the number is free */
DEFINE_EVENT(vrctx_object, vrctx_free,
	TP_PROTO(const struct vrctx *ctx),
	TP_ARGS(ctx));

TRACE_EVENT(vrctx_dev_move,

	TP_PROTO(const struct net_device *dev, u32 from, u32 to),

	TP_ARGS(dev, from, to),

	TP_STRUCT__entry(
		__string(name, dev->name)
		__field(int, ifindex)
		__field(u64, net_cookie)
		__field(u32, from)
		__field(u32, to)
	),

	TP_fast_assign(
		__assign_str(name);
		__entry->ifindex = dev->ifindex;
		__entry->net_cookie = dev_net(dev)->net_cookie;
		__entry->from = from;
		__entry->to = to;
	),

	TP_printk("dev=%s ifindex=%d net_cookie=%llu from=%u to=%u",
		  __get_str(name), __entry->ifindex, __entry->net_cookie,
		  __entry->from, __entry->to)
);

TRACE_EVENT(vrctx_task_move,

	TP_PROTO(const struct task_struct *task, u32 from, u32 to),

	TP_ARGS(task, from, to),

	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(u32, from)
		__field(u32, to)
	),

	TP_fast_assign(
		__entry->pid = task->pid;
		__entry->from = from;
		__entry->to = to;
	),

	TP_printk("pid=%d from=%u to=%u",
		  __entry->pid, __entry->from, __entry->to)
);

/* a packet was dropped on its way into another context */
TRACE_EVENT(vrctx_wrong,

	TP_PROTO(const struct sk_buff *skb, const struct net_device *dev),

	TP_ARGS(skb, dev),

	TP_STRUCT__entry(
		__field(const void *, skbaddr)
		__field(u32, vrctx)
		__string(name, dev->name)
		__field(u32, dev_vrctx)
	),

	TP_fast_assign(
		__entry->skbaddr = skb;
		__entry->vrctx = skb->vrctx;
		__assign_str(name);
		__entry->dev_vrctx = dev->vrctx;
	),

	TP_printk("skbaddr=%p vrctx=%u dev=%s dev_vrctx=%u",
		  __entry->skbaddr, __entry->vrctx, __get_str(name),
		  __entry->dev_vrctx)
);

#endif /* _TRACE_VRCTX_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
