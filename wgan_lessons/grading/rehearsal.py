"""Try an exercise set before students do: `wgan-lessons assign SOURCE --test`.

    python -m wgan_lessons.grading.rehearsal SOURCE SEED...

prints JSON: {seed: {exercise: {variant: {check's id: what it shows}}}}, where variant
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
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from wgan_lessons.grading import _texts, execution, formats, stubs
from wgan_lessons.grading.nbval_numbers import agree

SEEDS = (0, 20260)
FAILED = re.compile(r"\w*(Error|Exception|Warning): ")


def rehearse(source, seeds=SEEDS):
    """Return what is wrong with a set's checks, one line each; [] if all is well.

    At each seed: the answer fails no check, the stub and each wrong answer do, hints
    come where they should and nowhere else, and no check is the same at all seeds.
    """
    key = formats.read_source(source)
    return faults(key, results(source, seeds))


def results(source, seeds=SEEDS):
    """Return what this module prints for a source, run in a process of its own."""
    place = str(Path(source).resolve())
    command = [sys.executable, "-P", "-m", __name__, place, *map(str, seeds)]
    given = {**execution.environment(), "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    with tempfile.TemporaryDirectory(prefix="wgan-") as desk:
        done = subprocess.run(
            command, env=given, cwd=desk, capture_output=True, encoding="utf-8"
        )
    if done.returncode:
        said = _texts.short(done.stderr.strip().rpartition("\n")[2])
        raise ValueError(f"{source} could not be run: {said}")
    return json.loads(done.stdout)


def faults(key, found):
    """Return the faults of a key, of which `found` is what `results` gave."""
    told = []
    for exercise in formats.exercises(key):
        shown = {seed: one[exercise.name] for seed, one in found.items()}
        for place, check in enumerate((*exercise.checks, *exercise.hidden), start=1):
            first, *others = (one["answer"][check.id] for one in shown.values())
            if FAILED.match(first):
                said = f"the answer fails: {first}"
            elif any(agree(first, other) for other in others):
                said = f"no SEED changes {first!r}"
            else:
                continue
            told.append(f"{exercise.name}, check {place}: {said}")
        for seed, one in shown.items():
            told += [
                f"{exercise.name}, SEED {seed}: {fault}"
                for fault in faults_of_answers(exercise, one)
            ]
    return told


def faults_of_answers(exercise, shown):
    """Yield what is wrong with the checks of an exercise, seen at one seed."""
    right = shown["answer"]
    checks = (*exercise.checks, *exercise.hidden)
    for one in failed(right, shown["numpy"], checks):
        yield f"{shown['numpy'][one]!r} for NumPy's numbers in place of {right[one]!r}"
    stub_fails = failed(right, shown["stub"], exercise.checks)
    if not stub_fails or not (exercise.stub or len(stub_fails) == len(exercise.checks)):
        yield "the stub passes a check"
    for wrong in exercise.wrong:
        given = shown[wrong.label]
        if not failed(right, given, checks):
            yield f"the wrong answer {wrong.label!r} passes all checks"
        if not any(wrong.says in given.get(c.id, "") for c in exercise.checks):
            yield f"no visible check says {wrong.says!r} to {wrong.label!r}"
        if any(wrong.says in text for text in right.values()):
            yield f"a check says {wrong.says!r} to the right answer"


def failed(right, given, checks):
    """Return the checks, of those that ran, whose output is not the right one."""
    ran = [c.id for c in checks if c.id in given]
    return [one for one in ran if not agree(right[one], given[one])]


def run(source, name, space):
    """Execute a cell; return what it shows: what it prints and its last expression."""
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    pretty = formats.need("IPython.lib.pretty").pretty
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
        if cell.kind in ("shared", "parameters", "answer", "check", "hidden"):
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


def main(source, *seeds):
    """Print what the set shows at the seeds, as JSON."""
    key = formats.read_source(source)
    print(json.dumps({seed: run_set(key, int(seed)) for seed in seeds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
