# SPDX-License-Identifier: GPL-2.0
"""Multipath TCP: its sockets, its path manager, and a peer by hand.

MpPeer is the far end of the first subflow of a connection, Join that of a
further one: the keys are known, so that a test can forge what only the peer
could have sent, but in another context.
"""
import hashlib
import hmac
import socket
import struct

import vr_nl as nl
from vr_fam import AF, V6, packed
from vr_net import HIP, RIP, TCP, Lab, inside, pending, sock
from vr_nl import NLM_F_DUMP, attr, nest, parse, u32
from vr_pkt import ACK, SYN, Peer
from vr_tap import eq, wait

MPTCP = 262                     # IPPROTO_MPTCP
SOL_MPTCP, MPTCP_INFO = 284, 1
FALLBACK, REMOTE_KEY = 1, 2
(ADD_ADDR, DEL_ADDR, GET_ADDR, FLUSH_ADDRS, SET_LIMITS, GET_LIMITS, SET_FLAGS,
 ANNOUNCE) = range(1, 9)
A_ADDR, A_RCV_ADDRS, A_SUBFLOWS, A_TOKEN, A_LOC_ID = range(1, 6)
SIGNAL, SUBFLOW, BACKUP, FULLMESH, IMPLICIT = 1, 2, 4, 8, 16
EV_CREATED, EV_PRIORITY, EV_LISTENER = 1, 13, 15
EV_TOKEN = 1
CAPABLE, JOIN = 0, 1
SOCK_DIAG = 4
PORT = 7000


def mp_sock(ctx=None, bind=None, **kwargs):
    return sock(TCP, ctx, bind, proto=MPTCP, **kwargs)


def mp_serve(ctx, port, addr="0.0.0.0"):
    return mp_sock(ctx, (addr, port), listen=16, reuse=True)


def mp_connect(addr, ctx=None):
    one = mp_sock(ctx)
    try:
        one.connect(addr)
    except OSError:
        one.close()
        raise
    return one


def info(one):
    """(further subflows, flags, token); fails if it fell back to TCP."""
    data = one.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)
    return (data[0], *struct.unpack_from("=II", data, 8))


def subflows(one):
    return info(one)[0]


def token(one):
    return info(one)[2]


def talk(one, two):
    """Both ends hear each other, and are fully established by that."""
    for src, dst in ((one, two), (two, one)):
        src.sendall(b"hello")
        eq(dst.recv(5), b"hello", "data")
    for end in (one, two):
        eq(info(end)[1] & (FALLBACK | REMOTE_KEY), REMOTE_KEY, "MPTCP on")


def both(conn):
    """Wait until a connection has two subflows."""
    wait(lambda: [subflows(end) for end in conn] == [1, 1], "the subflow")


def accepted(lsn):
    return wait(lambda: pending(lsn), "accept")


def close(*socks):
    """At once: what is closed so resets."""
    for one in socks:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                       struct.pack("=ii", 1, 0))
        one.close()


def counter(name):
    """One of MPTcpExt in /proc/net/netstat."""
    with open("/proc/thread-self/net/netstat", encoding="ascii") as f:
        rows = [ln.split() for ln in f if ln.startswith("MPTcpExt:")]
    return int(dict(zip(*rows))[name])


class MpLab(Lab):
    """Hosts that serve MPTCP, a second address on the router's links."""
    def __init__(self, *contexts):
        super().__init__(hosts=False)
        self.serving = {}
        for ctx in contexts:
            self.add(ctx)

    def add(self, ctx):
        if ctx:
            self.vr.new(ctx)
        self.hosts[ctx] = self.add_host(ctx)
        self.rt.addr(f"v{ctx}", "10.0.0.3/24")
        # open all the time: further subflows need it, too
        with self.hosts[ctx]:
            self.serving[ctx] = mp_serve(None, PORT)

    def come(self, ctx, lsn):
        """A connection from the host to the context: (client, server)."""
        with self.hosts[ctx]:
            client = mp_connect((RIP, PORT))
        server = accepted(lsn)
        talk(client, server)
        return client, server

    def go(self, ctx, made=None):
        """A connection from the context to its host: (client, server)."""
        client = made or mp_sock(ctx)
        client.bind((RIP, 0))       # IPv6 would take the other address
        client.connect((HIP, PORT))
        server = accepted(self.serving[ctx])
        talk(client, server)
        return client, server


# ---- the path manager ----

