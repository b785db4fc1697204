"""Lesson 8's figures and explorer say what the routing model says."""

from k8snet_lessons.explorers.edge_routes import both_dialects, path_table
from k8snet_lessons.explorers.patience import proxy_patience, view


def headline(**change):
    return view({**proxy_patience().settings, "think_s": 10.0, **change}, requests=1).headline


def test_time_outs_of_5_and_15_seconds():
    assert headline().startswith("200 after 10 s; the work was begun once")
    assert headline(think_s=20.0).startswith("504 after 45 s; the work was begun 3 times")
    assert headline(think_s=20.0, method="POST").startswith("504 after 15 s")
    assert headline(accepts=False) == "504 after 15 s; no pod began the work."


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
