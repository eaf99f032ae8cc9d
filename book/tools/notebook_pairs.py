"""A notebook is a pair: the MyST source that people edit, and its .ipynb beside it.

This module builds the .ipynb, not yet executed, from the source and `_config.yml`.
"""

import os
from pathlib import Path

import jupytext
import nbformat

from wgan_lessons.grading.frame import (
    KERNEL,
    LANGUAGE,
    course_of,
    name_cells,
    setup_cell,
)

ROOT = Path(__file__).resolve().parents[2]
# Exercises have one source and two notebooks: exercise_pages.py writes those.
ELSEWHERE = {"exercises", "solutions", "_build", ".ipynb_checkpoints"}
CELL_PARTS = {"cell_type": "kind", "source": "text", "metadata": "tags"}


def pages(root, pattern):
    """Return the files of the book that match, in order, exercises left out."""
    book = Path(root) / "book"
    return sorted(
        path
        for path in book.rglob(pattern)
        if not ELSEWHERE & set(path.relative_to(book).parts)
    )


def is_notebook(page):
    """Whether a Markdown page has jupytext's header (all of book/chapters must)."""
    opening, _, rest = page.read_text("utf-8").partition("---\n")
    return not opening and "text_representation:" in rest.partition("\n---\n")[0]


def is_set(source):
    """Whether a source is an exercise set."""
    return source.parent.name == "exercises"


def targets(source):
    """Return the .ipynb files that a source makes."""
    notebook = source.with_suffix(".ipynb")
    solution = source.parents[1] / "solutions" / notebook.name
    return [notebook, solution] if is_set(source) else [notebook]


def sources(root=ROOT):
    """Return every MyST notebook of the book, exercise sets last."""
    chapters = [
        page
        for page in pages(root, "*.md")
        if page.parent.name == "chapters" or is_notebook(page)
    ]
    return chapters + sorted((Path(root) / "book" / "exercises").glob("*.md"))


def orphans(root=ROOT):
    """Return every .ipynb whose source is gone."""
    known = {target for source in sources(root) for target in targets(source)}
    book = Path(root) / "book"
    stored = pages(root, "*.ipynb")
    for folder in ("exercises", "solutions"):
        stored += sorted((book / folder).glob("*.ipynb"))
    return [path for path in stored if path not in known]


def repository(root=ROOT):
    """Return the URL of the course's repository, from `_config.yml`."""
    return course_of(Path(root) / "_config.yml").repository


def code_cells(notebook, *, setup=False):
    """Return the code cells, without the generated first one unless `setup`."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return cells if setup else cells[1:]


def differing_cells(stored, new):
    """Yield where the cells of a stored notebook are not those of its source."""
    if len(stored.cells) != len(new.cells):
        yield f"{len(stored.cells)} cells; the source makes {len(new.cells)}"
    for number, (is_, should) in enumerate(zip(stored.cells, new.cells, strict=False)):
        for key, name in CELL_PARTS.items():
            if is_[key] != should[key]:
                yield f"cell {number} ({is_.source[:40]!r}): its {name} differ"


def build(source, root=ROOT):
    """Return the notebook of a MyST source, with the set-up cell and no outputs."""
    if not is_notebook(source):
        raise ValueError(
            f"{source} has no jupytext header (text_representation, kernelspec). "
            "Copy the lines between the first two --- from another chapter."
        )
    notebook = jupytext.reads(source.read_text("utf-8"), fmt="md:myst")
    kinds = [cell.cell_type for cell in notebook.cells]
    if "code" not in kinds:
        raise ValueError(f"{source} has no code cell. Remove its jupytext header.")
    notebook.cells.insert(kinds.index("code"), setup_cell(repository(root)))
    header = {**notebook.metadata, "kernelspec": KERNEL, "language_info": LANGUAGE}
    for key in ("jupytext", "jupyter"):
        header.pop(key, None)
    notebook.metadata = nbformat.from_dict(header)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    name_cells(notebook)
    return notebook


def read(path):
    """Return the stored notebook, or None if there is none that can be read."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError):
        return None


def text(notebook):
    """Return the bytes of the .ipynb as text, the same for the same notebook."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def write(path, content):
    """Put the content under its name in one step, so that no half file can stay."""
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        unfinished.write_text(content, "utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
