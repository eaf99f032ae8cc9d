"""Small grafted notebooks for the judge, and what every trial must leave behind."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import psutil
from nbformat.v4 import new_code_cell, new_notebook, new_output

from wgan_lessons.grading import limits
from wgan_lessons.grading.formats import CHECKED

ROOT = Path(limits.__file__).parents[2]
QUICK = limits.Limits(seconds=120, cell_seconds=20)


def fresh():
    """Return a number that nobody can know, as a notebook writes it."""
    digits = random.SystemRandom()
    # A last 0 would not be shown.
    return f"{digits.uniform(0.1, 0.9):.8f}{digits.randrange(1, 10)}"


def result(text):
    """Return the output of a cell whose last line has this value."""
    data = {"text/plain": text}
    return new_output("execute_result", data=data, execution_count=1)


def check(name, source, reference):
    """Return a check cell with its reference output."""
    return new_code_cell(
        source,
        id=name,
        metadata={"tags": [CHECKED]},
        execution_count=1,
        outputs=[result(reference)],
    )


def graft(answers, references=None):
    """Return a notebook: each answer {name: code} defines `answer` for its check."""
    references = references or {name: fresh() for name in answers}
    cells = [new_code_cell("SEED = 11", id="parameters")]
    for name, code in answers.items():
        cells.append(new_code_cell(f"# answer: {name}\n{code}", id=f"a-{name}"))
        cells.append(check(name, "answer(SEED)", references[name]))
    return new_notebook(cells=cells)


def able(**more):
    """Return an environment in which Python finds the package and the tests."""
    places = [str(ROOT), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    path = os.pathsep.join(filter(None, places))
    return {**os.environ, "PYTHONPATH": path, **more}


@contextlib.contextmanager
def nothing_left(monkeypatch):
    """Yield a temporary folder for trials, which leave no file and no process.

    It is not pytest's: paths of sockets must be short.
    """
    folder = Path(tempfile.mkdtemp(prefix="t-"))
    stays(folder, monkeypatch)
    yield folder
    assert list(folder.iterdir()) == []
    assert left(folder) == []
    folder.rmdir()


def stays(folder, monkeypatch):
    """Make `folder` the temporary folder, for this process and those it starts."""
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)


def left(folder):
    """Return the processes that came from a trial below `folder` and still run."""
    found = []
    for process in psutil.process_iter(["environ", "cmdline", "status"]):
        told = process.info["environ"] or {}
        words = [told.get("HOME", ""), *(process.info["cmdline"] or [])]
        running = process.info["status"] != psutil.STATUS_ZOMBIE
        if running and any(str(folder) in word for word in words):
            found.append(process)
    return found


@contextlib.contextmanager
def service():
    """Yield the path of a socket that somebody listens at."""
    folder = Path(tempfile.mkdtemp(prefix="s-", dir="/tmp"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        listening.listen()
        try:
            yield str(folder / "socket")
        finally:
            (folder / "socket").unlink()
            folder.rmdir()


def unignored():
    """Let a new process hear signals that a shell or nohup may have switched off."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


def sandbox_refuses():
    """Return why bubblewrap cannot work here, or an empty text."""
    command = "bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev true"
    try:
        done = subprocess.run(command.split(), capture_output=True, text=True)
    except OSError:
        return "bubblewrap is not installed"
    reason = done.stderr.strip().splitlines() or ["it says nothing"]
    return f"bubblewrap cannot work here: {reason[-1]}" if done.returncode else ""


def told(verdict, name):
    """Return the JSON that a cell printed in its first line."""
    return json.loads(verdict.checks[name].text.splitlines()[0])
