"""What is programmed on a node: Services written as iptables, nftables, IPVS and eBPF data."""
