"""book/tools on a tiny book: what is executed, written, refused, found and judged."""

import base64
import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import PIL.Image
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "tools"))

import judge  # noqa: E402
import notebook_hashes as hashes  # noqa: E402
import notebook_lint as lint  # noqa: E402
import notebook_outputs as outputs  # noqa: E402
import notebook_pairs as pairs  # noqa: E402
import notebooks  # noqa: E402

URL = "https://example.org/course"
HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
    format_version: 0.13
    jupytext_version: 1.19.6
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# Title

"""
CODE = "from wgan_lessons.boxes import SIX\n\nprint('six', flush=True)\nprint(SIX / 4)"
IMAGE = "from IPython.display import Image, display\n\ndisplay(Image({}))"
PIXEL = (  # a whole PNG
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)
BAR = (
    "import sys\n\nfor i in range(3):\n    print('\\r', i, file=sys.stderr, flush=True)"
)


def fence(code, *tags):
    options = f":tags: [{', '.join(tags)}]\n\n" if tags else ""
    return f"```{{code-cell}} ipython3\n{options}{code}\n```\n\n"


def page(root, name, *cells):
    """Write a source of the tiny book; return its path."""
    source = root / "book" / "chapters" / f"{name}.md"
    source.write_text(HEADER + "".join(cells), "utf-8")
    return source


def tiny(root):
    """Lay out a book without pages, a package of three modules, and data."""
    for folder in ("book/chapters", "wgan_lessons/grading", "data/results"):
        (root / folder).mkdir(parents=True)
    (root / "_config.yml").write_text(f"repository:\n  url: {URL}\n")
    package = root / "wgan_lessons"
    (package / "__init__.py").write_text("")
    (package / "boxes.py").write_text("from wgan_lessons import _checks\n\nSIX = 6\n")
    (package / "_checks.py").write_text("")
    (package / "training.py").write_text("")
    for module in ("__init__", "nbval_numbers"):
        name = f"wgan_lessons/grading/{module}.py"
        (root / name).write_bytes((ROOT / name).read_bytes())
    (root / "data" / "results" / "ring_quality.csv").write_text("a\n1\n")
    return root


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A tiny book whose only page was executed; no test changes it."""
    root = tiny(tmp_path_factory.mktemp("book"))
    picture = fence(
        BAR + "\n" + IMAGE.format(f"__import__('base64').b64decode('{PIXEL}')")
    )
    source = page(root, "01_page", fence(CODE, outputs.CHECKED), "Prose.\n\n", picture)
    assert notebooks.make(source, root) == "executed"
    return source


@pytest.fixture
def book(executed, tmp_path):
    """A copy of the executed book: (root, source, notebook)."""
    root = tiny(tmp_path / "course")
    for path in (executed, executed.with_suffix(".ipynb")):
        (root / "book" / "chapters" / path.name).write_bytes(path.read_bytes())
    source = root / "book" / "chapters" / executed.name
    return SimpleNamespace(
        root=root, source=source, notebook=source.with_suffix(".ipynb")
    )


@pytest.fixture
def no_kernel(monkeypatch):
    """Executions are counted and give nothing; return the names of executed pages."""
    names = []

    def execute(notebook, folder, root):
        names.append(notebook.cells[0].source)
        cells = pairs.code_cells(notebook, setup=True)
        for number, cell in enumerate(cells, start=1):
            cell.execution_count = number
            if outputs.CHECKED in outputs.tags(cell):
                cell.outputs = [nbformat.v4.new_output("stream", text="1.5\n")]

    monkeypatch.setattr(notebooks, "execute", execute)
    return names


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def rewrite(notebook, change):
    """Change the stored notebook as an editor of JSON would."""
    content = json.loads(notebook.read_text("utf-8"))
    change(content["cells"])
    notebook.write_text(json.dumps(content), "utf-8")


# What is written


def test_notebook_is_executed_with_the_set_up_cell(executed):
    notebook = nbformat.read(executed.with_suffix(".ipynb"), as_version=4)
    title, setup, code, prose, picture = notebook.cells
    assert title.source == "# Title" and prose.source == "Prose."
    assert setup.metadata.tags == ["remove-cell"] and URL in setup.source
    assert setup.outputs == []
    assert [cell.execution_count for cell in (setup, code, picture)] == [1, 2, 3]
    assert [output.text for output in code.outputs] == ["six\n1.5\n"]
    kinds = [set(output.get("data", {})) for output in picture.outputs]
    assert kinds == [{"image/png", "text/plain"}]  # and no progress bar


