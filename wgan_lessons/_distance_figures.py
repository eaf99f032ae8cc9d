"""Figures of chapter 2: two laws on boxes, and which convergence implies which.

They belong to `figures`, which passes them on.
"""

import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from wgan_lessons import _drawing as draw
from wgan_lessons._drawing import FAKE, REAL, SMALL, TEXT, axes

INKS = ("#333333", "#009E73")
WIDE, HIGH = 1.7, 0.46
APART = (
    0.14  # of an arrow from the line between its boxes, so that there is room for two
)


def shares(p, q, *, ax=None, **labels):
    """Draw two histograms over the same boxes as bars side by side: P left, Q right.

    p, q: shares (n,). Raises ValueError for other lengths.
    """
    p, q = draw.numbers("p", p, ndim=1), draw.numbers("q", q, ndim=1)
    if len(p) != len(q):
        raise ValueError(
            f"p and q must have one share a box; got {len(p)} and {len(q)}. Bin both "
            "over the same boxes."
        )
    ax = axes(ax)
    for values, side, colour, name in ((p, -1, REAL, "P"), (q, 1, FAKE, "Q")):
        hatch = "" if name == "P" else "///"
        style = {"color": colour, "hatch": hatch, "edgecolor": "white", "label": name}
        ax.bar(np.arange(len(p)) + 0.21 * side, values, 0.42, linewidth=0, **style)
    ax.set_ylim(0, 1.3 * max(*p, *q))  # room for the legend
    draw.dress(ax, **labels, legend=False)
    ax.legend(loc="upper right", ncols=2, fontsize=SMALL, frameon=False)
    return ax


def arrows(places, groups, *, crossed=(), ax=None, **labels):
    """Draw named boxes at {name: (x, y)} and arrows between them, a colour a group.

    groups: {label: [(from, to, note), ...]}. Those whose label is in `crossed` are
    dashed and have a cross on them: they do not hold. A box is 1.7 wide and 0.46 high.
    Raises ValueError for an arrow to or from a name without a place.
    """
    points = draw.groups("places", places, ndim=1)
    _named(points, groups, crossed)
    x, y = np.array(list(points.values())).T
    left, right = x.min() - WIDE / 2 - 0.4, x.max() + WIDE / 2 + 0.4
    low, high = y.min() - HIGH / 2 - 0.1, y.max() + HIGH / 2 + 0.1
    ax = axes(ax, width=5.2, height=5.2 * (high - low) / (right - left) + 0.8)
    ax.set(xlim=(left, right), ylim=(low, high), xticks=[], yticks=[])
    ax.set_aspect("equal")
    ax.spines[:].set_visible(False)
    boxes = {name: _box(ax, name, place) for name, place in points.items()}
    plain = iter(INKS)
    for label, group in groups.items():
        ink = FAKE if label in crossed else next(plain, INKS[-1])
        style = "--" if label in crossed else "-"
        ax.plot([], [], color=ink, linestyle=style, linewidth=2, label=label)
        for start, end, note in group:
            ends = points[start], points[end]
            pair = boxes[start], boxes[end]
            _arrow(ax, ends, pair, note, ink, crossed=label in crossed)
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "frameon": False}
    ax.legend(fontsize=SMALL, ncols=len(groups), columnspacing=1.2, **below)
    return draw.dress(ax, **labels, legend=False)


def _named(points, groups, crossed):
    used = {name for group in groups.values() for one in group for name in one[:2]}
    unknown = sorted(used - set(points)) + sorted(set(crossed) - set(groups))
    if unknown or any(len(point) != 2 for point in points.values()):
        raise ValueError(
            f"arrows join names of places (x, y), and crossed names groups; got "
            f"{unknown or points}. Give each name its place."
        )


def _box(ax, name, place):
    corner = place - np.array([WIDE, HIGH]) / 2
    style = "round,pad=0,rounding_size=0.1"
    box = FancyBboxPatch(corner, WIDE, HIGH, style, facecolor="0.93", edgecolor="0.4")
    ax.add_patch(box)
    ax.text(*place, name, ha="center", va="center", fontsize=TEXT)
    return box


def _arrow(ax, ends, boxes, note, ink, *, crossed):
    along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    aside = APART * np.array([along[1], -along[0]])
    start, end = ends[0] + aside, ends[1] + aside
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            patchA=boxes[0],
            patchB=boxes[1],
            arrowstyle="-|>",
            mutation_scale=16,
            linewidth=1.8,
            linestyle=(0, (4, 2)) if crossed else "-",
            color=ink,
        )
    )
    middle = (start + end) / 2
    if crossed:
        ax.plot(*middle, marker="x", markersize=11, markeredgewidth=2.5, color=ink)
    # Beside an upright arrow, above or below a level one.
    upright = abs(along[1]) > abs(along[0])
    place = middle + (1.2 if crossed else 0.7) * aside
    outward = aside[0] > 0 if upright else aside[1] > 0
    across = ("left" if outward else "right") if upright else "center"
    upwards = "center" if upright else ("bottom" if outward else "top")
    ax.text(*place, note, ha=across, va=upwards, fontsize=SMALL, color=ink)
