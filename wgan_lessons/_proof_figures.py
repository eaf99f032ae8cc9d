"""Figures of chapter 13: how steep a critic is over the plane, and the plan's ways.

They belong to `figures`, which passes them on. x, from P, has the colour of real data,
and y, from Q, that of fakes.
"""

import numpy as np

from wgan_lessons import _drawing as draw
from wgan_lessons._drawing import FAKE, HEIGHT, REAL, SMALL, axes


def ways(x, y, *, ax=None, arrows=False, **labels):
    """Draw a line from each y_i to x_i, shape (k, 2), with an arrow half way if asked.

    A point may be the end of many lines. Raises ValueError for other shapes.
    """
    x, y = draw.points("x", x), draw.points("y", y)
    if len(x) != len(y):
        raise ValueError(
            f"x and y must hold one point a pair; got {len(x)} and {len(y)}. "
            "Repeat the points that have several partners."
        )
    ax = axes(ax, width=HEIGHT)
    line = {"color": "black", "linewidth": 1.2, "zorder": 1}
    for start, end in zip(y, x, strict=True):
        ax.plot(*zip(start, end, strict=True), **line)
        if arrows:
            tip, tail = start + 0.56 * (end - start), start + 0.55 * (end - start)
            style = {"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", tip, tail, arrowprops=style, zorder=2)
    ax.scatter(*x.T, s=38, color=REAL, label="x, from P", zorder=3)
    ax.scatter(*y.T, s=38, color=FAKE, marker="s", label="y, from Q", zorder=3)
    ax.set_aspect("equal")
    ax.set(xticks=[], yticks=[])
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "frameon": False}
    ax.legend(ncols=2, fontsize=SMALL, handletextpad=0, columnspacing=1, **below)
    return draw.dress(ax, **labels, legend=False)


def slope_map(xs, ys, slopes, *, lowest=0.0, ax=None, **labels):
    """Draw slopes over the plane in grey: 1 is white, `lowest` and less is dark.

    slopes: shape (len(ys), len(xs)), row by row. Raises ValueError for another shape.
    """
    xs, ys = draw.numbers("xs", xs, ndim=1), draw.numbers("ys", ys, ndim=1)
    slopes = draw.numbers("slopes", slopes, ndim=2)
    if slopes.shape != (len(ys), len(xs)):
        raise ValueError(
            f"slopes must have shape (len(ys), len(xs)) = {(len(ys), len(xs))}; got "
            f"{slopes.shape}. Reshape them."
        )
    ax = axes(ax, width=1.25 * HEIGHT)
    # Twelve steps of grey, so that fields have edges and the picture stays small.
    steps = lowest + (1 - lowest) * np.arange(13) / 12
    shade = np.searchsorted(steps[1:-1], slopes, side="right") / 11
    extent = [xs[0], xs[-1], ys[0], ys[-1]]
    grey = {"cmap": "Greys_r", "vmin": -1.2, "vmax": 1, "interpolation": "nearest"}
    ax.imshow(shade, origin="lower", extent=extent, zorder=0, **grey)
    ax.set_aspect("equal")
    return draw.dress(ax, **labels)
