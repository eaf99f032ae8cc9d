"""ruff on the code cells of the MyST sources, with the lines of the sources."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from jupytext.myst import myst_to_notebook
from notebook_pairs import write

# A stub and an answer have the same name.
ALLOWED = {"exercises": {"F811"}}
FENCE = re.compile(r"\s*(```|~~~)")


def ruff(*arguments, root):
    """Run ruff with the project's settings; return what it printed."""
    settings = Path(root) / "pyproject.toml"
    config = ["--config", str(settings)] if settings.exists() else ["--isolated"]
    command = [sys.executable, "-m", "ruff", *arguments, *config, "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode > 1:
        raise ValueError(f"ruff failed: {done.stderr.strip()}")
    return done.stdout


def split(code):
    return code.split("\n") if code else []


def bodies(source):
    """Return the notebook of a source, and for each code cell its first line (from 0).

    A cell's lines stand in the source as they are, behind its options.
    """
    lines = source.read_text("utf-8").splitlines()
    notebook = myst_to_notebook("\n".join(lines), add_source_map=True)
    starts = {}
    for number, fence in enumerate(notebook.metadata.source_map):
        cell = notebook.cells[number]
        if cell.cell_type != "code":
            continue
        code = split(cell.source)
        ends = [
            n for n in range(fence + len(code), len(lines)) if FENCE.match(lines[n])
        ]
        fits = [n - len(code) for n in ends if lines[n - len(code) : n] == code]
        if not fits:
            raise ValueError(f"the code cell in line {fence} has no closing fence")
        starts[number] = fits[0]
    return notebook, starts


def temporary(notebook, folder, name):
    """Write the notebook where ruff can read it; return the path."""
    path = Path(folder) / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def findings(source, root):
    """Yield ruff's findings in a source as (line, text)."""
    notebook, starts = bodies(source)
    with tempfile.TemporaryDirectory() as folder:
        path = temporary(notebook, folder, source.stem)
        found = json.loads(ruff("check", "--output-format=json", str(path), root=root))
    for one in found:
        if one["code"] in ALLOWED.get(source.parent.name, ()):
            continue
        line = starts[one["cell"] - 1] + one["location"]["row"] if one["cell"] else 1
        yield line, f"{one['code']} {one['message']}"


def formatted(source, root):
    """Return the notebook of a source, its first lines, and the cells formatted."""
    notebook, starts = bodies(source)
    with tempfile.TemporaryDirectory() as folder:
        path = temporary(notebook, folder, source.stem)
        ruff("format", str(path), root=root)
        cells = nbformat.read(path, as_version=4).cells
    return notebook, starts, [cell.source for cell in cells]


def unformatted(source, root):
    """Yield the cells that ruff would write otherwise as (line, text)."""
    notebook, starts, wanted = formatted(source, root)
    for number, line in starts.items():
        if notebook.cells[number].source != wanted[number]:
            yield line + 1, "format: ruff would write this cell otherwise"


def rewrite_cells(source, root):
    """Put the formatted cells in the place of the old ones; return if any changed.

    The new text must parse to the same notebook with the formatted cells in it, or
    the source stays as it is.
    """
    notebook, starts, wanted = formatted(source, root)
    before = source.read_text("utf-8")
    lines = before.splitlines()
    for number in sorted(starts, reverse=True):
        start, old = starts[number], notebook.cells[number].source
        lines[start : start + len(split(old))] = split(wanted[number])
    after = "\n".join(lines) + "\n"
    cells = jupytext.reads(after, fmt="md:myst").cells
    if [(c.cell_type, c.source) for c in cells] != [
        (cell.cell_type, code)
        for cell, code in zip(notebook.cells, wanted, strict=True)
    ]:
        raise ValueError(f"{source} could not be formatted safely. Format it by hand.")
    if after != before:
        write(source, after)
    return after != before


def everything(source, root):
    """Return what there is to say about a source, in the order of its lines."""
    try:
        found = list(findings(source, root))
        # What is no Python cannot be formatted either.
        if not any(text.startswith("invalid-syntax") for _, text in found):
            found += unformatted(source, root)
    except ValueError as error:
        found = [(1, str(error))]
    return sorted(found)


def run(chosen, root, *, rewrite=False):
    """Lint the sources, or format them; print what is found, return how many lines."""
    bad = 0
    for source in chosen:
        name = source.relative_to(root)
        if rewrite and rewrite_cells(source, root):
            print(f"{name}: formatted")
        if not rewrite:
            found = everything(source, root)
            for line, text in found:
                print(f"{name}:{line}: {text}")
            bad += len(found)
    if not rewrite:
        print(f"{len(chosen)} notebook source(s) linted, {bad} finding(s)")
    return bad
