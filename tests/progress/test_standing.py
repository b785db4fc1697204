"""What the events amount to: the map, the cards, the guesses, the certificate."""

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

from k8snet_lessons.cli import main
from k8snet_lessons.course.curriculum import LESSONS
from k8snet_lessons.course.progress import (
    Event,
    answered,
    checked,
    concluded,
    guessed,
    interviewed,
    pages,
    record,
    reviewed,
    touched,
)
from k8snet_lessons.course.progress.calibration import calibration
from k8snet_lessons.course.progress.certificate import certificate
from k8snet_lessons.course.progress.review import cards, due
from k8snet_lessons.course.progress.standing import standing
from k8snet_lessons.course.questions import quiz_questions

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
FIVE = "05-conntrack-exhaustion"
LITTLE = "05-what-fills"
MISSED = {"key": "iv/path/dnat", "question": "Walk me <there>.", "point": "DNAT", "lesson": "01-x"}


def on(day, event, hour=0):
    at = START + timedelta(days=day, hours=hour)
    return Event(event.kind, event.subject, event.lesson, event.data, at, event.id)


def answers(right, day=0, lesson=FIVE):
    return [on(day, answered(one.id, lesson, "x", right)) for one in quiz_questions(lesson)]


def check(task, points, status="right", misconceptions=()):
    return checked(
        FIVE, task, status=status, points=points, max_points=4, exercise_points=8, tasks=2,
        misconceptions=misconceptions,
    )  # fmt: skip


def of(stand, slug):
    return next(one for one in stand.lessons if one.lesson.slug == slug)


def test_with_no_record_the_first_lesson_is_next_and_all_is_left():
    stand = standing([])
    ready = [one for one in LESSONS if one.ready and one.kind == "lesson"]
    assert stand.next.lesson.number == 1
    assert stand.minutes_left == sum(one.minutes + 20 * one.exercise for one in ready)
    assert stand.count("done", "begun") == 0
    assert stand.due == ()


def test_a_lesson_is_done_when_its_questions_are_answered_and_its_exercise_is_solved():
    events = [on(0, touched("table", FIVE))]
    assert of(standing(events), FIVE).state == "begun"
    assert standing(events).next.lesson.slug == FIVE
    events += answers(True)
    assert of(standing(events), FIVE).minutes_left == 20
    events += [check("one", 4), check("two", 1, "partial")]
    assert of(standing(events), FIVE).state == "begun"
    events += [check("two", 3, "partial"), check("two", 0, "wrong")]
    done = of(standing(events), FIVE)
    assert (done.state, done.points, done.max_points) == ("done", 7, 8)
    assert done.minutes_left == 0


def test_what_was_never_missed_is_no_card():
    assert cards(answers(True)) == ()


def test_a_missed_question_comes_back_later_each_time_it_is_known():
    events = [on(0, answered(LITTLE, FIVE, "x", False))]
    waits = []
    day = 0
    for _ in range(4):
        (card,) = cards(events)
        wait = (card.due - (START + timedelta(days=day))).days
        waits.append(wait)
        day += wait
        events.append(on(day, answered(LITTLE, FIVE, "y", True)))
    assert waits[0] == 1
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]
    events.append(on(day, answered(LITTLE, FIVE, "x", False), hour=1))
    (card,) = cards(events)
    assert card.misses == 2
    assert (card.due - events[-1].at).days < waits[-1]


def test_a_card_is_due_from_the_morning_of_its_day():
    (card,) = made = cards([on(0, answered(LITTLE, FIVE, "x", False), hour=12)])
    assert due(made, START) == ()
    assert due(made, card.due - timedelta(hours=2)) == (card,)


def test_the_schedule_is_that_of_the_library_that_makes_it():
    import fsrs

    scheduler = fsrs.Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
    expected = fsrs.Card(card_id=1)
    events = []
    for day, right in [(0, False), (1, True), (4, True), (12, False), (13, True)]:
        rating = fsrs.Rating.Good if right else fsrs.Rating.Again
        expected, _ = scheduler.review_card(expected, rating, START + timedelta(days=day))
        events.append(on(day, answered(LITTLE, FIVE, "x", right)))
    assert cards(events)[0].due == expected.due


def test_missing_a_thing_twice_in_a_day_is_missing_it_once():
    events = [on(0, answered(LITTLE, FIVE, "x", False), hour) for hour in (0, 1, 2)]
    assert cards(events)[0].misses == 1


def test_a_point_that_an_interview_missed_becomes_a_card_with_two_sides():
    held = interviewed("s1", points=3, max_points=8, own_points=4, missed=[MISSED], at=START)
    (card,) = cards([held])
    assert card.item.kind == "card"
    assert card.item.prompt == "Walk me &lt;there&gt;."
    assert card.item.back == "DNAT"
    known = on(3, reviewed(MISSED["key"], "01-x", True))
    assert cards([held, known])[0].due > card.due + timedelta(days=1)


def test_an_interview_replayed_counts_once(tmp_path, monkeypatch):
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "progress.sqlite"))
    for _ in range(2):
        record(interviewed("s1", points=3, max_points=8, own_points=4, missed=[MISSED]))
    shown = json.loads(CliRunner().invoke(main, ["progress", "--json"]).output)
    assert len(shown["interviews"]) == 1


def test_a_misunderstanding_in_an_exercise_brings_the_question_about_it():
    question = quiz_questions(FIVE)[1]
    named = next(one.misconception for one in question.choices if one.misconception)
    made = cards([on(0, check("one", 0, "wrong", [named, "nobody-asks-about-it"]))])
    assert [card.item.id for card in made] == [question.id]


