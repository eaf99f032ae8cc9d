"""Families of instances with closed-form answers, as hypothesis strategies.

An instance carries what is known of it without any solver: the cost of an optimal
plan, the plan, and potentials u, v with u_i + v_j <= |x_i - y_j|. Coordinates are
multiples of 1/8, so that ties and repeated points are common, and most sums exact.
"""

from typing import NamedTuple

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from wgan_lessons import boxes

# No deadline, for a busy machine is not a bug; the same examples on every run.
examples = settings(max_examples=40, deadline=None, derandomize=True)

DIMENSIONS = st.integers(1, 3)
COORDINATES = st.integers(-64, 64).map(lambda k: k / 8)


class Instance(NamedTuple):
    """Weights a on points x against b on y; cost, plan, u, v: known answers."""

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    cost: float
    plan: np.ndarray | None = None
    u: np.ndarray | None = None
    v: np.ndarray | None = None


def uniform(n):
    return np.full(n, 1 / n)


@st.composite
def clouds(draw, n, dim):
    """n points in dim dimensions; repeated points may occur."""
    rows = st.lists(COORDINATES, min_size=dim, max_size=dim)
    return np.array(draw(st.lists(rows, min_size=n, max_size=n)))


@st.composite
def weights(draw, n, *, zeros=True):
    """n weights that sum to 1; with zeros=True some of them may be 0."""
    lowest = st.integers(0 if zeros else 1, 9)
    counts = np.array(draw(st.lists(lowest, min_size=n, max_size=n)), float)
    if counts.sum() == 0:
        counts[draw(st.integers(0, n - 1))] = 1
    return counts / counts.sum()


@st.composite
def diracs(draw):
    """One point against one point: W is their distance."""
    dim = draw(DIMENSIONS)
    x, y = draw(clouds(1, dim)), draw(clouds(1, dim))
    far = float(np.linalg.norm(x - y))
    one = np.ones(1)
    return Instance(x, y, one, one, far, np.ones((1, 1)), far * one, 0 * one)


@st.composite
def one_to_many(draw):
    """One point against a weighted cloud: one plan exists, W is the mean distance."""
    dim, m = draw(DIMENSIONS), draw(st.integers(1, 6))
    x, y, b = draw(clouds(1, dim)), draw(clouds(m, dim)), draw(weights(m))
    far = np.linalg.norm(x - y, axis=1)
    a = np.ones(1)
    return Instance(x, y, a, b, float(b @ far), b[None, :], 0 * a, far)


@st.composite
def translated(draw):
    """A weighted cloud against its translate by t: W = |t|, each point moves by t.

    The potential is f(z) = -<z, t>/|t|.
    """
    dim, n = draw(DIMENSIONS), draw(st.integers(1, 6))
    x, a = draw(clouds(n, dim)), draw(weights(n))
    t = draw(clouds(1, dim))[0]
    size = np.linalg.norm(t)
    slope = -t / size if size else t
    return Instance(
        x, x + t, a, a, float(size), np.diag(a), x @ slope, -(x + t) @ slope
    )


@st.composite
def sorted_line(draw):
    """Equally large samples on the line: W pairs them in order."""
    n = draw(st.integers(1, 8))
    x, y = np.sort(draw(clouds(n, 1)), axis=0), np.sort(draw(clouds(n, 1)), axis=0)
    cost = float(np.abs(x - y).mean())
    return Instance(x, y, uniform(n), uniform(n), cost, np.eye(n) / n)


@st.composite
def near_permutations(draw):
    """Points far apart, against the same ones shuffled and moved by less than half way.

    Each y lies nearest to its own x, so that u = the way to it and v = 0 are optimal.
    """
    dim, n = draw(DIMENSIONS), draw(st.integers(1, 6))
    x = np.zeros((n, dim))
    x[:, 0] = 40 * np.arange(n)
    shift = draw(clouds(n, dim))
    partners = np.array(draw(st.permutations(range(n))), dtype=int)
    y = np.empty_like(x)
    y[partners] = x + shift
    plan = np.zeros((n, n))
    plan[np.arange(n), partners] = 1 / n
    far = np.linalg.norm(shift, axis=1)
    return Instance(
        x, y, uniform(n), uniform(n), float(far.mean()), plan, far, np.zeros(n)
    )


@st.composite
def cones(draw):
    """Pairs on rays of f(z) = max_k (s_k - |z - c_k|): f is an optimal potential.

    x_i lies between y_i and the apex of the cone that rules at y_i, so that
    f(x_i) - f(y_i) = |x_i - y_i| for any weights.
    """
    dim, k, n = draw(DIMENSIONS), draw(st.integers(1, 3)), draw(st.integers(1, 6))
    centres, heights = draw(clouds(k, dim)), draw(clouds(k, 1))[:, 0]
    y, a = draw(clouds(n, dim)), draw(weights(n))
    along = np.array(draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))) / 8

    def values(z):
        return heights - np.linalg.norm(z[:, None] - centres, axis=2)

    apex = centres[values(y).argmax(axis=1)]
    x = y + along[:, None] * (apex - y)
    far = np.linalg.norm(x - y, axis=1)
    u, v = values(x).max(axis=1), -values(y).max(axis=1)
    return Instance(x, y, a, a, float(a @ far), np.diag(a), u, v)


def solved():
    """An instance of any family whose plan is known."""
    return st.one_of(
        diracs(),
        one_to_many(),
        translated(),
        sorted_line(),
        near_permutations(),
        cones(),
    )


def priced():
    """An instance of any family whose potentials are known."""
    return st.one_of(
        diracs(), one_to_many(), translated(), near_permutations(), cones()
    )


@st.composite
def equal_clouds(draw, *, largest=5):
    """Two clouds of n points each, n up to `largest`: small enough for brute force."""
    dim, n = draw(DIMENSIONS), draw(st.integers(1, largest))
    return draw(clouds(n, dim)), draw(clouds(n, dim))


@st.composite
def weighted_clouds(draw, *, largest=6):
    """Two clouds with weights, some of them 0: (x, y, a, b)."""
    dim = draw(DIMENSIONS)
    n, m = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    x, y = draw(clouds(n, dim)), draw(clouds(m, dim))
    return x, y, draw(weights(n)), draw(weights(m))


def _pile(positions):
    counts = {}
    for position in positions:
        counts[position] = counts.get(position, 0) + 1
    return counts


@st.composite
def puzzles(draw, *, largest=5):
    """A box puzzle with at most `largest` boxes on whole positions."""
    n = draw(st.integers(1, largest))
    places = st.lists(st.integers(-5, 5), min_size=n, max_size=n)
    return boxes.Puzzle(_pile(draw(places)), _pile(draw(places)))


@st.composite
def one_way_puzzles(draw):
    """A puzzle whose boxes all move right, and the cost of each of its plans."""
    n = draw(st.integers(1, 5))
    starts = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    ends = draw(st.lists(st.integers(5, 10), min_size=n, max_size=n))
    return boxes.Puzzle(_pile(starts), _pile(ends)), sum(ends) - sum(starts)
