"""One source makes the student's notebook and the solution; stale ones are found."""

import json
import os
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from wgan_lessons.grading import _hints, assign, formats, frame
from wgan_lessons.grading.stubs import stub

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "tools"))

import exercise_pages  # noqa: E402
import notebook_pairs as pairs  # noqa: E402
import notebooks  # noqa: E402

V4 = nbformat.v4
URL = "https://github.com/someone/course"
COURSE = frame.Course(URL, "https://colab.example.org/01_small.ipynb")
SOURCE = """\
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

# Exercises: roots

To chapter 1.

```{code-cell} ipython3
import math, os
from wgan_lessons import boxes

print("shared")
```

```{code-cell} ipython3
:tags: [parameters]

SEED = 0
```

(sec-root)=
## 1. Compute: a root

:::{admonition} Hint
:class: dropdown

Half a **power**.

It is $x^{1/2}$.
:::

:::{admonition} Hint
:class: dropdown

Really.
:::

```{code-cell} ipython3
:tags: [answer, points-2]

# answer: root
# Take your time.
def root(x):
    \"\"\"Return the root.\"\"\"
    return x**0.5
```

```{code-cell} ipython3
:tags: [nbval-check-output]

print("two", flush=True)
print("lines", flush=True)
if root(16) == 16:
    print("this is x itself")
root(SEED + 4)
```

+++ {"tags": ["answer"]}

Negative numbers have no $\\sqrt{x}$.

Neither {has} the question.

```{code-cell} ipython3
:tags: [nbval-check-output, hidden]

root(SEED + 100), os.listdir()
```

```{code-cell} ipython3
:tags: [wrong]

# wrong: nothing done
# says: x itself
def root(x):
    return x
```

```{code-cell} ipython3
:tags: [wrong]

# wrong: an error
# says: no *attribute* of
def root(x):
    return x.root
```

## 2. Find the bug: a name

```{code-cell} ipython3
:tags: [answer, points-1]

# answer: name
name = 42
```

```{code-cell} ipython3
:tags: [stub]

# answer: name
name = 41
```

```{code-cell} ipython3
:tags: [nbval-check-output]

name + SEED
```
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The tiny source and its key, executed once; no test changes them."""
    source = tmp_path_factory.mktemp("keys") / "01_small.md"
    source.write_text(SOURCE, "utf-8")
    key = formats.read_source(source)
    executed = assign.execute(formats.runnable(key), seed=5)
    return SimpleNamespace(source=source, key=key, executed=executed)


@pytest.fixture
def student(made):
    return assign.student(made.key, made.executed, COURSE)


@pytest.fixture
def solution(made):
    return assign.solution(made.key, made.executed, COURSE)


def code(notebook, beginning):
    """Return the only code cell that begins so."""
    (cell,) = [
        c
        for c in notebook.cells
        if c.cell_type == "code" and c.source.startswith(beginning)
    ]
    return cell


def texts(cell):
    return list(formats.shown(cell.outputs))


# Execution


def test_execution_sets_the_seed_and_joins_streams(made):
    """The outputs of the same run are the same, however the streams were cut."""
    by_id = {cell.id: cell for cell in made.executed.cells}
    check, hidden, _ = (c for c in made.key.cells if c.kind in ("check", "hidden"))
    assert texts(by_id[check.id]) == ["two\nlines\n", "3.0"]
    assert len(by_id[check.id].outputs) == 2
    assert texts(by_id[hidden.id]) == [str((105**0.5, []))]  # an empty folder


def test_execution_leaves_the_notebook_as_it_was(made):
    notebook = formats.runnable(made.key)
    assert notebook != made.executed
    assert notebook == formats.runnable(made.key)


def test_a_key_that_fails_says_where():
    cells = [V4.new_code_cell("1 / 0")]
    with pytest.raises(ValueError) as caught:
        assign.execute(V4.new_notebook(cells=cells))
    assert str(caught.value) == (
        "the key does not run: the cell that begins with '1 / 0' ends with "
        "ZeroDivisionError: division by zero"
    )


def test_the_key_runs_in_this_python(tmp_path, monkeypatch):
    """Whatever another environment calls python3, and however it draws."""
    spec = tmp_path / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": ["/bin/false"], "display_name": "Python 3"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "agg")
    cells = [V4.new_code_cell("import os, sys; sys.executable, os.environ")]
    cells[0].source += "['MPLBACKEND']"
    (cell,) = assign.execute(V4.new_notebook(cells=cells)).cells
    (shown,) = texts(cell)
    assert sys.executable in shown and "inline" in shown


