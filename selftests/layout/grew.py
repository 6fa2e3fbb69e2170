# SPDX-License-Identifier: GPL-2.0
"""Structures that are larger with contexts: how they are allocated, and why.

Kinds: see stride() in layout.py; None for what is on the stack or part of
another structure.
"""

HEAD = """# What contexts do to the kernel's structures

Made by `scripts/check-layout --write`; do not edit. Debian's configuration of
Linux 6.12 for amd64, before and with `CONFIG_NET_VRCTX=y`. The first four carry
a context and must not grow, neither in bytes nor in cache lines; what packets
meet in them is in the cache line of what packets meet there anyway. The reasons
of the others are in `selftests/layout/grew.py`. *Allocated* is what one of them
takes in its slab cache or from kmalloc(); `-`: on the stack, or part of another.
"""

_SOCK = "begins with `sock_common`"
_SEQ = "of an open file in /proc/net, see `seq_net_private`"
_GEN = ("a membership does not outlive the move of its device: the device's "
        "`vrctx_gen` when it was made")
_KEY = "a context's own: its number"
_IF_ID = "its number, above the interface identifier"

GREW = {
    "__sk_buff": (None, "what programs see of a packet: its context"),
    "bpf_sock": (None, "what programs see of a socket: its context"),
    "fib6_table": ("kmalloc", "of which context the table is, and whether "
                   "that is deleted"),
    "fib_dump_filter": (None, "the number by which a context knows the table"),
    "fib_rule": ("kmalloc", _KEY),
    "fib_rules_ops": ("kmalloc", _KEY),
    "frag_v6_compare_key": (None, "fragments of two contexts are not put "
                            "together; there is room in `inet_frag_queue`"),
    "ifa6_config": (None, "the addresses on lo that a request is about"),
    "in_device": ("kmalloc", "whose addresses on lo these are; count of "
                  "moves; the context's `conf/all`, in one load"),
    "inet6_dev": ("kmalloc", "whose addresses on lo these are; count of "
                  "moves; in the list of its context's devices"),
    "inet_connection_sock": (None, _SOCK),
    "inet_request_sock": (None, _SOCK),
    "inet_sock": (None, _SOCK),
    "inet_timewait_sock": (None, _SOCK),
    "ip6_flowlabel": ("kmalloc", _KEY),
    "ip_mc_socklist": ("kmalloc", _GEN),
    "ipv6_mc_socklist": ("kmalloc", _GEN),
    "ipv6_route_iter": ("kmalloc", _SEQ),
    "km_event": (None, "the context of a flush"),
    "mr_mfc_iter": ("kmalloc", _SEQ),
    "mr_table": ("kmalloc", _KEY),
    "mr_vif_iter": ("kmalloc", _SEQ),
    "neigh_seq_state": ("kmalloc", _SEQ),
    "net": ("cache", "`netns_vrctx`: the contexts of the namespace"),
    "nf_conn": ("cache", "the zone has the context, of each direction; the free "
                "pointer is in the object, the stride stays"),
    "nf_conntrack_expect": ("tight", "the zone has the context"),
    "nf_conntrack_zone": (None, "the context of each direction"),
    "nexthop": ("kmalloc", _KEY),
    "nh_config": (None, "the context that a request is about"),
    "raw6_sock": ("cache", _SOCK),
    "raw_iter_state": ("kmalloc", _SEQ),
    "raw_sock": ("cache", _SOCK),
    "request_sock": (None, _SOCK),
    "rt6_rtnl_dump_arg": (None, "has a `fib_dump_filter`"),
    "sctp6_sock": ("cache", _SOCK),
    "sctp_bind_bucket": ("cache", "a context's ports: its number"),
    "sctp_sock": ("cache", _SOCK),
    "sctp_sockaddr_entry": ("kmalloc", "of which device the address is, and in "
                            "which context"),
    "seq_net_private": ("kmalloc", "the context of who opened the file"),
    "sock": (None, _SOCK),
    "sock_common": (None, "the socket's context, looked at with "
                    "`skc_bound_dev_if`; there is no hole"),
    "tcp6_request_sock": ("rcu_tight", _SOCK),
    "tcp6_timewait_sock": ("rcu_tight", _SOCK),
    "tcp_iter_state": ("kmalloc", _SEQ),
    "tcp_request_sock": ("rcu_tight", _SOCK),
    "tcp_timewait_sock": ("rcu_tight", _SOCK),
    "udp_iter_state": ("kmalloc", _SEQ),
    "udp_port_cfg": (None, "the context of a tunnel's socket"),
    "xfrm_policy": ("kmalloc", _IF_ID),
    "xfrm_state": ("cache", _IF_ID),
}
