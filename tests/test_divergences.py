"""Divergences: theorems of chapter 2, against scipy, sympy, torch and brute force."""

import doctest
import importlib
import math
import pkgutil
from itertools import product

import families
import mpmath
import numpy as np
import pytest
import sympy
import sympy.stats
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate, special, stats
from scipy.spatial.distance import jensenshannon

from wgan_lessons import densities, divergences
from wgan_lessons.densities import cauchy, laplace, mixture, normal, uniform
from wgan_lessons.divergences import (
    chi_square,
    chi_square_densities,
    chi_square_normals,
    cross_entropy,
    entropy,
    jeffrey,
    js,
    js_densities,
    kl,
    kl_densities,
    kl_normals,
    squared_hellinger,
    squared_hellinger_densities,
    squared_hellinger_normals,
    tv,
    tv_densities,
    tv_normals,
)
from wgan_lessons.transport import w1_histograms

CLOSE = 1e-12
ROOTS = 1e-7  # the square root of a rounding error
LOG2 = math.log(2)
F_DIVERGENCES = [kl, js, tv, chi_square, squared_hellinger, jeffrey]
every_divergence = pytest.mark.parametrize("divergence", F_DIVERGENCES)


@st.composite
def histograms(draw, count, *, zeros=True):
    """`count` laws on the same boxes, up to 6."""
    n = draw(st.integers(1, 6))
    return [draw(families.weights(n, zeros=zeros)) for _ in range(count)]


PAIRS, TRIPLES = histograms(2), histograms(3)


# Histograms


@families.examples
@given(PAIRS)
def test_the_same_by_scipy(pair):
    """rel_entr, entropy, and jensenshannon, which is the square root of JS."""
    p, q = pair
    assert_allclose(kl(p, q), special.rel_entr(p, q).sum(), atol=CLOSE)
    assert_allclose(kl(p, q), stats.entropy(p, q), atol=CLOSE)
    assert_allclose(entropy(p), stats.entropy(p), atol=CLOSE)
    assert_allclose(math.sqrt(js(p, q)), jensenshannon(p, q), atol=ROOTS)
    assert_allclose(jeffrey(p, q), kl(p, q) + kl(q, p), atol=CLOSE)
    assert_allclose(cross_entropy(p, q), entropy(p) + kl(p, q), atol=CLOSE)
    middle = (p + q) / 2
    assert_allclose(js(p, q), (kl(p, middle) + kl(q, middle)) / 2, atol=CLOSE)
    if (q > 0).all():
        known = stats.chisquare(1e6 * p, 1e6 * q).statistic / 1e6
        assert_allclose(chi_square(p, q), known, rtol=1e-9, atol=CLOSE)


@every_divergence
@families.examples
@given(PAIRS)
def test_zero_for_equal_laws_alone(divergence, pair):
    """D(P, P) = 0; D(P, Q) >= 0, and above 0 where the laws differ."""
    p, q = pair
    assert divergence(p, p) == 0
    value = divergence(p, q)
    assert type(value) is float and value >= 0
    if np.abs(p - q).max() > 1e-3:
        assert value > 1e-7


@families.examples
@given(PAIRS)
def test_infinity_is_exact(pair):
    """KL, chi^2 and cross-entropy are inf iff P has mass where Q has none."""
    p, q = pair
    uncovered = bool(((p > 0) & (q == 0)).any())
    for divergence in (kl, chi_square, cross_entropy):
        assert (divergence(p, q) == math.inf) == uncovered
    assert math.isfinite(js(p, q) + tv(p, q) + squared_hellinger(p, q))


def test_zero_log_zero_is_zero():
    """Boxes that are empty in P add nothing to KL(P||Q), full or empty in Q."""
    assert kl([1.0, 0.0, 0.0], [0.5, 0.5, 0.0]) == pytest.approx(LOG2)
    assert entropy([1.0, 0.0]) == 0 and cross_entropy([1.0, 0.0], [1.0, 0.0]) == 0
    assert js([1.0, 0.0], [0.0, 1.0]) == LOG2


def test_the_smallest_floats():
    """Masses down to 5e-324 give numbers, or an error: never a false infinity."""
    p, q = [1.0, 0.0], [5e-324, 1.0]
    assert_allclose(kl(p, q), 1074 * LOG2)
    assert_allclose(js([1.0, 5e-324], [1.0, 0.0]), 0, atol=1e-300)
    assert js(p, q) == LOG2 and tv(p, q) == 1
    with pytest.raises(ValueError, match="beyond the largest float"):
        chi_square(p, q)


@families.examples
@given(PAIRS)
def test_ranges(pair):
    """JS in [0, log 2], TV in [0, 1], H^2 in [0, 2], with the top for disjoint laws."""
    p, q = pair
    for divergence, top in ((js, LOG2), (tv, 1.0), (squared_hellinger, 2.0)):
        assert 0 <= divergence(p, q) <= top + CLOSE
        empty = np.zeros_like(p)
        apart = divergence(np.append(p, empty), np.append(empty, q))
        assert_allclose(apart, top, atol=CLOSE)
    assert js(p, q) <= LOG2


