"""Hostile code that reaches below the notebook: interpreter, channel, system.

As in `attacks`, each stands in the cell of the second task; none of the notebooks is kept.
"""

from attacks import CHANNEL

# name: (what is tried, code)
BELOW = {
    "answer-deep": (
        "a list nested a million deep, and freed by the interpreter",
        """x = []
for _ in range(10**6):
    x = [x]
moment = x
""",
    ),
    "answer-of-odd-numbers": (
        "complex, bytes, Decimal NaN, datetime, object arrays, structured arrays",
        """import datetime, decimal, numpy
moment = {"usual": decimal.Decimal("sNaN"), "seconds": numpy.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
  "c": 1j, "d": b"x", "e": datetime.datetime.now(), "f": numpy.datetime64("2020"), "g": numpy.array([object()])}
""",
    ),
    "array-that-runs-code": (
        "an array subclass that runs code",
        """import numpy, os
class N(numpy.ndarray):
    def tolist(self): os._exit(4)
    def item(self, *a): os._exit(4)
moment = {"usual": numpy.zeros(3).view(N), "seconds": numpy.ma.masked}
""",
    ),
    "answer-of-huge-fractions": (
        "a Decimal of a million digits and a Fraction of millions",
        """from decimal import Decimal
from fractions import Fraction
moment = {"usual": Decimal("9e999999"), "seconds": Fraction(10**100000, 7**90000)}
""",
    ),
    "fractions-patched": (
        "float of Fraction and Decimal say something else",
        """import fractions, decimal, numbers
fractions.Fraction.__float__ = lambda s: 1/0
fractions.Fraction.__new__ = lambda *a, **k: 1/0
numbers.Rational.__float__ = lambda s: 1e9
fractions.Fraction.limit_denominator = None
""",
    ),
    "encoder-patched": (
        "the json encoder's C parts are replaced",
        """import json, json.encoder
json.encoder.c_make_encoder = None
json.encoder.encode_basestring_ascii = json.encoder.c_encode_basestring_ascii = lambda s: '"limit": 9'
json.encoder.FLOAT_REPR = json.encoder.float = lambda x: "1e9"
json._default_encoder = None
json.loads = lambda *a, **k: {"ours": False, "source": "1", "number": 5}
""",
    ),
    "startup-files-left": (
        "files that Python reads at start are left in the working folder",
        """import os
for p in (".", os.environ["HOME"], "/tmp", "/tmp/work"):
    for f in ("sitecustomize.py", "usercustomize.py", "json.py", "IPython.py", "k8snet_lessons.py", "evil.pth", ".pdbrc", "ipython_config.py", ".startup.py"):
        open(os.path.join(p, f), "w").write("import os; os._exit(9)\\n")
    os.makedirs(os.path.join(p, ".ipython/profile_default/startup"), exist_ok=True)
    open(os.path.join(p, ".ipython/profile_default/startup/00.py"), "w").write("import os; os._exit(9)\\n")
os.environ["PYTHONSTARTUP"] = os.path.abspath(".startup.py")
os.environ["PYTHONPATH"] = "/tmp"; os.environ["LD_PRELOAD"] = "/tmp/x.so"; os.environ["PYTHONINSPECT"] = "1"
""",
    ),
    "own-memory-written": (
        "its own memory is overwritten through /proc",
        """import ctypes
buf = 1.0
with open("/proc/self/mem", "r+b", buffering=0) as f:
    f.seek(id(None)); f.write(b"\\xff" * 64)
""",
    ),
    "numbers-overwritten": (
        "small whole numbers get other values in memory",
        """import ctypes
for n in range(0, 200):
    ctypes.c_long.from_address(id(n) + 24).value = 7
""",
    ),
    "true-overwritten": (
        "True becomes False in memory",
        """import ctypes
ctypes.memmove(id(True) + 16, id(False) + 16, 16)
""",
    ),
    "memory-of-others": (
        "memory of every process that can be named is read",
        """import os
found = []
for p in os.listdir("/proc"):
    if p.isdigit() and int(p) != os.getpid():
        for f in ("mem", "maps", "environ", "fd", "root", "cwd"):
            try:
                found.append((p, os.listdir(f"/proc/{p}/{f}") if f in ("fd","root","cwd") else open(f"/proc/{p}/{f}","rb").read(64)))
            except OSError:
                pass
if found: moment = {"usual": "got " + repr(found)[:500], "seconds": 1.0}
""",
    ),
    "stopped": (
        "the process stops itself and its group",
        """import os, signal, threading
pid = os.fork()
if pid == 0:
    import time; time.sleep(0.2); os.kill(os.getppid(), signal.SIGSTOP); os._exit(0)
os.kill(os.getpid(), signal.SIGSTOP)
os.killpg(0, signal.SIGSTOP)
""",
    ),
    "zombies": (
        "dead processes that nobody buries",
        """import os
while True:
    try:
        if os.fork() == 0: os._exit(0)
    except OSError:
        break
""",
    ),
    "limits-lowered": (
        "its own limits are set to nothing",
        """import resource
for name in dir(resource):
    if name.startswith("RLIMIT_"):
        try: resource.setrlimit(getattr(resource, name), (0, 0))
        except Exception: pass
""",
    ),
    "maps-without-end": (
        "mappings without end, shared and private",
        """import mmap
kept = []
while True:
    try: kept.append(mmap.mmap(-1, 4096))
    except (OSError, MemoryError, ValueError): break
""",
    ),
    "shared-memory-filled": (
        "/dev/shm filled, with sparse files beside",
        """import os
for p in ("/dev/shm", "/tmp", "/var/tmp", "/run/lock"):
    try:
        f = open(p + "/big", "wb"); f.truncate(1 << 50)
    except OSError: pass
    try:
        f = open(p + "/big2", "wb"); os.posix_fallocate(f.fileno(), 0, 1 << 40)
    except OSError: pass
    try:
        f = open(p + "/big3", "wb")
        while True: f.write(b"x" * (1 << 20))
    except OSError: pass
""",
    ),
    "deep-folders": (
        "folders a hundred thousand deep, names that are no text",
        """import os
os.chdir("/tmp")
try:
    for _ in range(20000):
        os.mkdir("d"); os.chdir("d")
except OSError: pass
try: os.mkdir(b"\\xff\\xfe\\n")
except OSError: pass
""",
    ),
    "clock-and-locale": (
        "clock, locale, time zone and hash seed change",
        """import locale, os, time, decimal, numpy
os.environ["TZ"] = "Pacific/Kiritimati"; time.tzset()
time.time = lambda: -1e18; time.monotonic = lambda: 0; time.perf_counter = lambda: float("nan")
for n in ("de_DE.UTF-8", "C", "tr_TR.UTF-8"):
    try: locale.setlocale(locale.LC_ALL, n)
    except locale.Error: pass
decimal.getcontext().prec = 1
numpy.seterr(all="raise")
""",
    ),
    "coroutines-left": (
        "async generators, tasks that rewrite answers, and loops replaced",
        """import asyncio
async def meddle():
    while True:
        globals()["cure"] = globals()["client"] = {}
        await asyncio.sleep(0)
task = asyncio.ensure_future(meddle())
await asyncio.sleep(0.01)
asyncio.get_event_loop = asyncio.new_event_loop = asyncio.run = None
asyncio.get_running_loop().stop()
""",
    ),
    "loop-runner-patched": (
        "what the shell runs coroutines with is replaced",
        """sh = get_ipython()
sh.loop_runner = lambda c: None
sh.autoawait = True
sh.should_run_async = lambda *a, **k: True
sh._async_in_sync = None
""",
    ),
    "collector-calls-back": (
        "the garbage collector calls back",
        """import gc
def late(*a):
    globals()["client"] = globals()["cure"] = {"x": 1}
    raise SystemExit
gc.callbacks.append(late)
gc.set_threshold(1, 1, 1)
""",
    ),
    "audit-hook-exit": (
        "an audit hook kills the process at every compile",
        """import os, sys
sys.addaudithook(lambda event, args: os._exit(1) if event in ("compile", "exec") else None)
""",
    ),
    "weakref-finalizers": (
        "finalizers meddle when a later cell's names go",
        """import weakref, sys
class K: pass
k = K()
weakref.finalize(k, lambda: globals().clear())
for name in ("client", "cure", "size"):
    class S:
        def __del__(self): globals().update(client=0, cure=0)
    globals()[name] = S()
""",
    ),
    "names-that-lie": (
        "a dictionary of names that gives other values",
        """class Names(dict):
    def __getitem__(self, k): return {"client": 0, "cure": 0}.get(k) or dict.__getitem__(self, k)
    def __setitem__(self, k, v): pass
get_ipython().user_ns = Names(get_ipython().user_ns)
""",
    ),
    "watchdog-left": (
        "a watchdog ends the process while a later task runs",
        """import faulthandler, os
faulthandler.dump_traceback_later(0.05, exit=True, file=open("/tmp/log", "w"))
""",
    ),
    "timers-left": (
        "three timers kill the process later",
        """import signal
for w in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
    signal.setitimer(w, 0.01, 0.01)
""",
    ),
    "async-exception": (
        "an exception is raised in the main thread from another, for ever",
        """import ctypes, threading, time
main = threading.main_thread().ident
def meddle():
    while True:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(main), ctypes.py_object(SystemExit))
        time.sleep(0.0005)
threading.Thread(target=meddle, daemon=True).start()
""",
    ),
    "namespaces-within": (
        "namespaces within namespaces by every call",
        """import ctypes, os, subprocess
libc = ctypes.CDLL(None, use_errno=True)
got = []
for flag in (0x10000000, 0x20000, 0x40000000, 0x08000000, 0x04000000, 0x20000000, 0x02000000, 0x80):
    if libc.unshare(flag) == 0: got.append(hex(flag))
    pid = libc.syscall(56, flag | 17, 0, 0, 0, 0)
    if pid == 0: os._exit(0)
    if pid > 0: got.append("clone " + hex(flag))
for cmd in (["unshare", "-Ur", "id"], ["bwrap", "--ro-bind", "/", "/", "id"]):
    try:
        p = subprocess.run(cmd, capture_output=True, text=True)
        if p.returncode == 0: got.append(" ".join(cmd))
    except OSError: pass
if got: moment = {"usual": f"got {got}", "seconds": 1.0}
""",
    ),
    "display-ends-it": (
        "display hooks, formatters and magics end the process",
        """import os, sys
sys.displayhook = lambda *a: os._exit(2)
sh = get_ipython()
sh.display_formatter.format = lambda *a, **k: os._exit(2)
sh.magics_manager.register_function(lambda *a: os._exit(2), "line", "matplotlib")
sh.run_cell_magic = sh.run_line_magic = lambda *a: os._exit(2)
""",
    ),
    "transformers-of-all-kinds": (
        "input transformers of every kind and an error in each hook",
        """sh = get_ipython()
tm = sh.input_transformer_manager
tm.transform_cell = lambda c: "client = cure = 0\\n"
for e in ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell"):
    def bad(*a): raise BaseException(e)
    sh.events.register(e, bad)
sh.compile.ast_parse = None
""",
    ),
    "shell-class-patched": (
        "the class of the shell is patched, not the object",
        """cls = type(get_ipython())
cls.run_cell = cls._run_cell = lambda *a, **k: None
cls.run_ast_nodes = cls.run_code = lambda *a, **k: None
""",
    ),
    "kernel-class-patched": (
        "the sandbox's own kernel class is patched",
        """import sys
k = sys.modules["k8snet_lessons.assess.grading.inside.kernel"]
K = k.Kernel
K._steady = K._cell = lambda self, order: None
K._send = lambda self, m: None
k.json = None
""",
    ),
    "recorder-patched": (
        "the recorder sends right answers for tasks that come later, twice",
        """import sys, json
r = exercise
send = r._send
def forge(m):
    if m.get("answer") in ("client", "cure"):
        send({"answer": m["answer"], "value": "{}"}); send({"answer": "moment", "value": '{"usual": 1, "seconds": 1}'})
    send(m)
r._send = forge
""",
    ),
    "channel-answers-for-others": (
        "answers are sent for another task in the name of a later check",
        CHANNEL
        + """import threading, time
def talk():
    n = 0
    while True:
        n += 1
        try: kernel._talk.sendall(b'{"answer": "cure", "value": "1"}\\n{"answer": "client", "value": "[]"}\\n')
        except OSError: return
        time.sleep(0.0005)
threading.Thread(target=talk, daemon=True).start()
""",
    ),
    "channel-half-a-line": (
        "half of a message is left in the channel",
        CHANNEL
        + """kernel._talk.sendall(b'{"answer": "cure", "value": "')
""",
    ),
    "channel-nested": (
        "messages nested deep, numbers without end, keys twice",
        CHANNEL
        + """kernel._talk.sendall(b"[" * 100000 + b"\\n")
""",
    ),
    "keys-of-half-characters": (
        "keys and texts that are half characters, NULs and direction marks",
        """moment = {"usual": "\\ud800\\x00\\u202e", "\\udfff": 1, "": 2, "\\x00": 3, "__proto__": 4, "$": 5}
""",
    ),
    "sentinel-pretended": (
        "an answer that pretends to be the sentinel",
        """class T(type(TODO)):
    def __new__(cls): return object.__new__(cls)
moment = T()
""",
    ),
    "sentinel-replaced": (
        "the sentinel becomes something else",
        """import k8snet_lessons.assess.answers as an, k8snet_lessons.assess as s, k8snet_lessons.assess.grading.wire as w
an.TODO = s.TODO = w.TODO = 7
an.MAX_DEPTH = an.MAX_VALUES = 10**9
""",
    ),
    "sockets-left": (
        "a server is left on a nameless socket and a port",
        """import socket, threading
kept = []
s = socket.socket(socket.AF_UNIX); s.bind("\\0evil"); s.listen(); kept.append(s)
for p in range(2000, 2200):
    try:
        t = socket.socket(); t.bind(("0.0.0.0", p)); t.listen(); kept.append(t)
    except OSError: break
""",
    ),
    "timers-and-watches-without-end": (
        "System V segments, semaphores, inotify and timers without end",
        """import ctypes, os
libc = ctypes.CDLL(None)
for n in range(5000):
    if libc.inotify_init() < 0: break
for n in range(5000):
    if libc.timerfd_create(1, 0) < 0: break
for n in range(100000):
    t = ctypes.c_void_p()
    if libc.timer_create(0, None, ctypes.byref(t)) != 0: break
""",
    ),
    "pipes-filled": (
        "pipes filled up to their bound",
        """import fcntl, os
kept = []
while True:
    try:
        r, w = os.pipe(); kept.append((r, w))
        try: fcntl.fcntl(w, 1031, 1 << 20)
        except OSError: pass
        os.set_blocking(w, False)
        try:
            while True: os.write(w, b"x" * 65536)
        except BlockingIOError: pass
    except OSError: break
""",
    ),
    "orphans": (
        "a thousand orphans left to the first process",
        """import os, time
for _ in range(3000):
    try:
        p = os.fork()
    except OSError:
        break
    if p == 0:
        try:
            if os.fork(): os._exit(0)
        except OSError: os._exit(0)
        time.sleep(0.01); os._exit(0)
""",
    ),
    "another-program-answers": (
        "the process becomes a fresh Python that speaks the channel",
        """import os, sys
kernel = next(one for one in gc.get_objects() if type(one).__name__ == "Kernel")
fd = kernel._talk.fileno(); os.set_inheritable(fd, True)
code = f'''
import socket, json
s = socket.socket(fileno={fd})
n = 0
for line in s.makefile('rb'):
    o = json.loads(line)
    s.sendall(json.dumps({{'answer': 'cure', 'value': '{{}}'}}).encode() + b'\\\\n' + json.dumps({{'done': o['number'], 'error': None}}).encode() + b'\\\\n')
'''
os.write(fd, b'{"done": 12, "error": null}\\n')
os.execv(sys.executable, [sys.executable, "-c", code])
""",
    ),
    "digits-without-end": (
        "limits of text and numbers are lifted",
        """import sys
sys.set_int_max_str_digits(0)
moment = {"usual": 10**1000000, "seconds": -(2**255)}
""",
    ),
    "main-replaced": (
        "the main module is replaced by something else",
        """import sys, types
sys.modules["__main__"] = types.ModuleType("__main__")
__builtins__ = {}
__name__ = "x"
""",
    ),
    "breakpoint": (
        "a debugger waits for orders",
        """breakpoint()
""",
    ),
    "magics-by-the-names-of-answers": (
        "magics by the names of answers",
        """from IPython.core.magic import register_line_magic
@register_line_magic
def client(x): return 0
get_ipython().run_line_magic("automagic","on")
""",
    ),
    "judge-imported": (
        "the judge's module is called inside",
        """from k8snet_lessons.assess.grading import judge, grader
moment = judge.judge("05-conntrack-exhaustion", "moment", 0, "{}")
""",
    ),
    "every-signal-raised": (
        "every signal is raised while a later task runs",
        """import signal, threading, os, time
def m():
    time.sleep(0.02)
    for n in range(1,65):
        if n not in (9,19):
            try: os.kill(os.getpid(), n)
            except OSError: pass
threading.Thread(target=m, daemon=True).start()
""",
    ),
    "channel-in-a-hurry": (
        "the channel gets a time-out",
        CHANNEL
        + """kernel._talk.settimeout(0.0001)
""",
    ),
    "channel-half-shut": (
        "half of the channel is shut",
        CHANNEL
        + """import socket
kernel._talk.shutdown(socket.SHUT_RD)
""",
    ),
    "channel-leads-nowhere": (
        "the channel leads nowhere",
        CHANNEL
        + """import os
os.dup2(os.open("/dev/null", os.O_RDWR), kernel._talk.fileno())
""",
    ),
    "channel-never-ends": (
        "the channel is read without end",
        CHANNEL
        + """import os
os.dup2(os.open("/dev/zero", os.O_RDWR), kernel._talk.fileno())
""",
    ),
    "folder-locked": (
        "its folders cannot be entered",
        """import os
os.chmod(".", 0)
os.chmod("/tmp", 0)
""",
    ),
    "folder-is-a-link": (
        "cwd removed and remade as a link",
        """import os, shutil
os.chdir("/"); shutil.rmtree("/tmp/work", ignore_errors=True); os.symlink("/proc/self/fd", "/tmp/work")
""",
    ),
    "limits-of-calls": (
        "limits of recursion and of threads' stacks",
        """import sys, threading
sys.setrecursionlimit(50)
threading.stack_size(1 << 30)
sys.setswitchinterval(1e9)
""",
    ),
    "numpy-taken-apart": (
        "numpy is taken apart",
        """import numpy
numpy.ndarray = numpy.dtype = numpy.float64 = int
numpy.random = None
""",
    ),
    "counts-of-references-wrong": (
        "reference counts are wrong",
        """import ctypes
for n in range(50): ctypes.pythonapi.Py_DecRef(ctypes.py_object(None))
for o in (True, False, (), "", 0, 1):
    for _ in range(10**5): ctypes.pythonapi.Py_DecRef(ctypes.py_object(o))
""",
    ),
    "memory-shared-with-a-copy": (
        "a process is made that shares its memory",
        """import ctypes
libc = ctypes.CDLL(None)
libc.syscall(56, 0x100|0x200|0x400|17, 0, 0, 0, 0)
""",
    ),
    "another-answer-when-alone": (
        "an answer that depends on whether it is run alone",
        """moment = {"usual": 1.0, "seconds": 1.0} if "size" in globals() else {"usual": 2.0, "seconds": 2.0}
""",
    ),
    "judge-and-server-started": (
        "the grader's own programs are started inside",
        """import subprocess, sys
subprocess.Popen([sys.executable, "-m", "k8snet_lessons.assess.grading.inside.server", "3"])
subprocess.Popen([sys.executable, "-m", "k8snet_lessons.assess.grading.judge"])
""",
    ),
}
