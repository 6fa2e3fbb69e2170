// SPDX-License-Identifier: GPL-2.0

#include "nat.hpp"

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <stdexcept>

namespace attack {

namespace {

// Purpose: libnftables, which is there where nft is; its headers need not be.
// Threading: one thread.
// Errors: std::runtime_error.
struct Library {
    Library() : handle(dlopen("libnftables.so.1", RTLD_NOW)) {
        if (!handle)
            throw std::runtime_error(dlerror());
        load(create, "nft_ctx_new");
        load(destroy, "nft_ctx_free");
        load(run, "nft_run_cmd_from_buffer");
        load(buffer_output, "nft_ctx_buffer_output");
        load(buffer_error, "nft_ctx_buffer_error");
        load(output, "nft_ctx_get_output_buffer");
        load(error, "nft_ctx_get_error_buffer");
    }

    template <typename T>
    void load(T *&function, const char *name) {
        function = reinterpret_cast<T *>(dlsym(handle, name));
        if (!function)
            throw std::runtime_error(dlerror());
    }

    void *handle;
    void *(*create)(std::uint32_t flags);
    void (*destroy)(void *context);
    int (*run)(void *context, const char *command);
    int (*buffer_output)(void *context);
    int (*buffer_error)(void *context);
    const char *(*output)(void *context);
    const char *(*error)(void *context);
};

const Library &library() {
    static const Library one;
    return one;
}

}  // namespace

// Its socket is of the namespace it is made in
struct Nft {
    Nft() : context(library().create(0)) {
        library().buffer_output(context);
        library().buffer_error(context);
    }
    ~Nft() { library().destroy(context); }
    Nft(const Nft &) = delete;
    Nft &operator=(const Nft &) = delete;

    void *context;
};

Rules::Rules(const Place &host, bool shares, unsigned number, bool six)
    : loader_(host.netns, 0),
      table_(std::string(six ? "ip6" : "ip") + " h" + std::to_string(number)) {
    constexpr std::uint32_t first_table = 0x01000000;
    if (shares)
        match_ = "meta sdif " +
                 std::to_string(host.ctx ? first_table + host.ctx : 0) + " ";
    loader_.enter();
    nft_ = std::make_unique<Nft>();
    // Connections are tracked from the first rule on that needs them, of
    // whichever context: so there is one at once
    run("table " + table_ +
        " {\n"
        "chain track { type filter hook forward priority 0; ct state new; }\n"
        "chain pre { type nat hook prerouting priority -100; }\n"
        "chain in { type nat hook input priority 100; }\n"
        "chain out { type nat hook output priority -100; }\n"
        "chain post { type nat hook postrouting priority 100; }\n"
        "}\n");
}

Rules::~Rules() {
    // A namespace takes its own along
    if (match_.empty())
        return;
    try {
        run("delete table " + table_);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "# %s\n", error.what());
    }
}

std::string Rules::run(const std::string &command) {
    loader_.enter();
    if (library().run(nft_->context, command.c_str()))
        throw std::runtime_error(command + ": " +
                                 library().error(nft_->context));
    return library().output(nft_->context);
}

void Rules::add(const std::string &chain, const std::string &rule) {
    run("add rule " + table_ + " " + chain + " " + match_ + rule);
}

void Rules::flush() {
    std::string all;
    for (const char *chain : {"pre", "in", "out", "post"})
        all += "flush chain " + table_ + " " + chain + "\n";
    run(all);
}

std::string Rules::list() {
    std::string text = run("list table " + table_);
    if (match_.empty())
        return text;
    for (std::size_t at = 0; (at = text.find(match_, at)) != std::string::npos;)
        text.erase(at, match_.size());
    return text;
}

}  // namespace attack
