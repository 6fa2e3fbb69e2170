// SPDX-License-Identifier: GPL-2.0
//
// "vrctl cluster init" and "join": what they write, and what they refuse.

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "cli_fixture.hpp"
#include "cmocka.hpp"
#include "daemon/config.hpp"
#include "plan.hpp"

namespace {

using Words = std::vector<std::string>;

std::string root;
std::string text;

vrctl::Interface device(const char *name, const char *lladdr, const char *ip) {
    return {name, *vr::dhost::parse_mac(lladdr), {*vr::dhost::parse_ip(ip)}};
}

// This machine is node 2.
int begin(void **state) {
    setup(state);
    root = "/tmp/vrctl-test-XXXXXX";
    if (!mkdtemp(root.data()))
        return -1;
    fixture->system.devices = {device("eth0", "02:00:00:00:00:02", "10.0.0.12"),
                               device("ic0", "02:00:00:00:01:02", "10.1.0.2")};
    return 0;
}

int end(void **state) {
    std::filesystem::remove_all(root);
    return teardown(state);
}

Words split(const std::string &line) {
    std::istringstream in(line);
    return {std::istream_iterator<std::string>(in), {}};
}

const std::string one = "node 1 ring 10.1.0.1 lladdr 02:00:00:00:00:01";
const std::string two = "node 2 ring 10.1.0.2 lladdr 02:00:00:00:00:02";
const std::string good = "10.0.0.1 dev eth0 " + one + " " + two;

int run(const std::string &line) {
    Words words = split("cluster " + line + " -r " + root);
    return fixture->run(words);
}

int init(const std::string &line) {
    return run("init " + line);
}

std::string path(const char *name) {
    return root + name;
}

const char *content(const char *name) {
    std::ifstream file(path(name));
    std::ostringstream all;
    all << file.rdbuf();
    text = all.str();
    return text.c_str();
}

int mode(const char *name) {
    struct stat is {};
    return stat(path(name).c_str(), &is) < 0 ? -1 : is.st_mode & 0777;
}

void put(const char *name, const std::string &what) {
    std::filesystem::create_directories(
        std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name)) << what;
}

// How many files there are
int files() {
    int count = 0;
    for (const auto &entry :
         std::filesystem::recursive_directory_iterator(root))
        count += entry.is_regular_file();
    return count;
}

constexpr char conf[] = "/etc/corosync/corosync.conf";
constexpr char key[] = "/etc/corosync/authkey";
constexpr char toml[] = "/etc/vrctx/vrd.toml";
constexpr char bundle[] = "/etc/vrctx/cluster.json";

bool understood() {
    auto config = vrd::parse_config(content(toml));
    if (!config)
        return false;
    vrd::Setup setup = config->setup();
    return config->node == 0 && config->addresses.size() == 1 &&
           config->addresses[0].key.context == 7 &&
           config->addresses[0].device == "eth0" &&
           config->addresses[0].lladdrs.at(1)[5] == 1 &&
           setup.rules.votes ==
               std::map<vrd::Node, std::uint32_t>{{1, 3}, {2, 1}} &&
           config->peers.at(1).priority == 100 &&
           config->peers.at(2).priority == 7 && setup.slices.size() == 1 &&
           setup.slices.at(2).min == 20000 && setup.slices.at(2).max == 29999;
}

// vrd reads what was written.
void files_of_init(void **) {
    expect_int(init("10.0.0.1 dev eth0 ctx 7 token 500 " + one + " votes 3 " +
                    two + " priority 7 slice 20000-29999"),
               0);
    expect_true(has(out(), "This is node 2 of 2."));
    expect_int(files(), 4);
    expect_int(mode(conf), 0644);
    expect_int(mode(key), 0400);
    expect_int(mode(toml), 0644);
    expect_int(mode(bundle), 0600);
    expect_int(std::filesystem::file_size(path(key)), 256);
    expect_true(understood());
    expect_true(has(content(conf),
                    "\ttoken: 500\n\ttoken_coefficient: 0\n"
                    "\ttoken_retransmits_before_loss_const: "
                    "10\n\tcrypto_cipher: aes256\n"));
    expect_true(has(content(conf),
                    "\tinterface {\n\t\tlinknumber: 0\n"
                    "\t\tknet_ping_interval: 15\n"
                    "\t\tknet_ping_timeout: 250\n\t}\n}\n"));
    expect_true(has(content(conf),
                    "\tnode {\n\t\tring0_addr: 10.1.0.1\n\t\tname: node1\n"
                    "\t\tnodeid: 1\n\t\tquorum_votes: 3\n\t}\n"));
}

