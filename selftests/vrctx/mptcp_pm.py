#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""The path manager of Multipath TCP: each context has its own.

Equal addresses and ports everywhere. Guards endpoints, limits and events, which
connections they are for, and the context of subflows that workers make.
"""
import errno as E

import vr_mptcp as mp
import vr_nl as nl
from vr_fam import ip
from vr_mptcp import (PORT, MpLab, Pm, both, close, counter, mp_serve, mp_sock,
                      subflows, talk, token)
from vr_net import RIP
from vr_rt import sysctl
from vr_tap import check, eq, params, refused, run, wait

ALL = (0, 1, 2)
PAIRS = [(0, 1), (1, 0), (1, 2)]
LAB = MpLab(*ALL)
RIP2 = ip("10.0.0.3")


def test_endpoints():
    """endpoints and limits of a context are its own"""
    with Pm(0) as pm0, Pm(1) as pm1, Pm(2) as pm2:
        endpoints((pm0, pm1, pm2))


def endpoints(pms):
    for n, pm in enumerate(pms):
        eq((pm.limits(), pm.endpoints()), ((0, 2), []), f"before, in {n}")
    for n, pm in enumerate(pms):
        pm.add("10.0.0.3", ident=5, flags=[mp.SUBFLOW, mp.SIGNAL, mp.BACKUP][n])
        pm.set_limits(n, n + 1)
    for n, pm in enumerate(pms):
        want = (5, RIP2, [mp.SUBFLOW, mp.SIGNAL, mp.BACKUP][n])
        eq(pm.endpoints(), [want], f"in {n}")
        eq(pm.get(5), want, f"number 5 in {n}")
        eq(pm.limits(), (n, n + 1), f"limits in {n}")
        refused(E.EBUSY, f"once more in {n}", pm.add, "10.0.0.4", ident=5)
    # eight are all that there may be, of each
    for host in range(10, 17):
        pms[1].add(f"10.0.0.{host}", flags=mp.SIGNAL)
    refused(E.ERANGE, "the ninth", pms[1].add, "10.0.0.20", flags=mp.SIGNAL)
    pms[2].add("10.0.0.20", flags=mp.SIGNAL)
    pms[1].flush()
    eq([len(pms[n].endpoints()) for n in ALL], [1, 0, 2], "after a flush in 1")
    pms[2].delete(5)
    eq([len(pms[n].endpoints()) for n in ALL], [1, 0, 1], "after a delete in 2")


@params(*ALL)
def test_subflow(ctx):
    """a further subflow is made in the context with the endpoint:"""
    conns = {n: LAB.go(n) for n in ALL}
    with Pm(ctx) as pm:
        pm.add("10.0.0.3", ident=5, flags=mp.SUBFLOW)
        both(conns[ctx])
        later = {n: LAB.go(n) for n in ALL}
        both(later[ctx])
        for made in (conns, later):
            for n, (client, server) in made.items():
                talk(client, server)
                eq((subflows(client), subflows(server)), (int(n == ctx),) * 2,
                   f"subflows of {n}")
        pm.delete(5)
        wait(lambda: subflows(conns[ctx][1]) == 0, "its end")
    close(*[one for made in (conns, later) for conn in made.values()
            for one in conn])


def change(what, pm):
    if what == "delete":
        pm.delete(5)
    elif what == "flush":
        pm.flush()
    else:
        pm.set_flags(5, mp.SUBFLOW | mp.BACKUP)


@params(*[(what, one, two) for what in ("delete", "flush", "backup")
          for one, two in PAIRS])
def test_change(what, one, two):
    """a change of an endpoint is for the connections of its context:"""
    with Pm(one) as pma, Pm(two) as pmb:
        ears = []
        for n, pm in ((one, pma), (two, pmb)):
            pm.add("10.0.0.3", ident=5, flags=mp.SUBFLOW)
            with LAB.hosts[n]:
                ears.append(Pm(listen=True))
        mine, other = LAB.go(one), LAB.go(two)
        for conn in (mine, other):
            both(conn)
            talk(*conn)
        change(what, pma)
        if what == "backup":
            wait(lambda: mp.EV_PRIORITY in [kind for kind, _ in
                                            ears[0].events()],
                 "the change of the priority")
        else:
            wait(lambda: subflows(mine[1]) == 0, "the end of the subflow")
        talk(*other)
        eq(subflows(other[1]), 1, "subflows of the other")
        check(mp.EV_PRIORITY not in [kind for kind, _ in ears[1].events()],
              "a change of the priority in the other")
        for ear in ears:
            ear.close()
        close(*mine, *other)


@params(*ALL)
def test_announced(ctx):
    """an endpoint with a port is announced, and served, in its context:"""
    for host in LAB.hosts.values():
        with host:
            there = Pm()
            there.set_limits(2, 2)
            there.close()
    # an address of IPv6 with a port leaves no room for timestamps
    sysctl("net.ipv4.tcp_timestamps", 0)
    lsn = {n: mp_serve(n, PORT, RIP) for n in ALL}
    conns = {n: LAB.come(n, lsn[n]) for n in ALL}
    sysctl("net.ipv4.tcp_timestamps", 1)
    port = 7100 + ctx           # what is closed keeps one for a minute
    with Pm(ctx) as pm:
        pm.add("10.0.0.3", ident=5, flags=mp.SIGNAL, port=port)
        both(conns[ctx])
        for n, (client, server) in conns.items():
            talk(client, server)
            eq((subflows(client), subflows(server)), (int(n == ctx),) * 2,
               f"subflows of {n}")
            # the port is taken in that context only
            if n == ctx:
                refused(E.EADDRINUSE, "bind", mp_sock, n, (RIP2, port))
            else:
                mp_sock(n, (RIP2, port)).close()
    close(*lsn.values(), *[one for conn in conns.values() for one in conn])


def test_device():
    """an endpoint leads through no device of another context"""
    with Pm(1) as pm:
        pm.add("10.0.0.3", flags=mp.SUBFLOW, ifindex=LAB.rt.ifindex("v2"))
        had = counter("MPJoinSynTxBindErr")
        client, server = LAB.go(1)
        wait(lambda: counter("MPJoinSynTxBindErr") > had, "the refusal")
        eq(subflows(server), 0, "subflows")
        close(client, server)


def test_events():
    """events are heard in the context of the connection"""
    ears = {n: Pm(n, listen=True) for n in ALL}
    for n in ALL:
        client, server = LAB.go(n)
        want = (mp.EV_CREATED, token(client))
        heard = {m: ears[m].events() for m in ALL}
        check(want in heard[n], f"in {n}: {heard[n]}")
        lsn = mp_serve(n, PORT)
        heard[n] = ears[n].events()
        check((mp.EV_LISTENER, None) in heard[n], f"in {n}: {heard[n]}")
        for m in ALL:
            if m != n:
                eq(heard[m] + ears[m].events(), [], f"of {n} in {m}")
        close(lsn, client, server)
        for one in ears.values():
            one.events()
    for one in ears.values():
        one.close()


def test_user_space():
    """a path manager in user space has connections of context 0 only"""
    sysctl("net.mptcp.pm_type", 1)
    pms = {n: Pm(n) for n in ALL}
    try:
        conns = {n: LAB.go(n) for n in ALL}
        for n in ALL:
            for m in ALL:
                try:
                    pms[m].call(mp.ANNOUNCE, nl.u32(mp.A_TOKEN,
                                                    token(conns[n][0])),
                                Pm.addr("10.0.0.3", 5, mp.SIGNAL))
                    got = None
                except nl.NlError as err:
                    got = err.extack
                eq(got, None if n == m == 0 else "invalid token" if n != m
                   else "invalid request; userspace PM not selected",
                   f"{m} about a connection of {n}")
        close(*[one for conn in conns.values() for one in conn])
    finally:
        sysctl("net.mptcp.pm_type", 0)
        for pm in pms.values():
            pm.close()


run(globals(), limit=120)
