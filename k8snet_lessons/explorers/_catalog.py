"""The explorers that have a still picture, by its name.

A lesson's author adds a line here, sets ``still=`` to the name, and runs `make stills`.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from k8snet_lessons.explorers._widget import Explorer

#: Name of the still to "module:factory".
CATALOG: Mapping[str, str] = MappingProxyType(
    {
        "main-road": "k8snet_lessons.explorers:main_road",
        "name-ladder": "k8snet_lessons.explorers.names:name_ladder",
        "edge-road": "k8snet_lessons.explorers.edge:edge_road",
        "connection-table": "k8snet_lessons.explorers.conntrack:connection_table",
        "kube-proxy-at-scale": "k8snet_lessons.explorers.scale:kube_proxy_at_scale",
        "who-reaches-whom": "k8snet_lessons.explorers.policy:who_reaches_whom",
        "what-a-wall-costs": "k8snet_lessons.explorers.policy_cost:what_a_wall_costs",
        "topology-aware-routing": "k8snet_lessons.explorers.zones:topology_aware_routing",
        "proxy-patience": "k8snet_lessons.explorers.patience:proxy_patience",
        "model-and-measurement": "k8snet_lessons.explorers.agreement:model_and_measurement",
        "what-the-wire-costs": "k8snet_lessons.explorers.cni:what_the_wire_costs",
        "connection-pinning": "k8snet_lessons.explorers.pinning:connection_pinning",
        "wrong-mtu": "k8snet_lessons.explorers.wrong_mtu:wrong_mtu",
        "which-route": "k8snet_lessons.explorers.which_route:which_route",
        "blast-radius": "k8snet_lessons.explorers.isolation:blast_radius",
        "retry-storm": "k8snet_lessons.explorers.storm:retry_storm",
        "isolation-playground": "k8snet_lessons.explorers.isolation:isolation_playground",
        "wording": "k8snet_lessons.explorers.wording:wording",
    }
)

#: Where the question is about the explorer's own start, the still shows another setting, a
#: preset: it stands in the notebook before anybody was asked.
INSTEAD: Mapping[str, str] = MappingProxyType(
    {
        "name-ladder": "ndots 2",
        "connection-table": "TIME_WAIT 30 s",
        "wrong-mtu": "IP in IP",
        "what-a-wall-costs": "ten peers",
        "blast-radius": "a node is lost",
        "wording": "sound",
    }
)


def build(name: str) -> Explorer:
    """The explorer of a still, as the still shows it: uncovered, and nothing given away."""
    module, _, factory = CATALOG[name].partition(":")
    explorer: Explorer = getattr(import_module(module), factory)()
    explorer.uncover()
    if name in INSTEAD:
        explorer.load(INSTEAD[name])
    return explorer