def test_a_question_that_the_course_dropped_is_no_card():
    assert cards([on(0, answered("05-gone", FIVE, "x", False))]) == ()


def guess(name, said, truth, day=0):
    return on(day, guessed(name, FIVE, "How many?", said, truth))


def test_calibration_is_the_median_factor_of_first_guesses():
    events = [guess("a", 10, 40), guess("a", 40, 40), guess("b", 30, 10), guess("c", 5, 5)]
    made = calibration(events)
    assert made.factors == (4, 3, 1)
    assert made.typical == pytest.approx(3)
    assert made.halves is None


def test_calibration_over_time_compares_the_halves():
    made = calibration([guess(str(n), 1, factor) for n, factor in enumerate([8, 8, 8, 2, 2, 2])])
    assert made.halves == pytest.approx((8, 2))
    assert "of the earlier half 8, of the later half 2" in pages.calibrated(made)


def test_guesses_without_a_ratio_are_counted_apart():
    made = calibration([guess("a", "1/3", "1/2"), guess("b", "yes", "yes"), guess("c", 0, 5)])
    assert made.factors == ()
    assert made.words == (1, 3)
    assert "1 of 3" in pages.calibrated(made)


@pytest.mark.parametrize(
    ("minutes", "said"), [(0, "0 min"), (1, "5 min"), (58, "1 h"), (85, "1 h 25 min")]
)
def test_time_is_said_in_steps_of_five_minutes(minutes, said):
    assert pages.duration(minutes) == said


class Seen(HTMLParser):
    """Tags that stay open, and everything that would be fetched."""

    def __init__(self):
        super().__init__()
        self.open, self.fetched = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "line", "br"):
            self.open.append(tag)
        names = dict(attributes)
        self.fetched += [value for name in ("src", "href") if (value := names.get(name))]

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def full():
    events = [*answers(True), check("count", 4), check("cure", 2, "partial")]
    events += [guess(str(n), n + 1, 7) for n in range(5)]
    held = interviewed("s", points=5, max_points=8, own_points=6, missed=[], title="The <path>")
    solved = concluded("417", suspicion="Ghosts", named="A <full> table", cause="A <full> table",
                       points=87.5, minutes=9, shortest=4)  # fmt: skip
    return standing([*events, on(8, solved), on(9, held)])


def test_the_certificate_lists_what_was_shown_and_says_who_vouches():
    page = certificate(full(), "Ada <script>", START)
    for words in ("Self-attested", "6 of 8 points", "5 of 8", "within a factor of", "4 of 4",
                  "02 November 2026", "Ada &lt;script&gt;", "The &lt;path&gt;",
                  "A &lt;full&gt; table: named", "87.5 of 100", "9, of 4"):  # fmt: skip
        assert words in page
    seen = Seen()
    seen.feed(page)
    assert seen.open == []
    assert seen.fetched == []


def test_the_map_is_well_formed_and_links_only_what_is_there():
    seen = Seen()
    page = pages.as_html(full())
    seen.feed(page)
    assert "The cause named in 1 of 1, suspected from the page alone in 0 of 1;" in page
    assert "1; the last one 5 of 8 points" in page
    assert seen.open == []
    ready = {one.path for one in LESSONS if one.ready}
    notebooks = {link.removeprefix("../") for link in seen.fetched if "/notebooks/" in link}
    assert notebooks == ready - {"notebooks/00-start-here.ipynb"}


def test_the_terminal_shows_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "progress.sqlite"))
    for event in answers(False):
        record(event)
    shown = CliRunner().invoke(main, ["progress"])
    assert shown.exit_code == 0
    assert "◐  5" in shown.output
    assert "0 of 4 right" in shown.output
    assert "k8snet open 5" in shown.output
    assert f"{tmp_path / 'progress.sqlite'}" in shown.output
    assert "k8snet progress reset deletes it" in shown.output
    (lesson,) = [
        one
        for one in json.loads(CliRunner().invoke(main, ["progress", "--json"]).output)["lessons"]
        if one["slug"] == FIVE
    ]
    assert (lesson["state"], lesson["answered"]) == ("begun", 4)


def test_the_record_is_exported_imported_and_deleted(tmp_path, monkeypatch):
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "here.sqlite"))
    record(answered(LITTLE, FIVE, "x", True))
    file = str(tmp_path / "mine.json")
    run = CliRunner().invoke
    assert run(main, ["progress", "export", file]).exit_code == 0
    monkeypatch.setenv("K8SNET_PROGRESS", str(tmp_path / "there.sqlite"))
    assert "1 of them new" in run(main, ["progress", "import", file]).output
    assert "0 of them new" in run(main, ["progress", "import", file]).output
    assert run(main, ["progress", "reset"], input="n\n").exit_code == 1
    assert (tmp_path / "there.sqlite").exists()
    assert run(main, ["progress", "reset", "--yes"]).exit_code == 0
    assert not (tmp_path / "there.sqlite").exists()
    page = tmp_path / "page.html"
    assert run(main, ["progress", "certificate", str(page), "--name", "Ada"]).exit_code == 0
    assert "Ada" in page.read_text()


@pytest.mark.parametrize("arguments", [["import", "none.json"], ["import", __file__], ["reset"]])
def test_what_cannot_be_done_says_why_without_a_traceback(arguments, monkeypatch, tmp_path):
    monkeypatch.setenv("K8SNET_PROGRESS", "off" if "reset" in arguments else str(tmp_path / "x"))
    done = CliRunner().invoke(main, ["progress", *arguments])
    assert done.exit_code == 2
    assert "Error:" in done.output
