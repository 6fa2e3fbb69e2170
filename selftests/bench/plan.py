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
    "many_rr": ("many_rr.insn", "many_rr.chain", "many_rr.longest"),
    "create": ("create.insn", "delete.insn", "create.bytes"),
    "used": ("used_delete.insn", "used.bytes"),
    "batch": ("create_100000.ms", "dump_100000.ms", "delete_1000.ms",
              "batch_left.bytes"),
    "if_join": ("if_join.insn",),
    "if_add": ("if_add.insn",),
    "flap": ("flap.insn",),
    "listen_all": ("listen_all.insn", "listen_all.bytes"),
    "handover": ("handover.insn_per_packet",),
    "handover6": ("handover6.insn_per_packet",),
    "beside": ("beside.insn",),
    "esp4": ("esp4.insn_per_packet",),
    # By a guest program and a plugin of their own, see there
    "lines": ("flow.lines",),
    "sharing": ("shared.lines", "shared_one.lines"),
    "port_map": ("port_map.bytes", "handover_full.insn_per_packet"),
}
# By the clock, all modes in one guest: group, figures.
WALL = "wall"
WALL_FIGURES = ("fwd4.wall", "udp_rr.wall", "tcp_crr.wall")
TITLES = {
    "fwd4.insn_per_packet": "forward one IPv4 packet",
    "fwd6.insn_per_packet": "forward one IPv6 packet",
    "udp_rr.insn": "UDP request and answer",
    "udp_rr6.insn": "UDP request and answer over IPv6",
    "tcp_crr.insn": "TCP connect, a byte each way, close",
    "tcp_stream.insn_per_kb": "TCP stream, per kilobyte",
    "many_rr.insn": "TCP request and answer while n others are connected",
    "many_rr.chain": "chain that one of those sockets is in, mean length",
    "many_rr.longest": "the longest chain of those sockets",
    "create.insn": "create one",
    "delete.insn": "delete one",
    "create.bytes": "memory of one",
    "used_delete.insn": "delete one that has a route",
    "used.bytes": "memory of one that has a route",
    "create_100000.ms": "create 100,000 in one batch",
    "dump_100000.ms": "list 100,000",
    "delete_1000.ms": "delete 1,000 in one batch",
    "batch_left.bytes": "memory not back after that, per context",
    "if_join.insn": "put an interface that is down, without addresses, into one",
    "if_add.insn": "put an interface with an address into one",
    "flap.insn": "interface down and up",
    "listen_all.insn": "listen on one TCP port in each, per socket",
    "listen_all.bytes": "memory of that, per socket",
    "handover.insn_per_packet": "hand one packet over to another node",
    "handover6.insn_per_packet": "hand one IPv6 packet over",
    "handover_full.insn_per_packet":
        "hand one packet over while the port maps have a million ports",
    "port_map.bytes": "memory of one of these",
    "beside.insn":
        "UDP request and answer while another address is distributed",
    "esp4.insn_per_packet":
        "forward one IPv4 packet into an IPsec tunnel (null cipher)",
    "flow.lines": "cache lines of data that a packet of a further flow in "
        "a further one touches, with its two devices",
    "shared.lines": "cache lines that packets of two flows, each in one of its "
        "own and on a CPU of its own, share and write",
    "shared_one.lines": "the same of two flows in the same one",
    "fwd4.wall": "forward one IPv4 packet, by the clock",
    "udp_rr.wall": "UDP request and answer, by the clock",
    "tcp_crr.wall": "TCP connect, a byte each way, close, by the clock",
}
# In the modes *-sameport each of the n others has a socket on the server's
# port; what each mode is without that is its first part.
MODES = ("plain-unpatched", "plain", "ctx", "ctx-sameport", "vrf",
         "vrf-sameport", "netns", "netns-sameport", "rule", "ipvs-dr")
# IPv6 last: the others are measured without IPv6 addresses.
DATA = ("fwd4", "udp_rr", "tcp_crr", "tcp_stream", "fwd6", "udp_rr6")
CONTROL = ("flap", "if_join", "if_add", "create", "used")
SAMEPORT = ("udp_rr", "tcp_crr")
LARGE = (10000, 100000)
LINES = ("plain", "ctx", "vrf", "netns")


def quick():
    """Jobs as (mode, n, groups)."""
    return [(mode, 0, ("fwd4", "udp_rr", "fwd6", "udp_rr6"))
            for mode in ("plain-unpatched", "plain", "ctx", "vrf", "netns")] \
        + [(mode, 0, ("handover",)) for mode in ("plain", "ipvs-dr")]


