"""Submissions that fight back: none passes wrongly, none stops or outlives the judge.

Each attack is an answer whose check has a reference that nobody could know. Those of
one group run in one notebook, after an honest answer, so that each also meets what the
others have broken. The odd files (corrupt, huge, badly named) are another test's.
"""

import os
import textwrap
import time

import judged
import pytest
from judged import QUICK, fresh, graft, told

from wgan_lessons.grading import judging, limits
from wgan_lessons.grading._launch import CALLS, DEVICES
from wgan_lessons.grading.judging import judge
from wgan_lessons.grading.limits import Limits


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path, monkeypatch):  # tmp_path first: it lies elsewhere
    """No trial leaves a file or a process."""
    with judged.nothing_left(monkeypatch) as folder:
        yield folder


@pytest.fixture
def plain(monkeypatch):
    """What the judge does on a machine that cannot shut a kernel in."""
    monkeypatch.setattr(limits, "level", lambda: "plain")


@pytest.fixture
def closed():
    """Skip where Linux does not let a user make namespaces."""
    if limits.level() != "closed":
        pytest.skip(f"namespaces or mounts are refused here: {limits.level()!r}")


@pytest.fixture(params=["closed", "plain", "sandbox"])
def kernel(request):
    """The three ways to run a kernel; the value is its name for `judge`."""
    if request.param == "sandbox" and (reason := judged.sandbox_refuses()):
        pytest.skip(reason)
    if request.param != "sandbox":
        request.getfixturevalue(request.param)
    return "sandbox" if request.param == "sandbox" else None


@pytest.fixture
def plain_is_open(request):
    """Skip what the level "plain" does not promise."""
    if request.node.callspec.params["kernel"] == "plain":
        pytest.skip("at the level plain services can be reached")


def code(text):
    """Return an answer's source without the indent it has here."""
    return textwrap.dedent(text).strip("\n")


HONEST = "def answer(seed): return {}"

# Python of the kernel can be bent at will; the numbers are still missing. What spoils
# most for those after it comes last.
BENT = {
    "printed": "print('0.5')\nanswer = lambda s: 0.5",
    "any-equal": """
        class Any(float):
            def __eq__(self, other): return True
            def __hash__(self): return 0
            def __repr__(self): return "0.5"
        def answer(s): return Any(1)
        """,
    "repr": "import builtins; builtins.repr = lambda x: '0.5'\ndef answer(s): return 1",
    "libraries": """
        import sys, types
        import numpy
        numpy.allclose = numpy.array_equal = lambda *a, **k: True
        for name in ("nbval", "nbval.plugin", "pytest", "torch"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["torch"].allclose = lambda *a: True
        def answer(s): return numpy.float64(0.5)
        """,
    "exit": "import sys; sys.exit(0)",
    "quit": "raise SystemExit",
    "input": "answer = lambda s: input('the number? ')",
    "decimal": "def answer(s): print('1e+99999999999999999999'); print('9' * 5000)",
    "spaces": "def answer(s): print(' ' * 9000 + '0.5')",
    "long": "def answer(s): print('0.5 ' * 300_000)",
    "formatter": """
        formatter = get_ipython().display_formatter.formatters["text/plain"]
        formatter.for_type(float, lambda x, p, cycle: p.text("0.5"))
        def answer(s): return 1.0
        """,
    "print": "import builtins; builtins.print = lambda *a, **k: None; answer = 0",
    "silenced": """
        get_ipython().showtraceback = lambda *a, **k: None
        get_ipython()._showtraceback = lambda *a, **k: None
        get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)
        def answer(s): raise RuntimeError("nobody hears this")
        """,
    "cells": """
        shell = get_ipython()
        run = shell.run_cell
        shell.run_cell = lambda raw, *a, **k: run("0.5", *a, **k)
        """,
    "transformer": """
        def bend(lines): return ["0.5\\n"] if "answer(SEED)" in lines[0] else lines
        get_ipython().input_transformers_post.append(bend)
        """,
    "displayhook": """
        import sys
        sys.displayhook = lambda value: print("0.5")
        type(get_ipython().displayhook).__call__ = lambda self, value: print("0.5")
        def answer(s): return 1
        """,
}


