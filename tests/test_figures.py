"""Figures draw the numbers they are given, where they are told to, and nothing else."""

import inspect
import io
import itertools

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb

from wgan_lessons import figures

RNG = np.random.default_rng(0)
CLOUD = RNG.normal(size=(200, 2))
IMAGES = RNG.uniform(-1, 1, size=(20, 1, 8, 8))
HISTORY = {"round": np.arange(20, 2001, 20), "value": RNG.normal(size=100)}
GRID = np.linspace(-1, 1, 30)

# One typical call of every function; `True` marks those that draw a row of panels.
CALLS = {
    "curve": (
        lambda ax, **labels: figures.curve(
            [1, 2, 3], [3, 1, 2], label="a", ax=ax, **labels
        ),
        False,
    ),
    "history": (
        lambda ax, **labels: figures.history(HISTORY, window=9, ax=ax, **labels),
        False,
    ),
    "cloud": (lambda ax, **labels: figures.cloud(CLOUD, CLOUD, ax=ax, **labels), False),
    "clouds": (
        lambda ax, **labels: figures.clouds({"a": CLOUD, "b": CLOUD}, CLOUD, ax=ax),
        True,
    ),
    "surface": (
        lambda ax, **labels: figures.surface(
            GRID, GRID, np.add.outer(GRID, GRID), ax=ax, **labels
        ),
        False,
    ),
    "image_grid": (
        lambda ax, **labels: figures.image_grid(IMAGES, ax=ax, **labels),
        False,
    ),
    "neighbours": (
        lambda ax, **labels: figures.neighbours(IMAGES, IMAGES, ax=ax, **labels),
        False,
    ),
    "seeds": (
        lambda ax, **labels: figures.seeds(
            {"a": [1, 2, 4]}, floor=1.5, ax=ax, **labels
        ),
        False,
    ),
    "bars": (
        lambda ax, **labels: figures.bars({"a": 1, "b": 2}, floor=1.5, ax=ax, **labels),
        False,
    ),
    "histograms": (
        lambda ax, **labels: figures.histograms({"a": CLOUD[:, 0]}, ax=ax, **labels),
        False,
    ),
}


@pytest.fixture(autouse=True)
def no_figures_stay_open():
    yield
    plt.close("all")


def new_axes(row=False):
    return plt.subplots(1, 2 if row else 1)[1]


def drawn(ax):
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in ax.lines}


@pytest.mark.parametrize("name", CALLS)
def test_given_axes_are_drawn_into_and_returned(name):
    """Whoever passes Axes gets them back, drawn upon, and no other figure opens."""
    draw, row = CALLS[name]
    ax = new_axes(row)
    back = draw(ax)
    assert np.all(np.asarray(back) == np.asarray(ax))
    assert all(one.has_data() for one in np.atleast_1d(ax))
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", CALLS)
def test_new_figures_have_the_course_s_size_and_settings_stay(name, monkeypatch):
    """Without `ax` one white figure opens, at most 6.4 inches wide; rcParams stay."""
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("show() was called"))
    before = dict(matplotlib.rcParams)
    figure = np.atleast_1d(CALLS[name][0](None))[0].figure
    assert dict(matplotlib.rcParams) == before
    assert len(plt.get_fignums()) == 1
    assert figure.get_figwidth() <= 6.4
    assert figure.dpi == 100
    assert to_hex(figure.get_facecolor(), keep_alpha=True) == "#ffffffff"


@pytest.mark.parametrize("name", CALLS)
def test_a_picture_stays_below_80_kb(name):
    """Pages stay light: a figure's PNG, as notebooks store it, is below 80 KB."""
    stream = io.BytesIO()
    figure = np.atleast_1d(CALLS[name][0](None))[0].figure
    figure.savefig(stream, bbox_inches="tight")
    assert len(stream.getvalue()) < 80_000


@pytest.mark.parametrize("name", [name for name in CALLS if not CALLS[name][1]])
def test_title_and_axis_labels_are_written_at_the_course_s_size(name):
    """`title=`, `xlabel=` and `ylabel=` reach the Axes of every single panel."""
    ax = CALLS[name][0](new_axes(), title="t", xlabel="x", ylabel="y")
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("t", "x", "y")
    assert ax.title.get_fontsize() == ax.xaxis.label.get_fontsize() == 12


