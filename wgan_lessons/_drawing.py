"""What the figures share: sizes, colours, new Axes, and checks of their numbers.

Sizes are set on the Axes, since matplotlib's settings belong to the reader.
"""

import matplotlib.pyplot as plt
import numpy as np

# Real data and fakes have one colour each, everywhere. All seven differ for readers
# with any of the three colour blindnesses, with a contrast of at least 3:1 on white.
REAL, FAKE = "#0072B2", "#D55E00"
COLOURS = ("#333333", "#009E73", "#CC79A7", "#332288", "#AA3377")
WIDTH, HEIGHT, DPI = 6.4, 3.6, 100
TEXT, SMALL = 12, 11


def axes(ax=None, *, columns=1, width=WIDTH, height=HEIGHT):
    """Return `ax`, or new Axes on a white figure; a row of them for columns > 1.

    width, height: of the whole figure, in inches. Raises ValueError if `ax` is given
    but is not one Axes a column.
    """
    if ax is None:
        size = {"figsize": (width, height), "dpi": DPI, "facecolor": "white"}
        return plt.subplots(1, columns, layout="constrained", **size)[1]
    if np.size(ax) != columns:
        raise ValueError(
            f"ax must hold one Axes a panel, {columns}; got {np.size(ax)}. "
            f"Make them with axes(columns={columns})."
        )
    return ax


def numbers(name, values, *, ndim, finite=True):
    """Return `values` (list, array or tensor on any device) as a float array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    result = np.asarray(values, dtype=float)
    if result.ndim != ndim or result.size == 0:
        raise ValueError(
            f"{name} must be non-empty with {ndim} dimension(s); got shape "
            f"{result.shape}. Reshape it first."
        )
    if finite and not np.isfinite(result).all():
        raise ValueError(
            f"{name} must be finite; got {int((~np.isfinite(result)).sum())} NaN or "
            "infinite value(s). Leave them out, and say in a label how many."
        )
    return result


def points(name, values):
    """Return `values` as an (n, 2) array."""
    result = numbers(name, values, ndim=2)
    if result.shape[1] != 2:
        raise ValueError(
            f"{name} must be points in the plane, shape (n, 2); got {result.shape}. "
            "Draw points of the line with histograms."
        )
    return result


def groups(name, values, *, ndim):
    """Return {label: numbers} as {label: float array}."""
    if not isinstance(values, dict) or not values:
        raise ValueError(
            f"{name} must be a dict of label: numbers; got {values!r}. Name each group."
        )
    return {key: numbers(f"{name}[{key!r}]", v, ndim=ndim) for key, v in values.items()}


def colour(ax, label=None):
    """Return the colour of "real" or "fake", else the first that `ax` does not use."""
    fixed = {"real": REAL, "fake": FAKE}
    used = {line.get_color() for line in ax.lines}
    free = [one for one in COLOURS if one not in used]
    return fixed.get(label) or (free or COLOURS)[0]


def dress(ax, *, title=None, xlabel=None, ylabel=None, legend=True):
    """Write the labels in the course's sizes, and a legend; return `ax`."""
    ax.tick_params(labelsize=SMALL)
    ax.spines[["top", "right"]].set_visible(False)
    if title is not None:
        ax.set_title(title, fontsize=TEXT)
    if xlabel is not None:
        ax.set_xlabel(xlabel, fontsize=TEXT)
    if ylabel is not None:
        ax.set_ylabel(ylabel, fontsize=TEXT)
    if legend and ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=SMALL, framealpha=0.8, edgecolor="none")
    return ax
