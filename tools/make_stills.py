"""Draw the still pictures that stand where no kernel runs.

    python tools/make_stills.py [NAME ...]

Each explorer of the catalog is drawn in headless Chromium by the same JavaScript and the
same plotly.js as in the notebook, without a server, and saved as a picture with its
numbers beside it. A test compares the numbers, so a still that went stale is found.
"""

import base64
import json
import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["K8SNET_PROGRESS"] = "off"  # nobody's guess belongs into a picture for everybody

from playwright.sync_api import Page, sync_playwright

from k8snet_lessons.explorers._catalog import CATALOG, build
from k8snet_lessons.explorers._code import style
from k8snet_lessons.explorers._plotly_js import plotly_js
from k8snet_lessons.explorers._widget import Explorer, browser_code

HOME = Path(__file__).resolve().parents[1] / "k8snet_lessons" / "data" / "stills"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WIDTH = 980

# Stands in for the kernel: answers every request of the view from what Python prepared.
PAGE = """
async ([source, style, spec, answers]) => {
  document.body.dataset.jpThemeLight = "true";
  document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  const listeners = [];
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const model = {
    get: () => spec,
    on: (_, listener) => listeners.push(listener),
    off: () => {},
    send: ({ kind, seq }) => setTimeout(() => {
      const [message, buffers] = answers[kind];
      for (const listener of listeners) listener({ ...message, seq }, buffers.map(bytes));
    }),
  };
  const el = document.body.appendChild(document.createElement("div"));
  widget.render({ model, el });
}
"""
CAPTION = """
() => {
  const bar = document.querySelector(".k8s-bar");
  bar.querySelectorAll("button, select").forEach((node) => node.remove());
  const caption = bar.appendChild(document.createElement("span"));
  caption.className = "k8s-status";
  caption.textContent = "Still picture. Run the cell to turn the knobs.";
}
"""


def answers_of(explorer: Explorer) -> dict[str, Any]:
    """What a page would get from the explorer: the whole frame, and plotly.js."""
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    explorer.send = lambda content, buffers=None: sent.append((content, buffers or []))
    explorer._handle_custom_msg({"kind": "hello", "seq": 1}, [])
    message, buffers = sent[-1]
    as_text = [base64.b64encode(buffer).decode() for buffer in buffers]
    source = base64.b64encode(plotly_js()[1]).decode()
    return {"hello": [message, as_text], "plotly": [{"kind": "plotly"}, [source]]}


def draw(page: Page, explorer: Explorer) -> bytes:
    """The explorer as a picture."""
    page.set_content("<!doctype html><html><body style='margin:0;background:#fff'></body></html>")
    page.evaluate(PAGE, [browser_code(), style(), explorer.spec, answers_of(explorer)])
    page.wait_for_selector(".k8s-explorer[data-live=true]")
    page.evaluate(CAPTION)
    page.wait_for_timeout(800)
    return page.locator(".k8s-explorer").screenshot()


def numbers_of(explorer: Explorer) -> dict[str, Any]:
    """What the picture shows, as numbers."""
    return {
        "title": explorer.title,
        "settings": explorer.settings,
        "numbers": {n.label: float(f"{n.value:.6g}") for n in explorer.view.numbers},
        "plotly": version("plotly"),
    }


def main() -> None:
    os.environ["K8SNET_PROGRESS"] = "off"  # no guess of whoever runs this belongs in a still
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit(
            "make_stills: there is no chromium on this machine; on Debian: apt install chromium"
        )
    names = sys.argv[1:] or list(CATALOG)
    HOME.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        view = {"width": WIDTH, "height": 1100}
        for name in names:
            # A page of its own each: plotly.js adds its style sheet once for each page it is in.
            page = browser.new_page(viewport=view, device_scale_factor=1.5)
            explorer = build(name)
            picture = HOME / f"{name}.png"
            picture.write_bytes(draw(page, explorer))
            record = json.dumps(numbers_of(explorer), indent=2, ensure_ascii=False)
            (HOME / f"{name}.json").write_text(record + "\n", encoding="utf-8")
            page.close()
            print(f"{picture.relative_to(Path.cwd())}: {picture.stat().st_size // 1000} kB")
        browser.close()


if __name__ == "__main__":
    main()
