// SPDX-License-Identifier: GPL-2.0
/* nl.c - netlink requests, the little of it that the benchmark needs. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#ifndef NETLINK_EXT_ACK
#define NETLINK_EXT_ACK 11
#endif

void nl_open(struct nl *nl, int proto)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };

	int room = 4 << 20;

	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, proto);
	nl->seq = 0;
	setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (nl->fd < 0 || bind(nl->fd, (struct sockaddr *)&sa, sizeof(sa)))
		die("netlink %d", proto);
}

void *nl_start(struct nl *nl, int type, int flags, size_t size)
{
	memset(nl->buf, 0, NLMSG_SPACE(size));
	nl->h.nlmsg_type = type;
	nl->h.nlmsg_flags = flags | NLM_F_REQUEST | NLM_F_ACK;
	nl->h.nlmsg_seq = ++nl->seq;
	nl->len = NLMSG_SPACE(size);
	return NLMSG_DATA(&nl->h);
}

void nl_put(struct nl *nl, int type, const void *data, size_t len)
{
	struct nlattr attr = {
		.nla_type = type,
		.nla_len = NLA_HDRLEN + len,
	};

	if (nl->len + NLA_HDRLEN + NLA_ALIGN(len) > sizeof(nl->buf))
		die("netlink request too long");
	memcpy(nl->buf + nl->len, &attr, sizeof(attr));
	memset(nl->buf + nl->len + NLA_HDRLEN, 0, NLA_ALIGN(len));
	if (len)
		memcpy(nl->buf + nl->len + NLA_HDRLEN, data, len);
	nl->len += NLA_HDRLEN + NLA_ALIGN(len);
}

void nl_put_u32(struct nl *nl, int type, uint32_t val)
{
	nl_put(nl, type, &val, sizeof(val));
}

void nl_put_str(struct nl *nl, int type, const char *s)
{
	nl_put(nl, type, s, strlen(s) + 1);
}

size_t nl_nest(struct nl *nl, int type)
{
	size_t start = nl->len;

	nl_put(nl, type | NLA_F_NESTED, NULL, 0);
	return start;
}

void nl_end(struct nl *nl, size_t nest)
{
	struct nlattr *attr = (void *)(nl->buf + nest);

	attr->nla_len = nl->len - nest;
}

int nl_try(struct nl *nl)
{
	struct nlmsgerr *err;
	int ack;
	char reply[16384];
	struct nlmsghdr *h = (void *)reply;
	ssize_t len;

	nl->h.nlmsg_len = nl->len;
	if (send(nl->fd, nl->buf, nl->len, 0) != (ssize_t)nl->len)
		die("netlink send");
	/* Answers come in messages of their own, before the ACK. */
	for (;;) {
		len = recv(nl->fd, reply, sizeof(reply), 0);
		if (len < (ssize_t)sizeof(*h))
			die("netlink receive");
		if (h->nlmsg_seq != nl->seq)
			continue;
		if (h->nlmsg_type == NLMSG_ERROR)
			break;
		ack = nl->h.nlmsg_flags & NLM_F_ACK;
		memcpy(nl->buf, reply, len);
		nl->len = len;
		if (!ack)
			return 0;
		nl->h.nlmsg_flags |= NLM_F_ACK;
	}
	err = NLMSG_DATA(h);
	return err->error;
}

void nl_do(struct nl *nl, const char *what)
{
	int ret = nl_try(nl);

	if (ret) {
		errno = -ret;
		die("%s", what);
	}
}

void nl_wait(struct nl *nl, uint32_t seq)
{
	char reply[16384];
	struct nlmsghdr *h = (void *)reply;
	struct nlmsgerr *err = NLMSG_DATA(h);

	do {
		if (recv(nl->fd, reply, sizeof(reply), 0) < (ssize_t)sizeof(*h))
			die("netlink receive");
	} while (h->nlmsg_seq != seq || h->nlmsg_type != NLMSG_ERROR);
	if (err->error) {
		errno = -err->error;
		die("netlink request");
	}
}

int nl_dump(struct nl *nl)
{
	static char reply[1 << 16];
	struct nlmsghdr *h;
	int count = 0;
	ssize_t len;

	nl->h.nlmsg_len = nl->len;
	if (send(nl->fd, nl->buf, nl->len, 0) != (ssize_t)nl->len)
		die("netlink send");
	for (;;) {
		len = recv(nl->fd, reply, sizeof(reply), 0);
		for (h = (void *)reply; NLMSG_OK(h, len);
		     h = NLMSG_NEXT(h, len)) {
			if (h->nlmsg_type == NLMSG_ERROR)
				die("netlink dump");
			if (h->nlmsg_type == NLMSG_DONE)
				return count;
			count++;
		}
	}
}
