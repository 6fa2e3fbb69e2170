/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vr_dhost

#if !defined(_TRACE_VR_DHOST_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_VR_DHOST_H

#include <linux/skbuff.h>
#include <linux/tracepoint.h>
#include <net/net_namespace.h>

struct vrdh_host;

/* an address became a distributed one, changed its lead, or is one no more */
TRACE_EVENT(vr_dhost_host,

	TP_PROTO(const struct net *net, const struct vrdh_host *host,
		 const char *what),

	TP_ARGS(net, host, what),

	TP_STRUCT__entry(
		__string(what, what)
		__field(u64, net_cookie)
		__array(__u8, addr, 16)
		__field(u32, vrctx)
		__field(u32, own)
		__field(u32, lead)
		__field(u64, epoch)
	),

	TP_fast_assign(
		__assign_str(what);
		__entry->net_cookie = net->net_cookie;
		memcpy(__entry->addr, &host->key.addr, 16);
		__entry->vrctx = host->key.ctx;
		__entry->own = host->own;
		__entry->lead = host->lead;
		__entry->epoch = host->epoch;
	),

	TP_printk("%s addr=%pI6c vrctx=%u own=%u lead=%u epoch=%llu net_cookie=%llu",
		  __get_str(what), __entry->addr, __entry->vrctx,
		  __entry->own, __entry->lead, __entry->epoch,
		  __entry->net_cookie)
);

/* a packet to a distributed address; whose is 0: nobody's, 0xfffffffe: of some
 * node, 0xffffffff: for all
 */
TRACE_EVENT(vr_dhost_packet,

	TP_PROTO(const struct net *net, const struct vrdh_host *host,
		 const struct sk_buff *skb, u32 whose, bool member),

	TP_ARGS(net, host, skb, whose, member),

	TP_STRUCT__entry(
		__field(const void *, skbaddr)
		__field(u64, net_cookie)
		__array(__u8, addr, 16)
		__field(u32, vrctx)
		__field(u32, own)
		__field(u32, lead)
		__field(u32, whose)
		__field(bool, member)
	),

	TP_fast_assign(
		__entry->skbaddr = skb;
		__entry->net_cookie = net->net_cookie;
		memcpy(__entry->addr, &host->key.addr, 16);
		__entry->vrctx = host->key.ctx;
		__entry->own = host->own;
		__entry->lead = host->lead;
		__entry->whose = whose;
		__entry->member = member;
	),

	TP_printk("skbaddr=%p addr=%pI6c vrctx=%u own=%u lead=%u whose=%u member=%d net_cookie=%llu",
		  __entry->skbaddr, __entry->addr, __entry->vrctx,
		  __entry->own, __entry->lead, __entry->whose,
		  __entry->member, __entry->net_cookie)
);

#endif /* _TRACE_VR_DHOST_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
