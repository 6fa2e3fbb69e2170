// SPDX-License-Identifier: GPL-2.0
/* handover.c - what the lead of a distributed host does with a packet.
 *
 * handover.insn_per_packet, handover6.insn_per_packet
 *		give it to the node that has the port. Mode ipvs-dr: IPVS gives
 *		it to a real server by direct routing. As in fwd.c the packet
 *		dies at b's door, and what it costs to make it is subtracted.
 * handover_full.insn_per_packet
 *		the same with a million ports in the port maps
 * port_map.bytes
 *		memory of one of these
 * beside.insn	a UDP request and its answer, as in udp_rr.c, while another
 *		address is a distributed one
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <linux/vr_dhost.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define MODULE	"/repo/build/modules/vm/vr_dhost.ko"
#define PORT	4242
#define OWN	1
#define OTHER	2
/* Addresses whose port maps are full make up a million ports. */
#define FULL	8
#define EACH	(2 * 65535)

/* On r0, beside the router's own, and never the last byte of another's */
static struct ipaddr shared(int i, int family)
{
	return on_net(1, 100 + i, family);
}

static struct nl dhost;
static int family_id;

static void load(void)
{
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		die(MODULE);
	close(fd);
	ns_enter(topo.router);
	family_id = genl_family(&dhost, VR_DHOST_FAMILY_NAME);
}

static void request(int cmd, struct ipaddr addr)
{
	struct genlmsghdr *g = nl_start(&dhost, family_id, 0, sizeof(*g));

	g->cmd = cmd;
	g->version = VR_DHOST_FAMILY_VERSION;
	nl_put(&dhost, VR_DHOST_A_DHOST_ADDRESS, addr.b, addr.len);
	nl_put_u32(&dhost, VR_DHOST_A_DHOST_CONTEXT,
		   topo.mode == CTX ? CTX_ID : 0);
}

static void give_ports(struct ipaddr addr, uint8_t proto, uint16_t first,
		       uint16_t last)
{
	request(VR_DHOST_CMD_PORT_SET, addr);
	nl_put(&dhost, VR_DHOST_A_DHOST_PROTOCOL, &proto, sizeof(proto));
	nl_put(&dhost, VR_DHOST_A_DHOST_PORT, &first, sizeof(first));
	nl_put(&dhost, VR_DHOST_A_DHOST_PORT_LAST, &last, sizeof(last));
	nl_put_u32(&dhost, VR_DHOST_A_DHOST_NODE, OTHER);
	nl_do(&dhost, "port-set");
}

/* The router is its lead, and b's port, where nobody is, the other node. */
static void distribute(struct ipaddr addr)
{
	static const uint8_t other[6] = { 2, 0, 0, 0, 0, 0x99 };

	request(VR_DHOST_CMD_HOST_NEW, addr);
	nl_put_u32(&dhost, VR_DHOST_A_DHOST_OWN, OWN);
	nl_put_u32(&dhost, VR_DHOST_A_DHOST_LEAD, OWN);
	nl_do(&dhost, "host-new");
	request(VR_DHOST_CMD_MEMBER_NEW, addr);
	nl_put_u32(&dhost, VR_DHOST_A_DHOST_NODE, OTHER);
	nl_put_str(&dhost, VR_DHOST_A_DHOST_IFNAME, "r1");
	nl_put(&dhost, VR_DHOST_A_DHOST_LLADDR, other, sizeof(other));
	nl_do(&dhost, "member-new");
	give_ports(addr, IPPROTO_UDP, PORT, PORT);
	addr_add("r0", addr);
}

static void virtual_server(struct ipaddr addr)
{
	struct {
		struct ip_vs_service_user svc;
		struct ip_vs_dest_user dest;
	} real = {
		.svc = {
			.protocol = IPPROTO_UDP,
			.port = htons(PORT),
			.sched_name = "rr",
			.netmask = ~0,
		},
		.dest = {
			.port = htons(PORT),
			.conn_flags = IP_VS_CONN_F_DROUTE,
			.weight = 1,
		},
	};
	const struct ipaddr b = B_ADDR(AF_INET);
	int fd;

	ns_enter(topo.router);
	addr_add("r0", addr);
	memcpy(&real.svc.addr, addr.b, addr.len);
	memcpy(&real.dest.addr, b.b, b.len);
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_VS_SO_SET_ADD, &real.svc,
		       sizeof(real.svc)) ||
	    setsockopt(fd, IPPROTO_IP, IP_VS_SO_SET_ADDDEST, &real,
		       sizeof(real)))
		die("IPVS");
	close(fd);
}

static void setup(int family)
{
	static int done[2];

	if (done[family == AF_INET6]++)
		return;
	if (topo.mode == IPVS) {
		virtual_server(shared(0, family));
		return;
	}
	if (!family_id)
		load();
	ns_enter(topo.router);
	distribute(shared(0, family));
}

void fig_handover(void)
{
	setup(AF_INET);
	result("handover.insn_per_packet", forwarded(shared(0, AF_INET)),
	       "insn");
}

void fig_handover6(void)
{
	topo_ipv6();
	setup(AF_INET6);
	result("handover6.insn_per_packet", forwarded(shared(0, AF_INET6)),
	       "insn");
}

void fig_beside(void)
{
	setup(AF_INET);
	result("beside.insn", udp_round_trip(AF_INET), "insn");
}

void fig_port_map(void)
{
	uint64_t mem;
	int i;

	setup(AF_INET);
	ns_enter(topo.router);
	for (i = 1; i < FULL; i++)
		distribute(shared(i, AF_INET));
	settle(1);
	mem = mem_free();
	for (i = 0; i < FULL; i++) {
		give_ports(shared(i, AF_INET), IPPROTO_UDP, 1, 65535);
		give_ports(shared(i, AF_INET), IPPROTO_TCP, 1, 65535);
	}
	settle(1);
	/* without the one port that each had already */
	result("port_map.bytes", ((double)mem - mem_free()) /
	       (FULL * (EACH - 1)), "bytes");
	result("handover_full.insn_per_packet", forwarded(shared(0, AF_INET)),
	       "insn");
}
