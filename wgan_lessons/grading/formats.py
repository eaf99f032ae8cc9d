"""An exercise set's source, the key: its cells, what each is for, what goes together.

A key is a notebook, MyST Markdown or .ipynb, whose cells carry tags: `parameters`,
`answer` with `points-N`, `stub`, `nbval-check-output` (a check of the answer above it),
`hidden`, `wrong`. Markdown tagged `answer` is an answer in words. Whatever breaks the
format is an error that names the cell.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from wgan_lessons.grading import _rules, frame
from wgan_lessons.grading.frame import need

CHECKED = _rules.CHECKED
_TITLE = re.compile(r"^## (\S.*)$", re.MULTILINE)
_SEED = re.compile(r"^SEED = 0\b", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """A cell of a key; `exercise` names the answer that it belongs to.

    kind: "prose", "shared", "parameters", "answer", "stub", "check", "hidden" (a check
    that students do not get), "wrong", or "words" (an answer in words, Markdown that
    students do not get either). metadata: as it stands in the notebook.
    """

    kind: str
    source: str
    id: str = ""
    exercise: str | None = None
    metadata: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Key:
    """An exercise set: its name, such as "01_boxes", and its cells in order."""

    name: str
    cells: tuple


class Wrong(NamedTuple):
    """An answer that students give, and what a check says to it."""

    label: str
    says: str
    source: str


@dataclass(frozen=True)
class Exercise:
    """One answer with all that belongs to it; `stub` is None where none is written."""

    name: str
    title: str
    points: int
    answer: Cell
    stub: Cell | None
    checks: tuple
    hidden: tuple
    wrong: tuple


def read_source(path):
    """Return the key that stands in a .md (MyST) or .ipynb file."""
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error}. Check the name.") from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} cannot be read: {error}. Save it as UTF-8."
        ) from error
    name, how = ("nbformat", {"as_version": 4})
    if path.suffix.lower() == ".md":
        name, how = ("jupytext", {"fmt": "md:myst"})
    reader = need(name)
    try:
        notebook = reader.reads(text, **how)
    except Exception as error:  # jupytext, YAML and jsonschema have their own
        said = " ".join(str(error).split())
        raise ValueError(
            f"{path} is no notebook: {said}. Give the .md or .ipynb of an exercise set."
        ) from error
    try:
        return parse(notebook, path.stem)
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from error


def parse(notebook, name="key"):
    """Return the key in a notebook (nbformat 4); ValueError if it breaks a rule."""
    cells, exercise = [], None
    for number, raw in enumerate(notebook.cells, start=1):
        if raw.cell_type == "code" and frame.is_setup(raw.source):
            continue
        try:
            kind = _rules.kind_of(raw)
            if kind in ("answer", "stub"):
                exercise = _rules.answer_name(raw.source)
            owner = None if kind in ("prose", "shared", "parameters") else exercise
            cell = Cell(kind, raw.source, exercise=owner, metadata=dict(raw.metadata))
            _rules.check_cell(cell, cells)
        except ValueError as error:
            first = raw.source.strip().partition("\n")[0]
            raise ValueError(f"cell {number} ({first[:50]!r}): {error}") from error
        cells.append(cell)
    key = Key(name, _named(cells))
    _rules.check_key(key, exercises(key))
    return key


def exercises(key):
    """Return the exercises of a key in order, each with all that belongs to it."""
    found, title = [], ""
    for cell in key.cells:
        if cell.kind == "prose":
            title = (_TITLE.findall(cell.source) or [title])[-1]
        if cell.kind == "answer":
            own = [c for c in key.cells if c.exercise == cell.exercise]
            found.append(_exercise(cell, title, own))
    return tuple(found)


def summary(key):
    """Return what a key holds, in a few words."""
    found = exercises(key)
    points = sum(exercise.points for exercise in found)
    shown, hidden = (
        sum(len(getattr(e, kind)) for e in found) for kind in ("checks", "hidden")
    )
    return (
        f"{counted(len(found), 'exercise')}, {counted(points, 'point')}, "
        f"{shown} visible and {counted(hidden, 'hidden check')}"
    )


def counted(number, word):
    """Return such as "1 check" or "2 checks"."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def _exercise(answer, title, cells):
    stub, checks, hidden, wrong = (
        tuple(cell for cell in cells if cell.kind == kind)
        for kind in ("stub", "check", "hidden", "wrong")
    )
    return Exercise(
        answer.exercise,
        title,
        points(answer),
        answer,
        stub[0] if stub else None,
        checks,
        hidden,
        tuple(map(_wrong, wrong)),
    )


def runnable(key, answers=None, *, seed=0, hidden=True):
    """Return the key as a notebook to execute: no stubs, wrong answers, or words.

    answers: {exercise: code} in place of the model's. Cells keep the ids of the key
    whatever stands in them; the `parameters` cell says `SEED = seed`.
    """
    v4 = need("nbformat").v4
    left_out = {"stub", "wrong", "words"} | (set() if hidden else {"hidden"})
    cells = []
    for cell in key.cells:
        if cell.kind in left_out:
            continue
        source = cell.source
        if cell.kind == "answer":
            source = (answers or {}).get(cell.exercise, source)
        prose = cell.kind == "prose"
        make = v4.new_markdown_cell if prose else v4.new_code_cell
        cells.append(make(source, id=cell.id, metadata=dict(cell.metadata)))
    notebook = v4.new_notebook(cells=cells)
    set_seed(notebook, seed)
    return notebook


def set_seed(notebook, seed):
    """Let the cell tagged `parameters` say `SEED = seed`."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = _SEED.sub(f"SEED = {int(seed)}", cell.source)


def shown(outputs):
    """Yield the texts of a cell's outputs: what it printed, what it ends in, errors."""
    for output in outputs:
        if output.get("name") != "stderr" and "text" in output:
            yield output["text"]
        elif "ename" in output:
            yield f"{output['ename']}: {output['evalue']}"
        elif "text/plain" in output.get("data", {}):
            yield output["data"]["text/plain"]


def _wrong(cell):
    match = _rules.WRONG.match(cell.source)
    code = cell.source[match.end() :]
    label, says = (text.strip() for text in match.groups())
    return Wrong(label, says, f"# answer: {cell.exercise}\n{code}")


def points(cell):
    """Return the points of an answer cell."""
    found = map(_rules.POINTS.fullmatch, cell.metadata["tags"])
    return next(int(match[1]) for match in found if match)


def _named(cells):
    """Return the cells with ids made of their content."""
    kinds = ["markdown" if c.kind in ("prose", "words") else "code" for c in cells]
    ids = frame.content_ids(zip(kinds, (cell.source for cell in cells)))
    return tuple(replace(cell, id=name) for cell, name in zip(cells, ids))
