"""The book's frame: settings, contents, the API page's docstrings, the link checker."""

import importlib
import re
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import wgan_lessons

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
MATHJAX = BOOK / "assets/extra/mathjax"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
SPHINX = CONFIG["sphinx"]["config"]
TOC = yaml.safe_load((BOOK / "_toc.yml").read_text("utf-8"))
FILES = [entry["file"] for part in TOC["parts"] for entry in part["chapters"]]
SPINE = {1, 2, 3, 11, 12, 13, 14}

sys.path.insert(0, str(BOOK / "tools"))

import check_links  # noqa: E402

# The link checker

GOOD = """\
<!doctype html><html><head>
<link rel="stylesheet" href="style.css"><link rel="canonical" href="https://a.org/x">
<script src="run.js?v=1"></script><style>p { background: url("dot.svg") }</style>
</head><body style="background: url('dot.svg')">
<a href="sub/page.html#here">there</a> <a href="#top">up</a> <a href="#">up</a>
<a href="sub/">folder</a> <a href="https://a.org">elsewhere</a>
<a href="mailto:a@b.org">mail</a> <img src="data:image/gif;base64,R0lG" id="top">
<img srcset="dot.svg 1x, dot.svg 2x"><form action="sub/page.html"></form>
</body></html>
"""


@pytest.fixture
def site(tmp_path):
    """Return a function that writes a sound site with one more line on its page."""

    def write(line="", style="p { background: url(dot.svg) }"):
        (tmp_path / "sub").mkdir()
        page = '<h1 id="here">Here</h1><a href="../index.html#top">back</a>'
        files = {
            "index.html": GOOD.replace("</body>", line + "</body>"),
            "sub/page.html": page,
            "sub/index.html": page,
            "style.css": style,
            "run.js": "",
            "dot.svg": "<svg/>",
        }
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def test_a_sound_site_passes(site, capsys):
    assert check_links.main([str(site())]) == 0
    assert ", 0 problems" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line, why",
    [
        ('<a href="gone.html">x</a>', "gone.html: no such file"),
        ('<a href="sub/page.html#gone">x</a>', "no anchor #gone on sub/page.html"),
        ('<a href="#gone">x</a>', "no anchor #gone on index.html"),
        ('<a href="../out.html">x</a>', "points outside the site"),
        ('<a href="/sub/page.html">x</a>', "from the server's root"),
        ('<img src="gone.png">', "gone.png: no such file"),
        ('<img src="">', "empty address"),
        ('<img srcset="dot.svg 1x, gone.png 2x">', "gone.png: no such file"),
        ('<script src="https://cdn.org/a.js"></script>', "loads from another host"),
        ('<script src="//cdn.org/a.js"></script>', "loads from another host"),
        ('<img src="https://cdn.org/a.png">', "loads from another host"),
        ('<link rel="stylesheet" href="https://cdn.org/a.css">', "another host"),
        ('<link rel="preload" href="https://cdn.org/a.css">', "another host"),
        ('<link rel="stylesheet" href="gone.css">', "gone.css: no such file"),
        ('<iframe src="https://a.org"></iframe>', "loads from another host"),
        ("<style>@import 'https://cdn.org/a.css'</style>", "another host"),
        ('<p style="background: url(https://a.org/b.png)">', "another host"),
        ('<svg><use href="gone.svg#a"/></svg>', "gone.svg#a: no such file"),
    ],
)
def test_a_fault_on_a_page_is_found(site, capsys, line, why):
    assert check_links.main([str(site(line))]) == 1
    out = capsys.readouterr().out
    assert why in out and ", 1 problems" in out


@pytest.mark.parametrize(
    "style, why",
    [
        ("@font-face { src: url(https://fonts.org/a.woff) }", "another host"),
        ('@import "gone.css";', "gone.css: no such file"),
    ],
)
def test_a_fault_in_a_style_sheet_is_found(site, capsys, style, why):
    assert check_links.main([str(site(style=style))]) == 1
    assert why in capsys.readouterr().out


