"""Lesson 8's figures and explorer say what the routing model says."""

import pytest

from k8snet_lessons.control.routing import ProxyTimeouts, answer_slowly
from k8snet_lessons.explorers.edge_routes import both_dialects, path_table
from k8snet_lessons.explorers.patience import proxy_patience, view
from k8snet_lessons.figures.edge_patience import measured_table


def headline(**change):
    return view({**proxy_patience().settings, "think_s": 10.0, **change}, requests=1).headline


def test_time_outs_of_5_and_15_seconds():
    assert headline().startswith("200 after 10 s; the work was begun once")
    assert headline(think_s=20.0).startswith("504 after 45 s; the work was begun 3 times")
    assert headline(think_s=20.0, method="POST").startswith("504 after 15 s")
    assert headline(accepts=False) == "504 after 15 s; no pod began the work."


@pytest.mark.parametrize(
    ("setting", "points"), [({}, 9), ({"tries": 1}, 9), ({"read_s": 5}, 9), ({"read_s": 16}, 0)]
)
def test_a_real_nginx_keeps_to_the_arithmetic(setting, points):
    explorer = proxy_patience()
    shown = view({**explorer.settings, **setting}, requests=1)
    limits = ProxyTimeouts(5, setting.get("read_s", 15), setting.get("tries", 3))
    for method, trace in zip(("GET", "POST"), shown.panels[0].evidence, strict=True):
        assert len(trace["x"]) == points
        said = answer_slowly([float(x) for x in trace["x"]], limits, method=method)
        # Timers may be late under load, never early.
        assert trace["y"] == pytest.approx(said.elapsed_s.tolist(), abs=0.5)
        assert trace["text"] == [str(status) for status in said.status]


def test_a_close_that_crosses_a_request_is_felt_by_a_post_alone():
    rows = {row[0]: row[1:] for row in measured_table().rows}
    crossed = rows["a kept connection, closed by the pod as the request arrives"]
    assert [cell[:3] for cell in crossed] == ["200", "502"]
    assert [cell[:3] for cell in rows["a kept connection, closed by the pod before"]] == ["200"] * 2
    assert rows["a pod that needs 20 s"][0].endswith("begun 3 times")


def test_the_converted_route_takes_what_the_prefix_takes():
    rows = path_table().rows
    assert all(row[1] == row[3] for row in rows)
    assert {row[0] for row in rows if row[2] == "taken"} == {
        "/v1/payments",
        "/v1/payments?limit=5",
    }


def test_both_dialects_name_what_is_lost():
    shown = both_dialects()
    assert "backendRequest: 15s" in str(shown)
    assert "proxy-connect-timeout: no counterpart" in shown._repr_html_()
