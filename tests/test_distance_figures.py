"""The figure of chapter 2: boxes and arrows where they were asked for."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from wgan_lessons import _drawing, figures

PLACES = {"A": (0, 0), "B": (3, 0), "C": (0, -1.3)}
GROUPS = {"holds": [("A", "B", "why"), ("A", "C", "how")], "fails": [("B", "A", "no")]}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def patches(ax, kind):
    return [patch for patch in ax.patches if isinstance(patch, kind)]


CALLS = [
    lambda **at: figures.arrows(PLACES, GROUPS, **at),
    lambda **at: figures.shares([0.2, 0.8], [0.5, 0.5], **at),
]


@pytest.mark.parametrize("draw", CALLS)
def test_axes_in_axes_out(draw):
    """The Axes given are drawn into and returned; without any, new ones come back."""
    settings = dict(mpl.rcParams)
    _, ax = plt.subplots()
    assert draw(ax=ax, title="a title") is ax
    assert ax.get_title() == "a title"
    assert draw().figure is not ax.figure
    assert dict(mpl.rcParams) == settings


def test_shares_stand_side_by_side():
    """Heights are the shares, P's bar is left of Q's, and the two do not overlap."""
    ax = figures.shares([0.2, 0.8], [0.5, 0.25])
    heights = [[bar.get_height() for bar in bars] for bars in ax.containers]
    assert heights == [[0.2, 0.8], [0.5, 0.25]]
    for p, q in zip(*ax.containers, strict=True):
        assert p.get_x() + p.get_width() <= q.get_x() + 1e-12


def test_shares_need_the_same_boxes():
    """Two lengths are a ValueError that says what to do."""
    with pytest.raises(ValueError, match="got 2 and 1. Bin both over the same boxes"):
        figures.shares([0.5, 0.5], [1.0])


def test_a_box_a_name_and_an_arrow_a_triple():
    """Names and notes are written, boxes stand at their places, a group has a name."""
    ax = figures.arrows(PLACES, GROUPS, crossed=["fails"])
    written = {text.get_text() for text in ax.texts}
    assert written == {"A", "B", "C", "why", "how", "no"}
    boxes = patches(ax, FancyBboxPatch)
    middles = [box.get_bbox().get_points().mean(axis=0) for box in boxes]
    np.testing.assert_allclose(middles, list(PLACES.values()), atol=1e-12)
    assert len(patches(ax, FancyArrowPatch)) == 3
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["holds", "fails"]


def test_only_crossed_arrows_have_a_cross_and_their_own_colour():
    """One cross for the one arrow that fails, and none without `crossed`."""
    for crossed in ([], ["fails"]):
        ax = figures.arrows(PLACES, GROUPS, crossed=crossed)
        crosses = [line for line in ax.lines if line.get_marker() == "x"]
        assert len(crosses) == len(crossed)
        last = patches(ax, FancyArrowPatch)[-1].get_edgecolor()
        assert (last == mpl.colors.to_rgba(_drawing.FAKE)) == bool(crossed)


def test_opposite_arrows_do_not_cover_each_other():
    """There and back are two lines, one on each side of the middle line."""
    ax = figures.arrows(PLACES, {"both": [("A", "B", ""), ("B", "A", "")]})
    there, back = (
        ax.transData.inverted().transform(p.get_window_extent()).mean(axis=0)
        for p in patches(ax, FancyArrowPatch)
    )
    assert there[1] < -0.05 and back[1] > 0.05


@pytest.mark.parametrize(
    ("places", "groups", "crossed", "message"),
    [
        (PLACES, {"holds": [("A", "D", "")]}, [], "got \\['D'\\]"),
        (PLACES, GROUPS, ["fail"], "got \\['fail'\\]"),
        ({**PLACES, "A": (0, 0, 0)}, GROUPS, [], "Give each name its place"),
        ({}, GROUPS, [], "places must be a dict"),
    ],
)
def test_bad_calls(places, groups, crossed, message):
    """What does not fit is a ValueError that says what to do."""
    with pytest.raises(ValueError, match=message):
        figures.arrows(places, groups, crossed=crossed)
