"""``kubectl``: reads a command line and runs the tool behind it."""

from collections.abc import Sequence

from k8snet_lessons.incidents._arguments import argument, parsed
from k8snet_lessons.incidents._inside import inside
from k8snet_lessons.incidents.case import Case, ToolError, not_found
from k8snet_lessons.incidents.tools import logs, metrics
from k8snet_lessons.incidents.tools.describe import describe
from k8snet_lessons.incidents.tools.get import Asked, get, kind_of
from k8snet_lessons.incidents.tools.rollouts import APPS, paused, replica_sets

NAMESPACES = ("shop", "edge", "kube-system")
_NAMESPACE = argument("-n", "--namespace", default="shop")
_EVERY = argument("-A", "--all-namespaces", action="store_true")
_SELECTOR = argument("-l", "--selector", default="")


def kubectl(case: Case, words: Sequence[str]) -> tuple[str, int]:
    """Run ``kubectl`` with these words; what it prints, and the minutes."""
    verbs = {
        "get": _get,
        "describe": _describe,
        "logs": _logs,
        "top": _top,
        "exec": _exec,
        "rollout": _rollout,
    }
    # ``kubectl -n edge get pods`` is ``kubectl get pods -n edge``.
    first = list(words)
    front: list[str] = []
    while first and first[0].startswith("-"):
        value = 2 if first[0] in ("-n", "--namespace") else 1
        front, first = front + first[:value], first[value:]
    if not first or first[0] not in verbs:
        named = first[0] if first else "a verb"
        raise ToolError(f"kubectl: {named}: known here are " + ", ".join(verbs))
    return verbs[first[0]](case, [*front, *first[1:]])


def _namespace(given: str) -> str:
    if given not in NAMESPACES:
        raise ToolError(
            f'Error from server (NotFound): namespaces "{given}" not found (there are '
            + ", ".join(NAMESPACES)
            + ")"
        )
    return given


def _get(case: Case, words: Sequence[str]) -> tuple[str, int]:
    given = parsed(
        "kubectl get",
        words,
        argument("kind"),
        argument("names", nargs="*"),
        _NAMESPACE,
        _EVERY,
        _SELECTOR,
        argument("-o", "--output", default=""),
        argument("--show-labels", action="store_true"),
        # Events come in order, pods by name: what these sort by.
        argument("--sort-by", default=""),
    )
    kind, names = _slashed(given.kind, given.names)
    asked = Asked(
        kind, tuple(names), _namespace(given.namespace), given.output.removeprefix("="),
        given.all_namespaces, given.selector, given.show_labels,
    )  # fmt: skip
    return get(case, asked), 1


def _describe(case: Case, words: Sequence[str]) -> tuple[str, int]:
    given = parsed(
        "kubectl describe",
        words,
        argument("kind"),
        argument("names", nargs="*"),
        _NAMESPACE,
        _EVERY,
    )
    kind, names = _slashed(given.kind, given.names)
    return describe(case, kind, names, _namespace(given.namespace), given.all_namespaces), 1


def _slashed(kind: str, names: list[str]) -> tuple[str, list[str]]:
    """``svc/checkout`` is ``svc checkout``."""
    first, slash, name = kind.partition("/")
    return (first, [name, *names]) if slash else (kind, names)


def _logs(case: Case, words: Sequence[str]) -> tuple[str, int]:
    given = parsed(
        "kubectl logs",
        words,
        argument("pod", nargs="?", default=""),
        argument("more", nargs="?", default=""),
        _NAMESPACE,
        _SELECTOR,
        argument("-c", "--container", default=""),
        argument("--tail", type=int, default=20),
        argument("--prefix", action="store_true"),
        argument("--since", default=""),
        argument("-f", "--follow", action="store_true"),
        argument("-p", "--previous", action="store_true"),
    )
    namespace = _namespace(given.namespace)
    if given.previous:
        raise ToolError(
            "Error from server (BadRequest): previous terminated container not found: "
            "no container of this cluster was restarted"
        )
    if not given.selector:
        if not given.pod:
            raise ToolError("error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.")
        return logs.logs(case, case.pod(given.pod, namespace), given.tail), 2
    key, _, value = given.selector.partition("=")
    chosen = [
        pod for pod in case.world.pods
        if pod.namespace == namespace
        and (case.world.cluster.pod(pod.scope).metadata.labels or {}).get(key) == value
    ]  # fmt: skip
    if not chosen:
        return f"No resources found in {namespace} namespace.\n", 2
    made = []
    for pod in chosen:
        prefix = f"[pod/{pod.name}/{pod.app}] " if given.prefix else ""
        made += [prefix + line for line in logs.logs(case, pod, given.tail).splitlines()]
    return "".join(line + "\n" for line in made), 2


def _top(case: Case, words: Sequence[str]) -> tuple[str, int]:
    given = parsed(
        "kubectl top", words, argument("kind"), argument("name", nargs="?", default=""),
        _NAMESPACE, _EVERY, argument("--containers", action="store_true"),
        argument("--sort-by", default=""),
    )  # fmt: skip
    kind = kind_of(given.kind) if given.kind != "event" else ""
    if kind == "nodes":
        return metrics.top_nodes(case), 1
    if kind != "pods":
        raise ToolError(f'error: unknown command "{given.kind}" (kubectl top pods, or nodes)')
    return metrics.top(case, _namespace(given.namespace), given.all_namespaces), 1


def _rollout(case: Case, words: Sequence[str]) -> tuple[str, int]:
    given = parsed(
        "kubectl rollout", words, argument("what", choices=("status", "history")),
        argument("kind"), argument("name", nargs="?", default=""), _NAMESPACE,
    )  # fmt: skip
    kind, names = _slashed(given.kind, [given.name] if given.name else [])
    name = names[0] if names else ""
    if kind_of(kind) != "deployments" or APPS.get(name) != _namespace(given.namespace):
        raise not_found("deployments.apps", name)
    sets = replica_sets(case, name)
    if given.what == "history":
        rows = "".join(f"{4 + k - len(sets) + 2}         <none>\n" for k in range(len(sets)))
        return f"deployment.apps/{name} \nREVISION  CHANGE-CAUSE\n{rows}", 1
    if paused(case, name):
        total = sum(count for _, count, _ in sets)
        return (
            f'Waiting for deployment "{name}" rollout to finish: {sets[-1][1]} out of {total} new '
            "replicas have been updated...\n"
        ), 1
    return f'deployment "{name}" successfully rolled out\n', 1


def _exec(case: Case, words: Sequence[str]) -> tuple[str, int]:
    if "--" not in words:
        raise ToolError("error: you must specify at least one command for the container, behind --")
    cut = list(words).index("--")
    given = parsed(
        "kubectl exec", words[:cut], argument("pod"), _NAMESPACE,
        argument("-c", "--container", default=""),
        *(argument(flag, action="store_true") for flag in ("-it", "-ti", "-i", "-t")),
    )  # fmt: skip
    target = case.pod(given.pod, _namespace(given.namespace))
    return inside(case, target, words[cut + 1 :])