def test_a_bent_kernel_wins_nothing(closed):
    number = fresh()
    answers = {"honest": HONEST.format(number)}
    answers |= {name: code(text) for name, text in BENT.items()}
    references = {name: fresh() for name in answers} | {"honest": number}
    verdict = judge(graft(answers, references), limits=QUICK)
    assert {n for n, c in verdict.checks.items() if c.passed} == {"honest"}
    assert all(c.passed is not None for c in verdict.checks.values())
    assert verdict.status == "ran"
    assert all(len(c.text) < 2100 for c in verdict.checks.values())


# Sends, in the name of the next check, a result and that the check is done.
FORGED = """
    import threading, time
    kernel = get_ipython().kernel
    parent = dict(kernel.get_parent("shell")["header"])
    name, count = parent["msg_id"].rsplit("_", 1)
    parent["msg_id"] = f"{{name}}_{{int(count) + 1}}"

    def send(kind, content):
        head = {{"header": parent}}
        kernel.session.send(kernel.iopub_socket, kind, content, parent=head)

    begun = threading.Event()
    def forge():
        begun.wait(30)
        data = {{"text/plain": "{number}"}}
        content = {{"data": data, "metadata": {{}}, "execution_count": 1}}
        send("execute_result", content)
        send("status", {{"execution_state": "idle"}})
    threading.Thread(target=forge).start()
    def answer(s):
        begun.set()
        time.sleep(2)
    """

MALFORMED = """
    kernel = get_ipython().kernel
    def answer(s):
        parent = {"header": kernel.get_parent("shell")["header"]}
        send = lambda kind, content: kernel.session.send(
            kernel.iopub_socket, kind, content, parent=parent)
        deep = inner = []
        for _ in range(500):
            inner.append([])
            inner = inner[0]
        send("stream", {"name": "stdout", "text": 5})
        send("execute_result", {"data": {"text/plain": deep}, "metadata": 1})
        send("execute_result", {})
        send("display_data", {"data": ["text/plain"], "metadata": None})
        send("unheard of", {"a": 1})
        kernel.iopub_socket.send_multipart([b"no", b"message", b"at all"])
        kernel.iopub_socket.send(b"{" * 100_000)
    """


def test_forged_messages_are_output_and_no_more(closed):
    """A result can be forged in a check's name; it must still be the right one."""
    number = fresh()
    answers = {
        "control": code(FORGED.format(number=number)),
        "forged": code(FORGED.format(number="0.5")),
        "malformed": code(MALFORMED),
        "honest": HONEST.format(number),
    }
    references = {name: number for name in answers}
    verdict = judge(graft(answers, references), limits=QUICK)
    passed = {name: c.passed for name, c in verdict.checks.items()}
    # The control shows that the attack does work, for who knows the number.
    wanted = {"control": True, "forged": False, "malformed": False, "honest": True}
    assert passed == wanted


# Looks for the reference wherever a process can look; returns what it found.
SEARCH = """
    import json, os, re

    def answer(seed):
        pattern = re.compile(("the num" + "ber is ").encode() + rb"0\\.\\d+")
        places, opened = [], []
        for pid in sorted(map(int, filter(str.isdigit, os.listdir("/proc")))):
            if pid != os.getpid():
                places += [f"/proc/{pid}/{n}" for n in ("environ", "cmdline")]
                places += [f"/proc/{pid}/fd/{n}" for n in range(20)]
        for root in ("../..", "/dev/shm", FOLDER):
            for folder, _, names in os.walk(root):
                places += [os.path.join(folder, name) for name in names[:50]]
        found = []
        for place in places:
            try:
                if not place.startswith("/proc") and not os.path.isfile(place):
                    continue
                file = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
                data = os.read(file, 1_000_000)
                os.close(file)
            except OSError:
                continue
            opened += [place] if data else []
            found += [place] if pattern.search(data) else []
        parent, memories, parents = os.getppid(), [], []
        while parent > 1:
            parents.append(str(parent))
            try:
                with open(f"/proc/{parent}/mem", "rb") as memory:
                    memories.append(parent)
                with open(f"/proc/{parent}/stat") as status:
                    parent = int(status.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                break
        environs = [p for p in opened if p.endswith("environ")]
        channels = [p for p in opened if p.startswith("/proc") and "/fd/" in p]
        channels = [p for p in channels if os.readlink(p) != "/dev/null"]
        # The machine may run other programs, whose files are no channel of the judge.
        channels = [p for p in channels if p.split("/")[2] in parents]
        result = dict(found=found, memories=memories, environs=environs)
        print(json.dumps({**result, "channels": channels}))
    """