def test_pictures_with_many_points_stay_below_80_kb():
    """Three noisy histories and three clouds of 1,000 points are still light."""
    ax = None
    for shift in range(3):
        noisy = {**HISTORY, "value": HISTORY["value"] + 3 * shift}
        ax = figures.history(noisy, label=str(shift), window=9, ax=ax)
    samples = {str(k): RNG.normal(size=(1000, 2)) for k in range(3)}
    row = figures.clouds(samples, RNG.normal(size=(2000, 2)))
    for figure in (ax.figure, row[0].figure):
        stream = io.BytesIO()
        figure.savefig(stream, bbox_inches="tight")
        assert len(stream.getvalue()) < 80_000


def test_every_plot_is_listed_and_takes_ax():
    """`__all__` names what figures offers, CALLS what is defined there."""
    defined = {
        name
        for name, value in vars(figures).items()
        if inspect.isfunction(value) and value.__module__ == figures.__name__
        if not name.startswith("_")
    }
    assert defined == set(CALLS)
    assert defined <= set(figures.__all__)
    for name in figures.__all__:
        value = getattr(figures, name)
        if inspect.isfunction(value):
            assert inspect.signature(value).parameters["ax"].default is None


def test_a_curve_is_its_numbers():
    """The line's data equal the data given, from lists, arrays and tensors alike."""
    y = torch.tensor([1.0, 5.0, 2.0], requires_grad=True)
    for values in (y, y.detach().numpy(), [1, 5, 2]):
        x_drawn, y_drawn = drawn(figures.curve([1, 2, 3], values, label="a"))["a"]
        assert np.array_equal(x_drawn, [1, 2, 3])
        assert np.array_equal(y_drawn, [1, 5, 2])


@pytest.mark.parametrize("window", [2, 3, 5, 20])
def test_the_bold_line_is_the_running_median_of_the_faint_one(window):
    """At each point stands the median of `window` values centred there, by hand."""
    y = RNG.normal(size=20)
    faint, bold = figures.curve(range(20), y, window=window).lines
    assert np.array_equal(faint.get_ydata(), y)
    by_hand = [np.median(y[i : i + window]) for i in range(20 - window + 1)]
    assert np.allclose(bold.get_ydata(), by_hand)
    assert bold.get_xdata()[0] == (window - 1) // 2
    assert len(bold.get_xdata()) == len(by_hand)


def test_gaps_in_a_curve_are_allowed():
    """A NaN in y leaves a gap: a seed that never arrived has no point."""
    assert np.isnan(figures.curve([1, 2], [1, np.nan]).lines[0].get_ydata()[1])


