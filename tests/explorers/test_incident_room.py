"""The incident room without a browser: messages in, messages out."""

import pytest

from k8snet_lessons.course.progress import history
from k8snet_lessons.course.progress.standing import standing
from k8snet_lessons.explorers.incident import IncidentRoom, incident_room
from k8snet_lessons.figures.incident import Curve, before_and_after
from k8snet_lessons.incidents import causes, remedies


@pytest.fixture
def room(monkeypatch):
    room = IncidentRoom(20, "local-policy")
    sent = []
    monkeypatch.setattr(room, "send", lambda content, buffers=None: sent.append(content))
    room.sent = sent
    return room


def tell(room, **message):
    room._answer(room, message, [])
    return room.sent[-1]


def test_it_asks_for_a_suspicion_and_shows_no_cause(room):
    state = tell(room, kind="hello")
    assert state["asking"]
    assert state["debrief"] is None
    assert "Local" not in state["page"]
    assert not tell(room, kind="suspect", cause="bank-slow")["asking"]


def test_a_line_is_run_and_counted(room):
    printed = tell(room, kind="run", line="metrics nodes")
    assert printed["minutes"] == 1
    assert "100.0%" in printed["entry"]["text"]
    assert tell(room, kind="complete", line="kubectl get no")["words"] == ["no", "node", "nodes"]
    assert len(tell(room, kind="hello")["log"]) == 1


def test_the_debrief_tells_all(room):
    tell(room, kind="suspect", cause="bank-slow")
    tell(room, kind="run", line="kubectl describe svc edge-proxy -n edge")
    state = tell(room, kind="conclude", cause="local-policy", remedy="external-cluster")
    told = state["debrief"]
    assert told["right"]
    assert told["total"] == "100"
    assert "bank answers slowly" in told["suspicion"]
    assert told["picture"].startswith("<svg")
    assert [taken for *_, taken in told["path"]] == [False, True]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"kind": "conclude", "cause": "x", "remedy": "same-zone"}, "cause is 'x'"),
        ({"kind": "new", "seed": "many"}, "incident is 'many'"),
        ({"kind": "suspect", "cause": "x"}, "suspicion is 'x'"),
        ({"kind": "dance"}, "a kind that this version"),
    ],
)
def test_what_the_page_gets_wrong_is_said(room, message, said):
    answer = tell(room, **message)
    assert answer["kind"] == "error"
    assert said in answer["text"]


def test_suspicion_and_first_conclusion_go_into_the_record(room, tmp_path, monkeypatch):
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "progress.sqlite"))
    tell(room, kind="suspect", cause="bank-slow")
    tell(room, kind="run", line="kubectl describe svc edge-proxy -n edge")
    wrong = tell(room, kind="conclude", cause="bank-slow", remedy="external-cluster")
    assert "first conclusion" in wrong["debrief"]["kept"]
    tell(room, kind="conclude", cause="local-policy", remedy="external-cluster")
    told = [event for event in history()[0] if event.kind != "touch"]
    assert [event.kind for event in told] == ["guess", "incident"]
    assert {event.lesson for event in told} == {"12-incident-room"}
    assert told[0].data["guess"] == told[1].data["suspicion"] == causes()["bank-slow"]
    stand = standing(history()[0])
    (held,) = stand.incidents
    assert (held.right, held.cause) == (False, causes()["local-policy"])
    assert held.points == float(wrong["debrief"]["total"])
    assert stand.calibration.words == (0, 1)


def test_another_number_begins_anew(room):
    tell(room, kind="run", line="metrics")
    state = tell(room, kind="new", seed="21")
    assert (state["seed"], state["log"], state["asking"]) == (21, [], True)


def test_without_a_kernel_the_page_remains():
    data, _ = incident_room(4)._repr_mimebundle_()
    assert "PAGE shop.example.com" in data["text/html"]
    assert data["text/plain"] == "<IncidentRoom 4: 0 looks>"


def test_lists_mix_plausible_and_right_in_alphabetical_order():
    assert list(causes().values()) == sorted(causes().values())
    assert list(remedies().values()) == sorted(remedies().values())


def test_the_picture_says_in_words_what_it_draws():
    import numpy as np

    curve = Curve("now", "before", np.array([1e4, 1e4, 1e6, 1e6]), np.array([False] * 3 + [True]))
    picture = before_and_after([curve])
    assert "now: 25.0 % failed, median 10 ms" in picture
    assert picture.count("<path") == 2
