"""What ``kubectl get -o yaml`` prints: statuses, managed fields, owners, terminated pods."""

from k8snet_lessons.cluster import load_manifests, pod_addresses

DUMP = """\
apiVersion: v1
kind: List
metadata: {resourceVersion: ""}
items:
- apiVersion: v1
  kind: Service
  metadata:
    creationTimestamp: "2026-11-01T10:00:00Z"
    labels: {component: apiserver, provider: kubernetes}
    managedFields:
    - apiVersion: v1
      fieldsType: FieldsV1
      fieldsV1:
        f:metadata: {f:labels: {.: {}, f:component: {}}}
        f:spec: {f:clusterIP: {}, f:ports: {.: {}, 'k:{"port":443,"protocol":"TCP"}': {}}}
      manager: kube-apiserver
      operation: Update
      time: "2026-11-01T10:00:00Z"
    name: kubernetes
    namespace: default
    resourceVersion: "231"
    uid: 5f0c6b3e-0000-4000-8000-000000000000
  spec:
    clusterIP: 10.96.0.1
    clusterIPs: [10.96.0.1]
    internalTrafficPolicy: Cluster
    ipFamilies: [IPv4]
    ipFamilyPolicy: SingleStack
    ports: [{name: https, port: 443, protocol: TCP, targetPort: 6443}]
    sessionAffinity: None
    type: ClusterIP
  status: {loadBalancer: {}}
- apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
  addressType: IPv4
  endpoints:
  - addresses: [172.18.0.3]
    conditions: {ready: true}
  ports: [{name: https, port: 6443, protocol: TCP}]
- apiVersion: v1
  kind: Node
  metadata:
    name: kind-worker
    annotations: {node.alpha.kubernetes.io/ttl: "0"}
    creationTimestamp: 2026-11-01T10:00:00Z
  spec: {podCIDR: 10.244.1.0/24, podCIDRs: [10.244.1.0/24], providerID: kind://x}
  status:
    addresses: [{address: 172.18.0.2, type: InternalIP}, {address: kind-worker, type: Hostname}]
    allocatable: {cpu: "8", memory: 16Gi, pods: "110"}
    conditions: [{type: Ready, status: "True", reason: KubeletReady, message: ok}]
    nodeInfo: {architecture: amd64, kubeletVersion: v1.37.1, somethingNewer: x}
- apiVersion: v1
  kind: Pod
  metadata:
    name: job-1
    namespace: default
    labels: {app: a}
  spec:
    nodeName: kind-worker
    containers: [{name: c, image: busybox}]
  status: {phase: Succeeded, podIP: 10.244.1.9, podIPs: [{ip: 10.244.1.9}]}
- apiVersion: v1
  kind: Pod
  metadata: {name: web-1, namespace: default, labels: {app: a}}
  spec: {nodeName: kind-worker, containers: [{name: c, image: nginx}]}
  status:
    phase: Running
    podIP: 10.244.1.10
    podIPs: [{ip: 10.244.1.10}]
    conditions: [{type: Ready, status: "True"}, {type: PodScheduled, status: "True"}]
    containerStatuses: [{name: c, ready: true}]
"""


def test_a_dump_is_taken_as_it_is() -> None:
    cluster = load_manifests(DUMP)
    assert cluster.services["default/kubernetes"].spec.clusterIP == "10.96.0.1"
    assert list(cluster.nodes) == ["kind-worker"]
    assert cluster.pod_cidrs == ("10.244.0.0/16",)
    assert pod_addresses(cluster.pods["default/web-1"]) == ("10.244.1.10",)
    assert cluster.pod_at("10.244.1.10") == "default/web-1"


def test_fields_of_a_status_that_are_newer_are_only_noted() -> None:
    notes = load_manifests(DUMP).notes
    assert any("somethingNewer" in note for note in notes)


def test_host_network_and_static_addresses_do_not_widen_the_pod_block() -> None:
    # The API server's endpoint is a node's address that belongs to no declared node.
    assert load_manifests(DUMP).pod_cidrs == ("10.244.0.0/16",)
