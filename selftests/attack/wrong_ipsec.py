# SPDX-License-Identifier: GPL-2.0
"""Random requests about IPsec, by root in a context.

Whatever context 7 asks for, the policies and states of 9 stay as they are and
nobody is told of them.
"""
import struct

import vr_xfrm as x
from vr_net import inside
from vr_nl import attr, u32
from wrong_host import InContext, some
from wrong_world import Broken, Talk

KEY = b"of context nine, to be found"
ENDS = ("10.0.0.1", "10.0.0.2", "10.0.0.0", "0.0.0.0")
NUMBERS = (0, 0x200, 0x201, 0x10000)
PROTOCOLS = (x.ESP, x.ESP, x.AH, x.COMP, 43, 0)


class IpsecPart(InContext):
    """Every message of xfrm netlink."""

    def __init__(self, world):
        super().__init__(world)
        with world.lab.ns:
            self.theirs = x.Xfrm(9)
            with inside(7):
                self.talk = Talk(x.NETLINK_XFRM)
        self.theirs.pair("10.0.0.1", "10.0.0.2", key=KEY)

    def state(self):
        return sorted(self.theirs.states().items()), self.theirs.policies()

    def entry(self, dice):
        """A state: what NEWSA and the like begin with, and its name."""
        number, proto = dice.choice(NUMBERS), dice.choice(PROTOCOLS)
        src, dst = dice.choice(ENDS), dice.choice(ENDS)
        body = x.state(number, src, dst, proto, dice.randrange(3),
                       key=dice.choice((None, bytes(28))),
                       seq=dice.randrange(3))
        return body, x.state_id(dst, number, proto)

    def body(self, kind, dice):
        state, name = self.entry(dice)
        sel = x.selector(dice.choice(ENDS), dice.choice(ENDS),
                         dice.choice((0, 17)), dice.choice((8, 24, 32)))
        way = dice.randrange(4)
        policy = x.policy(way, sel, *[x.template(mode=dice.randrange(2))]
                          * dice.randrange(3), action=dice.randrange(2))
        if kind in (x.NEWSA, x.UPDSA):
            return state
        if kind in (x.NEWPOLICY, x.UPDPOLICY):
            return policy
        return {
            x.ALLOCSPI: state[:224] + struct.pack("=II", 0x200, 0x201),
            x.EXPIRE: state[:224] + bytes([dice.randrange(2)] * 8),
            x.POLEXPIRE: policy[:168] + bytes([dice.randrange(2)] * 8),
            x.NEWAE: name + bytes(24), x.GETAE: name + bytes(24),
            x.DELSA: name, x.GETSA: name,
            x.DELPOLICY: x.policy_id(way, sel, dice.randrange(40)),
            x.GETPOLICY: x.policy_id(way, sel),
            x.ACQUIRE: state[72:96] + state[80:96] + sel + policy[:168]
            + bytes(16) + policy[168:],
            x.FLUSHSA: bytes([dice.choice(PROTOCOLS)]),
            x.FLUSHPOLICY: b"",
        }.get(kind, dice.randbytes(dice.choice((4, 64, 224))))

    def ask(self, dice):
        kind = dice.randrange(x.NEWSA, x.GETDEFAULT + 1)
        more = some(
            dice, lambda: u32(x.A_IF_ID, dice.choice((0, 0, 0, 9))),
            lambda: attr(21, struct.pack("=II", dice.randrange(2), 1)),
            lambda: x.encap(kind=dice.choice((1, 2, 2, 7))),
            lambda: attr(16, bytes([dice.randrange(3)]) + bytes(5)),
            lambda: u32(dice.choice((5714, 24, 32, 34)), 9),
            lambda: attr(x.A_OFFLOAD, struct.pack("=iBxxx", 1, 0))
            if dice.random() < 0.2 else b"")
        if more and dice.random() < 0.3:
            more = bytearray(more)
            more[dice.randrange(len(more))] ^= 1 << dice.randrange(8)
        flags = dice.choice((0, 0, 0x100, 0x300))
        answers, _ = self.talk.exchange(kind, flags, self.body(kind, dice)
                                        + bytes(more))
        for _, _, data in answers:
            if KEY[:16] in data:
                raise Broken(f"type {kind} tells of another's key")

    def close(self):
        for kind, body in ((x.FLUSHPOLICY, b""), (x.FLUSHSA, b"\0")):
            self.talk.exchange(kind, 0, body)
        self.talk.close()
        self.theirs.flush()
        self.theirs.close()
