"""Sources, tables and stored results are shown as they are, in every notebook."""

import ast
import csv
import functools
import inspect
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

from wgan_lessons import files, reading
from wgan_lessons.reading import call, read_results, show_source, table, without_noise


@functools.lru_cache(maxsize=8)
def documented(x, *, weight=2.0):
    """Return weight times x.

    A formula.
    """

    # Why: to test.
    def inside(y):
        "A docstring of one line."
        return y

    text = """not a docstring"""
    return weight * inside(x), text


def empty():
    """Nothing but a docstring."""


def one_line(): "On the head's own line."; return 1  # fmt: skip # noqa: E702


class Pair(NamedTuple):
    """A pair of functions."""

    critic: object
    generator: object = None


@dataclass(frozen=True)
class Settings:
    """Two fields, one of them with a default."""

    losses: Pair
    steps: int = 1
    penalty: object = None


EXPECTED = '''\
def documented(x, *, weight=2.0):
    # Why: to test.
    def inside(y):
        return y

    text = """not a docstring"""
    return weight * inside(x), text'''


def bundle(shown):
    """Return what IPython sends to a notebook for an object."""
    return DisplayFormatter().format(shown)[0]


def test_source_has_no_docstring_and_no_cache():
    """The blank line behind a docstring goes with it; all else stays."""
    assert repr(show_source(documented)) == EXPECTED


def test_shown_source_is_markdown_and_text():
    """A notebook gets a fenced block, which the theme colours, and plain text."""
    sent = bundle(show_source(documented))
    assert sent == {
        "text/markdown": f"```python\n{EXPECTED}\n```",
        "text/plain": EXPECTED,
    }


def test_docstrings_are_kept_when_asked_for():
    """doc=True shows them; the cache still is no part of the mathematics."""
    source = repr(show_source(documented, doc=True))
    assert "A formula." in source and "A docstring of one line." in source
    assert "lru_cache" not in source


def test_several_things_stand_one_below_the_other():
    """Two blank lines part them, as in a module."""
    shown = repr(show_source(empty, Pair))
    assert shown == (
        "def empty():\n    ...\n\n\n"
        "class Pair(NamedTuple):\n    critic: object\n    generator: object = None"
    )


def test_a_docstring_beside_its_head_stays():
    """What cannot be cut out by whole lines is left alone."""
    assert repr(show_source(one_line)).startswith("def one_line(): \"On the head's")


def test_decorators_with_a_meaning_stay():
    """`no_grad` and `dataclass` are part of what a function does."""
    source = (
        "@torch.no_grad()\n@cache\n@functools.lru_cache(\n    2\n)\ndef f():\n    x"
    )
    assert without_noise(source) == "@torch.no_grad()\ndef f():\n    x"
    assert repr(show_source(Settings)).startswith("@dataclass(frozen=True)\nclass")


def test_a_method_is_shown_from_the_margin():
    """Indentation of the class is taken away."""
    assert repr(show_source(reading.Shown.__repr__)) == (
        "def __repr__(self):\n    return self.text"
    )


@pytest.mark.parametrize("module", [reading, files], ids=lambda m: m.__name__)
def test_only_docstrings_are_lost(module):
    """Parsed, the shown source of a module equals its tree without docstrings."""
    source = inspect.getsource(module)
    shown = ast.parse(without_noise(source))
    expected = ast.parse(source)
    for node in ast.walk(expected):
        kinds = (ast.FunctionDef, ast.ClassDef)
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            del node.body[0]
    assert ast.dump(shown) == ast.dump(expected)


def test_backticks_in_the_source_do_not_end_the_block():
    """The fence is longer than any in the code."""

    def fenced():
        return "```"

    shown = bundle(show_source(fenced))["text/markdown"]
    assert shown.startswith("````python\n") and shown.endswith("\n````")


def test_a_partial_is_shown_as_its_call():
    """Functions by their names, settings as they were given."""
    made = functools.partial(documented, empty, weight=10.0)
    assert repr(show_source(made)) == "documented(empty, weight=10.0)"


def test_a_record_is_shown_as_the_call_that_makes_it():
    """Fields at their defaults are left out; a long call has one field a line."""
    pair = Pair(critic=empty, generator=documented)
    assert call(pair) == "Pair(critic=empty, generator=documented)"
    assert call(Settings(Pair(empty))) == "Settings(losses=Pair(critic=empty))"
    penalty = functools.partial(documented, weight=10.0)
    assert repr(show_source(Settings(pair, steps=5, penalty=penalty))) == (
        "Settings(\n"
        "    losses=Pair(critic=empty, generator=documented),\n"
        "    steps=5,\n"
        "    penalty=documented(weight=10.0),\n"
        ")"
    )


@pytest.mark.parametrize("thing", [len, 3, "text", np.sin])
def test_what_has_no_source_is_refused(thing):
    """Built-in functions and values raise a ValueError that names them."""
    with pytest.raises(ValueError, match="no Python source"):
        show_source(thing)


