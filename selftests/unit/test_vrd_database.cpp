// SPDX-License-Identifier: GPL-2.0

#include "core/database.hpp"

#include "cmocka.hpp"
#include "core/sockets.hpp"

namespace {

using Kind = vrd::Operation::Kind;

constexpr vrd::Host one{0, 4, {10, 0, 0, 1}};
constexpr vrd::Host two{0, 4, {10, 0, 0, 2}};

struct Fixture {
    vrd::Database database;
    std::string changes;

    // By the node, of both addresses or the first one
    bool apply(vrd::Node node, Kind kind, std::uint16_t port,
               bool both = false) {
        vrd::Operation operation{kind, {6, port}, {one}};
        if (both)
            operation.hosts.push_back(two);
        changes.clear();
        return database.apply(
            node, operation,
            [&](const vrd::Key &key, const vrd::Owners &owners) {
                changes += vrd::text(key) + "=" + vrd::text(owners.nodes) + " ";
            });
    }
    void retain(vrd::Node gone) {
        changes.clear();
        database.retain([&](vrd::Node node) { return node != gone; },
                        [&](const vrd::Key &key, const vrd::Owners &owners) {
                            changes += vrd::text(key) + "=" +
                                       vrd::text(owners.nodes) + " ";
                        });
    }
};

Fixture *fixture;

int setup(void **) {
    fixture = new Fixture;
    return 0;
}

int teardown(void **) {
    delete fixture;
    return 0;
}

const char *changes() {
    return fixture->changes.c_str();
}

vrd::Node owner(const vrd::Host &host, std::uint16_t port) {
    return fixture->database.owner({host, 6, port});
}

void exclusive(void **) {
    expect_true(fixture->apply(1, Kind::claim, 80));
    expect_text(changes(), "10.0.0.1 tcp/80=1 ");
    expect_true(!fixture->apply(2, Kind::claim, 80));
    expect_true(!fixture->apply(2, Kind::claim_shared, 80));
    expect_text(changes(), "");
    expect_true(fixture->apply(1, Kind::claim, 80));
    expect_text(changes(), "");
    expect_int(owner(one, 80), 1);
    expect_int(owner(two, 80), 0);
    expect_int(owner(one, 81), 0);
}

void released_once(void **) {
    expect_true(fixture->apply(1, Kind::claim, 80));
    expect_true(fixture->apply(2, Kind::release, 80));
    expect_int(owner(one, 80), 1);
    expect_true(fixture->apply(1, Kind::release, 80));
    expect_text(changes(), "10.0.0.1 tcp/80=none ");
    expect_true(fixture->apply(1, Kind::release, 80));
    expect_text(changes(), "");
    expect_true(fixture->apply(2, Kind::claim, 80));
}

// A socket of all addresses gets all of them or none.
void all_or_nothing(void **) {
    expect_true(fixture->apply(1, Kind::claim, 80));
    expect_true(!fixture->apply(2, Kind::claim, 80, true));
    expect_int(owner(two, 80), 0);
    expect_true(fixture->apply(1, Kind::claim, 80, true));
    expect_int(owner(two, 80), 1);
}

void shared(void **) {
    expect_true(fixture->apply(2, Kind::claim_shared, 53));
    expect_true(fixture->apply(1, Kind::claim_shared, 53));
    // in the order in which they came
    expect_text(changes(), "10.0.0.1 tcp/53=2,1 ");
    expect_true(!fixture->apply(3, Kind::claim, 53));
    expect_true(fixture->apply(3, Kind::claim_shared, 53));
    expect_text(changes(), "10.0.0.1 tcp/53=2,1,3 ");
    expect_true(fixture->apply(1, Kind::claim_shared, 53));
    expect_text(changes(), "");
    expect_int(fixture->database.size(), 3);
    expect_true(fixture->apply(2, Kind::release, 53));
    expect_text(changes(), "10.0.0.1 tcp/53=1,3 ");
    expect_true(fixture->apply(2, Kind::claim_shared, 53));
    expect_text(changes(), "10.0.0.1 tcp/53=1,3,2 ");
    expect_true(fixture->apply(2, Kind::release, 53));
    expect_true(fixture->apply(3, Kind::release, 53));
    // the only one may have it for itself
    expect_true(fixture->apply(1, Kind::claim, 53));
    expect_text(changes(), "10.0.0.1 tcp/53=1 ");
    expect_true(!fixture->apply(2, Kind::claim_shared, 53));
    expect_int(fixture->database.size(), 1);
}

void of_a_node(void **) {
    fixture->apply(1, Kind::claim, 80);
    fixture->apply(2, Kind::claim, 81, true);
    fixture->apply(1, Kind::claim_shared, 53);
    fixture->apply(2, Kind::claim_shared, 53);
    expect_int(fixture->database.of(2).size(), 3);
    fixture->retain(1);
    expect_text(changes(), "10.0.0.1 tcp/53=2 10.0.0.1 tcp/80=none ");
    expect_int(fixture->database.of(1).size(), 0);
    expect_int(fixture->database.size(), 3);
}

bool same_after_transfer() {
    vrd::Database copy;
    for (const vrd::Entry &entry : fixture->database.entries())
        copy.add(entry);
    return copy == fixture->database;
}

void transfer(void **) {
    fixture->apply(1, Kind::claim, 80, true);
    fixture->apply(2, Kind::claim_shared, 53);
    fixture->apply(1, Kind::claim_shared, 53);
    expect_true(same_after_transfer());
}

// Sockets of this node: a port is needed as long as one has it.
bool sockets_hold() {
    vrd::Sockets sockets;
    vrd::Key key{one, 6, 80};
    sockets.add(1, {vrd::Socket::State::waiting, {6, 80}, {one, two}});
    if (!sockets.any(key) || sockets.settled(key))
        return false;
    sockets.answered(1);
    sockets.add(2, {vrd::Socket::State::bound, {6, 80}, {one}});
    if (!sockets.settled(key) || !sockets.remove(1) || !sockets.any(key))
        return false;
    return !sockets.remove(1) && sockets.remove(2) && !sockets.any(key) &&
           sockets.all().empty() && sockets.holders().empty();
}

void sockets(void **) {
    expect_true(sockets_hold());
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test(exclusive), test(released_once), test(all_or_nothing),
        test(shared),    test(of_a_node),     test(transfer),
        test(sockets),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
