// SPDX-License-Identifier: GPL-2.0

#include "cluster.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace vrctl::cluster {
namespace {

using Json = nlohmann::ordered_json;

constexpr char default_path[] = "/run/vrctx/vrd.sock";
constexpr char attempt[] = "ask vrd";

Field field(const char *key, const Json &value) {
    if (value.is_boolean())
        return {key, value.get<bool>() ? std::string("yes") : "no"};
    if (value.is_number_unsigned())
        return {key, value.get<std::uint64_t>()};
    if (value.is_string())
        return {key, value.get<std::string>()};
    return {key, std::monostate()};
}

vr::Error malformed() {
    return {EBADMSG, attempt, "malformed answer"};
}

}  // namespace

const Option socket_option{"-s,--socket", "PATH", "where vrd listens", nullptr,
                           &Args::socket};
const Option options[2]{json_option, socket_option};

vr::Result<Connection> Connection::ask(const Args &args,
                                       std::string_view request) {
    const std::string path = args.socket.empty() ? default_path : args.socket;
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    if (path.size() >= sizeof(at.sun_path))
        return vr::Error{ENAMETOOLONG, path, {}};
    std::memcpy(at.sun_path, path.data(), path.size());

    vr::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd)
        return vr::Error{errno, attempt, {}};
    if (::connect(fd.get(), reinterpret_cast<sockaddr *>(&at), sizeof(at)) <
        0) {
        bool absent = errno == ENOENT || errno == ECONNREFUSED;
        return vr::Error{errno, attempt,
                         absent ? "it is not running (" + path + ")" : ""};
    }
    std::string line = std::string(request) + "\n";
    if (::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(line.size()))
        return vr::Error{errno, attempt, {}};
    return Connection(std::move(fd));
}

vr::Result<std::optional<std::string>> Connection::line() {
    char part[65536];
    std::size_t end = 0;

    while ((end = buffer_.find('\n')) == std::string::npos) {
        ssize_t size = ::recv(fd_.get(), part, sizeof(part), 0);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return vr::Error{errno, attempt, {}};
        if (size == 0)
            return std::optional<std::string>();
        buffer_.append(part, static_cast<std::size_t>(size));
    }
    std::optional<std::string> one = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    return one;
}

vr::Result<std::string> answer(const Args &args, std::string_view request) {
    auto connection = Connection::ask(args, request);
    if (!connection)
        return connection.error();
    auto line = connection->line();
    if (!line)
        return line.error();
    if (!*line)
        return vr::Error{ECONNRESET, attempt, "it ended"};
    Json json = Json::parse(**line, nullptr, false);
    if (json.is_discarded())
        return malformed();
    if (json.is_object() && json.contains("error"))
        return vr::Error{EBUSY, {}, json["error"].get<std::string>()};
    return **line;
}

vr::Result<std::vector<Record>> records(const std::string &line,
                                        std::span<const char *const> keys) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_object())
        json = Json::array({json});
    if (!json.is_array())
        return malformed();
    std::vector<Record> list;
    for (const Json &one : json) {
        if (!one.is_object())
            return malformed();
        Record &record = list.emplace_back();
        for (const char *key : keys)
            record.push_back(one.contains(key) ? field(key, one[key])
                                               : Field{key, {}});
    }
    return list;
}

}  // namespace vrctl::cluster
