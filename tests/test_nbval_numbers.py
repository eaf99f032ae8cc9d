"""nbval with the plugin compares numbers as far as the reference writes them."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from families import examples
from hypothesis import example, given
from hypothesis import strategies as st

from wgan_lessons.grading.nbval_numbers import agree, settle

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("run", ["0.93", "0.9312", "0.934", "0.92", "0.94", ".935"])
def test_a_number_stands_for_one_unit_in_its_last_place(run):
    assert agree("0.93", run)


@pytest.mark.parametrize(
    "run", ["0.95", "0.9401", "-0.93", "1", "9.3", "0.93e1", "nan"]
)
def test_what_is_further_away_differs(run):
    assert not agree("0.93", run)


@pytest.mark.parametrize(
    ("reference", "run"),
    [
        ("1.5e-05", "1.6e-05"),
        ("1e-05", "0.00001"),
        ("0.00", "-0.00"),
        ("0.0", "1e-17"),
        ("8.", "8.0"),
        ("x=0.50, y=-1.25", "x=0.5, y=-1.26"),
        ("[0.93 0.9 ]", "[0.93 0.91]"),
        ("a   0.50\nb  12.25", "a  0.501\nb 12.250"),
        ("<td>0.93</td>", "<td>0.934</td>"),
        ("0.93s of 93.1%", "0.94s of 93.0%"),
    ],
)
def test_numbers_agree_inside_text(reference, run):
    assert agree(reference, run)


@pytest.mark.parametrize(
    ("reference", "run"),
    [
        ("7", "8"),
        ("7.", "8."),
        ("8 of 8 modes", "7 of 8 modes"),
        ("0.93 of them", "0.93 of those"),
        ("0.93\n0.94", "0.93"),
        ("0.93", "0.93\n0.94"),
        ("0.5 0.9", "0.9 0.5"),
        ("True 0.5", "False 0.5"),
        ("1.26.4", "1.26.5"),
        ("torch2.13", "torch2.14"),
        ("id=12e5", "id=13e5"),
        ("1.5e-05", "1.7e-05"),
        ("'0.5'", '"0.5"'),
    ],
)
def test_anything_else_must_be_the_same(reference, run):
    assert not agree(reference, run)


VALUES, PLACES = st.floats(-1000, 1000), st.integers(1, 8)


@examples
@given(VALUES, PLACES, st.floats(-0.49, 0.49))
def test_half_a_unit_of_noise_agrees(value, places, shift):
    """Rounding the reference takes half a unit; the other half is left for the run."""
    run = value + shift * 10.0**-places
    assert agree(f"{value:.{places}f}", f"{run:.{places + 4}f}")
    assert agree(f"{value:.{places}f}", f"{run:.{places}f}")


@examples
@given(VALUES, PLACES, st.floats(1.6, 1e6))
def test_more_than_a_unit_and_a_half_differs(value, places, shift):
    """One unit is allowed, and half a unit may hide in the reference's rounding."""
    run = value + shift * 10.0**-places
    assert not agree(f"{value:.{places}f}", f"{run:.{places + 4}f}")


def test_only_what_differs_is_exchanged():
    """The error shows 0.70, and not the digits that are only written further."""
    assert settle("0.50 and 0.60", "0.501 and 0.70") == "0.50 and 0.70"
    assert settle("0.50 apples", "0.501 pears") == "0.501 pears"


@examples
@example("1e+2000057", "1e+2000058")
@given(st.text("0123456789.e+- ab\n"), st.text("0123456789.e+- ab\n"))
def test_no_text_breaks_the_comparison(reference, run):
    assert agree(reference, reference)
    assert agree(reference, run) in (True, False)


def cell(source, tagged, *outputs):
    """A code cell as if executed, tagged for comparison or not."""
    tags = ["nbval-check-output"] if tagged else []
    return nbformat.v4.new_code_cell(
        source, outputs=list(outputs), execution_count=1, metadata={"tags": tags}
    )


def stream(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def result(**data):
    data = {f"text/{kind}": text for kind, text in data.items()}
    return nbformat.v4.new_output("execute_result", data=data, execution_count=1)


BAR = "import sys; print('\\r 10%', file=sys.stderr); print(0.5)"
HTML = "from IPython.display import HTML; HTML('<img src=\"data:;base64,{}\"> 0.51')"
CELLS = {
    "passed, as written": cell("print(0.9312)", True, stream("0.93\n")),
    "passed, result": cell("[0.9312, 8]", True, result(plain="[0.93, 8]")),
    "passed, progress bar": cell(BAR, True, stream("0.5\n")),
    "passed, another image": cell(
        HTML.format("AAAA+/12"),
        True,
        result(
            html='<img src="data:;base64,B9e+7/Q="> 0.5',
            plain="<IPython.core.display.HTML object>",
        ),
    ),
    "passed, not tagged": cell("print('another')", False, stream("text\n")),
    "failed, number": cell("print(0.9512)", True, stream("0.93\n")),
    "failed, whole number": cell("7", True, result(plain="8")),
    "failed, text": cell("print('run', 0.5)", True, stream("reference 0.5\n")),
    "failed, fewer lines": cell("print(0.5)", True, stream("0.5\n0.5\n")),
    "failed, no output": cell("pass", True, stream("0.5\n")),
    "failed, html": cell(
        "from IPython.display import HTML; HTML('<b>0.61</b>')",
        True,
        result(html="<b>0.5</b>", plain="<IPython.core.display.HTML object>"),
    ),
    "failed, exception": cell("1 / 0", False),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What pytest says of each cell, from one run of nbval in a process of its own."""
    path = tmp_path_factory.mktemp("nbval") / "cells.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=list(CELLS.values())), path)
    plugins = "-p nbval.plugin -p wgan_lessons.grading.nbval_numbers"
    options = f"{plugins} -v --color=no --nbval-lax --nbval-current-env -c /dev/null"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options.split(), path],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
    words = [line.split() for line in done.stdout.splitlines() if "::Cell" in line]
    said = {int(w[1]): w[2].lower() for w in words if w[0].endswith("::Cell")}
    assert len(said) == len(CELLS), done.stdout + done.stderr
    return said


@pytest.mark.parametrize("name", CELLS)
def test_nbval_judges_the_cell(name, outcomes):
    assert outcomes[list(CELLS).index(name)] == name.partition(",")[0]
