"""A small exercise set, made-up submissions to it, and a judge that starts no process.

The quick judge executes cells in this process: for what is around the judge.
"""

import ast
import contextlib
import io
from copy import deepcopy

import nbformat

from wgan_lessons.grading import _marking, assign, formats, grade
from wgan_lessons.grading.judging import Check, Verdict

SECRET = "only the teacher knows"
KEY = f'''\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# Exercises: small

```{{code-cell}} ipython3
:tags: [parameters]

SEED = 0
```

## 1. Compute: twice

```{{code-cell}} ipython3
:tags: [answer, points-2]

# answer: double
def double(n):
    return 2 * n
```

```{{code-cell}} ipython3
:tags: [nbval-check-output]

if double(3) == 5:
    print("Twice is not plus two.")
double(SEED + 10)
```

```{{code-cell}} ipython3
:tags: [nbval-check-output, hidden]

"{SECRET}"
[double(SEED + k) for k in (21, 22)]
```

## 2. Modify: four times

```{{code-cell}} ipython3
:tags: [answer, points-3]

# answer: quad
def quad(n):
    return double(double(n))
```

```{{code-cell}} ipython3
:tags: [nbval-check-output]

quad(SEED + 1)
```

## 3. Find the bug: one more

```{{code-cell}} ipython3
:tags: [answer, points-1]

# answer: more
def more(n):
    return n + 1
```

```{{code-cell}} ipython3
:tags: [stub]

# answer: more
def more(n):
    return n - 1
```

```{{code-cell}} ipython3
:tags: [nbval-check-output]

more(SEED)
```
'''
MODEL = {
    "double": "def double(n):\n    return 2 * n",
    "quad": "def quad(n):\n    return 4 * n",
    "more": "def more(n):\n    return n + 1",
}
SPY = f"""
def quad(n):
    import linecache
    import sys

    files = list(linecache.cache.values()) + list(sys.modules["__main__"].__dict__)
    print("the key says", [f for f in files if {SECRET[:9]!r} in str(f)])
    return 5 * n
"""
# What each file holds in the places of the model's answers, and the points it gets.
CLASS = {
    "=SUM(A1).ipynb": ({}, (2, 3, 1)),
    "Zoë Müller_2026-11-01 12.30 (1).ipynb": (
        {
            "double": "def double(n):\n    print('<script>')\n    return n + 2",
            "quad": "def quad(n):\n    return double(double(n))",
        },
        (0, 3, 1),
    ),
    "exit.ipynb": ({"double": "import os\nos._exit(0)"}, (0, 3, 1)),
    "half.ipynb": (
        {"double": "def double(n):\n    return min(2 * n, 2 * SEED + 20)"},
        (0, 3, 1),
    ),
    "spy.ipynb": ({"quad": SPY}, (2, 0, 1)),
    "untouched.ipynb": (None, (0, 0, 0)),
}


def key_file(folder):
    """Write the key; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "small.md"
    path.write_text(KEY, "utf-8")
    return path


def notebook(changed):
    """Return a submission: the model's answers but those changed; None: only stubs."""
    key = formats.parse(read_key(), "small")
    given = {c.exercise: c.source for c in key.cells if c.kind == "stub"}
    cells = []
    for cell in key.cells:
        if cell.kind in ("prose", "parameters", "check"):
            make = nbformat.v4.new_markdown_cell if cell.kind == "prose" else code
            cells.append(make(cell.source))
        elif cell.kind == "answer" and changed is None:
            stub = given.get(cell.exercise) or assign.stubs.stub(cell.source)
            cells.append(code(stub))
        elif cell.kind == "answer":
            body = (MODEL | changed)[cell.exercise]
            cells.append(code(f"# answer: {cell.exercise}\n{body}"))
    return nbformat.v4.new_notebook(cells=cells)


def read_key():
    return formats.need("jupytext").reads(KEY, fmt="md:myst")


def code(source):
    return nbformat.v4.new_code_cell(source)


def hand_in(folder, submissions):
    """Write {file name: changed answers or bytes} into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in submissions.items():
        path = folder / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            nbformat.write(notebook(content), path)
    return folder


def play(notebook):
    """Return a copy of a notebook, executed in this process; errors end a cell."""
    done, space, new = deepcopy(notebook), {}, nbformat.v4.new_output
    for cell in done.cells:
        if cell.cell_type != "code":
            continue
        body, said, value = ast.parse(cell.source).body, io.StringIO(), None
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(said), contextlib.suppress(Exception):
            exec(compile(ast.Module(body, []), "cell", "exec"), space)
            if last:
                value = eval(compile(ast.Expression(last.value), "cell", "eval"), space)
        cell.outputs, cell.execution_count = [], 1
        if said.getvalue():
            cell.outputs.append(new("stream", name="stdout", text=said.getvalue()))
        if value is not None:
            data = {"text/plain": repr(value)}
            result = new("execute_result", data=data, execution_count=1)
            cell.outputs.append(result)
    return done


def played(notebook, **_):
    """Do what `execute` does, in this process."""
    return play(notebook)


def text(cell):
    return "".join(o.get("text") or o["data"]["text/plain"] for o in cell.outputs)


class QuickJudge:
    """Stands in for the judge; counts its trials, and may be told to do something."""

    def __init__(self, then=None):
        self.trials, self.then = 0, then or (lambda judge: None)

    def __call__(self, made, limits, kernel, concealed):
        self.trials += 1
        self.then(self)
        run = play(made)
        checks = {}
        for cell, want in zip(run.cells, made.cells):
            if want.metadata.get("tags"):
                good = text(cell) == text(want)
                error = "" if good else "the output differs"
                checks[cell.id] = Check(good, text(cell), error)
        return Verdict("ran", checks)


def quick(monkeypatch, then=None):
    """Let the grader use the quick judge; return it."""
    judge = QuickJudge(then)
    monkeypatch.setattr(_marking.TRIALS, "judge", judge)
    monkeypatch.setattr(grade, "execute", played)
    return judge
