"""The explorer without a browser: settings, messages, pinning, prediction, text form."""

import csv
import gzip
import io
import threading
from typing import Any

import numpy as np
import pytest
from small_model import asked, explorer

from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers import Explorer, Prediction, View


class Browser:
    """Stands in for the page: sends messages, keeps the answers, applies the frames."""

    def __init__(self, widget: Explorer) -> None:
        self.widget = widget
        self.received: list[tuple[dict[str, Any], list[bytes]]] = []
        self.seq = 0
        widget.send = lambda content, buffers=None: self.received.append((content, buffers or []))

    def say(self, kind: str, **more: Any) -> dict[str, Any]:
        """Send a message; return the one answer."""
        self.seq += 1
        before = len(self.received)
        self.widget._handle_custom_msg({"kind": kind, "seq": self.seq, **more}, [])
        self.widget._refining.wait()
        assert len(self.received) == before + 1, "each message gets exactly one answer"
        answer = self.received[-1][0]
        assert answer["seq"] == self.seq
        return answer

    def turn(self, **changes: Any) -> dict[str, Any]:
        return self.say("move", settings={**self.widget.settings, **changes})


@pytest.fixture
def browser() -> Browser:
    return Browser(explorer())


def test_first_frame_is_whole_and_later_ones_carry_only_what_changed(browser: Browser) -> None:
    whole = browser.say("hello")
    assert whole["base"] is None
    assert [set(panel) for panel in whole["panels"]] == [{"whole"}, {"whole"}]
    moved = browser.turn(load_per_s=200)
    assert moved["base"] == whole["number"]
    changed = {(index, key) for index, key, _ in moved["panels"][0]["patch"]}
    assert changed == {(0, "y")}, "the limit and the x values stand still"
    assert "layout" not in moved["panels"][0]
    assert "notes" not in moved


def test_arrays_travel_as_bytes(browser: Browser) -> None:
    browser.say("hello")
    moved = browser.turn(load_per_s=200)
    _, _, reference = moved["panels"][0]["patch"][0]
    array = np.frombuffer(browser.received[-1][1][reference["$"]])
    np.testing.assert_allclose(array, browser.widget.view.panels[0].figure["data"][0]["y"])


def test_a_move_is_coarse_and_a_rest_is_fine() -> None:
    seen: list[int] = []
    widget = explorer()
    model = widget._desk._model
    widget._desk._model = lambda s, *, requests: (
        seen.append(requests), model(s, requests=requests))[1]  # fmt: skip
    browser = Browser(widget)
    browser.say("hello")
    assert browser.turn(load_per_s=200)["rest"] is False
    assert browser.say("refine")["rest"] is True
    assert browser.turn(load_per_s=200)["rest"] is True, "the fine picture is at hand"
    assert seen == [100_000, 20_000, 100_000]


def test_a_press_ends_the_fine_picture_and_waits_for_nothing() -> None:
    widget = explorer()
    model = widget._desk._model
    begun = threading.Event()

    def endless(settings: dict[str, Any], *, requests: int) -> View:
        while requests == 100_000 and settings["load_per_s"] == 200:
            begun.set()
        return model(settings, requests=requests)

    widget._desk._model = endless
    browser = Browser(widget)
    browser.say("hello")
    assert browser.turn(load_per_s=200)["rest"] is False
    widget._handle_custom_msg({"kind": "refine", "seq": 3}, [])
    assert begun.wait(30)
    browser.seq = 3
    assert browser.turn(load_per_s=300)["rest"] is False
    assert browser.say("refine")["rest"] is True
    assert [answer["seq"] for answer, _ in browser.received] == [1, 2, 4, 5], "3 has no answer"
    assert widget.view.headline == model(widget.settings, requests=100_000).headline


