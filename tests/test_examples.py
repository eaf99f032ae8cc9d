"""Chapter 2's examples: each closed form against solvers, quadrature and sympy."""

import itertools
import math

import families
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from scipy.integrate import quad

from wgan_lessons import divergences, examples, transport
from wgan_lessons.examples import (
    ARROWS,
    COUNTER_EXAMPLES,
    DIAMETER,
    SEQUENCES,
    Atoms,
    Convergence,
)

FIELDS = Convergence._fields
KINDS = ("w1", "js", "kl", "reverse_kl", "tv")
SHIFTS = st.floats(0.05, 30).flatmap(lambda m: st.sampled_from([m, -m]))
SCALES = st.floats(0.2, 4)
SIZES = (2, 3, 7, 50)


def slope(function, at, step=1e-5):
    """The central difference of each field."""
    above, below = function(at + step), function(at - step)
    return [(a - b) / (2 * step) for a, b in zip(above, below, strict=True)]


# Parallel lines


@families.examples
@given(st.floats(-5, 5), st.integers(1, 6), st.randoms(use_true_random=False))
def test_no_coupling_of_two_lines_beats_the_straight_one(theta, n, random):
    """W1 = |theta|: straight pairs cost it, all others cost at least as much."""
    heights = [random.random() for _ in range(n)]
    p = np.column_stack([np.zeros(n), heights])
    q = np.column_stack([np.full(n, theta), heights])
    w1 = examples.parallel_lines(theta).w1
    assert_allclose(transport.w1_samples(p, q), w1, atol=1e-12)
    assert_allclose(transport.cost_matrix(p, q).diagonal().mean(), w1, atol=1e-12)
    assert transport.cost_matrix(p, q).min() >= w1 - 1e-12


@pytest.mark.parametrize("theta", [-2.0, -1e-9, 0.0, 1e-300, 3])
def test_lines_that_do_not_touch_are_disjoint_histograms(theta):
    """KL, JS and TV see two bins that are equal or disjoint, whatever theta is."""
    p, q = np.array([1.0, 0.0]), np.array([1.0, 0.0] if theta == 0 else [0.0, 1.0])
    found = examples.parallel_lines(theta)
    known = divergences.js(p, q), divergences.kl(p, q), divergences.kl(q, p)
    assert_allclose(found[1:], [*known, divergences.tv(p, q)], atol=1e-15)


@families.examples
@given(SHIFTS)
def test_derivatives_of_the_lines(theta):
    """Finite differences: the sign of theta, zeros, and inf - inf for both KL."""
    with np.errstate(invalid="ignore"):
        found = slope(examples.parallel_lines, theta)
    assert_allclose(examples.parallel_lines_gradients(theta), found, atol=1e-9)


def test_no_derivative_at_zero():
    """One-sided slopes of W1 differ, and the other four jump."""
    assert all(map(math.isnan, examples.parallel_lines_gradients(0)))
    right, left = (examples.parallel_lines_gradients(t).w1 for t in (1e-9, -1e-9))
    assert (right, left) == (1, -1)
    near, at = examples.parallel_lines(1e-9), examples.parallel_lines(0)
    assert all(abs(a - b) > 0.5 for a, b in zip(near[1:], at[1:], strict=True))


# Shifted normals


@pytest.mark.parametrize(("mu", "s"), [(0.5, 1), (-1.6, 1), (3, 2), (12, 1.5), (35, 1)])
def test_shifted_gaussians_by_quadrature(mu, s):
    """All five from log densities, by scipy's quad between the places that matter."""
    p, q = stats.norm(0, s), stats.norm(mu, s)
    ends = sorted([-12 * s, 0, mu / 2, mu, mu - 12 * s, mu + 12 * s, 12 * s])

    def integral(f):
        return sum(quad(f, *ab, epsabs=1e-13)[0] for ab in itertools.pairwise(ends))

    def kl(p, q):
        return lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x))

    def to_middle(p, q):
        log_m = lambda x: np.logaddexp(p.logpdf(x), q.logpdf(x)) - math.log(2)  # noqa
        return lambda x: p.pdf(x) * (p.logpdf(x) - log_m(x))

    found = examples.shifted_gaussians(mu, s=s)
    known = {
        "w1": integral(lambda x: abs(p.cdf(x) - q.cdf(x))),
        "js": (integral(to_middle(p, q)) + integral(to_middle(q, p))) / 2,
        "kl": integral(kl(p, q)),
        "reverse_kl": integral(kl(q, p)),
        "tv": integral(lambda x: abs(p.pdf(x) - q.pdf(x))) / 2,
    }
    for name in KINDS:
        assert_allclose(getattr(found, name), known[name], rtol=1e-10, err_msg=name)


