"""Figures of part I: they draw what they are given, where they are told to."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from wgan_lessons import boxes, figures
from wgan_lessons.boxes import SIX_BOXES

PLAN = boxes.plans(SIX_BOXES)[0]
STEPS = ([0, 1, 2], [0.2, 0.6, 1.0], [0.5, 0.5, 1.0])
SQUARE = np.array([[0.0, 0.0], [1.0, 1.0]])
CALLS = [
    lambda **at: figures.piles(*SIX_BOXES, **at),
    lambda **at: figures.piles(*SIX_BOXES, plan=PLAN, **at),
    lambda **at: figures.plan(PLAN, [1, 2, 3], [7, 8, 9, 10], **at),
    lambda **at: figures.plan(np.ones((9, 9)), **at),
    lambda **at: figures.area(*STEPS, **at),
    lambda **at: figures.pairs(SQUARE, SQUARE + 1, [1, 0], **at),
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


def test_piles_have_a_square_a_box():
    """One square for each box and each place, one line for each kind of move."""
    ax = figures.piles(*SIX_BOXES, plan=PLAN)
    assert len(ax.patches) == 12
    moves = [line for line in ax.lines if line.get_xdata()[0] in SIX_BOXES.sources]
    assert len(moves) == (PLAN > 0).sum()


def test_small_plans_show_their_numbers():
    """Entries and marginals are written into a small table, not into a large one."""
    ax = figures.plan(PLAN)
    written = [text.get_text() for text in ax.texts]
    assert written == [str(entry) for entry in PLAN.ravel()]
    right, top = ax.child_axes
    assert [text.get_text() for text in right.texts] == ["3", "2", "1"]
    assert [text.get_text() for text in top.texts] == ["1", "2", "1", "2"]
    assert not figures.plan(np.ones((9, 9))).texts


@pytest.mark.parametrize("slices", ["vertical", "horizontal"])
def test_area_steps_at_the_positions(slices):
    """F and G jump at the positions and stay at 1 behind the last."""
    ax = figures.area(*STEPS, slices=slices)
    for line, values in zip(ax.lines, STEPS[1:], strict=True):
        assert line.get_xdata().tolist() == [-1, 0, 1, 2, 3]
        assert line.get_ydata().tolist() == [0, *values, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.plan(PLAN, [1, 2]), "got 2 names for 3"),
        (lambda: figures.plan([]), "table must be non-empty"),
        (lambda: figures.area([0, 1], [0, 1], [1]), "got 2, 2, 1"),
        (lambda: figures.area(*STEPS, slices="both"), "vertical or horizontal"),
        (lambda: figures.pairs(SQUARE, SQUARE, [0, 0]), "Pass a permutation"),
        (lambda: figures.pairs(SQUARE, SQUARE[:1], [0, 1]), "Pass a permutation"),
    ],
)
def test_bad_numbers(call, message):
    """Shapes that do not fit are a ValueError that says what to do."""
    with pytest.raises(ValueError, match=message):
        call()
