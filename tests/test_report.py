"""Reports: nothing of them is executed, and nothing that they must not say is there."""

import itertools
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import unquote

import classes
import pytest

from wgan_lessons.grading import formats, report
from wgan_lessons.grading._pages import STYLE
from wgan_lessons.grading.results import Mark, Outcome, Result

EVIL = "</code></pre><script>alert(1)</script><img src=x onerror='a()'>\x1b[31m\u202e&"
KEY = formats.parse(classes.read_key(), "small")
FOUND = formats.exercises(KEY)
GOOD = Outcome(True, text="10")
VOID = {"meta", "br", "img", "wbr"}


def result(*, good=True, text="10", code="# answer: double", note=""):
    """Return the result of a submission whose first exercise may have failed."""
    first = (Outcome(good, text=text, error=text), Outcome(good, hidden=True))
    marks = {"double": Mark(2 * good, code, first, (note,) if note else (), text)}
    for exercise in FOUND[1:]:
        marks[exercise.name] = Mark(exercise.points, "x = 1", (GOOD,))
    return Result("graded", note, marks)


class Page(HTMLParser):
    """The tags of a page, its text, and whether tags are closed in order."""

    def __init__(self, data):
        super().__init__()
        self.open, self.tags, self.text, self.ids = [], [], "", []
        self.feed(data.decode("utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


def pages():
    """Return every kind of page."""
    rows = [
        ("a.ipynb", result()),
        (f"{EVIL}.ipynb", result(good=False, text=EVIL, code=EVIL, note=EVIL)),
        ("c.ipynb", Result("unreadable", EVIL)),
        ("d.ipynb", Result("timed out", EVIL, result(good=False).marks)),
    ]
    made = [report.student(KEY, *row) for row in rows]
    return [*made, report.summary(KEY, rows), report.summary(KEY, rows[2:3])]


@pytest.mark.parametrize(
    "data", pages(), ids=["good", "evil", "junk", "late", "a", "b"]
)
def test_pages_are_whole_and_do_nothing(data):
    """No script, no address outside, nothing loaded; headings, language, a title."""
    page = Page(data)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "iframe", "object", "form", "link", "svg"}
    assert not any(key.startswith("on") for _, attrs in page.tags for key in attrs)
    assert not re.search(rb"https?://|url\(|javascript:", data)
    assert page.all("html") == [{"lang": "en"}] and "title" in names
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in (
        page.all("meta")
    )
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert all(attrs.get("scope") in ("col", "row") for attrs in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert len(set(page.ids)) == len(page.ids)
    links = [attrs["href"] for attrs in page.all("a")]
    assert {link[1:] for link in links if link[0] == "#"} <= set(page.ids)
    assert not re.search("[\x00-\x08\x1b\u202e]", page.text)


def test_what_students_wrote_is_shown_as_it_is():
    page = Page(pages()[1])
    assert page.text.count("<script>alert(1)</script>") >= 4


def test_a_heading_keeps_the_names_in_it():
    title = "Modify: bound `w_1` with clip_weights, _not_ *this* $x$"
    said = "Modify: bound w_1 with clip_weights, not this x"
    assert report.heading(SimpleNamespace(title=title)) == said


def test_hidden_checks_are_only_counted():
    """Their code is nowhere, and neither is the model's answer."""
    for data in pages():
        assert classes.SECRET.encode() not in data
        assert b"SEED + k" not in data and b"2 * n" not in data
    assert b"Hidden check 1" in pages()[0] and b"failed" in pages()[1]


def test_the_summary_counts():
    """Bars as long as the counts, the hardest exercise, links that lead somewhere."""
    rows = [(f"{n}.ipynb", result(good=n > 1)) for n in range(6)]
    page = Page(report.summary(KEY, rows))
    assert "Hardest exercise: 1. Compute: twice." in page.text
    assert "6 submissions: 6 graded." in page.text and "Mean: 5.3 of 6" in page.text
    widths = [a["style"] for a in page.all("span") if a.get("class") == "bar"]
    assert widths == [f"width: {w}%" for w in (0, 0, 0, 0, 50, 0, 100)]
    links = [unquote(a["href"]) for a in page.all("a")]
    assert links == [f"reports/{report.file_name(name)}" for name, _ in rows]


def test_exercises_that_are_equally_hard_are_all_named():
    """Two of three that nobody solved; the table says the names of the columns, too."""
    marks = result(good=False).marks
    marks["quad"] = Mark(0, "", (Outcome(False),))
    page = Page(report.summary(KEY, [("a.ipynb", Result("graded", "", marks))]))
    assert "Hardest exercises: 1. Compute: twice; 2. Modify: four times." in page.text
    assert all(f"({exercise.name})" in page.text for exercise in FOUND)


def test_names_break_at_their_separators():
    """A long name of an LMS is broken between words, and stays the same text."""
    name = "Ada_Byron_7__file_/x&y_1.ipynb"
    page = report.student(KEY, name, result())
    assert b"<h1>small: Ada_<wbr>Byron_<wbr>7__<wbr>file_/<wbr>x&amp;y_<wbr>1" in page
    assert f"small: {name}" in Page(page).text
    assert b"Ada_<wbr>Byron" in report.summary(KEY, [(name, result())])


def test_wide_totals_get_few_bars():
    many = [(f"{n}", result()) for n in range(3)]
    key = formats.parse(classes.read_key(), "small")
    for cell in key.cells:
        if cell.kind == "answer":
            cell.metadata["tags"] = ["answer", "points-50"]
    page = Page(report.summary(key, many))
    bars = [a for a in page.all("span") if a.get("class") == "bar"]
    assert len(bars) <= report.BARS


NAMES = [
    "../../etc/passwd",
    "C:\\x.ipynb",
    "con.ipynb",
    "a/b.ipynb",
    "a b.ipynb",
    "A B.ipynb",
    "Zoë.ipynb",
    "Zoe.ipynb",
    "名前.ipynb",
    "x" * 300,
    ".ipynb",
    "a\nb\0c",
    "a\ud800b".encode("utf-8", "replace").decode(),
]


def test_names_of_reports_are_safe_and_unique():
    made = [report.file_name(name) for name in NAMES]
    assert all(re.fullmatch(r"[A-Za-z0-9][\w-]{1,80}\.html", name) for name in made)
    assert len({name.casefold() for name in made}) == len(NAMES)


def light(colour):
    """Return the relative luminance of #rgb or #rrggbb, as WCAG defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", STYLE.split("@media (prefers-color-scheme: dark)"))
def test_colours_can_be_read(theme):
    """Text on page and on boxes has a contrast of 4.5 at least, light and dark."""
    colours = dict(re.findall(r"--(\w+): (#\w+)", theme))
    for ink in ("ink", "good", "bad", "link"):
        for ground in ("page", "soft"):
            pair = sorted([light(colours[ink]), light(colours[ground])])
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5
