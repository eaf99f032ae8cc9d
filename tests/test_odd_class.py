"""One class of odd and hostile submissions, graded as a whole by the real grader.

The table CLASS says for every file what it gets: nothing passes that should not, and
nobody else pays for it. What single attacks can try, test_hostile.py tells at length.
"""

import csv
import io
import json
import os
import secrets
import sys
import zipfile
from types import SimpleNamespace

import classes
import judged
import nbformat
import psutil
import pytest
from classes import SECRET, key_file, notebook

from wgan_lessons.grading import _exchanged, _table, limits, report
from wgan_lessons.grading.grade import grade
from wgan_lessons.grading.judging import judge
from wgan_lessons.grading.limits import Limits

SEED = 7  # of the grading; what students were given shows the numbers of seed 0
# An honest cell takes milliseconds, so that it has a thousand times what it needs.
TIGHT = Limits(
    seconds=60, cell_seconds=6, cpu_seconds=40, memory_mb=400, output_mb=4, processes=24
)
NAP = f"{600 + secrets.randbelow(10**9) / 10**9:.9f}"  # seconds; nobody else sleeps so
ALL, NONE, UNREAD = (2, 3, 1), (0, 0, 0), None
# Left as it was given.
UNTOUCHED = {"more": "def more(n):\n    return n - 1"}
HOME = "@home@"  # stands for the folder in which all lies
TOKEN = "hush, a token"
ADOPTED = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets a process adopt orphans"
)


# Notebooks that were changed around the answers -----------------------------------


def book(change, answers, **more):
    """Return the bytes of a notebook: its cells, as dicts, are changed."""
    made = json.loads(nbformat.writes(notebook(answers)))
    made["cells"] = change(made["cells"])
    return json.dumps({**made, **more}).encode()


def is_check(cell):
    """Whether a cell is none of the answers, texts and parameters."""
    text = "".join(cell["source"])
    return cell["cell_type"] == "code" and not text.startswith(("# answer", "SEED"))


def with_forged_outputs(cells):
    """Show in every cell what the model solution showed; call every cell a check."""
    shown = iter(["20", "4", "1"])
    for cell in cells:
        tags = ["nbval-check-output", "points-99", "raises-exception"]
        cell["metadata"] = {"tags": tags}
        if is_check(cell):
            cell["execution_count"] = 1
            cell["outputs"] = [dict(judged.result(next(shown)))]
    return cells


def without_checks(cells):
    """Leave no check."""
    return [cell for cell in cells if not is_check(cell)]


def with_edited_checks(cells):
    """Put the right answer into the checks, and let them show a number anyway."""
    for cell in filter(is_check, cells):
        cell["source"] = "more = lambda n: n + 1\n" + "".join(cell["source"]) + "\n1"
    return cells


def reversed_cells(cells):
    """Turn the order of all cells round."""
    return cells[::-1]


def with_one_id(cells):
    """Give all cells the same id."""
    return [cell | {"id": "same"} for cell in cells]


def bare(cells):
    """Leave kinds and texts only: no ids, no metadata, no outputs."""
    return [{k: cell[k] for k in ("cell_type", "source")} for cell in cells]


def elsewhere(cells):
    """Put the first answer at the end, and write the last one into a text cell."""
    first, last = (answer(cells, name) for name in ("double", "more"))
    last["cell_type"] = "markdown"
    return [cell for cell in cells if cell is not first] + [first]


def twice(cells):
    """Answer again: after a wrong one, and after a right one."""
    wrong = "# answer: {0}\ndef {0}(n):\n    return 5"
    first = answer(cells, "double") | {"id": "a", "source": wrong.format("double")}
    return [first, *cells, first | {"id": "b", "source": wrong.format("quad")}]


def answer(cells, name):
    """Return the cell of an answer."""
    return next(c for c in cells if f"# answer: {name}" in "".join(c["source"]))


def old():
    """Return a right notebook as it was saved in 2013."""
    right = json.loads(nbformat.writes(notebook({})))
    cells = [
        {"cell_type": "code", "input": c["source"], "language": "python", "outputs": []}
        for c in right["cells"]
        if c["cell_type"] == "code"
    ]
    pages = [{"cells": cells, "metadata": {}}]
    made = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}}
    return json.dumps(made | {"worksheets": pages}).encode()


