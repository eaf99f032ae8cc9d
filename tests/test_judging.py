"""The judge: what passes, what fails, what it says, and that it leaves nothing."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

import judged
import nbformat
import psutil
import pytest
from judged import QUICK, check, fresh, graft

from wgan_lessons.grading import _family, _folder, _texts, judging, limits
from wgan_lessons.grading._family import MARK, Family
from wgan_lessons.grading.judging import Check, judge
from wgan_lessons.grading.limits import Limits


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path, monkeypatch):  # tmp_path first: it lies elsewhere
    """No trial leaves a file or a process."""
    with judged.nothing_left(monkeypatch) as folder:
        yield folder


def test_each_check_is_compared_for_itself():
    """Right, wrong, missing and broken answers in one notebook, in one run."""
    right, wrong = fresh(), fresh()
    notebook = graft(
        {
            "right": f"def answer(s): return {right}",
            "near": f"def answer(s): return {float(right) + 4e-10}",
            "other": f"def answer(s): return {wrong}",
            "hint": "def answer(s): print('the mean, not the sum'); return 1.5",
            "broken": "def answer(s): return 1 / 0",
            "syntax": "del answer\ndef answer(s) return 2",
        },
        {n: right for n in ("right", "near", "other", "hint", "broken", "syntax")},
    )
    verdict = judge(notebook, limits=QUICK)
    assert (verdict.status, verdict.note) == ("ran", "")
    passed = {name for name, c in verdict.checks.items() if c.passed}
    assert passed == {"right", "near"}
    assert all(c.passed is not None for c in verdict.checks.values())
    checks = verdict.checks
    assert checks["right"] == Check(True, right, "")
    assert checks["hint"].text == "the mean, not the sum\n1.5"
    assert checks["hint"].error == "the output differs"
    assert checks["broken"].error == "ZeroDivisionError: division by zero"
    assert right not in repr((checks["other"], checks["hint"], checks["broken"]))
    assert list(verdict.errors) == ["a-syntax"]
    assert verdict.errors["a-syntax"].startswith("SyntaxError")


def test_the_courses_own_code_runs_within_the_usual_limits():
    """Torch, a penalty and a figure: what an exercise needs, judged as it is."""
    code = """
import matplotlib.pyplot as plt
import torch
from wgan_lessons import networks, penalties

def answer(seed):
    generator = torch.Generator().manual_seed(seed)
    real, fake = torch.randn(2, 64, 2, generator=generator)
    critic = networks.mlp_critic((2,), width=32, depth=2, seed=seed)
    plt.figure().gca().plot([0, 1])
    plt.close("all")
    penalty = penalties.gradient_penalty(critic, real, fake, generator)
    return round(penalty.item(), 4)
"""
    space = {}
    exec(code, space)
    notebook = graft({"penalty": code}, {"penalty": repr(space["answer"](11))})
    verdict = judge(notebook)
    assert (verdict.status, verdict.note, verdict.errors) == ("ran", "", {})
    assert verdict.checks["penalty"].passed


def test_comments_and_tags_change_nothing():
    """nbval's words skip no check, and compare no answer."""
    number = fresh()
    notebook = graft({"a": "# NBVAL_SKIP\ndef answer(s): return 2"}, {"a": number})
    for cell in notebook.cells:
        cell.source = "# NBVAL_IGNORE_OUTPUT\n# NBVAL_RAISES_EXCEPTION\n" + cell.source
    notebook.cells[-1].metadata.tags += ["nbval-skip", "raises-exception"]
    verdict = judge(notebook, limits=QUICK)
    assert verdict.checks["a"].passed is False
    assert verdict.checks["a"].text == "2"  # so the answer was not skipped


def test_a_cell_that_takes_too_long_costs_only_itself():
    notebook = graft(
        {
            "slow": "def answer(s):\n    while True: pass",
            "next": "def answer(s): return 0.25",
        },
        {"slow": "0.25", "next": "0.25"},
    )
    verdict = judge(notebook, limits=Limits(seconds=120, cell_seconds=2))
    assert verdict.status == "timed out"
    assert verdict.note == "a cell ran longer than 2 s"
    assert [c.passed for c in verdict.checks.values()] == [False, True]


def test_the_whole_time_is_limited_and_what_was_judged_stays():
    sleeps = "import time; time.sleep(30)\ndef answer(s): return 0.25"
    notebook = graft(
        {"first": "def answer(s): return 0.25", "second": sleeps},
        {"first": "0.25", "second": "0.25"},
    )
    verdict = judge(notebook, limits=Limits(seconds=12))
    assert (verdict.status, verdict.note) == ("timed out", "longer than 12 s")
    assert [c.passed for c in verdict.checks.values()] == [True, None]
    assert verdict.checks["second"].error == "not run"


