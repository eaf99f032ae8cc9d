"""Figures of the proof: lines between pairs, and slopes as grey."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from wgan_lessons import figures

X = np.array([[0.0, 1.0], [0.0, 1.0], [2.0, 2.0]])
Y = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
GRID = np.linspace(-1, 3, 5)
SLOPES = np.linspace(0, 1, 25).reshape(5, 5)
CALLS = [
    lambda **at: figures.ways(X, Y, **at),
    lambda **at: figures.ways(X, Y, arrows=True, **at),
    lambda **at: figures.slope_map(GRID, GRID, SLOPES, **at),
    lambda **at: figures.slope_map(GRID, GRID[:2], SLOPES[:2], lowest=0.5, **at),
]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("draw", CALLS)
def test_axes_in_axes_out(draw):
    """The Axes given are drawn into and returned; without any, new ones come back."""
    settings = dict(mpl.rcParams)
    _, ax = plt.subplots()
    assert draw(ax=ax, title="a title", xlabel="right") is ax
    assert (ax.get_title(), ax.get_xlabel()) == ("a title", "right")
    assert draw().figure is not ax.figure
    assert dict(mpl.rcParams) == settings


def test_a_line_a_pair_and_arrows_uphill():
    """Each pair has its line from y to x, and its arrow points to x."""
    ax = figures.ways(X, Y, arrows=True)
    for x, y, line, arrow in zip(X, Y, ax.lines, ax.texts, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), [y, x])
        assert np.dot(np.subtract(arrow.xy, arrow.xyann), x - y) > 0


def test_one_is_white_and_flatter_is_darker():
    """Grey falls with the slope, from white at 1 (and above) to `lowest` and less."""
    slopes = np.array([[0.0, 0.4, 0.5], [0.7, 1.0, 1.0 + 1e-9]])
    ax = figures.slope_map([0, 1, 2], [0, 1], slopes, lowest=0.4)
    (image,) = ax.images
    grey = image.to_rgba(image.get_array())[..., 0]
    assert grey[1, 1] == grey[1, 2] == 1 and grey[0, 0] == grey[0, 1]
    assert (np.diff(grey.ravel()[1:5]) > 0).all()
    assert image.origin == "lower"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.ways(X, Y[:2]), "got 3 and 2"),
        (lambda: figures.ways([1, 2], Y), "x must be non-empty with 2"),
        (lambda: figures.slope_map(GRID, GRID[:2], SLOPES), "got \\(5, 5\\)"),
        (lambda: figures.slope_map(GRID, GRID, SLOPES * np.nan), "must be finite"),
    ],
)
def test_bad_numbers(call, message):
    """Shapes that do not fit are a ValueError that says what to do."""
    with pytest.raises(ValueError, match=message):
        call()
