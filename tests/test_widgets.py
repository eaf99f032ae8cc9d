"""Live figures, as far as Python goes: the html, its data, and the numbers in it.

What they do in a browser is in test_live_figures.py.
"""

import base64
import io
import itertools
import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import families
import matplotlib as mpl
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

from wgan_lessons import boxes, examples, theory, transport, widgets
from wgan_lessons.widgets import live, move_boxes, two_dirac_critic

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "tools"))

import notebook_hashes as hashes  # noqa: E402

FIGURES = {
    "boxes": widgets.MoveBoxes,
    "prices": lambda: widgets.MoveBoxes(prices=True),
    "crossing": lambda: widgets.MoveBoxes(prices=True, puzzle="crossing"),
    "lines": widgets.ParallelLines,
    "diracs": widgets.TwoDiracCritic,
}
SCRIPTS = sorted(live.HERE.glob("*.js"))


@pytest.fixture(scope="module", params=FIGURES)
def figure(request):
    return FIGURES[request.param]()


class Reader(HTMLParser):
    """Collect tags with their attributes, and the text inside each tag."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open = tag

    def handle_endtag(self, tag):
        self.open = None

    def handle_data(self, data):
        self.texts[self.open] = self.texts.get(self.open, "") + data


class Tiny(widgets.Live):
    """A live figure that shows the data it is given."""

    script = "move_boxes.js"
    alt = 'An "empty" picture <of> a & b'
    size = (1, 1)

    def __init__(self, data, colour="white"):
        self.given, self.colour = data, colour

    def data(self):
        return self.given

    def sentence(self):
        return "a < b & c"

    def still(self, figure):
        figure.set_facecolor(self.colour)


# The base


def test_a_notebook_gets_html_a_picture_and_a_sentence(figure):
    """The three forms that Jupyter, Colab, myst-nb and a terminal choose from."""
    sent = DisplayFormatter().format(figure)[0]
    assert set(sent) == {"text/html", "image/png", "text/plain"}
    assert sent["text/plain"] == repr(figure) == figure.sentence()
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(sent["image/png"])))
    assert picture.size == tuple(round(100 * inches) for inches in figure.size)


def test_the_html_begins_as_a_picture_with_a_sentence(figure):
    """Scripts off, an untrusted notebook, a printer: the still and what it says."""
    page = Reader(figure._repr_mimebundle_()["text/html"])
    assert [tag for tag, _ in page.tags] == ["figure", "img", "figcaption", "script"]
    image = page.tags[1][1]
    assert image["src"] == f"data:image/png;base64,{figure.picture()}"
    assert image["alt"] == figure.alt and len(figure.alt) > 40
    assert page.texts["figcaption"] == figure.sentence()


def test_the_html_is_small_and_the_still_smaller(figure):
    """A page with five figures stays light, and a notebook holds the still twice."""
    assert len(figure.page(figure.picture())) < live.MOST_BYTES
    assert len(base64.b64decode(figure.picture())) < 30_000


def test_running_a_cell_again_changes_no_byte(figure):
    """Whatever the reader has set for matplotlib: a notebook is compared as text."""
    before = figure._repr_mimebundle_()
    with mpl.rc_context({"lines.linewidth": 9, "figure.facecolor": "red"}):
        assert figure._repr_mimebundle_() == before


def test_no_element_has_an_id(figure):
    """Two of a kind on one page would share it."""
    text = figure._repr_mimebundle_()["text/html"]
    assert not any("id" in attributes for _, attributes in Reader(text).tags)
    assert not re.search(r"getElementById|\bid:|\.id\s*=", text)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_stays_on_its_page(script):
    """It loads nothing, stores nothing and cannot end the element that it stands in."""
    code = script.read_text("utf-8")
    assert "</script" not in code and "<!--" not in code
    assert not re.search(r"fetch\(|XMLHttp|import\(|import |localStorage|eval\(", code)
    assert set(re.findall(r"https?://[^/\"]+", code)) <= {"http://www.w3.org"}


def test_every_script_belongs_to_a_figure_and_to_the_hash_of_a_page():
    """A page is executed again when a script changes, as when a module does."""
    counted = hashes.modules(ROOT)["widgets"]
    assert set(SCRIPTS) | set(live.HERE.glob("*.py")) <= set(counted)
    classes = [getattr(widgets, name) for name in widgets.__all__]
    used = {cls.script for cls in classes if cls.script} | {"helpers.js"}
    assert used == {path.name for path in SCRIPTS}


def test_the_name_is_that_of_the_script_and_the_data():
    """Not of the picture: its bytes differ between versions of matplotlib."""

    def name(*arguments):
        return Reader(Tiny(*arguments).page("AAAA")).tags[0][1]["data-live"]

    assert name([1]) == name([1], "red") != name([2])
    assert Tiny([1]).picture() != Tiny([1], "red").picture()


def test_texts_are_escaped():
    page = Reader(Tiny("</script><script>").page("AAAA"))
    assert [tag for tag, _ in page.tags] == ["figure", "img", "figcaption", "script"]
    assert page.tags[1][1]["alt"] == Tiny.alt
    assert page.texts["figcaption"] == "a < b & c"


def test_too_large_a_figure_is_refused():
    with pytest.raises(ValueError, match=r"at most 120,000 bytes; got 1\d\d,\d\d\d\. "):
        Tiny(["x" * 100_000]).page("AAAA")


NUMBERS = st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6)
TREES = st.recursive(
    NUMBERS | st.text() | st.none() | st.booleans(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@families.examples
@given(TREES)
def test_data_come_back_from_the_json(data):
    """encode is JSON, to 9 digits, in which no "<" can end a script."""
    text = live.encode(data)
    assert "<" not in text
    assert same(json.loads(text), data)


def same(a, b):
    if isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in b)
    if isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-8)
    return a == b


def test_arrays_tuples_and_infinity_become_json():
    data = {"M": np.array([[1.0, 2.5]]), "n": np.int64(3), "t": (1, -math.inf)}
    expected = '{"M":[[1,2.5]],"n":3,"t":[1,"\\u2212\\u221e"],"x":0.333333333}'
    assert live.encode({**data, "x": 1 / 3}) == expected


def test_nan_is_no_number_to_show():
    with pytest.raises(ValueError, match="NaN. Leave such numbers out"):
        live.encode([1.0, {"a": [math.nan]}])


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1.5, 2, "1.50"),
        (-1.5, 2, "−1.50"),
        (0.125, 2, "0.12"),
        (-0.001, 2, "0.00"),
        (math.inf, 2, "∞"),
        (-math.inf, None, "−∞"),
        (42.0, None, "42"),
        (1 / 3, None, "0.333333"),
    ],
)
def test_numbers_are_written_for_readers(value, digits, text):
    assert live.say(value, digits) == text


def luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    dark = parts <= 0.04045
    linear = np.where(dark, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("name", live.INKS)
def test_an_ink_is_seen_on_white_and_on_black(name):
    """At least 3.8:1 on either ground, so that no figure has to know the theme."""
    ink = luminance(live.INKS[name]) + 0.05
    assert 1.05 / ink >= 3.8 <= ink / (luminance("#121212") + 0.05)


def test_the_scripts_have_the_same_inks():
    code = live.read("helpers.js")
    block = re.search(r"const INKS = {(.*?)};", code, re.DOTALL)[1]
    assert dict(re.findall(r'(\w+): "(#\w+)"', block)) == live.INKS


def test_figures_load_torch_only_when_they_show_networks():
    """Chapter 1 shows a live figure, and needs no torch for it."""
    code = (
        "import sys; from wgan_lessons import widgets; "
        "repr(widgets.MoveBoxes()); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# Boxes

PROBLEMS = [
    pytest.param(
        boxes_of, cost, move_boxes.COSTS[cost["name"]], id=f"{name}, {cost['name']}"
    )
    for name, boxes_of in move_boxes.PUZZLES.items()
    for cost in move_boxes.problem(name)["costs"]
]


@pytest.mark.parametrize(("puzzle", "solved", "distance"), PROBLEMS)
def test_the_page_knows_the_cheapest_plan(puzzle, solved, distance):
    """What the page calls the cheapest is so by listing, and by POT."""
    (xs, supply), (ys, demand) = (zip(*sorted(side.items())) for side in puzzle)
    costs = [
        boxes.cost(puzzle, plan, distance=distance) for plan in boxes.plans(puzzle)
    ]
    assert solved["best"] == min(costs) == (solved["plan"] * solved["M"]).sum()
    assert boxes.cost(puzzle, solved["plan"], distance=distance) == min(costs)
    M = [[distance(y - x) for y in ys] for x in xs]
    assert np.array_equal(solved["M"], M)
    total = sum(supply)
    a, b = np.array(supply) / total, np.array(demand) / total
    exact = transport.optimal_plan(a, b, solved["M"]).cost
    assert math.isclose(solved["best"], total * exact, rel_tol=1e-12)


@pytest.mark.parametrize(("puzzle", "solved", "distance"), PROBLEMS)
def test_the_page_knows_the_best_prices(puzzle, solved, distance):
    """u_i + v_j <= M_ij, with equality exactly where a cheapest plan has a box."""
    (_, supply), (_, demand) = (zip(*sorted(side.items())) for side in puzzle)
    u, v, M = solved["u"], solved["v"], solved["M"]
    assert u @ supply + v @ demand == solved["best"]
    cheapest = [
        plan
        for plan in boxes.plans(puzzle)
        if boxes.cost(puzzle, plan, distance=distance) == solved["best"]
    ]
    rest = M - u[:, None] - v
    assert (rest >= 0).all()
    assert np.array_equal(rest == 0, sum(cheapest) > 0)


def test_plans_of_the_six_boxes_differ_under_squared_distance_only():
    """Why the figure offers other costs: by distance, every plan is the cheapest."""

    def costs(puzzle, distance):
        plans = boxes.plans(puzzle)
        return {int(boxes.cost(puzzle, plan, distance=distance)) for plan in plans}

    assert costs(boxes.SIX_BOXES, abs) == {42}
    assert min(costs(boxes.CROSSING, abs)) == 2 and max(costs(boxes.CROSSING, abs)) == 8
    assert len(costs(boxes.SIX_BOXES, np.square)) > 5


@st.composite
def small_puzzles(draw):
    pile = st.lists(st.integers(0, 8), min_size=4, max_size=4)
    sides = [draw(pile), draw(pile)]
    return boxes.Puzzle(*({x: side.count(x) for x in side} for side in sides))


@families.examples
@given(small_puzzles(), st.sampled_from([abs, np.square]))
def test_best_prices_are_best(puzzle, distance):
    """Feasible, of the value of the cheapest plan, halves at worst, least u is 0."""
    plan, cost = boxes.cheapest(puzzle, distance=distance)
    (xs, supply), (ys, demand) = (zip(*sorted(side.items())) for side in puzzle)
    M = distance(np.subtract.outer(xs, ys))
    u, v = move_boxes.best_prices(M, plan)
    assert (u[:, None] + v <= M).all() and u.min() == 0
    assert u @ supply + v @ demand == cost
    assert ((2 * u) % 1 == 0).all() and ((2 * v) % 1 == 0).all()


def test_boxes_begin_with_nothing_moved():
    assert widgets.MoveBoxes().sentence() == (
        "0 of 6 boxes are moved, at a cost of 0. The cheapest plan for all of them "
        "costs 42."
    )
    assert "price list adds up to 0" in widgets.MoveBoxes(prices=True).sentence()
    crossing = widgets.MoveBoxes(puzzle="crossing")
    assert "0 of 3" in crossing.sentence() and "costs 2." in crossing.sentence()
    assert "1 at 1, 1 at 3, 1 at 5." in crossing.alt


def test_another_puzzle_is_refused():
    with pytest.raises(ValueError, match="six boxes"):
        widgets.MoveBoxes(puzzle="seven boxes")


# Lines and points


def test_lines_show_the_closed_forms():
    """Every number of the page is that of `examples`, and NaN is none."""
    data = widgets.ParallelLines().data()
    assert 0.0 in data["thetas"] and data["start"] in data["thetas"]
    for k, theta in enumerate(data["thetas"]):
        values = examples.parallel_lines(theta)
        slopes = examples.parallel_lines_gradients(theta)
        for name, value, slope in zip(values._fields, values, slopes, strict=True):
            assert data["values"][name][k] == value
            shown = data["slopes"][name][k]
            assert (shown is None) == math.isnan(slope) and shown in (None, slope)


def test_lines_begin_apart():
    assert widgets.ParallelLines().sentence() == (
        "At θ = 1.00, W₁ is 1.00 and has slope 1. JS is 0.6931 and TV is 1, wherever "
        "the lines are apart: slope 0. KL is infinite, both ways."
    )


def test_the_penalised_critic_obeys_its_law():
    """slope 1 + d/(2 lambda), value d + d²/(2 lambda), objective d + d²/(4 lambda)."""
    data = widgets.TwoDiracCritic().data()
    places = itertools.product(enumerate(data["distances"]), enumerate(data["weights"]))
    for (i, d), (j, weight) in places:
        both = data["laws"][i][j]
        for law in both:
            assert math.isclose(law.slope, 1 + d / (2 * weight))
            assert math.isclose(law.value, d + d**2 / (2 * weight))
            assert math.isclose(law.objective, d + d**2 / (4 * weight))
        assert (both[0].second is not None) == (d < 2 * weight)
        assert both[1].second is None
        if both[0].second is not None:
            assert math.isclose(both[0].second, -1 + d / (2 * weight), abs_tol=1e-12)


def test_the_start_of_the_two_points_is_one_that_the_sliders_have():
    data = widgets.TwoDiracCritic().data()
    start = data["distances"][data["start"][0]], data["weights"][data["start"][1]]
    assert start == tuple(two_dirac_critic.START.values())
    assert (
        theory.two_diracs(start[0], weight=start[1])
        == data["laws"][data["start"][0]][data["start"][1]][0]
    )
    assert "slope is 1.500 and the critic's value 1.500" in repr(
        widgets.TwoDiracCritic()
    )
