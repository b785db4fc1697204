"""What happens between the load balancer and your pod: models, lessons, proof.

The public names are loaded on first use, so that ``import k8snet_lessons`` costs
next to nothing and a command such as ``k8snet --help`` never loads NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from k8snet_lessons.scenario import Outcome as Outcome
    from k8snet_lessons.scenario import Scenario as Scenario
    from k8snet_lessons.scenario import simulate as simulate

__version__ = "0.1.0"

_HOME = {
    "Outcome": "k8snet_lessons.scenario",
    "Scenario": "k8snet_lessons.scenario",
    "simulate": "k8snet_lessons.scenario",
}

__all__ = ["Outcome", "Scenario", "__version__", "simulate"]


def __getattr__(name: str) -> Any:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
