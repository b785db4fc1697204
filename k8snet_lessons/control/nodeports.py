"""Which of a node's addresses serve node ports, and who may use a load balancer's address."""

from k8snet_lessons.cluster._syntax import parse_address, parse_network
from k8snet_lessons.control.service_port import ServicePort
from k8snet_lessons.control.services import NodeView


def nodeport_addresses(view: NodeView) -> tuple[str, ...] | None:
    """Addresses that serve node ports; None means every local one."""
    wanted = view.options.nodeport_addresses
    if not wanted:
        return None
    if "primary" in wanted:
        return view.addresses[:1]
    blocks = [block for text in wanted if (block := parse_network(text))]
    if any(block.prefixlen == 0 for block in blocks):
        return None
    own = [*view.addresses, "127.0.0.1" if view.options.family == 4 else "::1"]
    parsed = [(text, parse_address(text)) for text in own]
    return tuple(t for t, ip in parsed if ip and any(ip in block for block in blocks))


def node_port_frontends(view: NodeView) -> tuple[str, ...]:
    """Addresses to write a frontend for, in a datapath that lists them; loopback is not one."""
    chosen = nodeport_addresses(view)
    if chosen is None:
        return view.addresses
    parsed = ((text, parse_address(text)) for text in chosen)
    return tuple(text for text, ip in parsed if ip and not ip.is_loopback)


def covers_loopback(wanted: tuple[str, ...]) -> bool:
    """Whether ``--nodeport-addresses`` leaves loopback in."""
    if not wanted:
        return True
    blocks = (parse_network(text) for text in wanted)
    return any(b is not None and b.version == 4 and b.network_address.is_loopback for b in blocks)


def node_in_ranges(view: NodeView, port: ServicePort) -> bool:
    """Whether the node's own address is in a Service's load-balancer source ranges."""
    own = parse_address(view.addresses[0]) if view.addresses else None
    blocks = (parse_network(text) for text in port.source_ranges)
    return own is not None and any(block is not None and own in block for block in blocks)