def test_a_kernel_that_does_not_exist_is_named():
    verdict = judge(graft({"a": ""}), limits=QUICK, kernel="no-such-kernel")
    assert verdict.status == "crashed" and verdict.checks["a"].passed is None
    assert "no-such-kernel" in verdict.note


def test_what_could_not_be_judged_fairly_is_refused():
    empty = check("a", "answer(SEED)", "1")
    empty.outputs = []
    unexecuted = check("a", "answer(SEED)", "1")
    unexecuted.execution_count = None
    silent = check("a", "answer(SEED)", "1")
    silent.outputs = [nbformat.v4.new_output("stream", name="stderr", text="1")]
    for cell in (empty, unexecuted, silent):
        with pytest.raises(ValueError, match="'a' has no reference output"):
            judge(nbformat.v4.new_notebook(cells=[cell]))
    twice = [check("a", "1", "1"), check("a", "2", "2")]
    with pytest.raises(ValueError, match="an id of its own; got 'a' 2 time"):
        judge(nbformat.NotebookNode(cells=twice))
    with pytest.raises(ValueError, match="nothing to judge"):
        judge(nbformat.v4.new_notebook(cells=[]))


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(judging, "NEEDED", ("pytest", "no_such_module"))
    with pytest.raises(ValueError, match=r"no_such_module.*wgan-lessons\[grade\]"):
        judge(graft({"a": ""}))


@pytest.mark.parametrize("name", ["seconds", "memory_mb", "processes"])
def test_limits_are_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be"):
        Limits(**{name: 0})


def test_the_kernels_environment_is_a_short_list(monkeypatch):
    monkeypatch.setenv("API_TOKEN", "secret")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    given = limits.environment("/desk", "t")
    assert not {"API_TOKEN", "SSH_AUTH_SOCK"} & set(given)
    assert given["HOME"] == "/desk/home" and given["LC_ALL"] == "C.UTF-8"
    assert given[MARK] == "t"


def test_covering_spares_what_python_needs(tmp_path):
    """A folder that holds the environment is covered but for the environment."""
    for name in ("course/venv/lib", "course/keys", "course/src/wgan_lessons"):
        (tmp_path / name).mkdir(parents=True)
    key = tmp_path / "course" / "key.md"
    key.touch()
    (tmp_path / "link").symlink_to(key)
    keep = [
        str(tmp_path / "course" / "venv"),
        str(tmp_path / "course/src/wgan_lessons"),
    ]
    covered = set(limits.coverable(str(tmp_path / "course"), keep))
    assert covered == {str(key), str(tmp_path / "course" / "keys")}
    assert list(limits.coverable(str(tmp_path / "link"), keep)) == [str(key)]
    assert list(limits.coverable(str(tmp_path / "missing"), keep)) == []
    assert list(limits.coverable(keep[0], keep)) == []


def test_the_course_needs_no_exercises():
    """Of a checkout on the path only the package and its data are spared."""
    ask = "from wgan_lessons.grading.limits import needed; print(*needed(), sep='\\n')"
    given = judged.able()
    run = [sys.executable, "-P", "-c", ask]
    found = subprocess.run(run, env=given, capture_output=True, text=True).stdout
    assert str(judged.ROOT / "wgan_lessons") in found.splitlines()
    assert str(judged.ROOT) not in found.splitlines()


def test_a_folder_goes_with_all_that_strangers_put_there(tmp_path):
    """Locked and very deep folders, links, odd names; what links name stays."""
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o750)
    (kept / "file").touch()
    with _folder.temporary() as base:
        inside = os.path.join(base, "desk")
        os.symlink(kept, os.path.join(inside, "link"))
        os.mkdir(os.path.join(inside, "locked"))
        os.symlink(kept / "file", os.path.join(inside, "locked", "\n\udc80"))
        os.mkdir(os.path.join(inside, "locked", "inner"), 0)
        os.chmod(os.path.join(inside, "locked"), 0)
        here = os.getcwd()
        os.chdir(inside)
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        os.chdir(here)
        os.chmod(base, 0o500)
    assert not os.path.exists(base)
    assert (kept / "file").exists() and stat.S_IMODE(kept.stat().st_mode) == 0o750


def test_a_folder_that_was_swapped_is_left_alone(tmp_path, nothing_stays):
    """Something else under the same name is not ours to delete."""
    other = tmp_path / "precious"
    other.mkdir()
    (other / "file").touch()
    with _folder.temporary() as base:
        os.rename(base, base + "-moved")
        os.symlink(other, base)
    assert (other / "file").exists() and os.path.islink(base)
    assert not os.path.exists(base + "-moved")
    os.unlink(base)


