// SPDX-License-Identifier: GPL-2.0
//
// Text and JSON of every record; the JSON is an interface, see vrctl(8).

#include "output.hpp"

#include <string>

#include "cmocka.hpp"
#include "record.hpp"

namespace {

using vrctl::Field;
using vrctl::Record;

const vr::Context red{5, "red", 16777221, 1, 20, 300};
const vr::Context unnamed{16777215, "", 33554431, 0, 0, 0};

std::string text;

const char *json(const std::vector<Record> &records) {
    text = vrctl::to_json(records);
    return text.c_str();
}

const char *line(const Record &record) {
    text = vrctl::to_json(record);
    return text.c_str();
}

const char *table(const std::vector<Record> &records) {
    text = vrctl::to_text(records);
    return text.c_str();
}

void lists(void **) {
    expect_text(json({}), "[]\n");
    expect_text(table({}), "");
}

void context(void **) {
    expect_text(json({vrctl::record(red), vrctl::record(unnamed)}),
                "[{\"id\":5,\"name\":\"red\",\"table\":16777221,"
                "\"devices\":1,\"sockets\":20,\"tasks\":300},"
                "{\"id\":16777215,\"name\":null,\"table\":33554431,"
                "\"devices\":0,\"sockets\":0,\"tasks\":0}]\n");
    expect_text(table({vrctl::record(red), vrctl::record(unnamed)}),
                "ID        NAME  TABLE     DEVICES  SOCKETS  TASKS\n"
                "5         red   16777221  1        20       300\n"
                "16777215  -     33554431  0        0        0\n");
}

void device(void **) {
    static const Record record = vrctl::record(vr::Device{3, "eth0", 5, "red"});
    expect_text(json({record}),
                "[{\"ifindex\":3,\"ifname\":\"eth0\",\"id\":5,"
                "\"name\":\"red\"}]\n");
    expect_text(table({record}),
                "IFINDEX  IFNAME  ID  NAME\n"
                "3        eth0    5   red\n");
}

void stats(void **) {
    static const Record record =
        vrctl::record(vr::Stats{5, "", 18446744073709551615ULL, 2, 3, 4, 5});
    expect_text(json({record}),
                "[{\"id\":5,\"name\":null,"
                "\"rx_packets\":18446744073709551615,\"tx_packets\":2,"
                "\"fwd_packets\":3,\"no_route\":4,\"wrong_ctx\":5}]\n");
}

void task(void **) {
    expect_text(json({vrctl::record(vr::Task{77, 5, "red"})}),
                "[{\"pid\":77,\"id\":5,\"name\":\"red\"}]\n");
}

void events(void **) {
    using Kind = vr::Event::Kind;
    expect_text(line(vrctl::record({Kind::context, 5, "red", 0, ""})),
                "{\"event\":\"ctx\",\"id\":5,\"name\":\"red\"}\n");
    expect_text(line(vrctl::record({Kind::context, 5, "", 0, ""})),
                "{\"event\":\"ctx\",\"id\":5,\"name\":null}\n");
    expect_text(line(vrctl::record({Kind::context_deleted, 5, "red", 0, ""})),
                "{\"event\":\"ctx-del\",\"id\":5,\"name\":\"red\"}\n");
    expect_text(line(vrctl::record({Kind::device, 5, "red", 3, "eth0"})),
                "{\"event\":\"dev\",\"ifindex\":3,\"ifname\":\"eth0\","
                "\"id\":5,\"name\":\"red\"}\n");
    expect_text(line(vrctl::record({Kind::lost, 0, "", 0, ""})),
                "{\"event\":\"lost\"}\n");
}

// Names of devices may hold any byte but a few.
void escaping(void **) {
    expect_text(json({{Field{"k", std::string("a\"b\\c\n\x01")}}}),
                "[{\"k\":\"a\\\"b\\\\c\\n\\u0001\"}]\n");
    expect_text(json({{Field{"k", std::string("r\xc3\xb6t")}}}),
                "[{\"k\":\"r\xc3\xb6t\"}]\n");
    expect_text(json({{Field{"k", std::string("a\xff")}}}),
                "[{\"k\":\"a\xef\xbf\xbd\"}]\n");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(lists),    cmocka_unit_test(context),
        cmocka_unit_test(device),   cmocka_unit_test(stats),
        cmocka_unit_test(task),     cmocka_unit_test(events),
        cmocka_unit_test(escaping),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
