"""What readers see of the code: short functions, short cells, docstrings of one kind.

Public is what has no leading underscore and is defined in a module of the package.
"""

import ast
import re
from pathlib import Path

import jupytext
import pytest

import wgan_lessons
from wgan_lessons import reading

PACKAGE = Path(wgan_lessons.__file__).parent
BOOK = PACKAGE.parent / "book"
MODULES = sorted(PACKAGE.rglob("*.py"))
CHAPTERS = sorted((BOOK / "chapters").glob("*.md"))
PAGES = sorted(BOOK.rglob("*.md"))

SHOWN_LINES, SHOWN_COLUMNS = 20, 88
CELL_LINES = 15
DOCSTRING_LINES = 12
CHECKED_CELLS = 3

every_module = pytest.mark.parametrize(
    "path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES]
)
every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def public(tree):
    """Yield (name, node) of public functions and classes, and of their methods."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                yield from ((f"{node.name}.{n}", m) for n, m in public(node))


def docstring_faults(tree):
    """Return what is wrong with the docstrings of a module, one line a fault."""
    faults = [] if ast.get_docstring(tree) else ["the module has no docstring"]
    for name, node in public(tree):
        lines = (ast.get_docstring(node) or "").splitlines()
        if not lines:
            faults.append(f"{name} has no docstring")
        elif not lines[0].endswith("."):
            faults.append(f"{name}: the first line must be a sentence, with its period")
        elif len(lines) > 1 and lines[1]:
            faults.append(f"{name}: a blank line must follow the first line")
        elif len(lines) > DOCSTRING_LINES:
            faults.append(f"{name}: {len(lines)} lines, at most {DOCSTRING_LINES}")
    return faults


def code_cells(path):
    """Return the code cells of a MyST notebook."""
    notebook = jupytext.reads(path.read_text("utf-8"), fmt="md:myst")
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tree_of(path):
    """Return the syntax tree of all code cells of a chapter, magics left out."""
    code = "\n".join(cell.source for cell in code_cells(path))
    return ast.parse(re.sub(r"(?m)^[%!].*$", "", code))


def shown(tree):
    """Yield (text, object) for each argument of show_source; object may be source.

    Names come from the chapter's own imports of the package and from its functions;
    what its cells compute, such as a recipe, is no function and passes.
    """
    names, functions = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            functions[node.name] = ast.unparse(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            line = ast.unparse(node)
            if "wgan_lessons" in line:
                exec(line, names)
    for node in ast.walk(tree):
        called = getattr(node, "func", None)
        if getattr(called, "attr", getattr(called, "id", None)) != "show_source":
            continue
        for argument in node.args:
            text = ast.unparse(argument)
            root = re.match(r"\w*", text).group()
            if text in functions:
                yield text, functions[text]
            elif root in names:
                yield text, reading.show_source(eval(text, names)).text


def shown_faults(tree):
    """Return which functions that a chapter shows are too long or too wide."""
    faults = []
    for text, source in shown(tree):
        lines = reading.without_noise(source).splitlines()
        if len(lines) > SHOWN_LINES:
            faults.append(f"{text}: {len(lines)} lines, at most {SHOWN_LINES}")
        wide = max(map(len, lines))
        if wide > SHOWN_COLUMNS:
            faults.append(f"{text}: {wide} columns, at most {SHOWN_COLUMNS}")
    return faults


# First folders of a machine's own paths, and what "../" may lead to in this project.
ABSOLUTE = re.compile(
    r"(?<![\w.:/}\])$-])/(?:home|root|tmp|work|mnt|opt|var|usr|Users|private)\b"
)
RELATIVE = re.compile(r"(?:\.\./)+([\w.-]+)")
PROJECT = {
    "chapters", "exercises", "solutions", "appendix", "assets", "index", "references",
    "data", "wgan_lessons", "tests", "benchmarks",
    "README", "CONTRIBUTING", "CHANGELOG", "LICENSE",
    "private",  # an instructor's own, beside the checkout
}  # fmt: skip
# What these are about: which folders of the system a kernel sees or writes into.
SYSTEM = {
    PACKAGE / "grading" / name
    for name in ("sandbox/__main__.py", "_folder.py", "_places.py", "limits.py")
}


def path_faults(text):
    """Return the lines that name a folder of some machine, or one outside."""
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        leads = (name.split(".")[0] for name in RELATIVE.findall(line))
        if ABSOLUTE.search(line) or set(leads) - PROJECT:
            faults.append(f"line {number}: {line.strip()}")
    return faults


@every_module
def test_docstrings_are_short_sentences(path):
    """Public things have a docstring: a sentence, a blank line, at most 12 lines."""
    assert docstring_faults(ast.parse(path.read_text("utf-8"))) == []


@every_chapter
def test_shown_functions_fit_a_screen(path):
    """A function shown in the book has at most 20 lines of 88 columns."""
    assert shown_faults(tree_of(path)) == []


@every_chapter
def test_code_cells_are_short(path):
    """A code cell has at most 15 lines."""
    cells = (cell.source.strip().splitlines() for cell in code_cells(path))
    assert [cell[0] for cell in cells if len(cell) > CELL_LINES] == []


@every_chapter
def test_claims_are_checked(path):
    """A chapter has at least three cells whose output nbval compares."""
    tags = [cell.metadata.get("tags", []) for cell in code_cells(path)]
    assert sum("nbval-check-output" in one for one in tags) >= CHECKED_CELLS


@pytest.mark.parametrize(
    "path",
    [p for p in (*PAGES, *MODULES) if p not in SYSTEM],
    ids=lambda path: path.name,
)
def test_no_path_of_a_machine_is_mentioned(path):
    """Pages and code name no folder of the machine that they were written on."""
    assert path_faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source, fault",
    [
        ("def f():\n    pass", "f has no docstring"),
        ('def f():\n    """Do it"""', "period"),
        ('def f():\n    """Do it,\n    and more."""', "period"),
        ('def f():\n    """Do it.\n    More."""', "blank line"),
        ('def f():\n    """Do it.\n\n' + "    x\n" * 10 + '    """', None),
        ('def f():\n    """Do it.\n\n' + "    x\n" * 12 + '    """', "14 lines"),
        ('class A:\n    """An A."""\n    def f(self):\n        pass', "A.f has no"),
        ("def _f():\n    pass", None),
    ],
)
def test_docstring_faults_are_found(source, fault):
    """The rule sees a missing, an endless and a long docstring, methods too."""
    faults = docstring_faults(ast.parse(f'"""A module."""\n{source}'))
    assert (fault in faults[0]) if fault else faults == []


def test_a_module_without_docstring_is_found():
    """A module says first what it holds."""
    assert docstring_faults(ast.parse("x = 1")) == ["the module has no docstring"]


def test_faults_of_shown_functions_are_found():
    """Imported, attribute and local functions are measured without docstrings."""
    body = "\n".join(f"    x = {k}" for k in range(19))
    chapter = f"""