@families.examples
@given(TRIPLES)
def test_metrics(three):
    """TV, W1, H and sqrt(JS) are symmetric and obey the triangle inequality."""
    p, q, r = three

    def root(divergence):
        return lambda a, b: math.sqrt(divergence(a, b))

    for metric, rounding in (
        (tv, CLOSE),
        (w1_histograms, CLOSE),
        (root(js), ROOTS),
        (root(squared_hellinger), ROOTS),
    ):
        assert_allclose(metric(p, q), metric(q, p), atol=rounding)
        assert metric(p, r) <= metric(p, q) + metric(q, r) + rounding


def test_kl_is_no_metric():
    """KL(P||Q) != KL(Q||P), and a way round can be shorter than the straight one."""
    p, q, r = [1 / 2, 1 / 2], [1 / 4, 3 / 4], [1 / 10, 9 / 10]
    assert_allclose(kl(p, q), math.log(4 / 3) / 2)
    assert_allclose(kl(q, p), math.log(27 / 16) / 4)
    assert kl(p, r) > 2 * (kl(p, q) + kl(q, r))
    # JS without its root, and KL made symmetric, fail too.
    a, b, c = [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]
    assert js(a, c) > js(a, b) + js(b, c)
    assert jeffrey([0.9, 0.1], [0.1, 0.9]) > 2 * jeffrey([0.9, 0.1], b)


@families.examples
@given(PAIRS)
def test_pinsker(pair):
    """TV^2/2 <= JS <= log 2 TV; TV <= sqrt(KL/2); H^2/2 <= TV; KL <= log(1 + chi^2)."""
    p, q = pair
    assert tv(p, q) ** 2 / 2 <= js(p, q) + CLOSE
    assert js(p, q) <= LOG2 * tv(p, q) + CLOSE
    assert tv(p, q) <= math.sqrt(kl(p, q) / 2) + ROOTS
    half = squared_hellinger(p, q) / 2
    assert half <= tv(p, q) + CLOSE
    assert tv(p, q) <= math.sqrt(half * (2 - half)) + ROOTS
    assert kl(p, q) <= math.log1p(chi_square(p, q)) + CLOSE


@families.examples
@given(PAIRS)
def test_tv_is_the_best_test(pair):
    """TV = max over all events A of P(A) - Q(A), and `best_test` finds such an A."""
    p, q = pair
    events = np.array(list(product([False, True], repeat=len(p))))
    best = (events @ (p - q)).max()
    assert_allclose(tv(p, q), best, atol=CLOSE)
    event, advantage = divergences.best_test(p, q)
    assert_allclose(advantage, best, atol=CLOSE)
    assert_allclose(p[event].sum() - q[event].sum(), best, atol=CLOSE)
    # Half of the errors of the best rule that guesses a sample's law: (1 - TV)/2.
    assert_allclose(np.minimum(p, q).sum() / 2, (1 - best) / 2, atol=CLOSE)


@every_divergence
@families.examples
@given(st.data(), PAIRS)
def test_data_processing(divergence, data, pair):
    """D(PK, QK) <= D(P, Q) for every random step K and every f-divergence."""
    p, q = pair
    m = data.draw(st.integers(1, 4))
    kernel = np.array([data.draw(families.weights(m)) for _ in p])
    after = [divergences.pushforward(law, kernel) for law in (p, q)]
    before = divergence(p, q)
    assert divergence(*after) <= before + CLOSE * (1 + before)


def test_w1_may_grow_where_f_divergences_cannot():
    """Stretching the line is a step without loss: W1 grows, f-divergences stay."""
    p, q = np.array([0.5, 0.5, 0, 0, 0]), np.array([0, 0.5, 0.5, 0, 0])
    stretch = np.eye(5)[[0, 2, 4, 1, 3]]
    far = [divergences.pushforward(law, stretch) for law in (p, q)]
    assert w1_histograms(*far) == 2 * w1_histograms(p, q)
    for divergence in F_DIVERGENCES:
        assert divergence(*far) == divergence(p, q)


@families.examples
@given(histograms(1, zeros=False), st.data())
def test_maximum_likelihood_is_least_kl(one, data):
    """log-likelihood / n = -H(P_n) - KL(P_n||P_theta): both choose the same theta.

    P_n: the data's own law on the boxes; discrete models.
    """
    n = len(one[0])
    counts = np.array(data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)))
    assume(counts.any())
    models = [data.draw(families.weights(n, zeros=False)) for _ in range(4)] + one
    law = counts / counts.sum()
    likelihood = [
        stats.multinomial.logpmf(counts, counts.sum(), model)
        - special.gammaln(counts.sum() + 1)
        + special.gammaln(counts + 1).sum()
        for model in models
    ]
    scores = [-entropy(law) - kl(law, model) for model in models]
    assert_allclose(np.array(likelihood) / counts.sum(), scores, atol=1e-9)
    crosses = [cross_entropy(law, model) for model in models]
    assert_allclose(crosses, -np.array(scores), atol=1e-9)
    assert cross_entropy(law, law) <= min(crosses) + CLOSE


