// SPDX-License-Identifier: GPL-2.0
/* nolibc.c - a static program without a C library, as Go makes them.
 *
 *	nolibc PORT
 *
 * Lists links and addresses with the requests that Go's net package sends,
 * opens a listener, says "ready", and sends who connects the names of the
 * links.  Ends after two connections.  Nothing but system calls.
 */
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/in.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <asm/unistd.h>
#include <stddef.h>

#ifndef __x86_64__
#error "system calls of x86-64 only"
#endif

#define AF_INET		2
#define AF_INET6	10
#define AF_NETLINK	16
#define SOCK_STREAM	1
#define SOCK_RAW	3
#define SOCK_CLOEXEC	02000000
#define SOL_SOCKET	1
#define SO_REUSEADDR	2

asm(".globl _start\n"
    "_start:\n"
    "	xor %ebp, %ebp\n"
    "	mov %rsp, %rdi\n"
    "	and $-16, %rsp\n"
    "	call begin\n");

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	register long r9 asm("r9") = f;
	long ret;

	asm volatile("syscall" : "=a"(ret)
		     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
		       "r"(r9)
		     : "rcx", "r11", "memory");
	return ret;
}

static char out[8192];
static size_t used;
static char names[1024];
static size_t names_used;

static void put(const char *s)
{
	while (*s && used < sizeof(out))
		out[used++] = *s++;
}

static void put_hex(const unsigned char *p, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	char two[3] = "";

	for (; len; len--, p++) {
		two[0] = digit[*p >> 4];
		two[1] = digit[*p & 15];
		put(two);
	}
}

static void put_num(unsigned int n)
{
	char buf[12];
	char *p = buf + sizeof(buf) - 1;

	for (*p = 0; n || !*p; n /= 10)
		*--p = '0' + n % 10;
	put(p);
}

static void flush(void)
{
	call(__NR_write, 1, (long)out, used, 0, 0, 0);
	used = 0;
}

static void __attribute__((noreturn)) end(const char *why, long err)
{
	if (why) {
		put(why);
		put(": error ");
		put_num(-err);
		put("\n");
		flush();
	}
	for (;;)
		call(__NR_exit_group, !!why, 0, 0, 0, 0, 0);
}

static long must(const char *what, long ret)
{
	if (ret < 0)
		end(what, ret);
	return ret;
}

static void keep_name(const char *s)
{
	while (*s && names_used < sizeof(names) - 1)
		names[names_used++] = *s++;
	names[names_used++] = '\n';
}

static void show_link(const struct nlmsghdr *msg)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(msg);
	const struct rtattr *rta = IFLA_RTA(ifi);
	int left = IFLA_PAYLOAD(msg);

	for (; RTA_OK(rta, left); rta = RTA_NEXT(rta, left)) {
		if (rta->rta_type != IFLA_IFNAME)
			continue;
		put("link ");
		put(RTA_DATA(rta));
		put("\n");
		keep_name(RTA_DATA(rta));
	}
}

static void show_addr(const struct nlmsghdr *msg)
{
	const struct ifaddrmsg *ifa = NLMSG_DATA(msg);
	const struct rtattr *rta = IFA_RTA(ifa);
	int left = IFA_PAYLOAD(msg);

	for (; RTA_OK(rta, left); rta = RTA_NEXT(rta, left)) {
		if (rta->rta_type != IFA_ADDRESS)
			continue;
		put("addr ");
		put_hex(RTA_DATA(rta), RTA_PAYLOAD(rta));
		put("/");
		put_num(ifa->ifa_prefixlen);
		put("\n");
	}
}

/* A dump as syscall.NetlinkRIB() of Go asks for it: 17 bytes. */
static void dump(int fd, int type, void (*show)(const struct nlmsghdr *msg))
{
	static char buf[65536] __attribute__((aligned(4)));
	struct {
		struct nlmsghdr head;
		struct rtgenmsg gen;
	} req = {
		.head.nlmsg_len = NLMSG_LENGTH(1),
		.head.nlmsg_type = type,
		.head.nlmsg_flags = NLM_F_DUMP | NLM_F_REQUEST,
		.head.nlmsg_seq = 1,
	};
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	const struct nlmsghdr *msg;
	long len;

	must("sendto", call(__NR_sendto, fd, (long)&req, req.head.nlmsg_len, 0,
			    (long)&to, sizeof(to)));
	for (;;) {
		len = must("recvfrom", call(__NR_recvfrom, fd, (long)buf,
					    sizeof(buf), 0, 0, 0));
		for (msg = (void *)buf; NLMSG_OK(msg, len);
		     msg = NLMSG_NEXT(msg, len)) {
			if (msg->nlmsg_type == NLMSG_DONE)
				return;
			if (msg->nlmsg_type == NLMSG_ERROR)
				end("dump", *(int *)NLMSG_DATA(msg));
			show(msg);
		}
	}
}

static int listener(unsigned int port)
{
	struct sockaddr_in me = { .sin_family = AF_INET };
	int one = 1;
	int fd;

	me.sin_port = (__be16)(port >> 8 | port << 8);
	fd = must("socket", call(__NR_socket, AF_INET, SOCK_STREAM |
				 SOCK_CLOEXEC, 0, 0, 0, 0));
	must("setsockopt", call(__NR_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR,
				(long)&one, sizeof(one), 0));
	must("bind", call(__NR_bind, fd, (long)&me, sizeof(me), 0, 0, 0));
	must("listen", call(__NR_listen, fd, 128, 0, 0, 0, 0));
	return fd;
}

void begin(long *stack);
void begin(long *stack)
{
	const char *arg = stack[0] > 1 ? (const char *)stack[2] : "";
	unsigned int port = 0;
	int fd, peer, n;

	for (; *arg >= '0' && *arg <= '9'; arg++)
		port = port * 10 + (*arg - '0');
	fd = must("netlink", call(__NR_socket, AF_NETLINK, SOCK_RAW |
				  SOCK_CLOEXEC, NETLINK_ROUTE, 0, 0, 0));
	dump(fd, RTM_GETLINK, show_link);
	dump(fd, RTM_GETADDR, show_addr);
	call(__NR_close, fd, 0, 0, 0, 0, 0);

	fd = listener(port);
	put("ready\n");
	flush();
	for (n = 0; n < 2; n++) {
		peer = must("accept", call(__NR_accept4, fd, 0, 0,
					   SOCK_CLOEXEC, 0, 0));
		call(__NR_write, peer, (long)names, names_used, 0, 0, 0);
		call(__NR_close, peer, 0, 0, 0, 0, 0);
	}
	end(NULL, 0);
}
