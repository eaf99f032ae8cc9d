"""Studies: what a run is, what is measured, and that stored tables are not stale."""

import csv
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.optim import RMSprop

from wgan_lessons import (
    distributions,
    evaluation,
    files,
    images,
    studies,
    training,
)
from wgan_lessons.networks import mlp_critic, mlp_generator
from wgan_lessons.recipes import WGAN, WGAN_GP, Recipe
from wgan_lessons.studies import measures, tables

RESULTS = Path(__file__).parents[1] / "data" / "results"
LUCK = ("ring", "grid", "digits", "digits_race", "ring_losses")

TINY = studies.Setting(
    recipe=replace(WGAN, critic_optimizer=partial(RMSprop, lr=1e-3)),
    generator=partial(mlp_generator, 2, 2, width=4),
    critic=partial(mlp_critic, 2, width=4),
    data="ring",
    batch_size=8,
    rounds=7,
    every=3,
)
CRITIC_STEPS = TINY.recipe.critic_steps


class Sampler(torch.nn.Module):
    """A "generator" whose samples are function(latents)."""

    def __init__(self, latent, function):
        super().__init__()
        self.latent, self.function = latent, function
        self.place = torch.nn.Parameter(torch.zeros(()))

    def forward(self, z):
        return self.function(z)


def snapshot(G, average=None, D=None):
    """A run's end with these networks."""
    state = SimpleNamespace(generator=G, critic=D, round=1)
    return studies.Snapshot(state, average or G, np.zeros(1), 0.0)


def pick(z, n):
    """Turn standard normal numbers into uniform indices 0, ..., n - 1."""
    return (n * torch.special.ndtr(z.double())).long().clamp(max=n - 1)


def first_weights(setting):
    """The weights of G and D after a single round without learning."""
    still = {"critic_optimizer": partial(RMSprop, lr=0.0), "project": None}
    still["generator_optimizer"] = still["critic_optimizer"]
    frozen = replace(setting, recipe=replace(setting.recipe, **still), rounds=1)
    (shot,) = studies.play(frozen, seed=0)
    return shot.state.generator[2].weight, shot.state.critic[2].weight


@pytest.fixture
def tiny(monkeypatch):
    """A study "tiny" with two settings and two seeds that takes no time."""

    def mean(setting, shot, seed):
        return {"mean": float(training.sample(shot.average, 16, seed=seed).mean())}

    study = studies.Study("nothing much", mean, ("mean",), seeds=(0, 1))
    settings = {"one": TINY, "two, narrower": replace(TINY, batch_size=4)}
    monkeypatch.setitem(studies.STUDIES, "tiny", study)
    monkeypatch.setitem(studies.SETTINGS, "tiny", settings)
    return study


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def work(setting):
    """Gradient evaluations of a run: each player's steps."""
    return setting.rounds * (setting.recipe.critic_steps + 1)


