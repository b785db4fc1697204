"""Ingress against the tables of its specification, and the choices named in the module."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.control import route
from k8snet_lessons.control.routing import certificate_for, explain_route
from k8snet_lessons.control.routing._request import elements, prefix_matches
from k8snet_lessons.errors import InputError


@pytest.fixture(scope="module")
def vectors(vector_file):
    return json.loads(vector_file("ingress-paths.json").read_text())


def ingress(paths, name="one", host="", default="", more="", meta=""):
    """Paths are (type, path, service); services listen on port 80."""
    lines = [
        f"    - {{path: '{path}', pathType: {kind}, backend: {{service: {{name: {service}, "
        f"port: {{number: 80}}}}}}}}"
        for kind, path, service in paths
    ]
    http = "\n".join(["  rules:", "  - http:", "      paths:", *("  " + each for each in lines)])
    if host:
        http = http.replace("  - http:", f"  - host: '{host}'\n    http:")
    fallback = f"  defaultBackend: {{service: {{name: {default}, port: {{number: 80}}}}}}\n"
    return (
        "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\n"
        f"metadata: {{name: {name}, namespace: web{meta}}}\nspec:\n"
        + (fallback if default else "")
        + more
        + (http if paths else "")
        + "\n"
    )


def reached(text, path, host="shop.example.com", **more):
    backend = route(load_manifests(text), host, path, **more)
    return backend and backend.service


def test_the_table_of_the_specification(vectors):
    for row in vectors["rows"]:
        paths, service_of = [], {}
        for number, entry in enumerate(row["paths"]):
            path, _, kind = entry.partition(" ")
            kind = kind.strip("()") or row["kind"]
            paths.append((kind, path, f"s{number}"))
            service_of[entry] = f"s{number}"
        for request in row["requests"]:
            asked = "/any/thing" if request.startswith("(") else request
            got = reached(ingress(paths, default="fallback"), asked)
            expected = service_of[row["winner"] or row["paths"][0]] if row["match"] else "fallback"
            assert got == expected, row


def test_the_hosts_of_the_specification(vectors):
    for row in vectors["hosts"]:
        text = ingress([("Prefix", "/", "s")], host=row["host"])
        assert (reached(text, "/", row["header"]) == "s") is row["match"], row


def test_the_longest_path_wins_and_exact_breaks_the_tie():
    text = ingress(
        [("Prefix", "/foo", "p"), ("Exact", "/foo", "e"), ("Prefix", "/foo/bar/baz", "long")]
    )
    assert reached(text, "/foo") == "e"
    assert reached(text, "/foo/") == "p"
    assert reached(text, "/foo/bar/baz/1") == "long"
    told = explain_route(load_manifests(text), "h", "/foo")
    assert "Exact" in told.won.rule
    assert told.won.because == "as long, and Exact"
    assert [each.because for each in told.runners_up] == ["as long, but not Exact"]


def test_case_and_query():
    text = ingress([("Exact", "/Foo", "s")])
    assert reached(text, "/foo") is None
    assert reached(text, "/Foo?x=/foo") == "s"
    assert reached(text, "/Foo", "SHOP.example.com:8443") == "s"


def test_the_most_specific_host_decides_alone():
    text = (
        ingress([("Prefix", "/", "any")], "a")
        + ingress([("Prefix", "/", "star")], "b", "*.example.com")
        + ingress([("Prefix", "/v1", "own")], "c", "api.example.com", default="lost")
    )
    assert reached(text, "/v1/x", "api.example.com") == "own"
    assert reached(text, "/v2", "api.example.com") == "lost"
    assert reached(text, "/v1", "www.example.com") == "star"
    assert reached(text, "/v1", "a.b.example.com") == "any"
    assert reached(text, "/v1", "") == "any"
    told = explain_route(load_manifests(text), "api.example.com", "/v1")
    assert any("less specific" in each.because for each in told.runners_up)


def test_a_host_without_paths_goes_to_the_default_backend():
    bare = (
        "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\n"
        "metadata: {name: b, namespace: web}\n"
        "spec: {defaultBackend: {service: {name: rest, port: {number: 80}}}, "
        "rules: [{host: bare.example.com}]}\n"
    )
    text = ingress([("Prefix", "/", "any")], "a") + bare
    assert reached(text, "/x", "bare.example.com") == "rest"
    assert reached(text, "/x", "other.example.com") == "any"


def test_without_a_default_backend_the_controller_answers_404():
    told = explain_route(load_manifests(ingress([("Exact", "/a", "s")])), "h", "/b")
    assert not told
    assert (told.backend, told.status) == (None, 404)
    assert "404" in told.notes[0]


def test_an_ingress_of_nothing_but_a_default_takes_everything():
    text = ingress([], default="only")
    assert reached(text, "/whatever", "any.host") == "only"


def test_the_oldest_of_two_equal_paths_wins():
    young = ingress(
        [("Prefix", "/", "young")], "a", meta=", creationTimestamp: '2026-02-01T00:00:00Z'"
    )
    old = ingress([("Prefix", "/", "old")], "b", meta=", creationTimestamp: '2025-02-01T00:00:00Z'")
    assert reached(young + old, "/") == "old"
    assert (
        reached(ingress([("Prefix", "/", "y")], "b") + ingress([("Prefix", "/", "x")], "a"), "/")
        == "x"
    )


def test_implementation_specific_is_prefix_and_a_missing_path_is_everything():
    assert reached(ingress([("ImplementationSpecific", "/a", "s")]), "/a/b") == "s"
    assert reached(ingress([("ImplementationSpecific", "/a", "s")]), "/ab") is None


def test_classes_part_ingresses():
    text = (
        ingress([("Prefix", "/", "n")], "a", more="  ingressClassName: nginx\n")
        + ingress([("Prefix", "/", "e")], "b", more="  ingressClassName: envoy\n")
        + ingress(
            [("Prefix", "/old", "o")], "c", meta=", annotations: {kubernetes.io/ingress.class: old}"
        )
        + ingress([("Prefix", "/d", "d")], "d")
        + "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata:\n  name: main\n"
        "  annotations: {ingressclass.kubernetes.io/is-default-class: 'true'}\n"
        "spec: {controller: example.com/main}\n"
    )
    assert reached(text, "/", ingress_class="envoy") == "e"
    assert reached(text, "/old", ingress_class="old") == "o"
    assert reached(text, "/d", ingress_class="main") == "d"
    assert reached(text, "/", ingress_class="main") is None


def test_a_class_that_is_not_declared_beside_others_is_served_by_nobody():
    text = ingress([("Prefix", "/", "s")], more="  ingressClassName: misspelled\n")
    assert reached(text, "/") == "s"
    declared = (
        "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: nginx}\n"
        "spec: {controller: k8s.io/ingress-nginx}\n"
    )
    assert reached(text + declared, "/") is None
    assert reached(text.replace("misspelled", "nginx") + declared, "/") == "s"


def test_an_empty_path_is_the_root():
    assert reached(ingress([("Exact", "/", "s")]), "") == "s"
    assert reached(ingress([("Exact", "/", "s")]), "?a=b") == "s"


def test_named_ports_become_numbers_where_the_service_is_known():
    text = ingress([("Prefix", "/", "s")]).replace("{number: 80}", "{name: http}")
    service = (
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: web}\n"
        "spec: {ports: [{name: http, port: 8080}]}\n"
    )
    assert route(load_manifests(text), "h", "/").port == "http"
    backend = route(load_manifests(text + service), "h", "/")
    assert (backend.namespace, backend.service, backend.port) == ("web", "s", 8080)
    assert str(backend) == "web/s:8080"


def test_certificates_are_chosen_by_server_name_alone():
    text = ingress(
        [("Prefix", "/", "s")],
        more="  tls:\n  - {hosts: ['*.example.com'], secretName: star}\n"
        "  - {hosts: [shop.example.com], secretName: shop}\n",
    )
    cluster = load_manifests(text)
    assert certificate_for(cluster, "shop.example.com").secret == "shop"
    assert certificate_for(cluster, "WWW.example.com").secret == "star"
    assert certificate_for(cluster, "a.b.example.com") is None
    assert certificate_for(cluster, "example.com") is None
    cluster = load_manifests(
        ingress(
            [("Prefix", "/", "s")],
            more="  tls:\n  - {secretName: rest}\n"
            "  - {hosts: [shop.example.com], secretName: shop}\n",
        )
    )
    assert certificate_for(cluster, "shop.example.com").secret == "shop"
    assert certificate_for(cluster, "example.org").secret == "rest"


@pytest.mark.parametrize(
    ("host", "path", "more"),
    [
        ("h", "no-slash", {}),
        (None, "/", {}),
        ("h", "/", {"method": "BREW"}),
        ("h", "/", {"via": "mesh"}),
        ("h", "/", {"via": "ingress", "gateway": "a/b"}),
        ("h", "/", {"via": "gateway", "ingress_class": "nginx"}),
    ],
)
def test_requests_without_sense_are_refused(host, path, more):
    with pytest.raises(InputError):
        route(load_manifests(ingress([("Prefix", "/", "s")])), host, path, **more)


def test_a_path_without_a_slash_is_refused_where_it_stands():
    with pytest.raises(InputError, match=re.escape("a path that starts with '/'")):
        load_manifests(ingress([("Prefix", "foo", "s")]))


names = st.lists(st.sampled_from(["a", "b", "aa", "A", "a-b"]), max_size=4)


@given(names, names, st.booleans(), st.booleans())
def test_a_prefix_matches_itself_and_what_lies_below_and_nothing_else(prefix, rest, slash, deeper):
    path = "/" + "/".join(prefix)
    assert prefix_matches(path + ("/" if slash and prefix else ""), path)
    below = "/" + "/".join([*prefix, *rest])
    assert prefix_matches(path, below)
    assert elements(below) == [*prefix, *rest]
    if prefix:
        assert not prefix_matches(path, path + "x" + ("/y" if deeper else ""))
