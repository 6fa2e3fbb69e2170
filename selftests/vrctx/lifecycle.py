#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""The end of a context: sockets, tasks, packets and namespaces in it.

Guards ctx-del, the reference that every carrier holds on its number, and the
purge of timewait sockets, requests and queues.
"""
import errno as E
import os
import select
import socket
import threading

import vr_nl as nl
from vr_fam import (AF, ECHO_REQUEST, ICMP, MTU, RATELIMIT, RATEMASK, SOL,
                    TOO_BIG, UNREACH, V6, ip, ratemask)
from vr_nl import table_of
from vr_net import (ANY, HIP, RAW, RIP, RNET, TCP, UDP, Lab, Netns, connect,
                    enter, get_ctx, inside, libc, pending, readable, serve,
                    set_ctx, sock, whoami)
from vr_pkt import (ACK, FIN, HMAC, MF, RST, SYN, Peer, Wire, ip_packet, quote,
                    udp_datagram)
from vr_rt import RTN_UNICAST, sysctl
from vr_tap import check, eq, params, refused, run, slow, wait

GONE = (E.ECONNABORTED, E.ENETUNREACH, E.ECONNRESET, E.ENOTCONN)


def test_busy_with_device():
    """delete with a device: EBUSY; forced: the device goes to 0, down"""
    lab = Lab(1)
    err = refused(E.EBUSY, "delete", lab.vr.delete, 1)
    check(err.extack, "no extack text")
    eq(lab.vr.get(id=1)["devices"], 1, "devices")
    lab.vr.delete(1, force=True)
    eq(lab.vr.call(nl.DEV_GET, ifname="v1")["id"], 0, "context of the device")
    check(not lab.rt.link("v1")["flags"] & 1, "device is up")
    eq(lab.rt.addrs("v1"), [RNET], "addresses")
    refused(E.ENOENT, "get", lab.vr.get, id=1)
    eq(lab.rt.routes(table_of(1)), {}, "routes")


def test_tcp_aborted():
    """TCP: connections aborted (peers see it), listeners closed"""
    lab = Lab(1, 2, hosts=False)
    wires = {n: Wire(lab, n) for n in (1, 2)}
    listen = {n: serve(n, 80) for n in (1, 2)}
    peers = {n: Peer(wires[n], 4000, 80).open() for n in (1, 2)}
    servers = {n: wait(lambda n=n: pending(listen[n]), "accept")
               for n in (1, 2)}
    half = Peer(wires[1], 4001, 80)
    half.syn()
    out = sock(TCP, 1)
    out.setblocking(False)
    refused(E.EINPROGRESS, "connect", out.connect, (HIP, 99))
    lab.vr.delete(1, force=True)
    refused(GONE, "recv", servers[1].recv, 1)
    refused((*GONE, E.EPIPE), "send", servers[1].send, b"x")
    refused((*GONE, E.EINVAL), "accept", pending, listen[1])
    check(out.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "SO_ERROR")
    refused((*GONE, E.EINVAL, E.EISCONN), "connect after", out.connect,
            (HIP, 99))
    # the other context is as before
    servers[2].send(b"alive")
    peers[2].expect(ACK, b"alive")
    for one in (*servers.values(), *listen.values(), out):
        one.close()


def test_datagram_sockets():
    """UDP, raw and ping: ENETUNREACH from then on"""
    lab = Lab(1)
    wire = Wire(lab, 0)
    socks = [sock(UDP, 1, (RIP, 53)), sock(UDP, 1), sock(RAW, 1, proto=200),
             sock(UDP, 1, proto=ICMP)]
    ping = bytes(ECHO_REQUEST).ljust(8, b"\0")
    linked = connect((HIP, 53), 1, kind=UDP)
    lab.vr.delete(1, force=True)
    for one in socks:
        for dest in (HIP, RIP, "127.0.0.1", "10.0.0.255"):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            # a raw socket of IPv6 has the protocol where others have a port
            port = 0 if V6 and one.type == RAW else 53
            refused(E.ENETUNREACH, f"send to {dest}", one.sendto, ping,
                    (ip(dest), port))
    refused(E.ENETUNREACH, "send", linked.send, b"x")
    refused(E.ENETUNREACH, "connect", socks[1].connect, (HIP, 53))
    wire.silent("packet of a deleted context")
    eq(get_ctx(socks[0]), 1, "SO_VRCTX")
    for one in (*socks, linked):
        one.close()


def test_blocked():
    """a blocked recv, accept and poll wake up"""
    lab = Lab(1, hosts=False)
    udp = sock(UDP, 1, ("127.0.0.1", 53))
    tcp = sock(TCP, 1, ("127.0.0.1", 80), listen=2)
    linked = connect(("127.0.0.1", 80), 1)
    far = tcp.accept()[0]
    raw = sock(RAW, 1, proto=99)
    out, tids = {}, []

    def block(name, one, fn, *argv):
        one.settimeout(None)
        tids.append(libc("gettid"))
        try:
            out[name] = fn(*argv)
        except OSError as err:
            out[name] = err.errno

    polled = sock(UDP, 1, ("127.0.0.1", 54))
    poll = select.poll()
    poll.register(polled, select.POLLIN)
    jobs = [threading.Thread(target=block, args=argv, daemon=True)
            for argv in (("udp", udp, udp.recv, 1),
                         ("accept", tcp, tcp.accept),
                         ("raw", raw, raw.recv, 1),
                         ("tcp", linked, linked.recv, 1))]
    for job in jobs:
        job.start()

    def asleep():
        states = ""
        for tid in list(tids):
            with open(f"/proc/self/task/{tid}/stat", encoding="ascii") as f:
                states += f.read().rsplit(")", 1)[1].split()[0]
        return states == "S" * len(jobs)

    wait(asleep, "threads to block")
    lab.vr.delete(1)
    for job in jobs:
        job.join(10 * slow())
    eq(out.get("udp"), E.ENETUNREACH, "UDP recv")
    eq(out.get("raw"), E.ENETUNREACH, "raw recv")
    check(out.get("accept") in (*GONE, E.EINVAL), f"accept: {out}")
    check(out.get("tcp") in GONE, f"TCP recv: {out}")
    check(poll.poll(0), "poll sees nothing")
    for one in (udp, tcp, linked, far, raw, polled):
        one.close()


def test_number_stays_busy():
    """the number is busy until the last socket, then fresh"""
    lab = Lab(1, hosts=False)
    one = sock(UDP, 1)
    two = sock(TCP, 1, ("127.0.0.1", 80), listen=1)
    lab.vr.delete(1)
    err = refused(E.EBUSY, "create", lab.vr.new, 1)
    check(err.extack, "no extack text")
    refused(E.ENOENT, "get", lab.vr.get, id=1)
    refused(E.ENOENT, "enter", enter, 1)
    refused(E.ENOENT, "SO_VRCTX", sock, UDP, 1)
    check(lab.vr.new()["id"] != 1, "the busy number was chosen")
    one.close()
    refused(E.EBUSY, "create", lab.vr.new, 1)
    two.close()
    lab.vr.new(1, "again")
    with sock(UDP, 1, ("127.0.0.1", 53)):
        eq(lab.sockets(1), 1, "sockets")


def test_task_keeps_busy():
    """a task keeps the number busy, and gets ENETUNREACH"""
    lab = Lab(1, hosts=False)
    with inside(1):
        lab.vr.delete(1)
        refused(E.EBUSY, "create", lab.vr.new, 1)
        refused(E.ENETUNREACH, "socket", socket.socket, AF, UDP)
        eq(whoami()[0], 1, "context")
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
    lab.vr.new(1)


def test_timewait_purged():
    """timewait sockets and requests do not keep the number busy"""
    lab = Lab(1, hosts=False)
    wire = Wire(lab, 1)
    listen = serve(1, 80)
    peer = Peer(wire, 4000, 80).open()
    server = wait(lambda: pending(listen), "accept")
    server.close()
    peer.expect(FIN | ACK)
    peer.ack += 1
    peer.send(FIN | ACK)
    peer.seq += 1
    Peer(wire, 4001, 80).syn()
    listen.close()
    wire.sync()
    lab.quiet(1, 1)
    wire.reborn()       # and knows nothing of it
    wire.send_tcp(4000, 80, peer.seq - 1, peer.ack, FIN | ACK)
    eq(wire.expect(lambda p: p.proto == 6, "answer").flags, RST, "answer")
    with serve(1, 80) as listen:
        wire.send_tcp(4000, 80, peer.seq - 100000, flags=SYN)
        eq(wire.expect(lambda p: p.proto == 6, "answer").flags, SYN | ACK,
           "answer to a SYN")


def test_fragments_purged():
    """half a datagram to a deleted context is not the next one's"""
    lab = Lab(1, hosts=False)
    wire = Wire(lab, 1)
    data = b"a datagram in two parts "
    whole = udp_datagram(4000, 53, data)

    def send(half, ident):
        wire.send_ip(17, whole[16:] if half else whole[:16], ident=ident,
                     frag=2 if half else MF)
        wire.sync()

    with sock(UDP, 1, (RIP, 53)) as one:
        send(0, 6)
        send(1, 6)
        eq(readable(one), data, "datagram of one context")
        send(0, 7)
    wire.reborn()
    with sock(UDP, 1, (RIP, 53)) as one:
        send(1, 7)
        eq(readable(one), None, "datagram of two contexts")


