"""Grade a class: a key, a folder or zip of notebooks, and a table of points.

    graded = grade("key.md", "collected.zip", "out", jobs=2)

OUT gets grades.csv, summary.html, reports/*.html, and settings.json with the seed. What
is finished waits in OUT/.results, so that a grader that was stopped goes on where it
was; another key, seed, limit or file is graded afresh.
"""

import contextlib
import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import joblib
from tqdm import tqdm

from wgan_lessons import __version__, _checks
from wgan_lessons.grading import (
    _places,
    _settings,
    _table,
    assign,
    formats,
    judging,
    report,
    submissions,
)
from wgan_lessons.grading._marking import TRIALS, Plan, mark
from wgan_lessons.grading.execution import SECONDS, execute
from wgan_lessons.grading.graft import graft, places
from wgan_lessons.grading.limits import Limits
from wgan_lessons.grading.results import Result, Store

BACKENDS = ("threads", "dask")


class Graded(NamedTuple):
    """What `grade` did: rows are (file, Result), as in a list of people.

    lost: files of the table that was there before; it is grades.before.csv then.
    """

    rows: list
    seed: int
    out: Path
    lost: tuple = ()

    @property
    def complete(self):
        """Whether every submission was graded."""
        return all(result.status == "graded" for _, result in self.rows)

    @property
    def strange(self):
        """Whether nobody has answered anything, as if it were another set's class."""
        marks = [result.marks.values() for _, result in self.rows]
        return not any(mark.code for given in marks for mark in given)


def grade(
    key,
    folder,
    out,
    *,
    seed=None,
    jobs=1,
    limits=Limits(),  # noqa: B008 - frozen
    kernel=None,
    backend="threads",
    retry=False,
):
    """Grade the submissions in a folder or zip against a key; return Graded.

    seed: that of OUT/settings.json, or a fresh one. jobs: submissions at a time, in
    threads or, with backend "dask", on a cluster. limits, kernel: as in `judging.judge`
    for each run. retry: judge again what timed out or crashed. Raises ValueError where
    nothing can be graded: no submissions, a key that breaks the format or does not pass
    its own checks, no such kernel; KeyboardInterrupt loses nothing that is finished.
    """
    jobs = _checks.integer("jobs", jobs)
    _checks.one_of("backend", backend, BACKENDS)
    judging.require()
    out, folder, source = Path(out), Path(folder), Path(key)
    key = assign.key_at(source)
    names = [exercise.name for exercise in formats.exercises(key)]
    _table.header(names)
    if out.resolve() == folder.resolve():
        raise ValueError(
            f"results cannot go among the submissions; got {out} for both. "
            "Choose another folder for --out."
        )
    _settings.same_set(out, key.name)
    found = submissions.gather(folder, without=[out, source])
    seed = _settings.seed_of(out, seed)
    about = {"seed": seed, "limits": asdict(limits), "kernel": kernel}
    store = Store(out / ".results", {**about, "key": digest(key)})
    done, todo = divided(found, store, retry)
    settings = {**about, "key": key.name, "version": __version__}
    if todo:
        concealed = tuple(map(str, _places.secret(source, folder, out)))
        reference = executed(key, seed, limits)
        plan = Plan(key, reference, seed, limits, kernel, concealed)
        prove(plan)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)  # points are private
    _settings.write(out, settings)
    if todo:
        done |= judged(todo, plan, store, jobs, backend, len(found))
    rows = [(s.name, done[s.name]) for s in found]
    report.write(out, key, rows)
    path = out / "grades.csv"
    lost = _table.lost(path, rows)
    if lost:
        os.replace(path, out / "grades.before.csv")
    _table.write(path, rows, names)
    return Graded(rows, seed, out, lost)


def digest(key):
    """Return a hash of all that a key holds."""
    cells = [(c.kind, c.exercise, c.source, c.metadata) for c in key.cells]
    return hashlib.sha256(json.dumps(cells, default=str).encode()).hexdigest()


