"""The submit cell in a real JupyterLab: asks to save, then gives one file to download."""

import json
import shutil

import pytest
from lab import ROOT, run_all

pytestmark = pytest.mark.browser

NAME = "05-conntrack-exhaustion.ipynb"


def test_a_student_is_told_to_save_and_then_downloads_one_file(lab, browser):
    (lab.folder / "exercises").mkdir()
    shutil.copy(ROOT / "exercises" / NAME, lab.folder / "exercises")
    with browser.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True) as page:
        run_all(page, lab, f"exercises/{NAME}")
        said = page.locator("[role=status]", has_text="Written: submission-")
        said.wait_for(timeout=60_000)

        answer = page.locator(".jp-CodeCell", has_text="# your answer here").first
        editor = answer.locator(".cm-content")
        editor.click()
        page.keyboard.press("Control+a")
        page.keyboard.type('size = {"limit": 131072, "per_s": 5.0}')
        page.keyboard.press("Shift+Enter")  # the answer
        page.keyboard.press("Shift+Enter")  # its check
        page.locator("[role=status]", has_text="1 of 2.5 points").wait_for(timeout=60_000)
        submit = page.locator(".jp-CodeCell", has_text="exercise.submit()").last
        submit.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        told = page.locator("[role=status]", has_text="save the notebook first")
        told.wait_for(timeout=60_000)
        assert "size" in told.inner_text()

        page.keyboard.press("Control+s")
        wait_until_saved(page, lab)
        submit.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        said.wait_for(timeout=60_000)
        with page.expect_download(timeout=60_000) as download:
            page.get_by_role("link", name=f"Download submission-{NAME}").click()
        handed = json.loads(download.value.path().read_text(encoding="utf-8"))
        assert download.value.suggested_filename == f"submission-{NAME}"
        assert any("131072" in "".join(cell["source"]) for cell in handed["cells"])


def wait_until_saved(page, lab):
    """Wait for the file, not for a sign of it: the notebook on the disk holds the answer."""
    for _ in range(200):
        if "131072" in (lab.folder / "exercises" / NAME).read_text(encoding="utf-8"):
            return
        page.wait_for_timeout(50)
    pytest.fail("the notebook was not saved")
