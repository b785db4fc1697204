"""Made by root, by an ordinary user, or not at all: what each sandbox still keeps."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from k8snet_lessons.assess.grading import cage as cage_module
from k8snet_lessons.assess.grading.cage import MASKED, PACKAGE, Cage, SandboxError, _problem
from k8snet_lessons.assess.grading.inside import confine
from k8snet_lessons.assess.grading.limits import Limits
from k8snet_lessons.assess.grading.sandbox import LostError, Warm
from k8snet_lessons.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
START = {"lesson": "x", "student": "ada", "seed": 0, "tasks": {"t": {"given": {}, "prompt": "?"}}}


@pytest.fixture(scope="module", params=["root", "user", "none"])
def warm(request, without_sandbox):
    mode = request.param
    if mode == "root" and os.geteuid() != 0:
        pytest.skip("needs root")
    if mode != "none" and (problem := _problem(mode)):
        if mode == "root":
            without_sandbox(problem)
        pytest.skip(problem)
    one = Warm(Cage(mode))
    yield one
    one.close()


class Talk:
    """A process, told one cell after another; the error of each comes back."""

    def __init__(self, warm, limits):
        self.run = warm.open(limits)
        self.number = 0
        self.run.send(START, time.monotonic() + 120)

    def __call__(self, source, seconds=120):
        self.number += 1
        order = {"number": self.number, "ours": False, "source": source}
        self.run.send(order, time.monotonic() + 120)
        while (message := self.run.receive(time.monotonic() + seconds)) is not None:
            if message.get("done") == self.number:
                return message["error"]
        return "no answer"


@pytest.fixture
def cell(warm):
    talk = Talk(warm, Limits(memory_mb=512, processes=32))
    yield talk
    talk.run.close()


def test_each_submission_has_a_process_of_its_own(warm, cell):
    assert cell("import k8snet_lessons; k8snet_lessons.secret = 1; x = 1") is None
    other = Talk(warm, Limits())
    assert other("k8snet_lessons")[0] == "NameError"
    assert other("import k8snet_lessons; k8snet_lessons.secret")[0] == "AttributeError"
    assert cell("assert x == 1") is None
    other.run.close()


def test_files_of_one_submission_are_gone_in_the_next(warm, cell):
    assert cell("import os; open('left', 'w').close(); raise ValueError(os.getcwd())")
    other = Talk(warm, Limits())
    assert other("import os; assert os.listdir('.') == []") is None
    other.run.close()


def test_nothing_is_writable_that_outlives_a_submission(warm, cell):
    if not warm.cage.apart:
        return
    code = """
import os
for line in open("/proc/self/mounts"):
    place = line.split()[1]
    if place in ("/tmp", "/dev/shm") or not os.path.isdir(place):
        continue
    for folder in (place, *(entry.path for entry in os.scandir(place) if entry.is_dir())):
        if folder in ("/tmp", "/dev/shm") or folder.startswith("/proc/"):
            continue
        try:
            open(os.path.join(folder, "left"), "w").close()
        except OSError:
            continue
        raise AssertionError(folder)
