"""How many submissions a minute this grader, nbgrader and otter-grader get through.

python tests/bench/grading.py                          this grader alone, 24 students
python tests/bench/grading.py --students 200 --others  all three, on the same notebooks

nbgrader and otter-grader get environments of their own in a temporary folder, the course
installed in each. All three run as many submissions at a time (--jobs); for nbgrader, which
has no such option, by one course folder a job. This grader runs with its sandbox on; the
other two have none (otter's containers are left out, in its favor). Timed is the whole
command, from its start to the last score.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LESSON = "05-conntrack-exhaustion"
TASKS = {"size": 2.5, "moment": 3, "client": 3, "cure": 5}
WRONG = {
    "size": 'size = {"limit": 65536, "per_s": 100}',
    "moment": 'moment = {"usual": 10, "seconds": TODO}',
    "client": 'client = {"new_s": 3, "old_s": 3, "established": "a reset"}',
    "cure": 'cure = {"max_entries": 131072, "time_wait_s": 120, "keepalive_share": 0.1}',
}


def submissions(students):
    """Return notebooks by student: of each task, three in five right, one wrong, one open."""
    draw = random.Random(1)
    solution = json.loads((ROOT / "solutions" / f"{LESSON}.ipynb").read_text())
    exercise = json.loads((ROOT / "exercises" / f"{LESSON}.ipynb").read_text())
    right = {cell["id"]: "".join(cell["source"]) for cell in solution["cells"]}
    for number in range(students):
        student = f"student-{number:03}"
        made = json.loads(json.dumps(exercise))
        for cell in made["cells"]:
            kind, _, task = cell["id"].partition("-")
            cell["source"] = "".join(cell["source"])
            if kind == "answer":
                chance = draw.random()
                solved = "\n".join(
                    line for line in right[cell["id"]].splitlines() if "### " not in line
                )
                cell["source"] = (
                    f"# {student}\n{solved}" if chance < 0.6
                    else WRONG[task] if chance < 0.8 else cell["source"]
                )  # fmt: skip
        yield student, json.dumps(made, indent=1)


def run(*command, cwd=None, jobs=None):
    """Run one command, or several at once, and return the seconds until the last ended."""
    commands = [command] if jobs is None else jobs
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            [str(part) for part in one],
            cwd=place,
            env=os.environ | {"PATH": f"{Path(one[0]).parent}:{os.environ['PATH']}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for one, place in ((one, cwd) if jobs is None else one for one in commands)
    ]
    for process in running:
        _, said = process.communicate()
        if process.returncode not in (0, 1):
            sys.exit(f"{process.args}: status {process.returncode}\n{said[-2000:]}")
    return time.perf_counter() - began


def this_grader(home, notebooks, jobs):
    for student, text in notebooks:
        (home / "submissions" / student).mkdir(parents=True)
        (home / "submissions" / student / f"{LESSON}.ipynb").write_text(text)
    return run(
        *(sys.executable, "-m", "k8snet_lessons", "grade", home / "submissions", "--quiet"),
        *("--gradebook", home / "grades.db", "--jobs", jobs),
    )


def environment(home, package):
    """Make an environment with one grader and the course, and return its folder of programs."""
    run(sys.executable, "-m", "venv", home)
    run(home / "bin" / "pip", "install", "--quiet", package, "ipykernel", ROOT)
    return home / "bin"


def nbgrader(home, notebooks, jobs):
    programs = environment(home / "env", "nbgrader")
    commands = []
    for job in range(jobs):
        course = home / f"course-{job}"
        source = course / "source" / LESSON
        source.mkdir(parents=True)
        shutil.copy(ROOT / "solutions" / f"{LESSON}.ipynb", source)
        (course / "nbgrader_config.py").write_text(
            f"c = get_config()\nc.CourseDirectory.root = {str(course)!r}\n"
        )
        run(programs / "nbgrader", "generate_assignment", LESSON, cwd=course)
        for student, text in notebooks[job::jobs]:
            folder = course / "submitted" / student / LESSON
            folder.mkdir(parents=True)
            (folder / f"{LESSON}.ipynb").write_text(text)
        commands.append(((programs / "nbgrader", "autograde", LESSON), course))
    seconds = run(jobs=commands)
    graded = list(home.glob(f"course-*/autograded/*/{LESSON}/{LESSON}.ipynb"))
    if len(graded) != len(notebooks):
        print(f"nbgrader graded {len(graded)} of {len(notebooks)}, the rest failed")
    return seconds


def otter(home, notebooks, jobs):
    programs = environment(home / "env", "otter-grader")
    tests = home / "tests"
    tests.mkdir()
    for task, points in TASKS.items():
        code = f">>> exercise.judge({task!r}, {task}).points == {points}\nTrue"
        case = {"code": code, "hidden": False, "locked": False}
        suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
        test = {"name": task, "points": points, "suites": [suite]}
        (tests / f"{task}.py").write_text(f"OK_FORMAT = True\n\ntest = {test!r}\n")
    made = home / "autograder.zip"
    run(programs / "otter", "generate", "-t", tests, "-o", made, "--no-environment")
    for student, text in notebooks:
        (home / student).mkdir()
        (home / student / f"{LESSON}.ipynb").write_text(text)
    began = time.perf_counter()
    for at in range(0, len(notebooks), jobs):
        run(
            jobs=[
                (
                    (programs / "otter", "run", "-a", made, "-o", home / student,
                     home / student / f"{LESSON}.ipynb"),
                    home / student,
                )
                for student, _ in notebooks[at : at + jobs]
            ]
        )  # fmt: skip
    seconds = time.perf_counter() - began
    graded = list(home.glob("student-*/results.json"))
    if len(graded) != len(notebooks):
        sys.exit(f"otter graded {len(graded)} of {len(notebooks)}")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=re.sub(r"\n\n.*", "", __doc__, flags=re.S))
    parser.add_argument("--students", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=2)
    others = {"nbgrader": nbgrader, "otter-grader": otter}
    parser.add_argument("--others", nargs="*", choices=others, help="all of them if none is named")
    chosen = parser.parse_args()
    notebooks = list(submissions(chosen.students))
    graders = {"k8snet grade": this_grader}
    if chosen.others is not None:
        graders |= {name: others[name] for name in chosen.others or others}
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, grade in graders.items():
            home = Path(folder) / name.replace(" ", "-")
            home.mkdir()
            seconds = grade(home, notebooks, chosen.jobs)
            rates[name] = 60 * len(notebooks) / seconds
            print(
                f"{name}: {len(notebooks)} submissions, {chosen.jobs} at a time, in "
                f"{seconds:.1f} s: {rates[name]:,.0f} a minute",
                flush=True,
            )
    ours, *theirs = rates.values()
    if theirs:
        print(f"{ours / max(theirs):.1f} times the best of the others, sandbox on")


if __name__ == "__main__":
    main()
