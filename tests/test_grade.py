"""Grading a class: points, the table, stopping and going on."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import classes
import judged
import nbformat
import psutil
import pytest
from classes import CLASS, SECRET, hand_in, key_file, quick

import wgan_lessons
from wgan_lessons.grading import _marking, _places, _table, results
from wgan_lessons.grading.grade import grade
from wgan_lessons.grading.graft import graft
from wgan_lessons.grading.judging import Check, Verdict
from wgan_lessons.grading.limits import Limits

ROOT = Path(wgan_lessons.__file__).parents[1]
CALM = Limits(seconds=120, cell_seconds=60)


def table(out):
    """Return the rows of grades.csv as dicts."""
    text = (out / "grades.csv").read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class graded once by the real judge, two at a time."""
    home = tmp_path_factory.mktemp("class")
    files = {name: changed for name, (changed, _) in CLASS.items()}
    folder = hand_in(home / "in", files | {"junk.ipynb": b"\0\1\2"})
    key = key_file(home / "key")
    return grade(key, folder, home / "out", jobs=2, limits=CALM, seed=7)


@pytest.fixture
def small(tmp_path):
    """(key, folder of three submissions, out) for the quick judge."""
    files = {"a.ipynb": {}, "b.ipynb": {"more": "def more(n):\n    return n"}}
    folder = hand_in(tmp_path / "in", files | {"c.ipynb": None})
    return key_file(tmp_path), folder, tmp_path / "out"


@pytest.mark.parametrize("name", CLASS)
def test_points(graded, name):
    """An exercise that fails, or stops the kernel, drags no other one down."""
    result = dict(graded.rows)[name]
    points = tuple(mark.points for mark in result.marks.values())
    assert points == CLASS[name][1]
    assert result.status == ("crashed" if name == "exit.ipynb" else "graded")


def test_the_table_has_a_row_for_every_file(graded):
    rows = table(graded.out)
    header = ["file", "double", "quad", "more", "total", "status", "note"]
    assert list(rows[0]) == header
    files = [row["file"].removeprefix("'") for row in rows]
    assert sorted(files) == sorted([*CLASS, "junk.ipynb"])
    junk = next(row for row in rows if row["file"] == "junk.ipynb")
    assert junk["status"] == "unreadable" and junk["total"] == junk["double"] == ""
    assert "binary" in junk["note"]
    assert not graded.complete


def test_reports_hold_no_secrets(graded):
    """Neither hidden checks nor the model's answers, whatever the code prints."""
    pages = [p.read_text("utf-8") for p in (graded.out / "reports").iterdir()]
    assert len(pages) == len(CLASS) + 1
    assert not any(
        SECRET in page or "double(double(n))" in page for page in spied(pages)
    )
    assert any("the key says" in page for page in pages)


def spied(pages):
    """Return the pages but that of the student who wrote the model's answer."""
    return [page for page in pages if "Zo" not in page]


def test_reports_execute_nothing(graded):
    pages = [p.read_text("utf-8") for p in (graded.out / "reports").iterdir()]
    assert any("&lt;script&gt;" in page for page in pages)
    assert not any("<script" in page for page in pages)


def test_what_was_missed_is_said(graded):
    page = next((graded.out / "reports").glob("Zoe*")).read_text("utf-8")
    assert "Twice is not plus two." in page
    assert "0 of 2 points" in page and "3 of 3 points" in page


def test_a_hidden_check_is_passed_or_failed(graded):
    mark = dict(graded.rows)["half.ipynb"].marks["double"]
    assert [o.passed for o in mark.outcomes] == [True, False]
    hidden = mark.outcomes[1]
    assert hidden == results.Outcome(False, hidden=True)


def test_a_fresh_seed_is_drawn_and_kept(small, monkeypatch):
    key, folder, out = small
    quick(monkeypatch)
    first = grade(key, folder, out)
    assert json.loads((out / "settings.json").read_text())["seed"] == first.seed
    assert grade(key, folder, out).seed == first.seed
    assert grade(key, folder, out.with_name("other")).seed != first.seed
    assert grade(key, folder, out, seed=5).seed == 5


def test_the_seed_kept_is_that_of_the_table(small, monkeypatch):
    """Also if all was judged long ago with a seed that is asked for again, even 0."""
    key, folder, out = small
    quick(monkeypatch)
    for seed in (0, 7, 0):
        grade(key, folder, out, seed=seed)
        assert json.loads((out / "settings.json").read_text())["seed"] == seed
    assert grade(key, folder, out).seed == 0


