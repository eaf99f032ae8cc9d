"""Figures of chapter 3: they draw what they are given, where they are told to."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from wgan_lessons import figures

TABLE = np.array([[0.0, 2.0], [1.0, 0.0]])
PLAN = np.diag([0.5, 0.5])
LINE = np.linspace(0, 1, 11)
CALLS = [
    lambda **at: figures.slack(TABLE, PLAN, [1, 0], [0, 2], **at),
    lambda **at: figures.slack(np.ones((9, 9)), np.eye(9), **at),
    lambda **at: figures.potential(
        LINE, {"f": LINE}, real=([1], [1]), fake=([0], [0]), **at
    ),
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


def test_small_tables_show_their_numbers_and_prices():
    """Slack and prices are written into a small table, not into a large one."""
    written = [text.get_text() for text in CALLS[0]().texts]
    assert written == ["0", "2", "1", "0", "u=1", "u=0", "v=0", "v=2"]
    assert not CALLS[1]().texts


def test_the_plan_is_marked_where_it_has_mass():
    """One circle for each entry above 0."""
    (dots,) = CALLS[1]().collections
    assert len(dots.get_offsets()) == 9
    assert (dots.get_offsets()[:, 0] == dots.get_offsets()[:, 1]).all()


def test_a_potential_has_a_curve_a_label_and_its_points():
    """Each curve is a line; real and fake points have their own colours and names."""
    ax = CALLS[2]()
    assert [line.get_label() for line in ax.lines] == ["f"]
    names = {text.get_text() for text in ax.get_legend().get_texts()}
    assert names == {"f", "x, from P", "y, from Q"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.slack(TABLE, PLAN[:1]), "got (1, 2). Pass the plan of"),
        (lambda: figures.slack([], []), "table must be non-empty"),
        (lambda: figures.potential(LINE, {"f": [1]}), "11; got 1. Evaluate it on"),
        (lambda: figures.potential(LINE, {}), "curves must be a dict"),
        (
            lambda: figures.potential(LINE, {"f": LINE}, real=([np.nan], [0])),
            "x, from P must be finite",
        ),
    ],
)
def test_bad_numbers(call, message):
    """Shapes that do not fit are a ValueError that says what to do."""
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
