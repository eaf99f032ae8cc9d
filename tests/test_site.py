"""The built book in a browser: every page light, dark and as narrow as a phone.

`make check-site` runs this after `make book`; it needs the extra `site` and Chromium.
"""

import contextlib
import functools
import http.server
import os
import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from wgan_lessons import boxes, examples, theory, widgets
from wgan_lessons.reading import read_results
from wgan_lessons.widgets import training_player
from wgan_lessons.widgets.live import say

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install '.[site]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

ROOT = Path(__file__).resolve().parents[1]
SITE = Path(os.environ.get("SITE", ROOT / "_build" / "html"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# No sandbox, since CI runs as root; no name is looked up, so nothing leaves here.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FLAGS += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
APART = {"_static", "_modules", "mathjax"}
PATIENCE = 30_000  # ms; a page takes about one second on an idle machine


def pages():
    """Return the addresses of the book's pages."""
    found = (path.relative_to(SITE) for path in SITE.rglob("*.html"))
    # The theme's own files, and the package's source, which is no page of the book.
    return sorted(p.as_posix() for p in found if p.parts[0] not in APART)


PAGES = pages()
pytestmark = pytest.mark.skipif(not PAGES, reason="no built book: make book")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that says nothing."""

    def log_message(self, *message):
        """Drop the line."""


@pytest.fixture(scope="session")
def address():
    """The site over http, as readers have it: file:// has rules of its own."""
    handler = functools.partial(Quiet, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests of this process; nothing is downloaded."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium.new_context(reduced_motion="reduce")
        chromium.close()


@pytest.fixture
def visit(browser, address):
    """Return visit(page): the page once it is there, with its `problems`."""
    opened = []

    def visit(name, size=DESK, scheme="light"):
        page = browser.new_page()
        opened.append(page)
        page.set_default_timeout(PATIENCE)
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        page.problems = []
        listen(page, address)
        page.goto(address + name)
        page.evaluate("() => window.MathJax?.startup?.promise.then(() => null)")
        page.wait_for_load_state("networkidle")
        return page

    yield visit
    for page in opened:
        page.close()


def listen(page, address):
    """Write down what the page asks of others, and what it complains of."""

    def note(what):
        page.problems.append(what)

    def request(request):
        if not request.url.startswith((address, "data:", "blob:")):
            note(f"asks another host: {request.url}")

    def console(message):
        if message.type in ("error", "warning"):
            note(f"console: {message.text} {message.location.get('url', '')}")

    page.on("request", request)
    page.on("console", console)
    page.on("pageerror", lambda error: note(f"error: {error}"))


# What is wider than the window and does not scroll inside something of its own.
TOO_WIDE = """() => {
  const scrolls = e => ["auto", "scroll", "hidden", "clip"]
    .includes(getComputedStyle(e).overflowX);
  const inside = e => { while (e = e.parentElement) if (scrolls(e)) return true; };
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  const wide = [...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !inside(e));
  return [`${document.documentElement.scrollWidth} px wide in ${innerWidth}: `
    + wide.slice(0, 3).map(e => e.outerHTML.slice(0, 100)).join(" ")];
}"""
NO_ALT = """() => [...document.querySelectorAll("img")]
  .filter(e => e.closest(".bd-article") ? !e.alt.trim() : !e.hasAttribute("alt"))
  .map(e => "no alt: " + e.outerHTML.slice(0, 100))"""
STILLS = """() => [...document.querySelectorAll("figure[data-live] img")]
  .map(() => "a live figure is still a picture")"""
# The theme gives what scrolls a tab stop a moment after the page is there.
TAB_STOPS = """() => [...document.querySelectorAll("pre, .output, .highlight")]
  .every(e => e.scrollWidth <= e.clientWidth || e.tabIndex >= 0
    || !["auto", "scroll"].includes(getComputedStyle(e).overflowX))"""
# Code has thousands of coloured words of a dozen kinds, a formula an element for each
# letter, the API page a hundred functions: axe looks at some of each kind. The other
# words and formulas become plain text in the same place, the other functions go.
SOME_OF_A_KIND = """() => {
  const seen = new Set();
  const words = ["pre", ".sig"].map((home) => `${home} span:not([id])`).join();
  for (const span of document.querySelectorAll(words)) {
    const home = span.closest(".cell_input, .cell_output, .sig, .highlight, pre");
    const kind = `${home.className} ${span.parentNode.className} ${span.className}`;
    if (seen.has(kind)) span.replaceWith(...span.childNodes);
    seen.add(kind);
  }
  for (const formula of [...document.querySelectorAll("mjx-container")].slice(10)) {
    const math = formula.querySelector("mjx-math");
    const { width, height } = math.getBoundingClientRect();
    math.textContent = "x";
    math.style = `display: inline-block; width: ${width}px; height: ${height}px`;
    formula.querySelector("mjx-assistive-mml")?.replaceChildren("x");
  }
  for (const one of [...document.querySelectorAll("dl.py")].slice(30)) one.remove();
}"""
# Preloading would ask for style sheets at the wrong address; what passed is not sent.
RUN_AXE = """(options) => axe.run({ ...options, preload: false })
  .then(({ violations }) => violations.map(({ id, nodes }) =>
    `axe ${id} x${nodes.length}: ${nodes[0].html.slice(0, 200)}`))"""


def violations(page, options=None):
    """Return what axe finds, a line for each rule."""
    with contextlib.suppress(sync_api.TimeoutError):  # then axe says which
        page.wait_for_function(TAB_STOPS, timeout=3000)
    page.evaluate(SOME_OF_A_KIND)
    page.evaluate(axe.Axe().axe_script)
    return page.evaluate(RUN_AXE, options or {})


# A dark page differs in its colours, a narrow one in what scrolls or hides in a menu.
DARK = {"runOnly": ["color-contrast"]}
NARROW = {"runOnly": ["button-name", "label", "link-name", "target-size"]}
NARROW["runOnly"] += ["nested-interactive", "scrollable-region-focusable"]
# What the theme's own switch does.
GO_DARK = (
    "Object.assign(document.documentElement.dataset, {mode: 'dark', theme: 'dark'})"
)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound(visit, name):
    """No other host, no error, nothing too wide, a text for each image, axe content.

    Light, then dark, then 390 px wide: loading takes longer than looking.
    """
    page = visit(name)
    found = {"light": page.evaluate(TOO_WIDE) + page.evaluate(NO_ALT)}
    found["light"] += page.evaluate(STILLS) + violations(page)
    page.emulate_media(color_scheme="dark")
    page.evaluate(GO_DARK)
    found["dark"] = violations(page, DARK)
    page.set_viewport_size(PHONE)
    page.wait_for_timeout(400)  # the theme counts tab stops anew
    found["390 px"] = page.evaluate(TOO_WIDE) + violations(page, NARROW)
    assert found == {"light": [], "dark": [], "390 px": []}
    assert page.problems == []


@pytest.mark.parametrize("scheme, size", [("dark", DESK), ("light", PHONE)])
def test_readers_get_the_colours_and_the_width_they_have(visit, scheme, size):
    """A first visit with a dark system is dark, and one by phone fits."""
    page = visit("index.html", size, scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert page.evaluate("innerWidth") == size["width"]
    assert page.evaluate(TOO_WIDE) == [] == page.problems


FAULTS = """() => {
  console.error("a fault");
  fetch("http://example.org/").catch(() => null);
  document.querySelector(".bd-article").insertAdjacentHTML("beforeend",
    '<img src="data:,"><p style="width: 3000px">wide</p>'
    + '<p style="color: #999; background: #aaa">faint</p>');
}"""


def test_faults_are_found(visit):
    """Each thing that a page is checked for, planted on a sound one."""
    page = visit("index.html")
    page.evaluate(FAULTS)
    page.wait_for_load_state("networkidle")
    assert any("console: a fault" in problem for problem in page.problems)
    assert "asks another host: http://example.org/" in page.problems
    assert "px wide in 1280" in page.evaluate(TOO_WIDE)[0]
    assert page.evaluate(NO_ALT) == ['no alt: <img src="data:,">']
    found = {line.split()[1] for line in violations(page)}
    assert found == {"color-contrast", "image-alt"}


# Live figures: what the page says is what Python computes.

PLAYBACK = read_results("playback")
LIVE = {
    "chapters/01_boxes.html": widgets.MoveBoxes(),
    "chapters/02_divergences.html": widgets.ParallelLines(),
    "chapters/03_duality.html": widgets.MoveBoxes(prices=True),
    "chapters/13_gradient_penalty.html": widgets.TwoDiracCritic(),
    "chapters/14_wgan_gp.html": widgets.TrainingPlayer(PLAYBACK),
}
FIRST, LINES, SECOND, DIRACS, PLAYER = LIVE
BOXES = (FIRST, SECOND)


@pytest.fixture
def alive(visit):
    """Return alive(name): the live figure of a page, saying what Python says."""

    def alive(name):
        figure = visit(name).locator("figure[data-live]").first
        caption = figure.locator("figcaption[aria-live=polite]")
        assert caption.inner_text() == LIVE[name].sentence()
        assert figure.locator("img").count() == 0
        figure.scroll_into_view_if_needed()
        return figure

    return alive


def cells(figure, head):
    """Return the table row that begins with `head`: the texts of its other cells."""
    head = figure.page.get_by_role("rowheader", name=head)
    return (
        figure.get_by_role("row").filter(has=head).get_by_role("cell").all_inner_texts()
    )


def number(text):
    """Read a number as pages write it."""
    return float(text.replace("−", "-").replace("∞", "inf"))


def value(slider):
    """Return the number that a slider says it stands at."""
    return number(slider.get_attribute("aria-valuetext"))


def click_at(slider, share):
    """Click on a slider's track, some share of the way along."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    slider.click(position={"x": share * box["width"], "y": box["height"] / 2})


def middle(one):
    """Return the middle of a thing on the page, in the window's pixels."""
    box = one.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("name", BOXES)
def test_boxes(alive, name):
    """One box by a key, one by the mouse, all by a button: the cost is Python's."""
    figure = alive(name)
    best = boxes.cheapest(boxes.SIX_BOXES).cost
    figure.get_by_role("slider", name="box 1 of 3 from position 1").press("End")
    assert cells(figure, "your moves, 1 of 6 boxes") == [say(abs(10 - 1))]
    piece = figure.get_by_role("slider", name="box 2 of 2 from position 2")
    target = middle(figure.locator("svg").get_by_text("8", exact=True))
    mouse = figure.page.mouse
    mouse.move(*middle(piece))
    mouse.down()
    mouse.move(target[0] - 20, target[1] + 60)
    mouse.move(target[0], target[1] + 90)
    mouse.up()
    assert cells(figure, "your moves, 2 of 6 boxes") == [say(9 + abs(8 - 2))]
    figure.get_by_role("button", name="Cheapest plan").click()
    assert cells(figure, "your moves, 6 of 6 boxes") == [say(best)]
    if LIVE[name].prices:
        figure.get_by_role("button", name="Best prices").click()
        assert cells(figure, "the price list, all boxes") == [say(best)]
        assert cells(figure, "gap") == ["0"]


def test_parallel_lines(alive):
    """W1, JS and TV and their slopes, where keys and mouse have put theta."""
    figure = alive(LINES)
    slider = figure.get_by_role("slider").first

    def matches_python():
        theta = value(slider)
        found = examples.parallel_lines(theta)
        slopes = examples.parallel_lines_gradients(theta)
        for head, field in (("W₁", "w1"), ("JS", "js"), ("TV", "tv")):
            shown = [number(cell) for cell in cells(figure, head)]
            expected = [getattr(found, field), getattr(slopes, field)]
            assert shown == pytest.approx(expected, abs=0.006)
        return theta

    start = matches_python()
    slider.press("ArrowLeft")
    assert matches_python() < start
    click_at(slider, 0.1)
    assert matches_python() < -1
    assert figure.page.problems == []


def test_two_dirac_critic(alive):
    """Slope, value and objective of the best critic, for weights and distances."""
    figure = alive(DIRACS)
    weight, distance = figure.get_by_role("slider").all()

    def matches_python(law=theory.two_diracs):
        found = law(value(distance), weight=value(weight))
        for name in ("slope", "value", "objective"):
            shown = number(cells(figure, re.compile(f"^{name}$"))[-1])
            assert shown == pytest.approx(getattr(found, name), abs=0.0006)
        return found.slope

    start = matches_python()
    weight.press("ArrowRight")
    assert matches_python() < start
    click_at(distance, 0.9)
    assert matches_python() > start
    figure.get_by_role("checkbox").press("Space")
    matches_python(theory.two_diracs_one_sided)
    assert figure.page.problems == []


def shown_points(figure, samples):
    """Return the first coordinates of the drawn samples, in those of the plane."""
    circles = figure.locator("svg").first.locator("circle")
    places = circles.evaluate_all("all => all.map(e => Number(e.getAttribute('cx')))")
    modes, places = places[:8], places[8:]
    assert len(places) == samples
    # The ring's first and fifth mode lie at 2 / 1.414 and its opposite.
    middle, half = (modes[0] + modes[4]) / 2, (modes[0] - modes[4]) / 2
    return (np.array(places) - middle) / half * 2 / 1.414


def test_training_player(alive):
    """Each frame's numbers and samples are those stored; keys, mouse and the button."""
    figure = alive(PLAYER)
    slider = figure.get_by_role("slider")
    runs = LIVE[PLAYER].runs
    last = len(runs["GAN"]) - 1

    def matches_python(k, run):
        assert slider.input_value() == str(k)
        for name, rows in runs.items():
            row = rows[k]
            assert value(slider) == row["gradient_evaluations"]
            wanted = [say(row["modes"]), say(row["high_quality"], 2)]
            wanted += [say(row["w1"], 3), say(row["value"], 3)]
            assert cells(figure, re.compile(f"^{name}$")) == wanted
        points = training_player.samples(runs[run][k])[:, 0]
        assert shown_points(figure, len(points)) == pytest.approx(points, abs=0.01)

    matches_python(last, "WGAN-GP")
    slider.press("Home")
    matches_python(0, "WGAN-GP")
    slider.press("ArrowRight")
    matches_python(1, "WGAN-GP")
    click_at(slider, 0.5)
    matches_python(int(slider.input_value()), "WGAN-GP")
    choice = figure.get_by_role("combobox")
    choice.press("Home")
    matches_python(int(slider.input_value()), "GAN")
    choice.select_option("WGAN")
    matches_python(int(slider.input_value()), "WGAN")
    # It plays up to the last frame and stops; Space stops it before.
    slider.press("End")
    slider.press("ArrowLeft")
    figure.get_by_role("button", name="Play").click()
    figure.get_by_role("button", name="Pause").wait_for()
    figure.get_by_role("button", name="Play").wait_for()
    matches_python(last, "WGAN")
    play = figure.get_by_role("button", name="Play")
    play.press("Space")
    figure.get_by_role("button", name="Pause").press("Space")
    matches_python(0, "WGAN")
    assert figure.page.problems == []