# What students get


def test_the_student_gets_stubs_and_reference_outputs(student):
    root, name = code(student, "# answer: root"), code(student, "# answer: name")
    assert root.source == (
        "# answer: root\n# Take your time.\n"
        'def root(x):\n    """Return the root."""\n    ...'
    )
    assert name.source == "# answer: name\nname = 41"
    assert root.outputs == name.outputs == []
    assert root.metadata.tags == ["answer", "points-2"]
    assert texts(code(student, "print(")) == ["two\nlines\n", "3.0"]
    assert texts(code(student, "name + SEED")) == ["47"]
    assert code(student, "SEED").source == "SEED = 0"


def test_the_student_gets_nothing_hidden(student):
    everything = nbformat.writes(student)
    secrets = ("x**0.5", "SEED + 100", "wrong", "says", "nothing done", "42", "egative")
    for secret in secrets:
        assert secret not in everything


def test_hints_unfold_without_directives(student):
    (prose,) = [c.source for c in student.cells if "## 1." in c.source]
    assert ":::" not in prose and prose.count("</details>") == 2
    assert (
        "<details>\n<summary>Hint</summary>\n\nHalf a **power**.\n\n"
        "It is $x^{1/2}$.\n\n</details>\n" in prose
    )


def test_the_student_reads_how_to_work(student):
    title, note, setup = student.cells[:3]
    assert title.source.startswith("# Exercises: roots")
    assert f"[Open this notebook in Colab]({COURSE.colab})" in note.source
    assert "hand in" in note.source and "`# answer:`" in note.source
    assert f"git+{URL}" in setup.source and setup.metadata.tags == ["remove-cell"]


def test_both_notebooks_are_sound(student, solution):
    """Valid nbformat 4.5, ids once, counts from 1, the same kernel as chapters."""
    for notebook in (student, solution):
        nbformat.validate(notebook)
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids)
        counts = [c.execution_count for c in notebook.cells if c.cell_type == "code"]
        assert counts == list(range(1, len(counts) + 1))
        assert notebook.metadata.kernelspec == pairs.KERNEL


def test_unchanged_cells_have_the_ids_of_the_key(made, student):
    checks = [c.id for c in made.key.cells if c.kind in ("check", "parameters")]
    assert set(checks) < {cell.id for cell in student.cells}


def test_without_an_address_there_is_no_link(made):
    notebook = assign.student(made.key, made.executed, frame.Course(URL))
    assert "How to work" in notebook.cells[1].source
    assert "Open this notebook" not in notebook.cells[1].source


# The solution


def test_the_solution_shows_answers_folded(solution):
    root = code(solution, "# answer: root")
    assert root.source.endswith("return x**0.5")
    assert root.metadata.tags == ["answer", "points-2", "hide-input"]
    assert texts(code(solution, "print(")) == ["two\nlines\n", "3.0"]
    assert solution.cells[0].source.startswith("# Solutions: roots")


def test_the_solution_tells_of_bugs_and_mistakes_without_hidden_checks(solution):
    prose = [c.source for c in solution.cells if c.cell_type == "markdown"]
    rows = "- *nothing done*: “this is x itself”\n- *an error*: “… no \\*attr"
    assert sum(rows in text for text in prose) == 1
    assert sum("name = 41" in text for text in prose) == 1
    assert not any("SEED + 100" in cell.source for cell in solution.cells)
    assert not any("(sec-root)=" in text for text in prose)  # a page has it already


def test_the_solution_answers_in_words_where_the_key_does(made, solution):
    (number,) = (n for n, c in enumerate(solution.cells) if "egative" in c.source)
    assert solution.cells[number].source == (
        "::::{admonition} Answer in words\n:class: dropdown\n\n"
        "Negative numbers have no $\\sqrt{x}$.\n\nNeither {has} the question.\n::::"
    )
    assert solution.cells[number].metadata == {}
    assert texts(solution.cells[number - 1]) == ["two\nlines\n", "3.0"]
    assert not any("egative" in c.source for c in made.executed.cells)