@pytest.mark.skipif(os.name != "posix", reason="modes as POSIX has them")
def test_points_are_private(small, monkeypatch):
    """A new folder of results is the teacher's; one that was there stays as it is."""
    key, folder, out = small
    quick(monkeypatch)
    there = out.with_name("there")
    there.mkdir(mode=0o755)
    there.chmod(0o755)
    modes = []
    for place in (out, there):
        grade(key, folder, place)
        modes.append(place.stat().st_mode & 0o777)
    assert modes == [0o700, 0o755]


def test_a_slow_key_has_the_time_that_answers_have(small, monkeypatch):
    """And 120 seconds at least."""
    key, folder, out = small
    quick(monkeypatch)
    seen = []

    def execute(notebook, *, seconds):
        seen.append(seconds)
        return classes.play(notebook)

    monkeypatch.setattr("wgan_lessons.grading.grade.execute", execute)
    for cell_seconds in (10, 500):
        limits = Limits(seconds=600, cell_seconds=cell_seconds)
        grade(key, folder, out / str(cell_seconds), limits=limits)
    assert seen == [120, 500]


def test_nothing_begins_after_an_interrupt(small, monkeypatch):
    """Also not for a submission that was between two trials when it came."""
    key, folder, out = small
    begun = []

    class Trial:
        def __init__(self, made, *_):
            self.made = made

        def verdict(self):
            begun.append(self.made)
            if len(begun) == 3:
                raise KeyboardInterrupt
            return classes.QuickJudge()(self.made, None, None, None)

    def slow_graft(*given, **more):
        time.sleep(0.3)
        return graft(*given, **more)

    monkeypatch.setattr(_marking.judging, "Trial", Trial)
    monkeypatch.setattr(_marking, "graft", slow_graft)
    monkeypatch.setattr("wgan_lessons.grading.grade.execute", classes.played)
    with pytest.raises(KeyboardInterrupt):
        grade(key, folder, out, seed=3, jobs=2)
    at_the_end = len(begun)
    time.sleep(1)
    assert len(begun) == at_the_end


def test_what_is_done_is_not_judged_again(small, monkeypatch):
    """Only a new or changed file is; another seed or key means all of them."""
    key, folder, out = small
    judge = quick(monkeypatch)
    before = grade(key, folder, out, seed=1)
    content, judge.trials = (out / "grades.csv").read_bytes(), 0
    assert grade(key, folder, out) == before and judge.trials == 0
    assert (out / "grades.csv").read_bytes() == content
    hand_in(folder, {"d.ipynb": {"quad": "def quad(n):\n    return 4 * n + 0"}})
    grade(key, folder, out)
    assert judge.trials == 2  # the key, and the new one
    judge.trials = 0
    grade(key, folder, out, seed=2)
    assert judge.trials > 4


def test_stopping_keeps_what_is_done(small, monkeypatch):
    """After an interrupt the same call goes on and ends as if never stopped."""
    key, folder, out = small
    quick(monkeypatch)
    whole = grade(key, folder, out.with_name("whole"), seed=3)

    def interrupt(judge):
        if judge.trials == 3:
            raise KeyboardInterrupt

    quick(monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        grade(key, folder, out, seed=3)
    assert len(list((out / ".results").iterdir())) == 1
    assert not (out / "grades.csv").exists()
    judge = quick(monkeypatch)
    assert grade(key, folder, out).rows == whole.rows
    full = (out.with_name("whole") / "grades.csv").read_bytes()
    assert (out / "grades.csv").read_bytes() == full and judge.trials > 1


def test_results_of_another_set_are_never_overwritten(small, monkeypatch):
    key, folder, out = small
    quick(monkeypatch)
    grade(key, folder, out)
    before = (out / "grades.csv").read_bytes()
    other = key.rename(key.with_name("other.md"))
    with pytest.raises(ValueError, match="holds the results of 'small'.*another fol"):
        grade(other, folder, out)
    assert (out / "grades.csv").read_bytes() == before
    (out.with_name("file")).write_text("")
    with pytest.raises(ValueError, match="is a file. Choose a folder"):
        grade(other, folder, out.with_name("file"))


def test_rows_that_are_gone_are_kept_and_told(small, monkeypatch):
    """As when only the late submission is given, or another class."""
    key, folder, out = small
    quick(monkeypatch)
    assert grade(key, folder, out).lost == ()
    before = (out / "grades.csv").read_bytes()
    late = hand_in(folder.with_name("late"), {"c.ipynb": None, "d.ipynb": {}})
    graded = grade(key, late, out)
    assert graded.lost == ("a.ipynb", "b.ipynb")
    assert [row["file"] for row in table(out)] == ["c.ipynb", "d.ipynb"]
    assert (out / "grades.before.csv").read_bytes() == before


def test_a_class_of_another_set_is_strange(small, monkeypatch):
    key, folder, out = small
    quick(monkeypatch)
    assert not grade(key, folder, out).strange
    other = folder.with_name("other")
    other.mkdir()
    cells = [classes.code("# answer: w1\nw1 = 3")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), other / "a.ipynb")
    assert grade(key, other, out.with_name("out2")).strange


