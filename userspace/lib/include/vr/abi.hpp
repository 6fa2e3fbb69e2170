// SPDX-License-Identifier: GPL-2.0
//
// What the kernel and programs agree on, for systems whose headers are older
// than the kernel.

#pragma once

#include <linux/vrctx.h>
#include <sys/socket.h>

#include <cstdint>

// Socket option at level SOL_SOCKET, a u32: context of a socket that is
// neither bound nor connected, or VRCTX_ANY.
#ifndef SO_VRCTX
#define SO_VRCTX 0x5652
#endif

// Control message at level SOL_SOCKET, a u32: context of one datagram.
#ifndef SCM_VRCTX
#define SCM_VRCTX SO_VRCTX
#endif

namespace vr {

static_assert(SO_VRCTX == 0x5652 && SCM_VRCTX == SO_VRCTX);
static_assert(VRCTX_ID_MAX == 0x00ffffff);
static_assert(VRCTX_TABLE_BASE == 0x01000000);
static_assert(VRCTX_ANY == UINT32_MAX);

// Name under which programs show context 0; no other context may have it.
inline constexpr char default_name[] = "default";

}  // namespace vr
