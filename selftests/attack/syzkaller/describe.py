#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Descriptions for syzkaller of what contexts add, made from the netlink specs.

    describe.py [--check]

Writes vrctx.txt and vr_dhost.txt beside itself; --check compares.
Put them into sys/linux of syzkaller, and the kernel's headers where "make
extract" looks for them. Each constant they name has to be in the headers.
"""
import os
import re
import sys

import yaml

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.join(HERE, "../../..")
INTS = {"u8": "int8", "u16": "int16", "u32": "int32", "s32": "int32",
        "u64": "int64"}
ADDRESS = "vrctx_address"
# What is no netlink, and what both files need
EXTRA = """
# A number of a context: few, so that requests meet
vrctx_number = 0, 1, 7, VRCTX_ID_MAX, VRCTX_ANY

vrctx_address [
	v4	ipv4_addr
	v6	ipv6_addr
]

setsockopt$SO_VRCTX(fd sock, level const[SOL_SOCKET], opt const[SO_VRCTX], \
val ptr[in, flags[vrctx_number, int32]], len len[val])
getsockopt$SO_VRCTX(fd sock, level const[SOL_SOCKET], opt const[SO_VRCTX], \
val ptr[out, int32], len ptr[inout, len[val, int32]])

vrctx_cmsg {
	len	len[parent, intptr]
	level	const[SOL_SOCKET, int32]
	type	const[SO_VRCTX, int32]
	ctx	flags[vrctx_number, int32]
} [align[PTR_SIZE]]

sendmsg$SCM_VRCTX(fd sock, msg ptr[in, send_msghdr_vrctx], f flags[send_flags])

send_msghdr_vrctx {
	addr	ptr[in, sockaddr_in, opt]
	addrlen	len[addr, int32]
	vec	ptr[in, array[iovec_in]]
	vlen	len[vec, intptr]
	ctrl	ptr[in, array[vrctx_cmsg]]
	ctrllen	bytesize[ctrl, intptr]
	f	flags[send_flags, int32]
}

resource fd_vrctx[fd]

vrctx_files = "/proc/self/vrctx", "/proc/thread-self/vrctx", "/proc/net/vrctx"

openat$vrctx(fd const[AT_FDCWD], file ptr[in, string[vrctx_files]], \
flags flags[open_flags], mode const[0]) fd_vrctx
write$vrctx(fd fd_vrctx, buf ptr[in, fmt[dec, flags[vrctx_number, int32]]], \
len bytesize[buf])
"""


def upper(*parts):
    return "_".join(parts).upper().replace("-", "_")


def kind(family, name, about):
    """The type of an attribute's value."""
    if about["type"] in INTS:
        size = INTS[about["type"]]
        top = (about.get("checks") or {}).get("max")
        if isinstance(top, str):
            top = upper(family, top)
        if name in ("id", "from", "to", "context"):
            return f"flags[vrctx_number, {size}]"
        if name == "pid":
            return "pid"
        if name in ("ifindex",):
            return "ifindex"
        return f"{size}[0:{top}]" if top else size
    if about["type"] == "string":
        return "devname" if name == "ifname" else "stringnoz"
    if name == "lladdr":
        return "mac_addr"
    return ADDRESS if about["type"] == "binary" else "void"


def describe(family):
    with open(f"{TOP}/Documentation/netlink/specs/{family}.yaml",
              encoding="utf-8") as f:
        spec = yaml.safe_load(f)
    out = ["# SPDX-License-Identifier: GPL-2.0",
           f"# Made by describe.py from Documentation/netlink/specs/{family}"
           ".yaml", "", "include <linux/net.h>", "include <linux/socket.h>",
           f"include <uapi/linux/{family}.h>", "",
           f"resource genl_{family}_family_id[int16]", "",
           f"syz_genetlink_get_family_id${family}(name ptr[in, "
           f"string[\"{family}\"]], fd sock_nl_generic) "
           f"genl_{family}_family_id", "",
           f"type msghdr_{family}[CMD, POLICY] msghdr_netlink[netlink_msg_t["
           f"genl_{family}_family_id, genlmsghdr_t[CMD], POLICY]]", ""]
    prefix = {one["name"]: upper(family, "a", one["name"])
              for one in spec["attribute-sets"]}
    used = {one["attribute-set"] for one in spec["operations"]["list"]
            if "attribute-set" in one}
    for one in spec["operations"]["list"]:
        if "do" not in one and "dump" not in one:
            continue
        cmd = upper(family, "cmd", one["name"])
        out.append(f"sendmsg${cmd}(fd sock_nl_generic, msg ptr[in, "
                   f"msghdr_{family}[{cmd}, {family}_{one['attribute-set']}]],"
                   " f flags[send_flags])")
    for one in spec["attribute-sets"]:
        if one["name"] not in used:
            continue
        out += ["", f"{family}_{one['name']} ["]
        for about in one["attributes"]:
            if about["type"] in ("pad", "nest"):
                continue
            name = f"{prefix[one['name']]}_{upper(about['name'])}"
            out.append(f"\t{name}\tnlattr["
                       f"{name}, {kind(family, about['name'], about)}]")
        out.append("] [varlen]")
    text = "\n".join(out) + "\n"
    if family == "vrctx":
        text += EXTRA.replace("\\\n", "")
        text += "\ndefine SO_VRCTX\t0x5652\n"
    return text


def missing(family, text):
    """Constants that the headers do not have."""
    with open(f"{TOP}/include/uapi/linux/{family}.h", encoding="ascii") as f:
        header = f.read()
    return [name for name in
            sorted(set(re.findall(rf"\b{family.upper()}_[A-Z0-9_]+", text)))
            if not re.search(rf"\b{name}\b", header)]


def main():
    bad = 0
    for family in ("vrctx", "vr_dhost"):
        text, path = describe(family), f"{HERE}/{family}.txt"
        for name in missing(family, text):
            print(f"{path}: {name} is not in the header")
            bad = 1
        if sys.argv[1:] == ["--check"]:
            with open(path, encoding="ascii") as f:
                if f.read() != text:
                    print(f"{path}: is another one: describe.py")
                    bad = 1
            continue
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
    sys.exit(bad)


main()
