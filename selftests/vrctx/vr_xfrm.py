# SPDX-License-Identifier: GPL-2.0
"""IPsec: policies and states of a context, packets that went through them.

The states of these tests use the null cipher and no authentication unless a
key is given: a wire can make such packets, and look into them.
"""
import contextlib
import struct

from vr_fam import AF, BITS, ip, packed
from vr_net import HIP, RIP, inside, unblocked
from vr_nl import NLM_F_DUMP, SOL_NETLINK, Netlink, attr, parse

NETLINK_XFRM = 6
(NEWSA, DELSA, GETSA, NEWPOLICY, DELPOLICY, GETPOLICY, ALLOCSPI, ACQUIRE, EXPIRE,
 UPDPOLICY, UPDSA, POLEXPIRE, FLUSHSA, FLUSHPOLICY, NEWAE, GETAE, REPORT,
 MIGRATE, NEWSADINFO, GETSADINFO, NEWSPDINFO, GETSPDINFO, MAPPING, SETDEFAULT,
 GETDEFAULT) = range(0x10, 0x29)
GROUPS = {name: num for num, name in enumerate(
    ("ACQUIRE", "EXPIRE", "SA", "POLICY", "AEVENTS", "REPORT", "MIGRATE",
     "MAPPING"), 1)}
A_AUTH, A_CRYPT, A_COMP, A_ENCAP, A_TMPL = range(1, 6)
A_SRCADDR, A_MIGRATE, A_OFFLOAD, A_IF_ID = 13, 17, 28, 31
IN, OUT, FWD = 0, 1, 2
ALLOW, BLOCK = 0, 1
TRANSPORT, TUNNEL = 0, 1
ESP, AH, COMP = 50, 51, 108
FOREVER = b"\xff" * 32 + bytes(32)
CFG, CUR = 64, 32                   # sizes of limits and of what was used
NETLINK_ADD_MEMBERSHIP = 1


def addr(text):
    """xfrm_address_t"""
    return packed(ip(text)).ljust(16, b"\0")


def selector(src=RIP, dst=HIP, proto=0, bits=BITS):
    """struct xfrm_selector: two addresses, or networks of @bits."""
    return addr(dst) + addr(src) + bytes(8) + struct.pack(
        "=HBBB3xII", AF, bits, bits, proto, 0, 0)


def state_id(dst, spi, proto=ESP):
    """struct xfrm_usersa_id"""
    return addr(dst) + struct.pack("!I", spi) + struct.pack("=HBx", AF, proto)


def algorithm(name, key=b""):
    return name.encode().ljust(64, b"\0") + struct.pack("=I", 8 * len(key)) + key


def state(spi, src=RIP, dst=HIP, proto=ESP, mode=TRANSPORT, reqid=7, key=None,
          sel=None, seq=0, more=b""):
    """struct xfrm_usersa_info and attributes, for NEWSA."""
    body = (sel or bytes(56)) + addr(dst) + struct.pack("!IB3x", spi, proto)
    body += addr(src) + FOREVER + bytes(CUR) + bytes(12)
    body += struct.pack("=IIHBBB", seq, reqid, AF, mode, 0, 0)
    body = body.ljust(224, b"\0")
    if proto == ESP:
        body += attr(A_CRYPT, algorithm("ecb(cipher_null)") if key is None else
                     algorithm("cbc(aes)", key[:16]))
    if proto == AH or key is not None and proto == ESP:
        body += attr(A_AUTH, algorithm("hmac(sha1)", (key or b"k" * 20)[:20]))
    if proto == COMP:
        body += attr(A_COMP, algorithm("deflate"))
    return body + more


def template(src=RIP, dst=HIP, proto=ESP, mode=TRANSPORT, reqid=7, spi=0):
    """struct xfrm_user_tmpl"""
    return addr(dst) + struct.pack("!IB3x", spi, proto) + struct.pack(
        "=H2x", AF) + addr(src) + struct.pack("=IBBBxIII", reqid, mode, 0, 0,
                                              *[0xffffffff] * 3)


