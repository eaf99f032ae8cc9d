"""The format of exercise sets: what a key is read as, and each rule's message."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from wgan_lessons.grading import formats, frame

ROOT = Path(__file__).resolve().parents[1]
V4 = nbformat.v4
CHECK = "nbval-check-output"


def cell(source, *tags):
    """A cell of code, or of prose if it begins like a heading."""
    if not tags and source.startswith(("# T", "## ")):
        return V4.new_markdown_cell(source)
    return V4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def words(source, *tags):
    """A cell of Markdown with the tags of an answer in words, and more."""
    return V4.new_markdown_cell(source, metadata={"tags": ["answer", *tags]})


def whole():
    """The cells of a small key that has everything: two exercises."""
    return [
        cell("# Title"),
        cell("import math"),
        cell("SEED = 0", "parameters"),
        cell("## 1. Compute: a root"),
        cell("# answer: root\ndef root(x):\n    return x**0.5", "answer", "points-2"),
        cell("if root(4) == 4:\n    print('no root')\nroot(SEED + 4)", CHECK),
        cell("root(SEED + 9)", CHECK, "hidden"),
        cell("# wrong: itself\n# says: no root\ndef root(x):\n    return x", "wrong"),
        cell("## 2. Modify: a name"),
        cell("# answer: name\nname = 1", "answer", "points-10"),
        cell("# answer: name\nname = 2", "stub"),
        cell("name + 1"),
        cell("name + SEED", CHECK),
    ]


def key_of(cells, name="01_small"):
    return formats.parse(V4.new_notebook(cells=cells), name)


# What a key is read as


def test_cells_have_a_kind_and_an_owner():
    key = key_of(whole())
    assert [(c.kind, c.exercise) for c in key.cells] == [
        ("prose", None),
        ("shared", None),
        ("parameters", None),
        ("prose", None),
        ("answer", "root"),
        ("check", "root"),
        ("hidden", "root"),
        ("wrong", "root"),
        ("prose", None),
        ("answer", "name"),
        ("stub", "name"),
        ("shared", None),
        ("check", "name"),
    ]
    assert key.name == "01_small"


def test_an_answer_in_words_belongs_to_its_exercise_and_never_runs():
    cells = whole()
    cells.insert(7, words("Half a power."))
    key = key_of(cells)
    assert (key.cells[7].kind, key.cells[7].exercise) == ("words", "root")
    assert formats.exercises(key) == formats.exercises(key_of(whole()))
    assert formats.runnable(key) == formats.runnable(key_of(whole()))


def test_an_answer_in_words_is_read_from_markdown(tmp_path):
    """The line `+++ {"tags": ["answer"]}` begins it, and a bare `+++` ends it."""
    source = (ROOT / "book" / "exercises" / "01_boxes.md").read_text("utf-8")
    path = tmp_path / "key.md"
    added = '+++ {"tags": ["answer"]}\n\nBoth.\n\nAll.\n\n+++\n\nThe check asks for'
    path.write_text(source.replace("The check asks for", added), "utf-8")
    key = formats.read_source(path)
    (at,) = (n for n, c in enumerate(key.cells) if c.source == "Both.\n\nAll.")
    assert (key.cells[at].kind, key.cells[at].exercise) == ("words", "clock")
    assert key.cells[at + 1].source.startswith("The check asks for")
    import jupytext

    again = tmp_path / "again.md"
    jupytext.write(jupytext.read(path), again, fmt="md:myst")
    assert formats.read_source(again).cells == key.cells


def test_exercises_gather_what_belongs_together():
    root, name = formats.exercises(key_of(whole()))
    assert (root.name, root.title, root.points) == ("root", "1. Compute: a root", 2)
    assert (name.name, name.title, name.points) == ("name", "2. Modify: a name", 10)
    assert (len(root.checks), len(root.hidden), root.stub) == (1, 1, None)
    assert (len(name.checks), len(name.hidden), name.wrong) == (1, 0, ())
    assert name.stub.source == "# answer: name\nname = 2"
    (wrong,) = root.wrong
    assert (wrong.label, wrong.says) == ("itself", "no root")
    assert wrong.source == "# answer: root\ndef root(x):\n    return x"


def test_ids_are_made_of_the_content():
    """The same text has the same id anywhere, and no id is there twice."""
    one = key_of(whole())
    cells = whole()
    cells.insert(12, cell("name + SEED", CHECK))
    two = key_of(cells)
    assert [c.id for c in two.cells[:13]] == [c.id for c in one.cells]
    assert len({c.id for c in two.cells}) == len(two.cells)


def test_a_key_to_run_has_answers_and_all_checks():
    key = key_of(whole())
    sources = [c.source for c in formats.runnable(key, seed=7).cells]
    assert "SEED = 7" in sources and "root(SEED + 9)" in sources
    assert not any("wrong" in s or "name = 2" in s for s in sources)
    nbformat.validate(formats.runnable(key))


def test_an_answer_can_be_exchanged_and_keeps_its_place():
    key = key_of(whole())
    plain = formats.runnable(key, hidden=False)
    other = formats.runnable(key, {"root": "# answer: root\nroot = abs"}, hidden=False)
    assert [c.id for c in plain.cells] == [c.id for c in other.cells]
    changed = [a.source for a, b in zip(plain.cells, other.cells) if a != b]
    assert changed == [key.cells[4].source]
    assert "root(SEED + 9)" not in [c.source for c in plain.cells]


def test_the_seed_is_set_where_it_stands():
    notebook = V4.new_notebook(
        cells=[cell("# why\nSEED = 0  # yours differs", "parameters"), cell("SEED = 0")]
    )
    formats.set_seed(notebook, 12)
    first, second = (c.source for c in notebook.cells)
    assert first == "# why\nSEED = 12  # yours differs" and second == "SEED = 0"


def test_a_key_may_be_a_notebook_with_the_set_up_cell(tmp_path):
    """An instructor's key as .ipynb; the generated first cell is no part of it."""
    cells = whole()
    cells.insert(1, frame.setup_cell("https://example.org/course"))
    path = tmp_path / "my key.ipynb"
    nbformat.write(V4.new_notebook(cells=cells), path)
    assert formats.read_source(path).cells == key_of(whole()).cells


