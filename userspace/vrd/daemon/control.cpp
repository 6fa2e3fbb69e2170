// SPDX-License-Identifier: GPL-2.0

#include "control.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "log.hpp"

namespace vrd {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t request_max = 200;
constexpr std::uint64_t drain_ms = 10000;
constexpr std::uint64_t deaf_ms = 100;

vr::Error failed(const std::string &what) {
    return {errno, what, {}};
}

const char *name(Machine::Phase phase) {
    switch (phase) {
        case Machine::Phase::detached:
            return "detached";
        case Machine::Phase::exchange:
            return "exchange";
        case Machine::Phase::inactive:
            return "no-quorum";
        case Machine::Phase::active:
            break;
    }
    return "active";
}

// The same on all members when nothing is under way
std::string database(const Version &version) {
    std::array<char, 3 * 16 + 3> text{};
    std::snprintf(text.data(), text.size(), "%" PRIx64 ".%" PRIx64 ".%" PRIx64,
                  version.base, version.sequence, version.hash);
    return text.data();
}

Json status(const Machine &machine) {
    const View &view = machine.view();
    bool active = machine.phase() == Machine::Phase::active;
    return Json{
        {"node", machine.setup().self},
        {"state",
         active && !machine.serving() ? "joining" : name(machine.phase())},
        {"quorate", machine.quorate()},
        {"members", machine.members().size()},
        {"nodes", machine.setup().rules.votes.size()},
        {"lead", active ? view.lead : 0},
        {"epoch", view.epoch},
        {"ports", machine.database().size()},
        {"database", database(machine.version())},
        {"sockets", machine.sockets().all().size()},
        {"conflicts", machine.conflicts().size()},
        {"draining", machine.standing().draining},
    };
}

Json members(const Machine &machine) {
    Json list = Json::array();
    const View &view = machine.view();
    for (const auto &[node, votes] : machine.setup().rules.votes) {
        auto member = view.members.find(node);
        bool there = machine.members().contains(node);
        bool known = there && member != view.members.end();
        const char *state =
            !there ? view.limbo.contains(node) ? "no-daemon" : "absent"
            : view.synced.contains(node) ? "member"
                                         : "joining";
        list.push_back({
            {"node", node},
            {"state", state},
            {"lead",
             machine.phase() == Machine::Phase::active && view.lead == node},
            {"votes", votes},
            {"priority", known ? Json(member->second.priority) : Json()},
            {"link",
             known ? Json(member->second.link ? "up" : "down") : Json()},
            {"draining", known ? Json(member->second.draining) : Json()},
        });
    }
    return list;
}

Json ports(const Machine &machine) {
    Json list = Json::array();
    for (const Entry &entry : machine.database().entries())
        list.push_back({
            {"address", address(entry.key.host)},
            {"ctx", entry.key.host.context},
            {"protocol", entry.key.protocol == 6    ? "tcp"
                         : entry.key.protocol == 17 ? "udp"
                                                    : "other"},
            {"port", entry.key.port},
            {"node", entry.node},
            {"shared", entry.shared},
        });
    return list;
}

Json lead(const Machine &machine) {
    bool active = machine.phase() == Machine::Phase::active;
    return Json{
        {"lead", active ? machine.view().lead : 0},
        {"epoch", machine.view().epoch},
        {"this", machine.told_lead() == machine.setup().self},
    };
}

Json error(const std::string &why) {
    return Json{{"error", why}};
}

std::string line(const Json &json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

vr::Result<Control> Control::open(const std::string &where) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    if (where.size() >= sizeof(at.sun_path))
        return vr::Error{ENAMETOOLONG, where, {}};
    std::memcpy(at.sun_path, where.data(), where.size());

    vr::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd)
        return failed("control socket");
    // One that answers is that of another daemon; else it is left over.
    vr::Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (probe && ::connect(probe.get(), reinterpret_cast<sockaddr *>(&at),
                           sizeof(at)) == 0)
        return vr::Error{EADDRINUSE, where, "another vrd is running"};
    ::unlink(where.c_str());
    mode_t before = ::umask(0177);
    int bound = ::bind(fd.get(), reinterpret_cast<sockaddr *>(&at), sizeof(at));
    ::umask(before);
    if (bound < 0 || ::listen(fd.get(), 16) < 0)
        return failed(where);
    return Control(std::move(fd));
}

// ---- clients ----

void Control::wait_for(std::vector<pollfd> &fds) const {
    if (!deaf_until_)
        fds.push_back({listener_.get(), POLLIN, 0});
    for (const Client &client : clients_)
        fds.push_back({client.fd.get(),
                       static_cast<short>(
                           client.answer.empty() ? POLLIN : POLLIN | POLLOUT),
                       0});
}

