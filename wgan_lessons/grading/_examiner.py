"""The process that judges one submission: pytest with nbval, and a kernel below it.

It gets the notebook through standard input and answers with a line of JSON a cell, so
that nothing of the key lies in a file, and what was judged stays judged if the time is
up. The kernel inherits neither channel. Whatever the kernel sends counts as output of
a cell and no more: only what agrees with the reference makes a check pass.
"""

import contextlib
import json
import math
import os
import secrets
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import nbformat
import nbval.plugin
import pytest
import zmq
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbval.kernel import RunningKernel

from wgan_lessons.grading import _texts, frame, limits
from wgan_lessons.grading._family import Family
from wgan_lessons.grading._rules import CHECKED
from wgan_lessons.grading.judging import NO_KERNEL

PLAIN = "wgan-lessons-plain"
GRACE = 3.0  # seconds that a cell has to stop after the interrupt
START = 60  # seconds that a kernel has to start
PLUGINS = ("nbval.plugin", "wgan_lessons.grading.nbval_numbers")
OPTIONS = "-q --tb=no --no-header --no-summary --capture=no --color=no --noconftest"


class Specs(KernelSpecManager):
    """The kernels of this machine, the course's sandbox, and a plain one."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.kernel_dirs = [*self.kernel_dirs, str(Path(__file__).parent)]

    def get_kernel_spec(self, kernel_name):
        """Return a kernelspec by its name."""
        if kernel_name != PLAIN:
            return super().get_kernel_spec(kernel_name)
        known = frame.own_kernel()
        known.argv = [*known.argv, "--HistoryManager.enabled=False"]
        return known


class Manager(KernelManager):
    """Starts kernels through the launcher, unless they see to their isolation."""

    def format_kernel_cmd(self, extra_arguments=None):
        """Return a kernel's command, with the launcher before it if it needs one."""
        command = super().format_kernel_cmd(extra_arguments)
        if not launched(self):
            return command
        return [sys.executable, "-I", "-S", str(limits.LAUNCH), *command]


def launched(manager):
    """Whether the launcher shuts a manager's kernel in, and not the kernel itself."""
    return os.name == "posix" and not manager.kernel_spec.metadata.get("isolates")


def manager(task):
    """Return a manager whose kernel speaks through sockets in the folder conn."""
    context = zmq.Context()
    context.setsockopt(zmq.MAXMSGSIZE, task["limits"].output_mb << 20)
    context.setsockopt(zmq.LINGER, 0)
    name = os.path.join(task["base"], "conn", f"k-{secrets.token_hex(4)}.json")
    place = {"transport": "ipc", "connection_file": name} if os.name == "posix" else {}
    specs = Specs(ensure_native_kernel=False)
    kernel = task["kernel"] or PLAIN
    return Manager(
        kernel_name=kernel, kernel_spec_manager=specs, context=context, **place
    )


class Kernel(RunningKernel):
    """nbval's kernel with an end to everything: time, output, and a dead process."""

    def __init__(self, task):
        self.task, self.bytes, self.asked = task, 0, False
        self.reason = self.status = ""
        self.until = math.inf
        self.waiting = {"iopub": deque(), "shell": deque()}
        self.km = manager(task)
        desk = os.path.join(task["base"], "desk")
        launch = limits.settings(
            task["limits"], task["base"], task["level"], hidden=task["hidden"]
        )
        environment = limits.environment(desk, task["token"])
        environment["WGAN_LESSONS_LAUNCH"] = launch
        quiet = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
        self.km.start_kernel(cwd=desk, env=environment, **quiet)
        self.kc = self.km.client()
        self.kc.start_channels(stdin=False, control=False)  # nobody reads them
        self.kc.wait_for_ready(timeout=START)
        self._ensure_iopub_up()
        # Other kernels could use its key.
        Path(self.km.connection_file).unlink(missing_ok=True)
        if task["level"] == "closed" and launched(self.km):
            self.wait_for_seal(os.path.join(task["base"], "conn"))

    def wait_for_seal(self, conn):
        """Wait until the folder of the sockets is read-only for the kernel."""
        place, until = conn.replace(" ", "\\040"), time.monotonic() + START
        while time.monotonic() < until:
            mounts = Path(f"/proc/{self.km.provisioner.pid}/mountinfo").read_text()
            fields = [line.split(" ") for line in mounts.splitlines()]
            if any(f[4] == place and f[5].startswith("ro") for f in fields):
                return
            time.sleep(0.01)
        raise RuntimeError(f"{conn} stays writable")

    def execute_cell_input(self, cell_input, allow_stdin=None):
        """Send a cell; from now on it counts as asked."""
        self.until, self.asked = math.inf, True
        return super().execute_cell_input(cell_input, allow_stdin)

    def interrupt(self):
        """Stop a cell that takes too long."""
        self.until = time.monotonic() + GRACE
        seconds = self.task["limits"].cell_seconds
        self.blame("timed out", f"a cell ran longer than {seconds:g} s")
        super().interrupt()

    def blame(self, status, reason):
        """Note what went wrong; the first reason is the one that counts."""
        self.status, self.reason = self.status or status, self.reason or reason

    def get_message(self, stream, timeout=None):
        """Return the next message; raise Empty when the time is up."""
        end = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            alive = self.km.is_alive()
            self.collect()
            if self.waiting[stream]:
                return self.waiting[stream].popleft()
            left = min(end, self.until) - time.monotonic()
            if left <= 0:
                raise nbval.plugin.Empty
            if not alive:
                self.blame("crashed", "the kernel ended before its cells did")
                raise RuntimeError("the kernel died")
            self.poll(min(left, 0.1))

    def poll(self, seconds):
        """Wait until a message is there, `seconds` at most."""
        poller = zmq.Poller()
        for channel in (self.kc.iopub_channel, self.kc.shell_channel):
            poller.register(channel.socket, zmq.POLLIN)
        poller.poll(math.ceil(1000 * seconds))

    def collect(self, *, most=200):
        """Take what has arrived, and end a kernel that says too much."""
        if not hasattr(self, "km"):
            return
        channels = {"iopub": self.kc.iopub_channel, "shell": self.kc.shell_channel}
        for name, channel in channels.items():
            for _ in range(most):
                try:
                    frames = channel.socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                self.bytes += sum(map(len, frames))
                # A message that is no message is no output either.
                with contextlib.suppress(Exception):
                    frames = self.kc.session.feed_identities(frames)[1]
                    self.waiting[name].append(self.kc.session.deserialize(frames))
        if self.bytes > self.task["limits"].output_mb << 20:
            self.blame("crashed", "more output than allowed")
            self.stop()
            raise RuntimeError("too much output")

    def is_alive(self):
        """Whether the kernel's process runs."""
        return hasattr(self, "km") and self.km.is_alive()