def policy(way, sel, *templates, action=ALLOW, prio=0, index=0, more=b""):
    """struct xfrm_userpolicy_info and attributes, for NEWPOLICY."""
    body = sel + FOREVER + bytes(CUR) + struct.pack(
        "=IIBBBB", prio, index, way, action, 0, 0)
    body = body.ljust(168, b"\0")
    if templates:
        body += attr(A_TMPL, b"".join(templates))
    return body + more


def policy_id(way, sel, index=0):
    """struct xfrm_userpolicy_id"""
    return sel + struct.pack("=IB3x", index, way)


class Xfrm(Netlink):
    """What the network of a context, or that of the caller, has."""

    def __init__(self, ctx=None, groups=()):
        if ctx is None:
            super().__init__(NETLINK_XFRM)
        else:
            with inside(ctx):
                super().__init__(NETLINK_XFRM)
        for name in groups:
            self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
                                 GROUPS[name])

    def ask(self, kind, body):
        return self.request(kind, 0, body)

    def add(self, *argv, **kwargs):
        self.ask(NEWSA, state(*argv, **kwargs))

    def policy(self, *argv, **kwargs):
        self.ask(NEWPOLICY, policy(*argv, **kwargs))

    def pair(self, near=RIP, far=HIP, spi=0x200, sel=None, **kwargs):
        """States for both ways, that in and that out of the same number, and
        policies for what sel() makes of two addresses.
        """
        sel = sel or (lambda src, dst: selector(src, dst, 17))
        how = {key: val for key, val in kwargs.items() if key not in ("key", "more")}
        for src, dst in ((near, far), (far, near)):
            self.add(spi, src, dst, **kwargs)
        self.policy(OUT, sel(near, far), template(near, far, **how))
        for way in (IN, FWD):
            self.policy(way, sel(far, near), template(far, near, **how))

    def states(self):
        """{(spi, destination): attributes}"""
        got = {}
        for body in self.request(GETSA, NLM_F_DUMP, b""):
            got[struct.unpack_from("!I", body, 72)[0], body[56:72]] = \
                parse(body[224:])
        return got

    def policies(self):
        """[(direction, index)]"""
        return [(body[160], struct.unpack_from("=I", body, 156)[0])
                for body in self.request(GETPOLICY, NLM_F_DUMP, b"")]

    def used(self, dst, spi, proto=ESP):
        """Packets that have gone through a state."""
        body = self.ask(GETSA, state_id(dst, spi, proto))[0]
        return struct.unpack_from("=Q", body, 56 + 24 + 16 + CFG + 8)[0]

    def flush(self):
        self.ask(FLUSHPOLICY, b"")
        self.ask(FLUSHSA, b"\0")

    def heard(self):
        """Kinds of the events so far."""
        got = []
        with unblocked(self.sock), contextlib.suppress(BlockingIOError):
            while True:
                got += [kind for kind, _, _, _ in
                        self.split(self.sock.recv(1 << 17))]
        return got

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@contextlib.contextmanager
def cleaned(xfrms):
    """What a test made goes, also when it fails: {context: Xfrm}."""
    try:
        yield
    finally:
        for one in xfrms.values():
            one.flush()


def esp(spi, seq, data, nexthdr):
    """What a state without a key makes of data."""
    pad = -(len(data) + 2) % 4
    return struct.pack("!II", spi, seq) + data + bytes(range(1, pad + 1)) \
        + bytes([pad, nexthdr])


def of_esp(body):
    """(SPI, number, content, its protocol) of such a packet."""
    spi, seq = struct.unpack_from("!II", body)
    pad, nexthdr = body[-2:]
    return spi, seq, body[8:-2 - pad], nexthdr


def encap(sport=4500, dport=4500, kind=2):
    """Attribute: ESP in UDP."""
    return attr(A_ENCAP, struct.pack("=H", kind)
                + struct.pack("!HH2x16x", sport, dport))
