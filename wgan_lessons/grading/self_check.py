"""A student's own check: their answers on a clean notebook, against its outputs.

The clean notebook is the one that was handed out. It is found by the names of the
exercises, in the book of a checkout or inside the installed package.
"""

from pathlib import Path
from typing import NamedTuple

from wgan_lessons import files
from wgan_lessons.grading import assign, formats, judging, submissions
from wgan_lessons.grading._marking import TRIALS
from wgan_lessons.grading.execution import execute
from wgan_lessons.grading.graft import given, graft
from wgan_lessons.grading.limits import Limits

PLACES = (
    files.HERE / "_data" / "exercises",
    files.HERE.parent / "book" / "exercises",
)


class Clean(NamedTuple):
    """A notebook as it was handed out: its key, and the outputs of right answers.

    `stubs` is {exercise: what stands in the answer's place}.
    """

    key: formats.Key
    reference: object
    stubs: dict


class Line(NamedTuple):
    """An exercise as checked: the judge's Check of each check, notes, its own error."""

    exercise: formats.Exercise
    checks: tuple
    notes: tuple
    error: str

    @property
    def passed(self):
        """Whether all visible checks passed."""
        return all(check.passed is True for check in self.checks)


def check(path, *, key=None, limits=Limits(), kernel=None):  # noqa: B008 - frozen
    """Return (name of the exercise set, a Line for each exercise) of a notebook.

    key: the clean notebook, or the set's source; found by itself where it is None.
    Raises ValueError for a file that is no such notebook.
    """
    judging.require()
    found = submissions.read(submissions.gather(path)[0])
    if isinstance(found, submissions.Unreadable):
        raise ValueError(f"{path} cannot be checked. {found.reason}")
    sheet = clean(key) if key else matching(found, path)
    exercises = formats.exercises(sheet.key)
    given = submissions.answers(found, [e.name for e in exercises], sheet.stubs)

    def run(answers):
        made = graft(sheet.key, sheet.reference, answers, 0, hidden=False)
        return TRIALS.judge(made, limits, kernel, ())

    together = run(given)
    lines = []
    for exercise in exercises:
        verdict, name = together, exercise.name
        if any(together.checks[c.id].passed is None for c in exercise.checks):
            # Another answer has stopped the kernel: give this one its own.
            verdict = run({**sheet.stubs, name: given[name]})
        checks = tuple(verdict.checks[c.id] for c in exercise.checks)
        error = verdict.errors.get(exercise.answer.id, "")
        if any(c.passed is None for c in checks):
            error = error or verdict.note
        lines.append(Line(exercise, checks, given[name].notes, error))
    return sheet.key.name, lines


def matching(found, path):
    """Return the clean notebook whose exercises are in a student's notebook."""
    known = [clean(p) for place in PLACES for p in sorted(place.glob("*.ipynb"))]
    counts = [shared(found, sheet) for sheet in known]
    best = max(counts, default=0)
    if best == 0 or counts.count(best) > 1:
        names = ", ".join(sheet.key.name for sheet in known) or "none"
        raise ValueError(
            f"it is not clear which exercises {path} holds; known here: {names}. "
            "Keep the lines '# answer: name', or name the clean notebook: --key FILE."
        )
    return known[counts.index(best)]


def shared(found, sheet):
    """Return how many of a sheet's exercises have an answer cell in a notebook."""
    names = [exercise.name for exercise in formats.exercises(sheet.key)]
    given = submissions.answers(found, names).values()
    return sum(bool(answer.source) for answer in given)


def clean(path):
    """Return the clean notebook at a path; a source without outputs is executed."""
    path = Path(path)
    key = formats.read_source(path)
    exercises = formats.exercises(key)
    reference = formats.runnable(key, hidden=False)
    if path.suffix != ".md" and has_outputs(path, exercises, reference):
        if not assign.is_sheet(key):
            return Clean(key, reference, given(key))
        return Clean(key, reference, {e.name: e.answer.source for e in exercises})
    reference = execute(formats.runnable(key, hidden=False))
    return Clean(key, reference, given(key))


def has_outputs(path, exercises, reference):
    """Fill in the outputs stored at `path`; return whether all checks have one."""
    notebook = formats.need("nbformat").read(path, as_version=4)
    stored = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.outputs:
            stored.setdefault(cell.source, []).append(cell)
    for cell in reference.cells:
        if cell.cell_type == "code" and stored.get(cell.source):
            same = stored[cell.source].pop(0)
            cell.outputs, cell.execution_count = same.outputs, same.execution_count
    filled = {cell.id for cell in reference.cells if cell.get("outputs")}
    return filled >= {check.id for e in exercises for check in e.checks}
