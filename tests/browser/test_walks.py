"""The two walks in a real browser, by keyboard; what the page says is what the model says."""

from collections.abc import Iterator

import pytest
from lab import Lab, opened, write_notebook
from playwright.sync_api import Browser, Page, expect

from k8snet_lessons.datapath.path import Addresses, Edge, walk
from k8snet_lessons.datapath.service_call import Call
from k8snet_lessons.explorers.chains import headline

pytestmark = pytest.mark.browser
WALKS = (
    "from k8snet_lessons.explorers.path import north_south_path\nnorth_south_path()",
    "from k8snet_lessons.explorers.chains import clusterip_illusion\nclusterip_illusion()",
)


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Lab) -> Iterator[Page]:
    write_notebook(lab.folder / "walks.ipynb", *WALKS)
    complaints: list[str] = []
    page = opened(browser, lab, "walks.ipynb", complaints)
    page.wait_for_selector(".k8s-chains", timeout=60_000)
    yield page
    cells = page.locator(".jp-Cell").count()
    page.context.close()
    assert complaints == []
    assert cells == len(WALKS)  # no key went to the notebook


def test_the_road_is_walked_hop_by_hop(page: Page) -> None:
    box, road, at = page.locator(".k8s-walk"), walk(Edge(), Addresses()), Addresses()
    gate, text = box.locator(".k8s-gate"), box.locator(".k8s-walk-text")
    gate.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(box.locator(".k8s-verdict")).to_contain_text(
        f"You expected {at.client}, the client. On the road as it stood, the ingress sees "
        f"{road.ingress_sees}"
    )
    expect(text).to_have_text(f"1. {road.hops[0].title}. {road.hops[0].text}")
    box.locator("[data-action=next]").press("Enter")
    expect(text).to_have_text(f"2. {road.hops[1].title}. {road.hops[1].text}")
    slider = box.get_by_role("slider", name="Hop")
    slider.press("End")
    last = len(road.hops)
    expect(text).to_have_text(f"{last}. {road.hops[-1].title}. {road.hops[-1].text}")
    slider.press("ArrowLeft")
    expect(text).to_have_text(f"{last - 1}. {road.hops[-2].title}. {road.hops[-2].text}")
    policy = box.get_by_label("externalTrafficPolicy")
    policy.focus()
    page.keyboard.press("L")
    changed = walk(Edge(external_traffic_policy="Local"), at)
    expect(box.locator(".k8s-headline")).to_contain_text(
        f"The ingress sees {changed.ingress_sees}, the application {changed.app_sees}."
    )


def test_every_end_of_the_rules_has_its_share(page: Page) -> None:
    box, call = page.locator(".k8s-chains"), Call()
    box.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box.locator(".k8s-verdict")).to_contain_text("You said 1/2: right.")
    expect(box.locator(".k8s-headline")).to_have_text(headline(call.trace()))

    box.get_by_role("slider", name="Ready endpoints").press("ArrowRight")
    trace = Call(endpoints=call.endpoints + 1).trace()
    expect(box.locator(".k8s-headline")).to_have_text(headline(trace))
    ends = box.locator(".k8s-chain-choices button")
    expect(ends).to_have_text([f"{one.probability}: {one.backend}" for one in trace.outcomes])
    ends.nth(2).press("Enter")
    expect(ends.nth(2)).to_have_attribute("aria-pressed", "true")
    chosen = trace.outcomes[2].backend.partition(":")[0]
    expect(box.locator(".k8s-chain-picture svg")).to_contain_text(chosen)
    rules = box.locator("summary").first
    rules.press("Enter")
    expect(box.locator("details").first).to_have_attribute("open", "")
