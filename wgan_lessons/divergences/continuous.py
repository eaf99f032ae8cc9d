"""Divergences of two densities on the line: decided where infinite (chapter 2)."""

import math
import sys

import numpy as np

from wgan_lessons.densities import Integral, Tail, covers, cuts, integrate

SIDES = ("left", "right")
INFINITE = Integral(math.inf, 0.0)
LOG2 = math.log(2)
EPSILON = sys.float_info.epsilon
# Tails that cancel to this share of their size may cancel in truth, or not.
UNDECIDED = 1e-12


def kl_densities(p, q):
    """Return the `Integral` KL(P||Q) = int p log(p/q) dx (chapter 2).

    p, q: `Density`. inf, never a number, where P has mass and Q has none, or where
    P's tail is too heavy for Q's. Raises ValueError if a tail is unknown.
    """
    if _kl_is_infinite(p, q):
        return INFINITE

    def integrand(x):
        log_p, log_q = p.logpdf(x), q.logpdf(x)
        inside = log_p > -math.inf
        ratio = np.subtract(log_p, log_q, out=np.zeros_like(x), where=inside)
        return np.exp(log_p) * ratio

    return _at_least_0(integrate(integrand, p, q))


def _kl_is_infinite(p, q):
    if not covers(q, p):
        return True
    for side in SIDES:
        tail = p.tail(side)
        if tail is None:
            continue
        other = q.tail(side)
        growth = 0  # of log(p/q), as a power of |x|; a logarithm changes nothing
        if tail.square != other.square:
            growth = 2
        elif tail.slope != other.slope:
            growth = 1
        if not Tail(tail.square, tail.slope, tail.power - growth).integrable:
            return True
    return False


def js_densities(p, q):
    """Return the `Integral` JS = KL(P||M)/2 + KL(Q||M)/2, M = (P + Q)/2 (chapter 2).

    p, q: `Density`. In [0, log 2]; always finite.
    """

    def integrand(x):
        log_p, log_q = p.logpdf(x), q.logpdf(x)
        log_m = np.logaddexp(log_p, log_q) - LOG2
        return (_share(log_p, log_m) + _share(log_q, log_m)) / 2

    value, error = _at_least_0(integrate(integrand, p, q))
    return Integral(min(value, LOG2), error)


def _share(log_p, log_m):
    """Return p log(p/m), 0 where p = 0."""
    some = log_p > -math.inf
    ratio = np.subtract(log_p, log_m, out=np.zeros_like(log_m), where=some)
    return np.exp(log_p) * ratio


def tv_densities(p, q):
    """Return the `Integral` TV = int |p - q| dx / 2, in [0, 1] (chapter 2)."""
    value, error = integrate(
        lambda x: np.abs(p.pdf(x) - q.pdf(x)) / 2, p, q, kinks=_crossings(p, q)
    )
    return Integral(min(value, 1.0), error)


def _crossings(p, q):
    """Return where p = q, by halving: |p - q| has a kink there."""

    def ahead(x):
        with np.errstate(invalid="ignore"):
            return np.sign(p.logpdf(x) - q.logpdf(x))

    x = cuts(p, q)
    change = ahead(x[:-1]) * ahead(x[1:]) < 0
    low, high = x[:-1][change], x[1:][change]
    start = ahead(low)
    for _ in range(60):
        middle = (low + high) / 2
        same = ahead(middle) == start
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return low


def squared_hellinger_densities(p, q):
    """Return the `Integral` H^2 = int (sqrt p - sqrt q)^2 dx, in [0, 2] (chapter 9)."""
    value, error = integrate(
        lambda x: (np.exp(p.logpdf(x) / 2) - np.exp(q.logpdf(x) / 2)) ** 2, p, q
    )
    return Integral(min(value, 2.0), error)


def chi_square_densities(p, q):
    """Return the `Integral` chi^2(P||Q) = int (p - q)^2 / q dx (chapter 9).

    inf by its own rule: where p^2/q is not integrable; normal laws need 2 s_q^2 >
    s_p^2. Raises ValueError where a tail is unknown or so close to the rule's border
    that rounding decides, and for finite values beyond the floats. Near the border
    digits are lost: the error says how many.
    """
    if not covers(q, p):
        return INFINITE
    tails = [_ratio_tail(p.tail(side), q, side) for side in SIDES]
    if not all(tail is None or tail.integrable for tail in tails):
        return INFINITE
    value, error = integrate(lambda x: _pearson(p.logpdf(x), q.logpdf(x)), p, q)
    lost = integrate(lambda x: _rounding(p.logpdf(x), q.logpdf(x)), p, q).value
    return Integral(value, error + lost)


def _pearson(log_p, log_q):
    """Return (p - q)^2/q, 0 where q = 0, with no overflow but the result's own."""
    some = log_q > -math.inf
    gap = np.subtract(log_p, log_q, out=np.zeros_like(log_q), where=some)
    # |p - q| = max(p, q) (1 - exp(-|log p - log q|)), in logarithms.
    with np.errstate(divide="ignore"):
        log_gap = np.maximum(log_p, log_q) + np.log(-np.expm1(-np.abs(gap)))
    nothing = np.full_like(log_q, -math.inf)
    return np.exp(np.subtract(2 * log_gap, log_q, out=nothing, where=some))


def _rounding(log_p, log_q):
    """Return how far off p^2/q may be: its logarithms cancel, their errors do not."""
    some = log_p > -math.inf
    nothing = np.full_like(log_p, -math.inf)
    ratio = np.exp(np.subtract(2 * log_p, log_q, out=nothing, where=some))
    return EPSILON * ratio * np.where(some, 2 * np.abs(log_p) + np.abs(log_q), 0.0)


def _ratio_tail(tail, q, side):
    """Return the tail of p^2/q, None where P has none."""
    if tail is None:
        return None
    ratio = Tail(*(2 * mine - other for mine, other in zip(tail, q.tail(side))))
    for gap, mine, other in zip(ratio, tail, q.tail(side)):
        if 0 < abs(gap) <= UNDECIDED * abs(other):
            raise ValueError(
                f"p^2/q cannot be told from the border of integrable on the {side}; "
                f"got 2 x {mine:.17g} - {other:.17g}. Move a scale by a millionth."
            )
        if gap:
            break
    return ratio


def _at_least_0(integral):
    return Integral(max(0.0, integral.value), integral.error)