def test_a_site_that_was_not_built_is_no_success(tmp_path, capsys):
    assert check_links.main([str(tmp_path)]) == 1
    assert "make book" in capsys.readouterr().out


# Settings and contents


def test_pages_show_the_outputs_that_are_stored():
    assert CONFIG["execute"]["execute_notebooks"] == "off"
    assert CONFIG["only_build_toc_files"] is True
    assert "chapters/*.md" in CONFIG["exclude_patterns"]


def test_files_of_the_settings_exist():
    static = [BOOK / folder for folder in SPHINX["html_static_path"]]
    assets = [*SPHINX["html_css_files"], *(name for name, _ in SPHINX["html_js_files"])]
    assert all(any((folder / name).is_file() for folder in static) for name in assets)
    paths = [CONFIG["logo"], CONFIG["html"]["favicon"], *CONFIG["bibtex_bibfiles"]]
    paths += SPHINX["templates_path"] + SPHINX["html_extra_path"]
    assert [path for path in paths if not (BOOK / path).exists()] == []
    # Jupyter Book would put every script in a folder of this name on every page.
    assert not (BOOK / "_static").exists()


def test_extensions_are_those_that_work_together():
    assert "sphinx_thebe" not in SPHINX["extensions"]
    assert "sphinx_comments" in SPHINX["extensions"]
    assert set(CONFIG["sphinx"]["local_extensions"]) < set(SPHINX["extensions"])


def test_nothing_is_loaded_from_another_host():
    ours = [BOOK / "assets/static", BOOK / "assets/templates"]
    for path in (p for folder in ours for p in folder.rglob("*") if p.is_file()):
        addresses = set(re.findall(r"https?://[^\s\"']+", path.read_text("utf-8")))
        assert addresses <= {"http://www.w3.org/2000/svg"}, path
    assert not SPHINX["intersphinx_mapping"]


def test_mathjax_is_complete_and_licensed():
    script = (MATHJAX / "tex-chtml.js").read_text("utf-8")
    # Relative to _static/, as Sphinx reads it; extra/ is copied to the site's root.
    assert SPHINX["mathjax_path"] == "../mathjax/tex-chtml.js"
    assert '"3.2.2"' in script
    assert "Apache License" in (MATHJAX / "LICENSE").read_text("utf-8")
    fonts = set(re.findall(r"%%URL%%/(MathJax_[\w-]+\.woff)", script))
    assert len(fonts) > 15
    folder = MATHJAX / "output/chtml/fonts/woff-v2"
    assert {font for font in fonts if not (folder / font).is_file()} == set()


def test_contents_exist():
    missing = [
        file
        for file in [TOC["root"], *FILES]
        if not any((BOOK / f"{file}{end}").is_file() for end in (".ipynb", ".md"))
    ]
    assert missing == []
    assert len(set(FILES)) == len(FILES)


def test_the_map_shows_every_chapter_and_links_what_exists():
    rows = re.findall(
        r"^\| (\d+)(&nbsp;★)? \| (?:\[(.+?)\]\((.+?)\)|(.+?)) \|",
        (BOOK / "index.md").read_text("utf-8"),
        re.MULTILINE,
    )
    assert sorted(int(number) for number, *_ in rows) == list(range(1, 18))
    assert {int(number) for number, star, *_ in rows if star} == SPINE
    linked = [link.removesuffix(".ipynb") for *_, link, _ in rows if link]
    assert linked == [file for file in FILES if file.startswith("chapters/")]
    for number, _, title, link, _ in rows:
        if link:
            assert link.startswith(f"chapters/{int(number):02d}_")
            source = (BOOK / link).with_suffix(".md")
            assert f"\n# {title}\n" in source.read_text("utf-8")


