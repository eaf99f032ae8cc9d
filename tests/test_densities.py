"""Densities on the line: against scipy.stats, moments, and integrals known by heart."""

import math

import families
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from scipy.integrate import quad

from wgan_lessons.densities import (
    Density,
    Tail,
    cauchy,
    covers,
    integrate,
    laplace,
    mixture,
    normal,
    uniform,
)

CENTRES = st.floats(-100, 100)
SCALES = st.floats(-3, 3).map(lambda power: 10.0**power)
POINTS = np.concatenate([np.linspace(-200, 200, 41), [-1e4, 1e4, 1e9]])

# Each law, and the same by scipy.
LAWS = {
    "normal": (normal, stats.norm),
    "laplace": (laplace, stats.laplace),
    "cauchy": (cauchy, stats.cauchy),
    "uniform": (lambda m, s: uniform(m, m + s), stats.uniform),
}
UNBOUNDED = ["normal", "laplace", "cauchy"]
every_law = pytest.mark.parametrize("name", LAWS)


@st.composite
def laws(draw, kinds=tuple(LAWS)):
    """A law of any kind, or a mixture of up to three."""
    parts = [
        LAWS[draw(st.sampled_from(kinds))][0](draw(CENTRES), draw(SCALES))
        for _ in range(draw(st.integers(1, 3)))
    ]
    return mixture(parts, draw(families.weights(len(parts))))


def true_within(found, truth, *, atol=0.0):
    """The truth lies within the stated error, and the error is small."""
    size = max(1.0, abs(truth))
    assert abs(found.value - truth) <= found.error + atol
    assert found.error <= 1e-9 * size


@every_law
@families.examples
@given(CENTRES, SCALES)
def test_log_densities_are_scipys(name, centre, scale):
    """log p(x) at any distance, where p(x) itself is 0 in floats."""
    ours, theirs = LAWS[name]
    with np.errstate(divide="ignore"):
        known = theirs(centre, scale).logpdf(POINTS)
    found = ours(centre, scale).logpdf(POINTS)
    # scipy takes the logarithm of Laplace's density: -inf where that is 0 in floats.
    seen = known > -700 if name == "laplace" else np.full(len(POINTS), True)
    assert_allclose(found[seen], known[seen], rtol=1e-9, atol=1e-9)
    assert (found[~seen] < -600).all()


@families.examples
@given(laws(), laws())
def test_mass_is_one_beside_any_other_law(p, q):
    """int p = 1 over both supports, though one law may be 10^6 times narrower."""
    true_within(integrate(p.pdf, p, q), 1.0, atol=1e-12)


@pytest.mark.parametrize("centre", [35.0, 1e3, 1e6])
def test_a_narrow_peak_is_seen(centre):
    """The mass of N(35, 0.1) is 1; a rule that does not know where to look finds 0."""
    p = normal(centre, 0.1)
    true_within(integrate(p.pdf, normal(0, 1), p), 1.0, atol=1e-9)
    blind, claimed = quad(stats.norm(centre, 0.1).pdf, -np.inf, np.inf)
    assert blind < 1e-3 and claimed < 1e-3


@families.examples
@given(CENTRES, SCALES)
def test_moments(m, s):
    """E x = m; Var x = s^2 (normal), 2 s^2 (Laplace), s^2/12 (uniform of width s)."""
    for p, variance in (
        (normal(m, s), s**2),
        (laplace(m, s), 2 * s**2),
        (uniform(m - s / 2, m + s / 2), s**2 / 12),
    ):
        mean = integrate(lambda x, p=p: x * p.pdf(x), p)
        assert_allclose(mean.value, m, rtol=1e-10, atol=1e-10 * s)
        found = integrate(lambda x, p=p: (x - m) ** 2 * p.pdf(x), p)
        assert_allclose(found.value, variance, rtol=1e-10)


@pytest.mark.parametrize("s", [1e-3, 1.0, 1e3])
def test_integrals_known_by_heart(s):
    """E log(1 + (x/s)^2) = log 4 under Cauchy's law; |x - c| and steps with kinks."""
    p = cauchy(0, s)
    true_within(integrate(lambda x: np.log1p((x / s) ** 2) * p.pdf(x), p), math.log(4))
    p = normal(0, s)
    known = s * math.sqrt(2 / math.pi)
    true_within(integrate(lambda x: np.abs(x) * p.pdf(x), p), known)
    # A kink that no mode announces costs halvings, not digits: x > s/3.
    share = integrate(lambda x: np.maximum(x - s / 3, 0) * p.pdf(x), p)
    known = s * (stats.norm.pdf(1 / 3) - stats.norm.sf(1 / 3) / 3)
    true_within(share, known)


@pytest.mark.parametrize("power", [1.2, 1.5, 2.0, 4.0])
def test_heavy_tails_are_in_the_error(power):
    """int_1^inf (r - 1) x^-r dx = 1; what lies beyond the last piece is an error."""
    law = Density(
        lambda x: math.log(power - 1) - power * np.log(x),
        modes=((1.0, 1.0),),
        support=((1.0, math.inf),),
        right=Tail(power=power),
    )
    found = integrate(law.pdf, law)
    assert abs(found.value - 1) <= found.error
    assert found.error < 1e-6
    assert law.tail("left") is None


