"""A learner who comes back: questions by keyboard, the map after a reload, reading mode."""

import re
from collections.abc import Iterator

import pytest
from lab import CHROMIUM, ROOT, Lab, jupyter_lab, run_all, write_notebook
from playwright.sync_api import Browser, Page, expect

from k8snet_lessons.course.progress.keeper import Keeper

pytestmark = pytest.mark.browser
LESSON, START = "notebooks/05-conntrack-exhaustion.ipynb", "notebooks/00-start-here.ipynb"
ASKED = f"import sys; sys.path.insert(0, {str(ROOT / 'tests' / 'explorers')!r})"
ASKED += "\nimport small_model\nasked = small_model.asked()\nasked"
QUIZ = 'from k8snet_lessons.explorers.quiz import quiz\nquiz("05")'
MAP = "from k8snet_lessons.explorers.course_map import course_map\ncourse_map()"

NUMBERS = (
    "from k8snet_lessons.explorers.quiz import Quiz\n"
    "from k8snet_lessons.course.asked import item\n"
    "from k8snet_lessons.course.questions import question\n"
    "Quiz('Numbers', [item(question('05-seconds-of-room'))], remember=False)"
)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine; on Debian: apt install chromium")
    folder, home = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("learner")
    (folder / "notebooks").mkdir()
    write_notebook(folder / LESSON, ASKED, QUIZ)
    write_notebook(folder / START, MAP, NUMBERS)
    with jupyter_lab(folder, home, progress=str(folder / "progress.sqlite")) as running:
        yield running


@pytest.fixture(scope="module")
def page(course: Lab, browser: Browser) -> Iterator[Page]:
    page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    run_all(page, course, LESSON)
    yield page
    page.context.close()


def recorded(course: Lab, kind: str) -> list:
    return [
        one for one in Keeper(course.folder / "progress.sqlite").events()[0] if one.kind == kind
    ]


def test_a_question_is_answered_and_explained_by_keyboard_alone(page: Page, course: Lab) -> None:
    quiz = page.locator(".k8s-quiz")
    expect(quiz).to_be_visible(timeout=60_000)
    # The answers to read without a kernel would give the live ones away.
    expect(page.locator(".jp-RenderedMarkdown details")).to_have_count(16)
    expect(page.locator(".jp-RenderedMarkdown details").first).to_be_hidden()
    quiz.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(quiz.get_by_role("status").first).to_contain_text("B is not right; C is.")
    expect(quiz.get_by_text("Nobody sends a reset.")).to_be_visible()
    expect(quiz.get_by_role("button", name="Next question")).to_be_focused()
    page.keyboard.press("Enter")
    expect(quiz.get_by_role("radio").first).to_be_focused()
    page.keyboard.press("d")
    page.keyboard.press("Enter")
    expect(quiz.get_by_role("status").first).to_contain_text("D is right.")
    assert page.locator(".jp-Cell").count() == 2  # no key went to the notebook
    assert [one.data["right"] for one in recorded(course, "answer")] == [False, True]
    assert {one.lesson for one in recorded(course, "answer")} == {"05-conntrack-exhaustion"}


def test_a_guess_is_committed_and_kept(page: Page, course: Lab) -> None:
    guess = page.get_by_label("At 400 requests/s, what is p99?")
    guess.fill("10")
    guess.press("Enter")
    expect(page.locator(".k8s-kept").first).to_contain_text("Kept on this machine")
    (event,) = recorded(course, "guess")
    assert (event.lesson, event.data["guess"]) == ("05-conntrack-exhaustion", 10)


def test_after_a_reload_answers_and_guess_are_there_again(page: Page, course: Lab) -> None:
    run_all(page, course, LESSON)
    expect(page.locator(".k8s-verdict").first).to_contain_text("You said 10 ms")
    expect(page.get_by_text("your guess: 10 ms")).to_be_visible()
    steps = page.locator(".k8s-quiz-steps button")
    expect(steps).to_have_text(["1 ✗", "2 ✓", "3", "4"])
    assert len(recorded(course, "answer")) == 2


def test_the_map_knows_asks_and_leads_on(page: Page, course: Lab) -> None:
    run_all(page, course, START)
    shown = page.get_by_role("region", name="Where you are")
    expect(shown.locator(".k8s-map-summary")).to_contain_text("1 begun", timeout=60_000)
    row = shown.locator("tr", has_text="When the connection table is full")
    expect(row).to_contain_text("2 of 4")
    expect(shown).to_contain_text("the next card comes in 1 day")
    numbers = page.get_by_role("region", name="Numbers")
    numbers.get_by_role("textbox").fill("soon")
    numbers.get_by_role("textbox").press("Enter")
    expect(numbers.get_by_role("alert")).to_contain_text("allowed: a number (s)")
    numbers.get_by_role("textbox").fill("1")
    numbers.get_by_role("textbox").press("Enter")
    expect(numbers.get_by_role("status").first).to_contain_text("Not right.")
    row.get_by_role("link", name=re.compile("5\\. ")).click()
    expect(
        page.locator(
            ".jp-NotebookPanel:visible .k8s-quiz, .jp-NotebookPanel:visible .jp-Cell"
        ).first
    ).to_be_visible()
    expect(page).to_have_url(re.compile("05-conntrack-exhaustion"))


def test_reading_mode_folds_the_code_and_changes_no_notebook(page: Page, course: Lab) -> None:
    code = page.locator(".jp-NotebookPanel:visible .jp-CodeCell .jp-Cell-inputWrapper").first
    expect(code).to_be_visible()
    before = (course.folder / LESSON).read_bytes()
    button = page.locator(".jp-NotebookPanel:visible").get_by_role("button", name="Reading mode")
    button.click()
    expect(code).to_be_hidden()
    page.reload()
    # Two notebooks are open by now, and either may come back in front.
    front = page.locator(".jp-NotebookPanel.k8snet-reading:visible .jp-CodeCell")
    expect(front.first).to_be_attached(timeout=60_000)
    expect(code).to_be_hidden()
    page.locator(".jp-NotebookPanel:visible").get_by_role("button", name="Reading mode").click()
    expect(code).to_be_visible()
    assert (course.folder / LESSON).read_bytes() == before
