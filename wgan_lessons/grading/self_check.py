"""A student's own check: their answers on a clean notebook, against its outputs.

The clean notebook is the one that was handed out. It is found by the names of the
exercises, in the book of a checkout or inside the installed package.
"""

from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

from wgan_lessons import files
from wgan_lessons.grading import _answers, assign, formats, frame, judging, submissions
from wgan_lessons.grading._marking import TRIALS
from wgan_lessons.grading.execution import execute
from wgan_lessons.grading.graft import given, graft
from wgan_lessons.grading.limits import Limits

PLACES = (
    files.HERE / "_data" / "exercises",
    files.HERE.parent / "book" / "exercises",
)
CUT_OFF = "KeyboardInterrupt"
NO_SHEET = "but it passes, so the notebook to compare with is not the one handed out"


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
        lines.append(line_of(exercise, given[name], verdict))
    return sheet.key.name, lines


def line_of(exercise, answer, verdict):
    """Return the Line of an exercise."""
    checks = tuple(verdict.checks[c.id] for c in exercise.checks)
    error = verdict.errors.get(exercise.answer.id, "")
    cut_off = [c.passed is None or c.error == CUT_OFF for c in checks]
    if any(cut_off):
        error = error if error not in ("", CUT_OFF) else verdict.note
    line = Line(exercise, checks, answer.notes, error)
    if line.passed and _answers.UNTOUCHED in answer.notes:
        return line._replace(notes=(*answer.notes, NO_SHEET))
    if not line.passed and _answers.prints(answer.source):
        return line._replace(notes=(*answer.notes, _answers.PRINTS))
    return line


def known():
    """Yield the course's sets: sources in a checkout, else notebooks handed out."""
    for place in PLACES:
        yield from sorted(place.glob("*.md")) or sorted(place.glob("*.ipynb"))


def matching(found, path):
    """Return the clean notebook whose exercises are in a student's notebook."""
    places = list(known())
    counts = [shared(found, formats.read_source(place)) for place in places]
    best = max(counts, default=0)
    if best == 0 or counts.count(best) > 1:
        names = ", ".join(place.stem for place in places) or "none"
        raise ValueError(
            f"it is not clear which exercises {path} holds; known here: {names}. "
            "Keep the lines '# answer: name', or name the clean notebook: --key FILE."
        )
    source = places[counts.index(best)]
    try:
        return clean(source.with_suffix(".ipynb"))
    except ValueError:  # somebody has worked in the course's own notebook
        return clean(source)


def shared(found, key):
    """Return how many of a key's exercises have an answer cell in a notebook."""
    names = [exercise.name for exercise in formats.exercises(key)]
    given = submissions.answers(found, names).values()
    return sum(bool(answer.source) for answer in given)


def clean(path):
    """Return the clean notebook at a path; a source without outputs is executed.

    ValueError for a notebook that was changed since it was made.
    """
    path = Path(path)
    key = formats.read_source(path)
    reference = formats.runnable(key, hidden=False)
    if path.suffix != ".md":
        notebook = formats.need("nbformat").read(path, as_version=4)
        if frame.changed(notebook):
            raise ValueError(
                f"{path} is not as it was handed out: its answers or outputs were "
                "changed. Get the notebook again, or name the source of the set."
            )
        exercises = formats.exercises(key)
        filled = with_outputs(reference, notebook)
        if has_outputs(filled, exercises):
            sheet = {e.name: e.answer.source for e in exercises}
            return Clean(key, filled, sheet if assign.is_sheet(key) else given(key))
    return Clean(key, execute(reference), given(key))


def with_outputs(reference, notebook):
    """Return the reference with the outputs that its cells have in a notebook."""
    stored, filled = {}, deepcopy(reference)
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.outputs:
            stored.setdefault(cell.source, []).append(cell)
    for cell in filled.cells:
        if cell.cell_type == "code" and stored.get(cell.source):
            same = stored[cell.source].pop(0)
            cell.outputs, cell.execution_count = same.outputs, same.execution_count
    return filled


def has_outputs(reference, exercises):
    """Whether all checks that students see have an output."""
    filled = {cell.id for cell in reference.cells if cell.get("outputs")}
    return filled >= {check.id for e in exercises for check in e.checks}
