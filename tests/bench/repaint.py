"""Knob to repaint: the main road's explorer against a bare plotly FigureWidget.

A real JupyterLab and a real Chromium; a slider moved by the arrow keys, each press waiting
for the picture of the one before. The clock starts at the slider's ``input`` event and stops
at the first animation frame after the picture changed, for both alike. The bare widget's
model costs nothing; ours simulates 10,000 requests a move. Both stand in one notebook, and
blocks of ten presses alternate, so that the machine's moods hit both.

A hand that presses every 120 to 340 ms never lets our knob rest. One that presses every 450
to 900 ms lets it, and now and then meets the kernel at the fine picture of 100,000 requests;
that is measured too ("slow hand").

    python tests/bench/repaint.py [presses]
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))

from lab import chromium, jupyter_lab, run_all, write_notebook

BARE = """
import ipywidgets, numpy as np, plotly.graph_objects as go
x = np.linspace(0, 10, 300)
figure = go.FigureWidget(go.Scatter(x=x, y=np.sin(x)))
figure.update_yaxes(range=[-31, 31])
slider = ipywidgets.IntSlider(value=3, min=1, max=30, description="bare")
def redraw(change):
    figure.data[0].y = np.sin(x) * change.new
slider.observe(redraw, "value")
ipywidgets.VBox([slider, figure])
"""
OURS = "from k8snet_lessons.explorers import main_road\nmain_road()"

WARMING = 5  # presses of each kind that are not counted: the browser compiles meanwhile

# Installed once in the page: time from `input` to the frame after the path changed.
WATCH = """
([name, knob, path]) => {
  const times = ((globalThis.repaint ??= {})[name] = []);
  const shape = () => document.querySelector(path)?.getAttribute("d");
  const start = (event) => {
    if (!event.target.matches(knob)) return;
    const from = performance.now();
    const before = shape();
    const look = () => {
      if (shape() !== before) return times.push(performance.now() - from);
      if (performance.now() - from > 3000) return times.push(NaN);
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  };
  document.addEventListener("input", start, true);
  // The classic slider of ipywidgets 8 is no native input: its handle tells by ARIA.
  const handle = document.querySelector(knob);
  if (handle && handle.tagName !== "INPUT") {
    const watched = { attributes: true, attributeFilter: ["aria-valuenow"] };
    new MutationObserver(() => start({ target: handle })).observe(handle, watched);
  }
}
"""


def percentile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def measure(presses: int) -> dict[str, list[float]]:
    """Milliseconds from knob to repaint, by widget and hand."""
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        home, books = Path(folder, "home"), Path(folder, "books")
        home.mkdir()
        books.mkdir()
        write_notebook(books / "bench.ipynb", BARE, OURS)
        with jupyter_lab(books, home) as lab, chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 2200})
            run_all(page, lab, "bench.ipynb")
            page.wait_for_selector(".k8s-explorer[data-live=true]", timeout=60_000)
            page.wait_for_selector(".js-plotly-plot .scatterlayer path.js-line", timeout=60_000)
            page.wait_for_timeout(1500)
            knobs = {
                "bare": (
                    ".widget-slider .noUi-handle",
                    ".widget-box .js-plotly-plot .scatterlayer path.js-line",
                ),
                "ours": (
                    ".k8s-explorer input[data-knob=replicas]",
                    ".k8s-explorer .scatterlayer path.js-line",
                ),
            }
            for name, (knob, path) in knobs.items():
                page.evaluate(WATCH, [name, knob, path])
            for hand, shortest, step in (("", 120, 37), (" slow hand", 450, 75)):
                for block in range(presses // 10):
                    for name, (knob, _) in knobs.items():
                        page.wait_for_timeout(1500)
                        key = "ArrowLeft" if block % 2 else "ArrowRight"
                        for press in range(10):
                            page.locator(knob).press(key)
                            done = f"repaint.{name}.length === {10 * block + press + 1}"
                            page.wait_for_function(done, polling=30, timeout=10_000)
                            page.wait_for_timeout(shortest + step * (press % 7))
                measured = page.evaluate("repaint")
                times |= {name + hand: list(values) for name, values in measured.items()}
                page.evaluate("for (const times of Object.values(repaint)) times.length = 0")
            return times


def main() -> None:
    presses = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    lines = {}
    for name, all_times in measure(presses).items():
        times = all_times[WARMING:]
        lines[name] = percentile(times, 0.5), percentile(times, 0.95)
        p50, p95 = lines[name]
        print(f"{name}: p50 {p50:.0f} ms, p95 {p95:.0f} ms, n {len(times)}")
    for hand in ("", " slow hand"):
        p50, p95 = (ours / bare for ours, bare in zip(lines["ours" + hand], lines["bare" + hand],
                                                      strict=True))  # fmt: skip
        print(f"ratio ours / bare{hand}: p50 {p50:.2f}, p95 {p95:.2f}")


if __name__ == "__main__":
    main()