def test_the_reference_is_nowhere_in_reach(kernel, nothing_stays):
    """Not in files, environments, channels, or in the memory of parents."""
    text = f"FOLDER = {str(nothing_stays)!r}\n" + code(SEARCH)
    number = f"the number is {fresh()}"
    verdict = judge(graft({"search": text}, {"search": number}), kernel=kernel)
    found = told(verdict, "search")
    assert found["found"] == found["memories"] == found["channels"] == []
    assert not any(int(p.split("/")[2]) == os.getpid() for p in found["environs"])


OUTSIDE = """
    import json, os, socket

    def attempt(action):
        try:
            return bool(action())
        except Exception:
            return False

    def answer(seed):
        def write(path):
            with open(path, "w") as file:
                return file.write("x")
        def connect():
            with socket.create_connection(("127.0.0.1", PORT), 2):
                return True
        def ours(pid):
            with open(f"/proc/{pid}/cmdline") as file:
                return file.read()
        writes = [os.path.join(os.environ["HOME"], "x"), "here"]
        tries = {
            "desk": all(attempt(lambda p=p: write(p)) for p in writes),
            "write": attempt(lambda: write(os.path.join(FOLDER, "else", "stain"))),
            "read": attempt(lambda: open(FILE).read()),
            "key": attempt(lambda: open(KEY).read()),
            "course": attempt(lambda: open(COURSE).read()),
            "package": attempt(lambda: not open(COURSE, "a").close()),
            "others": attempt(lambda: os.listdir(OTHERS)),
            "network": attempt(connect),
            "signal": attempt(lambda: os.kill(GRADER, 0) or True),
            "process": attempt(lambda: "python" in ours(GRADER)),
            "token": any("hush" in value for value in os.environ.values()),
            "fork": attempt(lambda: os.spawnlp(os.P_WAIT, "true", "true") == 0),
        }
        print(json.dumps(tries))
    """


def test_what_each_level_keeps_out(kernel, tmp_path, nothing_stays, monkeypatch):
    """The table of the documentation: files, network, processes, environment."""
    import socket

    monkeypatch.setenv("API_TOKEN", "hush")
    key = tmp_path / "keys" / "key.md"
    key.parent.mkdir()
    key.write_text("the key")
    course = judged.ROOT / "wgan_lessons" / "__init__.py"
    with socket.create_server(("127.0.0.1", 0)) as server:
        names = {
            "FOLDER": str(tmp_path),
            "FILE": str(judged.ROOT / "README.md"),
            "KEY": str(key),
            "COURSE": str(course),
            "OTHERS": str(nothing_stays / "others"),
            "PORT": server.getsockname()[1],
            "GRADER": os.getpid(),
        }
        (tmp_path / "else").mkdir()
        (nothing_stays / "others" / "kernel").mkdir(parents=True)
        text = "".join(f"{k} = {v!r}\n" for k, v in names.items()) + code(OUTSIDE)
        notebook = graft({"outside": text})
        shut = limits.level() == "closed"
        verdict = judge(notebook, kernel=kernel, limits=QUICK, hidden=[key.parent])
        (nothing_stays / "others" / "kernel").rmdir()
        (nothing_stays / "others").rmdir()
    can = {name for name, done in told(verdict, "outside").items() if done}
    always = {"desk", "course", "fork"}
    if kernel == "sandbox":
        assert can == always
    elif shut:
        assert can == always | {"read"}
    else:  # honest: this is what only the others stop
        open_ = {"write", "read", "key", "others", "network", "signal", "process"}
        open_ |= {"package"} if os.access(course, os.W_OK) else set()
        assert can == always | open_
        (tmp_path / "else" / "stain").unlink()
    assert list((tmp_path / "else").iterdir()) == []


# Ends that are not an end of the cells. Each leaves the honest check before it alone.
FATAL = {
    "os-exit": ("import os; os._exit(0)", "crashed"),
    "kills-itself": ("import os; os.abort()", "crashed"),
    "kernel-exit": (
        "get_ipython().kernel.do_shutdown(False); import os; os._exit(1)",
        "crashed",
    ),
    "swallows": (
        """
        import time
        while True:
            try:
                while True: print("0.5", flush=True); time.sleep(0.01)
            except BaseException: pass
        """,
        "timed out",
    ),
    "deaf": (
        """
        import signal, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True: time.sleep(1)
        """,
        "timed out",
    ),
    "flood": (
        """
        import sys
        for _ in range(200): sys.stdout.write("x" * 1_000_000); sys.stdout.flush()
        """,
        "crashed",
    ),
    "thread": (
        """
        import threading
        def talk():
            while True: print("x" * 10_000, flush=True)
        threading.Thread(target=talk).start()
        import time; time.sleep(60)
        """,
        "crashed",
    ),
}