def test_nothing_to_show_is_refused():
    """show_source() without a function says what it needs."""
    with pytest.raises(ValueError, match="needs a function"):
        show_source()


def test_a_table_of_dicts():
    """Keys are the header; floats have four digits, a missing value a dash."""
    rows = [{"name": "WGAN", "value": 1.23456, "seeds": 5}]
    rows += [{"name": "a|b <c>", "value": None, "seeds": np.float32(0.1)}]
    sent = bundle(table(rows))
    assert sent["text/markdown"] == (
        "| name | value | seeds |\n"
        "| --- | --- | --- |\n"
        "| WGAN | 1.235 | 5 |\n"
        r"| a\|b &lt;c> | - | 0.1 |"
    )
    assert sent["text/plain"] == (
        "name     value  seeds\n"
        "-------  -----  -----\n"
        "WGAN     1.235  5\n"
        "a|b <c>  -      0.1"
    )


def test_a_table_shows_the_columns_asked_for():
    """header= picks and orders the columns of dicts."""
    shown = repr(table([{"a": 1, "b": 2, "c": 3}], header=["c", "a"]))
    assert shown == "c  a\n-  -\n3  1"


def test_a_table_of_sequences_and_of_named_tuples():
    """Sequences need a header; named tuples bring their own."""
    assert repr(table([(1, True)], header=["n", "ok"])) == "n  ok\n-  ----\n1  True"
    assert repr(table([Pair(empty, "two\nlines")])) == (
        "critic  generator\n------  ---------\nempty   two lines"
    )


@pytest.mark.parametrize(
    "rows, header, message",
    [
        ([], None, "rows is empty"),
        ([(1, 2)], None, "Pass header"),
        ([(1, 2)], ["a"], r"got rows of \[2\]"),
        ([(1, 2), (1,)], ["a", "b"], r"got rows of \[1, 2\]"),
        ([{"a": 1}], ["b"], "unknown column 'b'"),
    ],
)
def test_tables_that_do_not_fit_are_refused(rows, header, message):
    """The error says which sizes came and what to pass."""
    with pytest.raises(ValueError, match=message):
        table(rows, header=header)


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """A checkout's data folder with one study, one download and weights."""
    data = tmp_path / "data"
    (data / "results").mkdir(parents=True)
    (data / "downloads").mkdir()
    (data / "downloads" / "big.gz").write_bytes(b"")
    (data / "classifier.npz").write_bytes(b"")
    (data / "results" / "ring.csv").write_text("seed,value\n0,1.5\n", "utf-8")
    monkeypatch.setattr(files, "HERE", tmp_path / "wgan_lessons")
    return data


def test_a_data_file_is_found_in_a_checkout_and_in_a_wheel(data_folder):
    """The installed package carries the same files in its _data."""
    assert reading.data_file("classifier.npz") == data_folder / "classifier.npz"
    packed = data_folder.parent / "wgan_lessons" / "_data"
    packed.parent.mkdir()
    data_folder.rename(packed)
    assert reading.data_file("results/ring.csv") == packed / "results" / "ring.csv"


def test_a_missing_data_file_raises_an_error_that_lists_what_there_is(data_folder):
    """Downloads are nobody's committed files, so the list leaves them out."""
    with pytest.raises(ValueError) as caught:
        reading.data_file("results/grid.csv")
    assert str(caught.value) == (
        "there is no data file 'results/grid.csv'. Choose one of: classifier.npz, "
        "results/ring.csv."
    )
    with pytest.raises(ValueError, match="ring.csv"):
        read_results("grid")


def test_results_come_as_numbers(data_folder):
    """Whole numbers, floats, yes and no, and gaps have their types; words stay."""
    (data_folder / "results" / "all.csv").write_text(
        "name,n,x,big,gone,ok,never,version\nWGAN,5,0.5,-1e-3,,True,nan,2.13.0\n",
        "utf-8",
    )
    (row,) = read_results("all")
    assert math.isnan(row.pop("never"))
    assert row == {
        "name": "WGAN",
        "n": 5,
        "x": 0.5,
        "big": -1e-3,
        "gone": None,
        "ok": True,
        "version": "2.13.0",
    }
    assert [type(row[name]) for name in ("n", "x", "ok")] == [int, float, bool]


NUMBERS = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()


@given(st.lists(NUMBERS, min_size=1, max_size=6))
def test_numbers_survive_the_way_through_a_file(values):
    """For all numbers: written by csv as they are, they are read back equal."""
    texts = ["" if value is None else str(value) for value in values]
    back = [reading._value(text) for text in texts]
    assert back == values
    assert list(map(type, back)) == list(map(type, values))


def test_every_stored_study_can_be_read():
    """The committed results are rows of equal columns."""
    folder = files.HERE.parent / "data" / "results"
    for path in folder.glob("*.csv"):
        rows = read_results(path.stem)
        with path.open(newline="", encoding="utf-8") as file:
            header = next(csv.reader(file))
        assert rows and all(list(row) == header for row in rows), path.name
