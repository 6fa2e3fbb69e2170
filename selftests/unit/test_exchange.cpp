// SPDX-License-Identifier: GPL-2.0

#include "exchange.hpp"

#include <errno.h>

#include <cstring>
#include <string>
#include <vector>

#include "cmocka.hpp"
#include "scripted_socket.hpp"

namespace {

using vr::netlink::Message;
using wire::Bytes;

constexpr uint16_t family = 0x23;

// Socket and outcome of one exchange; sequence numbers start at 1.
struct Exchange {
    ScriptedSocket socket;
    vr::Result<void> result;
    std::vector<uint8_t> seen;  // commands of the messages visited
    int restarts = 0;
    int visit_error = 0;

    vr::Result<void> visit(const nlmsghdr &message) {
        const auto *body = reinterpret_cast<const uint8_t *>(&message) + 16;
        seen.push_back(*body);
        if (visit_error)
            return vr::Error{visit_error, {}, "visitor"};
        return {};
    }
};

Exchange *x;

int setup(void **) {
    x = new Exchange;
    return 0;
}

int teardown(void **) {
    delete x;
    return 0;
}

void answer(const Bytes &bytes) {
    x->socket.answers.push_back({bytes});
}

// One reply whose "command" is recognised by the visitor
Bytes reply(uint32_t sequence, uint8_t mark, uint16_t flags = 0) {
    return wire::message(family, flags, sequence, wire::genl(mark, {}));
}

// 0 or the errno
int outcome() {
    return x->result ? 0 : x->result.error().code;
}

const char *why() {
    return x->result ? "" : x->result.error().why.c_str();
}

int request() {
    Message message = Message::generic(family, 1);
    x->result = vr::netlink::request(
        x->socket, message, [](const nlmsghdr &m) { return x->visit(m); });
    return outcome();
}

int dump() {
    Message message = Message::generic(family, 1);
    x->result = vr::netlink::dump(
        x->socket, message, [](const nlmsghdr &m) { return x->visit(m); },
        [] {
            x->restarts++;
            x->seen.clear();
        });
    return outcome();
}

bool saw(std::initializer_list<int> marks) {
    return std::equal(x->seen.begin(), x->seen.end(), marks.begin(),
                      marks.end());
}

uint16_t sent_flags(size_t i) {
    return wire::parse(x->socket.sent.at(i), 4).flags;
}

void ack_only(void **) {
    answer(wire::ack(1, 0));
    expect_int(request(), 0);
    expect_int(sent_flags(0), NLM_F_REQUEST | NLM_F_ACK);
    expect_true(saw({}));
}

void reply_and_ack_apart(void **) {
    answer(reply(1, 10));
    answer(wire::ack(1, 0));
    expect_int(request(), 0);
    expect_true(saw({10}));
}

void reply_and_ack_in_one(void **) {
    answer(reply(1, 10) + wire::ack(1, 0));
    expect_int(request(), 0);
    expect_true(saw({10}));
}

void refused_with_text(void **) {
    answer(wire::ack(1, -EEXIST, "a context has this number"));
    expect_int(request(), EEXIST);
    expect_text(why(), "a context has this number");
}

void refused_without_text(void **) {
    answer(wire::ack(1, -EPERM));
    expect_int(request(), EPERM);
    expect_text(why(), "");
}

// A socket without NETLINK_CAP_ACK gets its request back before the text.
void refused_with_request(void **) {
    Bytes original = wire::message(
        family, 5, 1, wire::genl(2, wire::attr(2, wire::text("ab"))));
    answer(wire::message(NLMSG_ERROR, NLM_F_ACK_TLVS, 1,
                         wire::u32(static_cast<uint32_t>(-EBUSY)) + original +
                             wire::attr(1, wire::text("it has devices"))));
    expect_int(request(), EBUSY);
    expect_text(why(), "it has devices");
}

// Other attributes around the text: offset, missing attribute
void refused_with_offset(void **) {
    answer(wire::message(NLMSG_ERROR, NLM_F_ACK_TLVS | NLM_F_CAPPED, 1,
                         wire::u32(static_cast<uint32_t>(-ERANGE)) +
                             wire::message(family, 0, 1, {}) +
                             wire::attr(2, wire::u32(20)) +
                             wire::attr(1, wire::text("integer out of range")) +
                             wire::attr(5, wire::u32(1))));
    expect_int(request(), ERANGE);
    expect_text(why(), "integer out of range");
}

// A text that cannot be read does not hide the error number.
void refused_with_bad_text(void **) {
    Bytes head = wire::u32(static_cast<uint32_t>(-EINVAL)) +
                 wire::message(family, 0, 1, {});
    answer(wire::message(NLMSG_ERROR, NLM_F_ACK_TLVS | NLM_F_CAPPED, 1,
                         head + wire::raw({9, 0, 1, 0, 'a', 'b'})));
    expect_int(request(), EINVAL);
    expect_text(why(), "");

    answer(wire::message(NLMSG_ERROR, NLM_F_ACK_TLVS | NLM_F_CAPPED, 2,
                         head + wire::raw({6, 0, 1, 0, 'a', 'b', 0, 0})));
    expect_int(request(), EINVAL);
    expect_text(why(), "");
}

// The length of the request in the ack points behind the message.
void refused_with_bad_length(void **) {
    answer(wire::message(NLMSG_ERROR, NLM_F_ACK_TLVS, 1,
                         wire::u32(static_cast<uint32_t>(-EINVAL)) +
                             wire::u32(0xfffffff0) +
                             wire::raw({0, 0, 0, 0, 0, 0,  //
                                        0, 0, 0, 0, 0, 0}) +
                             wire::attr(1, wire::text("text"))));
    expect_int(request(), EINVAL);
    expect_text(why(), "");
}

void verdict_cut_off(void **) {
    answer(wire::message(NLMSG_ERROR, 0, 1, wire::u32(0)));
    expect_int(request(), EBADMSG);
    answer(wire::message(NLMSG_ERROR, 0, 2, {}));
    expect_int(request(), EBADMSG);
    answer(wire::message(NLMSG_DONE, 0, 3, wire::raw({1, 2})));
    expect_int(dump(), EBADMSG);
}

void verdict_positive(void **) {
    answer(wire::ack(1, 17));
    expect_int(request(), EBADMSG);
}

void message_cut_off(void **) {
    answer(wire::raw({16, 0, 0, 0}));
    expect_int(request(), EBADMSG);
    answer(reply(2, 10) + wire::raw({1, 2, 3}));
    expect_int(request(), EBADMSG);
    answer(wire::raw({200, 0, 0, 0, 0x23, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}));
    expect_int(request(), EBADMSG);
    answer(wire::raw({15, 0, 0, 0, 0x23, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0}));
    expect_int(request(), EBADMSG);
}

void stale_messages_are_skipped(void **) {
    answer(reply(77, 1) + wire::ack(77, -EPERM, "of another request"));
    answer(reply(0, 2));  // an event
    answer(wire::done(76));
    answer(reply(1, 10));
    answer(wire::ack(1, 0) + reply(1, 11));  // behind the end
    expect_int(request(), 0);
    expect_true(saw({10}));
}

void noop_is_skipped(void **) {
    answer(wire::message(NLMSG_NOOP, 0, 1, {}) + reply(1, 10));
    answer(wire::ack(1, 0));
    expect_int(request(), 0);
    expect_true(saw({10}));
}

void visitor_failure_drains(void **) {
    x->visit_error = EBADMSG;
    answer(reply(1, 10));
    answer(reply(1, 11));
    answer(wire::ack(1, 0));
    expect_int(request(), EBADMSG);
    expect_text(why(), "visitor");
    expect_true(saw({10}));
    expect_true(x->socket.answers.empty());
}

void system_errors(void **) {
    x->socket.answers.push_back({{}, ENOBUFS});
    expect_int(request(), ENOBUFS);
    x->socket.send_error = ECONNREFUSED;
    expect_int(request(), ECONNREFUSED);
}

int request_too_long() {
    Message message = Message::generic(family, 1);
    message.put_string(9, std::string(2000, 'x'));
    x->result = vr::netlink::request(x->socket, message);
    return outcome();
}

void too_long_is_not_sent(void **) {
    expect_int(request_too_long(), EMSGSIZE);
    expect_true(x->socket.sent.empty());
}

void dump_parts(void **) {
    answer(reply(1, 10, NLM_F_MULTI) + reply(1, 11, NLM_F_MULTI));
    answer(reply(1, 12, NLM_F_MULTI));
    answer(wire::done(1));
    expect_int(dump(), 0);
    expect_int(sent_flags(0), NLM_F_REQUEST | NLM_F_DUMP);
    expect_true(saw({10, 11, 12}));
    expect_int(x->restarts, 1);
}

void dump_empty(void **) {
    answer(wire::done(1));
    expect_int(dump(), 0);
    expect_true(saw({}));
    answer(wire::message(NLMSG_DONE, NLM_F_MULTI, 2, {}));
    expect_int(dump(), 0);
}

void dump_end_in_last_part(void **) {
    answer(reply(1, 10, NLM_F_MULTI) + wire::done(1));
    expect_int(dump(), 0);
    expect_true(saw({10}));
}

void dump_refused_at_once(void **) {
    answer(wire::ack(1, -ENOENT, "no such context"));
    expect_int(dump(), ENOENT);
    expect_text(why(), "no such context");
}

void dump_fails_midway(void **) {
    answer(reply(1, 10, NLM_F_MULTI));
    answer(wire::message(NLMSG_DONE, NLM_F_MULTI | NLM_F_ACK_TLVS, 1,
                         wire::u32(static_cast<uint32_t>(-ENOMEM)) +
                             wire::attr(1, wire::text("out of memory"))));
    expect_int(dump(), ENOMEM);
    expect_text(why(), "out of memory");
    answer(wire::done(2, 0, -EIO));
    expect_int(dump(), EIO);
}

void dump_interrupted_midway(void **) {
    answer(reply(1, 10, NLM_F_MULTI));
    answer(reply(1, 11, NLM_F_MULTI | NLM_F_DUMP_INTR));
    answer(reply(1, 12, NLM_F_MULTI));
    answer(wire::done(1));
    answer(reply(2, 20, NLM_F_MULTI));
    answer(wire::done(2));
    expect_int(dump(), 0);
    expect_true(saw({20}));
    expect_int(x->restarts, 2);
}

void dump_interrupted_at_end(void **) {
    answer(reply(1, 10, NLM_F_MULTI));
    answer(wire::done(1, NLM_F_DUMP_INTR));
    answer(reply(2, 20, NLM_F_MULTI));
    answer(wire::done(2));
    expect_int(dump(), 0);
    expect_true(saw({20}));
}

void dump_never_quiet(void **) {
    for (uint32_t i = 1; i <= 100; i++)
        answer(wire::done(i, NLM_F_DUMP_INTR));
    expect_int(dump(), EAGAIN);
    expect_text(why(), "the list keeps changing");
    expect_true(x->restarts > 1 && x->restarts < 100);
}

// A list that cannot be decoded is not retried and leaves the socket clean.
void dump_visitor_failure(void **) {
    x->visit_error = EBADMSG;
    answer(reply(1, 10, NLM_F_MULTI | NLM_F_DUMP_INTR));
    answer(wire::done(1));
    expect_int(dump(), EBADMSG);
    expect_int(x->restarts, 1);
    expect_true(x->socket.answers.empty());
}

bool sequences_differ() {
    uint32_t first = x->socket.next_sequence();
    uint32_t second = x->socket.next_sequence();
    return first != 0 && second != 0 && first != second;
}

void sequence_numbers(void **) {
    expect_true(sequences_differ());
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test(ack_only),
        test(reply_and_ack_apart),
        test(reply_and_ack_in_one),
        test(refused_with_text),
        test(refused_without_text),
        test(refused_with_request),
        test(refused_with_offset),
        test(refused_with_bad_text),
        test(refused_with_bad_length),
        test(verdict_cut_off),
        test(verdict_positive),
        test(message_cut_off),
        test(stale_messages_are_skipped),
        test(noop_is_skipped),
        test(visitor_failure_drains),
        test(system_errors),
        test(too_long_is_not_sent),
        test(dump_parts),
        test(dump_empty),
        test(dump_end_in_last_part),
        test(dump_refused_at_once),
        test(dump_fails_midway),
        test(dump_interrupted_midway),
        test(dump_interrupted_at_end),
        test(dump_never_quiet),
        test(dump_visitor_failure),
        test(sequence_numbers),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
