"""What the notebooks need to show code, tables and stored results.

Shown objects carry Markdown and plain text, so that a page, Jupyter, Colab and a
terminal each take what they can draw.
"""

import ast
import csv
import functools
import inspect
import numbers
import re
import textwrap
from dataclasses import MISSING, fields, is_dataclass

from wgan_lessons import _checks, files

# Decorators that remember results say nothing about the mathematics.
CACHES = {"cache", "lru_cache", "cached_property"}
NUMBERS = {
    int: r"[+-]?\d+",
    float: r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf|nan",
}


class Shown:
    """Text that a notebook displays: `markdown` where it can, else `text`."""

    def __init__(self, markdown, text):
        self.markdown, self.text = markdown, text

    def __repr__(self):
        return self.text

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/markdown": self.markdown, "text/plain": self.text}


def show_source(*things, doc=False):
    """Show the source of functions and classes, without their docstrings.

    doc: keep the docstrings. A partial is shown as its call, a recipe or a pair of
    losses as the call that makes it. Raises ValueError for what has no source.
    """
    if not things:
        raise ValueError("show_source needs a function; got none. Pass one or more.")
    code = "\n\n\n".join(_code(thing, doc) for thing in things)
    fence = "```"
    while fence in code:
        fence += "`"
    return Shown(f"{fence}python\n{code}\n{fence}", code)


def _code(thing, doc):
    if isinstance(thing, functools.partial) or _is_record(thing):
        return call(thing)
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(thing)))
    except (OSError, TypeError) as error:
        raise ValueError(
            f"{thing!r} has no Python source to show. Pass a function or a class."
        ) from error
    return without_noise(source, doc=doc)


def without_noise(source, *, doc=False):
    """Return Python source without docstrings (unless `doc`) and caching decorators.

    Everything else, comments and blank lines too, stays as it was written.
    """
    lines = source.rstrip().split("\n")
    # Lines are emptied in place and dropped at the end: the tree counts by them.
    for node in ast.walk(ast.parse(source)):
        for decorator in getattr(node, "decorator_list", []):
            name = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(name).split(".")[-1] in CACHES:
                _blank(lines, decorator.lineno, decorator.end_lineno)
        first = _docstring(node)
        if first is not None and not doc:
            _blank(lines, first.lineno, first.end_lineno)
            if len(node.body) == 1:
                lines[first.lineno - 1] = " " * first.col_offset + "..."
            elif lines[first.end_lineno] == "":
                _blank(lines, first.end_lineno + 1, first.end_lineno + 1)
    return "\n".join(line for line in lines if line is not None)


def _docstring(node):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    if not isinstance(node, kinds) or ast.get_docstring(node) is None:
        return None
    # One that shares its line with the function's head stays.
    return node.body[0] if node.body[0].lineno > node.lineno else None


def _blank(lines, first, last):
    lines[first - 1 : last] = [None] * (last - first + 1)


def _is_record(value):
    named = isinstance(value, tuple) and hasattr(value, "_fields")
    return named or (is_dataclass(value) and not isinstance(value, type))


def call(value):
    """Return the call that makes a partial or a record, functions by their names.

    Fields that a dataclass fills in by itself are left out where they are as given.
    """
    if isinstance(value, functools.partial):
        parts = [call(part) for part in value.args]
        parts += [f"{name}={call(part)}" for name, part in value.keywords.items()]
        return f"{call(value.func)}({', '.join(parts)})"
    if not _is_record(value):
        return getattr(value, "__name__", repr(value))
    if is_dataclass(value):
        kept = [f.name for f in fields(value) if f.repr]
        usual = {f.name: f.default for f in fields(value) if f.default is not MISSING}
    else:
        kept, usual = value._fields, value._field_defaults
    pairs = [(name, getattr(value, name)) for name in kept]
    shown = [(k, v) for k, v in pairs if k not in usual or v is not usual[k]]
    parts = [f"{name}={call(part)}" for name, part in shown]
    line = f"{type(value).__name__}({', '.join(parts)})"
    if len(line) <= 72:
        return line
    inside = textwrap.indent(",\n".join(parts), "    ")
    return f"{type(value).__name__}(\n{inside},\n)"


def table(rows, *, header=None):
    """Show rows as a table: dicts, or sequences under a `header`.

    header: the column names; of dicts the columns to show, all unless given. Floats
    are rounded to 4 digits. Raises ValueError for no rows or another number of cells.
    """
    rows = list(rows)
    if not rows:
        raise ValueError("rows is empty. Pass at least one row.")
    if isinstance(rows[0], dict):
        header = list(rows[0] if header is None else header)
        for name in header:
            _checks.one_of("column", name, rows[0])
        rows = [[row[name] for name in header] for row in rows]
    if header is None:
        header = getattr(rows[0], "_fields", None)
    if header is None or {len(row) for row in rows} != {len(header)}:
        raise ValueError(
            f"every row must have one cell a column; got rows of "
            f"{sorted({len(row) for row in rows})} for the header {header}. "
            "Pass header=[...] with a name for each cell."
        )
    cells = [[_cell(value) for value in row] for row in [header, *rows]]
    return Shown(_markdown(cells), _aligned(cells))


def _cell(value):
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        return f"{value:.4g}"
    if value is None:
        return "-"
    text = call(value) if callable(value) else str(value)
    return " ".join(text.split())


def _markdown(cells):
    # A bar would end the cell, and "<lambda>" would be taken for HTML.
    rows = [[c.replace("|", r"\|").replace("<", "&lt;") for c in row] for row in cells]
    rows.insert(1, ["---"] * len(cells[0]))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _aligned(cells):
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rows = [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in cells]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(row).rstrip() for row in rows)


def data_file(name):
    """Return the Path of a committed file of the data folder: "results/ring.csv".

    The same name works in a checkout and in an installed package. Raises ValueError
    that lists the files there are.
    """
    try:
        return files.committed(name)
    except ValueError as error:
        here = ", ".join(_committed()) or "none"
        raise ValueError(
            f"there is no data file {name!r}. Choose one of: {here}."
        ) from error


def _committed():
    packed, checkout = files.HERE / "_data", files.HERE.parent / "data"
    root = packed if packed.is_dir() else checkout
    found = (path.relative_to(root) for path in root.rglob("*.*") if path.is_file())
    return sorted(path.as_posix() for path in found if path.parts[0] != "downloads")


def read_results(name):
    """Return the rows of data/results/<name>.csv as dicts, its numbers as numbers.

    An empty cell becomes None, True and False become bools. Raises ValueError for a
    study that is not stored.
    """
    with data_file(f"results/{name}.csv").open(newline="", encoding="utf-8") as file:
        return [{k: _value(v) for k, v in row.items()} for row in csv.DictReader(file)]


def _value(text):
    known = {"": None, "True": True, "False": False}
    if text in known:
        return known[text]
    for kind, pattern in NUMBERS.items():
        if re.fullmatch(pattern, text, re.IGNORECASE):
            return kind(text)
    return text