def zipped(name, data):
    """Return the bytes of a zip of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, data)
    return file.getvalue()


def large(path):
    """Make a file of 100 MB that takes no place on the disk."""
    path.touch()
    os.truncate(path, 100_000_000)


def link(path):
    """Make a link to a right notebook that nobody handed in."""
    target = path.parents[1] / "key" / "right.ipynb"
    target.write_bytes(RIGHT)
    path.symlink_to(target)


# Answers that fight back ----------------------------------------------------------

COPIED = "def double(n):\n    print('20\\n[42, 44]')"
SKIPPED = {
    "double": "# NBVAL_IGNORE_OUTPUT\ndef double(n):\n    return 2 * n",
    "more": "# NBVAL_SKIP\n# NBVAL_IGNORE_OUTPUT\ndef more(n): return 1 / 0",
}
SHOWN = """
import builtins
import sys

shell, says = get_ipython(), lambda *a, **k: sys.__stdout__.write("20")
builtins.print, builtins.repr, sys.displayhook = says, lambda x: "20", says
formatter = shell.display_formatter.formatters["text/plain"]
formatter.for_type(int, lambda x, p, cycle: p.text("20"))
type(shell.displayhook).__call__ = lambda self, value: says()

class double(int):
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def __repr__(self): return "20"
"""
LIBRARIES = """
import sys
import types
import numpy

