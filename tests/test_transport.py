"""Optimal transport: theorems of chapter 1, against four independent solvers."""

from fractions import Fraction
from itertools import permutations

import families
import numpy as np
import ot
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

from wgan_lessons import boxes, transport
from wgan_lessons.transport import cost_matrix, linear_program, optimal_plan

# Coordinates reach 200 in near_permutations and 8 elsewhere: rounding of sums of a few
# products of that size stays below this.
CLOSE = 1e-10
SOLVERS = [optimal_plan, linear_program]


def by_the_book(a, b, M):
    """The linear program written out entry by entry, without our code."""
    n, m = M.shape
    sums = np.zeros((n + m, n * m))
    for i in range(n):
        for j in range(m):
            sums[i, i * m + j] = sums[n + j, i * m + j] = 1
    return linprog(M.ravel(), A_eq=sums, b_eq=np.concatenate([a, b])).fun


def dirichlet(seed, *, dim=2):
    """Clouds in general position with Dirichlet weights: plan and prices are unique."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(2, 9, size=2)
    x, y = rng.normal(size=(n, dim)), rng.normal(size=(m, dim)) + 1
    return rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m)), cost_matrix(x, y)


@pytest.mark.parametrize("solve", SOLVERS)
@families.examples
@given(families.solved())
def test_known_cost(solve, known):
    """Both solvers find the cost that each family knows."""
    found = solve(known.a, known.b, cost_matrix(known.x, known.y))
    assert_allclose(found.cost, known.cost, rtol=0, atol=CLOSE)


@families.examples
@given(families.solved())
def test_known_plan_is_a_plan(known):
    """The families' own plans have the right sums and the stated cost."""
    assert_allclose(known.plan.sum(1), known.a, atol=CLOSE)
    assert_allclose(known.plan.sum(0), known.b, atol=CLOSE)
    M = cost_matrix(known.x, known.y)
    assert_allclose((known.plan * M).sum(), known.cost, atol=CLOSE)


@families.examples
@given(families.priced())
def test_known_potentials_are_tight_on_any_optimal_plan(known):
    """Any optimal potential is feasible, and tight on any optimal plan."""
    M = cost_matrix(known.x, known.y)
    slack = M - known.u[:, None] - known.v
    assert slack.min() > -CLOSE
    for plan in (known.plan, optimal_plan(known.a, known.b, M).plan):
        assert_allclose((slack * plan).sum(), 0, atol=CLOSE)
    assert_allclose(known.a @ known.u + known.b @ known.v, known.cost, atol=CLOSE)


@pytest.mark.parametrize("solve", SOLVERS)
@families.examples
@given(families.weighted_clouds())
def test_plan_and_prices(solve, drawn):
    """Plan: nonnegative, right sums. Prices: feasible everywhere, tight on the plan.

    Weights of 0 included. The dual value is the cost.
    """
    x, y, a, b = drawn
    M = cost_matrix(x, y)
    cost, plan, u, v = solve(a, b, M)
    assert plan.min() >= -CLOSE
    assert_allclose(plan.sum(1), a, atol=CLOSE)
    assert_allclose(plan.sum(0), b, atol=CLOSE)
    assert_allclose((plan * M).sum(), cost, atol=CLOSE)
    slack = M - u[:, None] - v
    assert slack.min() > -CLOSE
    assert slack[plan > 1e-9].max() < CLOSE
    assert_allclose(a @ u + b @ v, cost, atol=CLOSE)


@families.examples
@given(families.weighted_clouds())
def test_solvers_agree(drawn):
    """POT, HiGHS and the program written out entry by entry: the same number."""
    x, y, a, b = drawn
    M = cost_matrix(x, y)
    reference = by_the_book(a, b, M)
    assert_allclose(optimal_plan(a, b, M).cost, reference, atol=CLOSE)
    assert_allclose(linear_program(a, b, M).cost, reference, atol=CLOSE)
    assert_allclose(ot.emd2(a, b, M), reference, atol=CLOSE)


@families.examples
@given(families.equal_clouds())
def test_brute_force_over_permutations(drawn):
    """Equal weights, equal numbers: some optimal plan is a permutation (Birkhoff)."""
    x, y = drawn
    M = cost_matrix(x, y)
    n = len(x)
    best = min(M[np.arange(n), list(order)].mean() for order in permutations(range(n)))
    assert_allclose(transport.w1_samples(x, y), best, atol=CLOSE)
    matching = transport.assignment(x, y)
    assert_allclose(matching.cost, best, atol=CLOSE)
    assert sorted(matching.partners) == list(range(n))
    assert_allclose(M[np.arange(n), matching.partners].mean(), best, atol=CLOSE)


