// SPDX-License-Identifier: GPL-2.0

#include "netlink.hpp"

#include <linux/genetlink.h>
#include <linux/vrctx.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "place.hpp"

namespace attack {

Message::Message(int type, int flags) {
    nlmsghdr header = {};
    header.nlmsg_type = static_cast<std::uint16_t>(type);
    header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
    raw(&header, sizeof(header));
}

Message &Message::raw(const void *data, std::size_t size) {
    bytes_.append(static_cast<const char *>(data), size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
    return *this;
}

Message &Message::put(int type, std::string_view value) {
    nlattr attr = {};
    attr.nla_type = static_cast<std::uint16_t>(type);
    attr.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + value.size());
    raw(&attr, sizeof(attr));
    return raw(value.data(), value.size());
}

const std::string &Message::finish(std::uint32_t seq) {
    nlmsghdr header;
    std::memcpy(&header, bytes_.data(), sizeof(header));
    header.nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
    header.nlmsg_seq = seq;
    std::memcpy(bytes_.data(), &header, sizeof(header));
    return bytes_;
}

Netlink::Netlink(int protocol)
    : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)),
      buffer_(1 << 16, '\0') {
    if (fd_ < 0)
        fail("netlink socket");
}

Netlink::~Netlink() {
    close(fd_);
}

int Netlink::ask(Message &message, std::vector<std::string> *replies) {
    const std::string &bytes = message.finish(++seq_);
    nlmsghdr asked;
    std::memcpy(&asked, bytes.data(), sizeof(asked));
    if (send(fd_, bytes.data(), bytes.size(), 0) < 0)
        return -errno;
    for (;;) {
        ssize_t size = recv(fd_, buffer_.data(), buffer_.size(), 0);
        if (size < 0)
            return -errno;
        auto left = static_cast<unsigned>(size);
        auto *at = reinterpret_cast<nlmsghdr *>(buffer_.data());
        for (; NLMSG_OK(at, left); at = NLMSG_NEXT(at, left)) {
            if (at->nlmsg_seq != seq_)
                continue;
            if (at->nlmsg_type == NLMSG_ERROR || at->nlmsg_type == NLMSG_DONE) {
                int error = 0;
                if (at->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
                    std::memcpy(&error, NLMSG_DATA(at), sizeof(error));
                return error;
            }
            if (replies)
                replies->emplace_back(reinterpret_cast<char *>(at),
                                      at->nlmsg_len);
        }
    }
}

void Netlink::must(Message &message, const char *what) {
    int error = ask(message);
    if (error)
        throw std::system_error(-error, std::generic_category(), what);
}

std::string_view attribute(const std::string &message, std::size_t header,
                           int type) {
    std::size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(header);
    if (at > message.size())
        return {};
    return nested(std::string_view(message).substr(at), type);
}

std::string_view nested(std::string_view attributes, int type) {
    std::size_t at = 0;
    while (at + NLA_HDRLEN <= attributes.size()) {
        nlattr attr;
        std::memcpy(&attr, attributes.data() + at, sizeof(attr));
        if (attr.nla_len < NLA_HDRLEN || at + attr.nla_len > attributes.size())
            break;
        if ((attr.nla_type & NLA_TYPE_MASK) == type)
            return attributes.substr(at + NLA_HDRLEN,
                                     attr.nla_len - NLA_HDRLEN);
        at += NLA_ALIGN(attr.nla_len);
    }
    return {};
}

namespace {

Message generic(int family, int command) {
    genlmsghdr header = {};
    header.cmd = static_cast<std::uint8_t>(command);
    header.version = 1;
    return Message(family, NLM_F_ACK).head(header);
}

}  // namespace

Family::Family() : netlink_(NETLINK_GENERIC) {
    std::vector<std::string> replies;
    Message message = generic(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
    message.put(CTRL_ATTR_FAMILY_NAME,
                std::string_view(VRCTX_FAMILY_NAME, sizeof(VRCTX_FAMILY_NAME)));
    int error = netlink_.ask(message, &replies);
    if (error || replies.empty())
        throw std::system_error(-error, std::generic_category(),
                                "no family vrctx");
    std::uint16_t number = 0;
    auto value = attribute(replies[0], GENL_HDRLEN, CTRL_ATTR_FAMILY_ID);
    std::memcpy(&number, value.data(), sizeof(number));
    family_ = number;
}

Message Family::request(int command) {
    return generic(family_, command);
}

void Family::make(std::uint32_t ctx) {
    int error = 0;
    for (Deadline deadline(60); deadline.left();) {
        Message message = request(VRCTX_CMD_CTX_NEW);
        message.put(VRCTX_A_CTX_ID, ctx);
        error = netlink_.ask(message);
        if (error != -EBUSY)
            break;
    }
    if (error)
        throw std::system_error(-error, std::generic_category(), "ctx-new");
}

void Family::remove(std::uint32_t ctx) {
    Message message = request(VRCTX_CMD_CTX_DEL);
    message.put(VRCTX_A_CTX_ID, ctx);
    message.put(VRCTX_A_CTX_FORCE, std::string_view());
    netlink_.must(message, "ctx-del");
}

void Family::move(std::uint32_t ifindex, std::uint32_t ctx) {
    Message message = request(VRCTX_CMD_DEV_SET);
    message.put(VRCTX_A_CTX_IFINDEX, ifindex).put(VRCTX_A_CTX_ID, ctx);
    netlink_.must(message, "dev-set");
}

std::uint64_t Family::counter(std::uint32_t ctx, int type) {
    std::vector<std::string> replies;
    Message message = request(VRCTX_CMD_STATS_GET);
    message.put(VRCTX_A_CTX_ID, ctx);
    int error = netlink_.ask(message, &replies);
    if (error || replies.empty())
        throw std::system_error(-error, std::generic_category(), "stats-get");
    std::uint64_t value = 0;
    auto found = attribute(replies[0], GENL_HDRLEN, type);
    std::memcpy(&value, found.data(), std::min(found.size(), sizeof(value)));
    return value;
}

}  // namespace attack
