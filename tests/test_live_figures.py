"""Live figures in headless Chromium: real clicks, keys and fingers move the numbers.

Each test serves a page of its own on this machine; the built book has its own tests.
"""

import contextlib
import itertools
import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from wgan_lessons import boxes, examples, theory, widgets
from wgan_lessons.widgets import live, move_boxes, two_dirac_critic

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("no Chromium here to open a page with", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing")

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1000, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1000, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 800}},
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Figures</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">
<style>
  :root {{ color-scheme: light dark; font-family: sans-serif; }}
  body {{ color: #222; background: #fff; margin: 1rem; }}
  @media (prefers-color-scheme: dark) {{ body {{ color: #ddd; background: #121212; }} }}
</style></head><body><main><h1>Figures</h1>{}</main></body></html>"""
FIGURES = {
    "boxes": widgets.MoveBoxes(),
    "prices": widgets.MoveBoxes(prices=True),
    "crossing": widgets.MoveBoxes(prices=True, puzzle="crossing"),
    "lines": widgets.ParallelLines(),
    "diracs": widgets.TwoDiracCritic(),
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Serve one page a figure, one with all of them, one that has a figure twice."""
    folder = tmp_path_factory.mktemp("pages")
    pages = {
        name: one._repr_mimebundle_()["text/html"] for name, one in FIGURES.items()
    }
    pages["all"] = "".join(pages.values())
    pages["twice"] = pages["lines"] + pages["diracs"] + pages["lines"]
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(PAGE.format(text), "utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{one.server_port}"
        one.shutdown()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield one
        one.close()


@pytest.fixture(scope="module")
def contexts(browser):
    """Return a function that gives one browser context for each kind of settings."""
    known = {}

    def context(settings):
        if repr(settings) not in known:
            known[repr(settings)] = browser.new_context(**settings)
        return known[repr(settings)]

    return context


@pytest.fixture
def visit(contexts, server):
    """Open a page; at the end nothing may have gone wrong or been asked for outside."""
    with contextlib.ExitStack() as pages:
        said, asked = [], []

        def open_page(name, **settings):
            page = contexts({**LOOKS["light"], **settings}).new_page()
            pages.callback(page.close)
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(f"{server}/{name}.html")
            return page

        yield open_page
        assert said == []
        assert [url for url in asked if not url.startswith((server, "data:"))] == []


def sentence(page, number=0):
    return page.locator("figcaption").nth(number).inner_text()


def cells(page, head):
    """Return the cells of the row that begins with `head`, as text."""
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=head))
    return row.get_by_role("cell").all_inner_texts()


def box(page, name):
    return page.get_by_role("slider", name=re.compile(name))


def middle(one):
    place = one.bounding_box()
    return place["x"] + place["width"] / 2, place["y"] + place["height"] / 2


# All figures


@pytest.mark.parametrize("look", LOOKS)
def test_figures_come_alive(visit, look):
    """The stills are gone, the sentences Python's, nothing is wider than the page."""
    page = visit("all", **LOOKS[look])
    assert page.locator("figure img").count() == 0
    texts = page.locator("figcaption[aria-live=polite]").all_inner_texts()
    assert texts == [figure.sentence() for figure in FIGURES.values()]
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


@pytest.mark.parametrize("look", LOOKS)
def test_figures_are_accessible(visit, look):
    """axe finds nothing, in light, in dark and on a phone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = visit("all", **LOOKS[look])
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_without_scripts_the_still_and_the_sentence_are_there(visit):
    page = visit("all", java_script_enabled=False)
    for number, figure in enumerate(FIGURES.values()):
        image = page.get_by_role("img").nth(number)
        assert image.get_attribute("alt") == figure.alt and image.is_visible()
        assert image.bounding_box()["width"] == round(100 * figure.size[0])
        assert sentence(page, number) == figure.sentence()


def test_a_figure_that_fails_stays_a_picture(visit):
    """Better a picture than half a figure."""
    page = visit("lines")
    code = live.read("helpers.js")
    page.evaluate(
        """(code) => {
            const figure = document.querySelector("figure").cloneNode();
            figure.dataset.live = "broken";
            figure.removeAttribute("data-mounted");
            figure.innerHTML = '<img alt="still"><figcaption>text</figcaption>';
            document.querySelector("main").append(figure);
            const fail = () => { throw new Error("as planned"); };
            try { eval(code)(fail, {}, "broken"); }
            catch (error) { window.why = error.message; }
        }""",
        code,
    )
    assert page.evaluate("window.why") == "as planned"
    assert page.get_by_role("img", name="still").count() == 1


def test_the_same_figure_twice_on_a_page(visit):
    """Both come alive, and each keeps its own state."""
    page = visit("twice")
    sliders = page.get_by_role("slider", name="θ, place of Q")
    assert sliders.count() == 2 and page.locator("figure img").count() == 0
    sliders.nth(1).press("ArrowLeft")
    assert "θ = 1.00" in sentence(page, 0)
    assert "θ = 0.95" in sentence(page, 2)


def test_text_keeps_its_size_on_a_phone(visit):
    """A drawing is as wide as its column in CSS pixels: nothing is scaled down."""
    page = visit("lines", **LOOKS["phone"])
    drawing = page.locator("svg[role=img]").first
    assert float(drawing.get_attribute("width")) == drawing.bounding_box()["width"]
    page.set_viewport_size({"width": 800, "height": 800})
    page.wait_for_function(
        "() => document.querySelector('[data-live] div').shadowRoot"
        ".querySelector('svg').clientWidth > 370"
    )
    size = drawing.bounding_box()["width"]
    assert float(drawing.get_attribute("width")) == pytest.approx(size, abs=0.01)


def test_motion_stops_for_those_who_ask(visit):
    def duration(**settings):
        one = visit("boxes", **settings).get_by_role("slider").first
        one.press("ArrowRight")
        return one.evaluate("node => getComputedStyle(node).transitionDuration")

    assert duration() == "0.2s"
    assert duration(reduced_motion="reduce") == "0s"


def test_print_leaves_the_controls_out(visit):
    """On paper: the drawing in black, the sentence, and no buttons."""
    page = visit("boxes", **LOOKS["dark"])
    page.emulate_media(media="print")
    assert not page.get_by_role("button").first.is_visible()
    assert page.locator("svg").is_visible()
    ink = page.locator("figure div").first.evaluate(
        "node => getComputedStyle(node).color"
    )
    assert ink == "rgb(0, 0, 0)"


def test_keys_stay_in_the_figure_and_shortcuts_go_through(visit):
    """Notebook 7 moves between cells with the arrow keys, browsers zoom with Ctrl."""
    page = visit("lines")
    page.evaluate(
        "window.keys = []; addEventListener('keydown', (e) => keys.push(e.key))"
    )
    slider = page.get_by_role("slider")
    slider.press("ArrowLeft")
    slider.press("Control+b")
    assert page.evaluate("keys") == ["Control", "b"] or page.evaluate("keys") == ["b"]
    assert page.locator("[data-lm-suppress-shortcuts]").count() == 1


def test_the_page_writes_numbers_as_python_does(visit):
    """`say` of helpers.js and of live.py: the same text, ties and infinities too."""
    page = visit("lines")
    random = np.random.default_rng(0)
    values = [
        *random.normal(scale=30, size=300),
        *(random.integers(-800, 800, 300) / 16),
    ]
    values = [float(value) for value in values] + [0.0, -0.001, 1e-4, 12345.5]
    code = live.read("helpers.js")
    written = page.evaluate(
        """([code, values]) => {
            const figure = document.createElement("figure");
            figure.dataset.live = "say";
            figure.innerHTML = "<img alt=''><figcaption></figcaption>";
            document.querySelector("main").append(figure);
            let say;
            eval(code)((live) => { say = live.say; return () => {}; }, {}, "say");
            return [...values, Infinity, -Infinity].map(
                (x) => [undefined, 0, 1, 2, 3].map((digits) => say(x, digits)));
        }""",
        [code, values],
    )
    for value, texts in zip([*values, np.inf, -np.inf], written, strict=True):
        assert texts == [live.say(value, digits) for digits in (None, 0, 1, 2, 3)]


# Boxes


def test_boxes_move_by_keys(visit):
    """Every press changes the cost to that of the new place."""
    page = visit("boxes")
    page.keyboard.press("Tab")
    first = box(page, "box 1 of 3 from position 1")
    for place, way in ((7, 6), (8, 7), (9, 8), (10, 9)):
        page.keyboard.press("ArrowRight")
        assert (
            first.get_attribute("aria-valuetext")
            == f"moved to {place} at a cost of {way}"
        )
        assert cells(page, "your moves, 1 of 6 boxes") == [str(way)]
        assert f"1 of 6 boxes are moved, at a cost of {way}." in sentence(page)
    page.keyboard.press("ArrowRight")
    assert first.get_attribute("aria-valuenow") == "4"
    page.keyboard.press("Home")
    assert cells(page, "your moves, 0 of 6 boxes") == ["0"]
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert cells(page, "your moves, 1 of 6 boxes") == ["8"]


def test_a_full_place_gives_a_box_in_exchange(visit):
    page = visit("boxes")
    box(page, "from position 2").first.press("ArrowRight")
    box(page, "from position 1").first.press("ArrowRight")
    texts = [
        box(page, f"from position {x}").first.get_attribute("aria-valuetext")
        for x in (1, 2)
    ]
    assert texts == ["moved to 7 at a cost of 6", "not moved"]


def test_boxes_move_by_mouse(visit):
    """Drag a box to a place and back; a drag that ends nowhere changes nothing else."""
    page = visit("boxes", reduced_motion="reduce")
    piece = box(page, "box 3 of 3 from position 1")
    home = middle(piece)
    target = middle(page.locator("svg").get_by_text("10", exact=True))

    def drag(x, y):
        page.mouse.move(*middle(piece))
        page.mouse.down()
        page.mouse.move((home[0] + x) / 2, y - 5)
        page.mouse.move(x, y)
        page.mouse.up()

    drag(target[0], target[1] + 100)
    assert cells(page, "your moves, 1 of 6 boxes") == ["9"]
    assert abs(middle(piece)[0] - target[0]) < 2
    drag(home[0], home[1])
    assert cells(page, "your moves, 0 of 6 boxes") == ["0"]
    assert middle(piece) == pytest.approx(home)


def test_boxes_move_by_two_clicks(visit):
    """Who cannot drag clicks a box, then its place."""
    page = visit("boxes", reduced_motion="reduce")
    box(page, "from position 3").click()
    place = middle(page.locator("svg").get_by_text("8", exact=True))
    page.mouse.click(place[0], place[1] + 100)
    assert cells(page, "your moves, 1 of 6 boxes") == ["5"]


def test_boxes_move_by_finger(visit):
    """A finger on a box drags it, and the page does not scroll away under it."""
    page = visit("boxes", **LOOKS["phone"], has_touch=True, reduced_motion="reduce")
    touch = page.context.new_cdp_session(page)

    def send(kind, *points):
        points = [{"x": x, "y": y} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    start = middle(box(page, "box 2 of 2 from position 2"))
    place = middle(page.locator("svg").get_by_text("9", exact=True))
    send("touchStart", start)
    for share in (0.3, 0.6, 1):
        along = (share * (np.add(place, (0, 100)) - start) + start).tolist()
        send("touchMove", along)
    send("touchEnd")
    page.wait_for_timeout(50)
    assert cells(page, "your moves, 1 of 6 boxes") == ["7"]
    assert page.evaluate("scrollY") == 0


PROBLEMS = list(itertools.product(move_boxes.PUZZLES, move_boxes.COSTS))


def test_boxes_know_the_cheapest_plan(visit):
    """The page's optimum, and the cost that it adds up for the plan it shows."""
    page = visit("boxes")
    for puzzle, cost in PROBLEMS:
        page.get_by_label("Puzzle").select_option(puzzle)
        page.get_by_label("Cost", exact=True).select_option(cost)
        distance = move_boxes.COSTS[cost]
        best = boxes.cheapest(move_boxes.PUZZLES[puzzle], distance=distance).cost
        assert cells(page, "the cheapest plan") == [str(best)]
        page.get_by_role("button", name="Cheapest plan").click()
        assert cells(page, "your moves") == [str(best)]
        assert sentence(page) == f"Your plan costs {best}, and no plan costs less."
        page.get_by_role("button", name="Take all back").click()
        assert cells(page, "your moves") == ["0"]


def test_any_plan_costs_what_python_says(visit):
    """Walk through plans of the crossing puzzle by keys; compare each with `cost`."""
    page = visit("boxes")
    page.get_by_label("Puzzle").select_option("crossing")
    page.get_by_label("Cost", exact=True).select_option("distance squared")
    page.get_by_role("button", name="Cheapest plan").click()
    pieces, found = page.get_by_role("slider"), {}
    presses = "0 Right", "0 Right", "1 Right", "0 Left", "0 Left"
    for number, way in map(str.split, presses):
        pieces.nth(int(number)).press(f"Arrow{way}")
        places = [int(one.get_attribute("aria-valuenow")) for one in pieces.all()]
        plan = np.eye(3, dtype=int)[np.array(places) - 1]
        cost = boxes.cost(boxes.CROSSING, plan, distance=np.square)
        assert cells(page, "your moves, 3 of 3") == [str(cost)]
        found[tuple(places)] = int(cost)
    assert len(found) > 3 and len(set(found.values())) > 2


# Prices


def test_the_gap_closes_with_the_best_prices(visit):
    """Your cost minus the price list: 42 at first, then 0."""
    page = visit("prices")
    gap = "gap: your cost − prices"
    assert cells(page, gap) == ["–"]
    page.get_by_role("button", name="Cheapest plan").click()
    assert cells(page, gap) == ["42"]
    page.get_by_role("button", name="Best prices").click()
    assert cells(page, "the price list") == ["42"] and cells(page, gap) == ["0"]
    assert "neither can be improved" in sentence(page)
    page.get_by_role("button", name="All prices 0").click()
    assert cells(page, "the price list") == ["0"]


def test_another_puzzle_may_come_first(visit):
    """The page begins with what Python was asked for: three boxes, three prices u."""
    page = visit("crossing")
    assert cells(page, "your moves, 0 of 3 boxes") == ["0"]
    assert page.get_by_label("price u").count() == 3


def test_prices_change_by_keys(visit):
    """One more for each of two boxes put down at 8: the list grows by two."""
    page = visit("prices")
    field = page.get_by_label("price v of putting a box down at 8")
    for count in (1, 2, 3):
        field.press("ArrowUp")
        assert cells(page, "the price list") == [str(2 * count)]
    assert "The price list adds up to 6: no plan can cost less." in sentence(page)


def test_prices_that_are_too_high_bound_nothing(visit):
    page = visit("prices")
    page.get_by_label("price u of picking a box up at 2").fill("3")
    page.get_by_label("price v of putting a box down at 9").fill("5.5")
    assert cells(page, "the price list") == ["not allowed"]
    assert "from 2 to 9 add up to 8.5, more than its cost 7" in sentence(page)


def test_the_slack_is_zero_on_the_best_moves(visit):
    """M − u − v, cell by cell, is what Python computes; 0 where the plan has boxes."""
    page = visit("prices")
    for puzzle, cost in PROBLEMS:
        page.get_by_label("Puzzle").select_option(puzzle)
        page.get_by_label("Cost", exact=True).select_option(cost)
        page.get_by_role("button", name="Cheapest plan").click()
        page.get_by_role("button", name="Best prices").click()
        solved = move_boxes.solution(move_boxes.PUZZLES[puzzle], cost)
        rest = solved["M"] - solved["u"][:, None] - solved["v"]
        assert not (rest * solved["plan"]).any()
        for i, x in enumerate(sorted(move_boxes.PUZZLES[puzzle].sources)):
            moved = [f"{count} moved" if count else "" for count in solved["plan"][i]]
            shown = [cell.split("\n") for cell in cells(page, f"u: from {x}")]
            expected = [[live.say(left), text] for left, text in zip(rest[i], moved)]
            assert [(cell + [""])[:2] for cell in shown] == expected


# Lines and points


def test_lines_follow_the_slider(visit):
    """At each theta the table holds the closed forms; at 0 there are no slopes."""
    page = visit("lines")
    slider = page.get_by_role("slider")
    for presses in (1, 6, 13, 5, 15):
        for _ in range(presses):
            slider.press("ArrowLeft")
        theta = round(float(slider.input_value()), 2)
        values = examples.parallel_lines(theta)
        slopes = examples.parallel_lines_gradients(theta)
        assert slider.get_attribute("aria-valuetext") == live.say(theta, 2)
        infinite = "∞" if theta else "0"
        slope = [live.say(s) if s == s else "none" for s in slopes]
        if theta:
            assert cells(page, "W₁") == [live.say(values.w1, 2), slope[0]]
            assert cells(page, "JS") == [live.say(values.js, 4), slope[1]]
            assert f"At θ = {live.say(theta, 2)}, W₁ is" in sentence(page)
        else:
            assert cells(page, "W₁") == cells(page, "JS") == ["0", "none"]
            assert "At θ = 0 the lines are one" in sentence(page)
        for name in ("KL(P‖Q)", "KL(Q‖P)"):
            assert cells(page, name) == [infinite, "none"]
        assert cells(page, "TV") == [live.say(values.tv), slope[4]]


def test_the_slider_moves_by_mouse(visit):
    """A click at the left end of the slider puts Q at −2."""
    page = visit("lines")
    place = page.get_by_role("slider").bounding_box()
    page.mouse.click(place["x"] + 1, place["y"] + place["height"] / 2)
    assert cells(page, "W₁") == ["2.00", "−1"]


def test_two_points_obey_the_law(visit):
    """Slope, value, objective and second maximum of `theory`, for all that slides."""
    page = visit("diracs")
    weight = page.get_by_role("slider", name="weight λ")
    distance = page.get_by_role("slider", name="distance d")
    distance.press("End")
    weight.press("Home")
    for lam in two_dirac_critic.WEIGHTS:
        for _ in range(2):
            d = two_dirac_critic.DISTANCES[int(distance.input_value())]
            law = theory.two_diracs(d, weight=lam)
            assert cells(page, re.compile("^slope"))[1] == live.say(law.slope, 3)
            assert cells(page, re.compile("^value"))[1] == live.say(law.value, 3)
            assert cells(page, re.compile("^objective"))[1] == live.say(
                law.objective, 3
            )
            second = "none" if law.second is None else live.say(law.second, 3)
            assert cells(page, re.compile("^second"))[1] == second
            distance.press("ArrowLeft")
        assert weight.get_attribute("aria-valuetext") == live.say(lam)
        weight.press("ArrowRight")


def test_the_one_sided_penalty_has_no_second_maximum(visit):
    page = visit("diracs")
    assert cells(page, re.compile("^second"))[1] == "−0.500"
    page.get_by_label("one-sided penalty").check()
    assert cells(page, re.compile("^second"))[1] == "none"
    assert cells(page, re.compile("^slope"))[1] == "1.500"
    assert "There is no other maximum." in sentence(page)
    page.get_by_role("slider", name="distance d").press("Home")
    assert "leaves every slope from −1 to 1 alone" in sentence(page)
    assert cells(page, re.compile("^slope"))[1] == "any, −1 to 1"
    page.get_by_label("one-sided penalty").uncheck()
    assert "wants slope 1 or −1" in sentence(page)
    assert cells(page, re.compile("^slope"))[1] == "1.000"


def test_the_drawn_hill_peaks_at_the_law(visit):
    """The curve's highest drawn point is the green dot, for a large bias, too."""
    page = visit("diracs")
    page.get_by_role("slider", name="distance d").press("End")
    peak = page.evaluate(
        """() => {
            const root = document.querySelector("[data-live] div").shadowRoot;
            const [dot] = root.querySelectorAll("circle");
            const path = [...root.querySelector("svg").querySelectorAll("path")].at(-1);
            const points = path.getAttribute("d").slice(1).split("L").map(
                (pair) => pair.split(" ").map(Number));
            const top = points.reduce((a, b) => (b[1] < a[1] ? b : a));
            return [top[0] - dot.getAttribute("cx"), top[1] - dot.getAttribute("cy")];
        }"""
    )
    assert abs(peak[0]) < 2 and abs(peak[1]) < 0.5
