"""``kubectl describe`` of the room against the real kubectl, fed with the room's own objects.

The record was made once: a bare API server gave a world's objects, its EndpointSlices, events and
ReplicaSets as JSON, and kubectl 1.32.4 described them. Its clock was that of the recording, so
the room is set to the same moment.
"""

from datetime import datetime
from pathlib import Path

import pytest

from k8snet_lessons.incidents import Incident, case

_MOMENT, *_PARTS = (Path(__file__).parent / "kubectl-1.32.4-describe.txt").read_text().split("\n# ")
RECORD = [part.partition("\n") for part in _PARTS]


@pytest.mark.parametrize(("head", "printed"), [(head, text) for head, _, text in RECORD])
def test_describe_prints_what_kubectl_prints(head, printed, monkeypatch):
    moment = datetime.fromisoformat(_MOMENT.removeprefix("# moment "))
    monkeypatch.setattr(case, "PAGED_AT", moment)
    fault, seed, line = head.split(" ", 2)
    room = Incident(int(seed), fault).look(line)
    # kubectl 1.34 no longer prints a kube-proxy version, which nobody filled in.
    real = [each for each in printed.split("\n") if "Kube-Proxy Version" not in each]
    assert room.text.rstrip("\n").split("\n") == "\n".join(real).rstrip("\n").split("\n")
