"""Figures of chapter 3: prices over a plan, potentials over a line."""

import numpy as np

from wgan_lessons import _drawing as draw
from wgan_lessons._drawing import FAKE, REAL, SMALL, axes


def slack(table, plan, u=None, v=None, *, ax=None, **labels):
    """Draw the slack M - u - v as a heat map, white where it is 0.

    table: the slack, plan: both (n, m), rows are sources; the plan's mass is marked.
    Small tables get their numbers written in, and the prices u (n,) at their right, v
    (m,) on top. Raises ValueError for other shapes.
    """
    table, plan = (
        draw.numbers("table", table, ndim=2),
        draw.numbers("plan", plan, ndim=2),
    )
    if plan.shape != table.shape:
        raise ValueError(
            f"plan must have the table's shape {table.shape}; got {plan.shape}. "
            "Pass the plan of the same points."
        )
    ax = axes(ax, width=4.2, height=4.2)
    high = max(2 * table.max(), 1e-12)
    ax.imshow(table, cmap="Greys", aspect="auto", vmin=0, vmax=high)
    rows, columns = np.nonzero(plan > 1e-12)
    small = table.size <= 64
    ring = {"s": 700 if small else 12, "linewidths": 2 if small else 0}
    colours = {"facecolors": "none", "edgecolors": REAL} if small else {"color": REAL}
    ax.scatter(columns, rows, **ring, **colours)
    if small:
        for (i, j), value in np.ndenumerate(table):
            ax.text(j, i, f"{value:g}", ha="center", va="center", fontsize=12)
        _write(ax, u, REAL, "u", lambda k: (len(table.T) - 0.35, k), "left")
        _write(ax, v, FAKE, "v", lambda k: (k, -0.6), "center")
    ax.set(xticks=[], yticks=[])
    title = labels.pop("title", None)
    draw.dress(ax, **labels)
    ax.spines[:].set_visible(True)
    if title is not None:
        ax.set_title(title, fontsize=draw.TEXT, pad=20 if small else 6)
    return ax


def _write(ax, prices, colour, name, place, align):
    for k, price in enumerate([] if prices is None else prices):
        style = {"ha": align, "va": "center", "fontsize": SMALL, "color": colour}
        ax.text(*place(k), f"{name}={float(price):g}", **style)


def potential(line, curves, *, real=None, fake=None, ax=None, **labels):
    """Draw functions {label: values} over a line, and what they are at given points.

    real: (x, f(x)) of points of P, drawn as dots; fake: (y, f(y)) of points of Q, drawn
    as squares. Raises ValueError for values that do not fit the line.
    """
    line = draw.numbers("line", line, ndim=1)
    curves = draw.groups("curves", curves, ndim=1)
    ax = axes(ax, width=5.2, height=3.4)
    for label, values in curves.items():
        if len(values) != len(line):
            raise ValueError(
                f"curves[{label!r}] must have one value a point of the line, "
                f"{len(line)}; got {len(values)}. Evaluate it on the line."
            )
        colour = draw.colour(ax, label)
        ax.plot(line, values, color=colour, linewidth=1.8, label=label, zorder=1)
    # Dots are smaller and on top, so that both show where a dot meets a square.
    real_marks = {"color": REAL, "s": 30, "zorder": 4, "label": "x, from P"}
    fake_marks = {"color": FAKE, "s": 75, "zorder": 3, "label": "y, from Q"}
    for pair, marker, marks in ((real, "o", real_marks), (fake, "s", fake_marks)):
        if pair is not None:
            at, values = (draw.numbers(marks["label"], part, ndim=1) for part in pair)
            ax.scatter(at, values, marker=marker, **marks)
    return draw.dress(ax, **labels)
