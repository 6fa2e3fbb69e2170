/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Harness of the C selftests: TAP output, contexts by netlink and by /proc.
 *
 * A test is TEST(name, "what it shows") { ... }; CHECK() and friends report
 * the first failure and leave the test. Tests run in the order of the file,
 * each in a child of its own, so that what one changes in its task (context,
 * namespace, capabilities) does not reach the next; a child that hangs is
 * killed by its alarm.
 */
#ifndef VRTEST_H
#define VRTEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vrctx.h>

#ifndef SO_VRCTX
#define SO_VRCTX	0x5652
#define SCM_VRCTX	SO_VRCTX
#endif

enum { KSFT_PASS = 0, KSFT_FAIL = 1, KSFT_SKIP = 4 };

struct vr_test {
	const char *name;
	const char *what;
	void (*fn)(void);
	struct vr_test *next;
};

void vr_register(struct vr_test *test);
/* The reason stays in the output; the test ends at once */
void vr_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void vr_skip(const char *why) __attribute__((noreturn));
int vr_main(int argc, char **argv);

#define TEST(id, text)							\
	static void test_##id(void);					\
	__attribute__((constructor)) static void reg_##id(void)		\
	{								\
		static struct vr_test t = { #id, text, test_##id, NULL };\
									\
		vr_register(&t);					\
	}								\
	static void test_##id(void)

#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			vr_fail(__FILE__, __LINE__, "%s (errno %d, %s)",\
				#cond, errno, strerror(errno));		\
	} while (0)

#define EQ(a, b)							\
	do {								\
		long long a_ = (long long)(a), b_ = (long long)(b);	\
									\
		if (a_ != b_)						\
			vr_fail(__FILE__, __LINE__,			\
				"%s is %lld, not %s (%lld)",		\
				#a, a_, #b, b_);			\
	} while (0)

/* The call must fail with this errno */
#define REFUSED(err, call)						\
	do {								\
		long long r_ = (errno = 0, (long long)(call));		\
									\
		if (r_ != -1 || errno != (err))				\
			vr_fail(__FILE__, __LINE__,			\
				"%s: %lld, errno %d (%s), not %s",	\
				#call, r_, errno, strerror(errno), #err);\
	} while (0)

/* ---- contexts ---- */

/* Fresh network namespace, lo up, with these contexts (end with 0) */
void vr_setup(uint32_t first, ...);
/* Requests of the family; 0 or -1 with errno */
int vr_new(uint32_t ctx);
int vr_del(uint32_t ctx, bool force);
/* Counters of ctx-get; -1 with errno */
long vr_count(uint32_t ctx, int attr);
/* Thread's context through /proc; -1 with errno */
int vr_enter(uint32_t ctx);
long vr_self(void);
/* SO_VRCTX; vr_get() returns -1 with errno, ANY as 0xffffffff */
int vr_set(int fd, uint32_t ctx);
long long vr_get(int fd);
/* AF_INET; AF_INET6 with VR_FAMILY=6, see vr_fam.py */
int vr_af(void);
/* 127.0.0.1 or ::1; all of it may be given to the kernel */
struct sockaddr_storage vr_loopback(int port);
/* A socket of the family in a context, or -1 */
int vr_socket(int type, int proto, uint32_t ctx);
/* 1, or 10 on a kernel that checks everything */
int vr_slow(void);

#endif /* VRTEST_H */