@pytest.mark.parametrize("seed", range(30))
def test_potentials_are_unique_with_dirichlet_weights(seed):
    """If the plan's support graph is connected, potentials are unique up to a constant.

    Dirichlet weights in general position: a tree of n + m - 1 entries, and POT and
    HiGHS agree on the plan too.
    """
    a, b, M = dirichlet(seed)
    pot, highs = optimal_plan(a, b, M), linear_program(a, b, M)
    assert (pot.plan > 1e-12).sum() == len(a) + len(b) - 1
    assert_allclose(pot.plan, highs.plan, atol=CLOSE)
    shift = pot.u[0] - highs.u[0]
    assert_allclose(pot.u - highs.u, shift, atol=CLOSE)
    assert_allclose(pot.v - highs.v, -shift, atol=CLOSE)


def test_c_transform_where_no_mass_is():
    """Points of weight 0 get the highest prices that keep every constraint."""
    x, y = np.array([[0.0], [5.0], [9.0]]), np.array([[1.0], [7.0], [30.0]])
    M = cost_matrix(x, y)
    found = optimal_plan([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], M)
    slack = M - found.u[:, None] - found.v
    assert found.cost == 7.0
    assert slack.min() >= 0
    assert (slack.min(axis=0) == 0).all()
    assert (slack.min(axis=1) == 0).all()


@families.examples
@given(families.sorted_line())
def test_quantile_form(known):
    """On the line sorting is optimal: W1 = mean |x_(k) - y_(k)|."""
    turned = known.x[::-1, 0]
    assert transport.w1_quantiles(turned, known.y[:, 0]) == pytest.approx(known.cost)
    line = transport.w1_line(turned, known.y[:, 0])
    assert_allclose(line, known.cost, atol=CLOSE)


@st.composite
def weighted_lines(draw):
    n, m = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    x, y = draw(families.clouds(n, 1))[:, 0], draw(families.clouds(m, 1))[:, 0]
    return x, y, draw(families.weights(n)), draw(families.weights(m))


@families.examples
@given(weighted_lines())
def test_area_between_distribution_functions(drawn):
    """On the line W1 = integral of |F - G|: scipy and the linear program agree."""
    x, y, a, b = drawn
    ours = transport.w1_line(x, y, a, b)
    assert_allclose(ours, wasserstein_distance(x, y, a, b), atol=CLOSE)
    assert_allclose(ours, optimal_plan(a, b, cost_matrix(x, y)).cost, atol=CLOSE)


@families.examples
@given(families.puzzles())
def test_boxes_are_transport(puzzle):
    """A puzzle's least cost over its number of boxes is the W1 of its two piles."""
    xs, ys = sorted(puzzle.sources), sorted(puzzle.targets)
    a = np.array([puzzle.sources[x] for x in xs], float)
    b = np.array([puzzle.targets[y] for y in ys], float)
    n = a.sum()
    ours = transport.w1_line(xs, ys, a / n, b / n)
    assert_allclose(ours, boxes.least_cost(puzzle) / n, atol=CLOSE)


GOLDEN = [
    ([3, 2, 1, 4], [1, 2, 4, 3], Fraction(5, 10)),
    (
        [5, 3, 2, 1, 8, 7, 5, 9, 2, 1],
        [4, 10, 1, 1, 4, 6, 3, 2, 0, 1],
        Fraction(469, 344),
    ),
    (
        [12, 7, 4, 1, 19, 14, 9, 6, 3, 2],
        [1, 5, 11, 17, 13, 9, 6, 4, 3, 2],
        Fraction(351, 497),
    ),
]


@pytest.mark.parametrize(("p", "q", "value"), GOLDEN)
def test_golden_constants(p, q, value):
    """Published examples: 5 (over 10 boxes), 469/344 and its ninth, 351/497."""
    p, q = np.array(p) / sum(p), np.array(q) / sum(q)
    spots = np.arange(len(p))
    M = cost_matrix(spots, spots)
    found = [
        transport.w1_histograms(p, q),
        transport.w1_line(spots, spots, p, q),
        optimal_plan(p, q, M).cost,
        linear_program(p, q, M).cost,
    ]
    assert_allclose(found, float(value), rtol=1e-13)
    ninth = transport.w1_histograms(p, q, spots / 9)
    assert_allclose(ninth, float(value / 9), rtol=1e-13)


def test_a_ninth_of_the_golden_constant():
    """469/344 by positions 0..9 is 469/3096 by positions in ninths."""
    assert GOLDEN[1][2] / 9 == Fraction(469, 3096)