@families.examples
@given(SHIFTS, SCALES)
def test_derivatives_of_the_shifted_gaussians(mu, s):
    """Central differences of each field."""
    found = slope(lambda m: examples.shifted_gaussians(m, s=s), mu, 1e-5 * s)
    known = examples.shifted_gaussians_gradients(mu, s=s)
    assert_allclose(found, known, rtol=1e-6, atol=1e-9 / s)


def test_forms_of_the_shifted_gaussians_by_sympy():
    """KL = mu^2 / (2 s^2), by symbols; its derivative and that of TV too."""
    x = sympy.symbols("x", real=True)
    mu, s = sympy.symbols("mu s", positive=True)
    log_p, log_q = -(x**2) / (2 * s**2), -((x - mu) ** 2) / (2 * s**2)
    p = sympy.exp(log_p) / (s * sympy.sqrt(2 * sympy.pi))
    kl = sympy.integrate(p * sympy.expand(log_p - log_q), (x, -sympy.oo, sympy.oo))
    tv = sympy.erf(mu / (s * sympy.sqrt(8)))
    at = {mu: 3, s: 2}
    value = examples.shifted_gaussians(3, s=2)
    change = examples.shifted_gaussians_gradients(3, s=2)
    known = [float(f.subs(at)) for f in (kl, tv)]
    assert_allclose([value.kl, value.tv], known, rtol=1e-14)
    known = [float(f.diff(mu).subs(at)) for f in (kl, kl, tv)]
    found = [change.kl, change.reverse_kl, change.tv]
    assert_allclose(found, known, rtol=1e-14)


@families.examples
@given(SHIFTS, SCALES)
def test_only_the_ratio_counts(mu, s):
    """JS, KL and TV depend on mu / s only; W1 does not; signs change nothing."""
    one = examples.shifted_gaussians(abs(mu) / s)
    found = examples.shifted_gaussians(mu, s=s)
    assert_allclose(found[1:], one[1:], rtol=1e-12)
    assert found.w1 == abs(mu)


def test_the_gradient_of_kl_grows_and_that_of_js_dies():
    """Erratum 1: JS' is largest near 1.6 s, 2.4e-2 at 5 s and 2.2e-6 at 10 s."""
    shifts = np.linspace(0, 35, 3501)
    changes = [examples.shifted_gaussians_gradients(mu) for mu in shifts[1:]]
    kl, js = (np.array([getattr(c, name) for c in changes]) for name in ("kl", "js"))
    assert (np.diff(kl) > 0).all()
    top = js.argmax()
    assert 1.5 < shifts[1 + top] < 1.75
    assert (np.diff(js[: top + 1]) > 0).all() and (np.diff(js[top:]) < 0).all()
    found = [examples.shifted_gaussians_gradients(mu).js for mu in (5, 10)]
    assert_allclose(found, [2.4e-2, 2.2e-6], rtol=0.03)


@pytest.mark.parametrize("mu", [0, 80, 1e3, 1e200])
def test_far_shifts_stay_finite_where_the_limit_is(mu):
    """JS and TV end at log 2 and 1 with slope 0; nothing overflows into NaN."""
    value = examples.shifted_gaussians(mu)
    assert_allclose(value.js, math.log(2) if mu else 0, atol=1e-15)
    assert value.tv == bool(mu)
    change = examples.shifted_gaussians_gradients(mu)
    assert change.js == pytest.approx(0, abs=1e-300) and change.kl == mu
    assert math.isnan(change.w1) == (mu == 0)


# Sequences, by their distribution functions written down again


def even(low, high):
    return lambda x: np.clip((x - low) / (high - low), 0, 1)


def at(point):
    return lambda x: np.where(np.asarray(x) >= point, 1.0, 0.0)


def spiked(n, far):
    return lambda x: (1 - 1 / n) * at(0)(x) + at(far)(x) / n


def cubic(x):
    return 1 - np.maximum(x, 1.0) ** -2.0


def lifted(n):
    below = lambda x: n / (n + 1) * cubic(x)  # noqa: E731
    above = lambda x: 1 - n * np.maximum(x, n) ** -2.0  # noqa: E731
    return lambda x: np.where(np.asarray(x) < n, below(np.minimum(x, n)), above(x))


