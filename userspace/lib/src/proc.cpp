// SPDX-License-Identifier: GPL-2.0

#include "vr/proc.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "vr/abi.hpp"
#include "vr/fd.hpp"

namespace vr {
namespace {

Result<Fd> open_file(const char *path, int mode) {
    Fd fd(::open(path, mode | O_CLOEXEC));
    if (fd)
        return fd;
    if (errno == ENOENT)
        return Error{ENOENT, {}, "this kernel has none (CONFIG_NET_VRCTX)"};
    return Error{errno, {}, {}};
}

Result<Membership> decode(std::string_view line) {
    Error malformed{EBADMSG, {}, "malformed line"};
    std::size_t blank = line.find(' ');

    if (blank == line.npos || line.back() != '\n')
        return malformed;
    auto id = parse_number(line.substr(0, blank), VRCTX_ID_MAX);
    if (!id)
        return malformed;
    std::string name(line.substr(blank + 1, line.size() - blank - 2));
    return Membership{*id, name == "-" ? "" : name};
}

}  // namespace

Result<void> enter_context(const Ref &ref, const char *path) {
    std::string attempt = "enter context " + ref.text();
    auto fd = open_file(path, O_WRONLY);
    if (!fd)
        return fd.error().during(attempt);

    // In one piece: the kernel takes each write() as a whole context.
    std::string text = ref.text();
    if (::write(fd->get(), text.data(), text.size()) >= 0)
        return {};
    Error error{errno, attempt, {}};
    if (error.code == ENOENT)
        error.why = "no such context";
    else if (error.code == EBUSY)
        error.why = "the task uses io_uring";
    return error;
}

Result<Membership> current_context(const char *path) {
    static const char attempt[] = "read the own context";
    auto fd = open_file(path, O_RDONLY);
    if (!fd)
        return fd.error().during(attempt);

    std::array<char, 64> line;  // 8 digits, blank, 31 bytes of name, newline
    ssize_t size = ::read(fd->get(), line.data(), line.size());
    if (size < 0)
        return Error{errno, attempt, {}};
    auto own = decode({line.data(), static_cast<std::size_t>(size)});
    if (!own)
        return own.error().during(attempt);
    return own;
}

}  // namespace vr
