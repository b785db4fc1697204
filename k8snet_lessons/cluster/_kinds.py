"""Which typed class each apiVersion and kind is read into."""

from collections.abc import Mapping
from importlib import import_module

from k8snet_lessons.cluster import gateway

_MODULES: Mapping[str, str] = {
    "v1": "core_v1",
    "apps/v1": "apps_v1",
    "autoscaling/v1": "autoscaling_v1",
    "autoscaling/v2": "autoscaling_v2",
    "batch/v1": "batch_v1",
    "coordination.k8s.io/v1": "coordination_v1",
    "discovery.k8s.io/v1": "discovery_v1",
    "networking.k8s.io/v1": "networking_v1",
    "policy/v1": "policy_v1",
    "rbac.authorization.k8s.io/v1": "rbac_v1",
    "scheduling.k8s.io/v1": "scheduling_v1",
    "storage.k8s.io/v1": "storage_v1",
}
_GATEWAY_KINDS: Mapping[str, type] = {
    "Gateway": gateway.Gateway,
    "GatewayClass": gateway.GatewayClass,
    "HTTPRoute": gateway.HTTPRoute,
}
_GATEWAY_VERSIONS = ("gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1beta1")

# Versions that the API server no longer serves, but whose fields are those of today's.
_SAME_SHAPE: Mapping[tuple[str, str], str] = {
    ("extensions/v1beta1", "Deployment"): "apps/v1",
    ("extensions/v1beta1", "DaemonSet"): "apps/v1",
    ("extensions/v1beta1", "ReplicaSet"): "apps/v1",
    ("extensions/v1beta1", "NetworkPolicy"): "networking.k8s.io/v1",
    ("apps/v1beta1", "Deployment"): "apps/v1",
    ("apps/v1beta1", "StatefulSet"): "apps/v1",
    ("apps/v1beta2", "Deployment"): "apps/v1",
    ("apps/v1beta2", "DaemonSet"): "apps/v1",
    ("apps/v1beta2", "ReplicaSet"): "apps/v1",
    ("apps/v1beta2", "StatefulSet"): "apps/v1",
    ("batch/v1beta1", "CronJob"): "batch/v1",
    ("networking.k8s.io/v1beta1", "IngressClass"): "networking.k8s.io/v1",
    ("policy/v1beta1", "PodDisruptionBudget"): "policy/v1",
    ("rbac.authorization.k8s.io/v1beta1", "Role"): "rbac.authorization.k8s.io/v1",
    ("rbac.authorization.k8s.io/v1beta1", "RoleBinding"): "rbac.authorization.k8s.io/v1",
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRole"): "rbac.authorization.k8s.io/v1",
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRoleBinding"): "rbac.authorization.k8s.io/v1",
}

# Typed kinds whose objects live outside namespaces.
CLUSTER_SCOPED = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "CSIDriver",
        "CSINode",
        "GatewayClass",
        "IngressClass",
        "IPAddress",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "ServiceCIDR",
        "StorageClass",
        "VolumeAttachment",
    }
)


def served_version(api_version: str, kind: str) -> str:
    """Name the version that replaced a removed one of the same shape, else the version given."""
    return _SAME_SHAPE.get((api_version, kind), api_version)


def model_of(api_version: str, kind: str) -> type | None:
    """Find the class an object is read into; None for kinds that stay opaque."""
    if api_version in _GATEWAY_VERSIONS:
        return _GATEWAY_KINDS.get(kind)
    module_name = _MODULES.get(api_version)
    if module_name is None or not kind.isidentifier():
        return None
    try:
        module = import_module(f"lightkube.models.{module_name}")
    except ModuleNotFoundError:  # an older or newer model package
        return None
    model = getattr(module, kind, None)
    annotations = getattr(model, "__annotations__", {})
    if isinstance(model, type) and "metadata" in annotations and not kind.endswith("List"):
        return model
    return None