def test_the_api_page_lists_every_module():
    page = (BOOK / "appendix/api.md").read_text("utf-8")
    listed = re.findall(r"automodule:: wgan_lessons\.(\w+)\n +:members:", page)
    assert tuple(listed) == wgan_lessons.MODULES


def test_the_api_page_names_what_grading_has():
    page = (BOOK / "appendix/api.md").read_text("utf-8")
    named = re.findall(r"auto\w+:: (wgan_lessons\.grading\.\w+)\.(\w+)\n", page)
    assert len(named) > 10
    missing = [n for m, n in named if not hasattr(importlib.import_module(m), n)]
    assert missing == []


def test_every_citation_has_an_entry():
    entries = re.findall(r"^@\w+\{(\w+),", (BOOK / "references.bib").read_text(), re.M)
    assert len(set(entries)) == len(entries)
    for path in BOOK.rglob("*.md"):
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", path.read_text("utf-8")):
            assert set(re.split(r"\s*,\s*", keys)) <= set(entries), path


# The extension


@pytest.fixture(scope="module")
def extension():
    """Return the book's own Sphinx extension."""
    pytest.importorskip("sphinx", reason="the book's tools are not installed")
    import book_extension

    return book_extension


def render(lines):
    """Return the text and the complaints of docutils for lines of reST."""
    import docutils.core

    settings = {"report_level": 1, "halt_level": 5, "warning_stream": False}
    settings |= {"output_encoding": "unicode", "_disable_config": True}
    tree = docutils.core.publish_doctree("\n".join(lines), settings_overrides=settings)
    kinds = [node.tagname for node in tree.findall()]
    return tree, [kind for kind in kinds if kind in ("system_message", "problematic")]


@settings(deadline=None)
@given(text=st.text(alphabet="ab1 \n`*|_:.->=<[]()\\\"'#+^~", max_size=60))
def test_no_docstring_can_break_the_page(extension, text):
    """For all texts: the reST made of it has no error, and each letter is shown."""
    tree, complaints = render(extension.plain_text_to_rst(text.splitlines()))
    assert complaints == []
    assert re.findall("[ab1]", tree.astext()) == re.findall("[ab1]", text)


def test_a_docstring_keeps_its_shape(extension):
    docstring = """\
        Return weight * E (|grad f(x_t)| - 1)^2 with `rng` and ``t``, not x_.

            W = max E_P f
              - E_Q f

        - an item that
          goes on
        - another
        Not an item. See https://example.org/a_b.
        Raises ValueError.

        >>> 1 + 1
        2
        """
    lines = textwrap.dedent(docstring).splitlines()
    tree, complaints = render(extension.plain_text_to_rst(lines))
    assert complaints == []
    kinds = [child.tagname for child in tree.children]
    assert kinds == [
        "paragraph",
        "literal_block",
        "bullet_list",
        "paragraph",
        "paragraph",
        "doctest_block",
    ]
    first, formula, items, link, *_ = tree.children
    assert first.astext() == lines[0].replace("`", "")
    assert [node.astext() for node in first.findall() if node.tagname == "literal"] == [
        "rng",
        "t",
    ]
    assert formula.astext() == "W = max E_P f\n  - E_Q f"
    assert len(items) == 2
    assert [n["refuri"] for n in link.findall() if n.tagname == "reference"] == [
        "https://example.org/a_b"
    ]


def test_constants_are_shown_as_their_code(extension):
    source = """\
        import math
        _HIDDEN = 1
        A = B = (
            2
        )
        C: int = 3
        C += 1
        LONG = [
        """
    source = textwrap.dedent(source) + "    0,\n" * extension.LONGEST_CONSTANT + "]\n"
    shown = extension.constants(source)
    assert shown == "A = B = (\n    2\n)\n\nC: int = 3\n\nLONG = ..."
    assert extension.constants(source, ["C", "f"]) == "C: int = 3"


