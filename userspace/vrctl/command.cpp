// SPDX-License-Identifier: GPL-2.0

#include "command.hpp"

#include <fmt/format.h>
#include <linux/netlink.h>

#include <cerrno>

#include "cmd/all.hpp"

namespace vrctl {

const Option json_option{"-j,--json", nullptr, "print JSON", &Args::json,
                         nullptr};

std::span<const Command *const> commands() {
    static const Command *const table[] = {
        &cmd::add,
        &cmd::del,
        &cmd::show,
        &cmd::rename,
        &cmd::link_set,
        &cmd::link_show,
        &cmd::leak_add,
        &cmd::leak_del,
        &cmd::leak_show,
        &cmd::exec,
        &cmd::identify,
        &cmd::pids,
        &cmd::stats,
        &cmd::monitor,
        &cmd::dhost_add,
        &cmd::dhost_del,
        &cmd::dhost_show,
        &cmd::dhost_lead,
        &cmd::dhost_member,
        &cmd::dhost_port,
        &cmd::dhost_events,
        &cmd::dhost_grant,
        &cmd::cluster_status,
        &cmd::cluster_members,
        &cmd::cluster_ports,
        &cmd::cluster_lead,
        &cmd::cluster_drain,
        &cmd::cluster_watch,
        &cmd::cluster_init,
        &cmd::cluster_join,
    };
    return table;
}

vr::Result<vr::Client> Env::client() const {
    auto socket = system.open(NETLINK_GENERIC);
    if (!socket)
        return socket.error();
    return vr::Client::open(*std::move(socket));
}

vr::Result<vr::Client> Env::dhost_client() const {
    auto socket = system.open(NETLINK_GENERIC);
    if (!socket)
        return socket.error();
    return vr::Client::open_dhost(*std::move(socket));
}

void Env::print(std::string_view text) const {
    std::fwrite(text.data(), 1, text.size(), out_);
}

void Env::print(const Args &args, std::span<const Record> records) const {
    print(args.json ? to_json(records) : to_text(records));
}

vr::Result<void> Env::flush() const {
    if (std::fflush(out_) == 0 && !std::ferror(out_))
        return {};
    return vr::Error{errno, "write the output", {}};
}

int Env::fail(const vr::Error &error) const {
    std::fputs(fmt::format("vrctl: {}\n", error.text()).c_str(), err_);
    return exit_refused;
}

int Env::usage(const Command *command, const std::string &message) const {
    std::string line =
        command ? fmt::format("{} {}", command->name, command->synopsis)
                : "[-j] COMMAND ... | -b FILE";
    std::fputs(fmt::format("vrctl: {}\nUsage: vrctl {}\n"
                           "See vrctl{}{} --help\n",
                           message, line, command ? " " : "",
                           command ? command->name : "")
                   .c_str(),
               err_);
    return exit_usage;
}

}  // namespace vrctl