def test_limit_purged():
    """errors about a deleted context do not count against the next one"""
    lab = Lab(1, hosts=False)
    wire = Wire(lab, 1)
    sysctl(RATELIMIT, 20000)
    sysctl(RATEMASK, ratemask(UNREACH))
    check(0 < wire.port_errors(20) < 20, "no limit")
    eq(wire.port_errors(5), 0, "errors beyond the limit")
    wire.reborn()
    check(wire.port_errors(5) > 0, "the old limit holds")


def test_routes_purged():
    """routes, neighbours and path MTUs are not there when the number is"""
    lab = Lab(1, hosts=False)
    wire = Wire(lab, 1)
    wire.static = False

    def far_mtu():
        """What the context thinks of the way to a host behind HIP."""
        lab.rt.route("192.0.2.0/24", via=HIP, dev="w1", table=table_of(1))
        lab.rt.neigh("w1", HIP, HMAC)
        with sock(UDP, 1, (RIP, 4000)) as one:
            one.connect((ip("192.0.2.9"), 53))
            sent = ip_packet(17, udp_datagram(4000, 53, b"x" * 1400, RIP,
                                              "192.0.2.9"), RIP, "192.0.2.9")
            before = one.getsockopt(SOL, MTU)
            wire.send_icmp(*TOO_BIG, 1300, quote(sent))
            wire.sync()
            return before, one.getsockopt(SOL, MTU)

    eq(far_mtu(), (1500, 1300), "path MTU before and after the error")
    lab.rt.route("default", via=HIP, dev="w1", table=table_of(1))
    wire.reborn()
    have = lab.rt.routes(table_of(1))
    for dst in ("192.0.2.0/24", "0.0.0.0/0"):
        check((ip(dst), RTN_UNICAST) not in have, f"route {dst} is left")
    check(ip(HIP) not in lab.rt.neighs("w1"), "neighbour is left")
    eq(far_mtu(), (1500, 1300), "path MTU in the next context")


