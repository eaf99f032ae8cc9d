"""Figures of chapter 12: they draw what they are given, where they are told to."""

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from wgan_lessons import figures

NORMS = {"c = 0.1": [1e-3, 1e-2, 1.0], "penalty": [1.0, 1.0, 1.0]}
AXIS = np.linspace(-1, 1, 5)
HILL = -(AXIS[:, None] ** 2) - AXIS**2
POINTS = torch.zeros(3, 2)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_axes_in_axes_out():
    """The Axes given are drawn into and returned; settings stay the reader's."""
    settings = dict(mpl.rcParams)
    _, ax = plt.subplots()
    assert figures.gradient_norms(NORMS, ax=ax, title="a title") is ax
    assert ax.get_title() == "a title" and ax.get_yscale() == "log"
    assert figures.gradient_norms(NORMS).figure is not ax.figure
    assert dict(mpl.rcParams) == settings


def test_predictions_are_dashed_in_the_colour_of_the_measurement():
    """A label has one colour and one entry in the legend."""
    ax = figures.gradient_norms(NORMS, {"c = 0.1": [0.5, 0.7, 1]})
    dashed, solid, other = ax.lines
    assert (dashed.get_linestyle(), solid.get_linestyle()) == ("--", "-")
    assert dashed.get_color() == solid.get_color() != other.get_color()
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["c = 0.1", "penalty"]


def test_predictions_alone_and_zeros():
    """Before the measurement there are only dashed lines; 0 has no logarithm."""
    ax = figures.gradient_norms({}, {"c": [0.0, 0.5, 1]})
    (line,) = ax.lines
    assert line.get_linestyle() == "--" and line.get_label() == "c"
    assert np.isnan(line.get_ydata()[0]) and line.get_ydata()[2] == 1


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="norms must be a dict of label: numbers"):
        figures.gradient_norms({})


def test_surfaces_stand_in_rows_and_columns():
    """Columns are named once, rows at the left, and each panel has its points."""
    rows = {name: {"ring": HILL, "grid": HILL} for name in ("clipping", "penalty")}
    points = {"ring": POINTS, "grid": POINTS}
    grid = figures.surfaces(AXIS, AXIS, rows, points)
    assert grid.shape == (2, 2)
    assert [ax.get_title() for ax in grid.flat] == ["ring", "grid", "", ""]
    assert [ax.get_ylabel() for ax in grid.flat] == ["clipping", "", "penalty", ""]
    _, axes = plt.subplots(1, 2)
    again = figures.surfaces(
        AXIS, AXIS, {"clipping": rows["clipping"]}, points, ax=axes
    )
    assert again.ravel().tolist() == axes.tolist()
    with pytest.raises(ValueError, match="must be finite"):
        figures.surfaces(AXIS, AXIS, {"a": {"ring": HILL * np.nan}}, points)
