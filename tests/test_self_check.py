"""`wgan-lessons check`: what students see before they hand in."""

import io
import signal
import sys

import classes
import nbformat
import pytest
from classes import hand_in, key_file, notebook

from wgan_lessons import _grading_commands
from wgan_lessons.__main__ import main
from wgan_lessons.grading import (
    _answers,
    _marking,
    assign,
    formats,
    frame,
    judging,
    limits,
    self_check,
)
from wgan_lessons.grading._answers import Answer


def command(capsys, *arguments):
    """Run a command; return (exit code, what it printed, its error)."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        code = stopped.code
    return code, *capsys.readouterr()


@pytest.fixture
def handed_out(tmp_path, monkeypatch):
    """The set's clean notebook where `check` looks, and the quick judge."""
    judge = classes.QuickJudge()
    monkeypatch.setattr(_marking.TRIALS, "judge", judge)
    monkeypatch.setattr(self_check, "execute", classes.play)
    key = formats.read_source(key_file(tmp_path / "key"))
    executed = classes.play(formats.runnable(key))
    sheet = assign.student(key, executed, frame.Course("https://example.org/a/b"))
    place = tmp_path / "clean"
    place.mkdir()
    nbformat.write(sheet, place / "small.ipynb")
    monkeypatch.setattr(self_check, "PLACES", (tmp_path / "none", place))
    return tmp_path


def test_right_answers_pass(handed_out, capsys):
    folder = hand_in(handed_out / "in", {"me.ipynb": {}})
    code, said, error = command(capsys, "check", folder / "me.ipynb")
    assert code == 0 and error == ""
    assert said.startswith("small: 3 of 3 exercises pass")
    assert "FAILED" not in said


def test_a_wrong_answer_is_told_why(handed_out, capsys):
    wrong = {"double": "def double(n):\n    return n + 2"}
    folder = hand_in(handed_out / "in", {"me.ipynb": wrong})
    code, said, _ = command(capsys, "check", folder / "me.ipynb")
    assert code == 1 and "2 of 3 exercises pass" in said
    assert "double  FAILED  0 of 1 checks" in said
    assert "    Twice is not plus two.\n    12\n" in said


def test_the_notebook_as_handed_out_fails(handed_out, capsys):
    path = handed_out / "clean" / "small.ipynb"
    code, said, _ = command(capsys, "check", path)
    assert code == 1 and "0 of 3 exercises pass" in said
    assert said.count("nothing was changed") == 3


def test_a_notebook_from_colab_is_checked(handed_out, capsys):
    """nbformat 4.0, ids in the metadata, no tags, outputs of its own."""
    made = notebook({})
    made.nbformat_minor = 0
    for cell in made.cells:
        cell.metadata = nbformat.from_dict({"id": cell.pop("id"), "outputId": "1"})
    path = handed_out / "Copy of small.ipynb"
    path.write_text(nbformat.v4.writes(made), "utf-8")
    assert command(capsys, "check", path)[0] == 0


@pytest.mark.parametrize("key", ["clean/small.ipynb", "key/small.md"])
def test_the_key_can_be_named(handed_out, capsys, monkeypatch, key):
    """A clean notebook, or a source, which is executed then; both say the same."""
    monkeypatch.setattr(self_check, "PLACES", ())
    folder = hand_in(handed_out / "in", {"me.ipynb": {"more": "more = len"}})
    given = ("check", folder / "me.ipynb", "--key", handed_out / key)
    code, said, _ = command(capsys, *given)
    assert code == 1 and "2 of 3 exercises pass" in said


def test_an_executed_source_is_no_sheet(handed_out, capsys):
    """Its model answers are not what students were given."""
    source = classes.play(formats.runnable(formats.parse(classes.read_key())))
    key = handed_out / "executed.ipynb"
    nbformat.write(source, key)
    folder = hand_in(handed_out / "in", {"me.ipynb": {}, "none.ipynb": None})
    said = [
        command(capsys, "check", folder / name, "--key", key)[1]
        for name in ("me.ipynb", "none.ipynb")
    ]
    assert "3 of 3 exercises pass" in said[0] and "nothing was changed" not in said[0]
    assert said[1].count("nothing was changed") == 2  # of a third there is no stub


