"""What the studies measure of a run, once for points and once for digits.

A measure takes (setting, snapshot, seed) and returns {column: number}. Both the last
generator and its average are measured; the average's columns end in `_average`. One
number between finite samples is luck: each is the median of several fresh pairs of
samples, like the floor beside it.
"""

import functools

import numpy as np
import torch

from wgan_lessons import _packing, evaluation, images
from wgan_lessons.distributions import grid, random_generator, ring
from wgan_lessons.training import sample

MODES_SIZE, W1_SIZE = 4000, 500
FRECHET_SIZE, CLASSES_SIZE = 700, 1000
REPEATS = 20
VIEW, SIDE, SHOWN = 2.0, 20, 128


def _doubled(*names):
    return (*names, *(f"{name}_average" for name in names))


POINTS = (*_doubled("modes", "high_quality", "spread", "w1"), "w1_floor")
DIGITS = (*_doubled("frechet", "smallest_class", "confidence"), "frechet_floor")
CRITIC = ("value_train", "value_held_out")
FRAME = ("modes", "high_quality", "spread", "w1", "w1_floor")
FRAME += ("view", "points", "score_low", "score_high", "scores")


@functools.cache
def _digits(n):
    return images.split(images.digits(), n)


DATA = {
    "ring": ring,
    "grid": grid,
    "digits": lambda: _digits(1400).train.images,
    "digits-1000": lambda: _digits(1000).train.images,
}


def points(setting, snapshot, seed):
    """Measure a plane mixture's samples: modes, quality, spread and exact W1."""
    return {
        **_twice(_points, setting, snapshot, seed),
        "w1_floor": _w1_floor(setting.data),
    }


def digits(setting, snapshot, seed, *, repeats=REPEATS):
    """Measure made digits: Frechet distance, smallest class, confidence."""
    measure = functools.partial(_made_digits, repeats=repeats)
    return {
        **_twice(measure, setting, snapshot, seed),
        "frechet_floor": _frechet_floor(),
    }


@torch.no_grad()
def critic(setting, snapshot, seed):
    """Score the training digits and as many as are held out, against the same fakes."""
    parts = _digits(1000)
    G, D = snapshot.state.generator, snapshot.state.critic
    fake = D(sample(G, 1000, seed=1000 + seed)).mean()
    place = next(D.parameters()).device
    train, held_out = (D(part.images.to(place)).mean() - fake for part in parts)
    return {"value_train": float(train), "value_held_out": float(held_out)}


def frame(setting, snapshot, seed):
    """Measure the last generator, and pack what a picture of the plane shows.

    points: `SHOWN` samples, x and y by turns, two characters each, -view..view.
    scores: the critic's on SIDE x SIDE cells of the same square, the lowest row first,
    one character each, score_low..score_high.
    """
    G, D = snapshot.state.generator, snapshot.state.critic
    points = sample(G, SHOWN, seed=3000 + seed).cpu()
    scores = _scores(D)
    low, high = float(scores.min()), float(scores.max())
    return {
        **_points(setting, G, seed),
        "w1_floor": _w1_floor(setting.data),
        "view": VIEW,
        "points": _packing.pack(points, low=-VIEW, high=VIEW, width=2),
        "score_low": low,
        "score_high": high,
        "scores": _packing.pack(scores, low=low, high=high, width=1),
    }


@torch.no_grad()
def _scores(D):
    centres = VIEW * ((2 * torch.arange(SIDE) + 1) / SIDE - 1)
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    place = next(D.parameters()).device
    return D(torch.stack([x, y], dim=-1).reshape(-1, 2).to(place)).cpu()


def _twice(measure, setting, snapshot, seed):
    last = measure(setting, snapshot.state.generator, seed)
    average = measure(setting, snapshot.average, seed)
    return {**last, **{f"{name}_average": value for name, value in average.items()}}


# Training draws from `seed` itself; what is measured needs other samples.
def _points(setting, G, seed):
    mixture, rng = DATA[setting.data](), random_generator(1000 + seed)
    report = evaluation.mode_report(sample(G, MODES_SIZE, seed=1000 + seed), mixture)
    fakes = sample(G, REPEATS * W1_SIZE, seed=2000 + seed).split(W1_SIZE)
    w1 = [evaluation.exact_w1(mixture.sample(W1_SIZE, rng), fake) for fake in fakes]
    return {
        "modes": report.covered,
        "high_quality": report.high_quality,
        "spread": report.spread,
        "w1": float(np.median(w1)),
    }


def _made_digits(setting, G, seed, *, repeats):
    rng = np.random.default_rng(1000 + seed)
    real = _features()
    fakes = sample(G, repeats * FRECHET_SIZE, seed=1000 + seed).split(FRECHET_SIZE)
    distances = [
        evaluation.frechet(
            rng.choice(real, FRECHET_SIZE, replace=False), evaluation.features(fake)
        )
        for fake in fakes
    ]
    labels, confidence = evaluation.classify(sample(G, CLASSES_SIZE, seed=2000 + seed))
    return {
        "frechet": float(np.median(distances)),
        "smallest_class": int(np.bincount(labels, minlength=10).min()),
        "confidence": float(confidence.mean()),
    }


@functools.cache
def _features():
    return evaluation.features(_digits(1400).train.images)


@functools.cache
def _frechet_floor():
    real = torch.from_numpy(_features())
    return evaluation.floor(evaluation.frechet, real, size=FRECHET_SIZE).median


@functools.cache
def _w1_floor(name):
    return evaluation.floor(evaluation.exact_w1, DATA[name](), size=W1_SIZE).median
