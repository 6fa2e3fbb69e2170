# SPDX-License-Identifier: GPL-2.0
"""Netlink families from their YAML: requests as they should be, and spoiled.

What a message is made of depends on the dice that are passed alone.
"""
import os
import struct

import yaml

from vr_nl import NLM_F_DUMP, attr

SPECS = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                     "../../Documentation/netlink/specs")
SIZES = {"u8": 1, "u16": 2, "u32": 4, "s32": 4, "u64": 8}
EDGES = (0, 1, 2, 3, 7, 8, 9, 63, 64, 255, 0xffff, 0x00ffffff, 0x01000000,
         0x01000007, 0x7fffffff, 0x80000000, 0xfffffffd, 0xffffffff,
         0xffffffffffffffff)


class Family:
    """A specification; numbers are counted as the kernel's headers do."""

    def __init__(self, name):
        with open(f"{SPECS}/{name}.yaml", encoding="utf-8") as f:
            spec = yaml.safe_load(f)
        self.name = name
        self.sets = {}
        for one in spec["attribute-sets"]:
            self.sets[one["name"]] = {
                a["name"]: (num, a)
                for num, a in enumerate(one["attributes"], 1)}
        # (number, set, attributes of the request, flags)
        self.requests = []
        for num, one in enumerate(spec["operations"]["list"], 1):
            for kind, flags in (("do", 0), ("dump", NLM_F_DUMP)):
                if kind in one:
                    names = (one[kind].get("request") or {}) \
                        .get("attributes", [])
                    self.requests.append((num, one["attribute-set"], names,
                                          flags))


class Maker:
    """Messages of a family for a world of known names and numbers."""

    def __init__(self, family, known):
        self.family, self.known = family, known

    def value(self, dice, name, about):
        """A value that makes sense, or one at the edge of what does."""
        kind = about["type"]
        if kind in SIZES:
            pool = self.known.get(name) or self.known.get("number")
            num = dice.choice(pool if dice.random() < 0.8 else EDGES)
            return (num % (1 << 8 * SIZES[kind])).to_bytes(SIZES[kind],
                                                           "little")
        if kind == "string":
            return dice.choice(self.known.get(name)
                               or self.known["string"]).encode() + b"\0"
        if kind == "binary":
            return dice.choice(self.known.get(name) or self.known["binary"])
        if kind == "nest":
            return self.attributes(dice, about["nested-attributes"])
        return b""

    def attributes(self, dice, which, names=None):
        table = self.family.sets[which]
        out, likely = b"", dice.choice((0.5, 0.75, 0.95))
        for name in names if names is not None else table:
            if dice.random() < likely:
                num, about = table[name]
                out += attr(num, self.value(dice, name, about))
        return out

    def request(self, dice):
        """(flags, generic header and attributes)"""
        num, which, names, flags = dice.choice(self.family.requests)
        if dice.random() < 0.1:
            names = None
        return flags, struct.pack("=BBH", num, 1, 0) + \
            self.attributes(dice, which, names)


def spoil(dice, body):
    """Some of the ways in which a message can be wrong."""
    body = bytearray(body)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 4))):
        at = dice.randrange(len(body) + 1)
        what = dice.randrange(7)
        if what == 0 and at < len(body):
            body[at] ^= 1 << dice.randrange(8)
        elif what == 1 and at < len(body):
            body[at] = dice.choice((0, 1, 0x7f, 0x80, 0xff))
        elif what == 2:
            del body[max(at, 4):]
        elif what == 3:
            body += attr(dice.randrange(1 << 16), dice.randbytes(at % 40))
        elif what == 4 and len(body) > 4:
            body += body[4:]
        elif what == 5 and len(body) > 8:
            # the length of the first attribute
            struct.pack_into("=H", body, 4, dice.choice(
                (0, 3, 4, 5, 8, len(body), 0xffff)))
        elif what == 6:
            body[at:at] = dice.randbytes(dice.choice((1, 4, 8)))
    return bytes(body)
