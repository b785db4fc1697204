"""Sets of policies compared, and the smallest that does a job, over lesson 7's cluster."""

import yaml

from k8snet_lessons.datapath.policy import diff_policies, reachability, smallest_policy
from k8snet_lessons.explorers.policy import policy_world
from k8snet_lessons.figures.tables import Table


class Manifest(str):
    """A manifest, shown as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def difference_table(before: str, after: str, port: int = 8080) -> Table:
    """List the pairs of pods that one set of policies opens or closes against another."""
    found = diff_policies(
        reachability(policy_world(before), port), reachability(policy_world(after), port)
    )
    rows = [("opened", *pair) for pair in found.opened]
    rows += [("closed", *pair) for pair in found.closed]
    return Table(
        ("", "from", "to"),
        tuple(rows) or (("nothing changes", "", ""),),
        f"From {before} to {after}, TCP port {port}",
    )


def smallest_manifest(target: str, sources: list[str], port: int) -> Manifest:
    """Write the policy with the fewest terms that lets exactly these sources in."""
    found = smallest_policy(policy_world(), [target], sources, port)
    text = yaml.safe_dump(dict(found.manifest), sort_keys=False)
    exact = "allows exactly that" if found.check else "does not allow exactly that"
    return Manifest(f"{text}# {found.terms} terms; checked over every pair of pods: {exact}")
