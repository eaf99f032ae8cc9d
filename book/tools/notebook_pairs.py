"""A notebook is a pair: the MyST source that people edit, and its .ipynb beside it.

This module builds the .ipynb, not yet executed, from the source and `_config.yml`.
"""

import hashlib
import os
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[2]
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
SETUP = """\
# On Colab this installs the course's package. Anywhere else it does nothing.
import importlib.util
import subprocess
import sys

if "google.colab" in sys.modules:
    wanted = {{
        "wgan_lessons": "git+{url}",
        "ot": "POT",
        "pooch": "pooch",
    }}
    missing = [wanted[name] for name in wanted if not importlib.util.find_spec(name)]
    if missing:  # without dependencies, so that Colab keeps its own PyTorch
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run(pip + missing, check=True)
        importlib.invalidate_caches()"""
# Exercises have one source and two notebooks: another tool writes those.
ELSEWHERE = {"exercises", "solutions", "_build", ".ipynb_checkpoints"}


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


def sources(root=ROOT):
    """Return every MyST notebook of the book."""
    return [
        page
        for page in pages(root, "*.md")
        if page.parent.name == "chapters" or is_notebook(page)
    ]


def orphans(root=ROOT):
    """Return every .ipynb whose source is gone."""
    known = {source.with_suffix(".ipynb") for source in sources(root)}
    return [path for path in pages(root, "*.ipynb") if path not in known]


def repository(root=ROOT):
    """Return the URL of the course's repository, from `_config.yml`."""
    config = yaml.safe_load((Path(root) / "_config.yml").read_text("utf-8"))
    try:
        return config["repository"]["url"].rstrip("/")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            "_config.yml must name the repository, from which Colab installs the "
            "package. Add repository: url: https://github.com/OWNER/NAME."
        ) from error


def setup_cell(url):
    """Return the first code cell of every notebook."""
    metadata = {"tags": ["remove-cell"]}
    return nbformat.v4.new_code_cell(SETUP.format(url=url), metadata=metadata)


def code_cells(notebook, *, setup=False):
    """Return the code cells, without the generated first one unless `setup`."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return cells if setup else cells[1:]


def name_cells(notebook):
    """Give every cell an id made of its content: the same text, the same id."""
    seen = Counter()
    for cell in notebook.cells:
        content = f"{cell.cell_type}\n{cell.source}"
        seen[content] += 1
        digest = hashlib.sha256(f"{seen[content]}\n{content}".encode())
        cell.id = digest.hexdigest()[:8]


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