def hint_of(check):
    """Return the hint of which "one two" is a part, as a solution quotes it."""
    cell = formats.Cell("check", check)
    return _hints.whole("one two", SimpleNamespace(checks=(cell,)))


def test_a_hint_is_quoted_whole():
    """With dots for values; a text that nothing prints keeps what is known of it."""
    assert hint_of("if 1:\n    print('zero', 'one two three')") == "one two three"
    assert hint_of("print(f'{1:.3f} one two {3!r}')\n1") == "… one two …"
    assert hint_of("print('a[0] = $1; one two')") == "a\\[0] = \\$1; one two"
    assert hint_of("x = 'one two three'\nx") == "… one two …"


# Stubs

STUBS = {
    "imports, names and functions": (
        """\
        # answer: a
        # Comments right below stay.

        # Others go.
        import math
        from os import (
            path,
        )
        x = y = 3
        one, (two, *rest) = 1, (2, 3)
        count: int = 4
        for i in range(3):
            x += i


        @wrapped
        def f(a, *,
              b=1):  # a remark
            # how it is done
            '''Say é.

            More.
            '''
            return a


        async def g(x): return x


        print(f(1))
        """,
        """\
        # answer: a
        # Comments right below stay.
        import math
        from os import (
            path,
        )


        x = ...
        y = ...
        one = ...
        two = ...
        rest = ...
        count = ...


        @wrapped
        def f(a, *,
              b=1):  # a remark
            '''Say é.

            More.
            '''
            ...


        async def g(x):
            ...""",
    ),
    "helpers go": (
        """\
        # answer: a
        _limit = 3


        def _help():
            pass


        def f():
            return _help()
        """,
        """\
        # answer: a
        def f():
            ...""",
    ),
    "names only": ("# answer: a\nx = 1\ny = x + 1\n", "# answer: a\nx = ...\ny = ..."),
}


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_is_the_answer_without_its_code(name):
    answer, expected = map(textwrap.dedent, STUBS[name])
    assert stub(answer) == expected
    compile(expected.replace("@wrapped\n", ""), name, "exec")


@pytest.mark.parametrize(
    "answer, message",
    [
        ("# answer: a\nprint(1)", "Write a stub cell"),
        ("# answer: a\n", "no function and no name"),
        ("# answer: a\nclass A:\n    pass", "of the class A"),
    ],
)
def test_a_stub_that_cannot_be_made_is_said(answer, message):
    with pytest.raises(ValueError, match=message):
        stub(answer)


# The command


@pytest.fixture
def no_kernel(made, monkeypatch):
    """Executions give what the tiny key gave."""
    monkeypatch.setattr(assign, "execute", lambda notebook, **_: made.executed)


def run(*sources, **options):
    lines = []
    return assign.command(sources, say=lines.append, **options), "\n".join(lines)


def test_the_command_writes_and_checks(made, no_kernel, tmp_path):
    options = {"out": tmp_path, "repository": URL + "/"}
    status, said = run(made.source, **options)
    names = [tmp_path / kind / "01_small.ipynb" for kind in ("student", "solution")]
    held = f"{made.source}: 2 exercises, 3 points, 2 visible and 1 hidden check"
    assert status == 0
    assert said.split("\n") == [held, *(f"{name}: written" for name in names)]
    before = [name.read_bytes() for name in names]
    status, said = run(made.source, check=True, **options)
    assert status == 0 and said.count("as its source makes it") == 2
    assert before == [name.read_bytes() for name in names]
    assert URL in names[0].read_text("utf-8")


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("name = 41", "name = 40", "cell 10: its source"),
        ('"47"', '"48"', "cell 11: its output"),
        ('"points-1"', '"points-3"', "cell 10: its metadata"),
        ('"cells"', '"cell"', "cannot be read"),
    ],
)
def test_the_command_finds_what_differs(made, no_kernel, tmp_path, old, new, message):
    options = {"out": tmp_path, "repository": URL}
    run(made.source, **options)
    path = tmp_path / "student" / "01_small.ipynb"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    status, said = run(made.source, check=True, **options)
    assert status == 1 and message in said and str(path) in said


def test_numbers_may_differ_in_the_last_place(made, no_kernel, tmp_path):
    """Another machine computes 3.0000000000000004: that is no difference."""
    options = {"out": tmp_path, "repository": URL}
    run(made.source, **options)
    for path in tmp_path.rglob("*.ipynb"):
        text = path.read_text("utf-8").replace('"3.0"', '"3.1"')
        path.write_text(text, "utf-8")
    assert run(made.source, check=True, **options)[0] == 0


