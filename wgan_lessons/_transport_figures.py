"""Figures of part I: piles of boxes, plans, distribution functions, pairs of points.

They belong to `figures`, which passes them on. P, the sources, has the colour of real
data and Q, the targets, that of fakes.
"""

import numpy as np

from wgan_lessons import _drawing as draw
from wgan_lessons._drawing import FAKE, REAL, SMALL, axes

PLAIN = "#555555"


def piles(sources, targets, *, plan=None, ax=None, **labels):
    """Draw two dicts {position: boxes}: sources stand on a line, targets hang below.

    plan: a table of boxes, sources by targets in the order of position; each of its
    moves becomes a line, as thick as its number of boxes.
    """
    xs, ys = sorted(sources), sorted(targets)
    drop = 0.0 if plan is None else 2.2
    high = max(sources.values()) + max(targets.values()) + drop
    wide = max([*xs, *ys]) - min([*xs, *ys]) + 2
    ax = axes(ax, width=5.0, height=5.0 * high / wide + 0.9)
    for x in xs:
        _stack(ax, x, np.arange(sources[x]), facecolor=REAL)
    for y in ys:
        places = -drop - 1 - np.arange(targets[y])
        _stack(ax, y, places, facecolor="white", edgecolor=FAKE, hatch="///")
    if plan is not None:
        plan = draw.numbers("plan", plan, ndim=2)
        for i, j in np.argwhere(plan > 0):
            ends = [xs[i], ys[j]], [0, -drop]
            ax.plot(*ends, color=PLAIN, linewidth=1.5 * plan[i, j], zorder=0)
        ax.axhline(-drop, color="black", linewidth=0.8)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_aspect("equal")
    ax.set_xlim(min([*xs, *ys]) - 1, max([*xs, *ys]) + 1)
    ax.set_xticks(sorted({*xs, *ys}))
    ax.set_yticks([])
    draw.dress(ax, **{"xlabel": "position", **labels})
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def _stack(ax, position, places, **style):
    style = {"edgecolor": "white", "linewidth": 1.2, "zorder": 2, **style}
    ax.bar(position, 0.9, 0.9, [place + 0.05 for place in places], **style)


def plan(table, xs=None, ys=None, *, ax=None, **labels):
    """Draw a plan as a heat map: row sums at its right, column sums on top.

    table: (n, m), rows are sources. xs, ys: names of rows and columns. Small tables get
    their numbers written in. Raises ValueError for another number of names.
    """
    table = draw.numbers("table", table, ndim=2)
    ax = axes(ax, width=4.6, height=4.2)
    small = table.size <= 64
    ax.imshow(table, cmap="Greys", aspect="auto", vmin=0, vmax=2 * table.max())
    if small:
        for (i, j), value in np.ndenumerate(table):
            ax.text(j, i, f"{value:g}", ha="center", va="center", fontsize=12)
    for axis, names, count in (
        (ax.yaxis, xs, len(table)),
        (ax.xaxis, ys, len(table.T)),
    ):
        if names is None:
            continue
        if len(names) != count:
            raise ValueError(
                f"xs and ys must name each row and column; got {len(names)} names for "
                f"{count}. Pass one name each."
            )
        every = np.unique(np.linspace(0, count - 1, min(count, 6)).round().astype(int))
        axis.set_ticks(every, [f"{names[place]:g}" for place in every])
    right = ax.inset_axes([1.03, 0, 0.2, 1])
    top = ax.inset_axes([0, 1.03, 1, 0.2])
    right.barh(range(len(table)), table.sum(axis=1), color=REAL, height=0.9)
    top.bar(range(len(table.T)), table.sum(axis=0), color=FAKE, width=0.9)
    right.set_ylim(ax.get_ylim())
    top.set_xlim(ax.get_xlim())
    for side in (right, top):
        if small:
            side.bar_label(side.containers[0], fmt="%g", fontsize=SMALL, padding=2)
        side.margins(x=0.3 if side is right else None, y=0.3 if side is top else None)
        side.set_axis_off()
    title = labels.pop("title", None)
    draw.dress(ax, **labels)
    ax.spines[:].set_visible(True)
    if title is not None:
        ax.set_title(title, fontsize=draw.TEXT, y=1.32)
    return ax


def area(positions, first, second, *, slices="vertical", ax=None, **labels):
    """Draw two distribution functions as steps, and the area between them.

    first, second: the share of P and of Q at or left of each position. slices: how the
    area is hatched, "vertical" (gap by gap) or "horizontal" (quantile by quantile).
    """
    positions = draw.numbers("positions", positions, ndim=1)
    first = draw.numbers("first", first, ndim=1)
    second = draw.numbers("second", second, ndim=1)
    hatches = {"vertical": "||", "horizontal": "--"}
    if slices not in hatches or not len(positions) == len(first) == len(second):
        raise ValueError(
            "positions, first and second must have one length, and slices be vertical "
            f"or horizontal; got {len(positions)}, {len(first)}, {len(second)} and "
            f"{slices!r}. Evaluate both functions at the same positions."
        )
    ax = axes(ax, width=5.2, height=3.4)
    ends = positions[0] - 1, positions[-1] + 1
    at = np.array([ends[0], *positions, ends[1]])
    steps = [np.array([0, *one, one[-1]]) for one in (first, second)]
    fill = {"facecolor": "0.92", "edgecolor": "0.55", "linewidth": 0}
    ax.fill_between(at, *steps, step="post", hatch=hatches[slices], **fill)
    for values, colour, name in zip(steps, (REAL, FAKE), "FG", strict=True):
        ax.step(at, values, where="post", color=colour, linewidth=2, label=name)
    ax.set(xlim=ends, ylim=(-0.03, 1.05))
    return draw.dress(ax, **{"ylabel": "share of the mass", **labels})


def pairs(x, y, partners, *, ax=None, **labels):
    """Draw points x and y, shape (n, 2), and a line from x_i to y[partners[i]].

    Raises ValueError if a point has no partner, or two.
    """
    x, y = draw.points("x", x), draw.points("y", y)
    if sorted(partners) != list(range(len(x))) or len(x) != len(y):
        raise ValueError(
            f"partners must name each of {len(x)} points y once; got {partners!r} for "
            f"{len(y)}. Pass a permutation."
        )
    ax = axes(ax, width=4.2, height=4.2)
    for start, end in zip(x, y[list(partners)], strict=True):
        ax.plot(*zip(start, end, strict=True), color=PLAIN, linewidth=1.2, zorder=0)
    ax.scatter(*x.T, s=45, color=REAL, label="x, from P")
    ax.scatter(*y.T, s=45, color=FAKE, marker="s", label="y, from Q")
    ax.set_aspect("equal")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    # Below the panel, where it hides no point.
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "frameon": False}
    ax.legend(ncols=2, fontsize=SMALL, handletextpad=0, columnspacing=1, **below)
    return draw.dress(ax, **labels, legend=False)