def without_time(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


# A run.


def test_play_is_train_and_record():
    """A study's run is the plain loop: the same values, whoever looks in between."""
    shots = list(studies.play(TINY, seed=5))
    G, D = TINY.generator(seed=5), TINY.critic(seed=1005)
    state = training.start(G, D, TINY.recipe, steps=7, batch_size=8, seed=5)
    run = training.train(state, distributions.ring())
    history = training.record(run, every=1)
    np.testing.assert_array_equal(shots[-1].values, history["value"])
    assert [len(shot.values) for shot in shots] == [3, 6, 7]
    for ours, theirs in zip(
        shots[-1].state.generator.parameters(), G.parameters(), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_average_is_the_exponential_one():
    """After n rounds: a_1 = w_1, a_n = 0.9 a_(n-1) + 0.1 w_n, weight by weight."""
    expected = None
    for shot in studies.play(replace(TINY, every=1, average=0.9), seed=0):
        weight = shot.state.generator[0].weight.detach().clone()
        expected = weight if expected is None else 0.9 * expected + 0.1 * weight
        torch.testing.assert_close(shot.average[0].weight, expected)


def test_measured_only_at_the_end_unless_asked():
    """every=0: one snapshot, of the last round."""
    shots = list(studies.play(replace(TINY, every=0)))
    assert [shot.state.round for shot in shots] == [7]


def test_players_start_differently():
    """Generator and critic of one shape do not begin with the same weights."""
    G, D = first_weights(TINY)
    assert G.shape == D.shape and not torch.equal(G, D)


def test_a_bad_number_stops_the_study():
    """A run that is not finite raises instead of being measured."""
    wild = replace(WGAN, critic_optimizer=partial(RMSprop, lr=1e30), project=None)
    with pytest.raises(ValueError, match="NaN or infinite in round"):
        list(studies.play(replace(TINY, recipe=wild, rounds=30)))


# Measures.


def test_points_of_the_ring_itself(monkeypatch):
    """Samples of the ring: 8 modes, 98.9% near, spread 1, W1 at its floor."""
    monkeypatch.setattr(measures, "REPEATS", 5)
    mixture = distributions.ring()

    def draw(z):
        return mixture.centres[pick(z[:, 0], 8)] + mixture.sigma * z[:, 1:]

    row = measures.points(TINY, snapshot(Sampler(3, draw)), seed=0)
    assert tuple(row) and set(row) == set(measures.POINTS)
    assert row["modes"] == row["modes_average"] == 8
    assert row["high_quality"] == pytest.approx(0.989, abs=0.008)
    assert row["spread"] == pytest.approx(1, abs=0.05)
    assert row["w1"] == pytest.approx(row["w1_floor"], rel=0.4)


def test_points_tell_the_last_generator_from_its_average(monkeypatch):
    """Everything in one mode against everything nowhere, each under its own name."""
    monkeypatch.setattr(measures, "REPEATS", 1)
    centre = distributions.ring().centres[0]
    last = Sampler(2, lambda z: centre.expand(len(z), 2))
    average = Sampler(2, torch.zeros_like)
    row = measures.points(TINY, snapshot(last, average), seed=0)
    assert (row["modes"], row["modes_average"]) == (1, 0)
    assert (row["high_quality"], row["high_quality_average"]) == (1, 0)
    assert row["spread"] == 0 and np.isnan(row["spread_average"])
    # From the origin every centre is sqrt(2) away, up to the noise.
    assert row["w1_average"] == pytest.approx(2**0.5, rel=0.01)


def test_digits_themselves():
    """Training digits at random: Frechet distance at most its floor, no class lost."""
    real = images.split(images.digits(), 1400).train.images
    copies = Sampler(1, lambda z: real[pick(z[:, 0], 1400)])
    row = measures.digits(TINY, snapshot(copies), seed=0, repeats=5)
    assert set(row) == set(measures.DIGITS)
    assert 0 < row["frechet"] < 1.2 * row["frechet_floor"] < 6
    assert row["smallest_class"] > 70 and row["confidence"] > 0.97


def test_digits_of_one_kind():
    """One digit a thousand times: nine classes empty, and far from the data."""
    one = images.digits().images[:1]
    G = Sampler(1, lambda z: one.expand(len(z), 1, 8, 8))
    row = measures.digits(TINY, snapshot(G), seed=0, repeats=1)
    assert row["smallest_class"] == 0 and row["frechet"] > 50


def test_critic_scores_by_hand():
    """value = mean score of real digits - mean score of fakes, for both halves."""
    train, held_out = images.split(images.digits(), 1000)
    D = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 1))
    D.append(torch.nn.Flatten(0))
    torch.nn.init.constant_(D[1].weight, 0.5)
    G = Sampler(1, lambda z: torch.full((len(z), 1, 8, 8), -1.0))
    row = measures.critic(TINY, snapshot(G, D=D), seed=0)
    for name, part in (("value_train", train), ("value_held_out", held_out)):
        expected = 32 * (part.images.mean() + 1)
        assert row[name] == pytest.approx(float(expected), rel=1e-4)


# Tables.


def test_table_has_the_declared_columns(tiny, tmp_path):
    """One row a measurement, in the order of settings, seeds and rounds."""
    rows = read(studies.run_study("tiny", tmp_path))
    assert tuple(rows[0]) == studies.header("tiny")
    assert [(r["setting"], r["seed"], r["round"]) for r in rows] == [
        (setting, seed, n)
        for setting in ("one", "two, narrower")
        for seed in "01"
        for n in "367"
    ]
    assert rows[0]["critic_optimizer"] == "RMSprop(lr=0.001)"
    assert rows[0]["penalty"] == "" and rows[0]["rounds"] == "7"
    per_round = CRITIC_STEPS + 1
    assert [int(r["gradient_evaluations"]) for r in rows[:3]] == [
        3 * per_round,
        6 * per_round,
        7 * per_round,
    ]
    assert str(tmp_path) not in (tmp_path / "tiny.csv").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.csv"]


def test_value_is_the_median_since_the_last_row(tiny, tmp_path):
    """value: median since the row before; value_sd: over the last third so far."""
    rows = read(studies.run_study("tiny", tmp_path, seeds=[0]))[:3]
    *_, shot = studies.play(TINY, seed=0)
    parts = (shot.values[:3], shot.values[3:6], shot.values[6:])
    for row, part in zip(rows, parts, strict=True):
        assert float(row["value"]) == pytest.approx(np.median(part), rel=1e-4)
    assert float(rows[1]["value_sd"]) == pytest.approx(shot.values[4:6].std(), rel=1e-4)


def test_a_study_repeats_itself(tiny, tmp_path):
    """Two runs differ in nothing but their seconds."""
    first = read(studies.run_study("tiny", tmp_path / "a"))
    second = read(studies.run_study("tiny", tmp_path / "b"))
    assert without_time(first) == without_time(second)


