"""Stored studies: what needs seeds or minutes, run once and kept as a table.

    wgan-lessons study ring        # writes data/results/ring.csv

A study is a table of settings, seeds, and a measure. A chapter reads the rows
(`reading.read_results`), checks its claims on them, and runs one setting live.
"""

import contextlib
import time
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from wgan_lessons import _checks
from wgan_lessons.recipes import Recipe, describe
from wgan_lessons.studies import measures
from wgan_lessons.studies.settings import SETTINGS, Setting
from wgan_lessons.studies.tables import (
    Summary,
    cell,
    reached,
    read_runs,
    summary,
    write_table,
)
from wgan_lessons.training import State, device, start, train

__all__ = ["SETTINGS", "STUDIES", "Setting", "Snapshot", "Study", "Summary"]
__all__ += ["describe_setting", "header", "play", "reached", "run_study"]
__all__ += ["summary"]


@dataclass(frozen=True)
class Study:
    """What a study asks, what it measures (and under which columns), and its seeds.

    measure(setting, snapshot, seed): returns {column: number}.
    """

    about: str
    measure: object
    columns: tuple
    seeds: tuple = (0, 1, 2, 3, 4)


_digits = partial(Study, measure=measures.digits, columns=measures.DIGITS)
_points = partial(Study, measure=measures.points, columns=measures.POINTS)
_along = partial(measures.digits, repeats=5)

STUDIES = {
    "ring": _points("WGAN-GP on the ring of 8 Gaussians"),
    "grid": _points("WGAN-GP on the grid of 25 Gaussians"),
    "digits": _digits("WGAN-GP on 8x8 digits"),
    "digits_race": _digits("GANs and a clipped WGAN on digits", measure=_along),
    "ring_losses": _points("GANs, clipped WGANs and WGAN-GP on the ring"),
    # One run a loss, to look at: what depends on luck stands in ring_losses.
    "playback": Study(
        "pictures of three losses learning the ring",
        measures.frame,
        measures.FRAME,
        seeds=(0,),
    ),
    "clipped_optimizers": _digits("four optimisers under clipping", seeds=(0, 1, 2)),
    "critic_steps": _digits(
        "1 to 100 critic steps under clipping, at equal work", measure=_along
    ),
    "architectures": _digits("three losses on three generators", seeds=(0, 1, 2)),
    "penalty_weight": _digits("penalty weight and critic steps", seeds=(0, 1, 2)),
    "overfitting": Study(
        "the critic's value on training and held-out digits",
        measures.critic,
        measures.CRITIC,
    ),
}


class Snapshot(NamedTuple):
    """A run at one moment: its state, the averaged generator, each round's value.

    seconds: spent on training so far, without what the caller did in between.
    """

    state: State
    average: torch.nn.Module
    values: np.ndarray
    seconds: float


def play(setting, seed=0):
    """Train a `Setting` and yield a `Snapshot` every `every` rounds and at the end.

    The networks lie on `training.device()`. Raises ValueError if a loss was not finite.
    """
    G = setting.generator(seed=seed).to(device())
    # Another seed: networks of one shape would start with the same weights.
    D = setting.critic(seed=1000 + seed).to(device())
    state = start(
        G,
        D,
        setting.recipe,
        steps=setting.rounds,
        batch_size=setting.batch_size,
        seed=seed,
    )
    data = measures.DATA[setting.data]()
    data = data.to(device()) if isinstance(data, torch.Tensor) else data
    average = AveragedModel(G, multi_avg_fn=get_ema_multi_avg_fn(setting.average))
    every = setting.every or setting.rounds
    values, seconds, began = [], 0.0, time.perf_counter()
    for step in train(state, data):
        average.update_parameters(G)
        values.append(step.value)
        if step.round % every == 0 or step.round == step.steps:
            _checks.finite_run(step.first_bad)  # waits for a GPU to finish, too
            seconds += time.perf_counter() - began
            history = torch.stack(values).cpu().numpy()
            yield Snapshot(state, average.module, history, seconds)
            began = time.perf_counter()


def describe_setting(setting):
    """Return a setting as {column: text or number}, its recipe field by field."""
    row = {f.name: getattr(setting.recipe, f.name) for f in fields(Recipe)}
    row |= {
        f.name: getattr(setting, f.name) for f in fields(Setting)[1:]
    }  # after recipe
    plain = (int, float, str, type(None))
    return {k: v if isinstance(v, plain) else describe(v) for k, v in row.items()}


