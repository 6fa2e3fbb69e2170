// SPDX-License-Identifier: GPL-2.0
//
// Files that are written all or not at all.

#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "vr/result.hpp"

namespace vrctl {

struct File {
    std::string path;
    std::string content;
    mode_t mode = 0644;
};

// "-": standard input
vr::Result<std::string> read_file(const std::string &path);

// Makes the folders, writes each file beside its place, and when all are on
// disk moves them there. After a failure to write, all is as it was.
vr::Result<void> write_files(std::span<const File> files);

}  // namespace vrctl