def test_a_fine_picture_that_fails_is_answered() -> None:
    widget = explorer()
    model = widget._desk._model

    def broken(settings: dict[str, Any], *, requests: int) -> View:
        if requests == 100_000 and settings["load_per_s"] == 200:
            raise ZeroDivisionError("too fine")
        return model(settings, requests=requests)

    widget._desk._model = broken
    browser = Browser(widget)
    browser.say("hello")
    browser.turn(load_per_s=200)
    answer = browser.say("refine")
    assert answer["kind"] == "error"
    assert "ZeroDivisionError: too fine" in answer["text"]


@pytest.mark.parametrize(
    ("knob", "value"),
    [("load_per_s", 1001), ("load_per_s", "abc"), ("load_per_s", 1.5), ("wire", "ipx"),
     ("service_us", float("nan")), ("service_us", True), ("cache", 1), ("name", 3),
     ("load_per_s", None)],
)  # fmt: skip
def test_a_refused_value_is_explained_and_the_last_plot_stays(
    browser: Browser, knob: str, value: object
) -> None:
    browser.say("hello")
    before = browser.widget.settings
    answer = browser.turn(**{knob: value})
    assert answer["kind"] == "error"
    assert answer["field"] == knob
    assert repr(value) in answer["text"]
    assert browser.widget._desk.knobs[knob].allowed in answer["text"]
    assert browser.widget.settings == before
    assert browser.turn(load_per_s=110)["base"] == 1, "the error cost no frame"


def test_a_setting_that_the_model_refuses_changes_nothing(browser: Browser) -> None:
    browser.say("hello")
    answer = browser.turn(load_per_s=600)
    assert (answer["kind"], answer["field"]) == ("error", "load_per_s")
    assert browser.widget.settings["load_per_s"] == 100
    with pytest.raises(InputError, match="less than the server can do"):
        browser.widget.set(load_per_s=600)
    assert browser.widget.settings["load_per_s"] == 100


def test_a_model_that_fails_still_answers(browser: Browser) -> None:
    browser.say("hello")

    def broken(settings: dict[str, Any], *, requests: int) -> None:
        raise RuntimeError("out of luck")

    browser.widget._desk._model = broken  # type: ignore[assignment]
    answer = browser.turn(load_per_s=210)
    assert answer["kind"] == "error"
    assert "out of luck" in answer["text"]


def test_typed_numbers_may_have_thousands_separators(browser: Browser) -> None:
    browser.say("hello")
    browser.turn(service_us="1,500")
    assert browser.widget.settings["service_us"] == 1500
    assert isinstance(browser.widget.settings["service_us"], int)


def test_set_from_python_reaches_the_browser(browser: Browser) -> None:
    browser.say("hello")
    browser.widget.set(load_per_s=300)
    frame = browser.received[-1][0]
    assert frame["settings"]["load_per_s"] == 300
    assert frame["headline"] == browser.widget.view.headline


def test_nothing_is_sent_before_a_browser_asks() -> None:
    browser = Browser(explorer())
    browser.widget.set(load_per_s=300)
    assert browser.received == []


def test_settings_are_a_copy(browser: Browser) -> None:
    browser.widget.settings["load_per_s"] = 999
    assert browser.widget.settings["load_per_s"] == 100


def test_pinned_setting_is_drawn_and_compared_in_words(browser: Browser) -> None:
    browser.say("hello")
    browser.say("pin")
    frame = browser.turn(load_per_s=300)
    # p99 = ln(100) / (500 - load) s, plus 0.5 ms: 12.0 ms, then 23.5 ms
    assert browser.widget.comparison == frame["comparison"]
    assert frame["comparison"] == (
        "p99 latency: 12.0 ms pinned (A), 23.5 ms now (B): 96 % higher. "
        "Changed: Offered load 100 requests/s → 300 requests/s."
    )
    assert frame["table"][0] == ["p99 latency", "23.5 ms", "12.0 ms", "96 % higher"]
    data = browser.widget._sent["panels"][0]["data"]  # type: ignore[index]
    assert [t.get("name") for t in data] == ["pinned: ", None, None], "the limit is not doubled"
    assert data[0]["y"][50] != data[1]["y"][50]
    browser.say("unpin")
    assert browser.widget.comparison == ""