class Pm(nl.Netlink):
    """Requests of a process in a context."""
    def __init__(self, ctx=0, listen=False):
        with inside(ctx):
            super().__init__(nl.NETLINK_GENERIC)
            self.family, more = self.genl_family("mptcp_pm")
        if listen:
            for grp in parse(more[7]).values():
                one = parse(grp)
                if one[1].rstrip(b"\0") == b"mptcp_pm_events":
                    self.sock.setsockopt(nl.SOL_NETLINK, 1,
                                         struct.unpack("=I", one[2])[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """As it was before."""
        self.flush()
        self.set_limits(0, 2)
        self.close()

    def call(self, cmd, *attrs, flags=0):
        return self.request(self.family, flags, struct.pack("=BBH", cmd, 1, 0)
                            + b"".join(attrs))

    @staticmethod
    def addr(addr=None, ident=0, flags=0, port=0, ifindex=0):
        out = [attr(1, struct.pack("=H", AF)),
               attr(4 if V6 else 3, packed(addr))] if addr else []
        if ident:
            out.append(attr(2, bytes([ident])))
        if port:
            out.append(attr(5, struct.pack("=H", port)))
        if flags:
            out.append(u32(6, flags))
        if ifindex:
            out.append(struct.pack("=HHi", 8, 7, ifindex))
        return nest(A_ADDR, *out)

    def add(self, addr, **kwargs):
        self.call(ADD_ADDR, self.addr(addr, **kwargs))

    def delete(self, ident):
        self.call(DEL_ADDR, self.addr(ident=ident))

    def flush(self):
        self.call(FLUSH_ADDRS)

    def set_flags(self, ident, flags):
        self.call(SET_FLAGS, self.addr(ident=ident, flags=flags))

    def set_limits(self, accept, count):
        self.call(SET_LIMITS, u32(A_RCV_ADDRS, accept),
                  u32(A_SUBFLOWS, count))

    def limits(self):
        got = parse(self.call(GET_LIMITS)[0][4:])
        return tuple(struct.unpack("=I", got[key])[0]
                     for key in (A_RCV_ADDRS, A_SUBFLOWS))

    @staticmethod
    def entry(body):
        """(id, address, flags)"""
        got = parse(parse(body[4:])[A_ADDR])
        return (got[2][0], socket.inet_ntop(AF, got[4 if V6 else 3]),
                struct.unpack("=I", got[6])[0])

    def get(self, ident):
        return self.entry(self.call(GET_ADDR, self.addr(ident=ident))[0])

    def endpoints(self):
        return [self.entry(body)
                for body in self.call(GET_ADDR, flags=NLM_F_DUMP)]

    def events(self):
        """What was heard up to now: [(event, token or None)]."""
        out = []
        self.sock.setblocking(False)
        try:
            while True:
                for kind, _, _, body in self.split(self.sock.recv(1 << 16)):
                    if kind == self.family:
                        got = parse(body[4:]).get(EV_TOKEN)
                        out.append((body[0],
                                    got and struct.unpack("=I", got)[0]))
        except BlockingIOError:
            return out


# ---- a peer by hand ----

def option(*data):
    body = b"".join(data)
    return bytes([30, 2 + len(body)]) + body


def mp_option(pkt, kind):
    """The MPTCP option of that kind in a segment, None if there is none."""
    opts = pkt.body[20:(pkt.body[12] >> 4) * 4]
    while opts and opts[0]:
        size = 1 if opts[0] == 1 else max(2, opts[1])
        if opts[0] == 30 and opts[2] >> 4 == kind:
            return opts[:size]
        opts = opts[size:]
    return None


def sha(key):
    return hashlib.sha256(key).digest()


class MpPeer(Peer):
    """A connection to a listener of the router."""
    key = b"the peer"

    def open(self):
        pkt = self.syn(option(b"\x01\x01"))
        self.server_key = mp_option(pkt, CAPABLE)[4:12]
        self.token = sha(self.server_key)[:4]
        self.send(ACK, options=option(b"\x01\x01", self.key,
                                      self.server_key))
        return self


class Join(Peer):
    """A further subflow of the connection that @first is of."""
    nonce = b"once"

    def join_syn(self, first):
        """Send a SYN that joins; the answer."""
        self.first = first
        self.send(SYN, options=option(
            b"\x10\x07", first.token, self.nonce))
        self.seq += 1
        pkt = self.wire.expect(self.mine, "answer to a SYN")
        self.ack = pkt.seq + 1
        return pkt

    def join_ack(self, pkt, first=None):
        """The third segment, as the peer of @first would make it."""
        first = first or self.first
        mac = hmac.new(first.key + first.server_key,
                       self.nonce + mp_option(pkt, JOIN)[12:16],
                       hashlib.sha256).digest()[:20]
        self.send(ACK, options=option(b"\x10\x00", mac))
