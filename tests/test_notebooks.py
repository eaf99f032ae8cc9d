"""Every notebook of the book is what its source says, executed, and fit for a page."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "tools"))

import notebook_outputs as outputs  # noqa: E402
import notebook_pairs as pairs  # noqa: E402
import notebooks  # noqa: E402

SOURCES = pairs.sources(ROOT)
every_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def test_there_are_notebooks():
    assert SOURCES


def test_every_ipynb_has_a_source():
    assert pairs.orphans(ROOT) == []


@every_notebook
def test_notebook_is_what_its_source_says(source):
    """Cells agree, no output is stale, unexecuted, an error, or tells the machine."""
    assert notebooks.check(source, ROOT) == []


@every_notebook
def test_notebook_compares_an_output(source):
    """A notebook in which nbval compares nothing would pass whatever it prints."""
    cells = pairs.code_cells(pairs.build(source, ROOT))
    assert any(outputs.CHECKED in outputs.tags(cell) for cell in cells)


@every_notebook
def test_notebook_is_small_enough_for_a_page(source):
    notebook = source.with_suffix(".ipynb")
    assert notebook.stat().st_size <= outputs.NOTEBOOK_BYTES
