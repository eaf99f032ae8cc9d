"""A notebook to judge: the clean key with one student's answers in the model's places.

    run = runnable(key, seed=seed)                   # formats.py; execute it: reference
    mine = answers(notebook, given(key), given(key))
    judged = graft(key, reference, mine, seed)
    alone = graft(key, reference, only(key, mine, "cost"), seed)

Whatever a student changed outside the answers is gone: checks, their tags and reference
outputs, the seed and the set-up come from the key and its execution on this machine.
An answer is code in a cell without tags or outputs, first line `# answer: name`: it can
be no check, no comment to nbval, no cell magic. Magics and shell lines are left out, as
_answers.py tells.
"""

import contextlib
from copy import deepcopy
from typing import NamedTuple

from wgan_lessons.grading._answers import plain
from wgan_lessons.grading.formats import CHECKED, exercises, need, runnable
from wgan_lessons.grading.stubs import stub

CHECKS = ("check", "hidden")


class Place(NamedTuple):
    """What a check belongs to: its exercise, its number there from 1, hidden or not."""

    exercise: str
    number: int
    hidden: bool


def places(key):
    """Return {cell id: Place} of a key's checks, which have these ids in a graft."""
    return {
        cell.id: Place(exercise.name, number, cell.kind == "hidden")
        for exercise in exercises(key)
        for number, cell in enumerate(checks_of(key, exercise.name), start=1)
    }


def checks_of(key, name):
    """Return the checks of an exercise, hidden ones too."""
    return [c for c in key.cells if c.exercise == name and c.kind in CHECKS]


def graft(key, reference, answers, seed, *, hidden=True):
    """Return the notebook (nbformat 4) that decides about the answers.

    `answers` is {exercise: Answer or code}; an exercise that is missing has an empty
    answer. `reference` is `runnable(key, seed=seed)` after its execution; its outputs
    are what the checks must show. `hidden` False leaves hidden checks out. Raises
    ValueError for an exercise that the key has not, and for a reference of another key
    or seed, with an error, or without output in a check.
    """
    names = [exercise.name for exercise in exercises(key)]
    if unknown := sorted(set(answers) - set(names)):
        raise ValueError(
            f"the key {key.name} has no exercise {unknown[0]!r}; it has "
            f"{', '.join(names)}. Take the answers by these names."
        )
    codes = {name: code_of(name, answers.get(name, "")) for name in names}
    executed = matched(key, reference, seed, hidden=hidden)
    notebook = runnable(key, codes, seed=seed, hidden=hidden)
    checks = places(key)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in notebook.cells:
        cell.metadata = need("nbformat").from_dict({})
        if cell.id in checks:
            cell.metadata.tags = [CHECKED]
            cell.outputs, cell.execution_count = shown(executed[cell.id], checks)
    return notebook


def given(key):
    """Return {exercise: what students found in the place of its answer}.

    That is "" where no stub can be made.
    """
    return {exercise.name: given_as(exercise) for exercise in exercises(key)}


def given_as(exercise):
    """Return what students found in the place of one answer, as `given`."""
    if exercise.stub:
        return exercise.stub.source
    with contextlib.suppress(ValueError):
        return stub(exercise.answer.source)
    return ""


def only(key, answers, name):
    """Return the answers with the model's in the place of all but the exercise `name`.

    So an answer is judged as if all others were right.
    """
    model = {e.name: e.answer.source for e in exercises(key)}
    if name not in model:
        raise ValueError(
            f"the key {key.name} has no exercise {name!r}; it has {', '.join(model)}. "
            "Choose one of these."
        )
    return model | {name: answers.get(name, "")}


def code_of(name, answer):
    """Return an answer's cell: the line that names it, then what is plain Python."""
    source = answer if isinstance(answer, str) else answer.source
    first, _, rest = source.partition("\n")
    head = f"# answer: {name}"
    body = rest if first.strip() == head else source
    return plain(f"{head}\n{body}")[0]


def matched(key, reference, seed, *, hidden):
    """Return {id: cell} of the executed key once it is that of this key and seed."""
    executed = {cell.get("id"): cell for cell in reference.cells}
    for cell in runnable(key, seed=seed, hidden=hidden).cells:
        found = executed.get(cell.id)
        if found is None or found.source != cell.source:
            first = cell.source.strip().partition("\n")[0][:50]
            raise ValueError(
                f"the reference is not this key at seed {seed}; its cell {first!r} is "
                "another. Execute runnable(key, seed=seed) again."
            )
    return executed


def shown(cell, checks):
    """Return a check's (outputs, execution count); nbval compares with both only."""
    place = checks[cell.id]
    said = f"check {place.number} of {place.exercise!r}"
    errors = [o for o in cell.outputs if o.output_type == "error"]
    if errors:
        raise ValueError(
            f"the model solution fails {said}: {errors[0].ename}: {errors[0].evalue}. "
            "Mend the key."
        )
    outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    if not outputs:
        raise ValueError(
            f"{said} showed nothing in the reference, so every answer would pass. "
            "Let it end in an expression, and execute the key."
        )
    return deepcopy(outputs), cell.execution_count or 1
