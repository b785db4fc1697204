"""What the tools look at: the world as it is, and as it usually was."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from k8snet_lessons.errors import InputError
from k8snet_lessons.incidents.traffic import Traffic, send
from k8snet_lessons.incidents.world import Pod, World

#: When the page came in. The traffic that the tools show is that of the minute before.
PAGED_AT = datetime(2026, 11, 10, 14, 7)


@dataclass(frozen=True)
class Case:
    """One cluster under investigation.

    Parameters
    ----------
    world : World
        As it is.
    usual : World
        As it was the day before: what dashboards compare with.
    """

    world: World
    usual: World

    @property
    def traffic(self) -> Traffic:
        """The traffic of now."""
        return send(self.world)

    @property
    def usual_traffic(self) -> Traffic:
        """The traffic of the day before."""
        return send(self.usual)

    def pod(self, name: str, namespace: str) -> Pod:
        """Find a pod by name, or by ``deploy/NAME`` its first one, as kubectl does."""
        kind, _, short = name.rpartition("/")
        if kind in ("deploy", "deployment", "deployments"):
            found = [p for p in self.world.pods if p.app == short and p.namespace == namespace]
        else:
            found = [p for p in self.world.pods if p.name == short and p.namespace == namespace]
        if not found:
            raise not_found("deployments.apps" if "dep" in kind else "pods", short)
        return found[0]

    def place(self, node: str) -> int:
        """Place of a node by its name."""
        if node not in self.world.nodes:
            raise InputError("node", node, "one of " + ", ".join(sorted(self.world.nodes)))
        return self.world.nodes.index(node)


class ToolError(Exception):
    """What a tool prints when it cannot do what it was told."""


def not_found(resource: str, name: str) -> ToolError:
    """The API server's answer for a name that does not exist."""
    return ToolError(f'Error from server (NotFound): {resource} "{name}" not found')


def age(seconds: int) -> str:
    """Write an age as kubectl does (apimachinery ``duration.HumanDuration``)."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m" + (f"{seconds % 60}s" if seconds % 60 else "")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h" + (f"{minutes % 60}m" if minutes % 60 else "")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d" + (f"{hours % 24}h" if hours % 24 else "")
    return f"{days}d"


def stamp(seconds_before: float) -> datetime:
    """The moment so many seconds before the page."""
    return PAGED_AT - timedelta(seconds=seconds_before)


def columns(rows: list[tuple[str, ...]], gap: int = 3) -> str:
    """Align rows as kubectl's table printer does; the last column is not padded."""
    widths = [max(len(row[k]) for row in rows) + gap for k in range(len(rows[0]))]
    lines = [
        "".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines) + "\n"
