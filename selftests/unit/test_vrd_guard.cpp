// SPDX-License-Identifier: GPL-2.0

#include "daemon/guard.hpp"

#include "cmocka.hpp"

namespace {

using vrd::Guarded;

// Three nodes; the others wait for a thousand
vrd::Rules rules() {
    vrd::Rules all;
    all.votes = {{1, 1}, {2, 1}, {3, 1}};
    all.grace_ms = 1000;
    return all;
}

// With a daemon it is the cluster that counts, without one for how long, too.
void while_away(void **) {
    Guarded one(rules());

    one.daemon(true, 100);
    expect_true(!one.may_lead(100));
    one.quorum(true);
    expect_true(one.may_lead(100));
    expect_true(!one.deadline());
    one.daemon(false, 200);
    expect_true(one.may_lead(200));
    // before the others, who wait for a thousand
    expect_int(one.deadline().value_or(0), 1100);
    expect_true(one.may_lead(1099));
    expect_true(!one.may_lead(1100));
    one.daemon(true, 5000);
    expect_true(one.may_lead(5000));
}

// It is away as long as nobody has seen it come back.
void since_when(void **) {
    Guarded one(rules());

    one.quorum(true);
    one.daemon(true, 100);
    one.daemon(false, 200);
    one.daemon(false, 900);
    expect_true(!one.may_lead(1100));
    one.daemon(true, 1200);
    one.daemon(false, 1200);
    expect_true(one.may_lead(2099));
    expect_true(!one.may_lead(2100));
}

void no_cluster(void **) {
    Guarded one(rules());

    one.quorum(true);
    one.daemon(true, 100);
    one.daemon(false, 200);
    one.quorum(false);
    expect_true(!one.may_lead(201));
    expect_true(!one.deadline());
    one.quorum(true);
    expect_true(one.may_lead(202));
}

// Who comes to a ring may have been in one that had another lead.
void parted(void **) {
    Guarded one(rules());

    one.quorum(true);
    one.daemon(true, 100);
    one.ring({1, 2, 3}, {1, 2});
    expect_true(one.may_lead(100));  // the daemon knows what it does
    one.daemon(false, 200);
    one.ring({1, 2}, {});
    one.ring({1, 2, 3}, {3});
    expect_true(one.may_lead(201));
    one.ring({1, 2, 3}, {1, 2});
    expect_true(!one.may_lead(202));
    expect_true(!one.deadline());
    // whatever comes then, but a daemon
    one.ring({1, 2, 3}, {});
    expect_true(!one.may_lead(203));
    one.daemon(true, 300);
    expect_true(one.may_lead(300));
    one.daemon(false, 400);
    expect_true(one.may_lead(401));
}

// Two nodes, of which each alone has a quorum
void parted_of_two(void **) {
    vrd::Rules two = rules();
    two.votes = {{1, 1}, {2, 1}};
    two.engine_quorum = true;
    Guarded one(two);

    one.quorum(true);
    one.daemon(true, 100);
    one.daemon(false, 200);
    one.ring({1}, {});
    expect_true(one.may_lead(201));
    one.ring({1, 2}, {2});
    expect_true(!one.may_lead(202));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(while_away),    cmocka_unit_test(since_when),
        cmocka_unit_test(no_cluster),    cmocka_unit_test(parted),
        cmocka_unit_test(parted_of_two),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
