"""One JupyterLab and one Chromium for all browser tests."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "explorers"))

from lab import CHROMIUM, ROOT, START, Lab, chromium, jupyter_lab, write_notebook
from playwright.sync_api import Browser, expect

# Whatever is expected is waited for; a slow machine only takes longer, and must not fail for it.
expect.set_options(timeout=45_000)

ROAD = "from k8snet_lessons.explorers import main_road\nexplorer = main_road()\nexplorer"
ASKED = "import small_model\nasked = small_model.asked()\nasked"
REACH = f"import sys; sys.path.insert(0, {str(ROOT / 'tests' / 'explorers')!r})"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine; on Debian: apt install chromium")
    books = tmp_path_factory.mktemp("books")
    if START.exists():
        shutil.copytree(START.parent, books, dirs_exist_ok=True)
    write_notebook(books / "road.ipynb", ROAD)
    write_notebook(books / "small.ipynb", REACH + "\n" + ASKED, "# asked.set(load_per_s=250)")
    with jupyter_lab(books, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="session")
def browser(lab: Lab) -> Iterator[Browser]:
    with chromium() as running:
        yield running
