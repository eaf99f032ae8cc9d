"""Divergences estimated from samples; each says how it is biased (chapter 2)."""

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from scipy.special import digamma

from wgan_lessons import _checks
from wgan_lessons.divergences.histograms import kl


def _clouds(x, y, least=2):
    x, y = _checks.samples("x", x), _checks.samples("y", y)
    _checks.points("y", y, dim=x.shape[1])
    _checks.enough("x", x, least)
    _checks.enough("y", y, least)
    return x, y


def kl_plug_in(counts_p, counts_q):
    """Return KL of the two empirical laws: counts over the same boxes, each / its sum.

    Biased upwards: with q known and P's mass in k boxes by (k - 1)/(2n) + O(1/n^2) for
    n samples of P. With samples of Q the mean is inf: with some small chance a box of P
    gets none of them. counts: whole numbers, one a box.

    >>> round(kl_plug_in([5, 5], [1, 3]), 6)
    0.143841
    """
    counts_p = _checks.counts("counts_p", counts_p)
    counts_q = _checks.counts("counts_q", counts_q)
    return kl(counts_p / counts_p.sum(), counts_q / counts_q.sum())


def kl_nearest_neighbours(x, y, *, k=5):
    """Return an estimate of KL(P||Q) from x ~ P and y ~ Q, laws with densities.

    d mean_i log(nu_i/rho_i) + psi(m + 1) - psi(n): rho_i and nu_i are the distances
    from x_i to its k-th neighbour among the other x and among y. x: (n, d), y: (m, d).
    Exact on average where densities are constant around x_i; consistent, but where
    samples of Q are rare it grows like d log distance only: far too small. May be
    negative. Raises ValueError for repeated points: those have no density.
    Source: Wang, Kulkarni, Verdu 2009 (there with log(m/(n - 1))).
    """
    x, y = _clouds(x, y)
    k = _checks.integer("k", k)
    _checks.enough("x", x, k + 1)
    _checks.enough("y", y, k)
    rho = KDTree(x).query(x, k=[k + 1])[0]  # the first neighbour is x_i itself
    nu = KDTree(y).query(x, k=[k])[0]
    _checks.no_repeats("x and y", np.minimum(rho, nu))
    n, m, d = len(x), len(y), x.shape[1]
    return float(d * np.mean(np.log(nu / rho)) + digamma(m + 1) - digamma(n))


def mmd(x, y, *, bandwidth):
    """Return an unbiased estimate of MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y).

    k(x, y) = exp(-|x - y|^2 / (2 bandwidth^2)); x, x' and y, y' independent. Pairs of a
    sample with itself are left out: no bias, so it is often below 0 where P = Q. x: (n,
    d), y: (m, d), n and m at least 2.
    """
    x, y = _clouds(x, y)
    width = _checks.number("bandwidth", bandwidth, above=0.0)

    def alike(a, b):
        return np.exp(cdist(a, b, "sqeuclidean") / (-2 * width**2))

    def others(a):
        return (alike(a, a).sum() - len(a)) / (len(a) * (len(a) - 1))

    return float(others(x) + others(y) - 2 * alike(x, y).mean())


def energy_distance(x, y):
    """Return 2 E|x - y| - E|x - x'| - E|y - y'| of two clouds with equal weights.

    The square of a metric (scipy returns the root), at least 0. As an estimate for laws
    it is biased upwards by E|x - x'|/n + E|y - y'|/m. x: (n, d), y: (m, d).

    >>> energy_distance([0.0], [3.0])
    6.0
    """
    x, y = _clouds(x, y, least=1)
    value = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
    return max(0.0, float(value))