class Bench:
    """The pytest plugin: the notebook comes from memory, the verdicts go to `say`."""

    def __init__(self, task, say):
        self.task, self.say, self.kernel = task, say, None

    def start(self, *_, **__):
        """Start the kernel where nbval would."""
        try:
            self.kernel = Kernel(self.task)
        except BaseException as error:
            reason = _texts.short(f"{type(error).__name__}: {error}")
            self.say({"status": "crashed", "note": f"{NO_KERNEL}: {reason}"})
            Family(os.getpid(), self.task["token"]).end()
            self.say({"end": True})
            os._exit(0)  # the client's threads may wait for a dead kernel
        return self.kernel

    @pytest.hookimpl(trylast=True)
    def pytest_itemcollected(self, item):
        """Compare the checks and nothing else; no comment in a cell can change that."""
        tags = item.cell.metadata.get("tags", [])
        item.options = {"check": CHECKED in tags}
        item.options |= {"skip": False, "check_exception": False}
        # How two texts differ would show the reference, and takes long for long ones.
        item.format_output_compare = lambda key, left, right: None
        item.comparison_traceback = []
        compare = item.compare_outputs
        item.compare_outputs = lambda run, reference: (
            _texts.comparable(run, reference) and compare(run, reference)
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item):
        """Note that this cell has not been sent yet."""
        self.kernel.asked = False

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        """Say what became of a cell as soon as pytest knows."""
        yield
        if call.when == "setup" and call.excinfo:
            self.say({"cell": item.cell.id, "passed": None, "error": "not run"})
        if call.when == "call":
            self.say({"cell": item.cell.id, **self.verdict(item, call.excinfo)})

    def verdict(self, item, raised):
        """Return what became of one cell."""
        if not self.kernel.asked:
            return {"passed": None, "error": "not run"}
        text, error = _texts.text_and_error(item.test_outputs or [])
        if raised and not error:
            known = raised.errisinstance(nbval.plugin.NbCellError)
            differs = known and "Cell outputs differ" in str(raised.value)
            error = "the output differs" if differs else self.kernel.reason
            error = error or _texts.short(raised.exconly())
        compared = item.options["check"] and ("compared", True) in item.user_properties
        passed = not raised and (compared or not item.options["check"])
        return {"passed": passed, "text": text, "error": error}


def attend(task, say):
    """Judge the notebook of the task."""
    bench = Bench(task, say)
    notebook = nbformat.from_dict(task["notebook"])
    nbval.plugin.nbformat = SimpleNamespace(
        read=lambda *_, **__: notebook, from_dict=nbformat.from_dict
    )
    nbval.plugin.RunningKernel = bench.start
    empty = {
        name: os.path.join(task["base"], name) for name in ("none.ipynb", "none.ini")
    }
    for path in empty.values():
        Path(path).touch()
    plugins = [word for name in PLUGINS for word in ("-p", name)]
    pytest.main(
        [*OPTIONS.split(), *plugins, "-p", "no:cacheprovider", "--nbval-lax"]
        + ["-c", empty["none.ini"], "--rootdir", task["base"]]
        + ["--nbval-cell-timeout", str(task["limits"].cell_seconds)]
        + [empty["none.ipynb"]],
        plugins=[bench],
    )
    kernel = bench.kernel
    if kernel is not None:
        say({"status": kernel.status or "ran", "note": kernel.reason})


def main():
    """Read the task, judge, answer, and leave nobody behind."""
    limits.hide_process()
    limits.adopt_orphans()
    task = json.loads(sys.stdin.buffer.read())
    limits.die_with(task["parent"])
    task["limits"] = SimpleNamespace(**task["limits"])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")  # children do not inherit it
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(null, number)

    def say(line):
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    attend(task, say)
    Family(os.getpid(), task["token"]).end()
    say({"end": True})
    os._exit(0)  # nothing is left to tidy, and sockets take their time


if __name__ == "__main__":
    main()