# For each sequence: F, F_n, and the places where one of them has a jump or a kink.
FUNCTIONS = {
    "coin": lambda n: (
        lambda x: (at(0)(x) + at(1)(x)) / 2,
        lambda x: ((1 - 1 / n) * at(0)(x) + (1 + 1 / n) * at(1)(x)) / 2,
        [0, 1],
    ),
    "spike": lambda n: (at(0), spiked(n, 1), [0, 1]),
    "cut": lambda n: (even(0, 1), even(0, 1 - 1 / n), [0, 1 - 1 / n, 1]),
    "slide": lambda n: (even(0, 1), even(1 / n, 1 + 1 / n), [0, 1 / n, 1, 1 + 1 / n]),
    "approach": lambda n: (at(0), at(1 / n), [0, 1 / n]),
    "grid": lambda n: (
        even(0, 1),
        lambda x: np.clip(np.floor(n * np.asarray(x) + 1e-9), 0, n) / n,
        np.arange(n + 1) / n,
    ),
    "escape": lambda n: (at(0), spiked(n, n), [0, n]),
    "flight": lambda n: (at(0), spiked(n, n**2), [0, n**2]),
    "tail": lambda n: (cubic, lifted(n), [1, n]),
}


def by_definition(F, G, places):
    """The Levy distance, by halving: its inequalities on a fine grid of the line."""
    low, high = min(places) - 2, max(places) + 2
    fine = np.concatenate([np.asarray(places) + h for h in (-1e-9, 0, 1e-9)])
    x = np.concatenate([fine, np.linspace(low, high, 401)])

    def enough(e):
        # The shifted function has its jumps elsewhere.
        y = np.concatenate([x, fine + e, fine - e])
        below, above = F(y - e) - e, F(y + e) + e
        return (below <= G(y) + 1e-12).all() and (G(y) <= above + 1e-12).all()

    few, many = 0.0, 1.0
    for _ in range(40):
        middle = (few + many) / 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def area(F, G, places):
    """The area between two distribution functions, piece by piece."""
    ends = [*np.unique(places), math.inf]
    pieces = itertools.pairwise(ends)
    return sum(quad(lambda x: abs(F(x) - G(x)), *ab, limit=200)[0] for ab in pieces)


def numbers(p, q):
    """KL, reverse KL, JS, TV of two laws by `divergences`, which knows no example."""
    if isinstance(p, Atoms) and isinstance(q, Atoms):
        places = np.union1d(p.points, q.points)
        p, q = ([law.weights[law.points == x].sum() for x in places] for law in (p, q))
        call = divergences
        return call.kl(p, q), call.kl(q, p), call.js(p, q), call.tv(p, q)
    if isinstance(p, Atoms) or isinstance(q, Atoms):
        # Atoms have no mass under a density, and a density has none on atoms.
        return math.inf, math.inf, math.log(2), 1.0
    call = divergences
    found = call.kl_densities(p, q), call.kl_densities(q, p)
    found += call.js_densities(p, q), call.tv_densities(p, q)
    return tuple(integral.value for integral in found)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", SEQUENCES)
def test_distances_of_the_sequences(name, n):
    """KL, JS, TV by the divergences; W1 as an area; Levy's distance by definition."""
    found = SEQUENCES[name].distances(n)
    F, G, places = FUNCTIONS[name](n)
    known = Convergence(
        *numbers(*SEQUENCES[name].laws(n)),
        area(F, G, places),
        by_definition(F, G, places),
    )
    assert_allclose(found[:5], known[:5], rtol=1e-8, atol=1e-12)
    # The grid of the definition is as fine as this.
    assert_allclose(found.levy, known.levy, rtol=1e-4)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", SEQUENCES)
def test_laws_of_the_sequences(name, n):
    """The laws that a sequence returns have the distribution functions above."""
    *functions, places = FUNCTIONS[name](n)
    spots = np.linspace(min(places) - 0.3, max(places) + 1.1, 7) + 0.01
    for law, F in zip(SEQUENCES[name].laws(n), functions, strict=True):
        for x in spots:
            if isinstance(law, Atoms):
                below = law.weights[law.points <= x].sum()
            else:
                kinks = [k for k in places if k < x]
                ends = [min(x, min(places)), *kinks, x]
                pieces = itertools.pairwise(ends)
                below = sum(quad(law.pdf, *ab)[0] for ab in pieces if ab[0] < ab[1])
            assert_allclose(below, F(x), atol=1e-9)