def test_a_source_is_never_overwritten(made, no_kernel, tmp_path):
    """Not even one that lies where its own solution would go."""
    source = tmp_path / "solution" / "01_small.ipynb"
    source.parent.mkdir()
    nbformat.write(formats.need("jupytext").reads(SOURCE, fmt="md:myst"), source)
    before = source.read_bytes()
    with pytest.raises(ValueError, match="would be overwritten.*Choose another"):
        run(source, out=tmp_path, repository=URL)
    assert source.read_bytes() == before


@pytest.mark.parametrize("name", ["a folder", "all.zip"])
def test_submissions_are_no_key(tmp_path, name):
    """As when the order of the arguments was forgotten."""
    with pytest.raises(ValueError, match="is no key.*comes first"):
        (tmp_path / "a folder").mkdir()
        assign.key_at(tmp_path / name)


def test_a_students_notebook_is_no_source(student, no_kernel, tmp_path):
    nbformat.write(student, tmp_path / "01_small.ipynb")
    with pytest.raises(ValueError, match="is the student's notebook"):
        run(tmp_path / "01_small.ipynb", out=tmp_path, repository=URL)


def test_a_sheet_that_was_worked_in_is_known(student, tmp_path):
    """Saved, counted and tagged anew it is the same; with other outputs it is not."""
    path = tmp_path / "01_small.ipynb"

    def changed():
        nbformat.write(student, path)
        return frame.changed(nbformat.read(path, as_version=4))

    assert not changed()
    for count, cell in enumerate(student.cells):
        cell.metadata["collapsed"] = True
        if cell.cell_type == "code":
            cell.execution_count = count
    assert not changed()
    check = next(c for c in student.cells if c.get("outputs"))
    check.outputs = check.outputs[:-1]
    assert changed()
    del student.metadata["wgan_lessons"]
    assert not changed()  # nobody can tell


def test_a_place_must_be_known(made, no_kernel, tmp_path):
    with pytest.raises(ValueError, match="--out FOLDER"):
        run(made.source, repository=URL)
    folder = tmp_path / "exercises"
    first, second = assign.places(folder / "01_x.md")
    assert first == folder / "01_x.ipynb"
    assert second == tmp_path / "solutions" / "01_x.ipynb"


def test_the_repository_must_be_known(made, monkeypatch):
    def none(name):
        raise assign.metadata.PackageNotFoundError

    monkeypatch.setattr(assign.metadata, "metadata", none)
    with pytest.raises(ValueError, match="--repository"):
        assign.course_at(made.source)


def test_the_course_is_read_from_its_settings(tmp_path):
    settings = tmp_path / "_config.yml"
    settings.write_text(f"repository: {{url: {URL}, branch: dev}}\n")
    notebook = tmp_path / "book" / "exercises" / "01_x.ipynb"
    course = assign.course_at(notebook.with_suffix(".md"), notebook)
    assert course.repository == URL
    assert course.colab.endswith(
        "/github/someone/course/blob/dev/book/exercises/01_x.ipynb"
    )
    settings.write_text("repository: {url: https://example.org/course}\n")
    assert assign.course_at(notebook, notebook) == ("https://example.org/course", None)


# In the book


@pytest.fixture
def book(made, monkeypatch, tmp_path):
    """A tiny book with the set, made once; `runs` counts later executions."""
    root = tmp_path
    for folder in ("book/chapters", "book/exercises", "wgan_lessons", "data"):
        (root / folder).mkdir(parents=True)
    (root / "_config.yml").write_text(f"repository: {{url: {URL}}}\n")
    for name in ("__init__", "boxes"):
        (root / "wgan_lessons" / f"{name}.py").write_text("")
    source = root / "book" / "exercises" / "01_small.md"
    source.write_text(SOURCE, "utf-8")
    runs = []

    def execute(notebook):
        runs.append(notebook)
        return made.executed

    monkeypatch.setattr(assign, "execute", execute)
    assert notebooks.make(source, root) == "executed"
    runs.clear()
    return SimpleNamespace(root=root, source=source, runs=runs)


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_a_set_is_a_pair_of_the_book(book):
    student, solution = pairs.targets(book.source)
    assert pairs.sources(book.root) == [book.source]
    assert solution == book.root / "book" / "solutions" / "01_small.ipynb"
    assert notebooks.check(book.source, book.root) == []
    assert pairs.orphans(book.root) == []
    made_from = [pairs.read(p).metadata.wgan_lessons for p in (student, solution)]
    seal = made_from[0].pop("seal")
    assert made_from[0] == made_from[1] and set(made_from[0]) == {"source", "package"}
    assert seal == frame.seal(pairs.read(student))
    assert notebooks.make(book.source, book.root) == "unchanged" and not book.runs


