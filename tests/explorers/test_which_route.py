"""The explorer and the tables of HTTPRoute's precedence against the rules that they draw."""

import pytest

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.control.routing import explain_route, parse_request
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers.which_route import shop_routes, view, which_route
from k8snet_lessons.figures.routes import CRITERIA, certificate_table, request_table, rule_names


def winner(explorer, **settings):
    explorer.set(**settings)
    return explorer.view.headline.split(":")[0].removeprefix("Rule ")


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({}, "api"),
        ({"path": "/apis"}, "everything"),
        ({"path": "/old/orders/7"}, "old"),
        ({"tester": True}, "testers"),
        ({"preview": True}, "preview"),
        ({"tester": True, "preview": True}, "testers"),
        ({"method": "POST", "tester": True, "preview": True}, "writes"),
        ({"method": "POST", "tester": True, "path": "/api/health"}, "health"),
        ({"host": "eu.example.com"}, "tenant"),
        ({"host": "a.b.example.com", "method": "POST"}, "tenant"),
        ({"port": 80}, "to-https"),
        ({"host": "example.org"}, "404, by the proxy"),
    ],
)
def test_each_part_of_a_request_moves_it_to_another_rule(settings, rule):
    assert winner(which_route(), **settings) == rule


def test_weights_move_the_bars():
    explorer = which_route()
    for weight, share in ((0, 0), (10, 10), (90, 50)):
        explorer.set(canary=weight)
        assert explorer.view.number("share of api-canary") == pytest.approx(share)
        bars = explorer.view.panels[1].figure["data"][0]
        assert sum(bars["x"]) == pytest.approx(100)
        assert bars["x"][bars["y"].index("api-canary")] == pytest.approx(share)


def test_every_rule_has_its_row_and_only_one_wins():
    explorer = which_route()
    for preset in explorer.spec["presets"]:
        explorer.load(preset if isinstance(preset, str) else preset["name"])
        won, lost, _, unmatched = explorer.view.panels[0].figure["data"]
        matching = int(explorer.view.number("rules that match"))
        assert len(set(won["y"])) == 1
        assert len(lost["y"]) == matching - 1
        assert len(unmatched["y"]) == len(rule_names(shop_routes())) - matching


def test_what_is_decided_early_is_not_asked_later():
    settings = {**which_route().settings, "method": "POST", "tester": True}
    won = view(settings, requests=1).panels[0].figure["data"][0]
    cells = dict(zip(won["x"], won["text"], strict=True))
    assert cells["method"] == "<b>yes</b>"
    assert cells["headers"] == cells["query"] == "<b>\u2013</b>"


def test_a_candidate_shows_what_it_has_for_every_criterion():
    headers = {"x-tester": "yes"}
    found = explain_route(shop_routes(), "shop.example.com", "/api/x", "POST", headers, port=443)
    assert tuple(found.won.criteria) == CRITERIA
    assert found.won.decided_by == "method"
    assert found.won.because == "HTTPRoute shop/shop, rule 5, match 1 has no method match"
    assert [each.decided_by for each in found.runners_up] == ["method", "method", "path"]


def test_requests_in_one_line():
    assert parse_request("h/a") == ("h", "/a", "GET", {})
    assert parse_request("post https://h:8443/a?b=/c  X: 1; Y: a b") == (
        "h:8443", "/a?b=/c", "POST", {"X": "1", "Y": "a b"},
    )  # fmt: skip
    for wrong in ("", "  ", "GET", "shop.example.com", "h/a header", "h/a : x", None):
        with pytest.raises(InputError, match="request"):
            parse_request(wrong)


def test_own_routes_are_answered_in_a_table():
    table = request_table(
        shop_routes(),
        [
            "shop.example.com/api",
            "shop.example.com/old/x",
            "example.org/",
            "http://example.org/a?b=c",
        ],
        port=443,
    )
    assert [row[1] for row in table.rows] == [
        "api 90 %, api-canary 10 %", "api", "404, by the proxy", "404, by the proxy",
    ]  # fmt: skip
    (plain,) = request_table(shop_routes(), ["example.org/a?b=c"], port=80).rows
    assert plain[1] == "301, go to https://example.org/a?b=c"


def test_a_share_without_a_backend_is_the_proxys_own_answer():
    text = (
        "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r}, "
        "spec: {rules: [{backendRefs: "
        "[{name: a, port: 80}, {name: b, namespace: far, port: 80}]}]}}"
    )
    (row,) = request_table(load_manifests(text), ["h/"]).rows
    assert row[1] == "a 50 %, 500 by the proxy 50 %"


def test_certificates_by_server_name():
    rows = certificate_table(
        shop_routes(), ["shop.example.com", "a.b.example.com", "example.org"]
    ).rows
    assert [row[1] for row in rows] == [
        "Secret shop-cert", "Secret wildcard-cert",
        "none: the hello is refused, or a self-signed one",
    ]  # fmt: skip
