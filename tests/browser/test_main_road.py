"""The main road in a real browser: knobs by keyboard and mouse, and what the plots then say."""

import re
from collections.abc import Iterator

import pytest
from lab import START, Lab, opened
from playwright.sync_api import Browser, Locator, Page, expect

from k8snet_lessons import Scenario, simulate
from k8snet_lessons.figures._spec import duration

pytestmark = pytest.mark.browser
REQUESTS = 100_000


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    return []


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Lab, complaints: list[str]) -> Iterator[Page]:
    notebook = START.name if START.exists() else "road.ipynb"
    page = opened(browser, lab, notebook, complaints)
    page.wait_for_selector(".k8s-explorer[data-live=true]", timeout=60_000)
    yield page
    page.context.close()


@pytest.fixture
def road(page: Page) -> Locator:
    """The explorer, all knobs at their defaults."""
    road = page.locator(".k8s-explorer").first
    road.get_by_role("button", name="Reset").click()
    rest(road)
    expect(road.locator("[data-knob=replicas]")).to_have_attribute("aria-valuetext", "3")
    return road


def rest(road: Locator) -> None:
    """Wait until the knob rests, the picture is fine, and Plotly has drawn it."""
    expect(road).to_have_attribute("data-state", "fine", timeout=60_000)
    expect(road).to_have_attribute("data-settled", "true", timeout=60_000)


def shown(road: Locator, label: str) -> str:
    """A number of the table."""
    row = road.locator(".k8s-numbers tr", has=road.page.get_by_text(label, exact=True))
    return row.locator("td").first.inner_text()


def latency_path(road: Locator) -> str:
    return road.locator(".scatterlayer path.js-line").first.get_attribute("d") or ""


def curve_says(road: Locator, scenario: Scenario) -> None:
    """The plot marks what the model says, and marks and curve stand where the axis has it."""
    outcome = simulate(scenario, seed=1, requests=REQUESTS)
    labels = road.locator(".k8s-panel").first.locator("g.textpoint text")
    expect(labels).to_have_text(
        [f"p{q:g}  {duration(outcome.percentile(q))}" for q in (50, 99, 99.9)], timeout=60_000
    )
    assert shown(road, "p99 latency").endswith("ms")
    place = road.evaluate(
        """(node) => {
          const host = node.querySelector(".k8s-plot");
          const axis = host._fullLayout.yaxis;
          const mark = host.querySelectorAll(".points path.point")[1];
          const y = Number(mark.getAttribute("transform").match(/,([-0-9.]+)/)[1]);
          return 10 ** (axis.range[1] - y / axis._length * (axis.range[1] - axis.range[0]));
        }"""
    )
    assert place == pytest.approx(outcome.p99_us / 1e3, rel=0.01)


def test_first_picture_is_the_default_scenario(road: Locator) -> None:
    curve_says(road, Scenario())


@pytest.mark.parametrize(
    ("knob", "key", "presses", "value"),
    [("replicas", "ArrowLeft", 1, 2), ("ndots", "ArrowLeft", 3, 2),
     ("conntrack_max", "ArrowLeft", 1, 131_072)],
)  # fmt: skip
def test_a_slider_turns_by_keyboard(
    road: Locator, knob: str, key: str, presses: int, value: int
) -> None:
    slider = road.locator(f"[data-knob={knob}]")
    slider.focus()
    for _ in range(presses):
        slider.press(key)
    expect(slider).to_have_attribute("aria-valuetext", re.compile(f"^{value:,}"))
    expect(slider).to_be_focused()
    rest(road)
    scenario = Scenario(**{knob: value})
    curve_says(road, scenario)
    fill = simulate(scenario, seed=1, requests=REQUESTS).conntrack
    peak = float(re.split(r"\s", shown(road, "conntrack peak"))[0])
    assert peak == pytest.approx(100 * fill.entries.max() / fill.limit, rel=0.01)


def test_cni_turns_by_keyboard(road: Locator) -> None:
    select = road.locator("[data-knob=cni]")
    select.focus()
    for _ in range(3):
        select.press("ArrowDown")
    expect(select).to_have_value("WireGuard")
    rest(road)
    curve_says(road, Scenario(cni="wireguard"))


@pytest.mark.parametrize(("knob", "share"), [("replicas", 0.3), ("ndots", 0.2),
                                             ("conntrack_max", 0.95)])  # fmt: skip
def test_a_slider_turns_by_mouse(road: Locator, knob: str, share: float) -> None:
    before = latency_path(road), shown(road, "conntrack peak")
    slider = road.locator(f"[data-knob={knob}]")
    box = slider.bounding_box()
    assert box is not None
    slider.click(position={"x": box["width"] * share, "y": box["height"] / 2})
    rest(road)
    words = slider.get_attribute("aria-valuetext") or ""
    value = int(words.split()[0].replace(",", ""))
    assert value != getattr(Scenario(), knob)
    curve_says(road, Scenario(**{knob: value}))
    assert (latency_path(road), shown(road, "conntrack peak")) != before


def test_cni_turns_by_mouse(road: Locator) -> None:
    road.locator("[data-knob=cni]").select_option("eBPF host routing")
    rest(road)
    curve_says(road, Scenario(cni="ebpf"))


