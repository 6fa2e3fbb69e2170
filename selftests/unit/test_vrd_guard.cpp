// SPDX-License-Identifier: GPL-2.0

#include "daemon/guard.hpp"

#include "cmocka.hpp"

namespace {

using vrd::Guarded;

// With a daemon it is the cluster that counts, without one for how long, too.
void while_away(void **) {
    Guarded one(1000);

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
    Guarded one(1000);

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
    Guarded one(1000);

    one.quorum(true);
    one.daemon(true, 100);
    one.daemon(false, 200);
    one.quorum(false);
    expect_true(!one.may_lead(201));
    expect_true(!one.deadline());
    one.quorum(true);
    expect_true(one.may_lead(202));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(while_away),
        cmocka_unit_test(since_when),
        cmocka_unit_test(no_cluster),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
