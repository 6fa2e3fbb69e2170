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
    "many_rr": ("many_rr.insn",),
    "create": ("create.insn", "delete.insn", "create.bytes"),
    "used": ("used_delete.insn", "used.bytes"),
    "batch": ("create_100000.ms", "dump_100000.ms", "delete_1000.ms",
              "batch_left.bytes"),
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
    "many_rr.insn": "TCP request and answer while n others are connected",
    "create.insn": "create one",
    "delete.insn": "delete one",
    "create.bytes": "memory of one",
    "used_delete.insn": "delete one that has a route",
    "used.bytes": "memory of one that has a route",
    "create_100000.ms": "create 100,000 in one batch",
    "dump_100000.ms": "list 100,000",
    "delete_1000.ms": "delete 1,000 in one batch",
    "batch_left.bytes": "memory not back after that, per context",
    "if_add.insn": "put an interface with an address into one",
    "flap.insn": "interface down and up",
    "listen_all.insn": "listen on one TCP port in each, per socket",
    "listen_all.bytes": "memory of that, per socket",
}
# In the modes *-sameport each of the n others has a socket on the server's
# port; what each mode is without that is its first part.
MODES = ("plain-unpatched", "plain", "ctx", "ctx-sameport", "vrf",
         "vrf-sameport", "netns", "netns-sameport", "rule")
# IPv6 last: the others are measured without IPv6 addresses.
DATA = ("fwd4", "udp_rr", "tcp_crr", "tcp_stream", "fwd6", "udp_rr6")
CONTROL = ("flap", "if_add", "create", "used")
SAMEPORT = ("udp_rr", "tcp_crr")
LARGE = (10000, 100000)


def quick():
    """Jobs as (mode, n, groups)."""
    return [(mode, 0, ("fwd4", "udp_rr", "fwd6", "udp_rr6"))
            for mode in ("plain-unpatched", "plain", "ctx", "vrf", "netns")]


def full():
    """Each job is one guest; what disturbs the others comes last in it."""
    jobs = []
    for mode in MODES:
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
    jobs.append(("ctx", 0, ("batch",)))
    for mode in ("plain", "ctx"):
        jobs += [(mode, n, ("many_rr",)) for n in (0, 10000, 100000)]
    return jobs


# A bar is (figure, mode, n, what it is compared with, the most that it may
# be). Compared with (mode, n): percent more than that. With None: a value.
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
    ("udp_rr.insn", "ctx-sameport", 10000, ("ctx", 0), 2.0),
    ("tcp_crr.insn", "ctx-sameport", 10000, ("ctx", 0), 2.0),
    ("many_rr.insn", "ctx", 100000, ("plain", 100000), 2.0),
    ("create.insn", "ctx", 0, None, 6000),
    ("delete.insn", "ctx", 0, None, 8000),
    ("create.insn", "ctx", 100000, None, 6600),
    ("delete.insn", "ctx", 100000, None, 8800),
    ("create.bytes", "ctx", 100000, None, 512),
    ("create_100000.ms", "ctx", 0, None, 2000),
    ("delete_1000.ms", "ctx", 0, None, 20),
    ("flap.insn", "ctx", 10000, UNPATCHED, 10.0),
    ("listen_all.insn", "ctx", 10000, None, 8000),
)
# Two runs of the same guest may differ by this much, in percent; more where
# work that the kernel puts off is in the figure, or what a page holds.
REPEAT = {"delete.insn": 5, "used_delete.insn": 5, "create.bytes": 2,
          "used.bytes": 2, "listen_all.bytes": 2, "create_100000.ms": 5,
          "dump_100000.ms": 5, "delete_1000.ms": 20, "batch_left.bytes": 100}
REPEAT_DEFAULT = 0.3
