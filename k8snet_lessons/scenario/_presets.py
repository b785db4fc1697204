"""Named scenarios: the healthy default, three incidents, and each one's cure."""

from dataclasses import replace

from k8snet_lessons.scenario._scenario import Scenario


def presets() -> dict[str, Scenario]:
    """Return the named scenarios; an incident's cure has its name and ``_fixed``."""
    default = Scenario()

    # Ten questions for one name (a cloud's search domain makes it five candidates), a
    # CoreDNS held to half a CPU where the published figure took 1.9, and three datagrams
    # in two thousand lost.
    dns_amplification = replace(
        default,
        offered_load_per_s=1500.0,
        replicas=5,
        lookup_share=1.0,
        search_domains=(*default.search_domains, "eu-west-1.compute.internal"),
        coredns_service_us=112.9,
        dns_loss_share=0.0015,
    )

    # A busy shop on three nodes of four cores; after 1 s five times the traffic comes.
    # Every new flow needs an entry, which outlives it by half a minute or two minutes.
    conntrack_burst = replace(
        default,
        offered_load_per_s=2300.0,
        burst_factor=5.0,
        burst_start_s=1.0,
        burst_duration_s=6.0,
        nodes=3,
        replicas=18,
        ingress_replicas=3,
        ingress_new_connection_share=0.35,
        coredns_replicas=4,
        conntrack_max=131_072,
    )

    # gRPC: sixteen channels opened while there were two pods. Then the autoscaler came.
    pinned = replace(
        default,
        offered_load_per_s=1500.0,
        replicas=20,
        balancing="connection",
        connections=16,
        connected_replicas=2,
    )
    return {
        "default": default,
        "dns_amplification": dns_amplification,
        "dns_amplification_fixed": replace(dns_amplification, ndots=2, node_local_dns=True),
        "conntrack_burst": conntrack_burst,
        # Fewer new flows, not only a larger table: keep connections, cache names.
        "conntrack_burst_fixed": replace(
            conntrack_burst,
            node_local_dns=True,
            ingress_new_connection_share=0.02,
            lookup_share=0.1,
        ),
        "pinned_2_to_20": pinned,
        "pinned_2_to_20_fixed": replace(pinned, balancing="request"),
    }
