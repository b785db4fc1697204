"""Knob to repaint: the main road's explorer, a bare plotly FigureWidget, and the floor.

A real JupyterLab and a real Chromium; a slider moved by the arrow keys, each press waiting
for the picture of the one before. The clock starts at the slider's ``input`` event and stops
at the first animation frame after the picture changed, for all alike; nothing is drawn for
the clock's sake. All stand in one notebook, and blocks of ten presses take turns, so that
the machine's moods hit all.

- "bare" is what the documentation of plotly shows: an ``IntSlider`` that is observed, and one
  assignment to a trace of 300 points. Its model costs nothing.
- "ours" simulates 10,000 requests a move and redraws three panels; no block comes back to a
  setting whose picture is at hand.
- "floor" sends one number to the kernel, gets one back and moves one line: no model, no
  Plotly. What it takes, any widget whose kernel answers takes: the way through JupyterLab,
  server, kernel and back, and the wait for the next frame (60 a second). It came to 0.8 of
  the bare one's 95th percentile: no widget that asks its kernel can do much better than that.

Where ours spends its 24 ms, in the middle (marks in the page, the server and the kernel, on
two cores): 2 from the key to the server, 3 to the kernel's thread, 5 for the model and the
figures, 1 to the server, 4 to the page, and the rest waits for the next frame.

A hand that presses every 120 to 340 ms never lets our knob rest. One that presses every 450
to 900 ms lets it, and now and then meets the kernel at the fine picture of 100,000 requests;
that is measured too ("slow hand").

    python tests/bench/repaint.py [presses] [--stock]

The course's JupyterLab sends what a kernel answers at once (`k8snet_lessons.course.websocket`).
``--stock`` leaves that out: then one answer in ten or more comes 40 ms late, for every widget.

On a machine with other work, a class of its own for the processor keeps that out of the
figures: ``chrt --rr 1 python tests/bench/repaint.py``.
"""

import json
import os
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
FLOOR = """
import anywidget
class Floor(anywidget.AnyWidget):
    _esm = '''
    export default { render({ model, el }) {
      el.innerHTML = "<div class='floor'>" +
        "<input type=range min=1 max=30 value=3 data-lm-suppress-shortcuts>" +
        "<svg width=300 height=60><path d='M0,3L300,3' stroke='black'/></svg></div>";
      const [knob, line] = [el.querySelector("input"), el.querySelector("path")];
      knob.oninput = () => model.send({ value: Number(knob.value) });
      model.on("msg:custom", ({ value }) => line.setAttribute("d", `M0,${value}L300,${value}`));
    } };
    '''
floor = Floor()
floor.on_msg(lambda widget, message, buffers: widget.send(message))
floor
"""
OURS = "from k8snet_lessons.explorers import main_road\nmain_road()"

WARMING = 5  # presses of each kind that are not counted: the browser compiles meanwhile

# Installed once in the page: time from `input` to the frame after the path changed.
WATCH = """
([name, knob, path]) => {
  const times = ((globalThis.repaint ??= {})[name] = []);
  const shape = () => document.querySelector(path)?.getAttribute("d");
  let from = 0, before;
  const start = (event) => {
    if (!event.target.matches(knob)) return;
    [from, before] = [performance.now(), shape()];
  };
  const look = () => {
    if (!from || shape() === before) return;
    const began = from;
    from = 0;
    requestAnimationFrame(() => times.push(performance.now() - began));
  };
  const plot = document.querySelector(path).closest(".js-plotly-plot, .floor");
  const drawn = { subtree: true, childList: true, attributes: true, attributeFilter: ["d"] };
  new MutationObserver(look).observe(plot, drawn);
  document.addEventListener("input", start, true);
  // The classic slider of ipywidgets 8 is no native input: its handle tells by ARIA.
  const handle = document.querySelector(knob);
  if (handle.tagName !== "INPUT") {
    const watched = { attributes: true, attributeFilter: ["aria-valuenow"] };
    let value = handle.ariaValueNow; // it is written again when the kernel has the value
    new MutationObserver(() => {
      if (handle.ariaValueNow !== value) start({ target: handle });
      value = handle.ariaValueNow;
    }).observe(handle, watched);
  }
}
"""
KNOBS = {  # by widget: what is turned, and the line that follows
    "bare": (
        ".widget-slider .noUi-handle",
        ".widget-box .js-plotly-plot .scatterlayer path.js-line",
    ),
    "ours": (
        ".k8s-explorer input[data-knob=replicas]",
        ".k8s-explorer .scatterlayer path.js-line",
    ),
    "floor": (".floor input", ".floor path"),
}