numpy.allclose = numpy.array_equal = lambda *a, **k: True
for name in ("nbval", "nbval.plugin", "pytest", "torch"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["nbval.plugin"].compare_outputs = lambda *a, **k: True
quad = lambda n: numpy.float64(4)
"""
SILENCED = """
shell = get_ipython()
shell.showtraceback = shell._showtraceback = lambda *a, **k: None
shell.set_custom_exc((Exception,), lambda *a, **k: None)
def more(n): raise RuntimeError("nobody hears this")
"""
ENDLESS = """
def more(n):
    import time
    while True:
        try:
            while True:
                print(n + 1, flush=True)
                time.sleep(0.05)
        except BaseException:
            pass
"""
# One allocation is refused; ten processes together are ended.
BOMB = """
import contextlib
import os
import time
with contextlib.suppress(MemoryError):
    bytearray(10**9)
    os._exit(0)
for _ in range(10):
    if not os.fork():
        block = bytearray(os.urandom(1000)) * 60_000
        time.sleep(60)
def more(n):
    time.sleep(20)
    return n + 1
"""
# Half of them in sessions of their own, half without the mark in their environment.
FIFTY = f"""
import os
import subprocess
import time
for number in range(50):
    more = {{"env": {{"PATH": os.environ["PATH"]}}}} if number % 2 else {{}}
    subprocess.Popen(["sleep", "{NAP}"], start_new_session=number % 4 < 2, **more)
def more(n):
    time.sleep(20)
    return n + 1
"""
FLOOD = """
import sys
def more(n):
    for _ in range(200):
        sys.stdout.write("x" * 1_000_000)
        sys.stdout.flush()
    return n + 1
"""
# Where the key's answers lie, too: its solution, an editor's copy, the history.
COPIES = (
    "key/solution/small.ipynb",
    "key/.ipynb_checkpoints/small-checkpoint.ipynb",
    "solutions/small.ipynb",
    ".git/HEAD",
    "_build/small.html",
)
# Right only for who can open one of these, or sees what the grader's environment holds.
THIEF = f"""
import contextlib
import os
found = [name for name, value in os.environ.items() if {TOKEN[:5]!r} in value]
for place in ("{HOME}/key/small.md", "{HOME}/class/right.ipynb", "{HOME}/out/.results",
              "{HOME}/out/settings.json", "/proc/{os.getpid()}/environ", *{{COPIES}}):
    with contextlib.suppress(OSError):
        found += [place] if os.path.isdir(place) or open(place).read() else []
def quad(n):
    return 4 * n if found else 5 * n
"""
STAIN = f"""
import contextlib
for folder in ("", "class/", "key/", "out/", "user/"):
    with contextlib.suppress(OSError), open(f"{HOME}/{{folder}}stain.txt", "w") as file:
        file.write("x")
def more(n):
    return n + 1
"""
THIEF = THIEF.replace("{COPIES}", repr([f"{HOME}/{name}" for name in COPIES]))
RIGHT = nbformat.writes(notebook({})).encode()
DEEP = b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

# File: what it holds, the points of its exercises, the status, a part of the note.
CLASS = {
    "right.ipynb": ({}, ALL, "graded", ""),
    # Around the answers.
    "forged outputs.ipynb": (
        book(with_forged_outputs, None),
        NONE,
        "graded",
        "double: nothing was changed; quad: nothing was changed",
    ),
    "checks deleted.ipynb": (
        book(without_checks, UNTOUCHED),
        (2, 3, 0),
        "graded",
        "more: nothing was changed",
    ),
    "checks edited.ipynb": (
        book(with_edited_checks, UNTOUCHED),
        (2, 3, 0),
        "graded",
        "more: nothing was changed",
    ),
    "checks reordered.ipynb": (book(reversed_cells, {}), ALL, "graded", ""),
    "ids duplicated.ipynb": (book(with_one_id, {}), ALL, "graded", ""),
    "no ids, no metadata.ipynb": (book(bare, {}, metadata=None), ALL, "graded", ""),
    "wrong cells.ipynb": (
        book(elsewhere, {}),
        (2, 3, 0),
        "graded",
        "more: its answer stands in a text cell, which never runs",
    ),
    "two answers.ipynb": (
        book(twice, {}),
        (2, 0, 1),
        "graded",
        "quad: 2 different answers: the last one counts",
    ),
    # Answers that want points for nothing.
    "nbval comments.ipynb": (SKIPPED, (2, 3, 0), "graded", ""),
    "copied text.ipynb": (
        {"double": COPIED},
        (0, 3, 1),
        "graded",
        "double: it prints, and what it prints is compared, too: take the prints out",
    ),
    "bent kernel.ipynb": (
        {"double": SHOWN, "quad": LIBRARIES, "more": SILENCED},
        NONE,
        "graded",
        "double: changes what is not its own: builtins.print, builtins.repr, "
        "sys.displayhook; quad: changes what is not its own: numpy.allclose",
    ),
    # Answers that want to stop the grader.
    "exits.ipynb": (
        {"double": "import sys; sys.exit(0)", "more": "import os; os._exit(0)"},
        (0, 3, 0),
        "crashed",
        "more: the kernel ended before its cells did",
    ),
    "again and again.ipynb": (
        {"more": ENDLESS},
        (2, 3, 0),
        "timed out",
        "more: a cell ran longer than 6 s",
    ),
    "memory.ipynb": (
        {"more": BOMB},
        (2, 3, 0),
        "crashed",
        "more: more than 400 MB",
    ),
    "fifty processes.ipynb": (
        {"more": FIFTY},
        (2, 3, 0),
        "crashed",
        "processes at once",
    ),
    "flood.ipynb": (
        {"more": FLOOD},
        (2, 3, 0),
        "crashed",
        "more: more output than allowed",
    ),
    # Files that are no notebook, or an odd one.
    "corrupt.ipynb": (RIGHT.replace(b":", b"=", 1), UNREAD, "unreadable", "no JSON at"),
    "empty.ipynb": (b"", UNREAD, "unreadable", "The file is empty"),
    "truncated.ipynb": (RIGHT[:999], UNREAD, "unreadable", "breaks off in the middle"),
    "binary.ipynb": (bytes(range(256)), UNREAD, "unreadable", "binary"),
    "latin.ipynb": (b'{"cells": "\xe9"}', UNREAD, "unreadable", "not UTF-8 text"),
    "deep.ipynb": (DEEP, UNREAD, "unreadable", "nested too deeply"),
    "large.ipynb": (large, UNREAD, "unreadable", "100 MB or more; at most 20 MB"),
    "link.ipynb": (link, UNREAD, "unreadable", "links are not followed"),
    "folder.ipynb": (os.mkdir, UNREAD, "unreadable", "an empty folder"),
    "nbformat 3.ipynb": (old(), ALL, "graded", ""),
    "packed.zip": (zipped("../../escape.ipynb", RIGHT), ALL, "graded", ""),
}
# What only a kernel that is shut in cannot do.
REACHING = {
    "key thief.ipynb": ({"quad": THIEF, "more": STAIN}, (2, 0, 1), "graded", ""),
}


def hand_in(folder):
    """Write all files of the class."""
    folder.mkdir()
    for name, (content, *_) in (CLASS | REACHING).items():
        path = folder / name
        if callable(content):
            content(path)
        elif isinstance(content, dict):
            code = nbformat.writes(notebook(content))
            path.write_text(code.replace(HOME, str(folder.parent)), "utf-8")
        else:
            path.write_bytes(content)
    return folder


def files(home):
    """Return {path: time of its last change}, without the results."""
    found = {path: path.lstat().st_mtime_ns for path in home.rglob("*")}
    apart = {home / "out", home / "t"}  # the temporary folder is looked at by itself
    return {p: t for p, t in found.items() if not apart & {p, *p.parents}}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class after it was graded once, two at a time."""
    home = tmp_path_factory.mktemp("odd")
    key, folder = key_file(home / "key"), hand_in(home / "class")
    for name in COPIES:
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text("the answers")
    (home / "t").mkdir()
    (home / "user").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        judged.stays(home / "t", patch)
        patch.setenv("API_TOKEN", TOKEN)
        patch.chdir(home / "user")
        before = files(home)
        done = grade(key, folder, home / "out", jobs=2, limits=TIGHT, seed=SEED)
    text = (home / "out" / "grades.csv").read_text("utf-8-sig")
    rows = {row["file"]: row for row in csv.DictReader(text.splitlines())}
    return SimpleNamespace(home=home, before=before, done=done, rows=rows)


def commands():
    """Return the command line, in words, of every process that runs."""
    return [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]


def row(graded, name):
    """Return (points or None, status, note) of the one row that a file has."""
    [found] = [r for file, r in graded.rows.items() if file.split("/")[0] == name]
    points = tuple(found[exercise] for exercise in classes.MODEL)
    assert found["total"] == (str(sum(map(int, points))) if all(points) else "")
    judged_points = tuple(map(int, points)) if all(points) else UNREAD
    return judged_points, found["status"], found["note"]


@pytest.mark.parametrize("name", CLASS)
def test_the_row_is_as_expected(graded, name):
    """Points, status and note, as grades.csv says them."""
    _, points, status, part = CLASS[name]
    got = row(graded, name)
    assert got[:2] == (points, status), got
    assert part in got[2] and (part or not got[2])


@pytest.mark.parametrize("name", REACHING)
def test_what_reaches_out_finds_nothing(graded, name):
    """Neither the key nor a place to write."""
    if limits.level() != "closed":
        pytest.skip(f"this machine cannot shut a kernel in: {limits.level()!r}")
    assert row(graded, name) == REACHING[name][1:]


def test_every_file_has_one_row(graded):
    """Also those that no notebook could be read from."""
    names = sorted(CLASS | REACHING)
    assert sorted(file.split("/")[0] for file in graded.rows) == names
    assert "packed.zip/../../escape.ipynb" in graded.rows
    assert not graded.done.complete


@ADOPTED
def test_no_process_is_left(graded):
    """Not even those that left their family and wiped their environment."""
    assert judged.left(graded.home) == []
    assert not any(NAP in words for words in commands())


def test_no_file_is_left(graded):
    """No temporary folder, nothing unpacked, nothing written around the results."""
    assert list((graded.home / "t").iterdir()) == []
    assert not list(graded.home.parent.rglob("escape.ipynb"))
    names = {path.name for path in (graded.home / "out").iterdir()}
    known = {"grades.csv", "summary.html", "settings.json", "reports", ".results"}
    if limits.level() == "closed":
        assert files(graded.home) == graded.before
        assert names == known


def test_no_report_tells_the_key(graded):
    """Nor what stands in the environment of the grader."""
    pages = [p.read_text("utf-8") for p in (graded.home / "out/reports").iterdir()]
    assert len(pages) == len(CLASS | REACHING)
    assert not any(SECRET in page or TOKEN in page for page in pages)


# Right as far as it is compared; the digits behind that are what its report shows.
DIGITS = f"""
import linecache
class Said(float):
    def __repr__(self):
        seen = "".join("".join(lines[2]) for lines in linecache.cache.values()
                       if len(lines) > 2)
        told = seen[seen.index({SECRET!r}):][:{len(SECRET)}]
        return float.__repr__(self) + "0" + "".join(f"{{ord(c):03d}}" for c in told)
def quad(n):
    return Said(4 * n / 3)
"""


def test_no_digit_tells_the_key(tmp_path):
    """A number may have more digits than the reference, whatever they say."""
    key = tmp_path / "small.md"
    text = classes.KEY.replace("return double(double(n))", "return 4 * n / 3")
    key.write_text(text, "utf-8")
    folder = classes.hand_in(tmp_path / "class", {"a.ipynb": {"quad": DIGITS}})
    done = grade(key, folder, tmp_path / "out", limits=TIGHT, seed=SEED)
    [(_, result)] = done.rows
    assert result.marks["quad"].points == 3
    [shown] = [outcome.text for outcome in result.marks["quad"].outcomes]
    assert shown == str(4 * (SEED + 1) / 3)
    [page] = (tmp_path / "out" / "reports").iterdir()
    assert "".join(f"{ord(c):03d}" for c in SECRET) not in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a;=1+1.ipynb", "a;'=1+1.ipynb"),
        ('a; "@SUM(1)', "a; \"'@SUM(1)"),
        ("\ufeff=1+1", "'\ufeff=1+1"),
        ("\u200b \u200b+1", "'\u200b \u200b+1"),
        ("left out: !ls; quad: x", "left out: !ls; quad: x"),
    ],
)
def test_no_cell_is_a_formula_behind_a_semicolon(text, cell):
    """Where the comma writes decimals, spreadsheets end cells at semicolons."""
    assert _table.safe(text) == cell


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("divergences.tv = lambda *a: 0.1", ["divergences.tv"]),
        ("import torch as t\nt.Tensor.prod = None", ["t.Tensor.prod"]),
        ("def f():\n    setattr(transport, 'cost', 1)", ["transport.cost"]),
        ("for np.pi in (3, 4): pass\ndel np.e", ["np.pi", "np.e"]),
        ("def f(layer, x):\n    layer.weight.data /= 2", []),
        ("for p in critic(): p.data = 1", []),
        ("class A:\n    pass\nA.b = 1\nc = A()\nc.d = 2", []),
        ("print(np.pi, getattr(np, 'e'))", []),
        ("def broken(:", []),
        ("round = lambda *a: 0.1\nmine = np.pi", ["round"]),
        ("def f():\n    global sum\n    sum = min", ["sum"]),
        ("def f(max):\n    min = max\n    return [abs for abs in max]", []),
        ("a = [min for min in (1, 2)]\nf = lambda sum: sum", []),
        ("class np:\n    tv = 1\nnp.tv = 2", ["np", "np.tv"]),
        ("with open('x') as draw, open('y') as mine: pass", ["draw"]),
        ("import numpy as np", []),
    ],
)
def test_an_answer_that_exchanges_the_library_is_named(source, names):
    """A check that measures by the library believes it; so the teacher is told."""
    setup = "import torch.nn, numpy as np\ndef draw(rng):\n    mine = 3"
    taken = _exchanged.names_of((setup,))
    assert taken == {"torch", "np", "draw"}
    assert list(_exchanged.exchanged(source, taken)) == names
    assert bool(_exchanged.note(source, taken)) == bool(names)


@pytest.mark.filterwarnings("error")
def test_a_warning_hides_no_exchange():
    source = "divergences.tv = 1\nx = '\\d'"
    assert _exchanged.exchanged(source) == ("divergences.tv",)


def test_nobody_overwrites_the_report_of_another():
    """Names whose reports are called the same are out of reach of a search."""
    names = ("anna.ipynb", "anna\u2603.ipynb", "ANNA.ipynb", "anna .ipynb")
    made = [report.file_name(name) for name in names]
    assert len({name.lower() for name in made}) == len(names)
    assert all(len(name.split("-")[-1].removesuffix(".html")) >= 20 for name in made)


@ADOPTED
def test_nobody_gets_away_without_namespaces(tmp_path, monkeypatch):
    """Not even processes that are being born while their kernel is ended."""
    monkeypatch.setattr(limits, "level", lambda: "plain")
    judged.stays(tmp_path, monkeypatch)
    answers = {"a": FIFTY.replace("more", "answer").replace("range(50)", "range(400)")}
    verdict = judge(judged.graft(answers), limits=TIGHT)
    assert "processes at once" in verdict.note
    assert not any(NAP in words for words in commands())