def test_a_broken_result_is_made_again(small, monkeypatch):
    key, folder, out = small
    quick(monkeypatch)
    before = grade(key, folder, out)
    for path in (out / ".results").iterdir():
        path.write_text('{"status": "graded", "marks": 3}')
    assert grade(key, folder, out) == before


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("return n + 1", "return n + 1 / 0", "ZeroDivisionError"),
        ("more(SEED)", "import random; more(random.random())", "fails check 1"),
    ],
)
def test_a_key_that_fails_grades_nothing(small, monkeypatch, old, new, says):
    key, folder, out = small
    judge = quick(monkeypatch)
    key.write_text(key.read_text().replace(old, new))
    if "Zero" in says:
        monkeypatch.undo()
        says = f"nothing was graded.*{says}"
    with pytest.raises(ValueError, match=f"(?s){says}"):
        grade(key, folder, out)
    assert not (out / "grades.csv").exists() and judge.trials <= 1


def test_a_grader_that_fails_is_a_row_and_no_result(small, monkeypatch):
    key, folder, out = small

    def fail(judge):
        if judge.trials == 2:
            raise OSError("no space left")

    quick(monkeypatch, fail)
    first = grade(key, folder, out).rows[0][1]
    assert first.status == "crashed" and "no space left" in first.note
    quick(monkeypatch)
    assert grade(key, folder, out).complete


def test_retry_judges_again_what_was_cut_off(small, monkeypatch):
    """Timed out means so; with retry it is judged again, and the rest is kept."""
    key, folder, out = small
    judge = quick(monkeypatch)
    plain = judge.__class__.__call__

    def slow(made, *rest):
        verdict = plain(judge, made, *rest)
        if judge.trials in (2, 3, 4, 5, 6):
            lost = {name: Check() for name in verdict.checks}
            return Verdict("timed out", lost, "longer than 9 s")
        return verdict

    monkeypatch.setattr(_marking.TRIALS, "judge", slow)
    first = grade(key, folder, out).rows[0][1]
    assert first.status == "timed out" and first.total == 0
    assert first.note == "; ".join(f"{n}: longer than 9 s" for n in classes.MODEL)
    judge = quick(monkeypatch)
    assert not grade(key, folder, out).complete and judge.trials == 0
    assert grade(key, folder, out, retry=True).complete


def test_results_never_lie_among_the_submissions(small, monkeypatch):
    key, folder, _ = small
    quick(monkeypatch)
    with pytest.raises(ValueError, match="among the submissions"):
        grade(key, folder, folder)
    inside = folder / "results"
    assert len(grade(key, folder, inside).rows) == 3
    assert len(grade(key, folder, inside).rows) == 3


def test_names_of_columns_are_taken(small, monkeypatch):
    key, folder, out = small
    key.write_text(key.read_text().replace("answer: more", "answer: total"))
    with pytest.raises(ValueError, match="'total', like a column"):
        grade(key, folder, out)


@pytest.mark.parametrize(
    "text, cell",
    [
        ("=1+1", "'=1+1"),
        ("  @x", "'  @x"),
        ("-3 b.ipynb", "'-3 b.ipynb"),
        ("\tx", "\ufffdx"),
        ("a\r\n=b", "a\ufffd\ufffd=b"),
        ("\uff1d1", "'\uff1d1"),
        ("\u202egpj.exe", "\ufffdgpj.exe"),
        ("Zoë (1).ipynb", "Zoë (1).ipynb"),
        ("a\ud800b", "a\ufffdb"),
    ],
)
def test_no_cell_is_a_formula(text, cell):
    """Nor does it hold control characters, or letters that turn the direction."""
    assert _table.safe(text) == cell


def test_another_number_of_jobs_gives_the_same_table(small, monkeypatch):
    key, folder, out = small
    quick(monkeypatch)
    tables = []
    for jobs in (1, 2):
        grade(key, folder, out / str(jobs), seed=4, jobs=jobs)
        tables.append((out / str(jobs) / "grades.csv").read_bytes())
    assert tables[0] == tables[1]


