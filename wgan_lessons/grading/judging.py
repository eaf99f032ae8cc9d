"""Judge one grafted notebook: nbval in a process of its own, a kernel shut in below.

    verdict = judge(notebook)               # nbformat, clean key with answers inside
    verdict.checks["cell-id"].passed

What a student's code can do, and what stops it:

always    The verdict is made in a process outside the kernel, from outputs compared
          with references that the kernel never sees: not in a file, not in its
          environment, not in a channel that it inherits. So prints, displays, forged
          messages, hidden errors and changed libraries win nothing without the
          numbers. Time, output, memory and processes have limits; all is ended.
closed    where Linux allows it (`limits.level()`): no network, no other process, no
          file to write outside its desk, nothing of `hidden` to read.
sandbox   kernel="sandbox", or a kernelspec of yours: the user's files are gone, too.

Where only "always" holds, code of the same user can read the key if it finds it on the
disk, watch kernels that run at the same time, and write where the user can. In the
kernel itself, code sees every cell that ran before: hidden checks and other answers.
"""

import contextlib
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from wgan_lessons.grading import _folder, limits
from wgan_lessons.grading._rules import CHECKED
from wgan_lessons.grading.limits import Limits

NO_KERNEL = "no kernel started"
EXAMINER_MB = 512  # of the judge itself; an honest run takes 70
LOOK = 0.25  # seconds between two looks at the family
NEEDED = ("nbval", "pytest", "nbformat", "nbclient", "jupytext", "psutil", "ipykernel")


@dataclass(frozen=True)
class Check:
    """What became of a check: None if it never ran; the student's text; the error."""

    passed: bool | None = None
    text: str = ""
    error: str = "not run"


@dataclass(frozen=True)
class Verdict:
    """The judge's result.

    `status` is "ran", "timed out" or "crashed", `checks` holds a Check for the id of
    every check, `note` says in a few words what went wrong, and `errors` holds one line
    for the id of each other cell that raised an error.
    """

    status: str
    checks: dict
    note: str = ""
    errors: dict = field(default_factory=dict)


def judge(notebook, *, limits=Limits(), kernel=None, hidden=()):  # noqa: B008 - frozen
    """Run a grafted notebook and compare its checks; return a Verdict.

    `notebook` is an nbformat 4 notebook whose checks carry the tag nbval-check-output,
    ids, and reference outputs with an execution count. `kernel` names a kernelspec
    ("sandbox" is the course's own), `hidden` paths that the kernel must not see.
    Raises ValueError for a notebook that could not be judged fairly, and where the
    extra `grade` is missing. Whatever the notebook does gives a Verdict. On Linux this
    process is hidden from others of the same user from then on (no dumps, no ptrace).
    """
    require()
    references(notebook)
    return Trial(notebook, limits, kernel, hidden).verdict()


def require():
    """Raise ValueError unless all that judging needs is installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"judging notebooks needs {', '.join(missing)}; not installed. "
            'Run: pip install "wgan-lessons[grade]"'
        )


def references(notebook):
    """Check that there is something to compare, and one id a cell."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    counts = Counter(cell.get("id") for cell in cells)
    bad = [name for name, count in counts.items() if name is None or count > 1]
    if bad:
        raise ValueError(
            f"every code cell needs an id of its own; got {bad[0]!r} "
            f"{counts[bad[0]]} time(s). Graft the answers on a clean key."
        )
    checks = [cell for cell in cells if CHECKED in cell["metadata"].get("tags", [])]
    if not checks:
        raise ValueError(
            f"no cell is tagged {CHECKED}; nothing to judge. Tag the checks."
        )
    for cell in checks:
        printed = any(o.get("name") != "stderr" for o in cell["outputs"])
        if not printed or cell.get("execution_count") is None:
            raise ValueError(
                f"the check {cell['id']!r} has no reference output, so anything would "
                "pass. Execute the model solution and store its outputs."
            )
    return [cell["id"] for cell in checks]


