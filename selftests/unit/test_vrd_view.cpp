// SPDX-License-Identifier: GPL-2.0

#include "core/view.hpp"

#include "cmocka.hpp"

namespace {

using vrd::Node;

vrd::Rules rules(Node nodes) {
    vrd::Rules rules;
    for (Node node = 1; node <= nodes; node++)
        rules.votes[node] = 1;
    return rules;
}

// Nodes 1 to `there` of `all`
bool quorum(Node all, Node there) {
    std::set<Node> members;
    for (Node node = 1; node <= there; node++)
        members.insert(node);
    return vrd::majority(rules(all), members);
}

// What Documentation/networking/vrd.rst says of partitions
void partitions(void **) {
    expect_true(quorum(1, 1));
    expect_true(!quorum(2, 1));
    expect_true(quorum(2, 2));
    expect_true(!quorum(3, 1));
    expect_true(quorum(3, 2));
    expect_true(!quorum(5, 1));
    expect_true(!quorum(5, 2));
    expect_true(quorum(5, 3));
    expect_true(quorum(5, 4));
}

bool weighted(std::set<Node> members) {
    vrd::Rules rules;
    rules.votes = {{1, 3}, {2, 1}, {3, 1}};
    return vrd::majority(rules, members);
}

void votes(void **) {
    expect_true(weighted({1}));
    expect_true(!weighted({2, 3}));
    expect_true(!weighted({7, 8, 9}));
}

std::map<Node, vrd::Hello> hellos(std::initializer_list<Node> nodes) {
    std::map<Node, vrd::Hello> all;
    for (Node node : nodes) {
        vrd::Hello &hello = all[node];
        hello.ring = 8;
        hello.quorate = true;
        hello.standing.priority = 100;
        hello.version = {5, 1, 1};
        hello.members = nodes;
    }
    return all;
}

using Change = void (*)(std::map<Node, vrd::Hello> &);

Node lead(Change change) {
    auto all = hellos({1, 2, 3});
    change(all);
    return vrd::decide(rules(3), all).lead;
}

void election(void **) {
    expect_int(lead([](auto &) {}), 1);
    expect_int(lead([](auto &all) { all[3].standing.priority = 101; }), 3);
    expect_int(lead([](auto &all) { all[1].standing.draining = true; }), 2);
    expect_int(lead([](auto &all) { all[1].standing.link = false; }), 2);
    expect_int(lead([](auto &all) { all[1].version = {}; }), 2);
    expect_int(lead([](auto &all) {
                   all[3].standing = {200, true, true};
                   all[2].standing.link = false;
               }),
               1);
    // there always is one
    expect_int(lead([](auto &all) {
                   for (auto &[node, hello] : all)
                       hello.standing = {1, false, true};
               }),
               1);
    // not without a quorum
    expect_int(lead([](auto &all) { all[2].quorate = false; }), 0);
    expect_int(lead([](auto &all) { all.erase(1), all.erase(3); }), 0);
}

// A lead whose daemon is not there, or not ready, goes on.
void lead_stays(void **) {
    expect_int(lead([](auto &all) {
                   all.erase(1);
                   for (auto &[node, hello] : all) {
                       hello.lead = 1;
                       hello.limbo = {1};
                   }
               }),
               1);
    expect_int(lead([](auto &all) {
                   all[1].version = {};
                   all[1].leading = true;
                   all[2].lead = all[3].lead = 1;
               }),
               1);
    // its kernel was told otherwise
    expect_int(lead([](auto &all) {
                   all[1].version = {};
                   all[2].lead = all[3].lead = 1;
               }),
               2);
    // the cluster went on without it
    expect_int(lead([](auto &all) {
                   all[1].version = {};
                   all[1].leading = true;
                   all[2].lead = all[3].lead = 3;
               }),
               2);
}

bool epochs_differ() {
    vrd::Rules three = rules(3);
    std::uint64_t epoch = 0;
    for (std::uint64_t ring : {4, 4, 8, 8, 12})
        for (Node node : {1, 2, 3}) {
            std::uint64_t next = vrd::next_epoch(three, epoch, ring, node);
            if (next <= epoch || next >> 24 < ring)
                return false;
            // whoever else is elected now has another one
            for (Node other : {1, 2, 3})
                if (other != node &&
                    vrd::next_epoch(three, epoch, ring, other) == next)
                    return false;
            epoch = next;
        }
    return true;
}

void epochs(void **) {
    expect_true(epochs_differ());
    // who forgot all, in a later ring
    expect_true(vrd::next_epoch(rules(3), 0, 12, 1) >
                vrd::next_epoch(rules(3), 8ull << 24, 8, 3));
}

// The database of the latest is the one; the first who has it tells others.
void source(void **) {
    auto decided = [](Change change) {
        auto all = hellos({1, 2, 3});
        change(all);
        vrd::View view = vrd::decide(rules(3), all);
        return view.source * 10 + static_cast<Node>(view.synced.size());
    };
    expect_int(decided([](auto &) {}), 13);
    expect_int(decided([](auto &all) { all[1].version = {4, 9, 9}; }), 22);
    expect_int(decided([](auto &all) { all[3].version = {5, 2, 0}; }), 31);
    expect_int(decided([](auto &all) {
                   for (auto &[node, hello] : all)
                       hello.version = {};
               }),
               13);
}

std::uint64_t known(std::map<Node, std::uint64_t> acks, bool engine = false,
                    std::set<Node> synced = {1, 2, 3}, Node lead = 0) {
    vrd::Rules three = rules(3);
    three.engine_quorum = engine;
    vrd::View view;
    view.synced = std::move(synced);
    view.lead = lead;
    return vrd::decided(three, view, acks);
}

// What is done is known to more than half of all nodes.
void decided(void **) {
    expect_int(known({}), 0);
    expect_int(known({{1, 5}}), 0);
    expect_int(known({{1, 5}, {3, 4}}), 4);
    expect_int(known({{1, 5}, {2, 2}, {3, 4}}), 4);
    expect_int(known({{1, 5}, {3, 4}}, false, {1, 2}), 0);
    expect_int(known({{1, 5}, {3, 4}}, true), 0);
    expect_int(known({{1, 5}}, true, {1}), 5);
    expect_int(known({{1, 5}}, false, {}), 0);
    // and to the lead, if it has the database
    expect_int(known({{1, 5}, {3, 4}}, false, {1, 2, 3}, 2), 0);
    expect_int(known({{1, 5}, {2, 2}, {3, 4}}, false, {1, 2, 3}, 2), 2);
    expect_int(known({{1, 5}, {3, 4}}, false, {1, 3}, 2), 4);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(partitions), cmocka_unit_test(votes),
        cmocka_unit_test(election),   cmocka_unit_test(lead_stays),
        cmocka_unit_test(epochs),     cmocka_unit_test(source),
        cmocka_unit_test(decided),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