def test_from_atoms_to_a_density_kl_is_infinite():
    """Ten atoms, smeared over a width w: KL to any density grows as log(1/w)."""
    atoms = np.linspace(-1, 1, 10)
    found = []
    for w in (1e-3, 1e-4, 1e-5):
        p = mixture([uniform(a - w / 2, a + w / 2) for a in atoms], np.full(10, 0.1))
        found.append(kl_densities(p, normal()).value)
    assert_allclose(np.diff(found), math.log(10), atol=1e-6)
    # The same on boxes: uniform data on 10 of n boxes against all of them.
    for n in (10, 1000, 10_000):
        p = np.zeros(n)
        p[:: n // 10] = 0.1
        assert_allclose(kl(p, np.full(n, 1 / n)), math.log(n / 10), atol=1e-9)


# Densities

BOTH = {
    kl: kl_densities,
    js: js_densities,
    tv: tv_densities,
    chi_square: chi_square_densities,
    squared_hellinger: squared_hellinger_densities,
}


@pytest.mark.parametrize("discrete", BOTH)
@families.examples
@given(PAIRS)
def test_step_functions_are_histograms(discrete, pair):
    """Densities that are constant on boxes have the divergences of their histograms."""
    p, q = (
        mixture([uniform(3 * k, 3 * k + 2) for k in range(len(law))], law)
        for law in pair
    )
    known = discrete(*pair)
    value, error = BOTH[discrete](p, q)
    assert type(value) is float and type(error) is float
    assert_allclose(value, known, rtol=1e-12, atol=CLOSE)
    assert value == known or abs(value - known) <= error + 1e-14


PARAMETERS = st.tuples(
    st.floats(-5, 5), st.floats(0.1, 4), st.floats(-5, 5), st.floats(0.1, 4)
)
CAUCHYS = st.builds(cauchy, st.floats(-100, 100), st.floats(0.01, 100))
NORMALS = [
    (kl_densities, kl_normals),
    (tv_densities, tv_normals),
    (squared_hellinger_densities, squared_hellinger_normals),
    (chi_square_densities, chi_square_normals),
]


@pytest.mark.parametrize("by_quadrature, closed", NORMALS)
@families.examples
@given(PARAMETERS)
def test_closed_forms_of_normals(by_quadrature, closed, parameters):
    """The closed form lies within the quadrature's stated error, or both are inf."""
    m1, s1, m2, s2 = parameters
    room = 2 * s2**2 - s1**2
    if closed is chi_square_normals:
        assume(abs(room) > 1e-6 and (room < 0 or (m1 - m2) ** 2 / room < 600))
    known = closed(m1, s1, m2, s2)
    value, error = by_quadrature(normal(m1, s1), normal(m2, s2))
    assert value == known or abs(value - known) <= error + 1e-13 * (1 + abs(known))
    assert error <= 1e-10 * (1 + known)
    assert closed(m1, s1, m1, s1) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_closed_forms_of_normals_by_another_rule(seed):
    """The four closed forms and JS by Simpson's rule with scipy's log densities."""
    rng = np.random.default_rng(seed)
    m1, m2 = rng.normal(size=2)
    s1, s2 = rng.uniform(0.8, 1.1, size=2)
    x = np.linspace(-60, 60, 1_200_001)
    logs = stats.norm.logpdf(x, m1, s1), stats.norm.logpdf(x, m2, s2)
    p, q = map(np.exp, logs)
    gap = logs[0] - logs[1]
    halves = p * (LOG2 - np.logaddexp(0, -gap)) + q * (LOG2 - np.logaddexp(0, gap))
    for integrand, ours in (
        (p * gap, kl_normals(m1, s1, m2, s2)),
        (abs(p - q) / 2, tv_normals(m1, s1, m2, s2)),
        (p + q - 2 * np.sqrt(p * q), squared_hellinger_normals(m1, s1, m2, s2)),
        # p^2/q in logarithms: q itself is 0 in floats far out.
        (np.exp(logs[0] + gap) - p, chi_square_normals(m1, s1, m2, s2)),
        (halves / 2, js_densities(normal(m1, s1), normal(m2, s2)).value),
    ):
        known = integrate.simpson(integrand, x=x)
        assert_allclose(ours, known, rtol=1e-8, atol=1e-8)


def test_closed_forms_by_sympy():
    """KL, H^2 and chi^2 of normal laws from symbolic expectations and integrals."""
    x = sympy.Symbol("x", real=True)
    a, b = sympy.Symbol("a", positive=True), sympy.Symbol("b", real=True)
    gauss = sympy.integrate(sympy.exp(-a * x**2 + b * x), (x, -sympy.oo, sympy.oo))
    gauss = sympy.simplify(gauss)

    def whole(log):
        """int exp(log) for a quadratic log."""
        square, slope, constant = sympy.Poly(log, x).all_coeffs()
        return float(sympy.exp(constant) * gauss.subs({a: -square, b: slope}))

    for m1, s1, m2, s2 in ((0, 1, 2, 3), (-1, 2, 1, 2), (3, 1, 2, 1)):
        log_p, log_q = (
            sympy.expand(-((x - m) ** 2) / (2 * sympy.Integer(s) ** 2))
            - sympy.log(s * sympy.sqrt(2 * sympy.pi))
            for m, s in ((m1, s1), (m2, s2))
        )
        law = sympy.stats.Normal("X", m1, s1)
        mean = sympy.stats.E((log_p - log_q).subs(x, law))
        assert_allclose(float(mean), kl_normals(m1, s1, m2, s2))
        overlap = whole(sympy.expand((log_p + log_q) / 2))
        known = squared_hellinger_normals(m1, s1, m2, s2)
        assert_allclose(2 - 2 * overlap, known, atol=1e-12)
        ratio = whole(sympy.expand(2 * log_p - log_q))
        assert_allclose(ratio - 1, chi_square_normals(m1, s1, m2, s2))


def by_mpmath(f, p, q, cuts):
    """int f(p, q) with 30 digits by mpmath's tanh-sinh rule."""
    with mpmath.workdps(30):
        return float(
            mpmath.quad(lambda x: f(p(x), q(x)), [-mpmath.inf, *cuts, mpmath.inf])
        )


def mp_normal(m, s):
    return lambda x: mpmath.npdf(x, m, s)


def mp_laplace(m, b):
    return lambda x: mpmath.exp(-abs(x - m) / mpmath.mpf(b)) / (2 * mpmath.mpf(b))


def mp_cauchy(m, s):
    return lambda x: 1 / (mpmath.pi * s * (1 + ((x - m) / mpmath.mpf(s)) ** 2))


def mp_js(p, q):
    m = (p + q) / 2
    terms = (a * mpmath.log(a / m) if a else mpmath.mpf(0) for a in (p, q))
    return sum(terms) / 2


@pytest.mark.parametrize(
    "p, q, mp_p, mp_q, cuts",
    [
        (normal(), cauchy(1, 2), mp_normal(0, 1), mp_cauchy(1, 2), (-3, 0, 1, 4)),
        (laplace(), cauchy(3, 1), mp_laplace(0, 1), mp_cauchy(3, 1), (0, 3)),
        (laplace(), normal(1, 2), mp_laplace(0, 1), mp_normal(1, 2), (-8, 0, 1, 9)),
    ],
)
def test_mixed_laws_by_mpmath(p, q, mp_p, mp_q, cuts):
    """JS, H^2 and KL between laws of different kinds, with 30 digits."""
    known = by_mpmath(mp_js, mp_p, mp_q, cuts)
    assert_allclose(js_densities(p, q).value, known, atol=1e-9)
    known = by_mpmath(
        lambda a, b: (mpmath.sqrt(a) - mpmath.sqrt(b)) ** 2, mp_p, mp_q, cuts
    )
    assert_allclose(squared_hellinger_densities(p, q).value, known, atol=1e-9)
    known = by_mpmath(
        lambda a, b: a * mpmath.log(a / b) if a and b else mpmath.mpf(0),
        mp_p,
        mp_q,
        cuts,
    )
    assert_allclose(kl_densities(p, q).value, known, atol=1e-9)


@families.examples
@given(PARAMETERS)
def test_other_closed_forms(parameters):
    """Formulas known for Cauchy, Laplace, normal and uniform laws, any scales."""
    m1, s1, m2, s2 = parameters
    d = abs(m1 - m2)
    log = math.log
    for p, q, known in (
        (
            cauchy(m1, s1),
            cauchy(m2, s2),
            log(((s1 + s2) ** 2 + d**2) / (4 * s1 * s2)),
        ),
        (
            laplace(m1, s1),
            laplace(m2, s2),
            log(s2 / s1) + (s1 * math.exp(-d / s1) + d) / s2 - 1,
        ),
        (
            laplace(m1, s1),
            normal(m2, s2),
            log(s2 * math.sqrt(2 * math.pi))
            + (2 * s1**2 + d**2) / (2 * s2**2)
            - 1
            - log(2 * s1),
        ),
        (
            normal(m1, s1),
            laplace(m2, s2),
            log(2 * s2)
            + s1
            / s2
            * (
                math.sqrt(2 / math.pi) * math.exp(-(d**2) / (2 * s1**2))
                + d / s1 * math.erf(d / (s1 * math.sqrt(2)))
            )
            - log(s1 * math.sqrt(2 * math.pi * math.e)),
        ),
        (
            uniform(m1, m1 + s1),
            normal(m2, s2),
            log(s2 * math.sqrt(2 * math.pi) / s1)
            + (s1**2 / 12 + (m1 + s1 / 2 - m2) ** 2) / (2 * s2**2),
        ),
    ):
        value, error = kl_densities(p, q)
        assert_allclose(value, known, rtol=1e-11, atol=1e-11)
        assert error <= 1e-10 * (1 + known)
    found = tv_densities(cauchy(m1, s1), cauchy(m2, s1)).value
    assert_allclose(found, 2 / math.pi * math.atan(d / (2 * s1)), atol=1e-11)
    found = tv_densities(laplace(m1, s1), laplace(m2, s1)).value
    assert_allclose(found, -math.expm1(-d / (2 * s1)), atol=1e-11)
    overlap = max(0.0, 1 - d / s1)
    boxes = uniform(m1, m1 + s1), uniform(m2, m2 + s1)
    assert_allclose(tv_densities(*boxes).value, 1 - overlap, atol=1e-11)
    assert_allclose(js_densities(*boxes).value, (1 - overlap) * LOG2, atol=1e-11)


@families.examples
@given(CAUCHYS, CAUCHYS)
def test_heavy_tails_that_cancel(p, q):
    """Far out p - q is rounding for Cauchy laws: the bounds hold, no false alarm."""
    half = squared_hellinger_densities(p, q).value / 2
    distance, error = tv_densities(p, q)
    assert error < 1e-11
    assert half - 1e-11 <= distance <= math.sqrt(half * (2 - half)) + ROOTS
    assert distance**2 / 2 - 1e-11 <= js_densities(p, q).value
    assert js_densities(p, q).value <= LOG2 * distance + 1e-11
    assert distance <= math.sqrt(kl_densities(p, q).value / 2) + ROOTS


def test_the_shifted_gaussians_of_the_book():
    """KL(N(0, 1)||N(35, 1)) = 612.5, where the densities themselves give NaN."""
    p, q = normal(0, 1), normal(35, 1)
    value, error = kl_densities(p, q)
    assert_allclose(value, 612.5, rtol=1e-14)
    assert error < 1e-9 and kl_normals(0, 1, 35, 1) == 612.5
    assert kl_densities(normal(0, 1), normal(35, 0.1)).value == pytest.approx(
        kl_normals(0, 1, 35, 0.1), rel=1e-12
    )
    for narrow in (normal(35, 0.1), normal(35, 1e-4)):
        assert js_densities(p, narrow).value == pytest.approx(LOG2, abs=1e-12)
        assert tv_densities(p, narrow).value == pytest.approx(1, abs=1e-12)
        assert squared_hellinger_densities(p, narrow).value == pytest.approx(2)


def N(s, m=0.0):
    return normal(m, s)


HALVES = [0.5, 0.5]
TAILS = [
    # p, q, is KL(P||Q) inf, is chi^2(P||Q) inf
    (cauchy(), N(1), True, True),
    (cauchy(), N(1e6), True, True),
    (cauchy(), laplace(0, 1e3), True, True),
    (cauchy(), cauchy(5, 0.1), False, False),
    (N(1), cauchy(), False, False),
    (laplace(), cauchy(), False, False),
    (laplace(), N(1), False, True),
    (N(1), laplace(), False, False),
    (laplace(0, 1.99), laplace(), False, False),
    (laplace(0, 2), laplace(), False, True),
    (laplace(0, 2.01), laplace(), False, True),
    (N(1.41), N(1), False, False),
    (N(1.42), N(1), False, True),
    (N(0.1), N(1), False, False),
    (uniform(), uniform(0, 2), False, False),
    (uniform(0, 2), uniform(), True, True),
    (uniform(), N(0.1), False, False),
    (N(1), uniform(-1e9, 1e9), True, True),
    (uniform(0, 3), mixture([uniform(), uniform(2, 3)], HALVES), True, True),
    (mixture([uniform(), uniform(2, 3)], HALVES), uniform(0, 3), False, False),
    (mixture([N(1), cauchy()], [1 - 1e-9, 1e-9]), N(9), True, True),
    (N(9), mixture([N(1), cauchy()], [1 - 1e-9, 1e-9]), False, False),
    (mixture([N(1), N(2, 5)], HALVES), N(1.5), False, False),
    (mixture([N(1), N(2, 5)], HALVES), N(1.41), False, True),
    (N(2), mixture([N(1), N(1.5, 4)], HALVES), False, False),
    (N(1), mixture([uniform(), N(1)], [1.0, 0.0]), True, True),
]


@pytest.mark.parametrize("p, q, kl_infinite, chi_infinite", TAILS)
def test_infinity_is_decided(p, q, kl_infinite, chi_infinite, monkeypatch):
    """Supports and tails decide; where the answer is inf, nothing is integrated."""
    bounded = (tv_densities, js_densities, squared_hellinger_densities)
    assert all(math.isfinite(each(p, q).value) for each in bounded)
    answers = ((kl_densities, kl_infinite), (chi_square_densities, chi_infinite))
    for divergence, infinite in answers:
        with monkeypatch.context() as patch:
            if infinite:
                patch.setattr(divergences.continuous, "integrate", None)
            value, error = divergence(p, q)
        assert (value == math.inf) == infinite
        assert error == 0 if infinite else error <= 1e-9 * (1 + value)


@families.examples
@given(st.floats(0.1, 1.999), st.floats(0.01, 100))
def test_chi_square_close_to_its_border(a, b):
    """Laplace laws of scales a b and b: chi^2 = 1/(a (2 - a)) - 1, up to a = 2."""
    found = chi_square_densities(laplace(3, a * b), laplace(3, b))
    known = (a - 1) ** 2 / (a * (2 - a))
    assert abs(found.value - known) <= found.error + 1e-12 * (1 + known)


@families.examples
@given(st.floats(-12, 2), st.floats(0, 600), st.sampled_from([1e-3, 1.0, 1e3]))
def test_chi_square_of_normals_close_to_its_border(power, exponent, unit):
    """2 s_q^2 = s_p^2 (1 + room): digits are lost as room falls, and the error says so.

    It peaks as far as 37 of its own widths from every mode, at (m_p - m_q)/room.
    """
    room = 10.0**power
    s = math.sqrt((1 + room) / 2)
    room = 2 * s**2 - 1
    m = math.sqrt(exponent * room)
    value, error = chi_square_densities(normal(0, unit), normal(m * unit, s * unit))
    known = chi_square_normals(0, unit, m * unit, s * unit)
    # The closed form, too, forms 2 s^2 - 1 and divides by it.
    lost = 1e-15 * (1 + exponent) / room
    assert abs(value - known) <= error + (lost + 1e-12) * (1 + known)
    assert error <= (1e-13 * (1 + exponent) / room + 1e-12) * (1 + value)


def test_chi_square_far_from_every_mode():
    """p^2/q may peak far from all modes: N(0, 1) and N(m, 0.8) near -3.6 m."""
    for m in (5.0, 11.0):
        found = chi_square_densities(normal(0, 1), normal(m, 0.8))
        assert_allclose(found.value, chi_square_normals(0, 1, m, 0.8), rtol=1e-11)


def test_what_cannot_be_decided_raises():
    """Unknown tails, the very border of chi^2, numbers beyond the floats: no guess."""
    unknown = densities.Density(stats.norm.logpdf, modes=((0.0, 1.0),))
    for p, q in ((unknown, normal()), (normal(), unknown)):
        for divergence in (kl_densities, chi_square_densities):
            with pytest.raises(ValueError, match="tail, which this density does not"):
                divergence(p, q)
        assert tv_densities(p, q).value == pytest.approx(0, abs=1e-12)
        assert kl_densities(p, uniform()).value == math.inf
    nearly = math.sqrt(2) * (1 + 1e-15)
    with pytest.raises(ValueError, match="the border of integrable"):
        chi_square_densities(normal(0, nearly), normal(0, 1))
    for call in (
        lambda: chi_square_densities(normal(0, 1), normal(35, 1)),
        lambda: chi_square_normals(0, 1, 35, 1),
    ):
        with pytest.raises(ValueError, match="beyond the largest float"):
            call()


# Normal laws


@families.examples
@given(PARAMETERS, st.floats(-100, 100), st.sampled_from([1e-6, 1.0, 1e6]))
def test_normals_do_not_depend_on_units(parameters, shift, unit):
    """Moving and scaling both laws changes nothing; TV and H^2 are symmetric."""
    m1, s1, m2, s2 = parameters
    for closed in (kl_normals, tv_normals, squared_hellinger_normals):
        known = closed(m1, s1, m2, s2)
        moved = closed(unit * (m1 + shift), unit * s1, unit * (m2 + shift), unit * s2)
        assert_allclose(moved, known, rtol=1e-9, atol=1e-9)
        if closed is not kl_normals:
            assert_allclose(closed(m2, s2, m1, s1), known, atol=CLOSE)


@pytest.mark.parametrize("ratio", [1 + 1e-15, 1 + 1e-9, 1.5, 1e3, 1e9])
def test_normals_at_extreme_scales(ratio):
    """TV near equal scales, and 1 - P(|x| small) for very different ones."""
    nearly = tv_normals(0, 1, 1, ratio)
    if ratio < 1.1:
        assert_allclose(nearly, math.erf(1 / math.sqrt(8)), atol=1e-8)
    else:
        assert_allclose(
            nearly, tv_densities(normal(0, 1), normal(1, ratio)).value, atol=1e-11
        )
    same_centre = tv_normals(0, 1, 0, ratio)
    cut = math.sqrt(2 * math.log(ratio) / (1 - ratio**-2))
    known = special.erf(cut / math.sqrt(2)) - special.erf(cut / ratio / math.sqrt(2))
    assert_allclose(same_centre, known, atol=1e-8)


@pytest.mark.parametrize("seed", range(20))
def test_kl_gaussians(seed):
    """Against torch's formula in up to 6 dimensions; kl_normals in one; 0 for equal."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 7))
    m1, m2 = rng.normal(size=(2, d))
    C1, C2 = (root @ root.T + 0.1 * np.eye(d) for root in rng.normal(size=(2, d, d)))
    p, q = (
        torch.distributions.MultivariateNormal(torch.tensor(m), torch.tensor(C))
        for m, C in ((m1, C1), (m2, C2))
    )
    found = divergences.kl_gaussians(m1, C1, m2, C2)
    assert_allclose(found, float(torch.distributions.kl_divergence(p, q)), rtol=1e-9)
    assert divergences.kl_gaussians(m1, C1, m1, C1) == pytest.approx(0, abs=1e-12)
    spread = math.sqrt(C1[0, 0]), math.sqrt(C2[0, 0])
    line = divergences.kl_gaussians(m1[:1], C1[:1, :1], m2[:1], C2[:1, :1])
    assert_allclose(line, kl_normals(m1[0], spread[0], m2[0], spread[1]), rtol=1e-9)
    # Independent axes add up.
    both = divergences.kl_gaussians([0, 1], np.diag([1, 4]), [2, 3], np.diag([9, 1]))
    assert_allclose(both, kl_normals(0, 1, 2, 3) + kl_normals(1, 2, 3, 1))


# Samples


def outcomes(n, law):
    """Yield every table of n counts on 3 boxes and its probability."""
    for first in range(n + 1):
        for second in range(n + 1 - first):
            counts = [first, second, n - first - second]
            yield counts, stats.multinomial.pmf(counts, n, law)


@pytest.mark.parametrize("q", [[1, 1, 1], [1, 2, 3]])
def test_bias_of_the_plug_in(q):
    """E KL(P_n||q) = KL(P||q) + (k - 1)/(2n) - (1 - sum 1/p)/(12 n^2) + O(n^-3).

    All outcomes of n samples, summed; the rest falls 8-fold when n doubles.
    """
    p = np.array([0.5, 0.3, 0.2])
    exact = kl(p, np.array(q) / sum(q))
    rests = []
    for n in (20, 40):
        mean = sum(
            chance * divergences.kl_plug_in(counts, q)
            for counts, chance in outcomes(n, p)
        )
        bias = mean - exact
        assert bias == pytest.approx((3 - 1) / (2 * n), rel=0.15)
        rests.append(bias - 1 / n + (1 - (1 / p).sum()) / (12 * n**2))
    assert 6 < rests[0] / rests[1] < 16


def test_plug_in_from_two_samples_has_no_finite_mean():
    """A box of P stays empty among Q's samples with positive probability: inf."""
    assert divergences.kl_plug_in([2, 1], [3, 0]) == math.inf
    assert divergences.kl_plug_in([2, 0], [3, 0]) == 0


def mean_error(n, law, other, known, *, repeats=20, k=5):
    rng = np.random.default_rng(0)
    found = [
        divergences.kl_nearest_neighbours(law(rng, n), other(rng, n), k=k)
        for _ in range(repeats)
    ]
    return math.sqrt(np.mean((np.array(found) - known) ** 2))


def test_nearest_neighbours_converge():
    """The error falls as n grows, on the line and in the plane, to a few hundredths."""

    def line(m, s):
        return lambda rng, n: rng.normal(m, s, size=n)

    known = kl_normals(0, 1, 1, 1.5)
    errors = [mean_error(n, line(0, 1), line(1, 1.5), known) for n in (50, 500, 5000)]
    assert errors[0] > 1.5 * errors[1] > 2.25 * errors[2]
    assert errors[2] < 0.05

    def plane(m, s):
        return lambda rng, n: rng.normal(m, s, size=(n, 2))

    known = divergences.kl_gaussians([0, 0], np.eye(2), [1, 1], 2.25 * np.eye(2))
    errors = [mean_error(n, plane(0, 1), plane(1, 1.5), known) for n in (50, 2000)]
    assert errors[0] > 2 * errors[1]
    assert errors[1] < 0.15


@pytest.mark.parametrize("k", [1, 3])
def test_nearest_neighbours_are_unbiased_for_equal_laws(k):
    """P = Q and m = n - 1: both distances have one law, so the mean is exactly 0."""
    rng = np.random.default_rng(k)
    found = [
        divergences.kl_nearest_neighbours(
            rng.standard_cauchy(9), rng.standard_cauchy(8), k=k
        )
        for _ in range(1500)
    ]
    assert abs(np.mean(found)) < 4 * np.std(found) / math.sqrt(len(found))


def test_nearest_neighbours_count_their_samples():
    """Constant densities around x_i: no bias from few samples of Q, 9 here.

    With log(m/(n - 1)) in place of the digammas the mean would be 0.05 less.
    """
    rng = np.random.default_rng(0)
    found = []
    for _ in range(3000):
        x, y = rng.uniform(0, 1, size=200), rng.uniform(-1, 2, size=9)
        found.append(divergences.kl_nearest_neighbours(x, y, k=1))
    # The mean's own standard deviation is 0.009.
    assert_allclose(np.mean(found), math.log(3), atol=0.03)


def test_nearest_neighbours_are_far_too_small_where_samples_are_rare():
    """The estimate grows like d log distance: 612.5 becomes less than 10."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 2000))
    near = divergences.kl_nearest_neighbours(x, y + 35)
    far = divergences.kl_nearest_neighbours(x, y + 70)
    assert 0 < near < 15 < kl_normals(0, 1, 35, 1)
    assert_allclose(far - near, LOG2, atol=0.1)


def all_samples(law, n):
    """Yield every ordered sample of n from a law on 0, 1, 2, and its probability."""
    for sample in product(range(3), repeat=n):
        yield np.array(sample, float), math.prod(law[k] for k in sample)


def expected(estimate, p, q, n, m):
    """The exact mean of an estimate, over all samples of n and m."""
    return sum(
        chance_x * chance_y * estimate(x, y)
        for x, chance_x in all_samples(p, n)
        for y, chance_y in all_samples(q, m)
    )


SMALL = [([0.5, 0.3, 0.2], [0.1, 0.2, 0.7]), ([0.2, 0.2, 0.6], [0.2, 0.2, 0.6])]


@pytest.mark.parametrize("p, q", SMALL)
@pytest.mark.parametrize("n, m", [(2, 2), (3, 2)])
def test_mmd_is_unbiased(p, q, n, m):
    """E mmd = (p - q)^T K (p - q), summed over all samples."""
    K = np.exp(-(np.subtract.outer(range(3), range(3)) ** 2) / (2 * 0.7**2))
    gap = np.subtract(p, q)
    mean = expected(lambda x, y: divergences.mmd(x, y, bandwidth=0.7), p, q, n, m)
    assert_allclose(mean, gap @ K @ gap, atol=CLOSE)


@pytest.mark.parametrize("p, q", SMALL)
@pytest.mark.parametrize("n, m", [(2, 2), (3, 1)])
def test_bias_of_the_energy_distance(p, q, n, m):
    """E = D + E|x - x'|/n + E|y - y'|/m, summed over all samples."""
    M = np.abs(np.subtract.outer(range(3), range(3))).astype(float)
    p, q = np.array(p), np.array(q)
    exact = 2 * p @ M @ q - p @ M @ p - q @ M @ q
    mean = expected(divergences.energy_distance, p, q, n, m)
    assert_allclose(mean, exact + p @ M @ p / n + q @ M @ q / m, atol=CLOSE)


@families.examples
@given(families.weighted_clouds())
def test_energy_distance_by_scipy(drawn):
    """On the line scipy's energy distance is the root of ours, 2 int (F - G)^2."""
    x, y = drawn[0][:, 0], drawn[1][:, 0]
    found = divergences.energy_distance(x, y)
    assert_allclose(math.sqrt(found), stats.energy_distance(x, y), atol=1e-6)
    cuts = np.sort(np.concatenate([x, y]))
    gaps = [(x <= c).mean() - (y <= c).mean() for c in cuts[:-1]]
    assert_allclose(found, 2 * np.square(gaps) @ np.diff(cuts), atol=1e-9)


def test_mmd_by_a_double_loop():
    """The formula written out for two clouds in three dimensions."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)) + 1

    def k(a, b):
        return math.exp(-sum((a - b) ** 2) / (2 * 1.3**2))

    inside = np.mean([k(x[i], x[j]) for i in range(5) for j in range(5) if i != j])
    inside += np.mean([k(y[i], y[j]) for i in range(4) for j in range(4) if i != j])
    across = np.mean([k(a, b) for a in x for b in y])
    found = divergences.mmd(x, y, bandwidth=1.3)
    assert_allclose(found, inside - 2 * across, atol=CLOSE)


# Arguments


@pytest.mark.parametrize(
    "call, part",
    [
        (lambda: kl([0.5, 0.4], [0.5, 0.5]), "p must sum to 1; got 0.9"),
        (lambda: js([0.5, 0.5], [1.0]), "q must hold one weight a point"),
        (lambda: tv([1.5, -0.5], [0.5, 0.5]), "p must not be negative"),
        (lambda: kl_normals(0, 0, 1, 1), "s1 must be a finite number above 0"),
        (lambda: tv_normals(0, 1, math.inf, 1), "m2 must be"),
        (lambda: kl_normals(0, 1e-60, 0, 1e60), "s2/s1 must be"),
        (
            lambda: divergences.kl_gaussians([0, 0], np.eye(2), [0], np.eye(2)),
            "must have the same shape",
        ),
        (
            lambda: divergences.kl_gaussians(
                [0, 0], np.eye(2), [0, 0], np.ones((2, 2))
            ),
            "C2 must be positive definite",
        ),
        (lambda: divergences.pushforward([0.5, 0.5], [[1.0]]), "kernel must have one"),
        (lambda: divergences.kl_plug_in([0.5, 0.5], [1, 1]), "counts_p must be whole"),
        (
            lambda: divergences.kl_nearest_neighbours([1, 1, 2], [3, 4], k=1),
            "no repeated points; got 2",
        ),
        (
            lambda: divergences.kl_nearest_neighbours([1, 2, 3], [3, 4], k=1),
            "no repeated points; got 1",
        ),
        (
            lambda: divergences.kl_nearest_neighbours([1, 2, 3], [4, 5], k=3),
            "x must hold at least 4 samples",
        ),
        (lambda: divergences.mmd([1], [1, 2], bandwidth=1), "x must hold at least 2"),
        (lambda: divergences.mmd([1, 2], [1, 2], bandwidth=0), "bandwidth must be"),
        (lambda: divergences.energy_distance([[1, 2]], [[1]]), "y must hold points in"),
    ],
)
def test_bad_arguments(call, part):
    """Errors name the argument and what came."""
    with pytest.raises(ValueError) as caught:
        call()
    assert part in str(caught.value)


def test_every_name_is_there():
    """The package hands out what its four modules define, and its examples hold."""
    found = set()
    for info in pkgutil.iter_modules(divergences.__path__):
        module = importlib.import_module(f"wgan_lessons.divergences.{info.name}")
        found |= {
            name
            for name, thing in vars(module).items()
            if getattr(thing, "__module__", None) == module.__name__
            and not name.startswith("_")
        }
        assert doctest.testmod(module).failed == 0
    assert found == set(divergences.__all__)
