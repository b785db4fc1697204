"""HTTPRoute precedence, attachment, rewrites and weights, after the API's own comments."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.control import route
from k8snet_lessons.control.routing import certificate_for, explain_route
from k8snet_lessons.errors import InputError


def gateway(listeners="[{name: http, port: 80, protocol: HTTP}]", name="gw", namespace="infra"):
    return (
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\n"
        f"spec: {{gatewayClassName: c, listeners: {listeners}}}\n"
    )


def http_route(rules, name="r", hostnames="", parents="[{name: gw}]", namespace="infra", meta=""):
    hosts = f"\n  hostnames: {hostnames}" if hostnames else ""
    return (
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
        f"metadata: {{name: {name}, namespace: {namespace}{meta}}}\n"
        f"spec:\n  parentRefs: {parents}{hosts}\n  rules:\n"
        + "\n".join(f"  - {rule}" for rule in rules)
        + "\n"
    )


def rule(service, matches="", more=""):
    matching = f"matches: {matches}, " if matches else ""
    return f"{{{matching}backendRefs: [{{name: {service}, port: 80}}]{more}}}"


def reached(text, path="/", host="shop.example.com", **more):
    backend = route(load_manifests(text), host, path, **more)
    return backend and backend.service


def test_paths_exact_then_longest_prefix_whatever_their_order():
    rules = [
        rule("any"),
        rule("short", "[{path: {type: PathPrefix, value: /match}}]"),
        rule("exact", "[{path: {type: Exact, value: /match/exact}}]"),
        rule("long", "[{path: {type: PathPrefix, value: /match/prefix/one}}]"),
        rule("middle", "[{path: {type: PathPrefix, value: /match/prefix/}}]"),
    ]
    for order in (rules, rules[::-1]):
        text = gateway() + http_route(order)
        assert reached(text, "/match/exact") == "exact"
        assert reached(text, "/match/exact/") == "short"
        assert reached(text, "/match/prefix/one/any") == "long"
        assert reached(text, "/match/prefix/any") == "middle"
        assert reached(text, "/match/prefix") == "middle"
        assert reached(text, "/matched") == "any"


@pytest.mark.parametrize(
    ("path", "reaches"), [("/v2example", False), ("/v2/", True), ("/foo/v2/example", False)]
)
def test_prefixes_go_by_elements(path, reaches):
    text = gateway() + http_route([rule("s", "[{path: {value: /v2}}]")])
    assert (reached(text, path) == "s") is reaches


def test_method_then_headers_then_queries():
    base = "path: {value: /a}"
    text = gateway() + http_route(
        [
            rule("path", f"[{{{base}}}]"),
            rule("query", f"[{{{base}, queryParams: [{{name: q, value: '1'}}]}}]"),
            rule("header", f"[{{{base}, headers: [{{name: X-One, value: one}}]}}]"),
            rule(
                "headers",
                f"[{{{base}, headers: [{{name: x-one, value: one}}, "
                "{name: x-two, value: two}]}]",
            ),
            rule("method", f"[{{{base}, method: POST}}]"),
        ]
    )
    assert reached(text, "/a") == "path"
    assert reached(text, "/a?q=1") == "query"
    assert reached(text, "/a?q=2") == "path"
    assert reached(text, "/a?q=1", headers={"x-ONE": "one"}) == "header"
    assert reached(text, "/a", headers={"X-One": "One"}) == "path"
    assert reached(text, "/a", headers={"X-One": "one", "X-Two": "two"}) == "headers"
    assert (
        reached(text, "/a?q=1", method="POST", headers={"X-One": "one", "X-Two": "two"}) == "method"
    )
    assert reached(text, "/a/longer?q=1", method="PUT") == "query"


def test_of_headers_that_differ_in_case_alone_the_first_counts():
    text = http_route(
        [rule("a", "[{headers: [{name: X-A, value: '1'}, {name: x-a, value: '2'}]}]")]
    )
    assert reached(text, headers={"x-A": "1"}) == "a"
    assert reached(text, headers={"x-A": "2"}) is None
    with pytest.raises(InputError, match="each name once"):
        load_manifests(text.replace("x-a", "X-A"))


def test_matches_in_one_rule_are_alternatives():
    text = gateway() + http_route(
        [
            rule(
                "s",
                "[{path: {value: /foo}, headers: [{name: v, value: '2'}]}, {path: {value: /v2}}]",
            )
        ]
    )
    assert reached(text, "/v2/foo") == "s"
    assert reached(text, "/foo") is None
    assert reached(text, "/foo", headers={"v": "2"}) == "s"


def test_expressions_match_whole_values():
    text = gateway() + http_route(
        [
            rule("p", "[{path: {type: RegularExpression, value: '/v[0-9]+/.*'}}]"),
            rule("h", "[{headers: [{name: agent, type: RegularExpression, value: 'bot-.+'}]}]"),
        ]
    )
    assert reached(text, "/v12/x") == "p"
    assert reached(text, "/av1/x") is None
    assert reached(text, "/", headers={"agent": "bot-7"}) == "h"
    broken = gateway() + http_route([rule("p", "[{path: {type: RegularExpression, value: '/('}}]")])
    with pytest.raises(InputError, match="HTTPRoute infra/r, rule 1"):
        reached(broken, "/")


def test_hostnames_precede_paths():
    text = (
        gateway()
        + http_route([rule("star", "[{path: {type: Exact, value: /a}}]")], "a", "['*.example.com']")
        + http_route([rule("own")], "b", "[shop.example.com]")
        + http_route([rule("everyone")], "c")
    )
    assert reached(text, "/a") == "own"
    assert reached(text, "/a", "x.example.com") == "star"
    assert reached(text, "/a", "deep.x.example.com") == "star"
    assert reached(text, "/b", "x.example.com") == "everyone"
    assert reached(text, "/a", "example.com") == "everyone"


def test_a_listener_and_a_route_must_share_a_hostname():
    listeners = "[{name: one, port: 80, protocol: HTTP, hostname: '*.example.com'}]"
    text = gateway(listeners) + http_route([rule("s")], hostnames="[a.example.com, a.example.net]")
    assert reached(text, host="a.example.com") == "s"
    assert reached(text, host="a.example.net") is None
    assert reached(text, host="b.example.com") is None
    narrow = gateway(listeners.replace("'*.", "test.").replace("com'", "com"))
    assert (
        reached(
            narrow + http_route([rule("s")], hostnames="['*.example.com']"), host="test.example.com"
        )
        == "s"
    )
    assert reached(narrow + http_route([rule("s")]), host="other.example.com") is None


def test_a_more_specific_listener_keeps_its_requests_to_itself():
    listeners = (
        "[{name: wide, port: 80, protocol: HTTP}, "
        "{name: own, port: 80, protocol: HTTP, hostname: shop.example.com}]"
    )
    text = (
        gateway(listeners)
        + http_route([rule("wide")], "a", parents="[{name: gw, sectionName: wide}]")
        + http_route([rule("own")], "b", parents="[{name: gw, sectionName: own}]")
    )
    assert reached(text, host="shop.example.com") == "own"
    assert reached(text, host="else.example.com") == "wide"


def test_attachment_by_namespace_section_and_port():
    listeners = (
        "[{name: same, port: 80, protocol: HTTP}, "
        "{name: all, port: 81, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}, "
        "{name: some, port: 82, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, "
        "selector: {matchLabels: {team: a}}}}}, "
        "{name: grpc, port: 83, protocol: HTTP, allowedRoutes: {kinds: [{kind: GRPCRoute}]}}]"
    )
    space = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: team-a, labels: {team: a}}\n"
    away = http_route(
        [rule("away")], "r", parents="[{name: gw, namespace: infra}]", namespace="team-a"
    )
    text = gateway(listeners) + space + away + http_route([rule("home")], "h")
    assert reached(text, port=80) == "home"
    assert reached(text, port=82) == "away"
    assert reached(text, port=83) is None
    assert explain_route(load_manifests(text), "h", "/", port=81).runners_up


def test_age_then_name_then_place_break_ties():
    def two(first, second):
        return (
            gateway()
            + http_route([rule("a")], "a", meta=first)
            + http_route([rule("b")], "b", meta=second)
        )

    old, young = (f", creationTimestamp: '{year}-01-01T00:00:00Z'" for year in (2024, 2025))
    assert reached(two(young, old)) == "b"
    assert reached(two(old, young)) == "a"
    assert reached(two("", "")) == "a"
    assert reached(gateway() + http_route([rule("first"), rule("second")])) == "first"
    told = explain_route(load_manifests(two(young, old)), "h", "/")
    assert told.runners_up[0].because == "a younger route"


def test_weights_are_exact_shares():
    refs = (
        "{backendRefs: [{name: a, port: 80, weight: 90}, {name: b, port: 80, weight: 9}, "
        "{name: c, port: 80, weight: 1}, {name: d, port: 80, weight: 0}]}"
    )
    told = explain_route(load_manifests(gateway() + http_route([refs])), "h", "/")
    shares = {backend.service: share for backend, share in told.shares.items()}
    assert shares == {"a": Fraction(9, 10), "b": Fraction(9, 100), "c": Fraction(1, 100)}
    assert told.backend.service == "a"


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=5))
def test_shares_add_up_to_one_or_nothing(weights):
    refs = ", ".join(f"{{name: s{i}, port: 80, weight: {w}}}" for i, w in enumerate(weights))
    told = explain_route(
        load_manifests(gateway() + http_route([f"{{backendRefs: [{refs}]}}"])), "h", "/"
    )
    if any(weights):
        assert sum(told.shares.values()) == 1
        assert told
    else:
        assert (told.backend, told.status) == (None, 500)


def test_no_backend_is_a_500():
    told = explain_route(load_manifests(gateway() + http_route(["{matches: []}"])), "h", "/")
    assert (told.backend, told.status) == (None, 500)


def test_another_namespace_needs_a_grant():
    refs = "{backendRefs: [{name: a, port: 80}, {name: b, namespace: other, port: 80}]}"
    text = gateway() + http_route([refs])
    refused = explain_route(load_manifests(text), "h", "/")
    assert sum(refused.shares.values()) == Fraction(1, 2)
    assert any("ReferenceGrant" in note for note in refused.notes)
    grant = (
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\n"
        "metadata: {name: g, namespace: other}\nspec: {from: [{group: gateway.networking.k8s.io, "
        "kind: HTTPRoute, namespace: infra}], to: [{group: '', kind: Service}]}\n"
    )
    assert sum(explain_route(load_manifests(text + grant), "h", "/").shares.values()) == 1


GRANT = """---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}],
  to: [{group: '', kind: Service, name: b}]}
