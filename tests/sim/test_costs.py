"""Every cost constant says where it comes from."""

import pytest

from k8snet_lessons.data.costs import STATUSES, cost, costs
from k8snet_lessons.scenario import Scenario, knobs, simulate


def test_every_constant_is_complete() -> None:
    assert len(costs()) > 30
    for identifier, record in costs().items():
        assert record.id == identifier
        assert record.status in STATUSES
        assert record.value >= 0
        assert record.unit
        assert len(record.source) > 10
        assert record.what.endswith(".")
        assert cost(identifier) == record.value


def test_an_unknown_constant_is_an_error() -> None:
    with pytest.raises(KeyError):
        cost("wire.carrier_pigeon_us")


def test_knobs_take_their_defaults_from_the_constants() -> None:
    for knob in knobs().values():
        if knob.cost:
            assert knob.default == cost(knob.cost)


def test_no_constant_lies_unused() -> None:
    used = set()
    for scenario in (
        *(Scenario(cni=cni) for cni in knobs()["cni"].choices),
        *(Scenario(proxy_mode=mode) for mode in knobs()["proxy_mode"].choices),
        Scenario(load_balancer="l7", resolver="musl"),
        Scenario(node_local_dns=True),
    ):
        used |= {one.id for one in simulate(scenario, requests=10).constants}
    # What a NetworkPolicy costs is lesson 7's: the main road has none.
    assert used == {one for one in costs() if not one.startswith("policy.")}


def test_encapsulation_overheads_are_the_rfcs_sums() -> None:
    assert cost("wire.vxlan.overhead_bytes") == 14 + 20 + 8 + 8
    assert cost("wire.geneve.overhead_bytes") == 14 + 20 + 8 + 8
    assert cost("wire.ipip.overhead_bytes") == 20
    assert cost("wire.wireguard.overhead_bytes") == 20 + 8 + 16 + 16


def test_a_turned_knob_takes_its_estimate_out_of_the_footnote() -> None:
    shaped = {one.id for one in simulate(requests=10).estimates}
    assert "dns.upstream_rtt_us" in shaped
    turned = simulate(Scenario(upstream_dns_rtt_us=99.0), requests=10)
    assert "dns.upstream_rtt_us" not in {one.id for one in turned.estimates}