def test_dask_gives_the_same_table(small, tmp_path):
    """A local cluster of two workers, with the real judge."""
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    key, folder, out = small
    (folder / "c.ipynb").unlink()
    tables = []
    for backend in ("threads", "dask"):
        place = out / backend
        grade(key, folder, place, seed=4, jobs=2, limits=CALM, backend=backend)
        tables.append((place / "grades.csv").read_bytes())
    assert tables[0] == tables[1]


class Ended(NamedTuple):
    """A command that was sent a signal: its exit code, stderr, and its processes."""

    code: int
    error: bytes
    family: list


def short_folder():
    """Return a new temporary folder; the paths of sockets in it must be short."""
    return Path(tempfile.mkdtemp())


def interrupted(home, desks, name, ready, key, *options):
    """Grade HOME/in in another process, send it a signal once `ready()`: Ended."""
    command = [sys.executable, "-m", "wgan_lessons", "grade", key, home / "in"]
    process = subprocess.Popen(
        [*map(str, [*command, "--out", home / "out", *options])],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(desks)},
        cwd=home,
        stderr=subprocess.PIPE,
        preexec_fn=judged.unignored,
    )
    try:
        until = time.monotonic() + 100
        while not ready():
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.1)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(getattr(signal, name))
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    return Ended(process.returncode, error, family)


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("name, jobs", [("SIGINT", 1), ("SIGHUP", 2), ("SIGTERM", 1)])
def test_interrupting_the_command_leaves_nothing_behind(tmp_path, name, jobs):
    """Ctrl-C ends the students' kernels, keeps what is done, and says how to go on.

    So does closing the terminal.
    """
    forever = {"double": "import time\ntime.sleep(600)"}
    hand_in(tmp_path / "in", {"a.ipynb": {}, "b.ipynb": forever})
    desks, finished = short_folder(), tmp_path / "out" / ".results"

    def judging():
        return finished.is_dir() and list(desks.glob("*/desk"))

    jobs = ("--jobs", str(jobs))
    ended = interrupted(tmp_path, desks, name, judging, key_file(tmp_path), *jobs)
    assert ended.code == 130
    assert b"the same command goes on" in ended.error
    assert b"Traceback" not in ended.error
    assert ended.family and not psutil.wait_procs(ended.family, timeout=10)[1]
    assert not list(desks.glob("wgan-judge-*"))
    shutil.rmtree(desks)
    assert len(list(finished.iterdir())) == 1


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupting_the_key_ends_the_grader(tmp_path, name):
    """Nothing is graded then, whoever else would like to handle the signal."""
    mark = tmp_path / "it runs"
    key = key_file(tmp_path)
    slow = f"import time\nopen({str(mark)!r}, 'w').close()\ntime.sleep(600)\ndef more("
    key.write_text(key.read_text("utf-8").replace("def more(", slow, 1), "utf-8")
    hand_in(tmp_path / "in", {"a.ipynb": {}})
    desks = short_folder()
    ended = interrupted(tmp_path, desks, name, mark.exists, key)
    assert ended.code == 130 and b"Traceback" not in ended.error
    assert ended.family and not psutil.wait_procs(ended.family, timeout=10)[1]
    assert not list(desks.iterdir()) and not (tmp_path / "out").exists()
    shutil.rmtree(desks)


def test_what_holds_the_key_is_concealed(tmp_path):
    """Solutions as `assign --out` writes them, editors' copies, git's real folder."""
    key = key_file(tmp_path / "course" / "keys")
    course, store = tmp_path / "course", tmp_path / "main" / ".git" / "worktrees" / "a"
    hidden = [
        "keys/handout/solution/small.ipynb",
        "keys/.small.md.swp",
        "keys/small_files",
        "solutions/small.ipynb",
    ]
    for name in hidden:
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text("")
    store.mkdir(parents=True)
    (store / "commondir").write_text("../..\n")
    (course / ".git").write_text(f"gitdir: {store}\n")
    found = _places.secret(key, tmp_path / "in", tmp_path / "out")
    expected = {course / name for name in hidden} | {store, store.parents[1]}
    assert expected | {key, tmp_path / "in", tmp_path / "out"} <= set(found)
    assert course / "keys" not in found


def test_a_short_name_near_the_root_conceals_no_system(monkeypatch):
    """A key /x/lib.md is no reason to take /usr/lib away."""
    found = _places.secret(Path("/x/lib.md"), Path("/x/in"), Path("/x/out"))
    assert found == [Path("/x/in"), Path("/x/lib.md"), Path("/x/out")]
