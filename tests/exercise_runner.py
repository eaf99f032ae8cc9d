"""Run an exercise set in this process: the key, its stubs, its wrong answers.

    python tests/exercise_runner.py SOURCE SEED...

Prints JSON: {seed: {exercise: {variant: {check's id: what it shows}}}}, where variant
is "answer", "numpy" (the answer, but the numbers that it returns are NumPy's), "stub",
or the label of a wrong answer. A variant's names are forgotten after its checks, so
that the next one begins where the key stands; its checks end with the first that
refuses it with the message that it should have.
"""

import ast
import contextlib
import io
import json
import linecache
import os
import sys

os.environ["MPLBACKEND"] = "Agg"

from IPython.lib.pretty import pretty

from wgan_lessons.grading import formats, stubs
from wgan_lessons.grading.nbval_numbers import agree


def run(source, name, space):
    """Execute a cell; return what it shows: what it prints and its last expression."""
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    printed, shown = io.StringIO(), []
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            body = ast.parse(source).body
            last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
            exec(compile(ast.Module(body, []), name, "exec"), space)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), name, "eval"), space)
                shown = [pretty(value)] if value is not None else []
        except Exception as error:
            shown = [f"{type(error).__name__}: {error}"]
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    return "\n".join([printed.getvalue().rstrip("\n")] * bool(printed.tell()) + shown)


def blocks(key):
    """Return the code cells before the first answer, and those from each answer on."""
    found = [[]]
    for cell in key.cells:
        if cell.kind == "answer":
            found.append([])
        if cell.kind not in ("prose", "stub", "wrong"):
            found[-1].append(cell)
    return found


WRAPPED = """
import functools as _functools, numpy as _numpy
def _wrapped(value):
    if type(value) in (list, tuple):
        return type(value)(map(_wrapped, value))
    same = {bool: _numpy.bool_, int: _numpy.int64, float: _numpy.float64}
    return same.get(type(value), lambda value: value)(value)
def _wrap(function):
    return _functools.wraps(function)(lambda *a, **k: _wrapped(function(*a, **k)))
"""


def with_numpys_numbers(source):
    """Return an answer whose functions return NumPy's numbers in place of Python's."""
    defined = [d.name for d in ast.parse(source).body if isinstance(d, ast.FunctionDef)]
    return "\n".join([source, WRAPPED, *(f"{n} = _wrap({n})" for n in defined)])


def variants(exercise):
    """Yield (variant, source of the answer's cell, what a check must say to it)."""
    yield "numpy", with_numpys_numbers(exercise.answer.source), None
    if exercise.stub:
        yield "stub", exercise.stub.source, ""
    else:  # every check must refuse it, so that none is left out
        yield "stub", stubs.stub(exercise.answer.source), None
    for wrong in exercise.wrong:
        yield wrong.label, wrong.source, wrong.says


def run_checks(cells, space, right=None, says=None):
    """Return {check's id: what it shows}; see above for where it ends."""
    shows = {}
    for cell in cells:
        text = run(cell.source, cell.id, space)
        if cell.kind in ("check", "hidden"):
            shows[cell.id] = text
            told = cell.kind == "check" and says is not None and says in text
            if told and not agree(right[cell.id], text):
                break
    return shows


def run_set(key, seed):
    """Return {exercise: {variant: {check's id: what it shows}}} for one seed."""
    space = {"__name__": "__main__", "display": lambda *_, **__: None}
    before, *rest = blocks(key)
    for cell in before:
        parameters = cell.kind == "parameters"
        run(f"SEED = {seed}" if parameters else cell.source, cell.id, space)
    found = {}
    for exercise, cells in zip(formats.exercises(key), rest, strict=True):
        start = dict(space)
        run(exercise.answer.source, cells[0].id, space)
        right = run_checks(cells[1:], space)
        found[exercise.name] = {"answer": right}
        end = dict(space)
        for variant, source, says in variants(exercise):
            space.clear()
            space.update(start)
            run(source, f"{cells[0].id} {variant}", space)
            shows = run_checks(cells[1:], space, right, says)
            found[exercise.name][variant] = shows
        space.clear()
        space.update(end)
    return found


if __name__ == "__main__":
    source, *seeds = sys.argv[1:]
    key = formats.read_source(source)
    print(json.dumps({seed: run_set(key, int(seed)) for seed in seeds}))
