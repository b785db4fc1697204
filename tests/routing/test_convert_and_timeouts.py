"""The seed's Ingress as an HTTPRoute, and what its time-outs make of a slow pod."""

import math

import pytest

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.control.routing import (
    ProxyTimeouts,
    answer_slowly,
    convert_ingress,
    explain_route,
    route,
    timeouts_of,
)
from k8snet_lessons.errors import InputError

SEED = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: dynamic-api-gateway
  namespace: production
  annotations:
    nginx.ingress.kubernetes.io/backend-protocol: "HTTP"
    nginx.ingress.kubernetes.io/proxy-connect-timeout: "5"
    nginx.ingress.kubernetes.io/proxy-read-timeout: "15"
spec:
  ingressClassName: nginx
  rules:
  - host: api.example.com
    http:
      paths:
      - path: /v1/payments
        pathType: Prefix
        backend: {service: {name: pay, port: {number: 8080}}}
      - path: /v1/health
        pathType: Exact
        backend: {service: {name: health, port: {name: http}}}
---
apiVersion: v1
kind: Service
metadata: {name: health, namespace: production}
spec: {ports: [{name: http, port: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: production}
spec: {ports: [{port: 8080}]}
"""


def test_the_conversion_loads_and_routes_alike():
    before = load_manifests(SEED)
    written = convert_ingress(before, "production/dynamic-api-gateway")
    after = load_manifests(written.to_yaml())
    assert sorted(after.http_routes) == ["production/dynamic-api-gateway-api-example-com"]
    for host in ("api.example.com", "other.example.com"):
        for path in (
            "/v1/payments",
            "/v1/payments/7",
            "/v1/paymentsx",
            "/v1/health",
            "/v1/health/",
        ):
            assert route(before, host, path) == route(after, host, path), (host, path)
    (rule, _) = next(iter(after.http_routes.values())).spec.rules
    assert rule.timeouts == {"backendRequest": "15s"}


def test_what_has_no_counterpart_is_said():
    notes = "\n".join(convert_ingress(load_manifests(SEED), "production/dynamic-api-gateway").notes)
    assert "proxy-connect-timeout: no counterpart" in notes
    assert "proxy-read-timeout: written as timeouts.backendRequest" in notes
    assert "backend-protocol" in notes
    odd = SEED.replace("backend-protocol", "auth-url")
    more = convert_ingress(load_manifests(odd), "production/dynamic-api-gateway").notes
    assert any(note.startswith("auth-url: no counterpart") for note in more)


EVERYTHING = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: all, namespace: d}
spec:
  defaultBackend: {service: {name: fallback, port: {number: 1}}}
  tls: [{hosts: [a.example.com], secretName: cert}]
  rules:
  - host: a.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: root, port: {number: 2}}}}
  - host: b.example.com
    http:
      paths:
      - path: /only
        pathType: ImplementationSpecific
        backend: {service: {name: only, port: {number: 3}}}
  - host: "*.wild.example.com"
    http:
      paths:
      - {path: /w, pathType: Exact, backend: {service: {name: wild, port: {number: 4}}}}
"""


def test_defaults_wildcards_and_certificates_go_over():
    before = load_manifests(EVERYTHING)
    written = convert_ingress(before, "d/all", gateway_class="edge")
    after = load_manifests(written.to_yaml())
    hosts = ("a.example.com", "b.example.com", "x.wild.example.com", "else.example.org")
    for host in hosts:
        for path in ("/", "/only", "/only/x", "/w", "/w/"):
            assert route(before, host, path) == route(after, host, path), (host, path)
    gateway = after.gateways["d/edge"]
    https = [each for each in gateway.spec.listeners if each.protocol == "HTTPS"]
    assert [(each.hostname, each.tls.certificateRefs[0].name) for each in https] == [
        ("a.example.com", "cert")
    ]
    notes = "\n".join(written.notes)
    assert "ImplementationSpecific" in notes
    assert "wildcard" in notes
    # The difference that the note names is real.
    deep = "a.b.wild.example.com"
    assert route(before, deep, "/w").service == "fallback"
    assert route(after, deep, "/w").service == "wild"


def test_conversion_refuses_what_it_cannot_know():
    with pytest.raises(InputError, match="ingress"):
        convert_ingress(load_manifests(SEED), "production/nothing")
    nameless = SEED.split("---")[0]
    with pytest.raises(InputError, match="port of Service production/health"):
        convert_ingress(load_manifests(nameless), "production/dynamic-api-gateway")


def test_without_a_word_ingresses_are_asked_first():
    both = (
        SEED
        + "---\n"
        + convert_ingress(load_manifests(SEED), "production/dynamic-api-gateway")
        .to_yaml()
        .replace("port: 8080", "port: 8081")
    )
    cluster = load_manifests(both)
    assert route(cluster, "api.example.com", "/v1/payments").port == 8080
    assert route(cluster, "api.example.com", "/v1/payments", via="gateway").port == 8081
    told = explain_route(cluster, "api.example.com", "/v1/payments", gateway="production/nginx")
    assert told.backend.port == 8081


def test_the_seed_sets_five_and_fifteen_seconds():
    cluster = load_manifests(SEED)
    assert timeouts_of(cluster.ingresses["production/dynamic-api-gateway"]) == ProxyTimeouts(
        5, 15, 3
    )
    slip = load_manifests(SEED.replace('"15"', '"15s"'))
    with pytest.raises(InputError, match="without a unit"):
        timeouts_of(slip.ingresses["production/dynamic-api-gateway"])


def test_a_slow_pod_costs_every_try_and_the_work_is_done_three_times():
    answers = answer_slowly([0.1, 15, 15.1, math.inf], ProxyTimeouts(5, 15, 3), handshake_s=0.001)
    assert answers.status.tolist() == [200, 200, 504, 504]
    assert answers.elapsed_s == pytest.approx([0.101, 15.001, 45.003, 45.003])
    assert answers.started.tolist() == [1, 1, 3, 3]


def test_a_post_is_not_repeated_once_it_was_sent():
    answers = answer_slowly([20], ProxyTimeouts(5, 15, 3), handshake_s=0, method="POST")
    assert answers.elapsed_s.tolist() == [15]
    assert answers.started.tolist() == [1]


def test_dropped_handshakes_run_into_the_connect_timeout():
    answers = answer_slowly([0.1], ProxyTimeouts(5, 15, 3), handshake_s=math.inf, method="POST")
    assert answers.status.tolist() == [504]
    assert answers.elapsed_s.tolist() == [15]
    assert answers.started.tolist() == [0]
    once = answer_slowly([0.1], ProxyTimeouts(5, 15, 1), handshake_s=math.inf)
    assert once.elapsed_s.tolist() == [5]


def test_the_case_an_operator_reported():
    """kubernetes/ingress-nginx issue 4944: three tries of 3 s, "a consistent 9 s" and a 504."""
    answers = answer_slowly([0.1], ProxyTimeouts(3, 60, 3), handshake_s=math.inf)
    assert (answers.status[0], answers.elapsed_s[0]) == (504, 9)


@pytest.mark.parametrize("arguments", [{"think_s": [-1]}, {"think_s": [1], "handshake_s": -1}])
def test_times_are_checked(arguments):
    with pytest.raises(InputError):
        answer_slowly(**arguments)