def test_a_knob_dragged_fast_ends_where_the_hand_ends(road: Locator) -> None:
    slider = road.locator("[data-knob=replicas]")
    slider.focus()
    for _ in range(20):
        slider.press("ArrowRight")
    for _ in range(16):
        slider.press("ArrowLeft")
    rest(road)
    expect(slider).to_have_attribute("aria-valuetext", "7")
    curve_says(road, Scenario(replicas=7))


def test_pin_and_compare(road: Locator) -> None:
    road.get_by_role("button", name="Pin as A").click()
    expect(road.get_by_role("button", name="Unpin A")).to_be_visible()
    slider = road.locator("[data-knob=replicas]")
    slider.focus()
    slider.press("ArrowLeft")
    rest(road)
    before, after = (simulate(Scenario(replicas=n), seed=1, requests=REQUESTS) for n in (3, 2))
    more = 100 * (after.p99_us / before.p99_us - 1)
    compared = road.locator(".k8s-compared")
    expect(compared).to_contain_text(f"{more:.0f} % higher")
    expect(compared).to_contain_text("Replicas 3 → 2")
    lines = road.locator(".k8s-panel").first.locator("path.js-line")
    expect(lines).to_have_count(2)
    assert lines.nth(0).get_attribute("d") != lines.nth(1).get_attribute("d")
    road.get_by_role("button", name="Unpin A").click()
    expect(lines).to_have_count(1)


def test_bad_input_is_explained_in_place_and_the_plot_stays(road: Locator) -> None:
    before = latency_path(road)
    field = road.locator("[data-typed=replicas]")
    field.fill("99999")
    field.press("Enter")
    alert = road.locator(".k8s-knob", has=road.page.locator("[data-typed=replicas]"))
    alert = alert.get_by_role("alert")
    expect(alert).to_have_text("Replicas is '99999'; allowed: a whole number from 1 to 10000")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert latency_path(road) == before
    field.fill("4")
    field.press("Enter")
    expect(alert).to_have_text("")
    rest(road)
    curve_says(road, Scenario(replicas=4))


def test_a_preset_replaces_what_was_refused(road: Locator) -> None:
    field = road.locator("[data-typed=replicas]")
    field.fill("99999")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "true")
    road.get_by_label("Preset").select_option("pinned_2_to_20")
    expect(field).to_have_value("20", timeout=60_000)
    expect(field).not_to_have_attribute("aria-invalid", "true")
    field.fill("99999")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "true")
    road.get_by_role("button", name="Reset").click()
    expect(field).to_have_value("3", timeout=60_000)


def test_more_knobs_unfold(road: Locator) -> None:
    road.get_by_text("More knobs").click()
    box = road.get_by_label("NodeLocal DNSCache", exact=True)
    box.check()
    rest(road)
    curve_says(road, Scenario(node_local_dns=True))
    box.uncheck()
    rest(road)
    road.get_by_text("More knobs").click()


def test_preset_sets_the_knobs(road: Locator) -> None:
    road.get_by_label("Preset").select_option("pinned_2_to_20")
    expect(road.locator("[data-knob=replicas]")).to_have_attribute(
        "aria-valuetext", "20", timeout=60_000
    )
    rest(road)
    curve_says(road, Scenario.presets()["pinned_2_to_20"])


def test_download_and_copy(road: Locator) -> None:
    with road.page.expect_download() as waiting:
        road.get_by_role("button", name="Download CSV").click()
    with open(waiting.value.path()) as rows:
        assert rows.readline().startswith("percentile,latency_us,client_network_us")
    road.get_by_role("button", name="Copy Python").click()
    expect(road.locator(".k8s-code")).to_contain_text("simulate(scenario, seed=1")


def test_the_still_gives_way_to_the_live_explorer(road: Locator) -> None:
    stills = road.page.locator(".jp-OutputArea-child:has(.jp-RenderedImage)")
    for still in stills.all():
        expect(still).to_be_hidden()


def test_nothing_is_clipped_or_scrolls_sideways(road: Locator) -> None:
    for width in (1280, 900):
        road.page.set_viewport_size({"width": width, "height": 1400})
        # Plotly draws anew a while after the page has its new width.
        for _ in range(150):
            sticking_out = road.evaluate(STICKING_OUT)
            if not sticking_out:
                break
            road.page.wait_for_timeout(200)
        assert sticking_out == [], f"at {width} px"
    road.page.set_viewport_size({"width": 1280, "height": 1400})


STICKING_OUT = """(node) => {
  const box = node.getBoundingClientRect();
  const parts = "input, select, button, svg.main-svg, label, td, .xtitle, .ytitle";
  return [...node.querySelectorAll(parts)]
    .filter((child) => child.offsetParent !== null || child instanceof SVGElement)
    .map((child) => [child.getBoundingClientRect(), child.outerHTML.slice(0, 80)])
    .filter(([at]) => at.width && (at.left < box.left - 1 || at.right > box.right + 1))
    .map(([, what]) => what);
}"""


def test_the_page_never_left_the_machine_and_never_failed(
    road: Locator, complaints: list[str]
) -> None:
    assert complaints == []
