// SPDX-License-Identifier: GPL-2.0
// families: 4 6
/*
 * Who inherits a context: children, threads and programs from the task,
 * accepted sockets from the listener, passed descriptors from nobody.
 * Guards copy_process(), the fields that exec must not touch, sk_clone_lock()
 * and the count of tasks.
 */
#define _GNU_SOURCE
#include "vrtest.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

extern char **environ;

/* What a new socket of the calling task carries */
static long long fresh(void)
{
	int fd = socket(vr_af(), SOCK_DGRAM, 0);
	long long ctx = fd < 0 ? -1 : vr_get(fd);

	close(fd);
	return ctx;
}

/* Exit status of a child, 99 if it did not exit */
static int reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 99;
	return WEXITSTATUS(status);
}

/* In an exec'ed copy of this program: is all in the context given? */
static int probe(const char *want)
{
	long ctx = atol(want);

	return vr_self() == ctx && fresh() == ctx ? 0 : 1;
}

static char *self[] = { "/proc/self/exe", "--probe", "5", NULL };

TEST(fork, "fork")
{
	pid_t pid;

	vr_setup(5, 6, 0);
	CHECK(!vr_enter(5));
	pid = fork();
	if (!pid) {
		pid_t grand = fork();

		if (!grand)
			_exit(vr_self() == 5 && fresh() == 5 ? 0 : 1);
		_exit(reap(grand) || vr_self() != 5 || fresh() != 5);
	}
	EQ(reap(pid), 0);
	/* and they are their own masters afterwards */
	pid = fork();
	if (!pid)
		_exit(vr_enter(6) || vr_self() != 6);
	EQ(reap(pid), 0);
	EQ(vr_self(), 5);
}

TEST(exec, "exec keeps the context, so does what it forks")
{
	pid_t pid;

	vr_setup(5, 0);
	CHECK(!vr_enter(5));
	pid = fork();
	if (!pid) {
		execv(self[0], self);
		_exit(98);
	}
	EQ(reap(pid), 0);
	EQ(vr_self(), 5);
}

TEST(spawn, "vfork, posix_spawn and system")
{
	char cmd[128];
	pid_t pid;

	vr_setup(5, 0);
	CHECK(!vr_enter(5));
	CHECK(!posix_spawn(&pid, self[0], NULL, NULL, self, environ));
	EQ(reap(pid), 0);
	pid = vfork();
	if (!pid) {
		execv(self[0], self);
		_exit(98);
	}
	EQ(reap(pid), 0);
	snprintf(cmd, sizeof(cmd), "read num name </proc/self/vrctx;"
		 " test \"$num\" = 5");
	EQ(system(cmd), 0);
}

struct thread {
	long self;
	long long socket;
	uint32_t enter;
};

static void *thread_body(void *arg)
{
	struct thread *t = arg;

	t->self = vr_self();
	if (t->enter && vr_enter(t->enter))
		t->self = -2;
	t->socket = fresh();
	return NULL;
}

static void thread_run(struct thread *t)
{
	pthread_t id;

	CHECK(!pthread_create(&id, NULL, thread_body, t));
	CHECK(!pthread_join(id, NULL));
}

TEST(threads, "a thread starts where its creator is; then each its own")
{
	struct thread same = { .enter = 0 }, other = { .enter = 6 };

	vr_setup(5, 6, 0);
	thread_run(&same);
	EQ(same.self, 0);
	CHECK(!vr_enter(5));
	thread_run(&same);
	EQ(same.self, 5);
	EQ(same.socket, 5);
	thread_run(&other);
	EQ(other.self, 5);
	EQ(other.socket, 6);
	EQ(vr_self(), 5);
	EQ(fresh(), 5);
}

static void *exec_body(void *arg)
{
	vr_enter(5);
	execv(self[0], self);
	_exit(98);
	return arg;
}

TEST(exec_thread, "exec by a thread: the process goes on in its context")
{
	pid_t pid;

	vr_setup(5, 6, 0);
	pid = fork();
	if (!pid) {
		pthread_t id;

		alarm(60);
		vr_enter(6);		/* the leader, which exec replaces */
		if (pthread_create(&id, NULL, exec_body, NULL))
			_exit(97);
		for (;;)
			pause();
	}
	EQ(reap(pid), 0);
}

