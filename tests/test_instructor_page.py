"""The pages for instructors and students, tried: commands, tables, example, a class.

Five made-up submissions to the set of chapter 1 are graded by the real command.
"""

import csv
import json
import re
import shlex
from pathlib import Path

import nbformat
import pytest

from wgan_lessons import __main__, _grading_commands
from wgan_lessons.grading import _rules, _table, assign, formats, limits, results

ROOT = Path(__file__).parents[1]
EXERCISES = ROOT / "book" / "exercises"
PAGES = {
    name: (ROOT / "book" / "appendix" / f"{name}.md").read_text("utf-8")
    for name in ("instructors", "students")
}
EXAMPLE = re.search(r"^````md\n(.*?)^````$", PAGES["instructors"], re.M | re.S)[1]
PLACES = {"KEY": "key.md", "FOLDER": "in", "DIR": "out"}
COMMAND = re.compile(r"(?:^|`|\s)(wgan-lessons (?:assign|check|grade)\b[^`\n#]*)", re.M)


def commands():
    """Return (page, words) of every whole command that a page shows."""
    found = []
    for name, text in PAGES.items():
        for line in COMMAND.findall(text.replace(EXAMPLE, "")):
            words = shlex.split(line)[1:]
            if len(words) > 1 and "..." not in words:
                found.append((name, [PLACES.get(word, word) for word in words]))
    return found


@pytest.fixture
def example(tmp_path):
    """The page's example, saved as the page says."""
    path = tmp_path / "two_samples.md"
    path.write_text(EXAMPLE, "utf-8")
    return path


@pytest.mark.parametrize("page, words", commands(), ids=lambda value: str(value)[:40])
def test_the_commands_exist(page, words):
    if "--help" in words:
        with pytest.raises(SystemExit) as stop:
            __main__.main(words)
        assert stop.value.code == 0
    else:
        assert __main__._parser().parse_args(words).run


def test_enough_commands_are_found():
    assert len(commands()) >= 7
    assert {words[0] for _, words in commands()} == {"assign", "check", "grade"}


def test_every_option_of_the_pages_is_in_the_help(capsys):
    shown = ""
    for name in ("assign", "check", "grade"):
        with pytest.raises(SystemExit):
            __main__.main([name, "--help"])
        shown += capsys.readouterr().out
    text = "".join(PAGES.values()).replace("systemd-run --user --scope", "")
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - {"--help"}
    assert options and options <= set(re.findall(r"--[a-z-]+", shown))


def test_the_page_says_what_a_row_may_say():
    """Columns, statuses, tags and limits of the page are those of the grader."""
    page, usual = PAGES["instructors"], limits.Limits()
    rows = re.findall(r"^\| `([a-z ]+)` \|", page, re.M)
    assert set(rows) >= set(results.STATUS)
    assert all(f"`{name}`" in page for name in _table.header([]))
    assert all(f"`{role}`" in page for role in (*_rules.ROLES, "hidden"))
    assert all(re.search(rf"^\| {level} \|", page, re.M) for level in limits.LEVELS)
    assert f"{usual.seconds:g} seconds for a run" in page
    assert f"{usual.memory_mb} MB" in page and "1 if some or all were not" in page
    assert (
        "0 if every file was graded, 1 if some or all were not, 2 if the command could "
        "not begin" in " ".join(_grading_commands.GRADE_MORE.split())
    )


def test_the_messages_of_the_students_page_are_the_graders():
    code = "".join(
        path.read_text("utf-8") for path in (ROOT / "wgan_lessons/grading").glob("*.py")
    )
    said = re.findall(r"^\| `([^`]+)` \| ", PAGES["students"], re.M)
    known = ["different answers: the last one counts", "no cell begins with '# answer:"]
    known += ["left out: ", "a cell ran longer than "]
    for message in said:
        part = next((text for text in known if text in message), message)
        assert part in code, message
    assert len(said) >= 8


def test_the_example_is_a_set_whose_checks_tell_its_mistake(example):
    """What the page promises of a set, without a kernel."""
    key = formats.read_source(example)
    (exercise,) = formats.exercises(key)
    assert exercise.points == 2 and exercise.hidden and len(exercise.wrong) == 1
    found = {}
    for seed in (0, 20260):
        for label, answer in [("", exercise.answer), ("wrong", exercise.wrong[0])]:
            found[seed, label] = shown(key, exercise, answer.source, seed)
        right, wrong = found[seed, ""], found[seed, "wrong"]
        assert right[0].startswith("\n") and wrong[0].splitlines()[0]
        assert exercise.wrong[0].says in wrong[0]
        assert all(a.split()[-1] != b.split()[-1] for a, b in zip(right, wrong))
    assert all(a != b for a, b in zip(found[0, ""], found[20260, ""]))


def test_the_example_is_taken_for_no_set_of_the_course(example):
    """Else `wgan-lessons check` without --key would judge it as another set."""
    sets = [formats.read_source(path) for path in EXERCISES.glob("*.md")]
    names = {e.name for key in sets for e in formats.exercises(key)}
    (exercise,) = formats.exercises(formats.read_source(example))
    assert "w1" in names and exercise.name not in names