def test_a_key_in_markdown_and_as_notebook_is_the_same(tmp_path):
    source = ROOT / "book" / "exercises" / "01_boxes.md"
    key = formats.read_source(source)
    import jupytext

    path = tmp_path / "01_boxes.ipynb"
    jupytext.write(jupytext.read(source), path)
    assert formats.read_source(path) == key


def test_shown_texts_of_outputs():
    outputs = [
        V4.new_output("stream", text="a\n"),
        V4.new_output("stream", name="stderr", text="progress"),
        V4.new_output("execute_result", data={"text/plain": "1"}),
        V4.new_output("display_data", data={"image/png": "x"}),
        V4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
    ]
    assert list(formats.shown(outputs)) == ["a\n", "1", "ValueError: no"]


# What is refused


def replaced(number, *new):
    cells = whole()
    cells[number : number + 1] = new
    return cells


ANSWER = whole()[4].source
BROKEN = {
    "typo": (replaced(4, cell(ANSWER, "solution", "points-2")), "'solution'"),
    "two roles": (replaced(4, cell(ANSWER, "answer", CHECK)), "one role"),
    "no points": (replaced(4, cell(ANSWER, "answer")), "points-N"),
    "zero points": (replaced(4, cell(ANSWER, "answer", "points-0")), "points-0"),
    "points twice": (
        replaced(4, cell(ANSWER, "answer", "points-2", "points-3")),
        "points-N",
    ),
    "points of a check": (replaced(5, cell("1", CHECK, "points-2")), "only they"),
    "no tag": (replaced(4, cell(ANSWER)), "looks like an answer"),
    "no tag on a mistake": (replaced(7, cell("# wrong: x\n1")), "looks like"),
    "no name": (
        replaced(4, cell("root = 1", "answer", "points-2")),
        "first line must be `# answer: name`",
    ),
    "bad name": (
        replaced(4, cell("# answer: My-Root\nroot = 1", "answer", "points-2")),
        "small letters",
    ),
    "name twice": (
        replaced(9, cell("# answer: root\nroot = 1", "answer", "points-1")),
        "second answer 'root'",
    ),
    "no Python": (
        replaced(4, cell("# answer: root\nroot = = 1", "answer", "points-2")),
        "plain Python",
    ),
    "magic": (
        replaced(5, cell("%time root(2)", CHECK)),
        "plain Python",
    ),
    "hidden prose": (
        replaced(
            3, V4.new_markdown_cell("## 1. Compute: a", metadata={"tags": ["hidden"]})
        ),
        "only code cells",
    ),
    "early words": (replaced(3, words("Both.")), "below the code of an answer"),
    "empty words": (replaced(7, words(" \n")), "must not be empty"),
    "words with points": (replaced(7, words("Both.", "points-1")), "only code cells"),
    "words as a look": (replaced(7, words("Both.", "hide-cell")), "only code cells"),
    "raw words": (
        replaced(7, V4.new_raw_cell("Both.", metadata={"tags": ["answer"]})),
        "only code cells",
    ),
    "hidden set-up": (replaced(1, cell("import math", "hidden")), "add nbval-check"),
    "no seed": (replaced(2, cell("1 + 1")), "one cell must be tagged parameters"),
    "two seeds": (
        replaced(2, cell("SEED = 0", "parameters"), cell("SEED = 0", "parameters")),
        "got 2",
    ),
    "other seed": (replaced(2, cell("SEED = 1", "parameters")), "SEED = 0"),
    "late seed": (
        [*replaced(2, cell("2")), cell("SEED = 0", "parameters")],
        "before every answer",
    ),
    "early check": (replaced(1, cell("1", CHECK)), "below its answer"),
    "silent check": (replaced(5, cell("x = root(2)", CHECK)), "ends in an expression"),
    "hushed check": (replaced(5, cell("root(2);", CHECK)), "ends in an expression"),
    "empty check": (replaced(5, cell("", CHECK)), "ends in an expression"),
    "no check": (replaced(5, cell("root(2)")), "no check that students see"),
    "stub apart": (
        replaced(10, cell("1"), cell("# answer: name\nname = 2", "stub")),
        "right after its answer",
    ),
    "stub of another": (
        replaced(10, cell("# answer: root\nroot = 2", "stub")),
        "same name",
    ),
    "stub first": (
        [cell("# answer: name\nname = 2", "stub"), *whole()],
        "right after its answer",
    ),
    "early mistake": (
        replaced(5, cell("# wrong: a\n# says: b\nroot = 1", "wrong")),
        "below the checks",
    ),
    "mistake without words": (
        replaced(7, cell("# wrong: a\nroot = 1", "wrong")),
        "first two lines",
    ),
    "no heading": (replaced(3), "heading of its own"),
    "heading shared": (replaced(8), "heading of its own"),
    "nothing to do": (whole()[:3], "nothing to do"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_the_format_is_said(name):
    cells, message = BROKEN[name]
    with pytest.raises(ValueError) as error:
        key_of(cells)
    assert message in str(error.value)


def test_tags_must_be_a_list():
    notebook = V4.new_notebook(cells=whole())
    notebook.cells[4].metadata["tags"] = "answer"
    with pytest.raises(ValueError, match="list of words; got 'answer'"):
        formats.parse(notebook)


def test_a_rule_names_the_file_and_the_cell(tmp_path):
    path = tmp_path / "key.ipynb"
    nbformat.write(V4.new_notebook(cells=BROKEN["typo"][0]), path)
    with pytest.raises(ValueError, match=r"key.ipynb: cell 5 \('# answer: root'\): "):
        formats.read_source(path)


TAGS = b"""\
---
kernelspec: {name: python3, display_name: a, language: python}
---

```{code-cell} ipython3
:tags: [answer, points-2

1
```
"""


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("gone.md", None, "cannot be read"),
        ("binary.md", b"\xff\xfe\x00", "cannot be read"),
        ("empty.ipynb", b"", "is no notebook"),
        ("list.ipynb", b"[]", "is no notebook"),
        ("prose.md", b"# Only prose\n", "tagged parameters"),
        ("old.ipynb", b'{"nbformat": 99, "cells": []}', "is no notebook"),
        ("tags.md", TAGS, "is no notebook"),
        ("header.md", b"---\nkernelspec: [python3\n---\n\n# A\n", "is no notebook"),
        ("kernel.md", b"---\nkernelspec:\n  name: a\n---\n\n# A\n", "kernel.md"),
    ],
)
def test_what_is_no_key_is_said(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        formats.read_source(tmp_path / name)


def test_a_missing_tool_says_how_to_get_it():
    with pytest.raises(ValueError, match=r"pip install 'wgan-lessons\[grade\]'"):
        formats.need("no_such_module.part")


def test_reading_the_format_loads_nothing_heavy():
    """Reports and command lines import it: no torch, nbformat only where it is used."""
    code = "import sys, wgan_lessons.grading.formats as f; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "numpy", "nbformat", "jupytext", "nbval", "pytest"}
