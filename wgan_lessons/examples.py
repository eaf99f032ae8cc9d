"""Examples whose distances are known in closed form (chapter 2).

P stays and Q moves; w1 is W1(P, Q), kl is KL(P||Q), reverse_kl is KL(Q||P). Infinity is
a value. A derivative that does not exist is NaN.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from scipy.stats import binom

from wgan_lessons import _checks
from wgan_lessons._sequences import (
    ARROWS,
    COUNTER_EXAMPLES,
    DIAMETER,
    SEQUENCES,
    Arrow,
    Atoms,
    Convergence,
    CounterExample,
    Sequence,
)

__all__ = [
    "ARROWS", "COUNTER_EXAMPLES", "DIAMETER", "SEQUENCES", "Arrow", "Atoms",
    "Convergence", "CounterExample", "Distances", "Flat", "Sequence", "Twins", "Ways",
    "coin_sum", "five_ways", "flattening", "log_normal_twins", "parallel_lines",
    "parallel_lines_gradients", "shifted_gaussians", "shifted_gaussians_gradients",
]  # fmt: skip

LOG_2 = math.log(2)


class Distances(NamedTuple):
    """Five distances of one pair of laws, or their five derivatives."""

    w1: float
    js: float
    kl: float
    reverse_kl: float
    tv: float


def parallel_lines(theta):
    """Return the `Distances` of two upright segments, theta apart (chapter 2).

    P = (0, U[0, 1]) and Q = (theta, U[0, 1]) in the plane. All five are exact.

    >>> parallel_lines(-2.0).w1, parallel_lines(-2.0).tv, parallel_lines(0).js
    (2.0, 1.0, 0.0)
    """
    theta = _checks.number("theta", theta)
    if theta == 0:
        return Distances(0.0, 0.0, 0.0, 0.0, 0.0)
    return Distances(abs(theta), LOG_2, math.inf, math.inf, 1.0)


def parallel_lines_gradients(theta):
    """Return the derivatives of `parallel_lines` by theta, as `Distances`.

    NaN where there is none: for all five at theta = 0, where W1 has a kink and the
    others jump, and for both KL elsewhere, where they are infinite on either side.

    >>> parallel_lines_gradients(0.5)
    Distances(w1=1.0, js=0.0, kl=nan, reverse_kl=nan, tv=0.0)
    """
    theta = _checks.number("theta", theta)
    none = math.nan
    if theta == 0:
        return Distances(none, none, none, none, none)
    return Distances(math.copysign(1.0, theta), 0.0, none, none, 0.0)


def shifted_gaussians(mu, *, s=1.0):
    """Return the `Distances` of P = N(0, s) and Q = N(mu, s), s a standard deviation.

    With d = |mu| / s: W1 = |mu|, KL = d^2 / 2 both ways, TV = erf(d / sqrt 8), and
    JS = log 2 - exp(-d^2/8) E[exp(t/2) log(1 + exp(-t))] with t = d N(0, 1), chapter 2.
    Exact up to rounding, 1e-15 for JS.

    >>> shifted_gaussians(3.0).kl, round(shifted_gaussians(3.0).js, 4)
    (4.5, 0.5268)
    """
    mu, s = _checks.number("mu", mu), _checks.number("s", s, above=0.0)
    d = abs(mu) / s
    gap = _normal_mean(lambda t: np.exp(t / 2) * np.log1p(np.exp(-t)), d)
    js = LOG_2 - math.exp(-d * d / 8) * gap
    kl = d * d / 2
    return Distances(abs(mu), max(js, 0.0), kl, kl, math.erf(d / math.sqrt(8)))


def shifted_gaussians_gradients(mu, *, s=1.0):
    """Return the derivatives of `shifted_gaussians` by mu, as `Distances`.

    For mu > 0: KL' = mu / s^2 grows, TV' = exp(-d^2/8) / (s sqrt(2 pi)) falls, and
    JS' = d exp(-d^2/8) E[1 / cosh(t/2)] / (4 s) first grows, then dies (chapter 2).
    NaN for W1 and TV at mu = 0, where they have a kink.
    """
    mu, s = _checks.number("mu", mu), _checks.number("s", s, above=0.0)
    d, sign = abs(mu) / s, math.copysign(1.0, mu)
    overlap = math.exp(-d * d / 8)
    js = sign * d * overlap * _normal_mean(lambda t: 1 / np.cosh(t / 2), d) / (4 * s)
    kink = sign if mu else math.nan
    tv = kink * overlap / (s * math.sqrt(2 * math.pi))
    return Distances(kink, js, mu / s**2, mu / s**2, tv)


def _normal_mean(function, scale):
    # The trapezoid rule is exact to rounding for smooth functions that die out: here
    # for every scale at which exp(-scale^2/8) is not 0. Beyond 700 nothing is left.
    w = np.linspace(-12, 12, 4001)
    density = np.exp(-(w**2) / 2) / math.sqrt(2 * math.pi)
    return float(function(np.clip(scale * w, -700, 700)) @ density * (w[1] - w[0]))


class Ways(NamedTuple):
    """How far five statements of "converges in distribution" are from their limit."""

    distribution_function: float
    bounded_function: float
    characteristic_function: float
    moment: float
    central_limit: float


def coin_sum(n):
    """Return the law of n coin tosses +1 or -1, added up and divided by sqrt(n).

    Mean 0 and variance 1 for every n; N(0, 1) in the limit (chapter 2).

    >>> coin_sum(2).weights.tolist()
    [0.25, 0.5, 0.25]
    """
    n = _checks.integer("n", n)
    heads = np.arange(n + 1)
    return Atoms((2 * heads - n) / math.sqrt(n), binom.pmf(heads, n, 0.5))


def five_ways(n):
    """Return the `Ways` for `coin_sum(n)` and its limit N(0, 1), chapter 2.

    What is left, in turn, of F_n(1), which goes to F(1); of E exp(-X^2 / 2), to
    1/sqrt 2; of E exp(iX) = cos(1/sqrt n)^n, to exp(-1/2); of E X^4 = 3 - 2/n, to 3;
    last, the largest |F_n(x) - F(x)| over all x, about 0.4 / sqrt(n).
    """
    points, weights = coin_sum(n)
    below = np.cumsum(weights)
    gaps = np.abs(np.append(below - ndtr(points), below - weights - ndtr(points)))
    return Ways(
        float(abs(weights[points <= 1].sum() - ndtr(1))),
        float(abs(weights @ np.exp(-(points**2) / 2) - math.sqrt(0.5))),
        abs(math.cos(1 / math.sqrt(n)) ** n - math.exp(-0.5)),
        float(abs(weights @ points**4 - 3)),
        float(gaps.max()),
    )


class Flat(NamedTuple):
    """Characteristic function at t and distribution function at x of N(0, n)."""

    characteristic: float
    distribution: float


def flattening(n, *, t, x):
    """Return the `Flat` of N(0, n), variance n: exp(-n t^2 / 2) and F(x / sqrt n).

    Both converge for all t and x, the first to a function with a jump at t = 0, the
    second to 1/2: there is no limit law (chapter 2).
    """
    n = _checks.integer("n", n)
    t, x = _checks.number("t", t), _checks.number("x", x)
    return Flat(math.exp(-n * t**2 / 2), float(ndtr(x / math.sqrt(n))))


class Twins(NamedTuple):
    """Two densities, shape of their argument."""

    normal: np.ndarray
    twin: np.ndarray


def log_normal_twins(z):
    """Return the densities of log X for a log-normal X and for its twin, at z.

    phi(z) and phi(z) (1 + sin(2 pi z)): all moments E X^k = exp(k^2 / 2) are equal, the
    laws are not; TV = 1/pi, up to 1e-34 (chapter 2). z: any shape.
    """
    z = _checks.array("z", z)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return Twins(density, density * (1 + np.sin(2 * math.pi * z)))
