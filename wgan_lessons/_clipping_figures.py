"""Figures of chapter 12: gradients layer by layer, critics' surfaces side by side."""

import matplotlib.pyplot as plt
import numpy as np

from wgan_lessons import _drawing as draw
from wgan_lessons._drawing import DPI, REAL, SMALL, TEXT, WIDTH, axes


def gradient_norms(norms, predicted=None, *, ax=None, **labels):
    """Draw |g_l| against the layer l on a logarithmic scale; predictions are dashed.

    norms, predicted: {label: one number for each of h_0, ..., h_L}; a label has one
    colour in both, and either dict may be empty. Zeros are left out: a logarithm has
    no place for them. Raises ValueError if there is nothing to draw.
    """
    predicted = predicted or {}
    both = draw.groups("norms", {**predicted, **norms}, ndim=1)
    colours = dict(zip(both, (*draw.COLOURS, REAL), strict=False))
    ax = axes(ax)
    for group, style in ((predicted, "--"), (norms, "-o")):
        for label, sizes in group.items():
            sizes = np.array(sizes, dtype=float)
            sizes[sizes == 0] = np.nan
            name = label if style == "-o" or label not in norms else None
            line = {"color": colours[label], "markersize": 4, "linewidth": 1.6}
            ax.plot(range(len(sizes)), sizes, style, label=name, **line)
    ax.set_yscale("log")
    names = {"xlabel": "layer (0 is the input)", "ylabel": "gradient norm"}
    return draw.dress(ax, **{**names, **labels})


def surfaces(xs, ys, rows, points, *, levels=12, ax=None):
    """Draw contours of critics in rows and columns: {row: {column: values}}.

    values: shape (len(ys), len(xs)), each panel with its own levels, light is high.
    points: {column: real points (n, 2)}, drawn on top. Returns the Axes, row by row.
    ax: as many Axes as panels. Raises ValueError for other shapes.
    """
    xs, ys = draw.numbers("xs", xs, ndim=1), draw.numbers("ys", ys, ndim=1)
    count, columns = len(rows), max(map(len, rows.values()))
    if ax is None:
        size = (WIDTH, 0.3 + count * WIDTH / columns)
        style = {"figsize": size, "dpi": DPI, "facecolor": "white"}
        ax = plt.subplots(count, columns, layout="constrained", **style)[1]
    grid = np.reshape(ax, (count, columns))
    for line, (name, panels) in zip(grid, rows.items(), strict=True):
        for one, (title, values) in zip(line, panels.items(), strict=True):
            values = draw.numbers(f"{name}, {title}", values, ndim=2)
            style = {"levels": levels}
            one.contourf(xs, ys, values, cmap="Greys_r", alpha=0.6, **style)
            lines = {"colors": "0.3", "linewidths": 0.5, "linestyles": "solid"}
            one.contour(xs, ys, values, **lines, **style)
            dots = draw.points("points", points[title])
            one.scatter(*dots.T, s=2, color=REAL, linewidths=0, rasterized=True)
            one.set(xticks=[], yticks=[], aspect="equal")
        line[0].set_ylabel(name, fontsize=SMALL)
    for one, title in zip(grid[0], next(iter(rows.values())), strict=True):
        one.set_title(title, fontsize=TEXT)
    return grid
