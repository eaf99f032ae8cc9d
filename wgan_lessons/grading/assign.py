"""One source, two notebooks: what students get, and the solution with its results.

The key is executed; its checks carry their outputs into both notebooks. The student's
has stubs for answers, and no hidden checks, wrong answers or answers in words.
"""

import os
import re
from copy import deepcopy
from importlib import metadata
from pathlib import Path

from wgan_lessons import files
from wgan_lessons.grading import _hints, formats, frame, stubs
from wgan_lessons.grading.execution import execute

NOTE = """\
**How to work.** {open}

- Fill in or mend the cells that begin with `# answer:`, and keep that line: the \
grader finds your answer by it.
- Put all that an answer needs into its cell, imports and helper functions too. All \
other cells are exchanged for fresh ones when your work is graded.
- Below a check stands what a right answer gives at `SEED = 0`. When you run the \
check, your own result takes its place. Grading takes another seed, so a copied number \
proves nothing.
- What an answer prints is compared, too: take out your test prints.
- On your own machine, `wgan-lessons check NOTEBOOK.ipynb` compares all checks for you.

**How to hand in.** Run all cells once from the top, save, download the notebook (in \
Colab: *File*, *Download*, *Download .ipynb*), and hand in that one file."""
GIVEN = """\
:::{{admonition}} The program that you were given
:class: dropdown

```python
{code}
```
:::"""
WORDS = """\
::::{{admonition}} Answer in words
:class: dropdown

{text}
::::"""
MISTAKES = """\
:::{{admonition}} Common wrong answers
:class: dropdown

What goes wrong, and what a check says to it. Dots stand for what the check fills in.

{rows}
:::"""
_HINT = re.compile(
    r"^:::\{admonition\} (?P<title>[^\n]+)\n:class: dropdown\n(?P<text>.*?)\n:::$",
    re.MULTILINE | re.DOTALL,
)
_TARGET = re.compile(r"^\([\w:-]+\)=\n", re.MULTILINE)


def student(key, executed, course):
    """Return the student's notebook: stubs, visible checks with the key's outputs.

    executed: `formats.runnable(key)` with outputs, found by the ids of its cells.
    course: a `frame.Course`, which says where Colab finds all. ValueError for an answer
    of which no stub can be made.
    """
    outputs = _outputs(executed)
    given = {c.exercise: c.source for c in key.cells if c.kind == "stub"}
    cells = []
    for cell in key.cells:
        if cell.kind == "prose":
            cells.append(_prose(_HINT.sub(_unfolding, cell.source)))
        elif cell.kind == "answer":
            source = given.get(cell.exercise) or stubs.stub(cell.source)
            cells.append(_code(source, cell.metadata, []))
        elif cell.kind in ("shared", "parameters", "check"):
            cells.append(_code(cell.source, cell.metadata, outputs[cell.id]))
    link = f"[Open this notebook in Colab]({course.colab}), or download it."
    note = NOTE.format(open=link if course.colab else "Work on a copy.")
    return frame.sealed(_framed(cells, course, note))


def solution(key, executed, course):
    """Return the solution: answers folded, in words too, visible checks, mistakes."""
    outputs, cells, told = _outputs(executed), [], set()
    found = {exercise.name: exercise for exercise in formats.exercises(key)}
    for cell in key.cells:
        own = found.get(cell.exercise)
        if cell.kind == "prose":
            cells.append(_prose(_TARGET.sub("", cell.source)))
        elif cell.kind == "answer":
            if own.stub:
                cells.append(_prose(GIVEN.format(code=own.stub.source)))
            look = {**cell.metadata, "tags": [*cell.metadata["tags"], "hide-input"]}
            look["mystnb"] = {"code_prompt_show": "Show the answer"}
            cells.append(_code(cell.source, look, outputs[cell.id]))
        elif cell.kind in ("shared", "parameters", "check"):
            look = _without_figure_name(cell.metadata)
            cells.append(_code(cell.source, look, outputs[cell.id]))
        elif cell.kind == "words":
            cells.append(_prose(WORDS.format(text=cell.source.strip())))
        elif cell.kind == "wrong" and own.name not in told:
            told.add(own.name)
            rows = [f"- *{w.label}*: “{_hints.whole(w.says, own)}”" for w in own.wrong]
            cells.append(_prose(MISTAKES.format(rows="\n".join(rows))))
    if cells[0].cell_type == "markdown":
        title = re.compile(r"^# (Exercises: )?")
        cells[0].source = title.sub("# Solutions: ", cells[0].source, count=1)
    return _framed(cells, course)


def _outputs(executed):
    return {c.id: c.outputs for c in executed.cells if c.cell_type == "code"}


def _prose(source):
    return formats.need("nbformat").v4.new_markdown_cell(source)


def _code(source, metadata, outputs):
    make = formats.need("nbformat").v4.new_code_cell
    return make(source, metadata=deepcopy(metadata), outputs=deepcopy(outputs))


def _unfolding(match):
    """Return a folded block as html: Colab does not know directives."""
    title, text = match["title"], match["text"].strip()
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def _without_figure_name(metadata):
    """Leave out the label of a figure: the student's page has it already."""
    look = deepcopy(metadata)
    look.get("mystnb", {}).get("figure", {}).pop("name", None)
    return look