def test_a_family_is_found_and_ended_with_those_who_left():
    """A child, a grandchild in a session of its own, an orphan with the mark."""
    code = "import subprocess, time; subprocess.Popen({}, start_new_session=True); {}"
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    token = fresh()
    given = {**os.environ, MARK: token}
    lives = [sys.executable, "-c", code.format(sleep, "time.sleep(60)")]
    first = subprocess.Popen(lives, env=given)
    orphan = [sys.executable, "-c", code.format(sleep, "print(1)")]
    subprocess.run(orphan, env=given, stdout=subprocess.DEVNULL)
    while not psutil.Process(first.pid).children():
        time.sleep(0.05)
    family = Family(first.pid, token)
    assert family.end() == []
    first.wait(5)
    assert len(family.seen) >= 3
    marked = psutil.process_iter(["environ"])
    assert all((p.info["environ"] or {}).get(MARK) != token for p in marked)


@pytest.mark.parametrize("error", [AttributeError, psutil.AccessDenied])
def test_memory_that_cannot_be_split_counts_whole(error):
    """`pss` is known on Linux only, and not of everybody's processes."""

    class Process:
        def memory_info(self):
            if self.closed:
                raise psutil.AccessDenied
            return SimpleNamespace(rss=7)

        def memory_full_info(self):
            raise error

    process = Process()
    process.closed = False
    assert _family.size(process, "memory_full_info", "pss") == 7
    process.closed = True
    assert _family.size(process, "memory_full_info", "pss") == 0


def test_somebody_without_a_home_has_no_fonts(monkeypatch):
    """As a user in a container, of whom nothing is known but a number."""

    def nobody(number):
        raise KeyError(number)

    for name in ("HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert limits.fonts() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("a\x00b\x07\tc\r\n", "ab\tc\n"),
        ("half \ud800 one", "half ? one"),
        ("abc\u202edef", "abcdef"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
    ],
)
def test_text_is_made_harmless(text, expected):
    assert _texts.clean(text) == expected


SLEEPER = """
import sys
from judged import graft
from wgan_lessons.grading.judging import judge
judge(graft({"a": "import time; time.sleep(60)"}))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nobody_outlives_the_grader(number, nothing_stays):
    """Ctrl-C tidies everything; after a kill no process stays."""
    given = judged.able(TMPDIR=str(nothing_stays))
    grader = subprocess.Popen(
        [sys.executable, "-c", SLEEPER],
        env=given,
        stderr=subprocess.DEVNULL,
        preexec_fn=judged.unignored,
    )
    until = time.monotonic() + 60
    while not list(nothing_stays.glob("*/conn/k-*-1")) and time.monotonic() < until:
        time.sleep(0.1)
    assert judged.left(nothing_stays)
    grader.send_signal(number)
    grader.wait(20)
    while judged.left(nothing_stays) and time.monotonic() < until:
        time.sleep(0.1)
    if number == signal.SIGKILL:  # the folder of a killed grader has nobody to take it
        for folder in nothing_stays.iterdir():
            shutil.rmtree(folder)


def test_text_is_cut():
    assert _texts.clip("x" * 5000).endswith("\n... (cut)")
    assert len(_texts.clip("x" * 5000)) < 2020
    assert _texts.clip("x" * 2000) == "x" * 2000
    assert len(_texts.short("word " * 500)) <= 303


def test_level_says_what_the_launcher_can_do():
    how = limits.level()
    assert how in limits.LEVELS and limits.launches(how)
    folder = os.path.realpath(tempfile.gettempdir())
    assert any(limits.within(folder, place) for place in limits.covered([]))
    assert "network" in limits.describe() and "'mine'" in limits.describe("mine")


def test_a_long_path_of_the_temporary_folder_stops_no_kernel(
    nothing_stays, monkeypatch
):
    """Paths of sockets have a limit: then /tmp serves, and is covered."""
    folder = nothing_stays / ("long" * 20)
    folder.mkdir()
    judged.stays(folder, monkeypatch)
    verdict = judge(judged.graft({"one": "answer = lambda s: 1"}), limits=judged.QUICK)
    assert verdict.status == "ran" and verdict.checks["one"].text == "1"
    if os.name == "posix":
        place = _folder.place()
        python = any(limits.within(path, place) for path in limits.needed())
        assert place == os.path.realpath("/tmp")
        assert python or place in limits.covered([])  # it stays open for Python
    folder.rmdir()