def test_jobs_change_nothing(tmp_path):
    """Two processes make the same table as one, in the same order."""
    wanted = {"seeds": [1, 0], "rounds": 2}
    one = read(studies.run_study("overfitting", tmp_path / "1", **wanted))
    two = read(studies.run_study("overfitting", tmp_path / "2", jobs=2, **wanted))
    assert without_time(one) == without_time(two)
    assert [row["seed"] for row in two] == ["1", "0"]


def test_threads_are_put_back(tiny, tmp_path):
    """A study computes with one thread, and leaves the caller's number alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        studies.run_study("tiny", tmp_path, seeds=[0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def interrupted(monkeypatch, after):
    """Make the study stop, as by Ctrl-C, after some finished runs; count the runs."""
    runs, rows = [], studies._rows

    def count(*call):
        if len(runs) == after:
            raise KeyboardInterrupt
        runs.append(call)
        return rows(*call)

    monkeypatch.setattr(studies, "_rows", count)
    return runs


def test_interrupted_study_leaves_the_old_table(tiny, tmp_path, monkeypatch):
    """The old table is whole until the new one is; finished runs are not lost."""
    path = tmp_path / "tiny.csv"
    path.write_text("old\n")
    with monkeypatch.context() as patch:
        interrupted(patch, after=2)
        with pytest.raises(KeyboardInterrupt):
            studies.run_study("tiny", tmp_path)
    assert path.read_text() == "old\n"
    assert len(read(tmp_path / "tiny.csv.part")) == 6
    path.unlink()
    with monkeypatch.context() as patch:
        runs = interrupted(patch, after=9)
        again = read(studies.run_study("tiny", tmp_path, resume=True))
        assert [(label, seed) for _, label, seed, _ in runs] == [
            ("two, narrower", 0),
            ("two, narrower", 1),
        ]
    whole = read(studies.run_study("tiny", tmp_path / "whole"))
    assert without_time(again) == without_time(whole)
    assert not (tmp_path / "tiny.csv.part").exists()


def test_resume_keeps_only_runs_of_the_same_settings(tiny, tmp_path, monkeypatch):
    """A changed setting is run again; the other's rows stay as they are."""
    before = read(studies.run_study("tiny", tmp_path))
    changed = replace(TINY, recipe=replace(TINY.recipe, critic_steps=2))
    monkeypatch.setitem(studies.SETTINGS["tiny"], "one", changed)
    runs = interrupted(monkeypatch, after=9)
    after = read(studies.run_study("tiny", tmp_path, resume=True))
    assert [(label, seed) for _, label, seed, _ in runs] == [("one", 0), ("one", 1)]
    assert after[6:] == before[6:]
    assert {row["critic_steps"] for row in after[:6]} == {"2"}


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    """A file is replaced by a whole one or not at all, and nothing is left over."""
    path = tmp_path / "a.csv"
    path.write_text("old")

    def fail(file):
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.replace_file(path, fail)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_report_is_a_line_a_run(tiny, tmp_path):
    """Whoever waits is told of each finished run."""
    lines = []
    studies.run_study("tiny", tmp_path, report=lines.append)
    assert len(lines) == 4 and lines[0].startswith("tiny: one, seed 0: ")
    assert lines[-1].endswith("(4 of 4)")


def test_unknown_study_lists_the_names(tmp_path):
    """A wrong name is answered with the right ones."""
    with pytest.raises(ValueError, match="unknown study 'rings'") as caught:
        studies.run_study("rings", tmp_path)
    assert all(name in str(caught.value) for name in studies.STUDIES)
    with pytest.raises(ValueError, match="unknown study"):
        studies.header("rings")


@pytest.mark.parametrize(
    "wanted",
    [{"seeds": [-1]}, {"seeds": []}, {"seeds": [0.5]}, {"jobs": 0}, {"rounds": 0}],
)
def test_bad_numbers(tiny, tmp_path, wanted):
    """Negative seeds, no jobs and no rounds are refused, and nothing is written."""
    with pytest.raises(ValueError, match="whole number|seeds is empty"):
        studies.run_study("tiny", tmp_path, **wanted)
    assert not list(tmp_path.iterdir())


def test_summary_is_of_the_last_rows():
    """Low, median and high over the seeds, of each run's last row."""
    rows = [
        {"setting": "a", "seed": seed, "round": n, "modes": 10 * seed + n}
        for seed in (2, 0, 1)
        for n in (1, 2)
    ]
    assert studies.summary(rows, "modes") == {"a": (2, 12, 22)}


