# SPDX-License-Identifier: GPL-2.0
"""Requests about route leaks: VRCTX_CMD_LEAK_NEW and VRCTX_CMD_LEAK_DEL."""
import vr_nl as nl
from vr_fam import packed, split_prefix


def leak_attrs(frm, prefix=None, to=None):
    """Contexts by number or by name, a prefix as text; None leaves it out."""
    out = b""
    for who, number in ((frm, nl.A_LEAK_FROM), (to, nl.A_LEAK_TO)):
        if isinstance(who, int):
            out += nl.u32(number, who)
        elif who is not None:
            out += nl.text(number + 1, who)
    if prefix is not None:
        addr, plen = split_prefix(prefix)
        out += nl.attr(nl.A_LEAK_PREFIX, packed(addr))
        out += nl.attr(nl.A_LEAK_PREFIX_LEN, bytes([plen]))
    return out
