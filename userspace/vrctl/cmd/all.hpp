// SPDX-License-Identifier: GPL-2.0
//
// The commands, one per file.

#pragma once

#include "command.hpp"

namespace vrctl::cmd {

extern const Command add;
extern const Command del;
extern const Command show;
extern const Command rename;
extern const Command link_set;
extern const Command link_show;
extern const Command leak_add;
extern const Command leak_del;
extern const Command leak_show;
extern const Command exec;
extern const Command identify;
extern const Command pids;
extern const Command stats;
extern const Command monitor;
extern const Command dhost_add;
extern const Command dhost_del;
extern const Command dhost_show;
extern const Command dhost_lead;
extern const Command dhost_member;
extern const Command dhost_port;
extern const Command dhost_events;
extern const Command dhost_grant;
extern const Command cluster_status;
extern const Command cluster_members;
extern const Command cluster_ports;
extern const Command cluster_lead;
extern const Command cluster_drain;
extern const Command cluster_watch;
extern const Command cluster_init;
extern const Command cluster_join;

}  // namespace vrctl::cmd
