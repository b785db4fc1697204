"""The edge's price: what is asked, and what the ClusterIP does to balance."""

import pytest

from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers.edge import edge_road, scenario_of, view


def test_the_median_is_asked_for_and_must_be_positive():
    explorer = edge_road()
    assert "p50" in explorer._desk.prediction.question
    with pytest.raises(InputError, match="above 0"):
        explorer.commit(-5)
    truth = explorer.view.number("p50 latency")
    assert explorer.commit(truth).endswith(("close.", "exactly right."))
    assert truth < view({}, requests=20_000).number("p50 latency")


def test_open_connections_through_the_cluster_ip_keep_their_pod():
    by_request = view({"ingress_mode": "endpoints"}, requests=50_000)
    by_connection = view({"ingress_mode": "cluster_ip"}, requests=50_000)
    assert scenario_of({"ingress_mode": "cluster_ip"}).balancing == "connection"
    assert by_connection.number("busiest pod") > by_request.number("busiest pod") + 5
    assert any("keeps the pod" in note for note in by_connection.notes)