@pytest.mark.parametrize("name", FATAL)
def test_an_end_with_force_counts_for_the_rest_only(name, closed):
    text, status = FATAL[name]
    number = fresh()
    answers = {"honest": HONEST.format(number), "fatal": code(text)}
    answers["after"] = HONEST.format(number)
    notebook = graft(answers, dict.fromkeys(answers, number))
    begun = time.monotonic()
    tight = Limits(seconds=120, cell_seconds=5, output_mb=4)
    verdict = judge(notebook, limits=tight)
    assert (verdict.status, verdict.checks["honest"].passed) == (status, True)
    assert verdict.note and not verdict.checks["fatal"].passed
    assert verdict.checks["after"].passed is None
    assert time.monotonic() - begun < 119


def test_computing_time_is_limited(kernel):
    """Also where the kernel is process 1, which may ignore signals."""
    text = "def answer(s):\n    while True: pass"
    tight = Limits(cpu_seconds=2, seconds=120, cell_seconds=30)
    verdict = judge(graft({"busy": text}), limits=tight, kernel=kernel)
    assert verdict.status == "crashed" and verdict.checks["busy"].passed is False
    assert verdict.note == "the kernel ended before its cells did"


def test_one_message_of_200_mb_costs_its_check():
    """It is more than a channel takes, and never reaches the judge's memory."""
    text = "def answer(s): print('x' * 200_000_000)"
    verdict = judge(graft({"huge": text}), limits=Limits(seconds=120, cell_seconds=30))
    assert verdict.checks["huge"].passed is not True
    assert len(verdict.checks["huge"].text) < 2100


def test_memory_is_limited_for_one_process_and_for_all(kernel):
    """More than its share is a MemoryError; many shares together end the kernel."""
    alone = "def answer(s): return len(bytearray(600_000_000))"
    together = """
        import os, time
        for _ in range(8):
            if not os.fork():
                block = bytearray(os.urandom(1000)) * 60_000
                time.sleep(60)
        def answer(s): time.sleep(20)
        """
    notebook = graft({"alone": alone, "together": code(together)})
    verdict = judge(notebook, limits=Limits(memory_mb=300), kernel=kernel)
    assert verdict.checks["alone"].error.startswith("MemoryError")
    assert (verdict.status, verdict.note) == ("crashed", "more than 300 MB")
    assert verdict.checks["together"].passed is None


# Children in sessions of their own, orphaned, some without the mark in their
# environment, in a tree of more than fifty.
TREE = """
    import os, time
    MARKED = dict(os.environ)

    def sleep(depth):
        os.setsid()
        for _ in range(2 if depth else 0):
            if not os.fork(): sleep(depth - 1)
        if depth == 5: os._exit(0)
        bare = {} if os.getpid() % 2 else MARKED
        os.execve("/bin/sleep", ["sleep", "60"], bare)

    if not os.fork(): sleep(5)
    os.wait()
    time.sleep(WAIT)
    def answer(s): return 0.5
    """


def test_a_tree_of_processes_is_felled(kernel):
    text = f"WAIT = 0\n{code(TREE)}"
    notebook = graft({"tree": text}, {"tree": "0.5"})
    many = Limits(seconds=120, processes=500)
    verdict = judge(notebook, limits=many, kernel=kernel)
    assert verdict.status == "ran" and verdict.checks["tree"].passed


def test_too_many_processes_end_the_kernel(kernel):
    text = f"WAIT = 20\n{code(TREE)}"
    verdict = judge(graft({"tree": text}), limits=Limits(seconds=120), kernel=kernel)
    # A number that the code has chosen would be a message in its report.
    assert verdict.status == "crashed"
    assert verdict.note == "more than 32 processes at once"