class Trial:
    """One examiner process from its start to the end of its family."""

    def __init__(self, notebook, limits, kernel, hidden):
        self.notebook, self.limits = notebook, limits
        self.kernel, self.hidden = kernel, hidden
        self.token = secrets.token_hex(16)
        self.cells, self.end, self.errors = {}, {}, b""
        self.stopped = None

    def verdict(self):
        """Run the examiner; return its Verdict."""
        limits.hide_process()
        with _folder.temporary() as base:
            task = self.task(base)
            process = self.start(base)
            readers = [
                threading.Thread(target=self.listen, args=[process.stdout]),
                threading.Thread(target=self.overhear, args=[process.stderr]),
                threading.Thread(target=self.hand_over, args=[process.stdin, task]),
            ]
            for reader in readers:
                reader.start()
            try:
                self.watch(process)
            finally:
                self.finish(process)
                for reader in readers:
                    reader.join()
        return self.conclusion(process.returncode)

    def start(self, base):
        """Start the examiner."""
        from wgan_lessons.grading._family import Family

        command = [sys.executable, "-P", "-m", "wgan_lessons.grading._examiner"]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        given = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        given |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "JUPYTER_PLATFORM_DIRS": "1"}
        given |= importable()
        process = subprocess.Popen(
            command, cwd=base, env=given, start_new_session=True, **pipes
        )
        self.family = Family(process.pid, self.token)
        return process

    def task(self, base):
        """Return all that the examiner must know, as bytes."""
        task = {
            "notebook": self.notebook,
            "limits": asdict(self.limits),
            "kernel": self.kernel,
            "base": base,
            "parent": os.getpid(),
            "token": self.token,
            "level": limits.level(),
            "hidden": [os.path.abspath(path) for path in self.hidden],
        }
        return json.dumps(task).encode("utf-8")

    def hand_over(self, pipe, task):
        """Give the examiner its task; that it has died is seen elsewhere."""
        with contextlib.suppress(OSError), pipe:
            pipe.write(task)

    def listen(self, pipe):
        """Take down what the examiner says, cell by cell."""
        with pipe:
            for line in pipe:
                try:
                    said = json.loads(line)
                except ValueError:
                    continue  # cut off in the middle
                name = said.pop("cell", None)
                if name is not None:
                    self.cells[name] = Check(**said)
                else:
                    self.end = {**said, **self.end}

    def overhear(self, pipe):
        """Keep the end of what the examiner's libraries complain about."""
        with pipe:
            for line in pipe:
                self.errors = (self.errors + line)[-2000:]

    def watch(self, process):
        """Wait for the examiner; stop it when the family takes too much."""
        until = time.monotonic() + self.limits.seconds
        most = self.limits.memory_mb << 20
        while self.stopped is None:
            try:
                process.wait(LOOK)
                return
            except subprocess.TimeoutExpired:
                pass
            members = self.family.look()
            if time.monotonic() > until:
                self.stopped = "timed out", f"longer than {self.limits.seconds:g} s"
            elif len(members) > self.limits.processes + 2:  # the launcher and itself
                # How many is left out: a number that code chooses is a message.
                allowed = self.limits.processes
                self.stopped = "crashed", f"more than {allowed} processes at once"
            elif self.family.memory(members, most) > most:
                self.stopped = "crashed", f"more than {self.limits.memory_mb} MB"
            elif self.family.of_root() > EXAMINER_MB << 20:
                # Sockets keep messages in its memory, whole ones and parts of one.
                self.stopped = "crashed", "more output than allowed"

    def finish(self, process):
        """End the family, then the examiner, to whom all its orphans fall until then.

        It is halted first: what it would say now would be news of its kernel's end.
        """
        if process.poll() is None:
            self.family.halt()
            self.family.end()
        process.kill()
        process.wait()
        self.family.end()

    def conclusion(self, code):
        """Put together what was said and seen."""
        checks = {
            name: self.cells.get(name, Check()) for name in references(self.notebook)
        }
        errors = {
            name: cell.error
            for name, cell in self.cells.items()
            if name not in checks and cell.error not in ("", "not run")
        }
        status, note = self.end.get("status", "crashed"), self.end.get("note", "")
        if self.stopped:
            status, note = self.stopped
        elif "end" not in self.end:
            said = self.errors.decode("utf-8", "replace").strip().splitlines()
            reason = (
                f"signal {-code}" if code < 0 else (said or ["no reason given"])[-1]
            )
            status, note = "crashed", f"the judge of this notebook ended: {reason}"
        return Verdict(status, checks, note, errors)


def importable():
    """Return PYTHONPATH as it must be to find this package, if it is a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "pyproject.toml").is_file():
        return {}
    path = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(root), path]))}
