"""From a Scenario to the itinerary of every request: knobs rescale unit variates."""

import math

import numpy as np

from k8snet_lessons.data.costs import Cost
from k8snet_lessons.scenario._ledger import Ledger
from k8snet_lessons.scenario._lookups import lookup_plan
from k8snet_lessons.scenario._placement import Placement, place
from k8snet_lessons.scenario._scenario import Scenario
from k8snet_lessons.scenario._table import patience_us, table_plan
from k8snet_lessons.scenario._translation import translation_us
from k8snet_lessons.sim.arrays import Bools, Floats
from k8snet_lessons.sim.itinerary import Itinerary
from k8snet_lessons.sim.variates import UnitVariates, unit_variates

US_PER_S = 1e6


def compile_itinerary(
    scenario: Scenario, seed: int, requests: int
) -> tuple[Itinerary, tuple[Cost, ...]]:
    """Return the itinerary of a run and the constants that shaped it."""
    unit = unit_variates(seed, requests)
    ledger = Ledger(scenario)
    where = place(scenario, unit)
    arrival_us = arrivals(scenario, unit)

    new_client = unit.uniform("client connection") < scenario.client_new_connection_share
    by_request = scenario.balancing == "request"
    opens: Bools = (
        unit.uniform("upstream connection") < scenario.ingress_new_connection_share
        if by_request
        else np.zeros(requests, dtype=np.bool_)
    )

    forward, back = _balancer(scenario, ledger, where, new_client)
    network_us, wire_us, zone_us = _between_ingress_and_pod(scenario, ledger, where)
    lookups = lookup_plan(scenario, ledger, unit)
    itinerary = Itinerary(
        arrival_us=arrival_us,
        client_forward_us=_client_forward(scenario, new_client),
        client_back_us=scenario.client_rtt_us / 2,
        balancer_forward_us=forward,
        balancer_back_us=back,
        entry_translation_us=_entry_translation(scenario, ledger, new_client),
        worker=where.worker,
        workers=scenario.ingress_replicas * scenario.ingress_workers,
        ingress_work_us=_ingress_work(scenario, ledger, new_client),
        opens=opens,
        connect_translation_us=(
            translation_us(scenario, ledger, walked=0.5)
            if scenario.ingress_mode == "cluster_ip" and by_request
            else 0.0
        ),
        handshake_us=opens * network_us,
        handshake_zone_us=opens * zone_us,
        connect_timeout_us=patience_us(scenario, scenario.ingress_connect_timeout_s),
        read_timeout_us=scenario.ingress_read_timeout_s * US_PER_S,
        wire_us=wire_us,
        zone_us=zone_us,
        pod=where.pod,
        pods=scenario.replicas,
        pod_node=where.pod_node,
        node=where.node,
        pod_concurrency=scenario.pod_concurrency,
        pod_work_us=pod_work(scenario, unit),
        lookups=lookups,
        downstream_translation_us=translation_us(scenario, ledger, walked=1.0),
        downstream_timeout_us=patience_us(scenario, scenario.downstream_connect_timeout_s),
        table=table_plan(scenario, ledger, where, lookups),
    )
    return itinerary, ledger.used()


def arrivals(scenario: Scenario, unit: UnitVariates) -> Floats:
    """Return arrival times: a Poisson process of rate 1, its time stretched by the load.

    The integral of the rate is piecewise linear in time; its inverse, taken at the
    arrivals of the unit process, is the process wanted. One seed gives one pattern of
    arrivals at every load.
    """
    per_us = scenario.offered_load_per_s / US_PER_S
    unit_arrival = unit.arrival()
    if scenario.burst_factor == 1.0 or scenario.burst_duration_s == 0.0:
        return unit_arrival / per_us
    start = scenario.burst_start_s * US_PER_S
    end = start + scenario.burst_duration_s * US_PER_S
    mass_start = start * per_us
    mass_end = mass_start + (end - start) * per_us * scenario.burst_factor
    far = max(float(unit_arrival[-1]) - mass_end, 0.0) + 1.0
    return np.interp(
        unit_arrival,
        [0.0, mass_start, mass_end, mass_end + far],
        [0.0, start, end, end + far / per_us],
    )


