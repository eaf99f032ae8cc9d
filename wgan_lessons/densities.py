"""Densities on the line, and integrals that know where to look (chapter 2).

A rule that samples a function misses a narrow peak, and it returns a number for an
integral that is infinite. So a `Density` says where its mass lies and how its tails
fall; infinity is read off the tails, and only the rest is integrated.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wgan_lessons import _checks

LINE = (-math.inf, math.inf)
# Cuts in units of a mode's scale, on both sides of it: smooth pieces in between.
STEPS = np.array([0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128])
DOUBLINGS = [2.0**k for k in range(130)]  # far out pieces grow, each twice the last
NODES = 15
PRECISION = 1e-14
ROUNDING = 1e-13  # of log densities of some hundreds, in the exponent
MOST_PIECES = 20_000


class Integral(NamedTuple):
    """An integral and an estimate of its error; inf with error 0 was decided."""

    value: float
    error: float


class Tail(NamedTuple):
    """How a density falls: log p(x) = -square x^2 + slope |x| - power log |x| + O(1).

    A normal law has square 1/(2 s^2), a Laplace law slope -1/s, Cauchy's has power 2.
    """

    square: float = 0.0
    slope: float = 0.0
    power: float = 0.0

    @property
    def integrable(self):
        """Whether the integral out to infinity is finite."""
        return (-self.square, self.slope, 1 - self.power) < (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Density:
    """A density p on the line: its logarithm, and where and how it has mass.

    logpdf: log p(x), array in, array out, -inf off the support. modes: pairs (centre,
    scale); every peak and every kink is a centre. support: disjoint, rising intervals
    (low, high), inside which p > 0 and up to whose finite ends log p stays bounded.
    left, right: the `Tail` where the support is infinite; None says unknown.
    """

    logpdf: Callable
    modes: tuple
    support: tuple = (LINE,)
    left: Tail | None = None
    right: Tail | None = None

    def __post_init__(self):
        _checks.intervals("support", self.support)
        _checks.peaks("modes", self.modes)

    def pdf(self, x):
        """Return p(x), the shape of x."""
        return np.exp(self.logpdf(np.asarray(x, dtype=float)))

    def tail(self, side):
        """Return the `Tail` on the side "left" or "right", None where p has none.

        Raises ValueError if p goes on for ever in an unknown way.
        """
        end = {"left": self.support[0][0], "right": self.support[-1][1]}
        if math.isfinite(end[_checks.one_of("side", side, end)]):
            return None
        return _checks.known_tail(side, getattr(self, side))


def normal(mean=0.0, sd=1.0):
    """Return the `Density` of N(mean, sd^2); sd is the standard deviation.

    >>> float(normal().logpdf(0.0))
    -0.918938
    """
    mean, sd = _checks.number("mean", mean), _checks.number("sd", sd, above=0.0)
    square, slope = 0.5 / sd**2, mean / sd**2

    def logpdf(x):
        return -0.5 * ((x - mean) / sd) ** 2 - math.log(sd * math.sqrt(2 * math.pi))

    return Density(
        logpdf, ((mean, sd),), left=Tail(square, -slope), right=Tail(square, slope)
    )


def uniform(low=0.0, high=1.0):
    """Return the `Density` of the uniform law on [low, high].

    >>> uniform(0, 4).pdf([-1.0, 1.0]).tolist()
    [0.0, 0.25]
    """
    low = _checks.number("low", low)
    high = _checks.number("high", high, above=low)

    def logpdf(x):
        inside = (low <= x) & (x <= high)
        return np.where(inside, -math.log(high - low), -math.inf)

    middle, radius = (low + high) / 2, (high - low) / 2
    return Density(logpdf, ((middle, radius),), support=((low, high),))


def laplace(mean=0.0, scale=1.0):
    """Return the `Density` exp(-|x - mean|/scale) / (2 scale)."""
    mean = _checks.number("mean", mean)
    scale = _checks.number("scale", scale, above=0.0)
    tail = Tail(slope=-1 / scale)

    def logpdf(x):
        return -np.abs(x - mean) / scale - math.log(2 * scale)

    return Density(logpdf, ((mean, scale),), left=tail, right=tail)


def cauchy(centre=0.0, scale=1.0):
    """Return the `Density` scale / (pi (scale^2 + (x - centre)^2)): it has no mean."""
    centre = _checks.number("centre", centre)
    scale = _checks.number("scale", scale, above=0.0)
    tail = Tail(power=2.0)

    def logpdf(x):
        return -np.log1p(((x - centre) / scale) ** 2) - math.log(math.pi * scale)

    return Density(logpdf, ((centre, scale),), left=tail, right=tail)


def mixture(parts, weights):
    """Return the `Density` sum_k weights_k parts_k; far out the heaviest part rules.

    >>> float(mixture([uniform(0, 1), uniform(2, 4)], [0.5, 0.5]).pdf(3.0))
    0.25
    """
    weights = _checks.weights("weights", weights, size=len(parts))
    chosen = [(math.log(w), part) for w, part in zip(weights, parts) if w > 0]

    def logpdf(x):
        return np.logaddexp.reduce([w + part.logpdf(x) for w, part in chosen])

    used = [part for _, part in chosen]
    return Density(
        logpdf,
        tuple(mode for part in used for mode in part.modes),
        _union(part.support for part in used),
        _heaviest(used, "left"),
        _heaviest(used, "right"),
    )


def _heaviest(parts, side):
    """Return the slowest of the parts' tails, None if there is none or one unknown."""
    try:
        tails = [part.tail(side) for part in parts]
    except ValueError:
        return None
    heaviness = [(-t.square, t.slope, -t.power) for t in tails if t is not None]
    if not heaviness:
        return None
    square, slope, power = max(heaviness)
    return Tail(-square, slope, -power)