def executed(key, seed, limits):
    """Return the key with the outputs that it has on this machine at this seed."""
    seconds = max(SECONDS, limits.cell_seconds)
    try:
        return execute(formats.runnable(key, seed=seed), seconds=seconds)
    except ValueError as error:
        raise ValueError(f"nothing was graded, at seed {seed}: {error}") from error


def prove(plan):
    """Let the model solution be judged like a student's; ValueError if it fails.

    So outputs that differ from run to run, limits that are too narrow and a kernel
    that lacks a package are found before they cost anybody points.
    """
    model = {e.name: e.answer.source for e in plan.exercises}
    try:
        made = graft(plan.key, plan.reference, model, plan.seed)
    except ValueError as error:
        raise ValueError(f"nothing was graded, at seed {plan.seed}: {error}") from error
    verdict = TRIALS.judge(made, plan.limits, plan.kernel, plan.concealed)
    if verdict.note.startswith(judging.NO_KERNEL):
        raise ValueError(
            f"nothing was graded: {verdict.note}. `jupyter kernelspec list` names the "
            "kernels there are; sandbox needs Linux and bubblewrap, and every kernel "
            "some hundred MB of --memory-limit."
        )
    where = places(plan.key)
    for cell, check in verdict.checks.items():
        if not check.passed:
            raise ValueError(
                f"nothing was graded: at seed {plan.seed} the model solution fails "
                f"check {where[cell].number} of {where[cell].exercise!r}: "
                f"{verdict.note or check.error}. Does it show the same in every run? "
                "Mend the key, or widen the limits."
            )


def divided(found, store, retry):
    """Return {name: Result} of what is done, and the submissions that are not."""
    done, todo = {}, []
    for submission in found:
        data = submissions.load(submission)
        if isinstance(data, submissions.Unreadable):
            done[submission.name] = Result("unreadable", data.reason)
            continue
        kept = store.find(store.place(data))
        if kept is None or (retry and kept.status in ("timed out", "crashed")):
            todo.append(submission)
        else:
            done[submission.name] = kept
    return done, todo


def judged(todo, plan, store, jobs, backend, total):
    """Judge the submissions side by side; return {name: Result}, each kept at once."""
    done = {}
    bar = tqdm(
        total=total, initial=total - len(todo), unit="", desc="graded", disable=None
    )
    # Read one by one, so that no more files are in memory than are being judged.
    tasks = (joblib.delayed(task)(*loaded(s, store), plan) for s in todo)
    settings = {"return_as": "generator_unordered", "batch_size": 1}
    with bar, TRIALS.ended(), engine(backend, jobs):
        parallel = joblib.Parallel(n_jobs=jobs, pre_dispatch="2*n_jobs", **settings)
        with contextlib.closing(parallel(tasks)) as results:
            for name, place, result in results:
                store.keep(place, result)
                done[name] = result
                bar.update()
    return done


def loaded(submission, store):
    """Return (name, path of the kept result, bytes or Unreadable)."""
    data = submissions.load(submission)
    place = store.place(b"" if isinstance(data, submissions.Unreadable) else data)
    return submission.name, place, data


def task(name, place, data, plan):
    """Return what `loaded` gave with a Result for the bytes: all that a worker does."""
    return name, place, mark(data, plan)


@contextlib.contextmanager
def engine(backend, jobs):
    """Let joblib run its tasks in threads (each waits for processes), or by dask.

    dask: the cluster at DASK_SCHEDULER_ADDRESS, else `jobs` workers of this machine.
    """
    if backend == "threads":
        with joblib.parallel_config("threading", n_jobs=jobs):
            yield
        return
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise ValueError(
            f"--backend dask needs the package distributed; got {error}. "
            "Install it: pip install 'wgan-lessons[dask]'."
        ) from error
    local = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None}
    there = dask.config.get("scheduler-address", None)
    with (
        Client(**({} if there else local)) as client,
        joblib.parallel_config("dask", client=client, n_jobs=jobs),
    ):
        try:
            yield
        except BaseException:
            client.run(stop_here)
            raise


def stop_here():
    """End the trials of a worker, which may go on to serve others."""
    TRIALS.stop()
    TRIALS.stopping = False