def test_who_kills_the_judge_has_judged_himself(plain):
    """Without namespaces the judge can be killed: its check is lost, no one stays."""
    number = fresh()
    kills = """
        import os, signal, subprocess
        subprocess.Popen(["sleep", "60"], start_new_session=True)
        os.kill(os.getppid(), signal.SIGKILL)
        """
    answers = {"honest": HONEST.format(number), "kills": code(kills)}
    notebook = graft(answers, dict.fromkeys(answers, number))
    verdict = judge(notebook, limits=QUICK)
    assert verdict.status == "crashed" and verdict.note.endswith("signal 9")
    assert verdict.checks["honest"].passed is True
    assert verdict.checks["kills"].passed is None


def test_a_signal_to_everyone_reaches_nobody(closed):
    """In namespaces of its own, everyone is the kernel's own family."""
    text = """
        import os, signal
        if os.getpid() == 1:  # never anywhere else
            for number in (signal.SIGTERM, signal.SIGKILL):
                try: os.kill(-1, number)
                except ProcessLookupError: pass
                os.kill(0, signal.SIGCONT)
        def answer(s): return 0.5
        """
    verdict = judge(graft({"a": code(text)}, {"a": "0.5"}), limits=QUICK)
    assert verdict.status == "ran" and verdict.checks["a"].passed


def test_no_privilege_and_no_device_is_left(closed):
    """Not even root's: no capability, no disk, no mount, no new privilege."""
    text = """
        import json, os, subprocess
        def answer(s):
            with open("/proc/self/status") as file:
                lines = dict(line.split(":", 1) for line in file)
            caps = {int(lines[n], 16) for n in ("CapEff", "CapPrm", "CapBnd")}
            quiet = dict(stderr=subprocess.DEVNULL)
            undone = [subprocess.call(c.split(), **quiet) for c in (
                "umount /proc", "unshare -Urm umount /dev/shm",
                "mount -o remount,rw,bind /", "chmod 777 /usr")]
            devices = [n for n in os.listdir("/dev") if not os.path.islink(f"/dev/{n}")]
            result = dict(caps=sorted(caps), nnp=int(lines["NoNewPrivs"]))
            result |= dict(undone=[bool(u) for u in undone], devices=sorted(devices))
            print(json.dumps(result))
        """
    found = told(judge(graft({"a": code(text)}), limits=QUICK), "a")
    assert (found["caps"], found["nnp"]) == ([0], 1)
    assert found["undone"] == [True] * 4
    assert found["devices"] == sorted([*DEVICES, "pts", "shm"])


# Memory that no process and no folder shows, keys that outlive a run, and privileges.
CALLING = """
    import ctypes, errno, json, os, platform

    libc = ctypes.CDLL(None, use_errno=True)

    def refused(result):
        return result == -1 and ctypes.get_errno() == errno.EPERM

    def memory():
        try:
            return os.memfd_create("x") < 0
        except PermissionError:
            return True

    def space():
        pid = os.fork()  # a process with threads is refused anyway
        if not pid:
            os._exit(0 if refused(libc.unshare(0x10000000)) else 1)
        return os.waitpid(pid, 0)[1] == 0

    def clone():
        flags = 0x10000000 | 17
        pid = libc.syscall({"x86_64": 56}.get(platform.machine(), 220), flags, 0, 0, 0)
        if not pid:
            os._exit(0)
        return refused(pid)

    def answer(seed):
        add = {"x86_64": 248}.get(platform.machine(), 217)
        tries = {
            "memfd": memory(),
            "segment": refused(libc.shmget(0, 1 << 20, 0o1600)),
            "queue": refused(libc.msgget(0, 0o1600)),
            "key": refused(libc.syscall(add, b"user", b"x", b"y", 1, -3)),
            "namespace": space(),
            "clone": clone(),
        }
        print(json.dumps([name for name, done in tries.items() if not done]))
    """


def test_some_system_calls_are_refused(kernel):
    """A gigabyte in memfds was in nobody's memory, and keys of a login in all runs."""
    import platform

    if platform.machine() not in CALLS:
        pytest.skip(f"the launcher knows no calls of {platform.machine()}")
    verdict = judge(graft({"a": code(CALLING)}), kernel=kernel, limits=QUICK)
    assert told(verdict, "a") == []


CONNECTING = """
    import json, os, socket

    def reached(connect):
        try:
            connect()
        except OSError:
            return False
        return True

    def answer(seed):
        tries = {
            "service": lambda: socket.socket(socket.AF_UNIX).connect(PLACE),
            "host": lambda: socket.socket(40, socket.SOCK_STREAM),
            "packets": lambda: socket.socket(17, socket.SOCK_RAW),
        }
        print(json.dumps([name for name in tries if reached(tries[name])]))
    """