"""
    assert cell(code) is None


def test_memory_is_bounded(cell):
    name, _ = cell("hoard = []\nwhile True: hoard.append(bytearray(10**7))")
    assert name == "MemoryError"


def test_a_deaf_loop_ends_when_the_grader_hangs_up(warm):
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    for patience_s in (0.3, 5, 60):
        talk = Talk(warm, Limits())
        assert talk(code, seconds=patience_s) == "no answer"
        talk.run.interrupt()
        heard = talk.run.receive(time.monotonic() + 0.3)
        assert talk.run.close() == ""
        if heard is None:
            return
        # On a busy machine the interrupt may come before the loop has made itself deaf.
        assert heard["error"][0] == "KeyboardInterrupt"
    pytest.fail("it was never deaf")


def test_what_a_cell_has_started_ends_with_its_submission(warm):
    talk = Talk(warm, Limits())
    code = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0:\n        time.sleep(600)\n    os._exit(0)"
    )
    assert talk(code) is None
    assert talk.run.close() == ""  # the keeper speaks once everything has ended


def test_an_exit_is_noticed(warm):
    talk = Talk(warm, Limits())
    with pytest.raises(LostError, match="ended"):
        talk("import os; os._exit(3)")
    talk.run.close()


def test_system_calls_that_no_exercise_needs_are_refused(cell):
    code = (
        "import ctypes\nlibc = ctypes.CDLL(None)\n"
        "assert libc.unshare(0x10000000) == -1\nassert libc.ptrace(0, 0, 0, 0) == -1\n"
        "assert libc.memfd_create(b'x', 0) == -1\nassert libc.shmget(1, 4096, 0o1600) == -1\n"
        "import socket\n"
        "try: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)\n"
        "except OSError: pass\nelse: raise AssertionError\n"
    )
    assert cell(code) is None


def test_what_knows_answers_is_not_there(warm, cell):
    if not warm.cage.apart:  # the documentation says so
        assert cell(f"import os; assert os.listdir({str(PACKAGE / 'assess/tasks')!r})") is None
        return
    for name in MASKED:
        if (PACKAGE / name).is_dir():
            assert cell(f"import os; assert os.listdir({str(PACKAGE / name)!r}) == []") is None
    assert cell("assert not os.path.exists('/proc/sys/kernel')") is None
    assert cell("import socket; socket.create_connection(('192.0.2.1', 9), 1)")[0] == "OSError"
    assert cell("open('/usr/x', 'w')")[0] in ("OSError", "PermissionError")
    assert cell("assert os.getpid() == 1") is None


def test_a_hidden_folder_is_empty_even_inside_one_that_is_shown(warm):
    if not warm.cage.apart:
        return
    hidden = Warm(Cage(warm.cage.mode, (Path("/usr/share"),)))
    talk = Talk(hidden, Limits())
    assert talk("import os; assert os.listdir('/usr/share') == [] != os.listdir('/usr')") is None
    talk.run.close()
    hidden.close()


def test_an_environment_in_the_courses_own_folder_shows_no_more_than_python(monkeypatch, tmp_path):
    for name in ("bin", "lib/python3.99/site-packages", "solutions", "submissions"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lib64").symlink_to("lib")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    said = Cage("user").command(["-c", ""])
    shown = [said[at + 2] for at, one in enumerate(said) if one == "--ro-bind"]
    assert {one for one in shown if one.startswith(str(tmp_path))} == {
        str(tmp_path / "bin"),
        str(tmp_path / "lib"),
    }


def test_an_environment_in_a_folder_of_the_system_that_is_hidden_stays_in_view(
    monkeypatch, tmp_path
):
    app = tmp_path / "src" / "app"  # as /usr/src/app, where images put what they are made for
    (app / ".venv" / "bin").mkdir(parents=True)
    monkeypatch.setattr(cage_module, "_SYSTEM", (*cage_module._SYSTEM, str(tmp_path)))
    monkeypatch.setattr(sys, "prefix", str(app / ".venv"))
    said = Cage("user", (app,)).command(["-c", ""])
    assert said[said.index(str(app)) - 1] == "--tmpfs"
    bound = said.index(str(app / ".venv" / "bin"), said.index(str(app)))
    assert "--ro-bind" in said[bound - 2 : bound]


def test_another_copy_of_the_course_in_view_knows_no_answers_either(monkeypatch, tmp_path):
    other = tmp_path / "lib/python3.99/site-packages" / PACKAGE.name
    for name in MASKED:
        (other / name).mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    said = Cage("user").command(["-c", ""])
    bound = max(at for at, one in enumerate(said) if one == "--ro-bind")
    for copy in (PACKAGE, other):
        for name in MASKED:
            at = said.index(str(copy / name))
            assert said[at - 1] == "--tmpfs"
            assert at > bound


class Killed(Cage):
    """A cage whose server is killed before it says a word, as for want of memory."""

    def command(self, program):
        return ["/bin/sh", "-c", "kill -9 $$"]


def test_a_server_that_is_killed_says_how_it_ended():
    with pytest.raises(SandboxError, match="did not start: it ended with status -9"):
        Warm(Killed("none")).start()


def test_the_copy_that_runs_is_the_copy_that_grades(monkeypatch, tmp_path):
    monkeypatch.setattr(cage_module, "PACKAGE", tmp_path / PACKAGE.name)
    assert cage_module.same_course() == {"PYTHONPATH": str(tmp_path)}
    installed = Path(sysconfig.get_path("purelib")).resolve()
    monkeypatch.setattr(cage_module, "PACKAGE", installed / PACKAGE.name)
    assert cage_module.same_course() == {}


@pytest.mark.parametrize("field", [{"cell_s": 0}, {"submission_s": -1}, {"memory_mb": 1}])
def test_limits_that_make_no_sense_are_refused(field):
    with pytest.raises(InputError):
        Limits(**field)


@dataclass(frozen=True)
class InstalledInTmp(Cage):
    """A cage that shows one more folder, in ``/tmp``, as if the course were installed there."""

    shown: str = ""

    def command(self, program):
        made = super().command(program)
        at = made.index("--chdir")
        return [*made[:at], "--ro-bind", self.shown, self.shown, *made[at:]]

    def in_tmp(self):
        return [*super().in_tmp(), self.shown]


def test_a_course_that_is_installed_in_tmp_stays_in_view_and_read_only(warm, request):
    if not warm.cage.apart:
        return
    with tempfile.TemporaryDirectory(dir="/tmp") as shown:
        Path(shown).chmod(0o755)
        Path(shown, "course.py").write_text("here = 1")
        other = Warm(InstalledInTmp(warm.cage.mode, (), shown))
        request.addfinalizer(other.close)
        talk = Talk(other, Limits())
        assert talk(f"import sys; sys.path.append({shown!r}); import course") is None
        assert talk(f"open({shown!r} + '/left', 'w')")[0] in ("OSError", "PermissionError")
        # This very course may lie in /tmp as well, as a fresh clone does.
        seen = sorted({Path(one).parts[2] for one in other.cage.in_tmp()} | {"work"})
        assert talk(f"import os; assert sorted(os.listdir('/tmp')) == {seen!r}") is None
        talk.run.close()


WHOLE, CONTAINER, ALONE = "0 0 4294967295\n", " 0 100000 65536\n", "0 1000 1\n"


def test_a_submissions_user_exists_where_the_grader_runs():
    assert confine.own_user(77, [WHOLE, WHOLE]) == 1_500_000_077
    assert confine.own_user(77, [CONTAINER, CONTAINER]) == 30_077
    assert confine.own_user(70_077, [WHOLE, CONTAINER]) == 40_077
    assert confine.own_user(0, ["0 1000 1\n1 100000 65536\n", CONTAINER]) == 30_000
    with pytest.raises(OSError, match="too few user ids"):
        confine.own_user(77, [CONTAINER, ALONE])


AS_A_CONTAINER = """
import ctypes, os, sys
from pathlib import Path
ready, go = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    if ctypes.CDLL(None).unshare(0x10000000) != 0:  # CLONE_NEWUSER
        os._exit(77)
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
os.close(ready[1])
if os.read(ready[0], 1):
    for kind in ("gid", "uid"):
        Path(f"/proc/{child}/{kind}_map").write_text(f"0 0 {sys.argv[1]}")
    os.write(go[1], b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may map user ids")
def test_it_grades_in_a_container_that_has_65536_users(cage, tmp_path):
    work = "05-conntrack-exhaustion.ipynb"
    (tmp_path / "s" / "ada").mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / work, tmp_path / "s" / "ada" / work)
    done = subprocess.run(
        [
            *(sys.executable, "-c", AS_A_CONTAINER, "65536", "-m", "k8snet_lessons", "grade"),
            *(str(tmp_path / "s"), "--gradebook", str(tmp_path / "g.db"), "--json"),
        ],
        capture_output=True,
        text=True,
        timeout=400,
    )
    if done.returncode == 77:
        pytest.skip("this system makes no user namespaces")
    assert done.returncode == 0, done.stderr
    graded = json.loads(done.stdout)
    assert graded["score"] == graded["max_score"]