@pytest.mark.parametrize("name", ["coin", "spike", "approach", "escape", "flight"])
def test_w1_of_atoms_by_the_solver(name):
    """POT and the area between distribution functions agree with the closed form."""
    for n in SIZES:
        p, q = SEQUENCES[name].laws(n)
        w1 = SEQUENCES[name].distances(n).w1
        M = transport.cost_matrix(p.points, q.points)
        found = transport.optimal_plan(p.weights, q.weights, M).cost
        line = transport.w1_line(p.points, q.points, p.weights, q.weights)
        assert_allclose([found, line], w1, rtol=1e-12)


def vanishes(name, field):
    """Whether a field goes to 0: by a factor of 20 or more from n = 50 to 10^6."""
    first, last = (getattr(SEQUENCES[name].distances(n), field) for n in (50, 10**6))
    return last < first / 20


@pytest.mark.parametrize("arrow", ARROWS, ids=lambda a: f"{a.premise}-{a.conclusion}")
def test_arrows_hold_by_their_bounds(arrow):
    """conclusion <= bound(premise) on every sequence, and the bound ends at 0."""
    for name, sequence in SEQUENCES.items():
        places = FUNCTIONS[name](50)[2]
        if arrow.compact and max(places) > DIAMETER:
            continue
        for n in SIZES:
            values = sequence.distances(n)
            premise, conclusion = (
                getattr(values, field) for field in (arrow.premise, arrow.conclusion)
            )
            assert conclusion <= arrow.bound(premise) + 1e-12
    assert arrow.bound(0.0) == 0 and arrow.bound(1e-12) < 1e-5
    assert vanishes(arrow.example, arrow.premise)
    assert vanishes(arrow.example, arrow.conclusion)


@pytest.mark.parametrize("case", COUNTER_EXAMPLES, ids=lambda c: "-".join(c[:2]))
def test_counter_examples_break_what_they_say(case):
    """The premise vanishes; the conclusion stays, grows, or is infinite."""
    assert vanishes(case.sequence, case.premise)
    assert not vanishes(case.sequence, case.conclusion)
    places = FUNCTIONS[case.sequence](10**3)[2]
    assert case.compact == (max(places) <= DIAMETER)


def implied(compact):
    """All pairs that follow from the arrows, one after the other."""
    pairs = {(a.premise, a.conclusion) for a in ARROWS if compact or not a.compact}
    for middle, first, last in itertools.product(FIELDS, repeat=3):
        if {(first, middle), (middle, last)} <= pairs:
            pairs.add((first, last))
    return pairs


@pytest.mark.parametrize("compact", [True, False])
def test_no_arrow_is_missing(compact):
    """Of all 30 pairs each follows from the arrows, or some sequence breaks it."""
    names = [
        name
        for name in SEQUENCES
        if not compact or max(FUNCTIONS[name](10**3)[2]) <= DIAMETER
    ]
    for pair in itertools.permutations(FIELDS, 2):
        broken = any(
            vanishes(name, pair[0]) and not vanishes(name, pair[1]) for name in names
        )
        assert broken != (pair in implied(compact)), pair


@st.composite
def histograms_on_the_line(draw):
    """Two histograms on 0, 1/2, ..., DIAMETER."""
    weights = [draw(families.weights(5)) for _ in range(2)]
    return np.linspace(0, DIAMETER, 5), *weights


@families.examples
@given(histograms_on_the_line())
def test_arrows_hold_for_all_laws_on_the_interval(drawn):
    """All bounds, on random histograms with zeros."""
    x, p, q = drawn
    below = [np.concatenate([[0], np.cumsum(w)]) for w in (p, q)]
    F, G = (lambda t, b=b: b[np.searchsorted(x, t, "right")] for b in below)
    values = Convergence(
        *numbers(Atoms(x, p), Atoms(x, q)),
        transport.w1_histograms(p, q, x),
        by_definition(F, G, x),
    )
    for arrow in ARROWS:
        premise, conclusion = (
            getattr(values, field) for field in (arrow.premise, arrow.conclusion)
        )
        assert conclusion <= arrow.bound(premise) + 1e-7