def test_orphans():
    """closed connections with unsent data do not keep the number busy"""
    lab = Lab(1, hosts=False)
    wire = Wire(lab, 1)
    listen = serve(1, 80)
    Peer(wire, 4000, 80).open()
    server = wait(lambda: pending(listen), "accept")
    server.send(b"z" * 100000)          # never acknowledged
    server.close()
    listen.close()
    lab.quiet(1, 1)
    lab.vr.delete(1, force=True)
    lab.vr.new(1)


def test_unaccepted():
    """connections that wait in the accept queue go too"""
    lab = Lab(1, hosts=False)
    listen = sock(TCP, 1, ("127.0.0.1", 80), listen=8)
    clients = [connect(("127.0.0.1", 80), 1) for _ in range(5)]
    check(lab.sockets(1) >= 11, "sockets")
    lab.vr.delete(1)
    for one in clients:
        refused(GONE, "client", one.recv, 1)
        one.close()
    listen.close()
    lab.vr.new(1)


def test_any_survives():
    """an ANY socket loses a context and keeps the others"""
    lab = Lab(1, 2, hosts=False)
    with sock(UDP, ANY, ("0.0.0.0", 53)) as one:
        lab.vr.delete(1)
        lab.vr.new(1)
        with sock(UDP, 2, ("127.0.0.1", 0)) as two:
            two.sendto(b"x", (ip("127.0.0.1"), 53))
            eq(one.recv(1), b"x", "datagram")


@params(("held",), ("closed",))
def test_namespace_exit(how):
    """a namespace goes away with contexts, routes, devices and sockets:"""
    lab = Lab()
    far = Netns()
    with far:
        vr = nl.Vrctx()
        for num in range(1, 40):
            vr.new(num, f"ctx-{num}")
        for num in range(1, 10):
            far.rt.link_add(f"d{num}", "dummy")
            vr.move(f"d{num}", num)
            far.rt.addr(f"d{num}", RNET)
            far.rt.link_set(f"d{num}", up=True)
            far.rt.route("default", via=HIP, dev=f"d{num}",
                         table=table_of(num))
        socks = [sock(kind, num, ("127.0.0.1", 80), listen=kind == TCP)
                 for num in range(1, 40) for kind in (TCP, UDP)]
        links = [connect(("127.0.0.1", 80), num) for num in range(1, 40)]
        enter(7)
        eq(whoami()[0], 7, "context")
    vr.close()
    if how == "held":           # by the sockets, for a moment longer
        far.close()
    for one in socks + links:
        one.close()
    if how == "closed":
        far.close()
    lab.vr.new(7)


def test_connection_across_exit():
    """a namespace with timewaits in a context goes away"""
    far = Netns()
    with far:
        nl.Vrctx().new(1)
        with sock(TCP, 1, ("127.0.0.1", 80), listen=2) as listen:
            one = connect(("127.0.0.1", 80), 1)
            two = listen.accept()[0]
            one.close()
            eq(two.recv(1), b"", "end")
            two.close()
    far.close()


def test_move_on():
    """an unbound socket of a deleted context may move on"""
    lab = Lab(1, 2, hosts=False)
    one = sock(UDP, 1)
    lab.vr.delete(1)
    set_ctx(one, 2)
    eq(get_ctx(one), 2, "context")
    lab.vr.new(1)
    eq(lab.sockets(2), 1, "sockets of 2")
    one.close()


run(globals(), limit=120)
