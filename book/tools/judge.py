"""Execute every notebook of the book again and compare its marked outputs (nbval).

    python book/tools/judge.py             all notebooks but the students' exercises
    python book/tools/judge.py 11_wgan     only the named ones

Outputs of cells tagged nbval-check-output are compared, numbers as far as the reference
writes them (wgan_lessons.grading.nbval_numbers). Two notebooks run at once, one thread
each, the slowest of the last run first. pytest loads this file as a plugin, too: that
half adds up seconds and compared cells, and fails a notebook that compares nothing.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbval.kernel
import psutil
from notebook_kernels import manager

ROOT = Path(__file__).resolve().parents[2]
NOT_JUDGED = {"exercises", "_build", ".ipynb_checkpoints"}
CELL_SECONDS = 120
# Only these are loaded: others, hypothesis among them, double the time to start.
PLUGINS = (
    "xdist.plugin",
    "nbval.plugin",
    "wgan_lessons.grading.nbval_numbers",
    "judge",
)
REMEMBERED = "judge/seconds"


def notebooks(names, root):
    """Return the notebooks of the book, or those whose names begin as `names` do."""
    book = Path(root) / "book"
    known = [
        path
        for path in sorted(book.rglob("*.ipynb"))
        if not NOT_JUDGED & set(path.relative_to(book).parts)
    ]
    wanted = tuple(Path(name).stem for name in names)
    chosen = [path for path in known if not wanted or path.stem.startswith(wanted)]
    if not chosen:
        listed = ", ".join(path.stem for path in known) or "none"
        sys.exit(f"no notebook to judge. There are: {listed}.")
    return chosen


def command(paths, root, jobs):
    """Return the pytest command: one notebook on one worker, `jobs` at once."""
    plugins = [word for name in PLUGINS for word in ("-p", name)]
    compare = ["--nbval-lax", "--nbval-current-env"]
    limit = ["--nbval-cell-timeout", str(CELL_SECONDS)]
    spread = ["-n", str(jobs), "--dist", "loadscope", "--no-loadscope-reorder"]
    # The project's own pytest settings are for tests/.
    settings = ["-o", "addopts=", "-o", "filterwarnings=", "--rootdir", str(root)]
    colour = "--color=" + ("yes" if sys.stdout.isatty() else "no")
    report = ["-q", colour, "--durations=10", "--durations-min=0.5"]
    options = [*plugins, *compare, *limit, *spread, *settings, *report]
    return [sys.executable, "-m", "pytest", *options, *map(str, paths)]


def environment(root):
    """One thread a notebook; this file and the package of the checkout importable."""
    places = [str(root), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    path = os.pathsep.join(filter(None, places))
    settings = {"OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return {**os.environ, **settings, "PYTHONPATH": path}


def stop(process):
    """Let pytest report what it has, then end it with its workers and kernels.

    Kernels lead process groups of their own, so the family is noted before.
    """
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()


def judge(paths, root=ROOT, *, jobs=2, minutes=10.0):
    """Run nbval on the notebooks; return its exit status, 124 when time was up."""
    process = subprocess.Popen(
        command(paths, root, jobs),
        cwd=root,
        env=environment(root),
        start_new_session=True,
    )
    try:
        return process.wait(minutes * 60)
    except subprocess.TimeoutExpired:
        stop(process)
        print(f"The notebooks took more than {minutes:g} minutes: stopped.", flush=True)
        return 124
    except KeyboardInterrupt:
        stop(process)
        raise


class Report:
    """The plugin's half in the process that hears of all workers."""

    def __init__(self, config):
        self.config = config
        self.seconds, self.compared = Counter(), Counter()

    def silent(self):
        return [name for name in self.seconds if not self.compared[name]]

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.partition("::")[0]
        self.seconds[name] += report.duration
        if report.when == "call":
            self.compared[name] += "compared" in dict(report.user_properties)

    def pytest_sessionfinish(self, session):
        cache = self.config.cache
        cache.set(REMEMBERED, {**cache.get(REMEMBERED, {}), **self.seconds})
        if session.exitstatus == 0 and (self.silent() or not self.seconds):
            session.exitstatus = 1

    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.section("seconds and compared cells of the notebooks")
        for name, seconds in self.seconds.most_common():
            cells = self.compared[name]
            terminalreporter.write_line(f"{seconds:6.1f} s {cells:4} cells  {name}")
        for name in self.silent():
            terminalreporter.write_line(
                f"FAILED {name}: nbval compared nothing. Tag a cell nbval-check-output."
            )


def pytest_configure(config):
    nbval.kernel.KernelManager = manager
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Report(config))


def pytest_collection_modifyitems(config, items):
    """Put the slowest notebooks of the last run first, new ones before them."""
    known = config.cache.get(REMEMBERED, {})
    slowness = {name: -seconds for name, seconds in known.items()}
    items.sort(key=lambda i: slowness.get(i.nodeid.partition("::")[0], float("-inf")))


def main(argv=None, root=ROOT):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="notebooks, all unless named")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks at once (2)")
    parser.add_argument("--minutes", type=float, default=10, help="wall clock (10)")
    args = parser.parse_args(argv)
    paths = notebooks(args.names, root)
    return judge(paths, root, jobs=args.jobs, minutes=args.minutes)


if __name__ == "__main__":
    sys.exit(main())