def test_notebook_tells_no_time_and_no_machine(executed):
    text = executed.with_suffix(".ipynb").read_text("utf-8")
    metadata = json.loads(text)["metadata"]
    assert metadata["kernelspec"] == pairs.KERNEL
    assert "version" not in metadata["language_info"]
    assert "iopub" not in text and str(executed.parent) not in text


def test_notebook_is_in_order_when_made(executed):
    assert notebooks.check(executed, executed.parents[2]) == []


def test_unchanged_notebook_is_not_executed(book, no_kernel):
    before = book.notebook.read_bytes()
    assert notebooks.make(book.source, book.root) == "unchanged"
    assert no_kernel == [] and book.notebook.read_bytes() == before


def test_execution_gives_the_same_bytes_again(book):
    """Also in another folder, so nothing of the folder's name is in them."""
    before = book.notebook.read_bytes()
    assert notebooks.make(book.source, book.root, always=True) == "executed"
    assert book.notebook.read_bytes() == before


def test_changed_prose_is_written_without_execution(book, no_kernel):
    edit(book.source, "Prose.", "Better prose.")
    assert any(
        "text differ" in line for line in notebooks.check(book.source, book.root)
    )
    assert notebooks.make(book.source, book.root) == "rewritten"
    assert no_kernel == [] and "Better prose." in book.notebook.read_text("utf-8")
    assert notebooks.check(book.source, book.root) == []


def test_new_repository_is_written_without_execution(book, no_kernel):
    edit(book.root / "_config.yml", URL, "https://example.org/home")
    assert notebooks.check(book.source, book.root) != []
    assert notebooks.make(book.source, book.root) == "rewritten"
    assert no_kernel == [] and "example.org/home" in book.notebook.read_text("utf-8")


def test_changed_code_is_executed(book, no_kernel):
    edit(book.source, "SIX / 4", "SIX / 3")
    assert "stale: the source" in "\n".join(notebooks.check(book.source, book.root))
    assert notebooks.make(book.source, book.root) == "executed"
    assert len(no_kernel) == 1


@pytest.mark.parametrize("module", ["boxes", "_checks", "__init__"])
def test_changed_package_is_executed(book, no_kernel, module):
    """A module that the page imports, or that is imported there."""
    (book.root / "wgan_lessons" / f"{module}.py").write_text("SIX = 6.0\n")
    assert "stale: the package" in "\n".join(notebooks.check(book.source, book.root))
    assert notebooks.make(book.source, book.root) == "executed"


@pytest.mark.parametrize("module", ["training", "grading/nbval_numbers", "__main__"])
def test_module_out_of_reach_leaves_the_page_current(book, module):
    (book.root / "wgan_lessons" / f"{module}.py").write_text("SIX = 6.0\n")
    assert notebooks.check(book.source, book.root) == []


# What is reached


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from wgan_lessons import boxes, __version__", {"boxes"}),
        ("import wgan_lessons.boxes as b", {"boxes"}),
        ("from wgan_lessons.boxes import SIX", {"boxes"}),
        ("from .boxes import SIX", {"boxes"}),
        ("from . import boxes", {"boxes"}),
        ("def f():\n    from wgan_lessons import boxes", {"boxes"}),
        ("%matplotlib inline\nimport numpy, boxes", set()),
        ("import wgan_lessons", {"boxes", "training"}),
        ("not python (", {"boxes", "training"}),
    ],
)
def test_imports_are_seen(code, found):
    assert hashes.imported(code, {"boxes": [], "training": []}) == found


def test_data_counts_if_it_is_named(book):
    named = [path.name for path in hashes.data_named(["f'ring_{n}.csv'"], book.root)]
    assert named == ["ring_quality.csv"]
    assert hashes.data_named(["no such table"], book.root) == []


# What is refused


def test_failing_cell_leaves_the_old_file(book, capsys):
    before = book.notebook.read_bytes()
    edit(book.source, "print(SIX / 4)", "print(SIX / 0)")
    assert notebooks.main(["01"], root=book.root)
    assert book.notebook.read_bytes() == before
    printed = capsys.readouterr().out
    assert "print(SIX / 0)" in printed and "ZeroDivisionError" in printed
    assert list(book.source.parent.glob(".*")) == []


