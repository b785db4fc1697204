"""A school on nbgrader takes the same solutions. Runs where K8SNET_NBGRADER names its program."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from k8snet_lessons.assess.notebooks import STUB, read_notebook, source_of

ROOT = Path(__file__).resolve().parents[2]
NBGRADER = os.environ.get("K8SNET_NBGRADER", "")
SETTINGS = f"""
c = get_config()
c.CourseDirectory.course_id = "k8snet"
c.ClearSolutions.code_stub = {{"python": {STUB!r}}}
"""


@pytest.mark.skipif(not NBGRADER, reason="K8SNET_NBGRADER is not the path of an nbgrader")
def test_nbgrader_makes_our_exercises_from_our_solutions(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text(SETTINGS)
    source = tmp_path / "source" / "all"
    source.mkdir(parents=True)
    for path in sorted((ROOT / "solutions").glob("[0-9]*.ipynb")):
        shutil.copy(path, source)
    done = subprocess.run(
        [NBGRADER, "generate_assignment", "all", "--create"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(NBGRADER).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for path in sorted(source.iterdir()):
        made = read_notebook(tmp_path / "release" / "all" / path.name)
        ours = read_notebook(ROOT / "exercises" / path.name)
        assert [(c["id"], source_of(c)) for c in made["cells"]] == [
            (c["id"], source_of(c)) for c in ours["cells"]
        ]
        assert "SOLUTION" not in json.dumps(made)
