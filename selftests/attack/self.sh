#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Does the tester notice what it has to?
exec ../../build/selftests/attack --self-test