std::string all_of(std::initializer_list<const char *> names) {
    std::string all;
    for (const char *name : names)
        all += content(name);
    return all;
}

// The other node has the same files of it.
bool joined() {
    std::string first = all_of({conf, key, toml});
    std::string made = path("/bundle");
    std::filesystem::rename(path(bundle), made);
    std::filesystem::remove_all(root + "/etc");
    fixture->system.devices = {device("eth0", "02:00:00:00:00:01", "10.1.0.1")};
    return run("join " + made) == 0 && files() == 4 &&
           has(out(), "This is node 1 of 2.") &&
           all_of({conf, key, toml}) == first;
}

void join(void **) {
    expect_int(init(good), 0);
    expect_true(joined());
}

void two_keys(void **) {
    expect_int(init(good), 0);
    std::string first = content(key);
    bool same = init(good + " -f") == 0 && content(key) == first;
    expect_true(!same);
}

bool is_wrong_usage(const std::string &line, const char *why) {
    return init(line) == 2 && has(err(), why) && files() == 0;
}

void usage(void **) {
    expect_true(is_wrong_usage("", "something is missing"));
    expect_true(is_wrong_usage("10.0.0.1", "'dev' is missing"));
    expect_true(is_wrong_usage("10.0.0.1 " + one, "'dev' is missing"));
    expect_true(is_wrong_usage("10.0.0.1 dev eth0", "'node' is missing"));
    expect_true(is_wrong_usage("10.0.0.1 dev", "'dev' lacks its value"));
    expect_true(
        is_wrong_usage("10.0.0.1 frob 1 dev eth0", "'frob' is not known"));
    expect_true(
        is_wrong_usage("10.0.0.1 dev a dev b " + one, "'dev' comes twice"));
    expect_true(is_wrong_usage(good + " node", "'node' lacks its value"));
    expect_true(is_wrong_usage(good + " node 3", "node 3: 'ring' is missing"));
    expect_true(is_wrong_usage(good + " node 3 ring 10.1.0.3",
                               "node 3: 'lladdr' is missing"));
    expect_true(is_wrong_usage(good + " votes", "'votes' lacks its value"));
    expect_true(is_wrong_usage(good + " dev eth1", "'dev' is not known here"));
    expect_int(run("join"), 2);
    expect_int(run("join a b"), 2);
}

bool is_refused(const std::string &line, const char *why) {
    return init(line) == 1 && has(err(), why) && files() == 0;
}

bool node_refused(const std::string &more, const char *why) {
    return is_refused(good + " node 3 " + more, why);
}

void values(void **) {
    expect_true(is_refused("frob dev eth0 " + one, "'frob'"));
    expect_true(is_refused("10.0.0.1 dev a/b " + one + " " + two,
                           "'a/b' is no name of a device"));
    expect_true(is_refused("10.0.0.1 dev abcdefghijklmnop " + one + " " + two,
                           "is no name of a device"));
    expect_true(is_refused("10.0.0.1 dev eth0 ctx red " + one + " " + two,
                           "'red': ctx is a number from 0 to 16777215"));
    expect_true(is_refused("10.0.0.1 dev eth0 token 99 " + one + " " + two,
                           "'99': token is a number from 100 to 60000"));
    expect_true(is_refused("10.0.0.1 dev eth0 " + two,
                           "a cluster has two nodes at least"));
    expect_true(is_refused(good + " priority -1",
                           "node 2: '-1': priority is a number from 0"));
    expect_true(is_refused(good + " votes 1001",
                           "'1001': votes is a number from 0 to 1000"));
    expect_true(is_refused(good + " slice 9-1", "'9-1'"));
    expect_true(
        is_refused("10.0.0.1 dev eth0 " + one + " votes 0 " + two + " votes 0",
                   "no node has a vote"));
}