def test_a_history_is_drawn_against_its_rounds():
    """`history` takes x from "round" and names the axes by itself."""
    ax = figures.history(HISTORY, "value")
    assert np.array_equal(ax.lines[0].get_xdata(), HISTORY["round"])
    assert np.array_equal(ax.lines[0].get_ydata(), HISTORY["value"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("round", "value")
    ax = figures.history({"round": [1], "generator_loss": [2]}, "generator_loss")
    assert ax.get_ylabel() == "generator loss"


def test_the_next_curve_has_the_next_colour():
    """Five curves in one Axes have five colours, none of them the real or fake one."""
    ax = None
    for k in range(5):
        ax = figures.curve([0, 1], [k, k], window=2, ax=ax)
    bold = [line.get_color() for line in ax.lines[1::2]]
    assert bold == list(figures.COLOURS)
    assert not {figures.REAL, figures.FAKE} & set(bold)
    figures.curve([0, 1], [9, 9], ax=ax)


def test_real_and_fake_keep_their_colours():
    """Points, and groups called real and fake, look the same in every figure."""
    fake, real = figures.cloud(CLOUD, CLOUD).collections
    assert to_hex(real.get_facecolor()[0]) == figures.REAL.lower()
    assert to_hex(fake.get_facecolor()[0]) == figures.FAKE.lower()
    ax = figures.histograms({"fake": [1, 2], "real": [1, 2]})
    assert [line.get_color() for line in ax.lines] == [figures.FAKE, figures.REAL]


def light(colour):
    channels = np.array(to_rgb(colour))
    low = channels <= 0.04045
    return np.where(low, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def test_colours_are_seen_on_white_and_told_apart():
    """Each has a contrast of 3:1 on white; any two differ to every kind of eye.

    Colour blindness by the matrices of Machado, Oliveira and Fernandes (2009).
    """
    eyes = (
        np.eye(3),
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    )
    colours = (figures.REAL, figures.FAKE, *figures.COLOURS)
    for colour in colours:
        assert 1.05 / (light(colour) @ [0.2126, 0.7152, 0.0722] + 0.05) >= 3
    for one, other in itertools.combinations(colours, 2):
        for eye in eyes:
            seen = [np.cbrt(np.clip(eye @ light(c), 0, 1)) for c in (one, other)]
            assert np.linalg.norm(seen[0] - seen[1]) > 0.09, (one, other)


def test_a_cloud_shows_its_points_and_says_what_it_hides():
    """Points stand where they are; those out of the data's view are counted."""
    samples = np.concatenate([CLOUD, [[50.0, 0.0], [0.0, -50.0]]])
    ax = figures.cloud(samples, CLOUD)
    fake, real = ax.collections
    assert np.array_equal(fake.get_offsets(), samples)
    assert np.array_equal(real.get_offsets(), CLOUD)
    assert ax.texts[0].get_text() == "2 of 202 outside"
    assert not figures.cloud(CLOUD, CLOUD).texts
    assert not figures.cloud(samples).texts


def test_clouds_has_one_panel_a_title_on_one_scale():
    """Panels carry their titles and share the view of the data."""
    row = figures.clouds({"GAN": CLOUD, "WGAN": 9 * CLOUD, "GP": CLOUD / 9}, CLOUD)
    assert [ax.get_title() for ax in row] == ["GAN", "WGAN", "GP"]
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in row}) == 1
    assert len(figures.clouds({"alone": CLOUD})) == 1


def test_a_surface_has_its_values_at_its_points():
    """values[i, j] belongs to (xs[j], ys[i]): the levels of f = x are vertical."""
    xs, ys = np.linspace(0, 1, 5), np.linspace(0, 2, 7)
    ax = figures.surface(xs, ys, np.tile(xs, (7, 1)), points=CLOUD, levels=[0.2, 0.5])
    lines = ax.collections[1]
    for level, path in zip([0.2, 0.5], lines.get_paths(), strict=True):
        assert np.allclose(path.vertices[:, 0], level)
        assert (path.vertices[:, 1].min(), path.vertices[:, 1].max()) == (0, 2)
    assert np.array_equal(ax.collections[-1].get_offsets(), CLOUD)


def test_a_flat_surface_can_be_drawn():
    """A critic that clipping has killed has one value everywhere: no warning."""
    for level in (0.0, 1e-30, 3.0):
        figures.surface(GRID, GRID, np.full((30, 30), level)).figure.canvas.draw()


def test_an_image_grid_holds_every_pixel():
    """Image n stands in row n // columns, a white line beside it; -1 is black."""
    sheet = figures.image_grid(IMAGES, columns=6).images[0].get_array()
    assert sheet.shape == (4 * 9 - 1, 6 * 9 - 1, 3)
    for n, image in enumerate(IMAGES):
        row, column = 9 * (n // 6), 9 * (n % 6)
        part = sheet[row : row + 8, column : column + 8]
        assert np.allclose(part, (image.transpose(1, 2, 0) + 1) / 2)
    assert (sheet[8::9] == 1).all() and (sheet[:, 8::9] == 1).all()
    assert (sheet[27:, 2 * 9 :] == 1).all()


def test_an_image_grid_takes_colour_and_few_images():
    """Three channels keep their order; fewer images than columns make no gap."""
    coloured = torch.rand(2, 3, 4, 5) * 2 - 1
    sheet = figures.image_grid(coloured, columns=8).images[0].get_array()
    assert sheet.shape == (4, 11, 3)
    assert np.allclose(sheet[:, :5], (coloured[0].permute(1, 2, 0) + 1) / 2)


def test_neighbours_stand_below_their_sample():
    """Column n is sample n and, below it, its nearest real images in order."""
    nearest = RNG.uniform(-1, 1, size=(5, 2, 1, 8, 8))
    ax = figures.neighbours(IMAGES[:5], nearest)
    sheet = ax.images[0].get_array()[..., 0]
    assert np.allclose(sheet[:8, 9:17], (IMAGES[1, 0] + 1) / 2)
    assert np.allclose(sheet[9:17, 9:17], (nearest[1, 0, 0] + 1) / 2)
    assert np.allclose(sheet[18:26, 9:17], (nearest[1, 1, 0] + 1) / 2)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [
        "made",
        "nearest",
        "next",
    ]


def test_every_seed_is_a_dot_with_median_and_minimum():
    """Dots have the runs' heights; the lines stand at their median and minimum."""
    runs = {"GAN": [3.0, 1.0, 8.0, 2.0, 5.0], "WGAN": [4.0]}
    ax = figures.seeds(runs, floor=0.5, floor_label="two real halves")
    for dots, values in zip(ax.collections, runs.values(), strict=True):
        assert np.array_equal(dots.get_offsets()[:, 1], values)
    levels = [line.get_ydata()[0] for line in ax.lines]
    assert levels == [3.0, 1.0, 4.0, 4.0, 0.5]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["GAN", "WGAN"]
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["one seed", "median", "minimum", "two real halves"]


def test_bars_have_the_heights_given():
    """One bar a name, as high as its number; the floor is a level line."""
    ax = figures.bars({0: 90, 1: torch.tensor(110)}, floor=100)
    assert [bar.get_height() for bar in ax.patches] == [90, 110]
    assert ax.lines[0].get_ydata()[0] == 100


def test_histograms_hold_the_share_of_each_group():
    """Shares of a group sum to 1, whatever its size, on the bins of all groups."""
    groups = {"a": RNG.normal(size=100), "b": torch.randn(7) + 3}
    ax = figures.histograms(groups, bins=12, mark=1.0)
    one, other = (patch.get_data() for patch in ax.patches)
    assert np.array_equal(one.edges, other.edges) and len(one.edges) == 13
    counts = np.histogram(groups["a"], one.edges)[0]
    assert np.allclose(one.values, counts / 100)
    assert np.isclose(other.values.sum(), 1)
    assert ax.lines[-1].get_xdata()[0] == 1.0


WRONG = {
    "lengths": (lambda: figures.curve([1, 2], [1]), "one length"),
    "window": (lambda: figures.curve([1, 2], [1, 2], window=3), "window 3"),
    "flat curve": (lambda: figures.curve([[1]], [[1]]), "1 dimension"),
    "empty": (lambda: figures.curve([], []), "non-empty"),
    "name": (lambda: figures.history(HISTORY, "loss"), "Choose one of: round, value"),
    "off the plane": (lambda: figures.cloud(CLOUD[:, :1]), "(200, 1)"),
    "data off the plane": (lambda: figures.cloud(CLOUD, np.ones((4, 3))), "(4, 3)"),
    "nan": (lambda: figures.cloud([[0.0, np.nan]]), "1 NaN"),
    "no panel": (lambda: figures.clouds({}), "dict"),
    "panels": (lambda: figures.clouds([CLOUD]), "dict"),
    "panel's shape": (lambda: figures.clouds({"GAN": CLOUD[0]}), "panels['GAN']"),
    "surface": (
        lambda: figures.surface([1, 2], [1, 2, 3], np.ones((2, 3))),
        "(3, 2); got (2, 3)",
    ),
    "images": (lambda: figures.image_grid(IMAGES[:, 0]), "4 dimension"),
    "channels": (lambda: figures.image_grid(np.zeros((1, 2, 8, 8))), "1 or 3 channels"),
    "range": (lambda: figures.image_grid(IMAGES * 255), "[-1, 1]"),
    "columns": (lambda: figures.image_grid(IMAGES, columns=0), "0 column"),
    "nearest": (lambda: figures.neighbours(IMAGES, IMAGES[:3]), "one list a sample"),
    "seeds": (lambda: figures.seeds({"a": [1, np.inf]}), "values['a'] must be finite"),
    "bars": (lambda: figures.bars({"a": [1, 2]}), "0 dimension"),
    "histogram": (lambda: figures.histograms({"a": []}), "non-empty"),
    "axes": (lambda: figures.clouds({"a": CLOUD}, ax=new_axes(True)), "got 2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_numbers_raise_an_error_that_says_so(name):
    """What cannot be drawn raises ValueError, and no figure is left behind."""
    draw, message = WRONG[name]
    with pytest.raises(ValueError) as caught:
        draw()
    assert message in str(caught.value)
    if name != "axes":
        assert not plt.get_fignums()
