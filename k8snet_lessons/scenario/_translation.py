"""What the first packet of a flow pays for Service translation."""

from k8snet_lessons.scenario._ledger import Ledger
from k8snet_lessons.scenario._scenario import Scenario


def translation_us(scenario: Scenario, ledger: Ledger, *, walked: float) -> float:
    """Return what the first packet of a flow pays for Service translation.

    `walked` is the share of the Services that iptables compares before the packet's fate
    is known: one half for the Service in the middle of the list, all of it for an address
    that is no Service's and for a node port, whose rule comes last.
    """
    if scenario.proxy_mode == "iptables":
        per_service = ledger.use("translation.iptables.per_service_us")
        return ledger.use("translation.iptables.base_us") + (
            per_service * scenario.services * walked
        )
    return ledger.use(f"translation.{scenario.proxy_mode}_us")
