// SPDX-License-Identifier: GPL-2.0
//
// CMocka with what it wants included first.
//
// A failing assert leaves the test by longjmp(), over destructors. So no
// object that has one may be alive across an assert: keep objects in a
// fixture that setup makes and teardown frees, compute in functions of their
// own, and assert with the macros below, whose arguments, temporaries
// included, are over and done with before the assert.

#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// ORDER: needs the four above
extern "C" {
#include <cmocka.h>
}

// The name of a member function in the standard library, and of ours
#undef fail

#define expect_true(condition)                              \
    do {                                                    \
        bool got_ = static_cast<bool>(condition);           \
        _assert_true(got_, #condition, __FILE__, __LINE__); \
    } while (0)

#define expect_int(value, wanted)        \
    do {                                 \
        long long got_ = (value);        \
        long long wanted_ = (wanted);    \
        assert_int_equal(got_, wanted_); \
    } while (0)

// The text must outlive the expression.
#define expect_text(value, wanted)         \
    do {                                   \
        const char *got_ = (value);        \
        assert_string_equal(got_, wanted); \
    } while (0)