def test_source_links_lead_to_the_definition(extension):
    found = extension.defining_module
    assert found(None, "wgan_lessons.training", "train") == "wgan_lessons.training"
    assert found(None, "wgan_lessons.training", "Recipe") == "wgan_lessons.recipes"
    assert found(None, "wgan_lessons.studies", "Summary").startswith("wgan_lessons.")


def test_chapters_have_the_numbers_of_their_files(extension):
    def numbered(*number):
        from docutils import nodes

        return nodes.paragraph("", "", nodes.reference(secnumber=list(number)))

    env = SimpleNamespace(
        toc_secnumbers={
            "chapters/11_wgan": {"": (2,), "#play": (2, 1), "#deep": ()},
            "appendix/notation": {"": (3,)},
        },
        tocs={"chapters/11_wgan": numbered(2, 1), "appendix/notation": numbered(3)},
        titles={"chapters/11_wgan": numbered(2), "appendix/notation": numbered(3)},
    )
    extension.number_chapters(env)
    assert env.toc_secnumbers == {
        "chapters/11_wgan": {"": (11,), "#play": (11, 1), "#deep": ()},
        "appendix/notation": {"": (3,)},
    }
    assert env.tocs["chapters/11_wgan"][0]["secnumber"] == [11, 1]
    assert env.titles["chapters/11_wgan"][0]["secnumber"] == [11]
    assert env.tocs["appendix/notation"][0]["secnumber"] == [3]


def test_a_proof_may_begin_with_a_list(extension, monkeypatch):
    from docutils.statemachine import StringList

    seen = []
    plain = extension.ProofDirective
    monkeypatch.setattr(plain, "run", lambda self: seen.append(list(self.content)))
    for text in ("1. One.\n2. Two.", "Look.\n\n1. One."):
        proof = extension.Proof.__new__(extension.Proof)
        proof.content = StringList(text.splitlines(), source="page")
        proof.run()
    assert seen == [["", "", "1. One.", "2. Two."], ["Look.", "", "1. One."]]


CONTENTS = {
    "format": "jb-book",
    "root": "index",
    "parts": [
        {
            "caption": "Chapters",
            "numbered": True,
            "chapters": [
                {"file": "chapters/a", "sections": [{"file": "solutions/a"}]},
                {"file": "solutions_of_equations"},
            ],
        },
        {"caption": "Solutions", "chapters": [{"file": "solutions/a"}]},
    ],
}


def test_solutions_can_be_left_out_of_the_contents(extension, tmp_path, monkeypatch):
    """SOLUTIONS=0: neither the pages nor a heading above none of them."""
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(CONTENTS))
    app = SimpleNamespace(
        outdir=tmp_path / "html", srcdir=tmp_path, doctreedir=tmp_path / "trees"
    )
    config = SimpleNamespace(external_toc_path="_toc.yml")
    monkeypatch.setenv("SOLUTIONS", "1")
    extension.publish_no_solutions(app, config)
    assert config.external_toc_path == "_toc.yml"
    monkeypatch.setenv("SOLUTIONS", "0")
    extension.publish_no_solutions(app, config)
    left = yaml.safe_load(Path(config.external_toc_path).read_text())
    chapters = [{"file": "chapters/a"}, {"file": "solutions_of_equations"}]
    part = {"caption": "Chapters", "numbered": True, "chapters": chapters}
    assert left == {"format": "jb-book", "root": "index", "parts": [part]}


def test_a_build_with_solutions_is_not_published(extension, tmp_path, monkeypatch):
    monkeypatch.setenv("SOLUTIONS", "0")
    (tmp_path / "solutions").mkdir()
    with pytest.raises(Exception, match="make clean"):
        extension.publish_no_solutions(SimpleNamespace(outdir=tmp_path), None)


def test_contents_without_solutions_change_nothing(extension):
    assert extension.without(TOC, "no-such-folder") == TOC