def _union(supports):
    """Return the union of intervals as disjoint, rising intervals."""
    merged = []
    for low, high in sorted(interval for support in supports for interval in support):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def covers(q, p):
    """Return whether q has mass wherever p has some: P is absolutely continuous to Q.

    >>> covers(uniform(0, 2), uniform(0, 1)), covers(uniform(0, 1), uniform(0, 2))
    (True, False)
    """
    return all(
        any(a <= low and high <= b for a, b in _union([q.support]))
        for low, high in p.support
    )


def cuts(*densities):
    """Return rising points that cut the line into pieces on which densities are tame.

    Close around every mode, further apart far out; every finite end of a support is
    among them.
    """
    known = [mode for density in densities for mode in density.modes]
    ends = [end for density in densities for pair in density.support for end in pair]
    steps = np.concatenate([-STEPS[::-1], [0.0], STEPS])
    near = [centre + scale * steps for centre, scale in known]
    near = np.unique(
        np.concatenate([*near, [end for end in ends if abs(end) < np.inf]])
    )
    far = (near[-1] - near[0]) * np.array(DOUBLINGS)
    return np.concatenate([near[0] - far[::-1], near, near[-1] + far])


def integrate(function, *densities, kinks=()):
    """Return the `Integral` of function(x) over the union of the densities' supports.

    function: array in, array out. The line is cut at `cuts(*densities)` and at `kinks`;
    pieces are halved until Gauss's rule with 15 nodes agrees with itself. It must
    converge: decide that first. Raises ValueError for values beyond the floats, and
    where the far pieces do not shrink.

    >>> round(integrate(normal(35, 0.1).pdf, normal(0, 1), normal(35, 0.1)).value, 9)
    1.0
    """
    support = _union(density.support for density in densities)
    ends = np.union1d(cuts(*densities), kinks)
    middle = (ends[:-1] + ends[1:]) / 2
    inside = np.any([(low < middle) & (middle < high) for low, high in support], axis=0)
    left, right = ends[:-1][inside], ends[1:][inside]
    with np.errstate(over="ignore", under="ignore"):
        whole = _gauss(function, left, right)
        value, error = _halved(function, left, right, whole)
    rounding = ROUNDING * np.abs(whole).sum()
    return Integral(float(value), float(error + rounding + _beyond(whole, support)))


def _halved(function, left, right, whole):
    """Return value and error, each piece halved until its halves add up to it."""
    value, error = 0.0, 0.0
    enough = PRECISION * np.abs(whole).sum()
    while len(whole):
        middle = (left + right) / 2
        first = _gauss(function, left, middle)
        second = _gauss(function, middle, right)
        change = np.abs(first + second - whole)
        done = (change <= enough) | (len(whole) > MOST_PIECES)
        value += (first + second)[done].sum()
        error += change[done].sum()
        left, right, whole = (
            np.concatenate([a[~done], b[~done]])
            for a, b in ((left, middle), (middle, right), (first, second))
        )
    return value, error


def _gauss(function, left, right):
    """Return Gauss's rule for the integral over each piece."""
    nodes, weights = _rule()
    half = (right - left)[:, None] / 2
    values = function((left + right)[:, None] / 2 + half * nodes)
    return (_checks.within_floats("the integrand", values) * half) @ weights


@functools.cache
def _rule():
    return np.polynomial.legendre.leggauss(NODES)


def _beyond(whole, support):
    """Return what may lie beyond the last pieces, as they shrink like powers of 2."""
    total, sizes = 0.0, np.abs(whole)
    for end, inwards in ((support[0][0], sizes), (support[-1][1], sizes[::-1])):
        if math.isinf(end):
            last = inwards[0]
            # Smaller than this it may be rounding, with no ratio to judge by.
            if last > PRECISION * sizes.sum():
                ratio = _checks.shrinking(last, inwards[1])
                last = last * ratio / (1 - ratio)
            total += last
    return total
