"""A mock interview in a real browser, played to its end with the keyboard."""

from collections.abc import Iterator

import pytest
from lab import Lab, opened, write_notebook
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

CELL = "from k8snet_lessons.explorers.interview import mock_interview\nmock_interview('10', 1)"
ANSWER = (
    "All calls share one long-lived HTTP/2 connection. The ClusterIP only balances connections. "
    "The max connection age is set on the client."
)


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Lab) -> Iterator[Page]:
    write_notebook(lab.folder / "interview.ipynb", CELL)
    complaints: list[str] = []
    page = opened(browser, lab, "interview.ipynb", complaints)
    page.wait_for_selector(".k8s-interview", timeout=60_000)
    yield page
    page.context.close()
    assert complaints == []


def test_an_interview_is_played_to_its_end(page: Page) -> None:
    box = page.locator(".k8s-interview")
    box.get_by_role("button", name="Begin").click()
    answer = box.get_by_label("Your answer", exact=True)
    expect(answer).to_be_focused()
    expect(box.get_by_role("timer")).to_contain_text("of 4:00")
    page.keyboard.type(ANSWER)
    box.get_by_label("5 sure").check()
    answer.press("Control+Enter")

    # The contradiction is followed up first, then the heaviest gap.
    expect(box.get_by_label("Your answer: Follow-up 1")).to_be_focused()
    expect(box).to_contain_text("What can the server do to make its clients come again?")
    page.keyboard.type("It can limit the age of connections and send a GOAWAY; clients reconnect.")
    page.keyboard.press("Control+Enter")
    expect(box.get_by_label("Your answer: Follow-up 2")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(box.get_by_label("Your answer: Prove it")).to_be_focused()
    page.keyboard.type("18")
    page.keyboard.press("Control+Enter")

    expect(box).to_contain_text("A model answer")
    expect(box).to_contain_text("Right: the model says 18 pods.")
    expect(box.locator("mark.k8s-made").first).to_contain_text("one long-lived HTTP/2 connection")
    expect(box.locator("[data-point=connection-age]")).to_have_value("made")
    expect(box.locator("[data-point=the-price]")).to_have_value("missing")
    box.locator("[data-point=the-price]").select_option("made")
    box.get_by_role("button", name="Confirm, and see the report").press("Enter")

    expect(box.get_by_role("heading", name="Debrief")).to_be_focused()
    expect(box).to_contain_text("points by your verdicts")
    expect(box.locator(".k8s-radar")).to_have_attribute("aria-label", "Reached, by concept: " + (
        "grpc 100 %; balancing 100 %; scaling 0 %; client-balancing 0 %; mesh 0 %; "
        "connection-age 50 %; cost 100 %"
    ))  # fmt: skip
    expect(box.locator("ol a").first).to_contain_text("Lesson 10")
    with page.expect_download() as download:
        box.get_by_role("button", name="Log (JSON)").click()
    assert download.value.suggested_filename == "interview.json"