TEST(counts, "the number of tasks follows forks, threads and exits")
{
	int go[2];
	pid_t pid;
	char c;

	vr_setup(5, 0);
	CHECK(!pipe(go));
	EQ(vr_count(5, VRCTX_A_CTX_TASKS), 0);
	CHECK(!vr_enter(5));
	EQ(vr_count(5, VRCTX_A_CTX_TASKS), 1);
	pid = fork();
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &c, 1));
	}
	EQ(vr_count(5, VRCTX_A_CTX_TASKS), 2);
	CHECK(!vr_enter(0));
	EQ(vr_count(5, VRCTX_A_CTX_TASKS), 1);
	close(go[1]);
	EQ(reap(pid), 0);
	EQ(vr_count(5, VRCTX_A_CTX_TASKS), 0);
	CHECK(!vr_del(5, false));
	CHECK(!vr_new(5));		/* nothing carries it: not EBUSY */
}

TEST(failed_fork, "a fork that fails leaves the count alone")
{
	vr_setup(5, 0);
	CHECK(!vr_enter(5));
	/* CLONE_SIGHAND without CLONE_VM, and CLONE_PIDFD to nowhere */
	CHECK(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0) < 0);
	CHECK(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, 1, 0, 0) < 0);
	EQ(vr_count(5, VRCTX_A_CTX_TASKS), 1);
}

TEST(new_netns, "clone into a new namespace: context 0 there")
{
	pid_t pid;

	vr_setup(5, 0);
	CHECK(!vr_enter(5));
	pid = syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0);
	if (!pid)
		_exit(vr_self() || vr_enter(5) != -1 || errno != ENOENT);
	EQ(reap(pid), 0);
	EQ(vr_self(), 5);
	EQ(vr_count(5, VRCTX_A_CTX_TASKS), 1);
	CHECK(!unshare(CLONE_NEWNS | CLONE_NEWUTS));	/* not the network */
	EQ(vr_self(), 5);
	CHECK(!unshare(CLONE_NEWNET));
	EQ(vr_self(), 0);
}

static int listener(uint32_t ctx, int port)
{
	struct sockaddr_storage to = vr_loopback(port);
	int fd = vr_socket(SOCK_STREAM, 0, ctx);

	CHECK(fd >= 0 && !bind(fd, (void *)&to, sizeof(to)));
	CHECK(!listen(fd, 4));
	return fd;
}

static int client(uint32_t ctx, int port)
{
	struct sockaddr_storage to = vr_loopback(port);
	int fd = vr_socket(SOCK_STREAM, 0, ctx);

	CHECK(fd >= 0 && !connect(fd, (void *)&to, sizeof(to)));
	return fd;
}

TEST(accept, "accept: the listener's context, not the acceptor's")
{
	int lfd, fd;

	vr_setup(5, 6, 0);
	lfd = listener(5, 80);
	CHECK(!vr_enter(6));
	fd = client(5, 80);
	fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK);
	CHECK(fd >= 0);
	EQ(vr_get(fd), 5);
	EQ(fresh(), 6);
}

static void send_fd(int via, int fd)
{
	char data = 'x', ctl[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { &data, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = ctl, .msg_controllen = sizeof(ctl),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	CHECK(sendmsg(via, &msg, 0) == 1);
}

static int recv_fd(int via)
{
	char data, ctl[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &data, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = ctl, .msg_controllen = sizeof(ctl),
	};
	int fd = -1;

	if (recvmsg(via, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

TEST(scm_rights, "a socket passed to another context stays in its own")
{
	int pair[2], lfd, fd;
	pid_t pid;

	vr_setup(5, 6, 0);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	lfd = listener(5, 80);
	pid = fork();
	if (!pid) {
		int got, child;

		alarm(30);
		if (vr_enter(6))
			_exit(1);
		got = recv_fd(pair[1]);
		if (got < 0 || vr_get(got) != 5)
			_exit(2);
		child = accept(got, NULL, NULL);
		if (child < 0 || vr_get(child) != 5)
			_exit(3);
		if (write(child, "hello", 5) != 5 || fresh() != 6)
			_exit(4);
		_exit(0);
	}
	send_fd(pair[0], lfd);
	fd = client(5, 80);
	{
		char buf[8] = "";

		EQ(read(fd, buf, 5), 5);
		CHECK(!strcmp(buf, "hello"));
	}
	EQ(reap(pid), 0);
}

TEST(task_moves, "a task that moves leaves its open sockets where they are")
{
	int fd;

	vr_setup(5, 6, 0);
	CHECK(!vr_enter(5));
	fd = socket(vr_af(), SOCK_STREAM, 0);
	CHECK(!vr_enter(6));
	EQ(vr_get(fd), 5);
	EQ(fresh(), 6);
	EQ(vr_get(fcntl(fd, F_DUPFD, 0)), 5);
	EQ(vr_count(5, VRCTX_A_CTX_SOCKETS), 1);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--probe"))
		return probe(argv[2]);
	return vr_main(argc, argv);
}
