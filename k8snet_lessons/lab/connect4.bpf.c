// SPDX-License-Identifier: GPL-2.0
// Socket-level Service translation: at connect() the ClusterIP in the address that the program
// asked for is replaced by an endpoint's, before any packet exists. One hash lookup.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct address {
	__u32 ip;	// network byte order
	__u32 port;	// network byte order, as in bpf_sock_addr
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct address);
	__type(value, struct address);
} services SEC(".maps");

SEC("cgroup/connect4")
int translate(struct bpf_sock_addr *ctx)
{
	struct address vip = { .ip = ctx->user_ip4, .port = ctx->user_port };
	struct address *pod = bpf_map_lookup_elem(&services, &vip);

	if (pod) {
		ctx->user_ip4 = pod->ip;
		ctx->user_port = pod->port;
	}
	return 1;	// let the connect() go on
}

char _license[] SEC("license") = "GPL";
