"""Sequences of laws that converge in one sense and not in another (chapter 2).

P stays, P_n moves. They are part of `examples`, which passes them on.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import rel_entr

from wgan_lessons import _checks
from wgan_lessons.densities import Density, Tail, uniform

LOG_2 = math.log(2)


class Atoms(NamedTuple):
    """A law on finitely many points of the line: points (n,) and weights (n,)."""

    points: np.ndarray
    weights: np.ndarray


class Convergence(NamedTuple):
    """Six distances between P and P_n, from the strictest to the most lenient.

    kl is KL(P||P_n). levy is the least e with F(x - e) - e <= F_n(x) <= F(x + e) + e
    for all x: it goes to 0 exactly if P_n converges to P in distribution.
    """

    kl: float
    reverse_kl: float
    js: float
    tv: float
    w1: float
    levy: float


class Sequence(NamedTuple):
    """A sequence P_n beside its target P: laws and distances for each whole n > 1."""

    title: str
    case: Callable

    def laws(self, n):
        """Return (P, P_n), each `Atoms` or a `Density`."""
        return self.case(_checks.integer("n", n, minimum=2))[:2]

    def distances(self, n):
        """Return the exact `Convergence` of P and P_n."""
        return self.case(_checks.integer("n", n, minimum=2))[2]


class Arrow(NamedTuple):
    """premise -> 0 implies conclusion -> 0, because conclusion <= bound(premise).

    Both are fields of `Convergence`; example names a sequence where both go to 0.
    compact: whether the bound is for laws on one interval only, of length D = DIAMETER.
    In reason L is the Levy distance.
    """

    premise: str
    conclusion: str
    reason: str
    bound: Callable
    example: str
    compact: bool


class CounterExample(NamedTuple):
    """Along a sequence the premise goes to 0, and the conclusion does not.

    compact: whether all laws of the sequence live on one interval.
    """

    premise: str
    conclusion: str
    sequence: str
    compact: bool


def _atoms(points, weights):
    return Atoms(np.array(points, float), np.array(weights, float))


def _two_cells(p, q):
    # KL, reverse KL, JS and TV of two laws that give one of two cells the shares p and
    # q, and agree within each cell.
    def kl(a, b):
        return float(rel_entr(a, b) + rel_entr(1 - a, 1 - b))

    m = (p + q) / 2
    return kl(p, q), kl(q, p), (kl(p, m) + kl(q, m)) / 2, abs(p - q)


def _coin(n):
    fair, unfair = 1 / 2, (1 + 1 / n) / 2
    laws = [_atoms([0, 1], [1 - share, share]) for share in (fair, unfair)]
    return *laws, Convergence(*_two_cells(fair, unfair), 1 / (2 * n), 1 / (2 * n))


def _spike(far):
    def case(n):
        spiked = _atoms([0, far(n)], [1 - 1 / n, 1 / n])
        known = Convergence(*_two_cells(0, 1 / n), far(n) / n, 1 / n)
        return _atoms([0], [1]), spiked, known

    return case


def _cut(n):
    known = Convergence(*_two_cells(1 / n, 0), 1 / (2 * n), 1 / (2 * n))
    return uniform(0, 1), uniform(0, 1 - 1 / n), known


def _slide(n):
    known = Convergence(math.inf, math.inf, LOG_2 / n, 1 / n, 1 / n, 1 / (2 * n))
    return uniform(0, 1), uniform(1 / n, 1 + 1 / n), known


def _approach(n):
    known = Convergence(math.inf, math.inf, LOG_2, 1.0, 1 / n, 1 / n)
    return _atoms([0], [1]), _atoms([1 / n], [1]), known


def _grid(n):
    known = Convergence(math.inf, math.inf, LOG_2, 1.0, 1 / (2 * n), 1 / (2 * n))
    return uniform(0, 1), _atoms(np.arange(1, n + 1) / n, np.full(n, 1 / n)), known


def _tail(n):
    # P(X > x) = 1/x^2 from 1 on. P_n lifts the share beyond n from 1/n^2 to 1/n, which
    # keeps its mean 2 (n - 1)/(n + 1) higher. The Levy distance solves
    # 1/n - 1/(n - e)^2 = e, a cubic in n - e.
    levy = n - max(np.roots([1, 1 / n - n, 0, -1]).real)
    cells, w1 = _two_cells(1 / n**2, 1 / n), 2 * (n - 1) / (n + 1)
    known = Convergence(*cells, w1, float(levy))
    return _cubic(n, 1.0, 1.0), _cubic(n, n / (n + 1), n), known


def _cubic(cut, below, above):
    # The density 2 / x^3 for x > 1, times one factor below the cut, another above it.
    def logpdf(x):
        factor = np.where(x < cut, below, above)
        return np.where(
            x < 1, -np.inf, np.log(2 * factor) - 3 * np.log(np.maximum(x, 1))
        )

    modes = (1.0, 0.5), (float(cut), cut / 2)
    return Density(logpdf, modes, ((1.0, math.inf),), right=Tail(power=3.0))


DIAMETER = 2.0  # the laws of the first six live on [0, 2]
SEQUENCES = {
    "coin": Sequence("a coin that becomes fair", _coin),
    "spike": Sequence("a share 1/n at 1, the rest at 0", _spike(lambda n: 1.0)),
    "cut": Sequence("U[0, 1 - 1/n] against U[0, 1]", _cut),
    "slide": Sequence("U[1/n, 1 + 1/n] against U[0, 1]", _slide),
    "approach": Sequence("an atom at 1/n against one at 0", _approach),
    "grid": Sequence("n equal atoms against U[0, 1]", _grid),
    "escape": Sequence("a share 1/n at n, the rest at 0", _spike(lambda n: n)),
    "flight": Sequence("a share 1/n at n^2, the rest at 0", _spike(lambda n: n**2)),
    "tail": Sequence("a share 1/n beyond n, for 1/n^2", _tail),
}

ARROWS = (
    Arrow("kl", "tv", "Pinsker", lambda kl: math.sqrt(kl / 2), "spike", False),
    Arrow(
        "reverse_kl",
        "js",
        "Pinsker",
        lambda kl: LOG_2 * math.sqrt(kl / 2),
        "cut",
        False,
    ),
    Arrow("tv", "js", "JS <= TV log 2", lambda tv: tv * LOG_2, "slide", False),
    Arrow("js", "tv", "TV^2 <= 2 JS", lambda js: math.sqrt(2 * js), "coin", False),
    Arrow("tv", "w1", "W1 <= D TV", lambda tv: DIAMETER * tv, "slide", True),
    Arrow("js", "levy", "L^2 <= 2 JS", lambda js: math.sqrt(2 * js), "flight", False),
    Arrow("w1", "levy", "L^2 <= W1", math.sqrt, "approach", False),
    Arrow("levy", "w1", "W1 <= (D + 2) L", lambda e: (DIAMETER + 2) * e, "grid", True),
)

COUNTER_EXAMPLES = (
    CounterExample("kl", "reverse_kl", "spike", True),
    CounterExample("reverse_kl", "kl", "cut", True),
    CounterExample("tv", "kl", "slide", True),
    CounterExample("js", "reverse_kl", "slide", True),
    CounterExample("w1", "tv", "approach", True),
    CounterExample("levy", "js", "approach", True),
    CounterExample("tv", "w1", "flight", False),
    CounterExample("kl", "w1", "escape", False),
    CounterExample("reverse_kl", "w1", "tail", False),
    CounterExample("levy", "w1", "flight", False),
)
