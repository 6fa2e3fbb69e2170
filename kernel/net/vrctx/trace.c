// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual-router contexts: tracepoints.
 */

#include "ctx.h"

#define CREATE_TRACE_POINTS
#include <trace/events/vrctx.h>