def percentile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def leave_out(extension: str, folder: Path) -> None:
    """Start the next JupyterLab without a server extension."""
    off = {"ServerApp": {"jpserver_extensions": {extension: False}}}
    home = folder / "stock" / "jupyter_server_config.d"
    home.mkdir(parents=True)
    (home / "k8snet_lessons.json").write_text(json.dumps(off))
    os.environ["JUPYTER_CONFIG_PATH"] = str(home.parent)


def measure(presses: int, stock: bool) -> dict[str, list[float]]:
    """Milliseconds from knob to repaint, by widget and hand."""
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        if stock:
            leave_out("k8snet_lessons.course.websocket", Path(folder))
        home, books = Path(folder, "home"), Path(folder, "books")
        home.mkdir()
        books.mkdir()
        write_notebook(books / "bench.ipynb", BARE, OURS, FLOOR)
        with jupyter_lab(books, home) as lab, chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 2200})
            run_all(page, lab, "bench.ipynb")
            page.wait_for_selector(".k8s-explorer[data-live=true]", timeout=60_000)
            page.wait_for_selector(".js-plotly-plot .scatterlayer path.js-line", timeout=60_000)
            page.wait_for_selector(".floor input", timeout=60_000)
            page.wait_for_timeout(1500)
            for name, (knob, path) in KNOBS.items():
                page.evaluate(WATCH, [name, knob, path])
            for hand, shortest, step in (("", 120, 37), (" slow hand", 450, 75)):
                for block in range(presses // 10):
                    for name, (knob, _) in KNOBS.items():
                        # Back to 3, uncounted; then ten settings that have no picture yet.
                        for key in ("Home", "ArrowRight", "ArrowRight"):
                            page.locator(knob).press(key)
                            page.wait_for_timeout(700)
                        page.wait_for_timeout(1500)
                        page.evaluate(f"repaint.{name}.length = {10 * block}")
                        for press in range(10):
                            page.locator(knob).press("ArrowRight")
                            done = f"repaint.{name}.length === {10 * block + press + 1}"
                            page.wait_for_function(done, polling=30, timeout=10_000)
                            page.wait_for_timeout(shortest + step * (press % 7))
                measured = page.evaluate("repaint")
                times |= {name + hand: list(values) for name, values in measured.items()}
                page.evaluate("for (const times of Object.values(repaint)) times.length = 0")
            return times


def main() -> None:
    stock = "--stock" in sys.argv
    presses = next((int(word) for word in sys.argv[1:] if word.isdigit()), 60)
    lines = {}
    for name, all_times in measure(presses, stock).items():
        times = all_times[WARMING:]
        lines[name] = percentile(times, 0.5), percentile(times, 0.95)
        p50, p95 = lines[name]
        print(f"{name}: p50 {p50:.0f} ms, p95 {p95:.0f} ms, n {len(times)}")
    for hand in ("", " slow hand"):
        for name in ("ours", "floor"):
            p50, p95 = (one / bare for one, bare in zip(lines[name + hand], lines["bare" + hand],
                                                        strict=True))  # fmt: skip
            print(f"ratio {name} / bare{hand}: p50 {p50:.2f}, p95 {p95:.2f}")


if __name__ == "__main__":
    main()
