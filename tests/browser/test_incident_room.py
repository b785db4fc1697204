"""One incident, solved in a real browser with the keyboard alone."""

import pytest
from lab import Lab, opened, write_notebook
from playwright.sync_api import Browser, Locator, expect

from k8snet_lessons.incidents import causes, drawn, remedies

pytestmark = pytest.mark.browser
NUMBER = 417
CELL = (
    "from k8snet_lessons.explorers.incident import incident_room\n"
    f"room = incident_room({NUMBER})\nroom"
)


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def room(browser: Browser, lab: Lab, complaints: list[str]) -> Locator:
    write_notebook(lab.folder / "incident.ipynb", CELL)
    page = opened(browser, lab, "incident.ipynb", complaints)
    room = page.locator(".k8s-room[data-live=true]")
    room.wait_for(timeout=60_000)
    return room


def run(room: Locator, line: str, minutes: int) -> None:
    """Type a line, and wait for what it prints."""
    command = room.locator(".k8s-command")
    command.press_sequentially(line)
    command.press("Enter")
    expect(room).to_have_attribute("data-minutes", str(minutes), timeout=60_000)
    expect(room.locator(".k8s-line").last).to_contain_text(line)
    expect(command).to_be_focused()


def choose(room: Locator, field: str, title: str) -> None:
    """Choose from a list by typing the beginning of its title."""
    box = room.locator(f"[data-field={field}]")
    box.focus()
    box.press_sequentially(title[:24])
    expect(box.locator("option:checked")).to_have_text(title)


def test_an_incident_is_solved_from_the_keyboard(room: Locator, complaints: list[str]) -> None:
    fault = drawn(NUMBER)[0]
    assert fault.name == "local-policy"
    expect(room.locator(".k8s-page")).to_contain_text("failed")
    choose(room, "suspicion", causes()["bank-slow"])
    room.locator("[data-action=commit]").press("Enter")
    command = room.locator(".k8s-command")
    command.wait_for()

    command.focus()
    run(room, "metrics nodes", 1)
    expect(room.locator(".k8s-terminal")).to_contain_text("NO CONNECTION")

    command.press_sequentially("kubectl desc")
    command.press("Tab")
    expect(command).to_have_value("kubectl describe ")
    command.fill("")
    run(room, "kubectl get bananas", 1)
    expect(room.locator(".k8s-complaint")).to_contain_text("resource type")
    command.press("ArrowUp")
    expect(command).to_have_value("kubectl get bananas")
    command.fill("")
    run(room, "kubectl describe svc edge-proxy -n edge", 2)

    choose(room, "cause", fault.title)
    choose(room, "remedy", remedies()["external-cluster"])
    room.locator("[data-action=conclude]").press("Enter")
    debrief = room.locator(".k8s-debrief")
    expect(debrief).to_contain_text("✓ Right", timeout=60_000)
    expect(debrief).to_contain_text("100 of 100 points")
    expect(debrief).to_contain_text("Your first suspicion")
    expect(debrief.locator("svg path.k8s-after").first).to_be_visible()
    expect(debrief).to_be_focused()

    another = room.get_by_label("Number of the incident")
    another.fill("not a number")
    another.press("Enter")
    expect(room.locator(".k8s-error")).to_contain_text("a whole number from 0 to 999,999")
    another.fill("418")
    another.press("Enter")
    expect(room.locator(".k8s-gate")).to_be_visible()
    assert complaints == []