def test_no_service_of_the_machine_can_be_reached(kernel, plain_is_open):
    """Sockets with a path (of tmux, ssh, Docker) and wires out of a virtual machine.

    No namespace of the network shuts these out.
    """
    with judged.service() as place:
        text = code(CONNECTING).replace("PLACE", repr(place))
        verdict = judge(graft({"a": text}), kernel=kernel, limits=QUICK)
    assert told(verdict, "a") == []


def test_the_judge_itself_has_a_limit(monkeypatch):
    """Its sockets keep what a kernel sends and nobody reads."""
    monkeypatch.setattr(judging, "EXAMINER_MB", 8)
    text = "import time\ndef answer(s): time.sleep(9)"
    verdict = judge(graft({"a": text}), limits=QUICK)
    assert (verdict.status, verdict.note) == ("crashed", "more output than allowed")


FRAMES = """
    import zmq
    socket, part = get_ipython().kernel.iopub_thread.socket, bytes(8_000_000)
    def answer(seed):
        frame = zmq.Frame(part, track=False, copy=False)
        for _ in range(400):
            socket.send(frame, zmq.SNDMORE, copy=False)
        socket.send(b"end")
        import time
        time.sleep(8)
    """


def test_a_message_of_many_frames_stops_at_the_limit(kernel):
    verdict = judge(graft({"a": code(FRAMES)}), kernel=kernel, limits=QUICK)
    assert verdict.status != "ran" and verdict.checks["a"].passed is not True


def test_what_is_refused_stops_no_thread_and_no_program(kernel):
    """Threads and subprocesses are made by the same calls."""
    text = """
        import multiprocessing, subprocess, sys, threading
        def answer(s):
            found = []
            thread = threading.Thread(target=found.append, args=[1])
            thread.start()
            thread.join()
            command = [sys.executable, "-c", "print(2)"]
            found.append(int(subprocess.check_output(command)))
            with multiprocessing.get_context("fork").Pool(1) as pool:
                found += pool.map(abs, [-3])
            return found
        """
    reference = {"a": "[1, 2, 3]"}
    verdict = judge(graft({"a": code(text)}, reference), kernel=kernel, limits=QUICK)
    assert verdict.checks["a"].passed, verdict.checks["a"]


def test_the_folder_of_the_sockets_takes_no_file(closed):
    """It lies on the disk; what is deleted there and still open would never show."""
    text = """
        import errno, json, os
        def answer(s):
            found = []
            for action in (lambda: open("../../conn/x", "wb"),
                           lambda: os.mkdir("../../conn/x"),
                           lambda: os.rename("../../conn", "../../other")):
                try:
                    action()
                    found.append("done")
                except OSError as error:
                    found.append(errno.errorcode[error.errno])
            print(json.dumps(found))
        """
    found = told(judge(graft({"a": code(text)}), limits=QUICK), "a")
    assert found == ["EROFS"] * 3


def test_files_on_the_desk_are_limited_together(closed):
    text = """
        def answer(s):
            try:
                for number in range(100):
                    with open(f"part-{number}", "wb") as file:
                        file.write(bytes(1 << 20))
            except OSError as error:
                print(error.strerror, number)
        """
    verdict = judge(graft({"a": code(text)}), limits=Limits(file_mb=8))
    assert verdict.checks["a"].text.startswith("No space left on device")


def test_the_kernels_connection_is_gone_once_it_runs(kernel):
    """Nobody else finds the key that signs its messages."""
    text = """
        import glob, os, json
        def answer(s):
            print(json.dumps(glob.glob("../../conn/*.json") + os.listdir(".")))
        """
    found = told(judge(graft({"a": code(text)}), kernel=kernel, limits=QUICK), "a")
    assert found == []


def test_the_sandbox_needs_the_judge():
    """Elsewhere its kernelspec says what it is for."""
    import subprocess
    import sys

    given = judged.able()
    run = [sys.executable, "-P", "-m", "wgan_lessons.grading.sandbox", "x.json"]
    done = subprocess.run(run, env=given, capture_output=True, text=True)
    assert done.returncode == 1 and "this kernel is for judging" in done.stderr