def test_reached_is_the_first_row_below():
    """The first row at or below the threshold, None where there is none."""
    rows = [
        {"setting": "a", "seed": seed, "round": n, "frechet": value}
        for seed, values in enumerate([(9, 5, 4, 7), (9, 8, 7, 6)])
        for n, value in enumerate(values)
    ]
    first = studies.reached(rows, "frechet", 5)
    assert first[("a", 0)]["round"] == 1 and first[("a", 1)] is None


# The settings, and the tables that are stored.


def test_every_study_has_settings():
    """Studies and settings have the same names, and a study a sentence."""
    assert set(studies.STUDIES) == set(studies.SETTINGS)
    for study in studies.STUDIES.values():
        assert study.about and len(set(study.columns)) == len(study.columns)


@pytest.mark.parametrize("name", studies.STUDIES)
def test_settings_are_told_apart_by_their_columns(name):
    """No two settings of a study have the same columns, and all of them fit a cell."""
    described = [studies.describe_setting(s) for s in studies.SETTINGS[name].values()]
    cells = [tuple(map(tables.cell, row.values())) for row in described]
    assert len(set(cells)) == len(cells)
    assert all(" at 0x" not in cell for row in cells for cell in row)


def test_a_setting_describes_all_of_itself():
    """Every field of recipe and setting is a column, or stale rows would survive."""
    named = {f.name for f in fields(Recipe)} | {f.name for f in fields(studies.Setting)}
    assert set(studies.describe_setting(TINY)) == named - {"recipe"}
    changes = {"recipe": WGAN_GP, "generator": partial(mlp_generator, 2, 2, width=5)}
    changes |= {"critic": partial(mlp_critic, 2, width=5), "data": "grid"}
    changes |= {"batch_size": 9, "rounds": 9, "every": 9, "average": 0.5}
    for name, value in changes.items():
        other = studies.describe_setting(replace(TINY, **{name: value}))
        assert other != studies.describe_setting(TINY)
    assert len(changes) == len(fields(studies.Setting))


@pytest.mark.parametrize("name", studies.STUDIES)
def test_every_setting_trains(name):
    """Each setting's networks, data and recipe fit together, for one round."""
    for setting in studies.SETTINGS[name].values():
        recipe = replace(setting.recipe, critic_steps=1)
        (shot,) = studies.play(replace(setting, recipe=recipe, rounds=1, batch_size=4))
        assert shot.state.round == 1


@pytest.mark.parametrize("name", LUCK)
def test_luck_takes_five_seeds(name):
    """What depends on luck is run at least five times."""
    assert len(set(studies.STUDIES[name].seeds)) >= 5


def test_races_are_at_a_constant_rate_and_equal_work():
    """Any two moments of a race can be compared, and all end at the same work."""
    for name in ("digits_race", "critic_steps"):
        settings = studies.SETTINGS[name].values()
        assert all(s.recipe.rate is None and s.every for s in settings)
        assert max(map(work, settings)) <= 1.02 * min(map(work, settings))


def test_only_the_loss_differs_on_the_ring():
    """Same networks, data and batch; as many generator steps, or as much work."""
    settings = studies.SETTINGS["ring_losses"]
    same = {replace(setting, recipe=WGAN, rounds=1) for setting in settings.values()}
    assert len(same) == 1
    last = settings["WGAN-GP"]
    for name, setting in settings.items():
        if "equal work" in name:
            assert work(setting) == work(last)
        else:
            assert setting.rounds == last.rounds


STORED = sorted(RESULTS.glob("*.csv"))


@pytest.mark.parametrize("path", STORED, ids=[path.stem for path in STORED])
def test_stored_table_is_not_stale(path):
    """A stored table has the columns, settings, seeds and rounds of the code.

    Otherwise: `wgan-lessons study NAME`.
    """
    name = path.stem
    assert name in studies.STUDIES, f"no study writes {path.name}: delete it"
    rows, settings = read(path), studies.SETTINGS[name]
    assert tuple(rows[0]) == studies.header(name)
    seeds = [str(seed) for seed in studies.STUDIES[name].seeds]
    runs = [(label, seed) for label in settings for seed in seeds]
    assert list(dict.fromkeys((r["setting"], r["seed"]) for r in rows)) == runs
    for label, seed in runs:
        own = [r for r in rows if (r["setting"], r["seed"]) == (label, seed)]
        last, every = settings[label].rounds, settings[label].every
        measured = [*range(every, last, every), last] if every else [last]
        assert [int(r["round"]) for r in own] == measured
        wanted = studies.describe_setting(settings[label])
        for row in own:
            assert {k: row[k] for k in wanted} == {
                k: tables.cell(v) for k, v in wanted.items()
            }


def test_floors_are_the_evaluations_own():
    """The floor beside a number is of the same size of sample."""
    real = images.split(images.digits(), 1400).train.images
    floor = evaluation.floor(evaluation.frechet, real, size=700)
    assert measures._frechet_floor() == pytest.approx(floor.median, rel=1e-6)