from wgan_lessons import reading
from wgan_lessons.reading import read_results, show_source
import wgan_lessons.reading as r
def short():
    "A docstring."
{body}
def long():
{body}
    y = 1
def wide():
    return {"1 + " * 30}1
recipe = 3
show_source(short, long)
reading.show_source(wide, read_results, reading.data_file, r.table, recipe)
"""
    tree = ast.parse(chapter)
    assert [text for text, _ in shown(tree)] == [
        "short", "long", "wide", "read_results", "reading.data_file", "r.table",
    ]  # fmt: skip
    assert [fault.split(",")[0] for fault in shown_faults(tree)] == [
        "long: 21 lines",
        "wide: 132 columns",
    ]


@pytest.mark.parametrize(
    "line, bad",
    [
        ("see /" + "tmp/x", True),
        ('open("/' + 'home/me/a.csv")', True),
        ("(../" + "elsewhere/notes.md)", True),
        ("[exercises](../exercises/01_boxes.ipynb)", False),
        ("`../../data/results/ring.csv`", False),
        ("work/temperature, $a$/var(x), https://example.org/home/x", False),
    ],
)
def test_path_faults_are_found(line, bad):
    """Absolute folders and foreign parents are seen, links and fractions are not."""
    assert bool(path_faults(line)) is bad