RUN = ("seed", "device", "torch", "round", "gradient_evaluations", "seconds")
RUN += ("value", "value_sd")


def header(name):
    """Return the columns of a study's table.

    setting, all that makes a run (`describe_setting`), then seed, device, torch, round,
    gradient_evaluations (a round counts critic_steps + 1, each on one batch), seconds
    (of training, one thread), value (median since the last row), value_sd (standard
    deviation over the last third of the rounds so far), then what the study measures.
    """
    study = STUDIES[_checks.one_of("study", name, STUDIES)]
    settings = describe_setting(next(iter(SETTINGS[name].values())))
    return ("setting", *settings, *RUN, *study.columns)


def _settings(name, rounds):
    if rounds is None:
        return SETTINGS[name]
    rounds = _checks.integer("rounds", rounds)
    return {label: replace(s, rounds=rounds) for label, s in SETTINGS[name].items()}


def _rows(name, label, seed, rounds):
    """Return all the rows of one run of a study: it takes minutes."""
    # Another process looks the setting up by its name: a pickled copy of a loss is
    # another object, and `fast` would no longer recognise it.
    setting = _settings(name, rounds)[label]
    rows, seen = [], 0
    place = device()
    hardware = place.type if place.type == "cpu" else torch.cuda.get_device_name(place)
    with _one_thread():
        for shot in play(setting, seed):
            n, values = shot.state.round, shot.values
            row = {
                "setting": label,
                **describe_setting(setting),
                "seed": seed,
                "device": hardware,
                "torch": torch.__version__,
                "round": n,
                "gradient_evaluations": n * (setting.recipe.critic_steps + 1),
                "seconds": round(shot.seconds, 2),
                "value": float(np.median(values[seen:])),
                "value_sd": float(values[2 * n // 3 :].std()),
                **STUDIES[name].measure(setting, shot, seed),
            }
            rows.append({key: cell(row[key]) for key in header(name)})
            seen = n
    return rows


@contextlib.contextmanager
def _one_thread():
    # Sums depend on the number of threads, so a study has one wherever it runs.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_study(
    name, folder, *, seeds=None, jobs=1, rounds=None, resume=False, report=None
):
    """Run a study and write its table, folder/NAME.csv; return the path.

    seeds: in place of the study's own. jobs: runs at a time, one thread each. rounds:
    of every run, for a trial. resume: keep finished runs of the same settings. report:
    called with a line of text after each run. Finished runs wait in NAME.csv.part; the
    old table stays until all are done. Raises ValueError for an unknown name.
    """
    _checks.one_of("study", name, STUDIES)
    seeds = _seeds(STUDIES[name].seeds if seeds is None else seeds)
    columns, settings = header(name), _settings(name, rounds)
    units = [(label, seed) for label in settings for seed in seeds]
    path = Path(folder) / f"{name}.csv"
    part = path.with_name(f"{name}.csv.part")
    done = {}
    if resume:
        known = {label: describe_setting(s) for label, s in settings.items()}
        done = read_runs(path, columns, known) | read_runs(part, columns, known)

    def table():
        return [row for unit in units for row in done.get(unit, [])]

    calls = [(name, *unit, rounds) for unit in units if unit not in done]
    for count, rows in enumerate(_parallel(calls, _checks.integer("jobs", jobs)), 1):
        label, seed, seconds = (rows[-1][key] for key in ("setting", "seed", "seconds"))
        done[label, int(seed)] = rows
        write_table(part, columns, table())
        if report is not None:
            took = f"{float(seconds):.0f} s ({count} of {len(calls)})"
            report(f"{name}: {label}, seed {seed}: {took}")
    write_table(path, columns, table())
    part.unlink(missing_ok=True)
    return path


def _seeds(seeds):
    seeds = [_checks.integer("a seed", seed, minimum=0) for seed in seeds]
    if not seeds:
        raise ValueError("seeds is empty. Pass at least one.")
    return list(dict.fromkeys(seeds))


def _parallel(calls, jobs):
    if jobs == 1 or len(calls) < 2:
        yield from (_rows(*call) for call in calls)
        return
    # Imported here: it comes with scikit-learn, and only studies need it.
    import joblib

    with joblib.parallel_config("loky", inner_max_num_threads=1):
        pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        yield from pool(joblib.delayed(_rows)(*call) for call in calls)
