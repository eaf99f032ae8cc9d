"""Divergences of normal laws in closed form, from their parameters (chapter 2)."""

import math

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import ndtr

from wgan_lessons import _checks


def _normals(m1, s1, m2, s2):
    """Return the means' distance in units of s1, and the ratio s2/s1."""
    s1, s2 = _checks.number("s1", s1, above=0.0), _checks.number("s2", s2, above=0.0)
    m1, m2 = _checks.number("m1", m1), _checks.number("m2", m2)
    ratio = _checks.number("s2/s1", s2 / s1, above=1e-99, below=1e99)
    return _checks.number(
        "(m2 - m1)/s1", (m2 - m1) / s1, above=-1e50, below=1e50
    ), ratio


def kl_normals(m1, s1, m2, s2):
    """Return KL(N(m1, s1^2) || N(m2, s2^2)); s is a standard deviation (chapter 2).

    log(s2/s1) + (s1^2 + (m1 - m2)^2) / (2 s2^2) - 1/2.

    >>> kl_normals(0, 1, 35, 1)
    612.5
    """
    far, ratio = _normals(m1, s1, m2, s2)
    scales = math.log(ratio) + (1 / ratio**2 - 1) / 2
    return max(0.0, scales) + (far / ratio) ** 2 / 2


def squared_hellinger_normals(m1, s1, m2, s2):
    """Return H^2 of two normal laws, in [0, 2]; s: standard deviations (chapter 9).

    2 - 2 sqrt(2 s1 s2/(s1^2 + s2^2)) exp(-(m1 - m2)^2/(4 (s1^2 + s2^2))).

    >>> round(squared_hellinger_normals(0, 1, 2, 1), 6)
    0.786939
    """
    far, ratio = _normals(m1, s1, m2, s2)
    scales = math.log(2 / (ratio + 1 / ratio)) / 2
    return -2 * math.expm1(min(0.0, scales) - far**2 / (4 + 4 * ratio**2))


def tv_normals(m1, s1, m2, s2):
    """Return TV of two normal laws of any scales, in [0, 1] (chapter 2).

    P(A) - Q(A) for the interval A where the narrower density is the larger one; for
    equal scales erf(|m1 - m2| / (sqrt(8) s)).

    >>> round(tv_normals(0, 1, 2, 1), 6)
    0.682689
    """
    far, ratio = _normals(m1, s1, m2, s2)
    if ratio < 1:
        far, ratio = _normals(m2, s2, m1, s1)
    if ratio == 1:
        return math.erf(abs(far) / math.sqrt(8))
    # Roots of (r^2 - 1) x^2 + 2 far x - far^2 - 2 r^2 log r, where the densities cross.
    lead, last = (ratio - 1) * (ratio + 1), far**2 + 2 * ratio**2 * math.log(ratio)
    big = -(far + math.copysign(math.sqrt(far**2 + lead * last), far))
    low, high = sorted([big / lead, -last / big])
    inside = ndtr([high, low, (high - far) / ratio, (low - far) / ratio])
    return max(0.0, float(inside[0] - inside[1] - (inside[2] - inside[3])))


def chi_square_normals(m1, s1, m2, s2):
    """Return chi^2(N(m1, s1^2) || N(m2, s2^2)), inf unless 2 s2^2 > s1^2 (chapter 9).

    s2^2/(s1 sqrt(2 s2^2 - s1^2)) exp((m1 - m2)^2/(2 s2^2 - s1^2)) - 1.

    >>> round(chi_square_normals(0, 1, 1, 1), 6)
    1.718282
    """
    far, ratio = _normals(m1, s1, m2, s2)
    room = 2 * ratio**2 - 1
    if room <= 0:
        return math.inf
    # s2^4/(s1^2 (2 s2^2 - s1^2)) = 1 + (r^2 - 1)^2/(2 r^2 - 1)
    size = math.log1p((ratio**2 - 1) ** 2 / room) / 2 + far**2 / room
    with np.errstate(over="ignore"):
        return float(_checks.within_floats("chi^2", np.expm1(size)))


def kl_gaussians(m1, C1, m2, C2):
    """Return KL(N(m1, C1) || N(m2, C2)) in R^d (chapter 2).

    (tr(C2^-1 C1) + |m2 - m1|^2_{C2^-1} - d + log det C2 - log det C1) / 2. m: (d,), C:
    (d, d). Raises ValueError unless both are symmetric and positive definite: a
    singular C has no density.

    >>> kl_gaussians([0, 0], [[1, 0], [0, 1]], [3, 4], [[1, 0], [0, 1]])
    12.5
    """
    m1, m2 = _checks.array("m1", m1, ndim=1), _checks.array("m2", m2, ndim=1)
    _checks.same_shape("m1", m1, "m2", m2)
    root1 = _checks.positive_definite("C1", C1, size=len(m1))
    root2 = _checks.positive_definite("C2", C2, size=len(m1))
    shape = solve_triangular(root2, root1, lower=True)
    far = solve_triangular(root2, m2 - m1, lower=True)
    logs = np.log(np.diag(shape)).sum()
    value = (np.sum(shape**2) - len(m1)) / 2 - logs + far @ far / 2
    return max(0.0, float(value))