@families.examples
@given(families.equal_clouds(), st.data())
def test_metric_axioms(drawn, data):
    """W1 is a distance: symmetric, 0 iff the laws agree, triangle inequality."""
    x, y = drawn
    z = data.draw(families.clouds(len(x), x.shape[1]))
    w1 = transport.w1_samples
    assert_allclose(w1(x, y), w1(y, x), atol=CLOSE)
    assert w1(x, x[::-1]) < CLOSE
    assert w1(x, z) <= w1(x, y) + w1(y, z) + CLOSE
    same = sorted(x.tolist()) == sorted(y.tolist())
    assert (w1(x, y) < CLOSE) == same


@families.examples
@given(families.equal_clouds(), st.integers(-40, 40))
def test_translation_and_scaling(drawn, k):
    """W1(x + t, y + t) = W1(x, y), and W1(c x, c y) = |c| W1(x, y)."""
    x, y = drawn
    w1, t = transport.w1_samples, k / 8
    assert_allclose(w1(x + t, y + t), w1(x, y), atol=CLOSE)
    assert_allclose(w1(t * x, t * y), abs(t) * w1(x, y), atol=10 * CLOSE)


@families.examples
@given(families.equal_clouds())
def test_means_are_never_further_apart(drawn):
    """|mean x - mean y| <= W1(x, y): a plan moves the mean too."""
    x, y = drawn
    apart = np.linalg.norm(x.mean(0) - y.mean(0))
    assert apart <= transport.w1_samples(x, y) + CLOSE


@families.examples
@given(families.weighted_clouds(), st.randoms(use_true_random=False))
def test_order_of_points_does_not_matter(drawn, random):
    """Shuffled points with their weights are the same law."""
    x, y, a, b = drawn
    order = list(range(len(x)))
    random.shuffle(order)
    shuffled = optimal_plan(a[order], b, cost_matrix(x[order], y)).cost
    assert_allclose(shuffled, optimal_plan(a, b, cost_matrix(x, y)).cost, atol=CLOSE)


@families.examples
@given(families.equal_clouds())
def test_repeating_points_is_weighting_them(drawn):
    """Each point twice, or each with twice the weight: the same W1."""
    x, y = drawn
    twice = transport.w1_samples(np.repeat(x, 2, axis=0), y)
    assert_allclose(twice, transport.w1_samples(x, y), atol=CLOSE)


@pytest.mark.parametrize("seed", range(10))
def test_sliced_never_exceeds_w1(seed):
    """Shadows are never further apart; on the line there is one shadow: W1 itself."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 3)) + 0.5
    assert transport.sliced(x, y, seed=seed) <= transport.w1_samples(x, y) + CLOSE
    assert transport.sliced(x, y, seed=seed) == transport.sliced(x, y, seed=seed)
    shadow = transport.sliced(x[:, :1], y[:, :1], seed=seed)
    assert_allclose(shadow, transport.w1_quantiles(x[:, 0], y[:, 0]), atol=CLOSE)


@pytest.mark.parametrize("seed", range(10))
def test_sinkhorn_is_dearer_and_closes_in(seed):
    """The entropic plan is a plan, costs more than W1, and less for less blur."""
    a, b, M = dirichlet(seed)
    best = optimal_plan(a, b, M).cost
    costs = []
    for blur in (1.0, 0.3, 0.1):
        cost, plan = transport.sinkhorn(a, b, M, blur=blur)
        assert_allclose(plan.sum(1), a, atol=1e-8)
        assert_allclose(plan.sum(0), b, atol=1e-8)
        assert_allclose((plan * M).sum(), cost, atol=CLOSE)
        costs.append(cost)
    assert costs[0] >= costs[1] >= costs[2] >= best - 1e-7
    assert costs[2] - best < 0.1 * np.log(M.size)


def test_sliced_leaves_the_global_generator_alone():
    """A seed of ours never touches numpy's global state."""
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    transport.sliced(np.eye(2), np.ones((2, 2)), seed=3)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_cost_matrix_powers():
    """M_ij = |x_i - y_j|^power, for points and for numbers on the line."""
    x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[3.0, 4.0]])
    assert cost_matrix(x, y).tolist() == [[5.0], [np.sqrt(13.0)]]
    assert_allclose(cost_matrix(x, y, power=2), [[25.0], [13.0]])
    assert cost_matrix([0, 2], [5, 1]).tolist() == [[5.0, 1.0], [3.0, 1.0]]