def test_machine_path_is_refused(book):
    before = book.notebook.read_bytes()
    edit(book.source, "print(SIX / 4)", "import os\n\nprint(os.getcwd())")
    with pytest.raises(notebooks.Refused, match=r"code cell 2 .* path of this machine"):
        notebooks.make(book.source, book.root)
    assert book.notebook.read_bytes() == before


def stored(kind, content, *, tags=()):
    """A notebook with one executed cell that shows the content."""
    data = {kind: content}
    output = nbformat.v4.new_output("display_data", data=data)
    metadata = {"tags": list(tags)}
    cell = nbformat.v4.new_code_cell(
        "draw()", execution_count=1, outputs=[output], metadata=metadata
    )
    return nbformat.v4.new_notebook(cells=[cell])


def payload(size):
    return base64.b64encode(bytes(size)).decode()


def stream(name, text):
    notebook = stored("text/plain", "")
    notebook.cells[0].outputs = [nbformat.v4.new_output("stream", name=name, text=text)]
    return notebook


@pytest.mark.parametrize(
    ("notebook", "problem"),
    [
        (
            stored("image/png", payload(80_001)),
            "1 (draw()) has an image of 80,001 bytes",
        ),
        (stored("image/svg+xml", "<" * 80_001), "an image of 80,001 bytes"),
        (stored("text/html", "x" * 800_000), "at most 800,000 are allowed"),
        (stored("text/plain", "<Axes at 0x7f12ab34cd>"), "a memory address"),
        (stored("text/html", f"{Path.home()}/a"), "a path of this machine"),
        (stored("image/png", "", tags=[outputs.CHECKED]), "no output to compare"),
        (stream("stderr", "UserWarning: old\n"), "text on standard error"),
    ],
)
def test_what_a_page_must_not_hold(notebook, problem, tmp_path):
    (found,) = outputs.problems(notebook, tmp_path)
    assert problem in found


@pytest.mark.parametrize(
    "notebook",
    [stored("image/png", payload(80_000)), stream("stdout", "0.5, at 0x7 or /home\n")],
)
def test_what_a_page_may_hold(notebook, tmp_path):
    assert outputs.problems(notebook, tmp_path) == []


def test_large_image_gets_256_colours_once():
    """Half the bytes, hardly a difference, and the next run changes nothing."""
    ramp = np.linspace(0, 255, 200 * 300).reshape(200, 300)
    noise = np.random.default_rng(0).integers(0, 40, (200, 300))
    pixels = np.stack([ramp, 255 - ramp, noise], axis=-1).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    before = base64.b64encode(file.getvalue()).decode()
    after = outputs.smaller(before)
    assert len(after) < len(before) / 2 and outputs.smaller(after) == after
    image = PIL.Image.open(io.BytesIO(base64.b64decode(after))).convert("RGB")
    assert np.abs(np.asarray(image, float) - pixels).mean() < 5
    assert outputs.smaller(PIXEL) == PIXEL


def test_source_without_header_is_named(book):
    (book.root / "book" / "chapters" / "02_bare.md").write_text("# Bare\n")
    with pytest.raises(ValueError, match="no jupytext header"):
        notebooks.make(pairs.sources(book.root)[1], book.root)
    (found,) = notebooks.check(pairs.sources(book.root)[1], book.root)
    assert "Copy the lines" in found


def test_repository_must_be_known(book):
    (book.root / "_config.yml").write_text("title: no repository\n")
    with pytest.raises(ValueError, match=r"Add repository: url:"):
        pairs.build(book.source, book.root)


# What is found


def unexecuted(cells):
    cells[2]["execution_count"] = None
    cells[2]["outputs"] = []


def edited(cells):
    cells[2]["source"] = "print('by hand')"


def tagged(cells):
    cells[4]["metadata"] = {"tags": ["hide-input"]}


def lost(cells):
    del cells[3]


def failed(cells):
    error = {"ename": "ValueError", "evalue": "no", "traceback": []}
    cells[4]["outputs"] = [{"output_type": "error", **error}]


def renamed(cells):
    cells[0]["id"] = "by-hand"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (unexecuted, "was not executed"),
        (edited, "cell 2"),
        (tagged, "tags differ"),
        (lost, "4 cells; the source makes 5"),
        (failed, "an error: ValueError: no"),
        (renamed, "not as the pipeline writes it"),
    ],
)
def test_change_by_hand_is_found(book, change, problem):
    rewrite(book.notebook, change)
    assert problem in "\n".join(notebooks.check(book.source, book.root))


