// SPDX-License-Identifier: GPL-2.0
//
// Making a cluster: the files of corosync and vrd, and what the other nodes
// make theirs of.

#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>
#include <filesystem>

#include "cmd/all.hpp"
#include "files.hpp"
#include "plan.hpp"

namespace vrctl::cmd {
namespace {

constexpr char corosync_path[] = "/etc/corosync/corosync.conf";
constexpr char key_path[] = "/etc/corosync/authkey";
constexpr char vrd_path[] = "/etc/vrctx/vrd.toml";
constexpr char bundle_path[] = "/etc/vrctx/cluster.json";
constexpr std::size_t key_size = 256;

constexpr Option force_option{"-f,--force", nullptr, "overwrite what is there",
                              &Args::force, nullptr};
constexpr Option root_option{"-r,--root", "DIR", "write below DIR", nullptr,
                             &Args::root};
constexpr Option options[] = {force_option, root_option};

vr::Result<std::string> make_key() {
    std::string key(key_size, '\0');
    if (::getrandom(key.data(), key.size(), 0) !=
        static_cast<ssize_t>(key.size()))
        return vr::Error{errno, "make a key", {}};
    return key;
}

// A package brings a corosync.conf of one node that talks to itself: nobody's
// cluster.
bool is_example(const std::string &path) {
    auto text = read_file(path);
    if (!text || !path.ends_with(corosync_path))
        return false;
    std::size_t at = text->find("\n\t\tring0_addr: 127.0.0.1\n");
    return at != text->npos &&
           text->find("ring0_addr:", at) == text->rfind("ring0_addr:");
}

// The files of this node, and others
vr::Result<int> configure(const Env &env, const Args &args,
                          const plan::Plan &plan, const std::string &key,
                          std::vector<File> files) {
    auto here = env.system.interfaces();
    if (!here)
        return here.error();
    auto self = plan::find_self(plan, *here);
    if (!self)
        return self.error();
    files.push_back({corosync_path, plan::corosync_conf(plan), 0644});
    files.push_back({key_path, key, 0400});
    files.push_back({vrd_path, plan::vrd_toml(plan), 0644});
    for (File &file : files) {
        file.path = args.root + file.path;
        std::error_code error;
        auto there = std::filesystem::symlink_status(file.path, error);
        if (std::filesystem::exists(there) && !args.force &&
            !is_example(file.path))
            return vr::Error{EEXIST, file.path,
                             "it is there; -f overwrites it"};
    }
    if (auto ok = write_files(files); !ok)
        return ok.error();

    std::string text = fmt::format("This is node {} of {}. Written:\n", *self,
                                   plan.nodes.size());
    for (const File &file : files)
        text += "  " + file.path + "\n";
    env.print(text);
    return exit_ok;
}

vr::Result<int> run_init(const Env &env, const Args &args) {
    if (auto why = plan::misuse(args.words); !why.empty())
        return env.usage(&cluster_init, why);
    auto plan = plan::parse(args.words);
    if (!plan)
        return plan.error();
    auto key = make_key();
    if (!key)
        return key.error();
    File bundle{bundle_path, plan::to_json({args.words, *key}), 0600};
    auto done = configure(env, args, *plan, *key, {bundle});
    if (done)
        env.print(fmt::format(
            "On each other node: vrctl cluster join FILE, with a copy of the\n"
            "first; it has the key of the cluster in it. Then start corosync\n"
            "and vrd on all, and give them the address {} on {}.\n",
            vr::dhost::text(plan->address), plan->device));
    return done;
}

vr::Result<int> run_join(const Env &env, const Args &args) {
    const std::string &path = args.words[0];
    auto text = read_file(path);
    if (!text)
        return text.error();
    auto bundle = plan::from_json(*text);
    if (!bundle)
        return bundle.error().during(path);
    std::string why =
        bundle->words.empty() ? "it is empty" : plan::misuse(bundle->words);
    if (!why.empty())
        return vr::Error{EINVAL, path, "the plan in it is wrong: " + why};
    auto plan = plan::parse(bundle->words);
    if (!plan)
        return plan.error().during(path);
    return configure(env, args, *plan, bundle->key, {});
}

}  // namespace

const Command cluster_init{
    .name = "cluster init",
    .synopsis =
        "ADDR dev DEV [ctx N] [token MS] node N ring ADDR lladdr MAC "
        "[priority N] [votes N] [slice MIN-MAX] node ...",
    .summary = "configure corosync and vrd here, and a file for other nodes",
    .min_words = 1,
    .max_words = 1024,
    .options = options,
    .run = run_init,
};

const Command cluster_join{
    .name = "cluster join",
    .synopsis = "FILE",
    .summary = "configure corosync and vrd here as init said",
    .min_words = 1,
    .max_words = 1,
    .options = options,
    .run = run_join,
};

}  // namespace vrctl::cmd
