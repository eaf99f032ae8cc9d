"""Files as students hand them in, clean to hostile, each with what becomes of it."""

import io
import json
import os
import re
import stat
import tracemalloc
import zipfile

import nbformat
import pytest
from nbval.plugin import find_comment_markers

from wgan_lessons.grading import _answers, _exchanged, submissions
from wgan_lessons.grading.submissions import Submission, Unreadable

CODE = "# answer: cost\ncost = 3"
NAMES = ("cost", "plan")


def code(source=CODE, **more):
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": []} | more


def book(*cells, **more):
    """A notebook as a dict."""
    cells = list(cells) or [code()]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | more


def dumped(*cells, **more):
    return json.dumps(book(*cells, **more)).encode()


def read(data, path):
    path.write_bytes(data)
    return submissions.read(Submission(path.name, path))


def given(data, path):
    """The answers in the bytes of a notebook."""
    return submissions.answers(read(data, path), NAMES)


COLAB = {
    "nbformat": 4,
    "nbformat_minor": 0,
    "metadata": {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}},
    "cells": [
        {
            "cell_type": "code",
            "source": ["# answer: cost\n", "cost = 3"],
            "metadata": {"id": "Xk3l_-aB9z", "outputId": "5d0a8c7e-1f"},
            "execution_count": 7,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["3\n"]}],
        }
    ],
}
V3_CELL = {
    "cell_type": "code",
    "input": ["# answer: cost\n", "cost = 3"],
    "language": "python",
    "outputs": [{"output_type": "pyout", "prompt_number": 1, "text": ["3"]}],
}
V3 = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": ""},
    "worksheets": [{"cells": [{"cell_type": "heading", "level": 1}, V3_CELL]}],
}
FORGED = [{"output_type": "stream", "name": "stdout", "text": "all correct"}]
TAGS = {"tags": ["nbval-check-output", "answer", "points-100"]}
BARE = {"cell_type": "code", "source": CODE}
CARRIAGE = "# answer: cost\r\ncost = 3"
OLD_MAC = "# answer: cost\rcost = 3"
LINES = ["# answer: cost", "cost = 3"]
ODD = [1, None, "text", [], {}, {"cell_type": 5, "source": 7}, code()]
ODD += [{"cell_type": [], "source": {}}]

# Each of these holds the answer cost = 3, and nothing else of it matters.
READABLE = {
    "clean": dumped(),
    "Colab, nbformat 4.0": json.dumps(COLAB).encode(),
    "nbformat 3": json.dumps(V3).encode(),
    "nbformat 2": json.dumps(V3 | {"nbformat": 2}).encode(),
    "byte order mark": b"\xef\xbb\xbf" + dumped(),
    "UTF-16 with its mark": dumped().decode().encode("utf-16"),
    "Windows newlines in the file": json.dumps(book(), indent=1)
    .replace("\n", "\r\n")
    .encode(),
    "Windows newlines in the cell": dumped(code(CARRIAGE)),
    "newlines of an old Mac": dumped(code(OLD_MAC)),
    "lines in a list": dumped(code(["# answer: cost\n", "cost = 3"])),
    "lines in a list without their ends": dumped(code(LINES)),
    "a mark in the cell": dumped(code("\ufeff" + CODE)),
    "no metadata": json.dumps({"cells": [BARE]}).encode(),
    "a later nbformat": dumped(nbformat=5),
    "a version that is text": dumped(nbformat="four", nbformat_minor=None),
    "missing ids": dumped(code("1"), code()),
    "duplicated ids": dumped(code("1", id="a"), code(id="a"), code("2", id="a")),
    "ids that are none": dumped(code(id=["a"] * 9), code("2", id="../../etc" * 99)),
    "forged outputs and tags": dumped(code(outputs=FORGED, metadata=TAGS)),
    "outputs that are none": dumped(code(outputs=7, metadata="no")),
    "cells that are none": dumped(*ODD),
    "spaces around the file": b"\n\n " + dumped() + b"\n\n",
    "blank lines before": dumped(code("\n \n\t\n" + CODE)),
    "spaces and capitals": dumped(code("  #Answer :  COST  \ncost = 3")),
    "comments above": dumped(code("#%% [1]\n# @title Mine\n\n# mine\n" + CODE)),
    "a heading": dumped(code("## answer: cost\ncost = 3")),
    "a sign without width": dumped(code("\u200b" + CODE)),
    "a wide colon": dumped(code("# answer\uff1acost\ncost = 3")),
    "words behind the name": dumped(code("# answer: cost (mine)\ncost = 3")),
    "not a number": dumped().replace(b'"outputs": []', b'"outputs": [NaN, Infinity]'),
}


