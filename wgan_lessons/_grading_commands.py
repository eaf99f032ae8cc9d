"""The commands about exercises: `wgan-lessons assign`, `check`, `grade`."""

import argparse
import contextlib
import signal
import sys
import threading
from functools import partial
from pathlib import Path

ASSIGN = """\
Make two notebooks of an exercise set: the student's (stubs, visible checks with their
results at SEED = 0) and the solution. SOURCE is a .md of a folder named exercises, or
any .md or .ipynb in the format together with --out. Students get no hidden checks. The
page For instructors of the course describes the format."""

ASSIGN_MORE = """
exit code: 0 if all is well, 1 if --check or --test found something, 2 for a SOURCE that
breaks the format or does not run"""

CHECK = """\
Check your own notebook before you hand it in: your answers are put into the clean
notebook, run from the top, and compared with what right answers give at SEED = 0.
The grader does the same with another seed and hidden checks, and judges an answer that
fails once more, beside right answers to all others."""

CHECK_MORE = """
exit code: 0 if all visible checks pass, 1 if not, 2 if NOTEBOOK cannot be checked"""

GRADE = """\
Grade the notebooks in a folder or zip. The model solution in KEY is executed on this
machine with a fresh SEED; each student's answers are put into the clean key, and run
and judged in a process of their own. An exercise gives its points if ALL of its
checks pass, visible and hidden; there are no parts of points. An exercise that fails
is judged again with the model's answers to all others, and the better result counts."""

GRADE_MORE = """
DIR gets
  grades.csv      a row a file: points of each exercise, total, status, note (UTF-8)
  summary.html    how the class did, with links to
  reports/*.html  a page a student; of hidden checks it says passed or failed only
  settings.json   the seed and the limits: keep it from students
The same command goes on where it was stopped (Ctrl-C loses nothing that is done), with
the same seed. A new DIR draws a new seed. If nothing but the machine was at fault for
"timed out" or "crashed", add --retry.

status: graded, unreadable (no notebook in the file), timed out or crashed (an answer
was cut off; points of the others stand)
exit code: 0 if every file was graded, 1 if some or all were not, 2 if the command could
not begin, 130 if stopped

how far a student's code is shut in (grade begins with a line that says how far here):
  always      own process group, limits of time, CPU, memory, output and files; an own
              empty folder; an environment without secrets; verdicts made outside
  on Linux,   no network, no sight of other processes, nothing else to write, the key
  if allowed  and the submissions covered; other files of yours stay readable
  sandbox     --kernel sandbox (needs bwrap): your files are gone, too
Elsewhere code can read what you can read: grade there only what you trust."""


def add(commands):
    """Add the commands to those of the command line."""
    _add_assign(commands)
    _add_check(commands)
    _add_grade(commands)


def _command(commands, name, summary, description, run, epilog=None):
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return partial(option, parser)


def option(parser, name, metavar, text, **settings):
    """Add an argument to a parser; one with metavar None is a switch."""
    kind = {"action": "store_true"} if metavar is None else {"metavar": metavar}
    parser.add_argument(name, help=text, **kind, **settings)


def _add_assign(commands):
    summary = "make the student's notebook and the solution of an exercise set"
    add = _command(commands, "assign", summary, ASSIGN, _assign, ASSIGN_MORE)
    add("sources", "SOURCE", "an exercise set", nargs="+")
    add("--out", "DIR", "where the folders student and solution go")
    add("--check", None, "write nothing; say whether the notebooks are up to date")
    tried = "write nothing; try answer, stub and wrong answers at two seeds (minutes)"
    add("--test", None, tried)
    add("--repository", "URL", "where Colab installs the package from")


def _assign(options):
    from wgan_lessons.grading import assign

    given = {k: getattr(options, k) for k in ("out", "check", "test", "repository")}
    return assign.command(options.sources, **given)


def _add_check(commands):
    summary = "check your answers to an exercise notebook"
    add = _command(commands, "check", summary, CHECK, _check, CHECK_MORE)
    add("notebook", "NOTEBOOK", "your .ipynb")
    found = "the clean notebook or the set's source (usual: the course's own)"
    add("--key", "FILE", found)
    _add_limits(add)


def _add_limits(add):
    longest = (
        "seconds for one run (usual: 180); one cell may take a third of it, or up to "
        "60 s if that is more"
    )
    add("--time-limit", "S", longest, type=float)
    add("--memory-limit", "MB", "memory of one run (usual: 3072)", type=int)
    add("--kernel", "NAME", "the Jupyter kernel that runs the answers, or sandbox")