def test_sequences_start_at_two():
    """n = 1 has no atom left at 0, and 2.5 is no number of steps."""
    for n in (1, 0, 2.5):
        for call in (SEQUENCES["spike"].laws, SEQUENCES["spike"].distances):
            with pytest.raises(
                ValueError, match="n must be a whole number of at least"
            ):
                call(n)


# Convergence in distribution, said five ways


@pytest.mark.parametrize("n", [1, 2, 9, 64])
def test_coin_sums(n):
    """The n-fold convolution of one toss: mean 0, variance 1, fourth moment 3 - 2/n."""
    weights = np.ones(1)
    for _ in range(n):
        weights = np.convolve(weights, [0.5, 0.5])
    law = examples.coin_sum(n)
    assert_allclose(law.weights, weights, rtol=1e-12)
    moments = [law.weights @ law.points**k for k in range(5)]
    assert_allclose(moments, [1, 0, 1, 0, 3 - 2 / n], atol=1e-12)
    found = law.weights @ np.exp(1j * law.points)
    assert_allclose(found, math.cos(1 / math.sqrt(n)) ** n, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 9, 64])
def test_five_ways(n):
    """Each number again from scipy's binomial and normal laws, and from quadrature."""
    found = examples.five_ways(n)
    heads, root = stats.binom(n, 0.5), math.sqrt(n)
    x = (2 * np.arange(n + 1) - n) / root
    bump = lambda x: math.exp(-(x**2) / 2)  # noqa: E731
    in_the_limit = quad(lambda x: bump(x) * stats.norm.pdf(x), -20, 20)[0]
    fine = np.concatenate([x - 1e-12, x])
    gap = heads.cdf(np.floor((fine * root + n) / 2 + 1e-13)) - stats.norm.cdf(fine)
    known = (
        abs(heads.cdf(math.floor((root + n) / 2 + 1e-12)) - stats.norm.cdf(1)),
        abs(sum(heads.pmf(np.arange(n + 1)) * [bump(v) for v in x]) - in_the_limit),
        abs(math.cos(1 / root) ** n - math.exp(-0.5)),
        2 / n,
        np.abs(gap).max(),
    )
    assert_allclose(found, known, atol=1e-9)


def test_five_ways_go_to_zero():
    """All five, and the last like 1 / sqrt(2 pi n)."""
    few, many = examples.five_ways(100), examples.five_ways(100_000)
    assert all(b < a / 5 for a, b in zip(few, many, strict=True))
    assert_allclose(many.central_limit * math.sqrt(2 * math.pi * 1e5), 1, rtol=1e-2)


@pytest.mark.parametrize("t", [0.0, 0.3, -1.0])
def test_flattening_normals_have_no_limit(t):
    """N(0, n): scipy's numbers; the limits are 1 at t = 0 only, and 1/2 for all x."""
    for n in (1, 5, 10**8):
        found = examples.flattening(n, t=t, x=2.0)
        assert_allclose(found.distribution, stats.norm(0, math.sqrt(n)).cdf(2.0))
        if n < 10:
            law = stats.norm(0, math.sqrt(n))
            wave = law.expect(lambda x: np.cos(t * x))
            assert_allclose(found.characteristic, wave, atol=1e-7)
    assert_allclose(found.characteristic, 1 if t == 0 else 0, atol=1e-9)
    assert_allclose(found.distribution, 0.5, atol=1e-3)


@pytest.mark.parametrize("k", range(6))
def test_twins_have_equal_moments(k):
    """Both are exp(k^2 / 2): E exp(cZ) = exp(c^2 / 2), real for c = k + 2 pi i too."""
    c = k + 2 * sympy.pi * sympy.I
    assert sympy.im(sympy.expand(sympy.exp(sympy.expand(c**2 / 2)))) == 0
    # The trapezoid rule is as good as exact for what is smooth and dies out.
    z = np.linspace(k - 12, k + 12, 4001)
    for density in examples.log_normal_twins(z):
        moment = (np.exp(k * z) * density).sum() * (z[1] - z[0])
        assert_allclose(moment, math.exp(k**2 / 2), rtol=1e-9)


def test_twins_are_two_laws():
    """TV = 1/pi: the mean of |sin| is 2/pi, and the density is as good as flat."""
    z = np.linspace(-12, 12, 240_001)
    normal, twin = examples.log_normal_twins(z)
    assert twin.min() >= 0
    assert_allclose(np.abs(normal - twin).sum() * (z[1] - z[0]) / 2, 1 / math.pi, 1e-6)