@pytest.mark.parametrize("name", READABLE)
def test_these_hold_the_same_answer(name, tmp_path):
    answer = given(READABLE[name], tmp_path / "x.ipynb")["cost"]
    assert answer == ("# answer: cost\ncost = 3", ())


@pytest.mark.parametrize("name", READABLE)
def test_a_notebook_is_valid_and_carries_no_more_than_text(name, tmp_path):
    notebook = read(READABLE[name], tmp_path / "x.ipynb")
    nbformat.validate(notebook)
    assert not notebook.metadata
    assert not any(cell.metadata or cell.get("outputs") for cell in notebook.cells)


def test_a_line_magic_above_is_left_out(tmp_path):
    data = dumped(code("%matplotlib inline\n!pip list\n" + CODE))
    answer = given(data, tmp_path / "x.ipynb")["cost"]
    assert answer.source == "# answer: cost\ncost = 3"
    assert answer.notes == ("left out: %matplotlib inline", "left out: !pip list")


DEEP = 100_000
WHOLE = dumped()
UNREADABLE = {
    "empty": (b"", "empty"),
    "only spaces": (b" \n\t\n", "empty"),
    "truncated": (WHOLE[: len(WHOLE) // 2], "breaks off"),
    "truncated in a string": (b'{"cells": [{"source": "# ans', "breaks off"),
    "truncated at the end": (WHOLE[:-1], "breaks off"),
    "corrupt JSON": (WHOLE.replace(b":", b"=", 1), "no JSON at line 1"),
    "two notebooks in one": (WHOLE + WHOLE, "damaged"),
    "binary": (bytes(range(256)) * 40, "binary"),
    "zeros": (bytes(5000), "binary"),
    "not UTF-8": (b'{"cells": "\xe9t\xe9"}', "not UTF-8"),
    "UTF-16 cut in the middle": (WHOLE.decode().encode("utf-16")[:-1], "not UTF-8"),
    "a zip": (b"PK\x03\x04" + bytes(30), "a zip"),
    "a PDF": (b"%PDF-1.7\n", "a PDF"),
    "a web page": (b"<!DOCTYPE html><title>Colab</title>", "a web page"),
    "a list": (b"[1, 2]", "no notebook"),
    "a word": (b'"cells"', "no notebook"),
    "a dict without cells": (b'{"url": "https://example.org"}', "no cells"),
    "cells that are a word": (b'{"cells": "many", "nbformat": 4}', "no cells"),
    "cells nested deeply": (b'{"cells": ' + b"[" * DEEP + b"]" * DEEP + b"}", "deep"),
    "dicts nested deeply": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "deep"),
    "nested and never closed": (b"[" * DEEP, "deep"),
    "a number too long": (b'{"cells": ' + b"9" * 10_000 + b"}", "damaged"),
    "too many cells": (dumped(*[{}] * 5001), "5001 cells"),
    "merge conflict": (b"<<<<<<< HEAD\n" + WHOLE, "not a notebook"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_these_are_unreadable_and_the_reason_says_why(name, tmp_path):
    data, reason = UNREADABLE[name]
    found = read(data, tmp_path / "x.ipynb")
    assert isinstance(found, Unreadable)
    assert reason in found.reason
    assert len(found.reason) < 200 and found.reason.isprintable()


def test_nesting_that_json_allows_is_left_behind(tmp_path):
    deep = []
    for _ in range(400):
        deep = [deep]
    data = dumped(code(metadata={"deep": deep}), metadata={"deep": deep})
    assert given(data, tmp_path / "x.ipynb")["cost"].source == CODE


def test_halves_of_characters_and_zeros_become_replacement_characters(tmp_path):
    notebook = read(dumped(code(CODE + "\n'\ud800 \0 \x1b[2J é'")), tmp_path / "x")
    text = notebook.cells[0].source
    assert text.endswith("'\ufffd \ufffd \ufffd[2J é'")
    text.encode("utf-8")


# Which cells count -----------------------------------------------------------------

OTHER = "# answer: cost\ncost = 4"
PLAN = "# answer: plan\nplan = 1"
MISSING = "no cell begins with '# answer: cost'"
CELLS = {
    "in another's place": ([code(PLAN), code()], CODE, ()),
    "at the end, after a check": ([code("cost"), code()], CODE, ()),
    "missing": ([code(PLAN)], "", (MISSING,)),
    "renamed": (
        [code("# answer: costs\n1")],
        "",
        (f"{MISSING} (but one with 'costs')",),
    ),
    "without its first line": ([code("cost = 3")], "", (MISSING,)),
    "below another line": ([code("x = 1\n" + CODE)], "", (MISSING,)),
    "in a text cell": (
        [code(cell_type="markdown")],
        "",
        ("its answer stands in a text cell, which never runs",),
    ),
    "in a text cell and in a code cell": ([code(cell_type="raw"), code()], CODE, ()),
    "twice the same": ([code(), code(CODE + "  \n\n")], CODE + "  \n\n", ()),
    "twice": (
        [code(), code(OTHER)],
        OTHER,
        ("2 different answers: the last one counts",),
    ),
    "empty": ([code("# answer: cost\n\n")],)
    + (
        "# answer: cost\n\n",
        ("the answer is empty",),
    ),
    "a check made an answer": ([code("# answer: check\ncost")], "")
    + ((f"{MISSING} (but one with 'check')",),),
}


@pytest.mark.parametrize("name", CELLS)
def test_the_answer_that_counts(name, tmp_path):
    cells, source, notes = CELLS[name]
    found = given(dumped(*cells), tmp_path / "x.ipynb")
    assert set(found) == set(NAMES)
    assert found["cost"] == (source, notes)


STUB = "# answer: cost\ncost = ..."
STUBS = {
    "untouched below": ([code(), code(STUB)], CODE, ()),
    "untouched above": ([code(STUB), code()], CODE, ()),
    "untouched": ([code(STUB + " \n")], STUB + " \n", ("nothing was changed",)),
}


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_never_replaces_an_answer(name, tmp_path):
    cells, source, notes = STUBS[name]
    notebook = read(dumped(*cells), tmp_path / "x.ipynb")
    found = submissions.answers(notebook, ["cost"], {"cost": STUB})
    assert found["cost"] == (source, notes)


# What in an answer is not Python ---------------------------------------------------

TIMED = "%%time\n# answer: cost\nx = 1"
BASH = "raise RuntimeError('this answer begins with %%bash; only Python is run')"
MAGICS = {
    "plain": ("x = 5 % 3\ny = 'no!'  # why?", "x = 5 % 3\ny = 'no!'  # why?", 0),
    "line magic": ("%matplotlib inline", "pass  # left out: %matplotlib inline", 1),
    "magic in a block": (
        "if 1:\n    %pip list",
        "if 1:\n    pass  # left out: %pip list",
        1,
    ),
    "run": ("%run other.py", "pass  # left out: %run other.py", 1),
    "shell": ("!rm -rf ~", "pass  # left out: !rm -rf ~", 1),
    "shell with quotes": ("!echo \"it's (", "pass  # left out: !echo \"it's (", 1),
    "shell with three": ('!echo """\nx = 1', 'pass  # left out: !echo """\nx = 1', 1),
    "shell that goes on": (
        "!pip install a \\\n  b\nx = 1",
        "pass  # left out: !pip install a\n# (left out)\nx = 1",
        1,
    ),
    "assigned shell": ("a = !ls", "a = None  # left out: !ls", 1),
    "assigned magic": ("a.b = %env", "a.b = None  # left out: %env", 1),
    "help": (
        "max?\n?max\nmax??",
        "\n".join(f"pass  # left out: {h}" for h in ("max?", "?max", "max??")),
        3,
    ),
    "quoting": (",f a b", "pass  # left out: ,f a b", 1),
    "timed statement": ("%time x = 1", "x = 1", 1),
    "cell magic below": ("%%bash\nls", "pass  # left out: %%bash\nls", 1),
    "in a string": ('"""\n%run\n!ls\n"""', '"""\n%run\n!ls\n"""', 0),
    "a modulo of two lines": ("x = (7\n%3)", "x = (7\n%3)", 0),
    "an own mistake": ("def f(:\n    pass", "def f(:\n    pass", 0),
    "an own mistake and a shell": ("!ls\nx = = 1", "pass  # left out: !ls\nx = = 1", 1),
    "skip": ("# NBVAL_SKIP\n1", "# NBVAL-SKIP\n1", 0),
    "check": ("  ## NBVAL_CHECK_OUTPUT\n1", "  ## NBVAL-CHECK_OUTPUT\n1", 0),
    "ignore": ("#PYTEST_VALIDATE_IGNORE_OUTPUT", "#PYTEST_VALIDATE-IGNORE_OUTPUT", 0),
    "raises, behind a form feed": (
        "\f# NBVAL_RAISES_EXCEPTION",
        "\f# NBVAL-RAISES_EXCEPTION",
        0,
    ),
    "behind a separator": (
        "'\u2028# NBVAL_SKIP\u2028'",
        "'\u2028# NBVAL-SKIP\u2028'",
        0,
    ),
    "raises in a string": ("'''\n# NBVAL_SKIP\n'''", "'''\n# NBVAL-SKIP\n'''", 0),
}


@pytest.mark.parametrize("name", MAGICS)
def test_magics_and_comments_lose_their_power(name):
    source, expected, notes = MAGICS[name]
    head = "# answer: cost\n"
    assert _answers.plain(head + source)[0] == head + expected
    assert len(_answers.plain(head + source)[1]) == notes
    again = _answers.plain(head + expected)
    assert again == (head + expected, ())


@pytest.mark.parametrize("name", MAGICS)
def test_nbval_finds_no_comment_of_its_own(name):
    assert not list(find_comment_markers(_answers.plain("#\n" + MAGICS[name][0])[0]))


@pytest.mark.parametrize(
    "source, code, note",
    [
        (TIMED, "# answer: cost\nx = 1", "left out: %%time"),
        ("%%timeit -n 1\n" + CODE, CODE, "left out: %%timeit -n 1"),
        ("\n%%capture out\n\n%%time\n" + CODE, CODE, "left out: %%capture out"),
        ("%%bash\n" + CODE, "# answer: cost\n" + BASH, "left out: %%bash"),
    ],
)
def test_cell_magics_above_the_first_line(source, code, note, tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    answer = submissions.answers(notebook, ["cost"])["cost"]
    assert answer.source == code
    assert answer.notes[0] == note


@pytest.mark.parametrize(
    "source",
    [
        "x" * 200_000,
        "-" * 25_000 + "1",
        "(" * 25_000,
        "a" + ".b" * 14_000,
        "1" + "+1" * 14_000,
        "\n" * 29_000,
        "%a\n" * 9_000,
        "x=1\n" * 5_000 + "!a\n" * 24,
        "x = '\0'",
        "x = '\\d'\nx is 1",
        "x = 1" + " + 1" * 1000,
        "x = " + "-" * 80 + "1",
        "9" * 5000,
    ],
    ids=lambda source: f"{source[:3]!r} x {len(source)}",
)
def test_no_answer_stops_the_grader(source):
    code, notes = _answers.plain(f"# answer: cost\n{source}")
    assert code.startswith("# answer: cost\n")
    assert len(code) <= 30_100 and len(notes) <= 25
    assert _exchanged.note(code) == ""


@pytest.mark.parametrize(
    "source",
    [
        ["\n"] * 500_000,
        [""] * 500_000,
        ["%%a\n"] * 300_000,
        "\t" * 1_500_000,
        "#" * 10**6,
    ],
    ids=["lines", "pieces", "magics", "spaces", "comment"],
)
def test_no_cell_stops_the_grader(source, tmp_path):
    """Work grows with the size of a file and not with its square."""
    assert given(dumped(code(source)), tmp_path / "x.ipynb")["cost"].source == ""


# Folders and zips ------------------------------------------------------------------


def put(folder, name, data=WHOLE):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def outcome(submission):
    """What becomes of a submission: "read", or the reason why not."""
    found = submissions.read(submission)
    return found.reason if isinstance(found, Unreadable) else "read"


def outcomes(path, **options):
    return {s.name: outcome(s) for s in submissions.gather(path, **options)}


def test_a_folder_as_learning_platforms_write_it(tmp_path):
    names = [
        "Ada Lovelace_12345_assignsubmission_file/01_boxes.ipynb",
        "Émile Borel_2024-11-05 23:59_attempt 2.ipynb",
        '李雷 (韩梅梅)\'s "copy" of 01_boxes (1).ipynb',
        "BIG.IPYNB",
        "browser.ipynb.txt",
        "=cmd, with a comma; and more.ipynb.json",
        "new\nline.ipynb",
        "-rf.ipynb",
    ]
    for name in names:
        put(tmp_path, name)
    for name in (
        ".hidden.ipynb",
        ".ipynb_checkpoints/01_boxes-checkpoint.ipynb",
        "__MACOSX/Ada/._01_boxes.ipynb",
        "Thumbs.db",
        "Ada Lovelace_12345_assignsubmission_file/figure.png",
        "Ada Lovelace_12345_assignsubmission_file/data/points.csv",
    ):
        put(tmp_path, name)
    assert outcomes(tmp_path) == dict.fromkeys(names, "read")


def test_a_folder_around_a_class_is_no_student(tmp_path):
    """Everybody has a row, whatever they handed in."""
    names = [f"Assignment 1/{n}" for n in ("anna.ipynb", "bob.pdf", "dora.ipynb.gz")]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in names:
            archive.writestr(name, WHOLE)
    assert list(outcomes(tmp_path / "all.zip")) == names


def test_results_among_submissions_are_passed_over(tmp_path):
    """Those of another grading, which lie in the folder that was downloaded."""
    put(tmp_path, "anna.ipynb")
    for name in ("settings.json", ".results/a.json", "reports/anna.html"):
        put(tmp_path, f"graded/{name}")
    assert list(outcomes(tmp_path)) == ["anna.ipynb"]


def test_a_zip_of_endless_folders_is_refused(tmp_path):
    """A megabyte of names would take gigabytes and minutes."""
    with zipfile.ZipFile(tmp_path / "deep.zip", "w") as archive:
        for number in range(30):
            archive.writestr(f"{number}/" + "a/" * 16_000 + "x.ipynb", b"{}")
    tracemalloc.start()
    try:
        (reason,) = outcomes(tmp_path).values()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "name of more than 1000 characters" in reason and most < 20e6


def test_rows_stand_as_in_a_list_of_people(tmp_path):
    """Not as in a table of code points: there a comes after Z, and é after both."""
    names = ["ada", "Bea", "Émilie", "emily", "Eve", "jörg", "JOSÉ", "Zoë", "Łukasz"]
    for name in reversed(names):
        put(tmp_path, f"{name}.ipynb")
    assert list(outcomes(tmp_path)) == [f"{name}.ipynb" for name in names]


def test_odd_files_of_a_folder_are_rows(tmp_path):
    outside = put(tmp_path, "outside/secret.ipynb")
    folder = tmp_path / "collected"
    for name in ("a.ipynb", "report.pdf", "two/x.ipynb", "two/y.ipynb", "two/z.doc"):
        put(folder, name)
    put(folder, "empty.ipynb", b"")
    put(folder, "one.zip", packed([("x.ipynb", WHOLE), ("figure.png", b"")]))
    put(folder, "none.zip", packed([("figure.png", b"")]))
    put(folder, "many.zip", packed([(f"{n}.ipynb", WHOLE) for n in range(30)]))
    put(folder, "bad.zip", b"PK\x03\x04 and no more")
    put(folder, "a folder.ipynb/inside.ipynb")
    (folder / "nothing.ipynb").mkdir()
    (folder / "link.ipynb").symlink_to(outside)
    (folder / "dangling.ipynb").symlink_to("nowhere")
    (folder / "folder link").symlink_to(outside.parent)
    os.mkfifo(folder / "pipe.ipynb")
    found = outcomes(folder)
    good = ["a.ipynb", "two/x.ipynb", "two/y.ipynb", "one.zip/x.ipynb"]
    assert {n for n, o in found.items() if o == "read"} == {
        *good,
        "a folder.ipynb/inside.ipynb",
    }
    said = {name: reason for name, reason in found.items() if reason != "read"}
    parts = {
        "report.pdf": "does not end in .ipynb",
        "two/z.doc": "does not end in .ipynb",
        "empty.ipynb": "empty",
        "none.zip": "holds 0 notebooks",
        "many.zip": "holds 30 notebooks",
        "bad.zip": "not a zip",
        "nothing.ipynb": "an empty folder",
        "link.ipynb": "links are not followed",
        "dangling.ipynb": "links are not followed",
        "folder link": "links are not followed",
        "pipe.ipynb": "not a regular file",
    }
    assert said.keys() == parts.keys()
    assert [n for n in parts if parts[n] not in said[n]] == []
    assert str(tmp_path) not in "".join(said.values())


def test_a_notebook_of_100_mb_is_never_read(tmp_path, monkeypatch):
    path = put(tmp_path, "big.ipynb")
    os.truncate(path, 100 << 20)
    alone = submissions.gather(path)[0]
    assert "20 MB or more; at most 20 MB" in outcome(alone)
    monkeypatch.setattr(submissions, "open_file", None)
    assert "105 MB or more" in outcomes(tmp_path)["big.ipynb"]


def test_a_link_put_there_meanwhile_is_not_followed(tmp_path):
    path = put(tmp_path / "in", "a.ipynb")
    found = submissions.gather(tmp_path / "in")
    path.unlink()
    path.symlink_to(put(tmp_path, "secret.ipynb"))
    assert "cannot be read" in outcome(found[0])
    path.unlink()
    assert "No such file" in outcome(found[0])


def test_names_that_are_no_text(tmp_path):
    try:
        put(tmp_path, os.fsdecode(b"\xe9t\xe9.ipynb"))
    except OSError:
        pytest.skip("this file system knows only UTF-8")
    put(tmp_path, "?t?.ipynb")
    assert outcomes(tmp_path) == {"?t?.ipynb": "read", "?t?.ipynb (2)": "read"}


def test_a_folder_of_results_is_passed_over(tmp_path):
    put(tmp_path, "a.ipynb")
    put(tmp_path, "out/b.ipynb")
    assert set(outcomes(tmp_path, without=[tmp_path / "out"])) == {"a.ipynb"}


def test_a_deep_folder_is_no_trouble(tmp_path):
    deep = tmp_path
    for _ in range(600):
        deep = deep / "d"
        deep.mkdir()
    put(deep, "x.ipynb")
    assert list(outcomes(tmp_path).values()) == ["read"]


def packed(members, **options):
    """The bytes of a zip; a member is (name or ZipInfo, bytes)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target


def info(name, **fields):
    made = zipfile.ZipInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def test_a_zip_is_read_and_nothing_is_unpacked(tmp_path, monkeypatch):
    members = [
        ("Ada Lovelace/01_boxes 2024-11-05.ipynb", WHOLE),
        ("Ada Lovelace/figure.png", b"x"),
        ("../../escape.ipynb", WHOLE),
        ("/absolute.ipynb", WHOLE),
        ("C:\\Users\\bob\\windows.ipynb", WHOLE),
        ("李雷.ipynb", WHOLE),
        ("__MACOSX/._李雷.ipynb", b"\0\5\26\7"),
        (".hidden.ipynb", WHOLE),
        link("link.ipynb", "/etc/passwd"),
        ("folder.ipynb/", b""),
        ("inner.zip", packed([("x.ipynb", WHOLE)])),
        ("report.pdf", b"%PDF"),
        ("bomb.ipynb", bytes(50 << 20)),
        ("twice.ipynb", WHOLE),
        (info("twice.ipynb"), dumped(code(OTHER))),
        (info("slow.ipynb", compress_type=zipfile.ZIP_LZMA), WHOLE),
    ]
    folder = tmp_path / "in"
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = put(folder, "all of them.zip", packed(members))
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(folder)
    found = outcomes(path)
    assert sorted(tmp_path.rglob("*")) == before
    assert {name for name, said in found.items() if said == "read"} == {
        "Ada Lovelace/01_boxes 2024-11-05.ipynb",
        "../../escape.ipynb",
        "/absolute.ipynb",
        "C:/Users/bob/windows.ipynb",
        "李雷.ipynb",
        "twice.ipynb",
        "twice.ipynb (2)",
    }
    parts = {
        "link.ipynb": "links are not followed",
        "folder.ipynb": "an empty folder",
        "inner.zip": "a zip inside a zip",
        "report.pdf": "does not end in .ipynb",
        "bomb.ipynb": "52 MB or more",
        "slow.ipynb": "packed in an unusual way",
    }
    said = {name: reason for name, reason in found.items() if reason != "read"}
    assert said.keys() == parts.keys()
    assert [n for n in parts if parts[n] not in said[n]] == []


def test_a_name_in_the_code_page_of_an_old_program(tmp_path):
    data = bytearray(packed([("\u00e9.ipynb", WHOLE)]))
    # The flag that says "UTF-8" is taken away, in both places where it stands.
    for start in (data.find(b"PK\x03\x04") + 7, data.find(b"PK\x01\x02") + 9):
        data[start] &= ~0x08
    assert outcomes(put(tmp_path, "old.zip", bytes(data))) == {"\u00e9.ipynb": "read"}


def changed(data, offset_here, offset_there, value):
    """A zip of one member with a field changed in both of its headers."""
    data = bytearray(data)
    here = data.find(b"PK\x03\x04") + offset_here
    there = data.find(b"PK\x01\x02") + offset_there
    data[here : here + len(value)] = data[there : there + len(value)] = value
    return bytes(data)


ONE = packed([("x.ipynb", bytes(30 << 20))])
SMALL = packed([("x.ipynb", WHOLE * 9999)])
LIES = {
    "a size that is a lie": (
        changed(ONE, 22, 24, (999).to_bytes(4, "little")),
        "Bad CRC",
    ),
    "a password": (changed(ONE, 6, 8, b"\1"), "password"),
    "a damaged member": (SMALL[:50] + b"\xff" * 99 + SMALL[149:], "cannot be read"),
    "an unknown packing": (changed(ONE, 8, 10, b"\x62"), "20 MB|unusual"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_zip_that_lies(name, tmp_path):
    data, reason = LIES[name]
    [said] = outcomes(put(tmp_path, "one.zip", data)).values()
    assert re.search(reason, said)


def test_a_zip_bomb_needs_little_memory(tmp_path):
    bombs = [(f"{n}.ipynb", bytes(40 << 20)) for n in range(2)]
    lie = changed(packed(bombs[:1]), 22, 24, (9 << 20).to_bytes(4, "little"))
    put(tmp_path, "bombs.zip", packed(bombs))
    put(tmp_path, "lie.zip", lie)
    tracemalloc.start()
    found = outcomes(tmp_path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 3 and "read" not in found.values()
    assert most < 45 << 20


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda p: p / "nowhere", "is no folder and no file"),
        (lambda p: p, "holds 0 submissions"),
        (lambda p: put(p, "x.zip", packed([])), "holds 0 submissions"),
        (
            lambda p: put(p, "x.zip", b"PK\3\4 and no more"),
            "not a zip that can be read",
        ),
        (lambda p: put(p, "grades.csv", b"a,b"), "not a zip that can be read"),
    ],
)
def test_what_cannot_be_gathered_is_an_error(make, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        submissions.gather(make(tmp_path))


def test_one_notebook_and_a_link_of_ones_own(tmp_path):
    put(tmp_path, "in/a b.ipynb")
    assert outcomes(tmp_path / "in/a b.ipynb") == {"a b.ipynb": "read"}
    (tmp_path / "latest").symlink_to("in")
    assert outcomes(tmp_path / "latest") == {"a b.ipynb": "read"}