void Control::happened(std::span<const pollfd> fds, Machine &machine,
                       std::uint64_t now_ms) {
    bool more = false;
    for (const pollfd &one : fds) {
        more = more || (one.fd == listener_.get() && one.revents);
        auto client = std::ranges::find_if(clients_, [&](const Client &any) {
            return any.fd.get() == one.fd;
        });
        if (client == clients_.end())
            continue;
        if (one.revents & (POLLIN | POLLHUP | POLLERR))
            read(*client, machine, now_ms);
        if (one.revents & POLLOUT)
            write(*client);
    }
    std::erase_if(clients_, [](const Client &one) { return one.gone; });
    if (more)
        accept(now_ms);
}

void Control::accept(std::uint64_t now_ms) {
    vr::Fd fd(::accept4(listener_.get(), nullptr, nullptr,
                        SOCK_CLOEXEC | SOCK_NONBLOCK));
    // Who asks waits. The machine goes on, which needs no further one.
    if (!fd && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
        warn("control", failed("nobody can ask").text());
        deaf_until_ = now_ms + deaf_ms;
    }
    if (fd && clients_.size() < clients_max)
        clients_.push_back({std::move(fd)});
}

void Control::write(Client &client) {
    while (!client.answer.empty()) {
        ssize_t size = ::send(client.fd.get(), client.answer.data(),
                              client.answer.size(), MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0) {
            client.gone = errno != EAGAIN;
            return;
        }
        client.answer.erase(0, static_cast<std::size_t>(size));
    }
    client.gone = client.last;
}

void Control::answer(Client &client, const std::string &line, bool last) {
    client.answer += line;
    client.last = last;
    if (!last && client.answer.size() > watch_max)
        client.gone = true;
    else
        write(client);
}

void Control::read(Client &client, Machine &machine, std::uint64_t now_ms) {
    char buffer[request_max];
    ssize_t size = ::recv(client.fd.get(), buffer, sizeof(buffer), 0);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        client.gone = true;
        return;
    }
    if (client.last || client.watches || client.drains_until)
        return;  // it was asked already
    client.request.append(buffer, static_cast<std::size_t>(size));
    std::size_t end = client.request.find('\n');
    if (end != std::string::npos) {
        client.request.resize(end);
        run(client, machine, now_ms);
    } else if (client.request.size() >= request_max) {
        answer(client, line(error("the request is too long")));
    }
}

void Control::run(Client &client, Machine &machine, std::uint64_t now_ms) {
    const std::string &request = client.request;

    if (request == "status") {
        answer(client, line(Json::array({status(machine)})));
    } else if (request == "members") {
        answer(client, line(members(machine)));
    } else if (request == "ports") {
        answer(client, line(ports(machine)));
    } else if (request == "lead") {
        answer(client, line(Json::array({lead(machine)})));
    } else if (request == "watch") {
        client.watches = true;
        answer(client,
               line(Json{{"event", "state"}, {"text", name(machine.phase())}}),
               false);
    } else if (request == "drain on") {
        machine.drain(true);
        client.drains_until = now_ms + drain_ms;
    } else if (request == "drain off") {
        machine.drain(false);
        answer(client, line(Json::array()));
    } else {
        answer(client, line(error("'" + request + "' is no request")));
    }
}

bool Control::waits() const {
    return deaf_until_ || std::ranges::any_of(clients_, [](const Client &one) {
               return one.drains_until != 0;
           });
}

void Control::look(const Machine &machine, std::uint64_t now_ms) {
    if (now_ms >= deaf_until_)
        deaf_until_ = 0;
    for (Client &client : clients_) {
        std::string why;
        if (!client.drains_until)
            continue;
        if (machine.told_lead() == machine.setup().self) {
            if (machine.members().size() < 2)
                why = "there is no other node that could be the lead";
            else if (now_ms >= client.drains_until)
                why = "no other node became the lead in time";
            else
                continue;
        }
        client.drains_until = 0;
        answer(client, why.empty() ? line(Json::array()) : line(error(why)));
    }
}

void Control::tell(const Note &note) {
    if (std::ranges::none_of(clients_, &Client::watches))
        return;
    const char *event = note.level == Note::Level::warning ? "warning" : "info";
    Json said{{"event", event}, {"name", note.name}, {"text", note.text}};
    for (const auto &field : note.fields)
        std::visit([&](const auto &one) { said[field.first] = one; },
                   field.second);
    for (Client &client : clients_)
        if (client.watches)
            answer(client, line(said), false);
}

}  // namespace vrd
