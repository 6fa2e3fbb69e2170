// SPDX-License-Identifier: GPL-2.0

#include "vr/stats.hpp"

#include "codec.hpp"

namespace vr {
namespace {

Result<Stats> decode(const netlink::Attrs &attrs) {
    auto ok = attrs.require({VRCTX_A_CTX_ID, VRCTX_A_CTX_RX_PACKETS,
                             VRCTX_A_CTX_TX_PACKETS, VRCTX_A_CTX_FWD_PACKETS,
                             VRCTX_A_CTX_NO_ROUTE, VRCTX_A_CTX_WRONG_CTX});
    if (!ok)
        return ok.error();
    return Stats{
        .id = attrs.u32(VRCTX_A_CTX_ID),
        .name = codec::context_name(attrs),
        .rx_packets = attrs.u64(VRCTX_A_CTX_RX_PACKETS),
        .tx_packets = attrs.u64(VRCTX_A_CTX_TX_PACKETS),
        .fwd_packets = attrs.u64(VRCTX_A_CTX_FWD_PACKETS),
        .no_route = attrs.u64(VRCTX_A_CTX_NO_ROUTE),
        .wrong_ctx = attrs.u64(VRCTX_A_CTX_WRONG_CTX),
    };
}

}  // namespace

Result<Stats> get_stats(Client &client, const Ref &ref) {
    return codec::during(
        codec::get<Stats>(
            client, codec::command(client, VRCTX_CMD_STATS_GET, ref), decode),
        "count packets of context " + ref.text());
}

Result<std::vector<Stats>> list_stats(Client &client) {
    return codec::during(
        codec::list<Stats>(client, codec::command(client, VRCTX_CMD_STATS_GET),
                           decode),
        "count packets");
}

}  // namespace vr
