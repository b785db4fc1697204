"""The submit cell: one file from the saved notebook, nothing where it was not saved."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from k8snet_lessons.assess import assignment
from k8snet_lessons.assess.notebooks import read_notebook, source_of, write_text
from k8snet_lessons.assess.submit import hand_in

ROOT = Path(__file__).resolve().parents[2]
LESSON = "05-conntrack-exhaustion"
TASKS = [task.name for task in assignment(LESSON).tasks]
ABOUT = {"lesson": LESSON, "student": "ada", "seed": 3, "answered": ["size"]}
ANSWER = 'size = {"limit": 131_072, "per_s": 1000.0}'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return tmp_path


def answered(path, **answers):
    """Write the exercise with answers in place of its stubs."""
    notebook = read_notebook(ROOT / "exercises" / f"{LESSON}.ipynb")
    for cell in notebook["cells"]:
        task = cell["id"].removeprefix("answer-")
        if cell["id"] == f"answer-{task}" and task in answers:
            cell["source"] = answers[task]
    path.write_text(write_text(notebook), encoding="utf-8")


def run(path):
    """Run a notebook as a student does, in its folder; return what the submit cell showed."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()
    (shown,) = next(cell for cell in notebook.cells if cell.id == "submit").outputs
    nbformat.write(notebook, path)
    return shown.data


def test_the_cell_writes_one_file_and_links_to_it(folder):
    file = folder / f"{LESSON}.ipynb"
    answered(file, size=ANSWER)
    before = {path.name for path in folder.iterdir()}
    said = run(file)
    target = folder / f"submission-{LESSON}.ipynb"
    assert {path.name for path in folder.iterdir()} - before == {target.name}
    assert f"Written: {target.name}" in said["text/plain"]
    assert "1 of 4 tasks answered" in said["text/plain"]
    assert f"href='{target.name}' download='{target.name}'" in said["text/html"]

    handed = nbformat.read(target, as_version=4)
    nbformat.validate(handed)
    assert handed.metadata.k8snet.submission.student == "anonymous"
    ids = [cell["id"] for cell in read_notebook(file)["cells"]]
    assert [cell.id for cell in handed.cells] == ids
    assert all(not cell.outputs for cell in handed.cells if cell.cell_type == "code")
    assert ANSWER in [cell.source for cell in handed.cells]

    first = target.read_bytes()
    run(file)  # the saved file has outputs now; what is handed in is the same to the byte
    assert target.read_bytes() == first


def test_what_was_run_but_not_saved_is_refused(folder):
    answered(folder / f"{LESSON}.ipynb", size=ANSWER)
    screen = folder / "screen" / f"{LESSON}.ipynb"
    screen.parent.mkdir()
    answered(screen, size=ANSWER.replace("1000.0", "2000.0"), cure="cure = 1")
    notebook = nbformat.read(screen, as_version=4)
    NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    said = next(cell for cell in notebook.cells if cell.id == "submit").outputs[0].data
    assert "save the notebook first" in said["text/plain"]
    assert "size, cure" in said["text/plain"]
    assert "href" not in said["text/html"]
    assert not (folder / f"submission-{LESSON}.ipynb").exists()


def test_an_answer_that_was_run_after_the_saved_one_is_refused_too(folder):
    file = folder / f"{LESSON}.ipynb"
    answered(file)
    notebook = nbformat.read(file, as_version=4)
    again = [ANSWER, 'exercise.check("size", size)', "exercise.submit()"]
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in again]
    NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    first = next(cell for cell in notebook.cells if cell.id == "submit")
    assert "Written" in first.outputs[0].data["text/plain"]
    assert "save the notebook first" in notebook.cells[-1].outputs[0].data["text/plain"]
    nbformat.write(notebook, file)  # the answer in a cell of the student's own is an answer
    assert "Written" in run(file)["text/plain"]


def test_a_renamed_notebook_is_found_where_it_is_the_only_one(folder):
    answered(folder / "my copy.ipynb")
    (folder / "broken.ipynb").write_text("{")
    shutil.copy(ROOT / "exercises" / "01-north-south-path.ipynb", folder)
    assert hand_in(LESSON, TASKS, (), ABOUT).file == folder / f"submission-{LESSON}.ipynb"
    answered(folder / "another.ipynb", size=ANSWER)
    assert "exercise.submit(" in hand_in(LESSON, TASKS, (), ABOUT).to_text()
    named = hand_in(LESSON, TASKS, (), ABOUT, "another.ipynb")
    assert ANSWER in named.file.read_text().replace('\\"', '"')


def test_the_session_says_which_of_two_is_meant(folder, monkeypatch):
    answered(folder / f"{LESSON}.ipynb")
    answered(folder / "second.ipynb", size=ANSWER)
    monkeypatch.setenv("JPY_SESSION_NAME", str(folder / "second.ipynb"))
    assert "1000.0" in hand_in(LESSON, TASKS, (), ABOUT).file.read_text()


@pytest.mark.parametrize("name", ["none.ipynb", "broken.ipynb", "01-north-south-path.ipynb"])
def test_a_wrong_name_is_answered_in_a_sentence(folder, name):
    (folder / "broken.ipynb").write_text("{")
    shutil.copy(ROOT / "exercises" / "01-north-south-path.ipynb", folder)
    handed = hand_in(LESSON, TASKS, (), ABOUT, name)
    assert handed.file is None
    assert name in handed.to_text()


def test_a_folder_that_takes_no_file_is_answered_in_a_sentence(folder):
    file = folder / f"{LESSON}.ipynb"
    answered(file)
    (folder / f"submission-{LESSON}.part").mkdir()  # in the way, as a read-only folder is
    handed = hand_in(LESSON, ["size"], [], ABOUT, file)
    assert handed.file is None
    assert "cannot be written here" in handed.to_text()


def test_nothing_there_and_the_instructors_notebook_write_nothing(folder):
    assert "no saved notebook" in hand_in(LESSON, TASKS, (), ABOUT).to_text()
    shutil.copy(ROOT / "solutions" / f"{LESSON}.ipynb", folder)
    assert "instructor" in hand_in(LESSON, TASKS, (), ABOUT).to_text()
    assert not list(folder.glob("submission-*"))


def test_a_lost_answer_cell_is_named(folder):
    file = folder / f"{LESSON}.ipynb"
    answered(file)
    notebook = read_notebook(file)
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] != "answer-cure"]
    file.write_text(write_text(notebook))
    handed = hand_in(LESSON, TASKS, (), ABOUT)
    assert handed.file
    assert "answer cells of: cure" in handed.to_text()


def test_what_a_student_is_called_is_escaped(folder):
    answered(folder / f"{LESSON}.ipynb")
    handed = hand_in(LESSON, TASKS, (), ABOUT | {"student": "<script>alert(1)</script>"})
    assert "<script>" not in handed.to_html()
    assert json.loads(handed.file.read_text())["metadata"]["k8snet"]["submission"]["seed"] == 3


def test_every_exercise_has_the_parameters_and_ends_with_the_submit_cell():
    for path in sorted((ROOT / "exercises").glob("[0-9]*.ipynb")):
        cells = read_notebook(path)["cells"]
        (parameters,) = (cell for cell in cells if cell["metadata"].get("tags"))
        assert source_of(parameters) == 'student_id = "anonymous"\nseed = 0', path.name
        last = cells[-1]
        assert (last["id"], source_of(last)) == ("submit", "exercise.submit()"), path.name