def test_a_terminal_may_not_know_every_letter(handed_out, monkeypatch):
    wrong = {"double": "def double(n):\n    return '\N{GREEK SMALL LETTER PI}'"}
    folder = hand_in(handed_out / "in", {"me.ipynb": wrong})
    screen = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", write_through=True)
    monkeypatch.setattr(sys, "stdout", screen)
    assert main(["check", str(folder / "me.ipynb")]) == 1
    said = screen.buffer.getvalue().decode("latin-1")
    assert "'\\u03c0'" in said and "2 of 3 exercises pass" in said


@pytest.mark.parametrize("name", ["check", "grade"])
def test_without_the_extra_it_says_what_to_install(
    handed_out, capsys, monkeypatch, name
):
    monkeypatch.setattr(judging, "NEEDED", ("no_such_module",))
    folder = hand_in(handed_out / "in", {"me.ipynb": {}})
    given = {
        "check": ("check", folder / "me.ipynb"),
        "grade": (
            "grade",
            handed_out / "key" / "small.md",
            folder,
            "--out",
            folder / "o",
        ),
    }
    assert "pip install" in refused(capsys, *given[name])


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP here")
def test_nohup_stays_in_force():
    """Who has closed the terminal on purpose wants the grader to go on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with _grading_commands._terminated_like_interrupted():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def worked_in(folder):
    """Let a student work in the course's own notebook; return its path."""
    path = folder / "clean" / "small.ipynb"
    sheet = nbformat.read(path, as_version=4)
    for cell in sheet.cells:
        if cell.source.startswith("# answer: "):
            name = cell.source.split()[2]
            cell.source = f"# answer: {name}\ndef {name}(n):\n    return 0"
    run = classes.play(sheet)
    for cell, one in zip(sheet.cells, run.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs = one.outputs
    nbformat.write(sheet, path)
    return path


def test_work_in_the_courses_own_notebook_is_judged(handed_out, capsys):
    """Against the source then, for the outputs are the student's own."""
    path = worked_in(handed_out)
    refused(capsys, "check", path)  # there is nothing to compare with
    (path.parent / "small.md").write_text(classes.KEY, "utf-8")
    for name in ("Untitled.ipynb", "small-Copy1.ipynb"):  # nobody's business
        nbformat.write(nbformat.v4.new_notebook(), path.with_name(name))
    code, said, _ = command(capsys, "check", path)
    assert code == 1 and "0 of 3 exercises pass" in said
    assert "not as it was handed out" in refused(capsys, "check", path, "--key", path)


def test_a_sheet_without_a_seal_betrays_itself(handed_out, capsys):
    path = worked_in(handed_out)
    sheet = nbformat.read(path, as_version=4)
    del sheet.metadata["wgan_lessons"]
    nbformat.write(sheet, path)
    assert "not the one handed out" in command(capsys, "check", path)[1]


def test_what_a_cut_off_check_says():
    """An endless loop is interrupted, and Python tells only that."""
    key = formats.parse(classes.read_key())
    exercise, *_ = formats.exercises(key)
    (check,) = exercise.checks
    lost = {check.id: judging.Check(False, "", "KeyboardInterrupt")}
    verdict = judging.Verdict("timed out", lost, "a cell ran longer than 60 s")
    answer = Answer("# answer: double\ndef double(n): print(n)")
    line = self_check.line_of(exercise, answer, verdict)
    assert line.error == "a cell ran longer than 60 s" and not line.passed
    assert line.notes == (_answers.PRINTS,)


def test_no_output_of_the_student_counts(handed_out, capsys):
    """A saved notebook with the right outputs and no answers passes nothing."""
    forged = nbformat.read(handed_out / "clean" / "small.ipynb", as_version=4)
    for cell in forged.cells:
        if "nbval-check-output" in cell.metadata.get("tags", []):
            cell.source = cell.outputs[0].data["text/plain"]
    path = handed_out / "forged.ipynb"
    nbformat.write(forged, path)
    assert "0 of 3 exercises pass" in command(capsys, "check", path)[1]


def refused(capsys, *arguments):
    """Return the one line of error of a command that must fail with exit code 2."""
    code, said, error = command(capsys, *arguments)
    *before, error = error.splitlines()
    known = (
        "small: 3 exercises, 6 points, 3 visible and 1 hidden check",
        limits.describe(),
    )
    assert code == 2 and said == "" and before in ([], [*known])
    return error


def test_what_cannot_be_checked_is_said(handed_out, capsys):
    junk = handed_out / "junk.ipynb"
    junk.write_bytes(b"\0\1")
    assert "binary" in refused(capsys, "check", junk)
    for place in (handed_out / "no.ipynb", handed_out, handed_out / "in.zip"):
        assert "there is no .ipynb file" in refused(capsys, "check", place)
    other = handed_out / "other.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[classes.code("1 + 1")]), other)
    assert "not clear which exercises" in refused(capsys, "check", other)
    missing = ("check", other, "--key", handed_out / "none.md")
    assert "cannot be read" in refused(capsys, *missing)


def test_an_answer_that_stops_the_kernel_hides_no_other(tmp_path, capsys):
    """The same with the real judge: the others are run without it."""
    key = key_file(tmp_path)
    folder = hand_in(
        tmp_path / "in", {"me.ipynb": {"double": "import os; os._exit(1)"}}
    )
    code, said, _ = command(capsys, "check", folder / "me.ipynb", "--key", key)
    assert code == 1 and "2 of 3 exercises pass" in said
    assert "the kernel ended" in said and "check 1: not run" in said


@pytest.mark.parametrize("name", ["assign", "check", "grade"])
def test_the_commands_explain_themselves(capsys, name):
    code, said, _ = command(capsys, name, "--help")
    assert code == 0 and "usage: wgan-lessons" in said
    assert max(map(len, said.splitlines())) <= 100


def test_the_graders_help_is_honest(capsys):
    said = " ".join(command(capsys, "grade", "--help")[1].split())
    assert "if ALL of its checks pass, visible and hidden" in said
    assert "code can read what you can read" in said
    assert "grade begins with a line that says how far here" in said


def test_grade_begins_with_how_far_submissions_are_shut_in(
    handed_out, capsys, monkeypatch
):
    """And with what is in the key: two lines to stderr, before any code is judged."""
    seen = []
    classes.quick(monkeypatch, lambda judge: seen.append(capsys.readouterr().err))
    folder = hand_in(handed_out / "in", {"me.ipynb": {}})
    words = ("grade", handed_out / "key" / "small.md", folder, "--out")
    for kernel in (None, "sandbox"):
        seen.clear()
        more = ("--kernel", kernel) if kernel else ()
        code, said, error = command(capsys, *words, handed_out / "out", *more)
        line = limits.describe(kernel)
        key = "small: 3 exercises, 6 points, 3 visible and 1 hidden check"
        assert "\n" not in line and seen[0] == f"{key}\n{line}\n"
        assert code == 0 and error == "" and line not in said
    assert limits.describe() != limits.describe("sandbox")


def test_a_kernel_that_is_not_there_blames_no_key(tmp_path, capsys):
    """Nor is anything written."""
    folder, out = hand_in(tmp_path / "in", {"me.ipynb": {}}), tmp_path / "out"
    given = ("grade", key_file(tmp_path), folder, "--out", out)
    code, _, error = command(capsys, *given, "--kernel", "nope")
    assert code == 2 and "no kernel started" in error and "named nope" in error
    assert "kernelspec list" in error and "Mend" not in error
    assert not out.exists()


def test_the_students_notebook_is_no_key(handed_out, capsys, monkeypatch):
    """Its stubs would count as right and right answers as wrong."""
    classes.quick(monkeypatch)
    folder = hand_in(handed_out / "in", {"me.ipynb": {}})
    given = ("grade", handed_out / "clean" / "small.ipynb", folder)
    out = handed_out / "out"
    assert "is the student's notebook" in refused(capsys, *given, "--out", out)
    assert not out.exists()


def test_grade_says_where_its_results_are(handed_out, capsys, monkeypatch):
    """Exit code 0 if every file was graded, 1 if not, 2 for misuse."""
    classes.quick(monkeypatch)
    folder = hand_in(handed_out / "in", {"me.ipynb": {}})
    given = (
        "grade",
        handed_out / "key" / "small.md",
        folder,
        "--out",
        handed_out / "o",
    )
    code, said, _ = command(capsys, *given)
    assert code == 0 and "grades.csv: 1 submission\n" in said
    (folder / "junk.ipynb").write_text("{")
    code, _, error = command(capsys, *given)
    assert code == 1 and "not graded: 1" in error
    assert "jobs" in refused(capsys, *given, "--jobs", "0")
    assert "backend" in refused(capsys, *given, "--backend", "magic")
    assert "seconds" in refused(capsys, *given, "--time-limit", "-1")
    assert "no folder" in refused(capsys, *given[:2], folder / "no", *given[3:])
