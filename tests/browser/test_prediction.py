"""A prediction in a real browser: committed before the curve shows, then drawn through it."""

from collections.abc import Iterator

import pytest
from lab import Lab, opened
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Lab) -> Iterator[Page]:
    page = opened(browser, lab, "small.ipynb", [])
    page.wait_for_selector(".k8s-explorer .k8s-gate:visible", timeout=60_000)
    yield page
    page.context.close()


@pytest.fixture
def asked(page: Page) -> Locator:
    return page.locator(".k8s-explorer")


def test_the_curve_is_covered_until_a_guess_is_committed(asked: Locator) -> None:
    expect(asked.locator(".js-plotly-plot")).to_have_count(0)
    expect(asked.locator("[data-knob=load_per_s]")).to_be_disabled()
    expect(asked).not_to_contain_text("p99 is")
    guess = asked.get_by_label("At 400 requests/s, what is p99?")
    guess.fill("soon")
    guess.press("Enter")
    expect(asked.locator(".k8s-gate").get_by_role("alert")).to_contain_text("“soon”")
    guess.fill("10")
    guess.press("Enter")
    # ln(100) / (500 - 400) s and 0.5 ms
    expect(asked.locator(".k8s-verdict")).to_have_text(
        "You said 10 ms; the model says 46.6 ms: too low by a factor of 4.7."
    )
    expect(asked.locator(".k8s-gate")).to_be_hidden()
    expect(asked.get_by_text("your guess: 10 ms")).to_be_visible()
    expect(asked.locator("[data-knob=load_per_s]")).to_be_enabled()


def test_python_turns_the_knob_too(page: Page, asked: Locator) -> None:
    page.locator(".jp-Cell").nth(1).click()
    page.keyboard.press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.type("asked.set(load_per_s=250)")
    page.keyboard.press("Control+Enter")
    expect(asked.locator("[data-knob=load_per_s]")).to_have_attribute(
        "aria-valuetext", "250 requests/s", timeout=60_000
    )
    # 250 requests/s: ln(100) / 250 s and 0.5 ms
    expect(asked.locator(".k8s-headline")).to_have_text("p99 is 18.9 ms with web.")


def test_a_model_that_refuses_keeps_the_last_plot(asked: Locator) -> None:
    expect(asked).to_have_attribute("data-settled", "true", timeout=60_000)
    path = asked.locator("path.js-line").first.get_attribute("d")
    slider = asked.locator("[data-knob=load_per_s]")
    slider.press("End")
    knob = asked.locator(".k8s-knob", has=asked.page.locator("[data-knob=load_per_s]"))
    expect(knob.get_by_role("alert")).to_contain_text("less than the server can do")
    assert asked.locator("path.js-line").first.get_attribute("d") == path


def test_measurements_are_laid_over(asked: Locator) -> None:
    points = asked.locator(".k8s-panel").first.locator("path.point")
    expect(points).to_have_count(0)
    asked.get_by_role("button", name="Show measurements").click()
    expect(points).to_have_count(2)


def test_dark_pages_get_light_ink(page: Page, asked: Locator) -> None:
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    ink = asked.locator(".xtitle").first
    expect(ink).to_have_css("fill", "rgb(228, 231, 235)")