@pytest.mark.parametrize(
    "old, new",
    [
        ("Half a **power**", "A half **power**"),
        ("# wrong: nothing", "# wrong: little"),
        ("Neither {has}", "Nor {has}"),
        ("name = 41", "name = 40"),
        ("points-2", "points-3"),
    ],
)
def test_what_is_not_executed_is_written_anew(book, old, new):
    """Prose, words, mistakes, stubs and points change pages without a kernel."""
    edit(book.source, old, new)
    assert notebooks.check(book.source, book.root) != []
    assert notebooks.make(book.source, book.root) == "rewritten" and not book.runs
    assert notebooks.check(book.source, book.root) == []


@pytest.mark.parametrize("old", ["SEED + 4", "SEED + 100", "x**0.5"])
def test_changed_code_is_stale(book, old):
    """Checks, hidden ones too, and answers."""
    edit(book.source, old, f"0 + {old}")
    found = "\n".join(notebooks.check(book.source, book.root))
    assert found.count("is stale: the source has changed") == 2


def test_a_changed_package_is_stale(book):
    (book.root / "wgan_lessons" / "boxes.py").write_text("SIX = 6\n")
    found = notebooks.check(book.source, book.root)
    assert len(found) == 2 and "stale: the package" in found[0]
    assert notebooks.make(book.source, book.root) == "executed" and book.runs


@pytest.mark.parametrize("folder", ["exercises", "solutions"])
def test_a_page_changed_by_hand_is_found(book, folder):
    path = book.root / "book" / folder / "01_small.ipynb"
    text = path.read_text("utf-8")
    path.write_text(text.replace("two", "three"), "utf-8")
    (found, *_) = notebooks.check(book.source, book.root)
    assert f"{folder}/01_small.ipynb" in found
    path.unlink()
    (found,) = notebooks.check(book.source, book.root)
    assert f"{folder}/01_small.ipynb is missing" in found
    book.source.unlink()
    assert len(pairs.orphans(book.root)) == 1


def test_a_broken_source_leaves_the_pages(book, capsys):
    before = [path.read_bytes() for path in pairs.targets(book.source)]
    edit(book.source, "[answer, points-1]", "[answer]")
    assert notebooks.main(["01", "--jobs", "1"], root=book.root)
    assert "points-N" in capsys.readouterr().out
    assert before == [path.read_bytes() for path in pairs.targets(book.source)]
    (found,) = notebooks.check(book.source, book.root)
    assert "points-N" in found


def test_a_path_of_this_machine_is_refused(book, made, monkeypatch):
    executed = nbformat.from_dict(made.executed)
    text = nbformat.writes(executed).replace('"47"', f'"{book.root}/a"')
    told = nbformat.reads(text, as_version=4)
    monkeypatch.setattr(assign, "execute", lambda notebook: told)
    with pytest.raises(ValueError, match="a path of this machine"):
        exercise_pages.make(book.source, book.root, always=True)


def test_kernels_get_the_package_of_this_checkout(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    from wgan_lessons.grading.execution import environment

    path = environment()["PYTHONPATH"].split(os.pathsep)
    assert path == [str(ROOT), "elsewhere"]


def test_the_key_is_executed_on_what_students_are_judged_on(monkeypatch):
    """No GPU, and as many threads: the same numbers in both."""
    from wgan_lessons.grading import execution, limits

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    key, judged = execution.environment(), limits.environment("desk", "token")
    names = (*limits.ONE_THREAD, "CUDA_VISIBLE_DEVICES")
    values = [
        (given["OMP_NUM_THREADS"], given["MKL_NUM_THREADS"]) for given in (key, judged)
    ]
    assert values == [("1", "3")] * 2
    assert [key[name] for name in names] == [judged[name] for name in names]
