// SPDX-License-Identifier: GPL-2.0
/* util.c - clock, files, death. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

void bench_die(const char *file, int line, const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "bench: %s:%d: ", file, line);
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, " (errno: %s)\n", strerror(err));
	va_end(ap);
	exit(1);
}

size_t read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		die("%s", path);
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	buf[len] = 0;
	return len;
}

void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("%s", path);
	close(fd);
}

uint64_t idle(void)
{
	static const char key[] = ".idle_sleeptime";
	static char buf[1 << 17];
	char *p;

	read_file("/proc/timer_list", buf, sizeof(buf));
	p = strstr(buf, key);
	if (!p)
		die("/proc/timer_list has no %s", key);
	p = strchr(p, ':');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

uint64_t busy(void (*fn)(int i), int i)
{
	uint64_t idled = idle(), t = now();

	fn(i);
	t = now() - t;
	return t - (idle() - idled);
}

void settle(int seconds)
{
	struct timespec ts = { .tv_sec = seconds };

	/* Takes no time: the emulator skips it when there is no work. */
	nanosleep(&ts, NULL);
}

static uint64_t number_after(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}

uint64_t mem_free(void)
{
	static char buf[1 << 17];
	uint64_t pages = 0;
	char *p;

	/* MemFree leaves out what each CPU keeps ready. */
	read_file("/proc/zoneinfo", buf, sizeof(buf));
	for (p = strstr(buf, "count:"); p; p = strstr(p + 1, "count:"))
		pages += number_after(p, "count:");
	read_file("/proc/meminfo", buf, sizeof(buf));
	return pages * getpagesize() + number_after(buf, "MemFree:") * 1024;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

double median(uint64_t *sample, int n)
{
	qsort(sample, n, sizeof(*sample), by_value);
	return (sample[n / 2] + sample[(n - 1) / 2]) / 2.0;
}