void nodes(void **) {
    expect_true(is_refused(good + " node 0 ring 10.1.0.3 lladdr "
                                  "02:00:00:00:00:03",
                           "'0' is no number of a node"));
    expect_true(is_refused(good + " node 2 ring 10.1.0.3 lladdr "
                                  "02:00:00:00:00:03",
                           "node 2 is there twice"));
    expect_true(node_refused("ring x lladdr 02:00:00:00:00:03", "'x'"));
    expect_true(node_refused("ring 10.1.0.3 lladdr x", "'x'"));
    expect_true(node_refused("ring 10.1.0.1 lladdr 02:00:00:00:00:03",
                             "node 1 and node 3 have the same ring address"));
    expect_true(node_refused("ring 10.0.0.1 lladdr 02:00:00:00:00:03",
                             "is the address that all have"));
    expect_true(node_refused("ring fd00::3 lladdr 02:00:00:00:00:03",
                             "ring addresses of two families"));
    expect_true(node_refused("ring 10.1.0.3 lladdr 02:00:00:00:00:02",
                             "node 2 and node 3 have the same Ethernet"));
    expect_true(node_refused("ring 10.1.0.3 lladdr 03:00:00:00:00:03",
                             "Ethernet address of node 3 is none of a device"));
    expect_true(node_refused("ring 10.1.0.3 lladdr 00:00:00:00:00:00",
                             "is none of a device"));
    expect_true(is_refused("10.0.0.1 dev eth0 " + one + " slice 1000-2000 " +
                               two + " slice 2000-3000",
                           "the slices of node 1 and node 2 overlap"));
}

bool six_understood() {
    auto config = vrd::parse_config(content(toml));
    return config && config->addresses.size() == 1 &&
           vr::dhost::text(config->addresses[0].key.address) == "fd00::1";
}

// An address of the other family than those of the rings is as good.
void six(void **) {
    expect_int(init("fd00::1 dev eth0 " + one + " " + two), 0);
    expect_true(has(out(), "give them the address fd00::1 on eth0"));
    expect_true(six_understood());
}

std::string many(int count) {
    std::string line = "10.0.0.1 dev eth0";
    for (int i = 1; i <= count; i++)
        line += " node " + std::to_string(i) + " ring 10.1.0." +
                std::to_string(i) + " lladdr " +
                vr::dhost::text(vr::dhost::Mac{2, 0, 0, 0, 0,
                                               static_cast<std::uint8_t>(i)});
    return line;
}

void how_many(void **) {
    expect_true(is_refused(many(65), "a cluster has 64 nodes at most"));
    expect_int(init(many(64)), 0);
}

bool refused_with(std::vector<vrctl::Interface> devices, const char *why) {
    fixture->system.devices = std::move(devices);
    return is_refused(good, why);
}

void not_this_machine(void **) {
    expect_true(
        refused_with({}, "this machine has the ring address of no node"));
    expect_true(refused_with(
        {device("eth0", "02:00:00:00:00:02", "10.1.0.1"),
         device("ic0", "02:00:00:00:01:02", "10.1.0.2")},
        "this machine has the ring addresses of node 1 and node 2"));
    expect_true(refused_with({device("ic0", "02:00:00:00:01:02", "10.1.0.2")},
                             "there is no device eth0 here"));
    expect_true(
        refused_with({device("eth0", "02:00:00:00:00:09", "10.1.0.2")},
                     "eth0 here has another Ethernet address than node 2, "
                     "02:00:00:00:00:02"));
}

bool kept(const char *name) {
    put(name, "mine\n");
    bool refused = init(good) == 1 && files() == 1 &&
                   has(err(), (path(name) + ": it is there").c_str()) &&
                   content(name) == std::string("mine\n");
    bool forced = init(good + " -f") == 0 && files() == 4 &&
                  content(name) != std::string("mine\n");
    std::filesystem::remove_all(root + "/etc");
    return refused && forced;
}

void nothing_overwritten(void **) {
    for (const char *name : {conf, key, toml, bundle})
        expect_true(kept(name));
    expect_int(init(good), 0);
    expect_int(run("join " + path(bundle)), 1);
    expect_true(has(err(), "it is there; -f overwrites it"));
    expect_int(run("join -f " + path(bundle)), 0);
}

