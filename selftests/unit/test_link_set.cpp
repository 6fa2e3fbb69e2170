// SPDX-License-Identifier: GPL-2.0
//
// vrctl link set: what happens to the device, step by step.

#include <errno.h>

#include "cli_fixture.hpp"
#include "cmocka.hpp"

namespace {

// Context 5 "red"; eth0 and eth1, the latter up
int populated(void **state) {
    setup(state);
    fixture->kernel.contexts[5] = {"red"};
    fixture->device("eth0").up = false;
    fixture->device("eth1").up = true;
    return 0;
}

void expect(int status, const char *text, const char *message,
            const char *steps) {
    expect_text(changes(), steps);
    expect_text(out(), text);
    expect_text(err(), message);
    expect_int(status, *message != '\0');
}

void down_device(void **) {
    expect(vrctl_run("link", "set", "eth0", "red"), "", "", "move eth0 5");
    expect(vrctl_run("link", "set", "eth0", "0"), "", "", "move eth0 0");
    expect(vrctl_run("link", "set", "eth0", "5"), "", "", "move eth0 5");
    expect(vrctl_run("link", "set", "eth0", "default"), "", "", "move eth0 0");
}

void up_device(void **) {
    expect(vrctl_run("link", "set", "eth1", "red"),
           "eth1: taken down, moved to context red, brought up\n", "",
           "down eth1, move eth1 5, up eth1");
    expect_true(fixture->device("eth1").up);
    expect(vrctl_run("link", "set", "eth1", "0"),
           "eth1: taken down, moved to context 0, brought up\n", "",
           "down eth1, move eth1 0, up eth1");
}

// Going down costs a device its IPv6 addresses. What somebody gave it comes
// back; what the kernel makes by itself it makes again.
void addresses_come_back(void **) {
    fixture->device("eth1").addresses = {{1},
                                         {2, 0x80, 3},  // IFAPROT_KERNEL_LL
                                         {3, 0, 2},     // IFAPROT_KERNEL_RA
                                         {4, 0x01, 0},  // IFA_F_TEMPORARY
                                         {5, 0x80, 17}};
    fixture->device("eth0").addresses = {{6}};
    expect(vrctl_run("link", "set", "eth1", "red"),
           "eth1: taken down, moved to context red, brought up\n", "",
           "down eth1, move eth1 5, up eth1, address eth1 1, address eth1 5");
}

void an_address_is_lost(void **) {
    fixture->device("eth1").addresses = {{1, 0x80, 0, true}, {2}};
    expect(vrctl_run("link", "set", "eth1", "red"),
           "eth1: taken down, moved to context red, brought up\n",
           "vrctl: restore an IPv6 address: Cannot assign requested address\n",
           "down eth1, move eth1 5, up eth1, address eth1 2");
}

// Nothing to do is not a reason to take a device down.
void up_device_is_there_already(void **) {
    expect(vrctl_run("link", "set", "eth1", "0"), "", "", "");
    expect(vrctl_run("link", "set", "eth1", "default"), "", "", "");
    fixture->device("eth1").ctx = 5;
    expect(vrctl_run("link", "set", "eth1", "red"), "", "", "");
    expect(vrctl_run("link", "set", "eth1", "5"), "", "", "");
}

// Refusals that are known before the device is touched
void up_device_is_left_alone(void **) {
    expect(vrctl_run("link", "set", "eth1", "blue"), "",
           "vrctl: move eth1 to context blue: no such context\n", "");
    expect(vrctl_run("link", "set", "lo", "red"), "",
           "vrctl: move lo to context red: "
           "this kind of device has no contexts\n",
           "");
    expect(vrctl_run("link", "set", "eth9", "red"), "",
           "vrctl: move eth9 to context red: no such device\n", "");
    expect(vrctl_run("link", "set", "eth1", "16777216"), "",
           "vrctl: '16777216': the largest number is 16777215\n", "");
    fixture->kernel.admin = false;
    expect(vrctl_run("link", "set", "eth1", "red"), "",
           "vrctl: move eth1 to context red: CAP_NET_ADMIN is needed\n", "");
}

// Part of a bridge: it could not be moved when down either.
void up_device_with_master(void **) {
    fixture->device("eth1").master = true;
    expect(vrctl_run("link", "set", "eth1", "red"), "",
           "vrctl: move eth1 to context red: the device has a master\n", "");
}

// A refusal that only the kernel can foresee
void up_again_after_refusal(void **) {
    fixture->device("eth1").handler = true;
    expect(vrctl_run("link", "set", "eth1", "red"),
           "eth1: taken down, not moved, brought up\n",
           "vrctl: move eth1 to context red: "
           "another device takes the packets\n",
           "down eth1, up eth1");
    expect_true(fixture->device("eth1").up);
    expect_int(fixture->device("eth1").ctx, 0);
}

void busy_but_down(void **) {
    fixture->device("eth0").master = true;
    expect(vrctl_run("link", "set", "eth0", "red"), "",
           "vrctl: move eth0 to context red: the device has a master\n", "");
}

void stays_down(void **) {
    fixture->kernel.up_refused = true;
    expect(vrctl_run("link", "set", "eth1", "red"),
           "eth1: taken down, moved to context red\n",
           "vrctl: bring up eth1: Cannot allocate memory\n",
           "down eth1, move eth1 5");
}

void stays_down_and_unmoved(void **) {
    fixture->kernel.up_refused = true;
    fixture->device("eth1").handler = true;
    expect(vrctl_run("link", "set", "eth1", "red"),
           "eth1: taken down, not moved\n",
           "vrctl: move eth1 to context red: "
           "another device takes the packets\n"
           "vrctl: bring up eth1: Cannot allocate memory\n",
           "down eth1");
}

int run_long_name() {
    return fixture->run({"link", "set", std::string(5000, 'x'), "red"});
}

void absurd_name(void **) {
    expect_int(run_long_name(), 1);
    expect_true(has(err(), "Message too long"));
}

#define test(f) cmocka_unit_test_setup_teardown(f, populated, teardown)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test(down_device),
        test(up_device),
        test(addresses_come_back),
        test(an_address_is_lost),
        test(up_device_is_there_already),
        test(up_device_is_left_alone),
        test(up_device_with_master),
        test(up_again_after_refusal),
        test(busy_but_down),
        test(stays_down),
        test(stays_down_and_unmoved),
        test(absurd_name),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
