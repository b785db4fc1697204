"""Events of the cluster, as objects and as ``kubectl get events`` prints them."""

from dataclasses import dataclass

from k8snet_lessons.control.topology import allocate_hints, cpus_of, endpoints_of, hint_service
from k8snet_lessons.incidents.case import Case, age, columns
from k8snet_lessons.incidents.layout import BEGAN_S, former_template


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes
    ----------
    ago_s : int
    namespace, kind, reason : str
        `kind` is ``Normal`` or ``Warning``.
    about : str
        ``kind/name`` of the object.
    source : str
        The component that says it.
    message : str
    """

    ago_s: int
    namespace: str
    kind: str
    reason: str
    about: str
    source: str
    message: str


def _scaled(ago_s: int, space: str, app: str, message: str) -> Event:
    return Event(
        ago_s, space, "Normal", "ScalingReplicaSet", f"deployment/{app}", "deployment-controller",
        message,
    )  # fmt: skip


def events_of(case: Case) -> list[Event]:
    """Every event of the last hour, newest last: an API server forgets them after that."""
    world = case.world
    made = [
        Event(23 * 60, "shop", "Normal", "Sync", "ingress/shop", "edge-proxy-controller",
              "Scheduled for sync")
    ]  # fmt: skip
    if world.checkout_pods < world.checkout_pods_before:
        owner = world.pods_of("checkout")[0].name.rsplit("-", 1)[0]
        made.append(_scaled(BEGAN_S, "shop", "checkout", (
            f"Scaled down replica set {owner} from {world.checkout_pods_before} to "
            f"{world.checkout_pods}")))  # fmt: skip
    if world.ledger_pods > world.ledger_pods_at_dial:
        owner = world.pods_of("ledger")[0].name.rsplit("-", 1)[0]
        made.append(_scaled(BEGAN_S + 420, "shop", "ledger", (
            f"Scaled up replica set {owner} from {world.ledger_pods_at_dial} to "
            f"{world.ledger_pods}")))  # fmt: skip
    for app, space in (("checkout", "shop"), ("coredns", "kube-system")):
        pods = world.pods_of(app)
        if pods[0].age_s < BEGAN_S + 120:
            new, old = pods[0].name.rsplit("-", 1)[0], f"{app}-{former_template(world, app)}"
            count = len(pods)
            made += [
                _scaled(BEGAN_S + 75, space, app,
                        f"Scaled up replica set {new} from {count - 1} to {count}"),
                _scaled(BEGAN_S + 20, space, app, f"Scaled down replica set {old} from 1 to 0"),
            ]  # fmt: skip
    if world.topology_mode and world.checkout_selector == "checkout":
        hinted = hint_service(world.cluster, "shop/checkout")
        if hinted.heuristic == "none":
            made.append(
                Event(BEGAN_S - 4, "shop", "Warning", "TopologyAwareHintsDisabled",
                      "service/checkout", "endpoint-slice-controller", _no_hints(case))
            )  # fmt: skip
    return sorted(made, key=lambda event: -event.ago_s)


def _no_hints(case: Case) -> str:
    cluster = case.world.cluster
    hints = allocate_hints(cpus_of(cluster), endpoints=endpoints_of(cluster, "shop/checkout"))
    return f"{hints.event}, addressType: IPv4"


def events_table(case: Case, namespace: str, every: bool) -> str:
    """``kubectl get events``."""
    found = [event for event in events_of(case) if every or event.namespace == namespace]
    if not found:
        return (
            "No resources found\n" if every else f"No resources found in {namespace} namespace.\n"
        )
    rows: list[tuple[str, ...]] = [("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE")]
    rows += [(age(e.ago_s), e.kind, e.reason, e.about, e.message) for e in found]
    if every:
        spaces = ["NAMESPACE", *(event.namespace for event in found)]
        rows = [(space, *row) for space, row in zip(spaces, rows, strict=True)]
    return columns(rows)


def described(case: Case, about: str, namespace: str) -> str:
    """The events of one object as ``kubectl describe`` ends with them, its tabs unresolved."""
    found = [e for e in events_of(case) if e.about == about and namespace in ("", e.namespace)]
    if not found:
        return "Events:\t<none>\n"
    text = "\fEvents:\n  Type\tReason\tAge\tFrom\tMessage\n  ----\t------\t----\t----\t-------\n"
    return text + "".join(
        f"  {e.kind}\t{e.reason}\t{age(e.ago_s)}\t{e.source}\t{e.message}\n" for e in found
    )
