"""Every figure of the course: numbers in, `ax=None`, Axes out.

A function draws into the Axes it is given, or into a new figure of the course's size.
It computes nothing that a text could quote, trains nothing, calls no show() and leaves
matplotlib's settings as they were. Arrays may be NumPy's, lists, or PyTorch tensors on
any device. `**labels` are `title=`, `xlabel=` and `ylabel=`.
"""

import numpy as np

from wgan_lessons import _drawing as draw
from wgan_lessons._clipping_figures import gradient_norms, surfaces
from wgan_lessons._distance_figures import arrows, shares
from wgan_lessons._drawing import COLOURS, FAKE, HEIGHT, REAL, SMALL, WIDTH, axes
from wgan_lessons._duality_figures import potential, slack
from wgan_lessons._proof_figures import slope_map, ways
from wgan_lessons._transport_figures import area, pairs, piles, plan

__all__ = [
    "COLOURS", "FAKE", "REAL", "area", "arrows", "axes", "bars", "cloud", "clouds",
    "curve", "gradient_norms", "histograms", "history", "image_grid", "neighbours",
    "pairs", "piles", "plan", "potential", "seeds", "shares", "slack", "slope_map",
    "surface", "surfaces", "ways",
]  # fmt: skip

BELOW = dict(ncols=2, reverse=True, markerscale=2.5, fontsize=SMALL, frameon=False)


