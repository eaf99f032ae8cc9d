"""Every exercise set: its checks accept the solution and tell what is wrong else.

That the stored notebooks are what the sources make is in test_notebooks.py.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from exercise_runner import blocks, run

from wgan_lessons import divergences, transport
from wgan_lessons.grading import formats
from wgan_lessons.grading.nbval_numbers import agree

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "book" / "exercises").glob("*.md"))
SEEDS = ("0", "20260")
TITLE = re.compile(r"(\d)\. (Compute|Modify|Find the bug): \S")
every_set = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def results(source):
    """Return what the runner prints: {seed: {exercise: {variant: {check: text}}}}."""
    runner = Path(__file__).with_name("exercise_runner.py")
    done = subprocess.run(
        [sys.executable, str(runner), str(source), *SEEDS],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def stored(source, folder):
    """Return the stored notebook that a source makes in a folder of the book."""
    path = ROOT / "book" / folder / f"{source.stem}.ipynb"
    return nbformat.read(path, as_version=4)


def failed(right, given, checks):
    """Return the checks, of those that ran, whose output is not the right one."""
    ran = [c.id for c in checks if c.id in given]
    return [one for one in ran if not agree(right[one], given[one])]


def faults_of_answers(exercise, shown):
    """Yield what is wrong with the checks of an exercise, seen at one seed."""
    right = shown["answer"]
    checks = (*exercise.checks, *exercise.hidden)
    for one in failed(right, shown["numpy"], checks):
        yield f"{one}: {shown['numpy'][one]!r} for NumPy's numbers: {right[one]!r}"
    stub_fails = failed(right, shown["stub"], exercise.checks)
    if not stub_fails or not (exercise.stub or len(stub_fails) == len(exercise.checks)):
        yield "the stub passes a check"
    for wrong in exercise.wrong:
        given = shown[wrong.label]
        if not failed(right, given, checks):
            yield f"{wrong.label!r} passes all checks"
        if not any(wrong.says in given.get(c.id, "") for c in exercise.checks):
            yield f"no check says {wrong.says!r} to {wrong.label!r}: {given}"
        if any(wrong.says in text for text in right.values()):
            yield f"a check says {wrong.says!r} to the right answer"


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
    faults = []
    for exercise in formats.exercises(key):
        first, second = (found[seed][exercise.name] for seed in SEEDS)
        for check in exercise.checks:
            reference = references.get(check.source, "nothing: run make notebooks")
            if not agree(reference, first["answer"][check.id]):
                shown = first["answer"][check.id]
                faults.append(f"{exercise.name}: not what is stored: {shown}")
        for check in (*exercise.checks, *exercise.hidden):
            text = first["answer"][check.id]
            if agree(text, second["answer"][check.id]):
                faults.append(f"{exercise.name}: {text!r} does not depend on SEED")
            if re.match(r"\w*(Error|Exception|Warning): ", text):
                faults.append(f"{exercise.name}: the solution fails: {text}")
        for seed in SEEDS:
            for fault in faults_of_answers(exercise, found[seed][exercise.name]):
                faults.append(f"{exercise.name}, SEED {seed}: {fault}")
    assert faults == []


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
    kinds = ("answer", "hidden", "wrong")
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