def test_an_infinite_integral_is_refused():
    """1/(1 + |x|) and 1 have none: the far pieces do not shrink."""
    for function in (lambda x: 1 / (1 + np.abs(x)), np.ones_like):
        with pytest.raises(ValueError, match="must settle far out"):
            integrate(function, normal())
    with pytest.raises(ValueError, match="beyond the largest float"):
        integrate(np.exp, normal())


@pytest.mark.parametrize("side, sign", [("left", -1), ("right", 1)])
@families.examples
@given(laws(tuple(UNBOUNDED)))
def test_tails(side, sign, p):
    """log p(x) + square x^2 - slope |x| + power log |x| tends to a constant."""
    tail = p.tail(side)

    def rest(x):
        falls = -tail.square * x**2 + tail.slope * x - tail.power * np.log(x)
        return p.logpdf(sign * x) - falls

    x = np.array([1e9, 2e9, 4e9])
    # Each law's own constant, and the rounding of numbers as large as x^2.
    spread = np.ptp(rest(x))
    assert spread <= 1e-6 + 1e-14 * abs(p.logpdf(sign * x)).max()


@pytest.mark.parametrize(
    "tail, integrable",
    [
        (Tail(square=1e-9, slope=1e9, power=-9), True),
        (Tail(square=-1e-9, slope=-1e9, power=9), False),
        (Tail(slope=-1e-9, power=-9), True),
        (Tail(slope=1e-9, power=9), False),
        (Tail(power=1.0), False),
        (Tail(power=1.001), True),
        (Tail(), False),
    ],
)
def test_integrable_tails(tail, integrable):
    """The first term that is not 0 decides; x^-r alone needs r > 1."""
    assert tail.integrable is integrable


def test_the_heaviest_part_rules():
    """Cauchy's tail beats Laplace's, that beats a normal one; wide beats narrow."""
    parts = [normal(0, 1), normal(-9, 2), laplace(0, 1), cauchy(), uniform(0, 1)]
    assert mixture(parts, [0.2] * 5).tail("right") == Tail(power=2.0)
    assert mixture(parts, [0.3, 0.3, 0.4, 0, 0]).tail("left") == Tail(slope=-1.0)
    assert mixture(parts, [0.5, 0.5, 0, 0, 0]).tail("right") == Tail(0.125, -2.25)
    assert mixture(parts, [0.5, 0.5, 0, 0, 0]).tail("left") == Tail(0.125, 2.25)
    # Equal widths: on the right the part that is further right.
    pair = mixture([normal(0, 1), normal(3, 1)], [0.9, 0.1])
    assert pair.tail("right") == normal(3, 1).right
    assert pair.tail("left") == normal(0, 1).left


def test_an_unknown_tail_is_not_guessed():
    """A density over the line that states no tails raises; so does its mixture."""
    law = Density(stats.norm.logpdf, modes=((0.0, 1.0),))
    both = mixture([law, uniform(0, 1)], [0.5, 0.5])
    for p in (law, both):
        with pytest.raises(ValueError, match="got left=None"):
            p.tail("left")
        assert integrate(p.pdf, p).value == pytest.approx(1)
    with pytest.raises(ValueError, match="unknown side 'up'"):
        law.tail("up")


BLOCKS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), min_size=1)


@families.examples
@given(BLOCKS, BLOCKS)
def test_supports(first, second):
    """A mixture's support is the union; q covers p iff no cell has mass of p alone."""

    def law(blocks):
        parts = [uniform(low, low + width) for low, width in blocks]
        return mixture(parts, np.full(len(parts), 1 / len(parts)))

    p, q = law(first), law(second)
    cells = np.arange(14) + 0.5
    for density in (p, q):
        inside = [any(a < c < b for a, b in density.support) for c in cells]
        np.testing.assert_array_equal(inside, density.pdf(cells) > 0)
    alone = (p.pdf(cells) > 0) & (q.pdf(cells) == 0)
    assert covers(q, p) == (not alone.any())


@pytest.mark.parametrize(
    "call, part",
    [
        (lambda: normal(0, 0), "sd must be a finite number above 0"),
        (lambda: uniform(1, 1), "high must be a finite number above 1"),
        (lambda: laplace(0, -1), "scale must be"),
        (lambda: cauchy(math.nan), "centre must be"),
        (lambda: mixture([normal()], [0.5]), "weights must sum to 1"),
        (lambda: mixture([normal()], [0.5, 0.5]), "one weight a point"),
        (lambda: Density(np.sin, ()), "modes must hold at least one"),
        (lambda: Density(np.sin, ((0, 1),), ((1, 0),)), "support must be disjoint"),
    ],
)
def test_bad_arguments(call, part):
    """Errors name the argument."""
    with pytest.raises(ValueError, match="must") as caught:
        call()
    assert part in str(caught.value)