def full():
    """Each job is one guest; what disturbs the others comes last in it."""
    jobs = []
    for mode in MODES:
        if mode == "ipvs-dr":
            jobs.append((mode, 0, ("handover",)))
            continue
        if mode.endswith("-sameport"):
            jobs += [(mode, n, SAMEPORT) for n in (100, 1000)]
            continue
        for n in (0,) if mode == "plain-unpatched" else (0, 100, 1000):
            jobs.append((mode, n, DATA))
            few = ("flap", "if_add") if mode.startswith("plain") else CONTROL
            last = ("listen_all",) if n and mode in (
                "ctx", "vrf", "netns") else ()
            jobs.append((mode, n, few + last))
    jobs.append(("ctx-sameport", 10000, SAMEPORT))
    for n in LARGE:
        jobs.append(("ctx", n, DATA))
        jobs.append(("ctx", n, CONTROL + ("listen_all",)))
    jobs += [(mode, 0, ("esp4",)) for mode in ("plain-unpatched", *LINES)]
    jobs += [(mode, 1000, ("esp4",)) for mode in ("ctx", "netns")]
    jobs += [(mode, 0, ("lines",)) for mode in LINES]
    jobs += [(mode, 0, ("sharing",)) for mode in ("plain-unpatched", *LINES)]
    jobs.append(("ctx", 0, ("batch",)))
    for mode in ("plain", "ctx"):
        jobs += [(mode, n, ("many_rr",)) for n in (0, 10000, 100000)]
        jobs.append((mode, 0, ("handover", "beside", "handover6", "port_map")))
    return jobs


# A bar is (figure, mode, n, what it is compared with, the most that it may
# be). Compared with (mode, n), or (mode, n) of another figure: percent more
# than that, or so many more. With None: a value.
BY_DIFFERENCE = ("flow.lines",)
UNPATCHED = ("plain-unpatched", 0)
BARS = (
    ("fwd4.insn_per_packet", "ctx", 0, UNPATCHED, 1.0),
    ("fwd6.insn_per_packet", "ctx", 0, UNPATCHED, 1.0),
    ("fwd4.insn_per_packet", "ctx", 100000, UNPATCHED, 2.0),
    ("fwd6.insn_per_packet", "ctx", 100000, UNPATCHED, 2.0),
    ("fwd4.insn_per_packet", "plain", 0, UNPATCHED, 0.3),
    ("udp_rr.insn", "plain", 0, UNPATCHED, 0.3),
    *((figure, "ctx", n, UNPATCHED, most)
      for figure in ("udp_rr.insn", "tcp_crr.insn", "tcp_stream.insn_per_kb")
      for n, most in ((0, 1.0), (100000, 2.0))),
    # Of up to 1,000 each has a device, with the addresses of all others
    *((figure, "ctx", n, UNPATCHED, 2.0) for figure in (
        "fwd4.insn_per_packet", "fwd6.insn_per_packet", "udp_rr.insn",
        "udp_rr6.insn", "tcp_crr.insn", "tcp_stream.insn_per_kb")
      for n in (100, 1000)),
    # a policy, a state, a second route, and what leads to them by the context
    ("esp4.insn_per_packet", "plain", 0, UNPATCHED, 1.0),
    ("esp4.insn_per_packet", "ctx", 0, UNPATCHED, 2.5),
    ("esp4.insn_per_packet", "ctx", 1000, UNPATCHED, 4.0),
    ("udp_rr.insn", "ctx-sameport", 10000, ("ctx", 0), 2.0),
    ("tcp_crr.insn", "ctx-sameport", 10000, ("ctx", 0), 2.0),
    ("many_rr.insn", "ctx", 100000, ("plain", 100000), 2.0),
    ("many_rr.chain", "ctx", 100000, ("plain", 100000), 2.0),
    ("create.insn", "ctx", 0, None, 6000),
    ("delete.insn", "ctx", 0, None, 8000),
    ("create.insn", "ctx", 100000, None, 6600),
    ("delete.insn", "ctx", 100000, None, 8800),
    ("create.bytes", "ctx", 100000, None, 512),
    ("create_100000.ms", "ctx", 0, None, 2000),
    ("delete_1000.ms", "ctx", 0, None, 20),
    ("if_join.insn", "ctx", 0, None, 6000),
    ("if_join.insn", "ctx", 100000, None, 6600),
    ("flap.insn", "ctx", 10000, UNPATCHED, 10.0),
    ("listen_all.insn", "ctx", 10000, None, 8000),
    ("handover.insn_per_packet", "plain", 0, ("ipvs-dr", 0), -30.0),
    ("handover.insn_per_packet", "ctx", 0,
     ("plain", 0, "fwd4.insn_per_packet"), 30.0),
    ("handover6.insn_per_packet", "ctx", 0,
     ("plain", 0, "fwd6.insn_per_packet"), 30.0),
    ("handover_full.insn_per_packet", "ctx", 0,
     ("ctx", 0, "handover.insn_per_packet"), 10.0),
    ("port_map.bytes", "plain", 0, None, 96),
    ("flow.lines", "ctx", 0, ("plain", 0), 2.0),
    ("shared.lines", "ctx", 0, None, 0),
    ("shared_one.lines", "ctx", 0, None, 0),
    ("beside.insn", "plain", 0, ("plain", 0, "udp_rr.insn"), 0.5),
)
# Two runs of the same guest may differ by this much, in percent; more where
# work that the kernel puts off is in the figure, or what a page holds.
REPEAT = {"delete.insn": 5, "used_delete.insn": 15, "if_add.insn": 2,
          "if_join.insn": 2, "flap.insn": 2, "create.bytes": 4,
          "used.bytes": 4,
          "esp4.insn_per_packet": 2, "listen_all.bytes": 2, "create_100000.ms": 5,
          "dump_100000.ms": 5, "delete_1000.ms": 20, "batch_left.bytes": 100,
          "flow.lines": 1, "many_rr.chain": 1, "many_rr.longest": 50}
REPEAT_DEFAULT = 0.3
