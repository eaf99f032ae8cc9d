"""How fast a class is graded: submissions a minute, and what grading adds to running.

    python -m benchmarks.grading [--set FILE] [--copies N] [--jobs N]

Every copy differs by a comment, so that no result is used twice. Bare execution is the
same cells in one Python process a copy, as many at a time: no kernel, no judge. Times
are those that a submission holds one of the places: wall time * jobs / copies. It is
the clock on the wall, so nothing else should run; bare execution is timed before and
after, and the two tell how much something did.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

from wgan_lessons.grading import formats, grade, submissions
from wgan_lessons.grading._marking import Plan
from wgan_lessons.grading.limits import Limits, level
from wgan_lessons.grading.results import Store

ROOT = Path(__file__).resolve().parents[1]
SET = ROOT / "book" / "exercises" / "13_gradient_penalty.md"
SEED = 1


def options():
    parser = argparse.ArgumentParser(
        "benchmarks.grading",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--set", type=Path, default=SET, help="an exercise set")
    parser.add_argument("--copies", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2, help="at a time (usual: 2)")
    return parser.parse_args()


def hand_in(key, folder, copies):
    """Write the model's answers as notebooks, each with a comment of its own."""
    for number in range(copies):
        codes = {
            e.name: f"{e.answer.source}\n# copy {number}"
            for e in formats.exercises(key)
        }
        made = formats.runnable(key, codes, hidden=False)
        nbformat.write(made, folder / f"student {number:03}.ipynb")


def bare(key, folder, copies, jobs):
    """Run the key's cells as plain scripts; return the seconds that each one took."""
    made = formats.runnable(key, seed=SEED)
    code = "\n\n".join(c.source for c in made.cells if c.cell_type == "code")
    script = folder / "cells.py"
    script.write_text(code, "utf-8")
    given = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", str(script)]
    quiet = {"stdout": subprocess.DEVNULL, "check": True, "cwd": folder, "env": given}
    start = time.perf_counter()
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda _: subprocess.run(command, **quiet), range(copies)))
    return (time.perf_counter() - start) * jobs / copies


def main():
    given = options()
    key = formats.read_source(given.set)
    copies, jobs = given.copies, given.jobs
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        folder = Path(home) / "in"
        folder.mkdir()
        hand_in(key, folder, copies)
        few = max(jobs, min(copies, 20) // 2)
        bare(key, Path(home), jobs, jobs)  # warms the caches up
        before = bare(key, Path(home), few, jobs)
        start = time.perf_counter()
        wide = Limits(seconds=600, cell_seconds=300, cpu_seconds=600)
        plan = Plan(key, grade.executed(key, SEED, wide), SEED, wide)
        grade.prove(plan)
        ready = time.perf_counter()
        store = Store(Path(home) / "out", {})
        found = submissions.gather(folder)
        done = grade.judged(found, plan, store, jobs, "threads", copies)
        wall = time.perf_counter() - ready
        after = bare(key, Path(home), few, jobs)
    most = sum(e.points for e in formats.exercises(key))
    assert all(result.total == most for result in done.values())
    each, alone = wall * jobs / copies, (before + after) / 2
    print(f"{key.name}: {copies} submissions, {jobs} at a time, isolation: {level()}")
    print(f"the key, executed and judged once: {ready - start:.1f} s")
    print(f"graded: {60 * copies / wall:.1f} submissions a minute, {each:.2f} s each")
    print(f"bare execution: {before:.2f} s before, {after:.2f} s after")
    print(f"overhead: {each - alone:.2f} s a submission")


if __name__ == "__main__":
    main()