def test_presets_and_reset(browser: Browser) -> None:
    browser.say("hello")
    browser.turn(wire="bgp")
    browser.say("preset", name="busy")
    assert browser.widget.settings["load_per_s"] == 400
    assert browser.widget.settings["wire"] == "vxlan", "what a preset does not name is default"
    browser.say("reset")
    assert browser.widget.settings["load_per_s"] == 100
    with pytest.raises(InputError, match="busy"):
        browser.widget.load("nothing")


def test_measurements_are_laid_over_on_request(browser: Browser) -> None:
    assert browser.say("hello")["has"]["evidence"] is True
    counts = [len(browser.widget._sent["panels"][0]["data"])]  # type: ignore[index]
    browser.say("evidence", on=True)
    counts.append(len(browser.widget._sent["panels"][0]["data"]))  # type: ignore[index]
    assert counts == [2, 3]


def test_prediction_covers_the_plot_until_it_is_committed() -> None:
    browser = Browser(asked())
    frame = browser.say("hello")
    assert frame["gate"] == {"question": "At 400 requests/s, what is p99?", "unit": "ms"}
    assert frame["panels"] == []
    assert "headline" not in frame, "no number may show before the guess"
    assert browser.say("commit", value="many")["kind"] == "error"
    assert browser.widget.guess is None
    shown = browser.say("commit", value=10)
    # ln(100) / 100 s + 0.5 ms = 46.6 ms
    assert shown["verdict"] == "You said 10 ms; the model says 46.6 ms: too low by a factor of 4.7."
    guess = browser.widget._sent["panels"][0]["data"][-1]  # type: ignore[index]
    assert guess["y"] == [10, 10]
    browser.turn(load_per_s=100)
    assert browser.widget.verdict == shown["verdict"], "the answer is to what was asked"


def test_prediction_can_be_committed_without_a_browser() -> None:
    widget = asked()
    assert widget.commit(46.5).endswith("close.")
    assert widget.guess == 46.5


@pytest.mark.parametrize("guess", [-5, 0, "-0.1"])
def test_a_guess_that_cannot_be_is_refused_and_the_plot_stays_covered(guess: Any) -> None:
    widget = asked()
    with pytest.raises(InputError, match=r"a number above 0 \(ms\)"):
        widget.commit(guess)
    assert widget.guess is None


def test_a_prediction_may_take_any_number() -> None:
    question = Prediction(
        "By how much?", "ms", lambda seen: seen.number("p99 latency"), minimum=None
    )
    assert explorer(prediction=question).commit(0).startswith("You said 0 ms")


def test_prediction_can_be_skipped() -> None:
    browser = Browser(asked())
    browser.say("hello")
    frame = browser.say("skip")
    assert frame["gate"] is None
    assert frame["verdict"] == ""


def test_csv_and_code(browser: Browser) -> None:
    rows = list(csv.DictReader(io.StringIO(browser.say("csv")["text"])))
    assert len(rows) == 200
    assert rows[0].keys() == {"share", "latency_ms"}
    assert browser.say("code")["text"] == "queue(load_per_s=100)"


def test_plotly_travels_compressed_and_not_in_the_state(browser: Browser) -> None:
    answer = browser.say("plotly")
    source = gzip.decompress(browser.received[-1][1][0])
    assert b"plotly.js v" in source[:100]
    assert answer["kind"] == "plotly"
    assert len(str(browser.widget.get_state())) < 100_000


def test_an_unknown_message_is_answered(browser: Browser) -> None:
    assert browser.say("dance")["kind"] == "error"


def test_text_form_is_the_same_every_time() -> None:
    expected = (
        "<Explorer 'One queue': load_per_s=100, service_us=2000, wire='vxlan', "
        "cache=False, name='web'>"
    )
    assert repr(explorer()) == expected
    data, _ = explorer()._repr_mimebundle_()
    assert data["text/plain"] == expected


def test_two_views_that_diverge_can_ask_for_a_whole_frame(browser: Browser) -> None:
    browser.say("hello")
    browser.turn(load_per_s=200)
    assert browser.say("hello")["base"] is None
