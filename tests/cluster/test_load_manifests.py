"""Manifests in: what is accepted, what is filled in, and what is refused in which words."""

from pathlib import Path

import pytest

from k8snet_lessons.cluster import Cluster, ManifestError, load_manifests, pod_addresses
from k8snet_lessons.errors import InputError

SHOP = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: nginx, ports: [{name: http, containerPort: 8080}]}
---
# an empty document between two others is nothing
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
"""


def service(body: str, name: str = "web") -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n{body}"


def problems(text: str) -> dict[str, object]:
    with pytest.raises(ManifestError) as caught:
        load_manifests(text)
    return {problem.path: problem for problem in caught.value.problems}


class TestWhatIsFilledIn:
    def test_a_deployment_makes_its_pods(self) -> None:
        cluster = load_manifests(SHOP)
        assert len(cluster.pods) == 3
        for name, pod in cluster.pods.items():
            assert name.startswith("shop/web-")
            assert pod.metadata.labels["app"] == "web"
            assert pod.spec.nodeName in cluster.nodes
            assert pod_addresses(pod)

    def test_endpoints_come_from_selector_and_named_port(self) -> None:
        cluster = load_manifests(SHOP)
        [endpoint_slice] = cluster.slices_of("shop/web")
        assert [port.port for port in endpoint_slice.ports] == [8080]
        found = {endpoint.addresses[0] for endpoint in endpoint_slice.endpoints}
        assert found == {pod_addresses(pod)[0] for pod in cluster.pods.values()}

    def test_a_named_port_that_differs_by_pod_makes_two_slices(self) -> None:
        pod = (
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {0}, labels: {{app: a}}}}\n"
            "spec: {{containers: [{{name: c, ports: [{{name: http, containerPort: {1}}}]}}]}}\n"
        )
        text = service("  selector: {app: a}\n  ports: [{port: 80, targetPort: http}]\n")
        cluster = load_manifests(text + pod.format("one", 8080) + pod.format("two", 9090))
        ports = sorted(item.ports[0].port for item in cluster.slices_of("default/web"))
        assert ports == [8080, 9090]

    def test_readiness_and_termination(self) -> None:
        text = service("  selector: {app: a}\n  ports: [{port: 80}]\n")
        for name, extra in (
            ("ready", ""),
            ("unready", "status: {conditions: [{type: Ready, status: 'False'}]}\n"),
            ("done", "status: {phase: Succeeded, podIP: 10.244.0.9}\n"),
        ):
            text += (
                f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: a}}}}\n"
                f"spec: {{containers: [{{name: c}}]}}\n{extra}"
            )
        text += (
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: leaving, labels: {app: a}, "
            "deletionTimestamp: 2026-01-01T00:00:00Z}\nspec: {containers: [{name: c}]}\n"
        )
        cluster = load_manifests(text)
        found = {
            endpoint.targetRef.name: (
                endpoint.conditions.ready,
                endpoint.conditions.serving,
                endpoint.conditions.terminating,
            )
            for item in cluster.slices_of("default/web")
            for endpoint in item.endpoints
        }
        assert found == {
            "ready": (True, True, False),
            "unready": (False, False, False),
            "leaving": (False, True, True),
        }

    def test_publish_not_ready_addresses(self) -> None:
        text = service(
            "  clusterIP: None\n  publishNotReadyAddresses: true\n  selector: {app: a}\n"
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: a}}\n"
            "spec: {containers: [{name: c}]}\n"
            "status: {conditions: [{type: Ready, status: 'False'}]}\n"
        )
        [item] = load_manifests(text).slices_of("default/web")
        assert item.endpoints[0].conditions.ready
        assert not item.endpoints[0].conditions.serving

    def test_given_slices_are_not_derived_again(self) -> None:
        text = SHOP + (
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
            "metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}\n"
            "addressType: IPv4\nports: [{port: 8080}]\n"
            "endpoints: [{addresses: [10.244.0.5], nodeName: a}]\n"
        )
        [item] = load_manifests(text).slices_of("shop/web")
        assert item.metadata.name == "web-1"

    def test_an_endpoints_object_is_mirrored(self) -> None:
        text = service("  ports: [{port: 80}]\n", "legacy") + (
            "---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: legacy}\n"
            "subsets: [{addresses: [{ip: 192.0.2.1}], notReadyAddresses: [{ip: 192.0.2.2}], "
            "ports: [{port: 8000}]}]\n"
        )
        [item] = load_manifests(text).slices_of("default/legacy")
        assert [(e.addresses[0], e.conditions.ready) for e in item.endpoints] == [
            ("192.0.2.1", True),
            ("192.0.2.2", False),
        ]

    def test_dual_stack(self) -> None:
        text = SHOP.replace(
            "  selector: {app: web}\n",
            "  ipFamilyPolicy: RequireDualStack\n  selector: {app: web}\n",
        )
        cluster = load_manifests(text)
        assert [("::" in a or ":" in a) for a in cluster.services["shop/web"].spec.clusterIPs] == [
            False,
            True,
        ]
        assert {item.addressType for item in cluster.slices_of("shop/web")} == {"IPv4", "IPv6"}

    def test_an_object_keeps_its_address_when_others_come(self) -> None:
        alone = load_manifests(SHOP)
        more = load_manifests(service("  ports: [{port: 1}]\n", "other") + "---\n" + SHOP)
        assert alone.services["shop/web"].spec.clusterIP == more.services["shop/web"].spec.clusterIP
        scaled = load_manifests(SHOP.replace("replicas: 3", "replicas: 4"))
        before = {name: pod_addresses(pod) for name, pod in alone.pods.items()}
        after = {name: pod_addresses(pod) for name, pod in scaled.pods.items()}
        assert before.items() <= after.items()

    def test_nodes_have_the_labels_a_kubelet_gives(self) -> None:
        selector = "    spec:\n      nodeSelector: {kubernetes.io/os: linux}\n"
        cluster = load_manifests(SHOP.replace("    spec:\n", selector))
        assert {pod.spec.nodeName for pod in cluster.pods.values()} == {"node-1", "node-2"}
        declared = (
            "---\napiVersion: v1\nkind: Node\n"
            "metadata: {name: win, labels: {kubernetes.io/os: windows}}\n"
        )
        cluster = load_manifests(SHOP.replace("    spec:\n", selector) + declared)
        assert {pod.spec.nodeName for pod in cluster.pods.values()} == {None}

    def test_a_load_balancer_without_status_has_no_address(self) -> None:
        cluster = load_manifests(
            service("  type: LoadBalancer\n  externalTrafficPolicy: Local\n  ports: [{port: 80}]\n")
        )
        spec = cluster.services["default/web"].spec
        assert 30000 <= spec.ports[0].nodePort <= 32767
        assert spec.healthCheckNodePort != spec.ports[0].nodePort
        assert cluster.services["default/web"].status is None

    def test_a_health_check_that_nobody_would_serve_is_left_out_and_said(self) -> None:
        cluster = load_manifests(
            service(
                "  type: LoadBalancer\n  externalTrafficPolicy: Local\n"
                "  healthCheckNodePort: 30500\n  ports: [{port: 80}]\n"
            )
            + "---\n"
            + service(
                "  type: LoadBalancer\n  healthCheckNodePort: 30500\n  ports: [{port: 80}]\n",
                "other",
            )
        )
        assert cluster.services["default/web"].spec.healthCheckNodePort == 30500
        assert cluster.services["default/other"].spec.healthCheckNodePort is None
        assert any("30500 is left out" in note for note in cluster.notes)

    @pytest.mark.parametrize("kind", ["StatefulSet", "ReplicaSet", "DaemonSet", "Job"])
    def test_other_workloads_make_pods_too(self, kind: str) -> None:
        text = SHOP.split("---")[0].replace("Deployment", kind)
        if kind == "StatefulSet":
            text = text.replace("spec:\n  replicas", "spec:\n  serviceName: web\n  replicas")
        if kind in ("DaemonSet", "Job"):
            text = text.replace("  replicas: 3\n", "")
        if kind == "Job":
            text = text.replace("apps/v1", "batch/v1")
            text = text.replace("  selector: {matchLabels: {app: web}}\n", "")
        expected = {"StatefulSet": 3, "ReplicaSet": 3, "DaemonSet": 2, "Job": 1}
        assert len(load_manifests(text).pods) == expected[kind]

    def test_a_dump_with_owners_makes_nothing_twice(self) -> None:
        text = SHOP + (
            "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata:\n  name: web-1\n"
            "  namespace: shop\n  ownerReferences:\n"
            "  - {apiVersion: apps/v1, kind: Deployment, name: web, uid: x}\n"
            "spec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n"
            "  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c}]}}\n"
            "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web-1-x\n  namespace: shop\n"
            "  labels: {app: web}\n  ownerReferences:\n"
            "  - {apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: x}\n"
            "spec: {containers: [{name: c}]}\n"
        )
        assert list(load_manifests(text).pods) == ["shop/web-1-x"]


class TestWhatIsAccepted:
    def test_lists_are_taken_apart(self) -> None:
        text = "apiVersion: v1\nkind: List\nitems:\n- " + service(
            "  ports: [{port: 80}]\n"
        ).replace("\n", "\n  ")
        assert list(load_manifests(text).services) == ["default/web"]

    def test_json(self) -> None:
        text = (
            '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},\n'
            ' "spec": {"ports": [{"port": 80}]}}'
        )
        assert list(load_manifests(text).services) == ["default/web"]

    def test_kyaml(self) -> None:
        text = (
            '---\n{\n  apiVersion: "v1",  # braces, quotes, trailing commas\n  kind: "Service",\n'
            '  metadata: {\n    name: "web",\n  },\n  spec: {\n    ports: [{\n'
            "      port: 80,\n    }],\n  },\n}\n"
        )
        assert list(load_manifests(text).services) == ["default/web"]

    def test_unknown_kinds_are_kept_and_mentioned(self) -> None:
        cluster = load_manifests("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n")
        assert cluster.others[0].kind == "Widget"
        assert any("Widget" in note for note in cluster.notes)

    def test_a_path_is_a_path_and_text_is_text(self, tmp_path: Path) -> None:
        file = tmp_path / "shop.yaml"
        file.write_text(SHOP)
        assert len(load_manifests(file).pods) == 3
        with pytest.raises(InputError, match=r"pathlib\.Path"):
            load_manifests(str(file))
        with pytest.raises(InputError, match="readable"):
            load_manifests(tmp_path / "none.yaml")

    def test_an_anchor_or_two(self) -> None:
        text = service("  ports: &ports [{port: 80}]\n") + "---\n"
        text += "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {x: y}}\n"
        text += "data:\n  <<: *l\n  z: w\n"
        assert "ConfigMap default/a" in load_manifests(text).typed_others

    def test_from_objects(self) -> None:
        loaded = load_manifests(service("  ports: [{port: 80}]\n"))
        again = Cluster.from_objects(*loaded.services.values())
        assert again.services == loaded.services
        plain = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"ports": [{"port": 80}]},
        }
        assert Cluster.from_objects(plain).services == loaded.services


class TestWhatIsRefused:
    def test_everything_is_said_at_once_with_its_line(self) -> None:
        text = (
            SHOP.replace("{port: 80,", "{port: 70000, protcol: TCP,")
            + "---\n"
            + service("  prots: []\n  ports:\n  - port: '80'\n", "other")
        )
        found = problems(text)
        assert set(found) >= {"spec.ports[0].port", "spec.ports[0].protcol", "spec.prots"}
        with pytest.raises(ManifestError) as caught:
            load_manifests(text)
        by_place = {(p.document, p.line, p.path) for p in caught.value.problems}
        assert (3, 20, "spec.ports[0].port") in by_place
        assert (4, 27, "spec.prots") in by_place
        assert (4, 29, "spec.ports[0].port") in by_place
        message = str(caught.value)
        assert "did you mean 'protocol'?" in message
        assert "did you mean 'ports'?" in message
        assert "leave the quotes out" in message

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ("  ports: [{port: 0}]\n", "spec.ports[0].port"),
            ("  ports: [{port: 80, protocol: tcp}]\n", "spec.ports[0].protocol"),
            ("  ports: [{port: 80}, {port: 81}]\n", "spec.ports[0].name"),
            ("  ports: [{port: 80, nodePort: 30000}]\n", "spec.ports[0].nodePort"),
            ("  ports: [{port: 80, targetPort: Web_Port}]\n", "spec.ports[0].targetPort"),
            ("  ports: []\n", "spec.ports"),
            ("  clusterIP: 10.96.0.300\n  ports: [{port: 80}]\n", "spec.clusterIP"),
            ("  type: Clusterip\n  ports: [{port: 80}]\n", "spec.type"),
            ("  type: ExternalName\n", "spec.externalName"),
            (
                "  sessionAffinity: ClientIP\n  ports: [{port: 80}]\n"
                "  sessionAffinityConfig: {clientIP: {timeoutSeconds: 90000}}\n",
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
            ),
            (
                "  loadBalancerSourceRanges: [10.0.0.0/8]\n  ports: [{port: 80}]\n",
                "spec.loadBalancerSourceRanges",
            ),
            ("  externalIPs: [127.0.0.1]\n  ports: [{port: 80}]\n", "spec.externalIPs[0]"),
            ("  selector: {app: -x}\n  ports: [{port: 80}]\n", "spec.selector.app"),
        ],
    )
    def test_services(self, body: str, path: str) -> None:
        assert path in problems(service(body))

    def test_two_services_on_one_node_port(self) -> None:
        one = service("  type: NodePort\n  ports: [{port: 80, nodePort: 31000}]\n", "one")
        two = service("  type: NodePort\n  ports: [{port: 80, nodePort: 31000}]\n", "two")
        with pytest.raises(ManifestError, match="Service default/one has it") as caught:
            load_manifests(one + "---\n" + two)
        assert caught.value.problems[0].document == 2
        assert caught.value.problems[0].line == 15

    @pytest.mark.parametrize(
        ("spec", "path"),
        [
            ("ingress: [{ports: [{port: 80, endPort: 79}]}]", "spec.ingress[0].ports[0].endPort"),
            ("ingress: [{ports: [{endPort: 79}]}]", "spec.ingress[0].ports[0].endPort"),
            ("ingress: [{from: [{}]}]", "spec.ingress[0].from[0]"),
            (
                "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/9]}}]}]",
                "spec.egress[0].to[0].ipBlock.except[0]",
            ),
            (
                "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]",
                "spec.egress[0].to[0]",
            ),
            ("policyTypes: [ingress]", "spec.policyTypes[0]"),
            (
                "ingress: [{from: [{podSelector: {matchExpressions: "
                "[{key: a, operator: in, values: [b]}]}}]}]",
                "spec.ingress[0].from[0].podSelector.matchExpressions[0].operator",
            ),
        ],
    )
    def test_policies(self, spec: str, path: str) -> None:
        text = (
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n"
            f"spec: {{podSelector: {{}}, {spec}}}\n"
        )
        assert path in problems(text)

    @pytest.mark.parametrize(
        ("spec", "path"),
        [
            ("rules: [{host: a.b, http: {paths: []}}]", "spec.rules[0].http.paths"),
            ("ingressClassName: Not_A_Name", "spec.ingressClassName"),
            ("tls: [{hosts: [a.b], secretName: _no}]", "spec.tls[0].secretName"),
            (
                "defaultBackend: {service: {name: s, port: {name: a-name-much-too-long}}}",
                "spec.defaultBackend.service.port.name",
            ),
        ],
    )
    def test_ingresses(self, spec: str, path: str) -> None:
        default = "defaultBackend: {service: {name: s, port: {number: 80}}}, "
        text = (
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\n"
            f"spec: {{{'' if 'defaultBackend' in spec else default}{spec}}}\n"
        )
        assert path in problems(text)

    @pytest.mark.parametrize(
        ("rule", "path"),
        [
            ("path: v1, pathType: Prefix", "spec.rules[0].http.paths[0].path"),
            ("path: /a//b, pathType: Exact", "spec.rules[0].http.paths[0].path"),
            ("path: /, pathType: prefix", "spec.rules[0].http.paths[0].pathType"),
            ("path: /", "spec.rules[0].http.paths[0].pathType"),
        ],
    )
    def test_ingress_paths(self, rule: str, path: str) -> None:
        text = (
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {rules: "
            f"[{{http: {{paths: [{{{rule}, backend: {{service: {{name: s, port: "
            "{number: 80}}}}]}}]}\n"
        )
        assert path in problems(text)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("a: *b\n", "anchor"),
            ("a: &a [*a]\n", "anchor that is complete"),
            ("[" * 100, "nesting"),
            ("x: !!python/object:os.system ls\n", "tag"),
            ("a: b\na: c\n", "first is on line 1"),
            ("a: &a [x]\n" + "".join(f"k{i}: *a\n" for i in range(10_000)), "aliases"),
            ("a: 'b\n", "line"),
            ("a: \x00\n", "valid YAML"),
        ],
    )
    def test_hostile_text(self, text: str, words: str) -> None:
        with pytest.raises(InputError, match=words):
            load_manifests(text)

    def test_aliases_that_multiply(self) -> None:
        levels = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in range(1, 9):
            levels += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
        with pytest.raises(InputError, match="values"):
            load_manifests(levels)

    def test_a_replica_count_nobody_has(self) -> None:
        with pytest.raises(InputError, match="at most 150000 pods"):
            load_manifests(SHOP.replace("replicas: 3", "replicas: 1000000000"))
