#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Python's asyncio: a server of TCP, UDP and multicast in each of two sites.

This file is test, server and client; by its arguments it knows which.
"""
import asyncio
import os
import socket
import struct
import sys

if len(sys.argv) <= 3:
    from vr_site import eq, run, sites, wait

PLAN = {"srv": {"lan": "10.0.0.1/24 fd00::1/64"},
        "cli": {"lan": "10.0.0.2/24 fd00::2/64"}}
PORT, GROUP = 7000, "239.1.2.3"
ME = os.path.realpath(__file__)


class Echo(asyncio.DatagramProtocol):
    def __init__(self, name):
        self.name = name
        self.out = None

    def connection_made(self, transport):
        self.out = transport

    def datagram_received(self, data, addr):
        print("udp", data.decode(), flush=True)
        self.out.sendto(self.name.encode() + b" " + data, addr)


async def serve(name, dev):
    async def talk(reader, writer):
        while line := await reader.readline():
            print("tcp", line.decode().strip(), flush=True)
            writer.write(name.encode() + b" " + line)
            await writer.drain()
        writer.close()
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(talk, None, PORT)   # v4 and v6
    group = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    group.bind(("", PORT))
    group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack(
        "=4s4si", socket.inet_aton(GROUP), bytes(4),
        socket.if_nametoindex(dev)))
    await loop.create_datagram_endpoint(lambda: Echo(name), sock=group)
    print("ready", flush=True)
    await server.serve_forever()


async def ask(name, dev):
    """20 connections at once, each by IPv4 or IPv6; then the group."""
    async def one(num):
        addr = "10.0.0.1" if num % 2 else "fd00::1"
        reader, writer = await asyncio.open_connection(addr, PORT)
        for turn in range(5):
            line = f"{name} {num} {turn}\n".encode()
            writer.write(line)
            print((await reader.readline()).decode().strip())
        writer.close()
        await writer.wait_closed()
    await asyncio.gather(*map(one, range(20)))
    got = asyncio.Queue()

    class Answer(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            got.put_nowait((data, addr))
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind(("10.0.0.2", 0))
        out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack(
            "=4s4si", bytes(4), bytes(4), socket.if_nametoindex(dev)))
        transport, _ = await loop.create_datagram_endpoint(Answer, sock=out)
        for dest in "10.0.0.1", GROUP:
            transport.sendto(f"{name} {dest}".encode(), (dest, PORT))
            data, addr = await asyncio.wait_for(got.get(), 30)
            print("from", addr[0], data.decode())
        transport.close()
    # an unused port is refused, by both families
    for addr in "10.0.0.1", "fd00::1":
        try:
            await asyncio.open_connection(addr, PORT + 1)
        except ConnectionRefusedError:
            print("refused", addr)


def test_asyncio():
    """asyncio: 20 connections by IPv4 and IPv6, datagrams, a group"""
    with sites(PLAN) as pair:
        for site in pair:
            host = site["srv"]
            host.popen("python3", ME, "serve", site.name, host.dev("lan"),
                       log="server")
            wait(lambda h=host: "ready" in h.log("server"), "the server", 60)
        jobs = [site["cli"].popen("python3", ME, "ask", site.name,
                                  site["cli"].dev("lan"), log="client")
                for site in pair]       # both at once
        for site, job in zip(pair, jobs):
            eq(job.wait(120), 0, "the client's status")
            me = site.name
            want = [f"{me} {me} {num} {turn}" for num in range(20)
                    for turn in range(5)]
            want += [f"from 10.0.0.1 {me} {me} {dest}"
                     for dest in ("10.0.0.1", GROUP)]
            want += ["refused 10.0.0.1", "refused fd00::1"]
            eq(sorted(site["cli"].log("client").splitlines()), sorted(want),
               f"answers in {me}")
            eq(sum(line.startswith(("tcp ", "udp ")) for line in
                   site["srv"].log("server").splitlines()), 102,
               f"requests in {me}")


if len(sys.argv) > 3:
    asyncio.run({"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:]))
else:
    run(globals())