def _framed(cells, course, note=None):
    """Return the notebook of the cells, with set-up cell, note, ids and counts."""
    if note:
        cells.insert(1 if cells[0].cell_type == "markdown" else 0, _prose(note))
    first = next(n for n, cell in enumerate(cells) if cell.cell_type == "code")
    cells.insert(first, frame.setup_cell(course.repository))
    code = [cell for cell in cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        # nbval compares nothing below a cell without a count.
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    look = {"kernelspec": frame.KERNEL, "language_info": frame.LANGUAGE}
    notebook = formats.need("nbformat").v4.new_notebook(cells=cells, metadata=look)
    notebook.nbformat_minor = 5
    frame.name_cells(notebook)
    return notebook


def is_sheet(key):
    """Whether a key is a student's notebook: stubs in the place of answers."""
    note = NOTE.partition("{")[0]
    return any(c.kind == "prose" and c.source.startswith(note) for c in key.cells)


def key_at(source):
    """Return the key at a path; ValueError for what students get or hand in."""
    if Path(source).is_dir() or Path(source).suffix.lower() == ".zip":
        raise ValueError(
            f"{source} is no key, which is one .md or .ipynb and comes first: "
            "wgan-lessons grade KEY SUBMISSIONS."
        )
    key = formats.read_source(source)
    if is_sheet(key):
        raise ValueError(
            f"{source} is the student's notebook: it holds no answers to compare "
            "with. Give the key that it was made of, such as the .md beside it."
        )
    return key


def places(source, out=None):
    """Return where the student's notebook and the solution of a source go.

    Beside a .md in a folder `exercises`, and into `solutions` beside that folder;
    otherwise into the folders student and solution of `out`.
    """
    source = Path(source)
    if out is not None:
        folders = Path(out) / "student", Path(out) / "solution"
    elif source.suffix == ".md" and source.resolve().parent.name == "exercises":
        folders = source.parent, source.parent / ".." / "solutions"
    else:
        raise ValueError(
            f"{source} is not the .md of a folder named exercises. Say where the "
            "notebooks go: --out FOLDER."
        )
    return [Path(os.path.normpath(f / f"{source.stem}.ipynb")) for f in folders]


def make(source, out=None, repository=None):
    """Execute a source; return {path: notebook}, the student's and the solution."""
    key = key_at(source)
    first, second = places(source, out)
    if Path(source).resolve() in (first.resolve(), second.resolve()):
        raise ValueError(
            f"{source} would be overwritten by what is made of it. Choose another "
            "folder for --out."
        )
    course = course_at(source, first if out is None else None, repository)
    executed = execute(formats.runnable(key))
    return {
        first: student(key, executed, course),
        second: solution(key, executed, course),
    }


def course_at(source, notebook=None, repository=None):
    """Return the `Course` that a source belongs to, or else the installed one."""
    settings = frame.settings_above(Path(source).parent)
    if repository:
        return frame.Course(repository.rstrip("/"))
    if settings:
        return frame.course_of(settings, notebook)
    try:
        addresses = metadata.metadata("wgan-lessons").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        addresses = []
    for address in addresses:
        label, _, url = address.partition(", ")
        if label == "Repository":
            return frame.Course(url.rstrip("/"))
    raise ValueError(
        "the course's repository is unknown, from which Colab installs the package. "
        "Name it: --repository https://github.com/OWNER/NAME."
    )


def command(sources, *, out=None, check=False, test=False, repository=None, say=print):
    """Write the notebooks of the sources, check or test them; return the exit code.

    0: all is well; 1: `check` found a notebook that is not what its source makes, or
    `test` an answer that is not judged as it should be.
    """
    bad = 0
    for source in sources:
        say(f"{source}: {formats.summary(key_at(source))}")
        if test:
            found = formats.need("wgan_lessons.grading.rehearsal").rehearse(source)
            bad += len(found)
            for line in found or ["all answers are judged as they should be"]:
                say(f"  {line}")
            continue
        for path, notebook in make(source, out, repository).items():
            if check:
                found = differences(path, notebook)
                bad += bool(found)
                say(f"{path}: {found or 'as its source makes it'}")
            else:
                text = formats.need("nbformat").writes(notebook).rstrip("\n") + "\n"
                files.replace_file(path, lambda file, t=text: file.write(t.encode()))
                say(f"{path}: written")
    return int(bad > 0)


def differences(path, notebook):
    """Return where a stored notebook is not the new one, or "".

    Outputs that are compared agree as far as their numbers are written.
    """
    nbformat = formats.need("nbformat")
    try:
        stored = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        return f"cannot be read: {error}"
    if len(stored.cells) != len(notebook.cells):
        return f"{len(stored.cells)} cells; its source makes {len(notebook.cells)}"
    for number, (is_, should) in enumerate(zip(stored.cells, notebook.cells), start=1):
        for part in ("cell_type", "source", "metadata"):
            if is_[part] != should[part]:
                return f"cell {number}: its {part} is not what its source makes"
        checked = formats.CHECKED in should.metadata.get("tags", [])
        if checked and not _same(is_.outputs, should.outputs):
            return f"cell {number}: its output is not what its source makes"
    return ""


def _same(stored, new):
    agree = formats.need("wgan_lessons.grading.nbval_numbers").agree
    texts = ["\n".join(formats.shown(outputs)) for outputs in (stored, new)]
    return agree(*texts)
