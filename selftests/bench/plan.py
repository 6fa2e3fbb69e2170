# SPDX-License-Identifier: GPL-2.0
"""What is measured: figures, modes, sizes, and the bars they must clear."""

# Figures that one call of the guest program gives, and its name for them.
GROUPS = {
    "fwd4": ("fwd4.insn_per_packet",),
    "fwd6": ("fwd6.insn_per_packet",),
    "udp_rr": ("udp_rr.insn",),
    "udp_rr6": ("udp_rr6.insn",),
    "tcp_crr": ("tcp_crr.insn",),
    "tcp_stream": ("tcp_stream.insn_per_kb",),
    "create": ("create.insn", "delete.insn", "create.bytes"),
    "if_add": ("if_add.insn",),
    "flap": ("flap.insn",),
    "listen_all": ("listen_all.insn", "listen_all.bytes"),
}
TITLES = {
    "fwd4.insn_per_packet": "forward one IPv4 packet",
    "fwd6.insn_per_packet": "forward one IPv6 packet",
    "udp_rr.insn": "UDP request and answer",
    "udp_rr6.insn": "UDP request and answer over IPv6",
    "tcp_crr.insn": "TCP connect, a byte each way, close",
    "tcp_stream.insn_per_kb": "TCP stream, per kilobyte",
    "create.insn": "create one",
    "delete.insn": "delete one that has a route",
    "create.bytes": "memory of one that has a route",
    "if_add.insn": "put an interface with an address into one",
    "flap.insn": "interface down and up",
    "listen_all.insn": "listen on one TCP port in each, per socket",
    "listen_all.bytes": "memory of that, per socket",
}
MODES = ("plain-unpatched", "plain", "ctx", "vrf", "netns", "rule")
# IPv6 last: the others are measured without IPv6 addresses.
DATA = ("fwd4", "udp_rr", "tcp_crr", "tcp_stream", "fwd6", "udp_rr6")
CONTROL = ("flap", "if_add", "create")


def quick():
    """Jobs as (mode, n, groups)."""
    return [(mode, 0, ("fwd4", "udp_rr", "fwd6", "udp_rr6"))
            for mode in MODES[:5]]


def full():
    """Each job is one guest; what disturbs the others comes last in it."""
    jobs = []
    for mode in MODES:
        for n in (0,) if mode == "plain-unpatched" else (0, 100, 1000):
            jobs.append((mode, n, DATA))
            few = ("flap", "if_add") if mode.startswith("plain") else CONTROL
            last = ("listen_all",) if n and mode in (
                "ctx", "vrf", "netns") else ()
            jobs.append((mode, n, few + last))
    for n in (10000, 100000):
        jobs.append(("ctx", n, DATA))
        jobs.append(("ctx", n, CONTROL + ("listen_all",)))
    return jobs


# (figure, mode, compared with, at most this much more, in percent), n = 0.
BARS = tuple((figure, *bar) for figure in (
    "fwd4.insn_per_packet", "fwd6.insn_per_packet",
    "udp_rr.insn", "udp_rr6.insn",
) for bar in (("plain", "plain-unpatched", 0.5), ("ctx", "plain", 2.0)))
# Two runs of the same guest may differ by this much, in percent; more where
# work that the kernel puts off is in the figure, or what a page holds.
REPEAT = {"delete.insn": 5, "create.bytes": 2, "listen_all.bytes": 2}
REPEAT_DEFAULT = 0.3