"""


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("namespace: other}", "namespace: infra}"),
        ("from: [{group: gateway.networking.k8s.io", "from: [{group: example.com"),
        ("kind: HTTPRoute", "kind: Gateway"),
        ("namespace: infra}]", "namespace: elsewhere}]"),
        ("group: '',", "group: example.com,"),
        ("kind: Service", "kind: Secret"),
        ("name: b", "name: c"),
    ],
)
def test_every_part_of_a_grant_counts(written, instead):
    refs = "{backendRefs: [{name: b, namespace: other, port: 80}]}"
    text = gateway() + http_route([refs])
    assert reached(text + GRANT) == "b"
    assert written in GRANT
    assert explain_route(load_manifests(text + GRANT.replace(written, instead)), "h", "/").status


def test_a_service_that_is_not_there_is_a_500():
    refs = "{backendRefs: [{name: a, port: 80, weight: 3}, {name: b, port: 80}]}"
    text = gateway() + http_route([refs])
    service = (
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: b, namespace: infra}\n"
        "spec: {ports: [{port: 80}]}\n"
    )
    assert reached(text) == "a", "without any Service declared, the manifests are an extract"
    extract = explain_route(load_manifests(text), "h", "/")
    assert any("taken for an extract" in note for note in extract.notes), "and the verdict says so"
    told = explain_route(load_manifests(text + service), "h", "/")
    assert {each.service: share for each, share in told.shares.items()} == {"b": Fraction(1, 4)}
    assert any("3/4 of the requests" in note for note in told.notes)


def test_a_port_that_a_declared_service_does_not_have_is_named():
    text = gateway() + http_route(["{backendRefs: [{name: b, port: 81}]}"])
    service = (
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: b, namespace: infra}\n"
        "spec: {ports: [{port: 80}]}\n"
    )
    told = explain_route(load_manifests(text + service), "h", "/")
    assert told.backend.service == "b"
    assert "declares no port 81" in told.notes[-1]
    right = explain_route(load_manifests(text.replace("81", "80") + service), "h", "/")
    assert not any("port" in note or "declared" in note for note in right.notes)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (
            "{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, "
            "replacePrefixMatch: /new}}}",
            (None, 302, "http://h/new/x"),
        ),
        (
            "{type: URLRewrite, urlRewrite: {hostname: inner, path: {type: ReplacePrefixMatch, "
            "replacePrefixMatch: /new}}}",
            ("a", None, "inner/new/x"),
        ),
    ],
)
def test_filters_of_a_single_backend_count_where_the_request_goes_to_it(filters, expected):
    matches = "matches: [{path: {value: /old}}], "
    refs = f"{{{matches}backendRefs: [{{name: a, port: 80, weight: 2, filters: [{filters}]}}]}}"
    told = explain_route(load_manifests(gateway() + http_route([refs])), "h", "/old/x")
    where = told.redirect.location if told.redirect else told.forwarded_host + told.forwarded_path
    assert (told.backend and told.backend.service, told.status, where) == expected


def test_a_cors_preflight_is_the_gateways_own_to_answer():
    more = ", filters: [{type: CORS, cors: {allowOrigins: ['https://a.example']}}]"
    cluster = load_manifests(gateway() + http_route([rule("a", more=more)]))
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
    assert any("preflight" in n for n in explain_route(cluster, "h", "/", "OPTIONS", asked).notes)
    assert not any("preflight" in n for n in explain_route(cluster, "h", "/", "PUT", asked).notes)


def test_a_kind_that_nobody_knows_is_a_500():
    refs = "{backendRefs: [{group: example.com, kind: Unknown, name: a}]}"
    text = gateway() + http_route([refs])
    assert explain_route(load_manifests(text), "h", "/").status == 500
    declared = (
        "---\napiVersion: example.com/v1\nkind: Unknown\nmetadata: {name: a, namespace: infra}\n"
    )
    assert reached(text + declared) == "a"


def test_a_route_without_rules_takes_every_path_and_has_nowhere_to_send_it():
    text = gateway() + (
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
        "metadata: {name: r, namespace: infra}\nspec: {parentRefs: [{name: gw}]}\n"
    )
    assert explain_route(load_manifests(text), "h", "/any").status == 500


def test_routes_are_ranked_by_the_name_they_are_heard_under():
    listener = "[{name: own, port: 80, protocol: HTTP, hostname: shop.example.com}]"
    text = (
        gateway(listener)
        + http_route([rule("all", "[{path: {value: /}}]")], "a")
        + http_route([rule("star", "[{path: {value: /deep}}]")], "b", "['*.example.com']")
    )
    assert reached(text, "/deep/er") == "star"
    assert reached(text, "/") == "all"


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (
            "{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}, "
            "{type: URLRewrite, urlRewrite: {hostname: h}}]}",
            "one of the two",
        ),
        (
            "{filters: [{type: URLRewrite, urlRewrite: {hostname: h}}, "
            "{type: URLRewrite, urlRewrite: {hostname: i}}]}",
            "each of these once",
        ),
        (
            "{filters: [{type: RequestRedirect, requestRedirect: {statusCode: 304}}]}",
            "301 or 302",
        ),
        (
            "{matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, "
            "urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]}",
            "of type PathPrefix",
        ),
    ],
)
def test_filters_that_do_not_go_together_are_refused(refused, words):
    with pytest.raises(InputError, match=words):
        load_manifests(http_route([refused]))


def test_two_listeners_on_one_spot_are_refused():
    twice = "[{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}]"
    with pytest.raises(InputError, match=r"listeners\[1\]"):
        load_manifests(gateway(twice))


@pytest.mark.parametrize(
    ("path", "prefix", "new", "expected"),
    [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"),
        ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/bar", "/foo", "", "/bar"),
        ("/foo/", "/foo", "", "/"),
        ("/foo", "/foo", "", "/"),
        ("/foo", "/foo", "/", "/"),
    ],
)
def test_a_prefix_is_replaced_as_the_api_tables_it(path, prefix, new, expected):
    filters = (
        ", filters: [{type: URLRewrite, urlRewrite: {hostname: inside.local, path: "
        f"{{type: ReplacePrefixMatch, replacePrefixMatch: '{new}'}}}}}}]"
    )
    text = gateway() + http_route([rule("s", f"[{{path: {{value: {prefix}}}}}]", filters)])
    told = explain_route(load_manifests(text), "h", path)
    assert told.forwarded_path == expected
    assert told.forwarded_host == "inside.local"
    assert told.backend.service == "s"


@pytest.mark.parametrize(
    ("spec", "port", "status", "location"),
    [
        ("{scheme: https}", 80, 302, "https://h.example.com/a/b"),
        ("{scheme: https, statusCode: 301}", 80, 301, "https://h.example.com/a/b"),
        ("{hostname: new.example.com}", 80, 302, "http://new.example.com/a/b"),
        ("{port: 8443, scheme: https}", 80, 302, "https://h.example.com:8443/a/b"),
        ("{hostname: new.example.com}", 8080, 302, "http://new.example.com:8080/a/b"),
        (
            "{path: {type: ReplaceFullPath, replaceFullPath: /gone}}",
            80,
            302,
            "http://h.example.com/gone",
        ),
        (
            "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /z}}",
            80,
            302,
            "http://h.example.com/z/b",
        ),
    ],
)
def test_redirects(spec, port, status, location):
    listeners = f"[{{name: l, port: {port}, protocol: HTTP}}]"
    redirecting = (
        "{matches: [{path: {value: /a}}], filters: [{type: RequestRedirect, "
        f"requestRedirect: {spec}}}]}}"
    )
    told = explain_route(
        load_manifests(gateway(listeners) + http_route([redirecting])), "h.example.com", "/a/b"
    )
    assert told.backend is None
    assert told.status == told.redirect.status == status
    assert told.redirect.location == location


def test_a_route_alone_is_tried_and_the_assumption_is_said():
    alone = explain_route(load_manifests(http_route([rule("s")])), "h", "/")
    assert alone.backend.service == "s"
    assert "not declared" in alone.notes[0]


def test_certificates_of_listeners():
    listeners = (
        "[{name: a, port: 443, protocol: HTTPS, hostname: '*.example.com', tls: {certificateRefs: "
        "[{name: star}]}}, {name: b, port: 443, protocol: HTTPS, hostname: shop.example.com, "
        "tls: {certificateRefs: [{name: shop}]}}]"
    )
    cluster = load_manifests(gateway(listeners))
    assert certificate_for(cluster, "shop.example.com").secret == "shop"
    assert certificate_for(cluster, "a.b.example.com").secret == "star"
    assert certificate_for(cluster, "example.org") is None


def test_a_certificate_in_another_namespace_needs_a_grant():
    listeners = (
        "[{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: "
        "[{name: shop, namespace: other}]}}]"
    )
    assert certificate_for(load_manifests(gateway(listeners)), "h") is None
    grant = GRANT.replace("HTTPRoute", "Gateway").replace("Service, name: b", "Secret")
    assert certificate_for(load_manifests(gateway(listeners) + grant), "h").secret == "shop"
