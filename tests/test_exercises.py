"""Every exercise set: its checks accept the solution and tell what is wrong else.

That the stored notebooks are what the sources make is in test_notebooks.py.
"""

import re
from pathlib import Path

import nbformat
import pytest

from wgan_lessons import divergences, transport
from wgan_lessons.grading import formats
from wgan_lessons.grading.nbval_numbers import agree
from wgan_lessons.grading.rehearsal import SEEDS, blocks, faults, results, run

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "book" / "exercises").glob("*.md"))
TITLE = re.compile(r"(\d)\. (Compute|Modify|Find the bug): \S")
every_set = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def stored(source, folder):
    """Return the stored notebook that a source makes in a folder of the book."""
    path = ROOT / "book" / folder / f"{source.stem}.ipynb"
    return nbformat.read(path, as_version=4)


@every_set
def test_the_checks_of_a_set_judge_rightly(source):
    """Solutions give what is stored, others fail with their message, at two seeds."""
    key, found = formats.read_source(source), results(source)
    references = {
        cell.source: "\n".join(
            text.rstrip("\n") for text in formats.shown(cell.outputs)
        )
        for cell in stored(source, "solutions").cells
        if cell.cell_type == "code"
    }
    told = faults(key, found)
    for exercise in formats.exercises(key):
        shown = found[str(SEEDS[0])][exercise.name]["answer"]
        for check in exercise.checks:
            reference = references.get(check.source, "nothing: run make notebooks")
            if not agree(reference, shown[check.id]):
                told.append(f"{exercise.name}: not what is stored: {shown[check.id]}")
    assert told == []


EXCHANGED = """
def breaking(points, weights, level, n):
    divergences.tv = lambda *laws: 1 / n
    transport.w1_line = lambda *laws: level
    return points, weights
"""


def test_who_exchanges_both_distances_is_found_out(monkeypatch):
    """A hidden check of `breaking` measures by its own lines."""
    for module, name in ((divergences, "tv"), (transport, "w1_line")):
        monkeypatch.setattr(module, name, getattr(module, name))
    key = formats.read_source(ROOT / "book" / "exercises" / "02_divergences.md")
    before, *rest = blocks(key)
    (cells,) = (cells for cells in rest if cells[0].exercise == "breaking")
    space, shows = {}, {}
    for cell in (*before, *cells[1:]):
        run(cell.source, cell.id, space)
    for answer in (cells[0].source, EXCHANGED):
        run(answer, "answer", space)
        shows[answer] = [
            (cell.kind, run(cell.source, cell.id, space)) for cell in cells[1:]
        ]
    right, given = shows.values()
    fooled = [kind for (kind, one), (_, two) in zip(right, given) if agree(one, two)]
    assert fooled == ["shared", "check", "check"]  # the set-up, and what measures by it


@every_set
def test_a_set_has_three_kinds_of_exercises(source):
    """Compute, modify, find the bug, numbered; each with two wrong answers or more."""
    found = formats.exercises(formats.read_source(source))
    titles = [TITLE.match(exercise.title) for exercise in found]
    assert all(titles), [exercise.title for exercise in found]
    assert [int(title[1]) for title in titles] == list(range(1, len(found) + 1))
    assert {title[2] for title in titles} == {"Compute", "Modify", "Find the bug"}
    assert [e.name for e in found if len({w.label for w in e.wrong}) < 2] == []


@every_set
def test_a_set_says_what_to_expect(source):
    """Each exercise: goal, points as they are counted, minutes, a hint that unfolds."""
    key = formats.read_source(source)
    found = formats.exercises(key)
    prose = "\n".join(cell.source for cell in key.cells if cell.kind == "prose")
    parts = re.split(r"^## ", prose, flags=re.MULTILINE)
    assert f"{sum(exercise.points for exercise in found)} points" in parts[0]
    assert f"../chapters/{source.stem}.ipynb" in parts[0]
    for exercise, part in zip(found, parts[1:], strict=True):
        assert part.startswith(exercise.title)
        assert re.search(r"^\*Goal\*: \S", part, re.MULTILINE), exercise.name
        assert re.search(rf"^\*{exercise.points} points?, \d+ minutes\.\*$", part, re.M)
        assert ":::{admonition} Hint\n:class: dropdown\n" in part, exercise.name


@every_set
def test_students_get_no_answer(source):
    """Neither answers nor hidden checks nor wrong answers are in their notebook."""
    key = formats.read_source(source)
    given = [cell.source for cell in stored(source, "exercises").cells]
    kinds = ("answer", "words", "hidden", "wrong")
    assert [c.source for c in key.cells if c.kind in kinds and c.source in given] == []
    text = "\n".join(given)
    assert ":::" not in text and "# wrong:" not in text
    for exercise in formats.exercises(key):
        assert text.count(f"# answer: {exercise.name}\n") == 1


@every_set
def test_no_exercise_needs_a_gpu(source):
    assert "cuda" not in source.read_text("utf-8")


def test_every_set_has_its_chapter():
    names = {path.stem for path in (ROOT / "book" / "chapters").glob("*.md")}
    assert {source.stem for source in SOURCES} <= names and SOURCES
