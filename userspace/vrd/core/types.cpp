// SPDX-License-Identifier: GPL-2.0

#include "types.hpp"

#include <arpa/inet.h>

namespace vrd {

std::string text(const Host &host) {
    char buffer[INET6_ADDRSTRLEN] = "";
    inet_ntop(host.family == 6 ? AF_INET6 : AF_INET, host.address.data(),
              buffer, sizeof(buffer));
    return std::string(buffer) +
           (host.context ? "@" + std::to_string(host.context) : "");
}

std::string text(const Key &key) {
    std::string protocol = key.protocol == 6    ? "tcp"
                           : key.protocol == 17 ? "udp"
                                                : std::to_string(key.protocol);
    return text(key.host) + " " + protocol + "/" + std::to_string(key.port);
}

std::string text(const std::vector<Node> &nodes) {
    std::string out;
    for (Node node : nodes)
        out += (out.empty() ? "" : ",") + std::to_string(node);
    return out.empty() ? "none" : out;
}

std::string text(const std::set<Node> &nodes) {
    return text(std::vector<Node>(nodes.begin(), nodes.end()));
}

std::string address(const Host &host) {
    return text(Host{0, host.family, host.address});
}

}  // namespace vrd
