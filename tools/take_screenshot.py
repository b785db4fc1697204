"""Take the picture of the running course that the README opens with.

    python tools/take_screenshot.py

A real JupyterLab in a real Chromium: the main road, one setting pinned and another turned.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from lab import chromium, jupyter_lab, run_all, write_notebook  # noqa: E402

CELL = "from k8snet_lessons.explorers import main_road\nmain_road()"


def main() -> None:
    target = ROOT / "docs" / "main-road.png"
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home, books = Path(folder, "home"), Path(folder, "books")
        home.mkdir()
        books.mkdir()
        write_notebook(books / "main-road.ipynb", CELL)
        with jupyter_lab(books, home) as lab, chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 940})
            run_all(page, lab, "main-road.ipynb")
            road = page.locator(".k8s-explorer[data-live=true]")
            road.wait_for(timeout=60_000)
            page.keyboard.press("Control+b")
            page.locator("[data-knob=replicas]").scroll_into_view_if_needed()
            road.get_by_role("button", name="Pin as A").click()
            page.get_by_role("button", name="Unpin A").wait_for()
            slider = page.locator("[data-knob=replicas]")
            slider.press("ArrowLeft")
            page.locator(".k8s-compared", has_text="higher").wait_for()
            page.wait_for_timeout(3000)
            page.locator(".jp-Notebook").evaluate(
                "node => node.querySelector('.jp-WindowedPanel-outer')?.scrollTo(0, 0)"
            )
            page.wait_for_timeout(500)
            page.screenshot(path=target)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
