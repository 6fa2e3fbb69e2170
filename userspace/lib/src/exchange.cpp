// SPDX-License-Identifier: GPL-2.0

#include "exchange.hpp"

#include <libmnl/libmnl.h>

#include <cerrno>
#include <vector>

#include "attrs.hpp"

namespace vr::netlink {
namespace {

constexpr int dump_attempts = 16;

Error malformed(const char *why) {
    return {EBADMSG, {}, std::string("malformed reply: ") + why};
}

// The text among the attributes of a refusal. One that cannot be read costs
// the text, never the error number.
std::string extack_text(std::span<const std::byte> attributes) {
    static constexpr Kind kinds[] = {Kind::any, Kind::string};
    static_assert(NLMSGERR_ATTR_MSG == 1);

    auto attrs = Attrs::parse(attributes, kinds);
    return attrs ? attrs->string(NLMSGERR_ATTR_MSG) : std::string();
}

// Verdict in an NLMSG_ERROR or NLMSG_DONE message
Result<void> verdict(const nlmsghdr &message) {
    bool done = message.nlmsg_type == NLMSG_DONE;
    std::span payload(
        static_cast<const std::byte *>(mnl_nlmsg_get_payload(&message)),
        mnl_nlmsg_get_payload_len(&message));

    if (done && payload.empty())
        return {};
    if (payload.size() < (done ? sizeof(int) : sizeof(nlmsgerr)))
        return malformed("verdict cut off");

    int code = *reinterpret_cast<const int *>(payload.data());
    if (code == 0)
        return {};
    if (code > 0)
        return malformed("error number above 0");

    Error error{-code, {}, {}};
    if (!(message.nlmsg_flags & NLM_F_ACK_TLVS))
        return error;

    std::size_t skip = sizeof(int);
    if (!done) {
        const auto *ack = reinterpret_cast<const nlmsgerr *>(payload.data());
        skip = sizeof(nlmsgerr);
        // Without NLM_F_CAPPED the whole request comes back first.
        if (!(message.nlmsg_flags & NLM_F_CAPPED) &&
            ack->msg.nlmsg_len > sizeof(nlmsghdr))
            skip +=
                MNL_ALIGN(std::size_t{ack->msg.nlmsg_len} - sizeof(nlmsghdr));
    }
    if (skip < payload.size())
        error.why = extack_text(payload.subspan(skip));
    return error;
}

struct Outcome {
    bool finished = false;
    bool interrupted = false;
    Result<void> verdict;
    Result<void> visit;  // first failure of the visitor
};

// One message that may belong to the transaction
void take(const nlmsghdr &message, std::uint32_t sequence, const Visitor &visit,
          Outcome &outcome) {
    if (message.nlmsg_seq != sequence || outcome.finished)
        return;
    if (message.nlmsg_flags & NLM_F_DUMP_INTR)
        outcome.interrupted = true;

    if (message.nlmsg_type == NLMSG_ERROR || message.nlmsg_type == NLMSG_DONE) {
        outcome.verdict = verdict(message);
        outcome.finished = true;
    } else if (message.nlmsg_type >= NLMSG_MIN_TYPE && visit && outcome.visit) {
        outcome.visit = visit(message);
    }
}

Result<bool> transact(Socket &socket, Message &message, std::uint16_t flags,
                      const Visitor &visit) {
    if (message.overflow())
        return Error{EMSGSIZE, {}, {}};

    std::uint32_t sequence = socket.next_sequence();
    message.header()->nlmsg_flags = NLM_F_REQUEST | flags;
    message.header()->nlmsg_seq = sequence;
    if (auto sent = socket.send(message.bytes()); !sent)
        return sent.error();

    // The end is read even if the visitor fails on the way, so that the
    // socket is left clean.
    std::vector<std::byte> buffer(buffer_size);
    Outcome outcome;
    while (!outcome.finished) {
        auto got = socket.receive(buffer);
        if (!got)
            return got.error();

        auto whole = each_message(std::span(buffer).first(*got),
                                  [&](const nlmsghdr &part) {
                                      take(part, sequence, visit, outcome);
                                      return Result<void>();
                                  });
        if (!whole)
            return whole.error();
    }
    if (!outcome.verdict)
        return outcome.verdict.error();
    if (!outcome.visit)
        return outcome.visit.error();
    return outcome.interrupted;
}

}  // namespace

Result<void> each_message(std::span<const std::byte> datagram,
                          const Visitor &visit) {
    const auto *message = reinterpret_cast<const nlmsghdr *>(datagram.data());
    int left = static_cast<int>(datagram.size());

    while (left > 0) {
        if (!mnl_nlmsg_ok(message, left))
            return malformed("message cut off");
        if (auto ok = visit(*message); !ok)
            return ok;
        message = mnl_nlmsg_next(message, &left);
    }
    return {};
}

Result<void> request(Socket &socket, Message &message, const Visitor &visit) {
    auto done = transact(socket, message, NLM_F_ACK, visit);
    if (!done)
        return done.error();
    return {};
}

Result<void> dump(Socket &socket, Message &message, const Visitor &visit,
                  const std::function<void()> &restart) {
    for (int i = 0; i < dump_attempts; i++) {
        restart();
        auto interrupted = transact(socket, message, NLM_F_DUMP, visit);
        if (!interrupted)
            return interrupted.error();
        if (!*interrupted)
            return {};
    }
    return Error{EAGAIN, {}, "the list keeps changing"};
}

}  // namespace vr::netlink