def test_far_beyond_pots_own_limit(monkeypatch):
    """Where POT stops early the answer is an error, not a number."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5)), rng.normal(size=(60, 5))
    assert transport.w1_samples(x, y) > 0
    monkeypatch.setattr(transport, "MAX_STEPS", 5)
    with pytest.raises(
        RuntimeError, match=r"did not reach.*raise transport\.MAX_STEPS"
    ):
        transport.w1_samples(x, y)


def test_sinkhorn_that_does_not_converge(monkeypatch):
    """Sinkhorn that stops early is an error that says what to raise."""
    a, b, M = dirichlet(0)
    monkeypatch.setattr(transport, "MAX_SWEEPS", 10)
    with pytest.raises(RuntimeError, match="did not converge.*Raise blur; got 0.001"):
        transport.sinkhorn(a, b, M, blur=1e-3)


SQUARE = np.ones((2, 2))
HALVES = [0.5, 0.5]


@pytest.mark.parametrize(
    "solve", [*SOLVERS, lambda *abM: transport.sinkhorn(*abM, blur=1)]
)
@pytest.mark.parametrize(
    ("a", "b", "M", "message"),
    [
        ([], HALVES, SQUARE, "a is empty"),
        ([0.5, 0.4], HALVES, SQUARE, r"a must sum to 1; got 0\.9\. Divide by a\.sum"),
        (HALVES, [0.5, 0.7], SQUARE, r"b must sum to 1; got 1\.2"),
        ([-0.5, 1.5], HALVES, SQUARE, "a must not be negative; got -0.5"),
        ([np.nan, 0.5], HALVES, SQUARE, "a must be finite; got 1 NaN"),
        ([1.0], HALVES, SQUARE, "a must hold one weight a point; got 1 for 2"),
        (HALVES, [[0.5, 0.5]], SQUARE, r"b must have 1 dimension.*\(1, 2\)"),
        (HALVES, HALVES, np.ones(2), "M must have 2 dimension"),
        (HALVES, HALVES, [[1.0, np.inf], [0.0, 1.0]], "M must be finite"),
        (HALVES, HALVES, [["a", "b"], ["c", "d"]], "M must be numbers"),
        (HALVES, HALVES, np.ones((2, 0)), "M is empty"),
    ],
)
def test_bad_weights_and_costs(solve, a, b, M, message):
    """Each wrong argument is a ValueError that says what, what came, what to do."""
    with pytest.raises(ValueError, match=message):
        solve(a, b, M)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transport.w1_line([], [1.0]), "x is empty"),
        (lambda: transport.w1_line([1.0], [np.nan]), "y must be finite"),
        (lambda: transport.w1_line([[1.0]], [1.0]), "x must have 1 dimension"),
        (lambda: transport.w1_line([1.0], [1.0], a=[2.0]), "a must sum to 1; got 2"),
        (lambda: transport.w1_line([1.0], [1.0], b=HALVES), "b must hold one weight"),
        (lambda: transport.w1_quantiles([1.0], [1.0, 2.0]), "equally many points"),
        (lambda: transport.w1_quantiles([], []), "x is empty"),
        (lambda: transport.w1_histograms([1.0], HALVES), "q must hold one weight"),
        (lambda: transport.w1_histograms([3, 2], [1, 4]), "p must sum to 1; got 5"),
        (lambda: transport.w1_histograms(HALVES, HALVES, [1.0]), "one weight a point"),
        (lambda: transport.assignment(np.eye(2), np.eye(3)), "2 dimension"),
        (lambda: transport.assignment(np.eye(2), np.ones((3, 2))), "got 2 and 3"),
        (lambda: transport.w1_samples(np.eye(2), np.eye(3)), "same space"),
        (lambda: transport.w1_samples(np.ones((2, 2, 2)), SQUARE), "x must have 2"),
        (lambda: transport.w1_samples(np.full((2, 2), np.nan), SQUARE), "4 NaN"),
        (lambda: cost_matrix([0.0], [1.0], power=0), "power must be.*above 0; got 0"),
        (lambda: transport.sinkhorn([1.0], [1.0], [[1.0]], blur=0), "blur must be"),
        (lambda: transport.sliced(SQUARE, SQUARE, directions=0), "directions must be"),
        (lambda: transport.sliced([1.0], [1.0]), "x must have 2 dimension"),
        (lambda: transport.sliced(SQUARE, SQUARE, seed=-1), "seed must be"),
        (lambda: transport.uniform(0), "n must be a whole number of at least 1"),
    ],
)
def test_bad_points(call, message):
    """Empty clouds, NaN, wrong shapes, unequal sizes: a ValueError that helps."""
    with pytest.raises(ValueError, match=message):
        call()