def curve(x, y, *, label=None, window=1, ax=None, **labels):
    """Draw y against x; with window > 1 faintly, and boldly its running median.

    x, y: numbers of equal length. window: how many points a median covers, centred.
    Call it again with the returned Axes for the next curve, in the next colour.
    Raises ValueError for other lengths or a window that does not fit.
    """
    x, y = draw.numbers("x", x, ndim=1), draw.numbers("y", y, ndim=1, finite=False)
    if len(x) != len(y) or not 1 <= window <= len(y):
        raise ValueError(
            "x and y must have one length, and window lie between 1 and it; got "
            f"{len(x)}, {len(y)} and window {window}. Shorten the longer one."
        )
    ax = axes(ax)
    colour = draw.colour(ax, label)
    if window > 1:
        ax.plot(x, y, color=colour, linewidth=0.7, alpha=0.3, antialiased=False)
        y = np.median(np.lib.stride_tricks.sliding_window_view(y, window), axis=1)
        x = x[(window - 1) // 2 :][: len(y)]
    ax.plot(x, y, color=colour, linewidth=1.8, label=label)
    return draw.dress(ax, **labels)


def history(history, name="value", *, label=None, window=1, ax=None, **labels):
    """Draw one number of a recorded run against its rounds (`training.record`).

    Raises ValueError for a name that the history does not have.
    """
    if name not in history:
        raise ValueError(f"unknown name {name!r}. Choose one of: {', '.join(history)}.")
    labels = {"xlabel": "round", "ylabel": name.replace("_", " "), **labels}
    x, y = history["round"], history[name]
    return curve(x, y, label=label, window=window, ax=ax, **labels)


def cloud(samples, data=None, *, size=14, ax=None, legend=True, **labels):
    """Draw fake points, shape (n, 2), under smaller real points `data`, on equal axes.

    The view is the data's, and a quarter of its size more on every side; how many
    samples lie outside is written there. Raises ValueError for points off the plane.
    """
    samples = draw.points("samples", samples)
    data = None if data is None else draw.points("data", data)
    ax = axes(ax, width=HEIGHT)
    dots = {"linewidths": 0, "rasterized": True}
    ax.scatter(*samples.T, s=size, color=FAKE, alpha=0.5, label="fake", **dots)
    if data is not None:
        ax.scatter(*data.T, s=size / 8, color=REAL, label="real", **dots)
        margin = np.ptp(data, axis=0).max() / 4 or 1.0
        low, high = data.min(axis=0) - margin, data.max(axis=0) + margin
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        inside = ((samples >= low) & (samples <= high)).all(axis=1)
        if not inside.all():
            note = f"{np.sum(~inside)} of {len(samples)} outside"
            ax.text(0.02, 0.02, note, transform=ax.transAxes, fontsize=SMALL)
    ax.set_aspect("equal")
    draw.dress(ax, **labels, legend=False)
    if legend:
        # Below the panel, where it hides no point.
        place = {
            "loc": "upper center",
            "bbox_to_anchor": (0.5, 0),
            "borderaxespad": 2.2,
        }
        ax.legend(**place, **BELOW)
    return ax


def clouds(panels, data=None, *, size=12, ax=None):
    """Draw one `cloud` for each of {title: samples} in a row; return their Axes.

    ax: as many Axes as panels. Raises ValueError for no panel or points off the plane.
    """
    panels = draw.groups("panels", panels, ndim=2)
    count = len(panels)
    row = np.atleast_1d(axes(ax, columns=count, height=0.6 + WIDTH / count))
    for one, (title, samples) in zip(row, panels.items(), strict=True):
        cloud(samples, data, size=size, ax=one, title=title, legend=False)
    handles = row[0].get_legend_handles_labels()
    row[0].figure.legend(*handles, loc="outside lower center", **BELOW)
    return row


def surface(xs, ys, values, *, points=None, levels=15, ax=None, **labels):
    """Draw the contours of a function on the plane, such as a critic's scores.

    values: shape (len(ys), len(xs)), row by row. points: real points (n, 2), drawn on
    top. Raises ValueError for another shape.
    """
    xs, ys = draw.numbers("xs", xs, ndim=1), draw.numbers("ys", ys, ndim=1)
    values = draw.numbers("values", values, ndim=2)
    if values.shape != (len(ys), len(xs)):
        raise ValueError(
            f"values must have shape (len(ys), len(xs)) = {(len(ys), len(xs))}; got "
            f"{values.shape}. Reshape the scores."
        )
    points = None if points is None else draw.points("points", points)
    ax = axes(ax, width=1.25 * HEIGHT)
    filled = ax.contourf(xs, ys, values, levels=levels, cmap="Greys_r", alpha=0.6)
    ax.contour(xs, ys, values, levels=levels, colors="0.3", linewidths=0.6)
    ax.figure.colorbar(filled, ax=ax).ax.tick_params(labelsize=SMALL)
    if points is not None:
        ax.scatter(*points.T, s=5, color=REAL, linewidths=0, rasterized=True)
    ax.set_aspect("equal")
    return draw.dress(ax, **labels)


def image_grid(images, *, columns=8, ax=None, **labels):
    """Draw images in rows of `columns`; black is -1 and white is 1.

    images: (N, 1, H, W) grey or (N, 3, H, W) coloured, in [-1, 1]. Raises ValueError
    for another shape or range.
    """
    images = draw.numbers("images", images, ndim=4)
    count, channels, height, width = images.shape
    if channels not in (1, 3) or not np.abs(images).max() <= 1 + 1e-6 or columns < 1:
        raise ValueError(
            "images must have 1 or 3 channels and lie in [-1, 1], in at least 1 "
            f"column; got shape {images.shape}, size {np.abs(images).max():g}, "
            f"{columns} column(s). Rescale the images."
        )
    columns = min(columns, count)
    rows = -(-count // columns)
    # One white line between images, and white where the last row is not full.
    tiles = np.ones((rows * columns, 3, height + 1, width + 1))
    tiles[:count, :, :height, :width] = (images.clip(-1, 1) + 1) / 2
    tiles = tiles.reshape(rows, columns, 3, height + 1, width + 1)
    sheet = tiles.transpose(0, 3, 1, 4, 2).reshape(rows * (height + 1), -1, 3)
    if ax is None:
        side = min(WIDTH / columns, 0.75)
        ax = axes(width=side * columns, height=side * rows + 0.35 * bool(labels))
    ax.imshow(sheet[:-1, :-1], interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return draw.dress(ax, **labels)


def neighbours(samples, nearest, *, ax=None, **labels):
    """Draw each made image above the real one, or the k real ones, nearest to it.

    samples: (N, C, H, W). nearest: (N, C, H, W) or (N, k, C, H, W), both in [-1, 1].
    Raises ValueError where the shapes do not fit.
    """
    samples = draw.numbers("samples", samples, ndim=4)
    several = getattr(nearest, "ndim", np.ndim(nearest)) == 5
    nearest = draw.numbers("nearest", nearest, ndim=5 if several else 4)
    nearest = nearest if several else nearest[:, None]
    if nearest[:, 0].shape != samples.shape:
        raise ValueError(
            "nearest must be (N, k, C, H, W) for samples (N, C, H, W); got "
            f"{nearest.shape} for {samples.shape}. Look up one list a sample."
        )
    rows = np.concatenate([samples, *nearest.swapaxes(0, 1)])
    count, _, height, _ = samples.shape
    ax = image_grid(rows, columns=count, ax=ax, **labels)
    names = ["made", "nearest", *["next"] * (nearest.shape[1] - 1)]
    places = [row * (height + 1) + height / 2 - 0.5 for row in range(len(names))]
    ax.set_yticks(places, names, fontsize=SMALL)
    ax.tick_params(axis="y", length=0)
    return ax


def seeds(values, *, floor=None, floor_label="floor", ax=None, **labels):
    """Draw each run of {name: one number a seed} as a dot, medians and minima as lines.

    floor: a level to compare with, dashed, such as the same number between two samples
    of the data. Raises ValueError for NaN: name the group "3 of 5" and leave them out.
    """
    values = draw.groups("values", values, ndim=1)
    ax = axes(ax)
    for place, runs in enumerate(values.values()):
        spread = np.linspace(-0.18, 0.18, len(runs)) if len(runs) > 1 else 0.0
        dots = {"color": COLOURS[1], "s": 26, "zorder": 3}
        ax.scatter(place + spread, runs, label=None if place else "one seed", **dots)
        for level, style in ((np.median(runs), "-"), (np.min(runs), ":")):
            word = {"-": "median", ":": "minimum"}[style]
            line = {"color": COLOURS[0], "linestyle": style, "linewidth": 2}
            label = None if place else word
            ax.plot([place - 0.3, place + 0.3], [level, level], label=label, **line)
    _level(ax, floor, floor_label)
    ax.set_xticks(range(len(values)), list(values))
    ax.set_xlim(-0.6, len(values) - 0.4)
    return draw.dress(ax, **labels)


def bars(values, *, floor=None, floor_label="floor", ax=None, **labels):
    """Draw one bar for each of {name: number}, and a dashed level `floor`.

    Raises ValueError for anything but one number a name.
    """
    values = draw.groups("values", values, ndim=0)
    ax = axes(ax)
    heights = [float(value) for value in values.values()]
    ax.bar(range(len(heights)), heights, color=COLOURS[1], width=0.7)
    _level(ax, floor, floor_label)
    ax.set_xticks(range(len(values)), [str(name) for name in values])
    return draw.dress(ax, **labels)


def histograms(values, *, bins=40, mark=None, ax=None, **labels):
    """Draw the histogram of each of {label: numbers} as an outline, on common bins.

    The height is the share of the group in each bin. mark: a vertical line, such as 1
    for gradient norms. Raises ValueError for NaN or an empty group.
    """
    values = draw.groups("values", values, ndim=1)
    ax = axes(ax)
    edges = np.histogram_bin_edges(np.concatenate(list(values.values())), bins)
    for label, group in values.items():
        shares = np.histogram(group, edges)[0] / len(group)
        colour = draw.colour(ax, label)
        ax.plot([], [], color=colour, linewidth=1.8, label=label)
        ax.stairs(shares, edges, color=colour, linewidth=1.8)
    if mark is not None:
        ax.axvline(mark, color="0.4", linestyle="--", linewidth=1.2)
    return draw.dress(ax, **{"ylabel": "share", **labels})


def _level(ax, level, label):
    if level is not None:
        ax.axhline(level, color="0.4", linestyle="--", linewidth=1.2, label=label)
