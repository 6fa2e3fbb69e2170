// SPDX-License-Identifier: GPL-2.0

#include "files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "vr/fd.hpp"

namespace vrctl {
namespace {

vr::Error failed(const std::string &what) {
    return {errno, what, {}};
}

vr::Result<void> make_folders(const std::string &path) {
    for (std::size_t i = path.find('/', 1); i != path.npos;
         i = path.find('/', i + 1))
        if (::mkdir(path.substr(0, i).c_str(), 0755) < 0 && errno != EEXIST)
            return failed("create " + path.substr(0, i));
    return {};
}

vr::Result<void> write_all(int fd, const std::string &data) {
    for (std::size_t done = 0; done < data.size();) {
        ssize_t size = ::write(fd, data.data() + done, data.size() - done);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return failed("");
        done += static_cast<std::size_t>(size);
    }
    // what is not on disk after a crash was not there
    if (::fsync(fd) < 0)
        return failed("");
    return {};
}

// Purpose: the new files beside their places; those that are left when it
// ends are removed.
// Threading: one thread.
// Errors: add() and move().
class Staged {
  public:
    Staged() = default;
    Staged(const Staged &) = delete;
    Staged &operator=(const Staged &) = delete;
    ~Staged() {
        for (const std::string &path : paths_)
            ::unlink(path.c_str());
    }

    vr::Result<void> add(const File &file) {
        if (auto ok = make_folders(file.path); !ok)
            return ok;
        std::string path = file.path + ".XXXXXX";
        vr::Fd fd(::mkostemp(path.data(), O_CLOEXEC));
        if (!fd)
            return failed("create " + path);
        paths_.push_back(path);
        if (auto ok = write_all(fd.get(), file.content); !ok)
            return ok.error().during("write " + file.path);
        if (::fchmod(fd.get(), file.mode) < 0)
            return failed("write " + file.path);
        return {};
    }
    vr::Result<void> move(std::span<const File> files) {
        for (std::size_t i = 0; i < files.size(); i++)
            if (::rename(paths_[i].c_str(), files[i].path.c_str()) < 0)
                return failed("replace " + files[i].path);
        paths_.clear();
        return {};
    }

  private:
    std::vector<std::string> paths_;
};

}  // namespace

vr::Result<std::string> read_file(const std::string &path) {
    char part[65536];
    std::string text;
    vr::Fd opened;
    if (path != "-") {
        opened = vr::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!opened)
            return failed("read " + path);
    }
    int fd = path == "-" ? STDIN_FILENO : opened.get();
    for (;;) {
        ssize_t size = ::read(fd, part, sizeof(part));
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return failed("read " + path);
        if (size == 0)
            return text;
        text.append(part, static_cast<std::size_t>(size));
    }
}

vr::Result<void> write_files(std::span<const File> files) {
    Staged staged;
    for (const File &file : files)
        if (auto ok = staged.add(file); !ok)
            return ok;
    return staged.move(files);
}

}  // namespace vrctl
