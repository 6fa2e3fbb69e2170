// SPDX-License-Identifier: GPL-2.0

#include "core/message.hpp"

#include "cmocka.hpp"

namespace {

using vrd::Message;
using vrd::wire::Bytes;

constexpr vrd::Host host4{7, 4, {10, 0, 0, 1}};
constexpr vrd::Host host6{0, 6, {0xfd, 1, 2, 3}};

std::vector<Message> samples() {
    vrd::Hello hello;
    hello.number = 3;
    hello.ring = 1ull << 40;
    hello.members = {1, 2, 70000};
    hello.quorate = true;
    hello.standing = {150, true, true};
    hello.version = {5, 6, 7};
    hello.epoch = 1ull << 63;
    hello.lead = 2;
    hello.leading = true;
    hello.limbo = {9};
    using Kind = vrd::Operation::Kind;
    return {
        hello,
        vrd::Batch{4,
                   {{Kind::claim, {6, 80}, {host4, host6}},
                    {Kind::claim_shared, {17, 53}, {host4}},
                    {Kind::release, {6, 65535}, {host6}}}},
        vrd::Snapshot{8,
                      1,
                      true,
                      {{{host4, 6, 80}, 1, false}, {{host6, 17, 53}, 2, true}}},
        vrd::Snapshot{8, 0, false, {}},
        vrd::Synced{9},
        vrd::Status{{1, false, true}},
        vrd::Expire{12},
        vrd::LeadUp{13},
        vrd::Reopen{},
        vrd::Ack{14, 15},
    };
}

bool all_come_back() {
    for (const Message &message : samples())
        if (vrd::decode(vrd::encode(message)) != message)
            return false;
    return true;
}

// Every message cut off anywhere, and with something behind it
bool none_cut_off() {
    for (const Message &message : samples()) {
        Bytes bytes = vrd::encode(message);
        for (std::size_t size = 0; size < bytes.size(); size++)
            if (vrd::decode(std::span(bytes).first(size)))
                return false;
        bytes.push_back(std::byte{0});
        if (vrd::decode(bytes))
            return false;
    }
    return true;
}

// Whatever bytes are changed: it is refused, or is a message that is written
// as it was read.
bool none_half_understood() {
    std::uint64_t state = 1;
    auto random = [&] {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return state >> 33;
    };
    for (int i = 0; i < 20000; i++)
        for (const Message &message : samples()) {
            Bytes bytes = vrd::encode(message);
            for (std::uint64_t n = random() % 3 + 1; n > 0; n--)
                bytes[random() % bytes.size()] =
                    static_cast<std::byte>(random());
            auto got = vrd::decode(bytes);
            if (got && vrd::decode(vrd::encode(*got)) != got)
                return false;
        }
    return true;
}

Bytes with(const Message &message, std::size_t at, std::uint8_t value) {
    Bytes bytes = vrd::encode(message);
    bytes[at] = static_cast<std::byte>(value);
    return bytes;
}

bool known(const Bytes &bytes) {
    return vrd::decode(bytes).has_value();
}

bool huge() {
    Bytes bytes = vrd::encode(vrd::Synced{1});
    bytes.resize(vrd::message_max + 1);
    return known(bytes);
}

void round_trip(void **) {
    expect_true(all_come_back());
}

void truncated(void **) {
    expect_true(none_cut_off());
}

void changed(void **) {
    expect_true(none_half_understood());
}

// The layout that Documentation/networking/vrd.rst gives
void layout(void **) {
    expect_true(
        vrd::encode(vrd::Expire{0x01020304}) ==
        (Bytes{std::byte{'v'}, std::byte{'r'}, std::byte{'r'}, std::byte{'c'},
               std::byte{1}, std::byte{5}, std::byte{0}, std::byte{0},
               std::byte{4}, std::byte{3}, std::byte{2}, std::byte{1}}));
}

void header(void **) {
    expect_true(known(with(vrd::Synced{1}, 0, 'v')));
    expect_true(!known(with(vrd::Synced{1}, 0, 'V')));
    expect_true(!known(with(vrd::Synced{1}, 4, 0)));
    expect_true(!known(with(vrd::Synced{1}, 4, 2)));
    expect_true(!known(with(vrd::Synced{1}, 5, 200)));
    expect_true(!known(with(vrd::Synced{1}, 6, 1)));
}

// Counts that promise more than there is must not be believed.
void counts(void **) {
    constexpr std::size_t count_of_hosts = 8 + 8;
    constexpr std::size_t flags_of_status = 8;
    expect_true(!known(with(vrd::Batch{1, {}}, count_of_hosts + 1, 0xff)));
    expect_true(!known(with(vrd::Batch{1, {}}, count_of_hosts + 5, 0xff)));
    expect_true(!known(with(vrd::Status{}, flags_of_status, 0xff)));
    expect_true(!huge());
}

bool bad_nodes(std::vector<vrd::Node> nodes) {
    vrd::Hello hello;
    hello.members = std::move(nodes);
    return !known(vrd::encode(hello));
}

void nodes(void **) {
    expect_true(bad_nodes({2, 1}));
    expect_true(bad_nodes({1, 1}));
    expect_true(bad_nodes({0}));
    expect_true(bad_nodes(std::vector<vrd::Node>(65, 1)));
    expect_true(!bad_nodes({1, 2}));
}

// What is sent at most is what is read at most.
bool largest_fit() {
    vrd::Snapshot snapshot;
    for (std::size_t i = 0; i < vrd::snapshot_entries; i++)
        snapshot.entries.push_back(
            {{{static_cast<std::uint32_t>(i), 4, {}}, 6, 1}, 1, false});
    vrd::Batch batch;
    for (std::size_t i = 0; i < vrd::batch_operations; i++)
        batch.operations.push_back({vrd::Operation::Kind::claim,
                                    {6, 1},
                                    {{static_cast<std::uint32_t>(i), 4, {}}}});
    return known(vrd::encode(snapshot)) && known(vrd::encode(batch));
}

void largest(void **) {
    expect_true(largest_fit());
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(truncated),
        cmocka_unit_test(changed),    cmocka_unit_test(layout),
        cmocka_unit_test(header),     cmocka_unit_test(counts),
        cmocka_unit_test(nodes),      cmocka_unit_test(largest),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