// What Debian's package brings is no cluster; one that was made of it is.
void example(void **) {
    const std::string package =
        "nodelist {\n\tnode {\n\t\tname: node1\n\t\tnodeid: 1\n"
        "\t\tring0_addr: 127.0.0.1\n\t}\n";
    put(conf, package + "\tnode {\n\t\tring0_addr: 10.1.0.2\n\t}\n}\n");
    expect_int(init(good), 1);
    put(conf, package + "}\n");
    expect_int(init(good), 0);
    expect_true(has(content(conf), "Made by vrctl"));
}

// As on a full disk
bool full() {
    struct rlimit limit {
    }, none{};
    getrlimit(RLIMIT_FSIZE, &limit);
    none.rlim_max = limit.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    int status = init(good + " -f");
    setrlimit(RLIMIT_FSIZE, &limit);
    return status == 1 && has(err(), ": write ") && files() == 1 &&
           content(toml) == std::string("mine\n");
}

void full_disk(void **) {
    put(toml, "mine\n");
    expect_true(full());
}

void no_place(void **) {
    put("/etc", "a file\n");
    expect_int(init(good), 1);
    expect_true(has(err(), "vrctl: create "));
}

bool bundle_refused(const std::string &what, const char *why) {
    put("/bundle", what);
    return run("join " + path("/bundle")) == 1 && has(err(), why) &&
           files() == 1;
}

std::string with(const Words &words, std::size_t size = 256) {
    return vrctl::plan::to_json({words, std::string(size, 'k')});
}

void bundles(void **) {
    const char *foreign = "that was not made by vrctl cluster init";
    expect_int(run("join /nonexistent"), 1);
    expect_true(has(err(), "read /nonexistent: "));
    expect_true(bundle_refused("", foreign));
    expect_true(bundle_refused("[1]", foreign));
    expect_true(bundle_refused("{}", foreign));
    expect_true(bundle_refused("{\"vrctx_cluster\":2}", "another version"));
    expect_true(bundle_refused("{\"vrctx_cluster\":1}", "it has no plan"));
    expect_true(
        bundle_refused("{\"vrctx_cluster\":1,\"plan\":[1]}", "it has no plan"));
    expect_true(
        bundle_refused("{\"vrctx_cluster\":1,\"plan\":[]}", "it has no key"));
    expect_true(bundle_refused(
        "{\"vrctx_cluster\":1,\"plan\":[],\"key\":\"0g\"}", "it has no key"));
    expect_true(bundle_refused(with(split(good), 127), "it has no key"));
    expect_true(bundle_refused(with(split(good), 4097), "it has no key"));
    expect_true(bundle_refused(with({}), "the plan in it is wrong: it is"));
    expect_true(bundle_refused(with(split("10.0.0.1 dev eth0")),
                               "the plan in it is wrong: 'node' is missing"));
    expect_true(bundle_refused(with(split("10.0.0.1 dev eth0 " + one)),
                               "two nodes at least"));
    fixture->system.devices.clear();
    expect_true(bundle_refused(with(split(good)), "ring address of no node"));
}

// A value may be the word that begins a node.
void device_called_node(void **) {
    fixture->system.devices[0].name = "node";
    expect_int(init("10.0.0.1 dev node " + one + " " + two), 0);
}

bool has_loopback() {
    auto list = vrctl::real_system()->interfaces();
    if (!list)
        return false;
    for (const vrctl::Interface &one : *list)
        for (const vr::dhost::Ip &address : one.addresses)
            if (one.name == "lo" && vr::dhost::text(address) == "127.0.0.1")
                return one.lladdr == vr::dhost::Mac{};
    return false;
}

void real_interfaces(void **) {
    expect_true(has_loopback());
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test(files_of_init),
        test(join),
        test(two_keys),
        test(usage),
        test(values),
        test(nodes),
        test(how_many),
        test(six),
        test(not_this_machine),
        test(nothing_overwritten),
        test(example),
        test(full_disk),
        test(no_place),
        test(bundles),
        test(device_called_node),
        test(real_interfaces),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