def shown(key, exercise, answer, seed):
    """Return what each check prints and shows with an answer."""
    said, space = [], {}
    space["print"] = said.append
    results = []
    for cell in formats.runnable(key, {exercise.name: answer}, seed=seed).cells:
        if cell.cell_type != "code":
            continue
        if "nbval-check-output" not in cell.metadata.get("tags", []):
            exec(cell.source, space)
            continue
        body, last = cell.source.rstrip().rsplit("\n", 1)
        said.clear()
        exec(body, space)
        results.append("\n".join([*said, ""]) + f"\n{eval(last, space)}")
    return results


def test_the_example_is_assigned_and_graded_as_the_page_says(example, monkeypatch):
    """The solution gets all points, the student's notebook none."""
    monkeypatch.chdir(example.parent)
    text = PAGES["instructors"]
    lines = [line for line in text.splitlines() if "two_samples.md --out" in line]
    lines += [line for line in text.splitlines() if "two_samples.md handout" in line]
    assert len(lines) == 2
    codes = [__main__.main(shlex.split(line)[1:]) for line in lines]
    assert codes == [0, 0]
    rows = table(Path("trial"))
    points = {row["file"]: row["distance"] for row in rows}
    files = [f"{kind}/two_samples.ipynb" for kind in ("solution", "student")]
    assert points == dict(zip(files, "20"))


def filled(given):
    """Return the student's notebook of chapter 1 with answers in their cells."""
    notebook = nbformat.read(EXERCISES / "01_boxes.ipynb", as_version=4)
    for cell in notebook.cells:
        name = cell.source.partition("\n")[0].removeprefix("# answer: ")
        cell.source = given.get(name, cell.source)
    return notebook


def saved_by_colab(notebook):
    """Return a notebook as Colab saves it: nbformat 4.0, ids in metadata, no tags."""
    raw = json.loads(nbformat.writes(notebook))
    raw |= {"nbformat_minor": 0, "metadata": {"colab": {"provenance": []}}}
    for cell in raw["cells"]:
        cell["metadata"] = {"id": cell.pop("id")}
    return json.dumps(raw).encode()


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class of the trial, graded by the command; (exit code, folder)."""
    home = tmp_path_factory.mktemp("class")
    source = EXERCISES / "01_boxes.md"
    found = formats.exercises(formats.read_source(source))
    right = {e.name: e.answer.source for e in found}
    hint = right | {"w1": found[0].wrong[0].source}
    half = {name: right[name] for name in ("w1", "clock")}
    whole = nbformat.writes(filled(right)).encode()
    files = {
        "Ada Byron_201_assignsubmission_file_01_boxes.ipynb": whole,
        "Blaise_Pascal-01_boxes (2).ipynb": nbformat.writes(filled(hint)).encode(),
        "Carl Friedrich Gauß - 01_boxes.ipynb": nbformat.writes(filled({})).encode(),
        "Copy of 01_boxes.ipynb": saved_by_colab(filled(half)),
        "Emmy Noether_01_boxes.ipynb": whole[:9000],
    }
    (home / "in").mkdir()
    for name, data in files.items():
        (home / "in" / name).write_bytes(data)
    words = ["grade", str(source), str(home / "in"), "--out", str(home / "out")]
    return __main__.main([*words, "--jobs", "2"]), home / "out"


def table(out):
    text = (out / "grades.csv").read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def test_a_new_instructor_gets_the_rows_that_the_page_promises(graded):
    """One right, one with a known mistake, untouched, from Colab, broken."""
    code, out = graded
    rows = [list(row.values()) for row in table(out)]
    untouched = "; ".join(f"{n}: nothing was changed" for n in ("w1", "clock", "area"))
    assert [row[1:6] for row in rows] == [
        ["2", "3", "3", "8", "graded"],
        ["0", "3", "3", "6", "graded"],
        ["0", "0", "0", "0", "graded"],
        ["2", "3", "0", "5", "graded"],
        ["", "", "", "", "unreadable"],
    ]
    notes = [row[6] for row in rows]
    assert notes[:4] == ["", "", untouched, "area: nothing was changed"]
    assert "breaks off in the middle" in notes[4] and code == 1


def test_the_reports_are_the_ones_that_the_page_tells_of(graded):
    """A known mistake gets its hint, and no page holds a hidden check."""
    out = graded[1]
    pages = [path.read_text("utf-8") for path in (out / "reports").iterdir()]
    (pascal,) = [page for page in pages if "Blaise" in page]
    assert "divide each row by its own total" in pascal and "0 of 2 points" in pascal
    key = formats.read_source(EXERCISES / "01_boxes.md")
    hidden = [c.source for e in formats.exercises(key) for c in e.hidden]
    lines = {line for text in hidden for line in text.splitlines() if "rows" in line}
    assert lines and not any(line in page for page in pages for line in lines)
    assert (out / "summary.html").exists() and (out / "settings.json").exists()


def test_a_private_copy_makes_notebooks_under_its_own_name(tmp_path, monkeypatch):
    """A copy of a key, as `Adapt an exercise` says; nothing is executed here."""
    copy = tmp_path / "01_boxes_spring.md"
    copy.write_bytes((EXERCISES / "01_boxes.md").read_bytes())
    student, solution = assign.places(copy, tmp_path)
    assert student == tmp_path / "student" / "01_boxes_spring.ipynb"
    assert solution == tmp_path / "solution" / "01_boxes_spring.ipynb"
    assert formats.read_source(copy).name == "01_boxes_spring"