def _limits(options):
    from wgan_lessons.grading.limits import Limits

    given = {}
    if options.time_limit is not None:
        seconds = options.time_limit
        given = {"seconds": seconds, "cell_seconds": max(seconds / 3, min(seconds, 60))}
        given["cpu_seconds"] = max(2 * seconds / 3, min(seconds, 60))
    if options.memory_limit is not None:
        given["memory_mb"] = options.memory_limit
    return Limits(**given)


def _check(options):
    from wgan_lessons.grading import self_check, submissions

    path = Path(options.notebook)
    if not (submissions.NOTEBOOK.search(path.name) and path.is_file()):
        # A folder or zip would do for the grader; here its first file would be taken.
        raise ValueError(
            f"there is no .ipynb file {path}. Name the notebook with your answers."
        )
    name, lines = self_check.check(
        options.notebook,
        key=options.key,
        limits=_limits(options),
        kernel=options.kernel,
    )
    print(
        f"{name}: {sum(line.passed for line in lines)} of {len(lines)} exercises pass"
    )
    width = max(len(line.exercise.name) for line in lines)
    for line in lines:
        good = sum(check.passed is True for check in line.checks)
        state = "passed" if line.passed else "FAILED"
        counts = f"{good} of {len(line.checks)} checks"
        print(f"\n{line.exercise.name:{width}}  {state}  {counts}")
        for note in filter(None, [*line.notes, line.error]):
            print(f"  {note}")
        for number, check in enumerate(line.checks, start=1):
            if not check.passed:
                _print_failed(number, check)
    return 0 if all(line.passed for line in lines) else 1


def _print_failed(number, check):
    print(f"  check {number}: {'not run' if check.passed is None else check.error}")
    shown = check.text.splitlines()
    for text in [*shown[:15], *(["..."] if len(shown) > 15 else [])]:
        print(f"    {text}")


def _add_grade(commands):
    summary = "grade a folder or zip of exercise notebooks"
    add = _command(commands, "grade", summary, GRADE, _grade, GRADE_MORE)
    add("key", "KEY", "the exercise set with its answers, .md or .ipynb")
    add("submissions", "SUBMISSIONS", "the folder or zip of notebooks, or one .ipynb")
    add("--out", "DIR", "where the results go", required=True)
    add("--seed", "N", "SEED for all (usual: a fresh one, kept in DIR)", type=int)
    add("--jobs", "N", "submissions at a time (usual: 1)", type=int, default=1)
    _add_limits(add)
    engine = "threads (usual), or dask: $DASK_SCHEDULER_ADDRESS or local workers"
    add("--backend", "NAME", engine, default="threads")
    add("--retry", None, "judge again what timed out or crashed")


def _grade(options):
    from wgan_lessons.grading import formats
    from wgan_lessons.grading.assign import key_at
    from wgan_lessons.grading.grade import grade

    _say_settings(key_at(options.key), options.kernel)
    given = {k: getattr(options, k) for k in ("seed", "jobs", "kernel", "backend")}
    try:
        with _terminated_like_interrupted():
            graded = grade(
                options.key,
                options.submissions,
                options.out,
                limits=_limits(options),
                retry=options.retry,
                **given,
            )
    except KeyboardInterrupt:
        print(
            "wgan-lessons: stopped; what is done is kept, and the same command goes on",
            file=sys.stderr,
        )
        return 130
    bad = [name for name, result in graded.rows if result.status != "graded"]
    rows = formats.counted(len(graded.rows), "submission")
    print(f"{graded.out / 'grades.csv'}: {rows}")
    if graded.lost:
        gone = f"{len(graded.lost)} files of the last table were not given"
        print(f"{gone}; it is kept as grades.before.csv", file=sys.stderr)
    if graded.strange:
        print("no file holds an answer: is it the right key?", file=sys.stderr)
    if bad:
        print(f"not graded: {len(bad)}; the column note says why", file=sys.stderr)
    return 0 if graded.complete else 1


def _say_settings(key, kernel):
    """Say what the key holds and how far submissions are shut in, before all else."""
    from wgan_lessons.grading import formats, limits

    print(f"{key.name}: {formats.summary(key)}", file=sys.stderr)
    print(limits.describe(kernel), file=sys.stderr, flush=True)


@contextlib.contextmanager
def _terminated_like_interrupted():
    """Let SIGTERM and SIGHUP stop the grader as Ctrl-C does, leaving nothing behind.

    SIGHUP comes when the terminal is closed, unless nohup has it ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_):
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [getattr(signal, name) for name in names]
    before = {
        number: signal.signal(number, stop)
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
