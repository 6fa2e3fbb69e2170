// SPDX-License-Identifier: GPL-2.0

#include "daemon/config.hpp"

#include <linux/vrctx.h>

#include "cmocka.hpp"

namespace {

const std::string nodes =
    "[[nodes]]\nid = 1\n[[nodes]]\nid = 2\npriority = 7\nvotes = 3\n"
    "slice = \"20000-20999\"\n";
const std::string addresses =
    "[[addresses]]\naddress = \"10.0.0.1\"\ndevice = \"eth0\"\n"
    "lladdr = { 1 = \"02:00:00:00:00:01\", 2 = \"02:00:00:00:00:02\" }\n";

const std::string six =
    "[[addresses]]\naddress = \"fd00::1\"\ndevice = \"eth0\"\n"
    "lladdr = { 1 = \"02:00:00:00:00:01\", 2 = \"02:00:00:00:00:02\" }\n";

std::string why;

// What is wrong with it; "" if nothing is
const char *complaint(const std::string &text) {
    auto config = vrd::parse_config(text);
    why = config ? "" : config.error().why;
    return why.c_str();
}

const char *top(const std::string &line) {
    return complaint(line + "\n" + nodes + addresses);
}

const char *node(const std::string &line) {
    return complaint(nodes + line + "\n" + addresses);
}

const char *address(const std::string &line) {
    return complaint(nodes + addresses + line + "\n");
}

bool understood() {
    auto config = vrd::parse_config(
        "node = 2\ngroup = \"g\"\nquorum = \"engine\"\ngrace = 0.5\n"
        "fence = 2\nbind_timeout = 1.25\nalone = \"allow\"\n"
        "shared = [\"udp/53\", \"tcp/8000-8001\"]\n" +
        nodes + addresses);
    if (!config)
        return false;
    vrd::Setup setup = config->setup();
    return config->node == 2 && config->group == "g" &&
           config->bind_ms == 1250 && config->allow_alone && setup.self == 2 &&
           setup.priority == 7 && setup.rules.engine_quorum &&
           setup.rules.grace_ms == 500 && setup.fence_ms == 2000 &&
           setup.rules.votes ==
               std::map<vrd::Node, std::uint32_t>{{1, 1}, {2, 3}} &&
           setup.shared ==
               std::set<vrd::Service>{{17, 53}, {6, 8000}, {6, 8001}} &&
           setup.slices.at(2).min == 20000 && setup.slices.size() == 1 &&
           config->addresses.size() == 1 &&
           config->addresses[0].device == "eth0" &&
           config->addresses[0].lladdrs.at(2)[5] == 2;
}

void all_of_it(void **) {
    expect_true(understood());
    expect_text(top(""), "");
}

void at_the_top(void **) {
    expect_text(top("nodes = 1"),
                "line 2: Error while parsing table header: cannot redefine "
                "existing integer "
                "'nodes' as array-of-tables");
    expect_text(top("speed = 1"), "line 1: 'speed' is not known in the file");
    expect_text(top("node = 0"),
                "line 1: 'node' is a number from 1 to 4294967293");
    expect_text(top("node = 3"), "this node is none of the nodes");
    expect_text(top("grace = \"long\""),
                "line 1: 'grace' is a number of seconds, 0.01 to 86400");
    expect_text(top("grace = 0"),
                "line 1: 'grace' is a number of seconds, 0.01 to 86400");
    expect_text(top("quorum = \"all\""),
                "line 1: 'quorum' is \"majority\" or \"engine\"");
    expect_text(top("shared = 53"), "line 1: 'shared' is a list of ports");
    expect_text(top("shared = [\"sctp/53\"]"),
                "line 1: 'sctp/53' is not tcp/PORT, udp/PORT or a range of "
                "these");
    expect_text(top("shared = [\"udp\"]"),
                "line 1: 'udp' is not tcp/PORT, udp/PORT or a range of these");
}

void of_a_node(void **) {
    expect_text(node("id2 = 3"), "line 8: 'id2' is not known in a node");
    expect_text(node("[[nodes]]"), "line 8: a node lacks 'id'");
    expect_text(node("[[nodes]]\nid = 2"), "line 8: node 2 is there twice");
    expect_text(node("[[nodes]]\nid = 3"),
                "10.0.0.1 lacks the Ethernet address of node 3");
    expect_text(node("[[nodes]]\nid = 3\nslice = \"20999-21000\""),
                "line 8: the slice overlaps that of node 2");
    expect_text(node("[[nodes]]\nid = 3\nslice = \"many\""),
                "line 8: 'many' is no range of ports");
    expect_text(complaint(addresses), "line 1: the file lacks 'nodes'");
}

void of_an_address(void **) {
    expect_text(address("[[addresses]]"),
                "line 12: an address lacks "
                "'address'");
    expect_text(address("[[addresses]]\naddress = \"fd00::1::\""),
                "line 12: 'fd00::1::' is no IP address");
    expect_text(address(six + six), "line 16: the address is there twice");
    expect_text(complaint(nodes + "[[addresses]]\naddress = \"fd00::1\"\n"
                                  "device = \"eth0\"\nlladdr = { 1 = "
                                  "\"02:00:00:00:00:01\" }\n"),
                "fd00::1 lacks the Ethernet address of node 2");
    expect_text(address("color = 1"),
                "line 12: 'color' is not known in an address");
    expect_text(address(addresses), "line 12: the address is there twice");
    expect_text(
        complaint(nodes + "[[addresses]]\naddress = \"10.0.0.1\"\n"
                          "device = \"eth0\"\nlladdr = { 1 = \"x\" }\n"),
        "line 11: 'lladdr' wants a number of a node and an Ethernet address");
    expect_text(
        complaint(nodes + "[[addresses]]\naddress = \"10.0.0.1\"\n"
                          "device = \"eth0\"\nlladdr = 5\n"),
        "line 11: 'lladdr' is a table of nodes and their Ethernet addresses");
    expect_text(complaint(nodes), "line 1: the file lacks 'addresses'");
}

// The addresses that a socket has a port of, by what the kernel says of it
std::string covered(const char *address, bool v6only, std::uint32_t context) {
    auto config = vrd::parse_config(nodes + addresses + six);
    if (!config)
        return config.error().why;
    vr::dhost::Event event;
    event.key.address = *vr::dhost::parse_ip(address);
    event.key.context = context;
    event.v6only = v6only;
    std::string all;
    for (const vrd::Host &one : vrd::hosts(*config, event))
        all += vrd::text(one) + " ";
    return all;
}

bool covers(const char *address, const char *what, bool v6only = false,
            std::uint32_t context = 0) {
    return covered(address, v6only, context) == what;
}

void of_a_socket(void **) {
    expect_true(covers("10.0.0.1", "10.0.0.1 "));
    expect_true(covers("fd00::1", "fd00::1 "));
    expect_true(covers("fd00::2", ""));
    expect_true(covers("0.0.0.0", "10.0.0.1 "));
    expect_true(covers("::", "10.0.0.1 fd00::1 "));
    expect_true(covers("::", "fd00::1 ", true));
    expect_true(covers("::", "", false, 7));
    expect_true(covers("fd00::1", "", false, 7));
    expect_true(covers("::", "10.0.0.1 fd00::1 ", false, VRCTX_ANY));
    expect_true(covers("::", "fd00::1 ", true, VRCTX_ANY));
}

int missing() {
    auto config = vrd::read_config("/nonexistent/vrd.toml");
    return config ? 0 : config.error().code;
}

void no_file(void **) {
    expect_int(missing(), ENOENT);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it),   cmocka_unit_test(at_the_top),
        cmocka_unit_test(of_a_node),   cmocka_unit_test(of_an_address),
        cmocka_unit_test(of_a_socket), cmocka_unit_test(no_file),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