def test_missing_partners_are_found(book, capsys):
    book.notebook.rename(book.notebook.with_name("02_other.ipynb"))
    assert notebooks.main(["--check"], root=book.root)
    printed = capsys.readouterr().out
    assert "01_page.md: 01_page.ipynb is missing" in printed
    assert "02_other.ipynb: its .md source is missing" in printed
    assert "1 notebook(s) checked, 2 with problems; run `make notebooks`" in printed


def test_unknown_name_lists_the_known(book):
    with pytest.raises(SystemExit, match="There are: 01_page"):
        notebooks.main(["07_none"], root=book.root)


# Colab


@pytest.mark.parametrize("colab", [True, False])
def test_set_up_cell_installs_on_colab_only(monkeypatch, colab):
    """Everything that is missing, and nothing that would touch Colab's PyTorch."""
    calls = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: calls.append(command))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    exec(pairs.setup_cell(URL).source, {})
    if not colab:
        assert calls == []
        return
    ((python, *pip),) = calls
    assert python == sys.executable
    assert pip[:2] == ["-m", "pip"] and "--no-deps" in pip
    assert pip[-3:] == [f"git+{URL}", "POT", "pooch"]


# Lint

UGLY = "x = {'a':1}\nx['a']\nimport os"
NEAT = 'x = {"a": 1}\nx["a"]\nimport os'
DRAW = "x.plot();"


def test_lint_names_the_lines_of_the_source(book, capsys):
    source = page(book.root, "02_ugly", fence(UGLY, "hide-input"), fence(DRAW))
    assert lint.run([source], book.root)
    line = source.read_text("utf-8").splitlines().index("import os") + 1
    printed = capsys.readouterr().out
    assert f"02_ugly.md:{line}: F401 `os` imported but unused" in printed
    assert f"02_ugly.md:{line - 2}: format" in printed


def test_lint_names_the_line_that_is_no_python(book, capsys):
    source = page(book.root, "02_broken", fence(DRAW), fence("a = 1\nb = = 2"))
    assert lint.run([source], book.root) == 1
    line = source.read_text("utf-8").splitlines().index("b = = 2") + 1
    assert f"02_broken.md:{line}: invalid-syntax" in capsys.readouterr().out


def test_format_changes_code_cells_only(book):
    before = page(book.root, "02_ugly", "Prose  *x*\n\n", fence(UGLY, "a"), fence(DRAW))
    expected = before.read_text("utf-8").replace(UGLY, NEAT)
    assert lint.run([before], book.root, rewrite=True) == 0
    assert before.read_text("utf-8") == expected
    assert not lint.rewrite_cells(before, book.root)


# Judge


def test_judge_compares_and_counts(book, capfd):
    assert judge.main(["--jobs", "1"], root=book.root) == 0
    printed = capfd.readouterr().out
    assert "1 cells  book/chapters/01_page.ipynb" in printed
    assert "3 passed" in printed.splitlines()[-1]


def test_judge_fails_on_another_number_and_on_silence(book, capfd):
    silent = book.notebook.with_name("02_silent.ipynb")
    silent.write_text(
        book.notebook.read_text("utf-8").replace(outputs.CHECKED, "other")
    )
    edit(book.notebook, "1.5\\n", "1.7\\n")
    assert judge.main(["--jobs", "1"], root=book.root) == 1
    printed = capfd.readouterr().out
    assert "FAILED book/chapters/02_silent.ipynb: nbval compared nothing" in printed
    assert "1 failed, 5 passed" in printed.splitlines()[-1]


def test_judge_stops_at_its_wall_clock(book, capfd):
    """With everything that it started: kernels run in the folder of the notebook."""
    edit(book.notebook, "print(SIX / 4)", "import time; time.sleep(300)")
    assert judge.judge([book.notebook], book.root, jobs=1, minutes=0.05) == 124
    assert "more than 0.05 minutes: stopped" in capfd.readouterr().out
    folders = [process.info["cwd"] for process in psutil.process_iter(["cwd"])]
    assert str(book.notebook.parent) not in folders


def test_judge_leaves_the_students_notebooks(book):
    student = book.root / "book" / "exercises" / "01_page.ipynb"
    student.parent.mkdir()
    student.write_bytes(book.notebook.read_bytes())
    assert judge.notebooks([], book.root) == [book.notebook]
    with pytest.raises(SystemExit, match="There are: 01_page"):
        judge.notebooks(["07_none"], book.root)
