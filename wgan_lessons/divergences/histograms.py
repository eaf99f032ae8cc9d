"""Divergences of two histograms over the same boxes: short sums (chapter 2)."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from wgan_lessons import _checks


class BestTest(NamedTuple):
    """The event (n,), true where P has more, and the advantage P(event) - Q(event)."""

    event: np.ndarray
    advantage: float


def _pair(p, q):
    p = _checks.weights("p", p)
    q = _checks.weights("q", q, size=len(p))
    return p / p.sum(), q / q.sum()


def kl(p, q):
    """Return KL(P||Q) = sum p log(p/q), with 0 log 0 = 0 (chapter 2).

    inf where P has mass and Q has none. p, q: (n,).

    >>> round(kl([0.5, 0.5], [0.25, 0.75]), 6)
    0.143841
    >>> kl([0.5, 0.5], [1.0, 0.0])
    inf
    """
    p, q = _pair(p, q)
    if (q[p > 0] == 0).any():
        return math.inf
    p, q = p[p > 0], q[p > 0]
    return max(0.0, float(np.sum(p * (np.log(p) - np.log(q)))))


def js(p, q):
    """Return JS = KL(P||M)/2 + KL(Q||M)/2 with M = (P + Q)/2, in [0, log 2].

    sqrt(JS) is a metric. p, q: (n,). Chapter 2.

    >>> round(js([1.0, 0.0], [0.0, 1.0]), 6)
    0.693147
    """
    p, q = _pair(p, q)
    some = p + q > 0
    p, q = p[some], q[some]
    # p/m with m = (p + q)/2: formed as 2 (p/(p + q)), it cannot overflow.
    share = p / (p + q)
    value = (xlogy(p, 2 * share) + xlogy(q, 2 * (q / (p + q)))).sum() / 2
    return min(max(0.0, float(value)), math.log(2))


def tv(p, q):
    """Return TV = sum |p - q| / 2, the largest difference P(A) - Q(A) (chapter 2).

    In [0, 1]; 1 if and only if some event separates P from Q. p, q: (n,).

    >>> tv([0.5, 0.5], [1.0, 0.0])
    0.5
    """
    p, q = _pair(p, q)
    return min(1.0, float(np.abs(p - q).sum() / 2))


def chi_square(p, q):
    """Return chi^2(P||Q) = sum (p - q)^2 / q, Pearson's; inf as `kl` (chapter 9).

    >>> round(chi_square([0.5, 0.5], [0.25, 0.75]), 6)
    0.333333
    """
    p, q = _pair(p, q)
    if (q[p > 0] == 0).any():
        return math.inf
    p, q = p[q > 0], q[q > 0]
    with np.errstate(over="ignore", under="ignore"):
        terms = (p - q) ** 2 / q
    return float(_checks.within_floats("chi^2", terms.sum()))


def squared_hellinger(p, q):
    """Return H^2 = sum (sqrt p - sqrt q)^2, in [0, 2] (chapter 9).

    >>> squared_hellinger([1.0, 0.0], [0.0, 1.0])
    2.0
    """
    p, q = _pair(p, q)
    return min(2.0, float(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2)))


def jeffrey(p, q):
    """Return KL(P||Q) + KL(Q||P) = sum (p - q) log(p/q); inf as `kl` (chapter 9)."""
    return kl(p, q) + kl(q, p)


def entropy(p):
    """Return H(P) = -sum p log p, in [0, log n], with 0 log 0 = 0 (chapter 2).

    >>> round(entropy([0.5, 0.5]), 6)
    0.693147
    """
    p = _checks.weights("p", p)
    p = p / p.sum()
    return max(0.0, float(-xlogy(p, p).sum()))


def cross_entropy(p, q):
    """Return -sum p log q = H(P) + KL(P||Q); inf as `kl` (chapter 2).

    Least at q = p: what maximum likelihood minimises, with p the data's law.
    """
    p, q = _pair(p, q)
    if (q[p > 0] == 0).any():
        return math.inf
    return max(0.0, float(-np.sum(p[p > 0] * np.log(q[p > 0]))))


def best_test(p, q):
    """Return the `BestTest`: no event tells P from Q by more than TV (chapter 2).

    >>> best_test([0.5, 0.5], [1.0, 0.0])
    BestTest(event=array([False,  True]), advantage=0.5)
    """
    p, q = _pair(p, q)
    event = p > q
    return BestTest(event, float(p[event].sum() - q[event].sum()))


def pushforward(p, kernel):
    """Return p K, the law after a random step: from box i to j with chance K_ij.

    p: (n,), kernel: (n, m), each row sums to 1. No f-divergence grows (chapter 2).

    >>> pushforward([0.5, 0.5], [[1.0, 0.0], [0.5, 0.5]]).tolist()
    [0.75, 0.25]
    """
    p = _checks.weights("p", p)
    return p @ _checks.kernel("kernel", kernel, size=len(p))