def pod_work(scenario: Scenario, unit: UnitVariates) -> Floats:
    """Return the time each request keeps a worker of its pod busy."""
    mean = scenario.service_time_us
    if scenario.service_time_distribution == "deterministic":
        return np.full(unit.n, mean)
    if scenario.service_time_distribution == "exponential":
        return unit.exponential("service") * mean
    # Standard deviation twice the mean: sigma^2 = ln(1 + 2^2), and the mean is kept.
    sigma = math.sqrt(math.log(5.0))
    work: Floats = np.exp(sigma * unit.normal("service") - sigma * sigma / 2) * mean
    return work


def _client_forward(scenario: Scenario, new_client: Bools) -> Floats:
    """Half a round trip; before it one for the TCP handshake and one for TLS 1.3."""
    handshakes = 1 if scenario.tls_terminates_at == "none" else 2
    if scenario.load_balancer == "l7" and scenario.tls_terminates_at != "none":
        handshakes = 2
    return new_client.astype(np.float64) * (handshakes * scenario.client_rtt_us) + (
        scenario.client_rtt_us / 2
    )


def _balancer(
    scenario: Scenario, ledger: Ledger, where: Placement, new_client: Bools
) -> tuple[Floats, Floats]:
    """Return the balancer's time on the way in and on the way out.

    A node port under externalTrafficPolicy Cluster may lead to a node without the ingress
    pod chosen; the detour is one round trip between two nodes, on the way in and out.
    """
    n = len(new_client)
    if scenario.load_balancer == "l7":
        forward = np.full(n, ledger.use("lb.l7_request_us"))
    else:
        forward = np.full(n, ledger.use("lb.l4_forward_us"))
    ends_tls = scenario.tls_terminates_at == "load_balancer" or (
        scenario.load_balancer == "l7" and scenario.tls_terminates_at != "none"
    )
    if ends_tls:
        forward += new_client * ledger.use("tls.handshake_cpu_us")
    if scenario.target == "node_port" and scenario.external_traffic_policy == "Cluster":
        entry_zone = (np.arange(scenario.nodes) % scenario.zones)[where.entry_node]
        near = (where.entry_node != where.ingress_node) & (entry_zone == where.ingress_zone)
        detour = near * (ledger.use("network.same_zone_rtt_us") / 2)
        detour += (entry_zone != where.ingress_zone) * (ledger.use_knob("zone_rtt_us") / 2)
        return forward + detour, detour
    return forward, np.zeros(n)


def _entry_translation(scenario: Scenario, ledger: Ledger, new_client: Bools) -> Floats:
    """First packet at a node port. An l7 balancer keeps its connections to the nodes."""
    if scenario.target == "pod_ip" or scenario.load_balancer == "l7":
        return np.zeros(len(new_client))
    return new_client.astype(np.float64) * translation_us(scenario, ledger, walked=1.0)


def _ingress_work(scenario: Scenario, ledger: Ledger, new_client: Bools) -> Floats:
    work = np.full(len(new_client), ledger.use_knob("ingress_service_us"))
    if scenario.tls_terminates_at == "ingress" and scenario.load_balancer == "l4":
        work += new_client * ledger.use("tls.handshake_cpu_us")
    return work


def _between_ingress_and_pod(
    scenario: Scenario, ledger: Ledger, where: Placement
) -> tuple[Floats, Floats, Floats]:
    """Return (round trip inside a zone, request and answer on the wire, zone crossing)."""
    other_node = where.node != where.ingress_node
    # Remainders are taken once a pod: once a request they would cost more than the rest.
    crossing = (where.pod_node % scenario.zones)[where.pod] != where.ingress_zone
    network = (other_node & ~crossing) * ledger.use("network.same_zone_rtt_us")
    zone = crossing * ledger.use_knob("zone_rtt_us")
    return network, network + other_node * payload_us(scenario, ledger), zone


def payload_us(scenario: Scenario, ledger: Ledger) -> float:
    """Return the time of request and answer on the wire: bytes at link rate, and CPU."""
    headers = ledger.use("wire.tcp_ip_header_bytes")
    overhead = ledger.use(f"wire.{scenario.cni}.overhead_bytes")
    segment = scenario.mtu_bytes - overhead - headers
    packets = sum(
        max(1, math.ceil(payload / segment))
        for payload in (scenario.request_bytes, scenario.response_bytes)
    )
    frames = packets * (headers + overhead + ledger.use("wire.frame_bytes"))
    total = scenario.request_bytes + scenario.response_bytes + frames
    bits_per_us = ledger.use("network.link_gbit_per_s") * 1000
    return total * 8 / bits_per_us + packets * ledger.use(f"wire.{scenario.cni}.packet_us")
