"""Where pods stand, and which of them each request is sent to."""

from dataclasses import dataclass

import numpy as np

from k8snet_lessons.scenario._scenario import Scenario
from k8snet_lessons.sim.arrays import Ints
from k8snet_lessons.sim.variates import UnitVariates
from k8snet_lessons.traffic.choosing import evenly


@dataclass(frozen=True, kw_only=True, eq=False)
class Placement:
    """Nodes and zones of the pods, and the choices of each of n requests.

    Attributes
    ----------
    pod_node : (replicas,) int array
        The application's pods go round the nodes from the first.
    node : (n,) int array
        The node of each request's pod.
    worker, ingress_node, ingress_zone : (n,) int arrays
        The ingress worker of each request, and where it runs. Ingress pods go round the
        nodes from the last, so that the two keep apart while there is room.
    entry_node : (n,) int array
        The node a node-port target leads to.
    pod : (n,) int array
        The pod each request is sent to.
    held_by_pod : (replicas,) int array
        Long-lived connections each pod holds.
    """

    pod_node: Ints
    node: Ints
    worker: Ints
    ingress_node: Ints
    ingress_zone: Ints
    entry_node: Ints
    pod: Ints
    held_by_pod: Ints


def place(scenario: Scenario, unit: UnitVariates) -> Placement:
    """Put pods on nodes and requests on pods."""
    pod_node = np.arange(scenario.replicas) % scenario.nodes
    workers = scenario.ingress_replicas * scenario.ingress_workers
    worker = evenly(unit.uniform("worker"), workers)
    ingress = (np.arange(workers) // scenario.ingress_workers)[worker]
    node_of_ingress = (scenario.nodes - 1 - np.arange(scenario.ingress_replicas)) % scenario.nodes
    zone_of_ingress = node_of_ingress % scenario.zones
    held = np.zeros(scenario.replicas, dtype=np.int64)
    if scenario.balancing == "request":
        backends, first, count = _backends(scenario, pod_node, scenario.replicas)
        zone = zone_of_ingress[ingress]
        pod = backends[first[zone] + evenly(unit.uniform("pod"), count[zone])]
    else:
        pod_of_connection = _open_connections(scenario, unit, pod_node, zone_of_ingress)
        held += np.bincount(pod_of_connection, minlength=scenario.replicas)
        pod = pod_of_connection[_connection_used(scenario, unit, ingress)]
    return Placement(
        pod_node=pod_node,
        node=pod_node[pod],
        worker=worker,
        ingress_node=node_of_ingress[ingress],
        ingress_zone=zone_of_ingress[ingress],
        entry_node=evenly(unit.uniform("entry node"), scenario.nodes),
        pod=pod,
        held_by_pod=held,
    )


def _backends(scenario: Scenario, pod_node: Ints, known: int) -> tuple[Ints, Ints, Ints]:
    """Return pods by caller's zone: one flat list, and where each zone's part stands."""
    everyone = np.arange(known)
    parts = []
    for zone in range(scenario.zones):
        near = everyone[pod_node[:known] % scenario.zones == zone]
        use_near = scenario.topology == "prefer_same_zone" and len(near)
        parts.append(near if use_near else everyone)
    count = np.array([len(part) for part in parts])
    return np.concatenate(parts), np.cumsum(count) - count, count


def _open_connections(
    scenario: Scenario, unit: UnitVariates, pod_node: Ints, zone_of_ingress: Ints
) -> Ints:
    """Return the pod of each long-lived connection, as the kernel picked it at random.

    Connection c belongs to ingress pod c modulo their number.
    """
    known = min(scenario.connected_replicas or scenario.replicas, scenario.replicas)
    backends, first, count = _backends(scenario, pod_node, known)
    owner = np.arange(scenario.connections) % scenario.ingress_replicas
    zone = zone_of_ingress[owner]
    chosen = evenly(unit.few_uniform("held connection", scenario.connections), count[zone])
    opened: Ints = backends[first[zone] + chosen]
    return opened


def _connection_used(scenario: Scenario, unit: UnitVariates, ingress: Ints) -> Ints:
    """Return which of its ingress pod's connections each request takes."""
    owners = min(scenario.ingress_replicas, scenario.connections)
    owner = ingress % owners
    held = (scenario.connections - 1 - owner) // owners + 1
    used: Ints = owner + owners * evenly(unit.uniform("pod"), held)
    return used
