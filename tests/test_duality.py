"""Duality: theorems of chapter 3, against POT, HiGHS, brute force and differences."""

import families
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist, jensenshannon

from wgan_lessons import duality, networks
from wgan_lessons.duality import (
    c_transform,
    dual_program,
    envelope_gradient,
    interior_prices,
    lipschitz_constant,
    lower_extension,
    middle_extension,
    slackness,
    slide_down,
    support_constant,
    upper_extension,
)
from wgan_lessons.transport import (
    cost_matrix,
    linear_program,
    optimal_plan,
    uniform,
    w1_line,
    w1_samples,
)

# Coordinates reach 200 in near_permutations and 8 elsewhere.
CLOSE = 1e-9
ROUND = 1e-12

NUMBERS = st.floats(-20, 20, width=32)
EXTENSIONS = [upper_extension, lower_extension, middle_extension]


@st.composite
def values_on_points(draw, *, largest=6):
    """Points in 1 to 3 dimensions with any values, and places z to extend them to."""
    dim, n = draw(families.DIMENSIONS), draw(st.integers(1, largest))
    values = np.array(draw(st.lists(NUMBERS, min_size=n, max_size=n)))
    return draw(families.clouds(n, dim)), values, draw(families.clouds(5, dim))


def lipschitz_values(points, values):
    """The largest 1-Lipschitz function below the values, by its definition."""
    return np.min(values + cdist(points, points), axis=1)


def dirichlet(seed, *, n=7, m=6, dim=2):
    """Clouds in general position with Dirichlet weights: plan and prices are unique."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, dim)), rng.normal(size=(m, dim)) + 1
    return x, y, rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))


def components(plan):
    """The number of connected parts of the bipartite graph of a plan's support."""
    n, m = plan.shape
    graph = np.zeros((n + m, n + m))
    graph[:n, n:] = plan > duality.NO_MASS
    return connected_components(graph, directed=False)[0]


# The dual program, and when its prices are unique


@families.examples
@given(families.solved())
def test_the_dual_value_is_the_cost(known):
    """Strong duality: the best prices earn what the cheapest plan costs."""
    M = cost_matrix(known.x, known.y)
    value, u, v = dual_program(known.a, known.b, M)
    assert_allclose(value, known.cost, rtol=0, atol=CLOSE)
    assert_allclose(known.a @ u + known.b @ v, value, rtol=0, atol=CLOSE)
    assert (u[:, None] + v <= M + CLOSE).all()


@families.examples
@given(families.weighted_clouds(), st.data())
def test_weak_duality(drawn, data):
    """No allowed prices earn more than any plan costs."""
    x, y, a, b = drawn
    M = cost_matrix(x, y)
    u = np.array(data.draw(st.lists(NUMBERS, min_size=len(a), max_size=len(a))))
    v = c_transform(u, M)
    any_plan = np.outer(a, b)
    assert a @ u + b @ v <= (any_plan * M).sum() + CLOSE
    assert a @ u + b @ v <= dual_program(a, b, M).value + CLOSE


@pytest.mark.parametrize("dim", [1, 2, 10])
@pytest.mark.parametrize("seed", range(5))
def test_prices_are_unique_up_to_a_constant_on_a_connected_plan(seed, dim):
    """If the plan's support graph is connected, prices differ by one constant only.

    The dual as written, the marginals of the primal, POT's, and the interior's.
    """
    x, y, a, b = dirichlet(seed, dim=dim)
    M = cost_matrix(x, y)
    primal, pot = linear_program(a, b, M), optimal_plan(a, b, M)
    assert components(pot.plan) == 1
    _, u, v = dual_program(a, b, M)
    inside = interior_prices(a, b, M)
    for other in (primal, pot, inside):
        shift = other.u - u
        assert_allclose(shift, shift[0], atol=CLOSE)
        assert_allclose(other.v - v, -shift[0], atol=CLOSE)


@pytest.mark.parametrize("seed", range(5))
def test_equal_weights_leave_prices_free(seed):
    """A permutation plan has n components: solvers agree in value, not in prices.

    Both are feasible, tight on each other's plan, and of equal value.
    """
    rng = np.random.default_rng(seed)
    M = cost_matrix(rng.normal(size=(8, 2)), rng.normal(size=(8, 2)) + 1)
    a = uniform(8)
    pot, highs = optimal_plan(a, a, M), dual_program(a, a, M)
    assert components(pot.plan) == 8
    assert_allclose(highs.value, pot.cost, atol=CLOSE)
    for u, v in (pot[2:], highs[1:]):
        report = slackness(pot.plan, u, v, M)
        assert max(report.violation, report.on_plan, abs(report.gap)) < CLOSE


def test_prices_of_equal_weights_do_differ():
    """Not unique: some shift of one pair's prices alone keeps them optimal."""
    x, y = np.array([[0.0, 0.0], [5.0, 0.0]]), np.array([[0.0, 1.0], [5.0, 1.0]])
    M, a = cost_matrix(x, y), uniform(2)
    u, v, margin = interior_prices(a, a, M)
    step = np.array([margin / 2, 0.0])
    for shift in (step, -step):
        report = slackness(np.diag(a), u + shift, v - shift, M)
        assert max(report.violation, report.on_plan) < CLOSE and margin > 1


@families.examples
@given(families.priced())
def test_any_optimal_prices_are_tight_on_any_optimal_plan(known):
    """Complementary slackness: u_i + v_j = M_ij wherever an optimal plan has mass."""
    M = cost_matrix(known.x, known.y)
    plans = [known.plan, optimal_plan(known.a, known.b, M).plan]
    _, u, v = dual_program(known.a, known.b, M)
    for plan in plans:
        for prices in ((known.u, known.v), (u, v)):
            report = slackness(plan, *prices, M)
            assert max(report.violation, report.on_plan, abs(report.gap)) < 1e-8


@families.examples
@given(families.weighted_clouds(), st.data())
def test_the_gap_is_cost_minus_value(drawn, data):
    """sum plan (M - u - v) = cost of the plan - value of the prices, for any two."""
    x, y, a, b = drawn
    M, plan = cost_matrix(x, y), np.outer(a, b)
    u = np.array(data.draw(st.lists(NUMBERS, min_size=len(a), max_size=len(a))))
    v = np.array(data.draw(st.lists(NUMBERS, min_size=len(b), max_size=len(b))))
    report = slackness(plan, u, v, M)
    assert_allclose(report.gap, (plan * M).sum() - a @ u - b @ v, atol=CLOSE)
    assert_allclose(report.violation, max(0, (u[:, None] + v - M).max()), atol=ROUND)
    moved = plan > duality.NO_MASS
    assert_allclose(report.on_plan, abs(M - u[:, None] - v)[moved].max(), atol=ROUND)


@families.examples
@given(families.weighted_clouds())
def test_interior_prices_are_optimal_with_a_margin(drawn):
    """Tight on the plan, at least `margin` below M off it, and of the same value."""
    x, y, a, b = drawn
    M = cost_matrix(x, y)
    cost, plan, _, _ = optimal_plan(a, b, M)
    u, v, margin = interior_prices(a, b, M)
    slack = M - u[:, None] - v
    mass = plan > duality.NO_MASS
    assert 0 <= margin <= M.max()
    assert_allclose(slack[mass], 0, atol=1e-8)
    assert slack[~mass].min(initial=np.inf) >= margin - 1e-8
    assert_allclose(a @ u + b @ v, cost, atol=1e-8)


def test_the_margin_is_zero_where_two_plans_are_optimal():
    """The corners of a square can be paired in two ways, so some slack is 0."""
    M = cost_matrix([[0, 0], [1, 1]], [[0, 1], [1, 0]])
    assert abs(interior_prices(uniform(2), uniform(2), M).margin) < CLOSE


# The c-transform: one function suffices


@families.examples
@given(families.weighted_clouds(), st.data())
def test_c_transform(drawn, data):
    """u^c is the best partner: allowed, and no allowed v is higher anywhere.

    u^cc >= u, u^ccc = u^c, and u^c is 1-Lipschitz, whatever u.
    """
    x, y, _, _ = drawn
    M = cost_matrix(x, y)
    u = np.array(data.draw(st.lists(NUMBERS, min_size=len(x), max_size=len(x))))
    v = c_transform(u, M)
    slack = M - u[:, None] - v
    assert slack.min() > -ROUND
    assert_allclose(slack.min(axis=0), 0, atol=ROUND)  # no room left in any column
    back = c_transform(v, M.T)
    assert (back >= u - ROUND).all()
    assert_allclose(c_transform(back, M), v, atol=ROUND)
    assert (abs(v[:, None] - v) <= cdist(y, y) + ROUND).all()


@families.examples
@given(values_on_points())
def test_on_distances_the_transform_of_f_is_minus_f(drawn):
    """Where cost = distance: f^c = -f iff f is 1-Lipschitz."""
    points, values, _ = drawn
    M = cost_matrix(points, points)
    f = lipschitz_values(points, values)
    assert_allclose(c_transform(f, M), -f, atol=ROUND)
    is_lipschitz = (abs(values[:, None] - values) <= M + ROUND).all()
    assert np.allclose(c_transform(values, M), -values, atol=1e-11) == is_lipschitz


@families.examples
@given(families.weighted_clouds())
def test_one_function_suffices(drawn):
    """W1 = E_P f - E_Q f for one 1-Lipschitz f, built from either price list."""
    x, y, a, b = drawn
    M = cost_matrix(x, y)
    value, u, v = dual_program(a, b, M)
    everywhere = np.concatenate([x, y])
    for f in (
        lambda z: lower_extension(z, x, c_transform(c_transform(u, M), M.T)),
        lambda z: upper_extension(z, y, -v),
    ):
        assert_allclose(a @ f(x) - b @ f(y), value, atol=1e-8)
        rise = abs(f(everywhere)[:, None] - f(everywhere))
        assert (rise <= cdist(everywhere, everywhere) + ROUND).all()


# Extensions, and what K means


@families.examples
@given(values_on_points())
def test_extensions_are_1_lipschitz_and_keep_the_values(drawn):
    """|f(z) - f(w)| <= |z - w| everywhere; f = the values where these allow it."""
    points, values, z = drawn
    f_there = lipschitz_values(points, values)
    for extend in EXTENSIONS:
        assert_allclose(extend(points, points, f_there), f_there, atol=ROUND)
        f = extend(z, points, f_there)
        assert (abs(f[:, None] - f) <= cdist(z, z) + ROUND).all()


@families.examples
@given(values_on_points(), st.integers(0, 999))
def test_every_1_lipschitz_extension_lies_between(drawn, seed):
    """Lower <= f <= upper for any 1-Lipschitz f that has the values; the mean, too."""
    points, _, z = drawn
    rng = np.random.default_rng(seed)
    centres, offsets = rng.normal(0, 5, (3, points.shape[1])), rng.normal(0, 5, 3)

    def f(at):
        return upper_extension(at, centres, offsets)

    upper, lower, middle = (extend(z, points, f(points)) for extend in EXTENSIONS)
    assert (lower <= f(z) + ROUND).all() and (f(z) <= upper + ROUND).all()
    assert_allclose(middle, (lower + upper) / 2, atol=ROUND)


@families.examples
@given(values_on_points())
def test_steep_values_cannot_be_kept(drawn):
    """The extension equals the values iff their Lipschitz constant is at most 1."""
    points, values, _ = drawn
    kept = np.allclose(upper_extension(points, points, values), values, atol=1e-11)
    assert (
        kept == (abs(values[:, None] - values) <= cdist(points, points) + 1e-11).all()
    )


@families.examples
@given(values_on_points(), st.floats(0.25, 4))
def test_lipschitz_constant(drawn, factor):
    """The least K with |f(p) - f(q)| <= K |p - q|, pair by pair; K(cf) = c K(f)."""
    points, values, _ = drawn
    K = lipschitz_constant(points, values)
    expected = 0.0
    for p, f_p in zip(points, values, strict=True):
        for q, f_q in zip(points, values, strict=True):
            far = np.linalg.norm(p - q)
            if f_p != f_q:
                expected = max(expected, abs(f_p - f_q) / far if far else np.inf)
    assert_allclose(K, expected, rtol=1e-12)
    assert_allclose(lipschitz_constant(points, factor * values), factor * K, rtol=1e-9)


@families.examples
@given(families.weighted_clouds(), st.data())
def test_divided_by_its_support_constant_any_function_is_a_lower_bound(drawn, data):
    """(E_P f - E_Q f) / K <= W1, K over pairs (x_i, y_j) only, for every f at all."""
    x, y, a, b = drawn
    place = {tuple(p): None for p in (*x, *y)}  # f is a function: one value a point
    for p in place:
        place[p] = data.draw(NUMBERS)
    fx, fy = (np.array([place[tuple(p)] for p in cloud]) for cloud in (x, y))
    K = support_constant(x, fx, y, fy)
    estimate = a @ fx - b @ fy
    w1 = optimal_plan(a, b, cost_matrix(x, y)).cost
    assert abs(estimate) <= K * w1 + CLOSE
    both, f_both = np.concatenate([x, y]), np.concatenate([fx, fy])
    assert lipschitz_constant(both, f_both) + ROUND >= K


def test_the_bound_is_attained():
    """K times an optimal potential has estimate K W1, with K over the support pairs."""
    x, y, a, b = dirichlet(0)
    w1, u, v = dual_program(a, b, cost_matrix(x, y))
    for K in (0.01, 1.0, 30.0):
        found = support_constant(x, K * u, y, -K * v)
        assert_allclose([found, a @ (K * u) - b @ (-K * v)], [K, K * w1], rtol=1e-9)


def test_sampled_gradients_overshoot():
    """Divided by sampled slopes, which are lower bounds for K, it can exceed W1.

    f is flat at both points and steep between them; and f is steeper than its K off
    the support, so the Lipschitz constant on the support is smaller than off it.
    """

    def f(z):
        return -np.clip(5 * (z - 0.4), 0, 1)

    x, y, w1 = np.array([0.0, 0.1]), np.array([0.9, 1.0]), 0.9
    estimate, K = f(x).mean() - f(y).mean(), support_constant(x, f(x), y, f(y))
    assert w1_line(x, y) == pytest.approx(w1)
    assert estimate / K <= w1
    line = np.linspace(0, 1, 201)
    slopes = abs(np.gradient(f(line), line))
    assert slopes.mean() < 1.1 and estimate / slopes.mean() > w1 + 0.05
    assert lipschitz_constant(line, f(line)) > 3 * K


def test_a_trained_critic_closes_in_from_below():
    """Climbing (E_P f - E_Q f) / K: never above W1, and at least 0.9 W1 at the end."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 2)), rng.normal(size=(30, 2)) * [0.6, 1.5] + [2, 0]
    real, fake = torch.tensor(x).float(), torch.tensor(y).float()
    critic, w1, shares = networks.mlp_critic(2, width=32), w1_samples(x, y), []
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
    for _ in range(200):
        f_x, f_y = critic(real), critic(fake)
        K = ((f_x[:, None] - f_y).abs() / torch.cdist(real, fake)).max()
        share = (f_x.mean() - f_y.mean()) / K
        optimizer.zero_grad()
        (-share).backward()
        optimizer.step()
        shares.append(share.item() / w1)
    assert max(shares) <= 1 + 1e-5 and np.median(shares[-20:]) > 0.9
    f_x, f_y = (critic(z).detach().numpy() for z in (real, fake))
    found = (f_x.mean() - f_y.mean()) / support_constant(x, f_x, y, f_y) / w1
    assert 0.85 < found <= 1 + 1e-5


def test_cones_climb_without_any_constraint():
    """Plain ascent on E_P f - E_Q f: at most W1 at every step, and close to it."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 2)), rng.normal(size=(30, 2)) + [2, 0]
    real, fake = torch.tensor(x), torch.tensor(y)
    critic, w1, shares = networks.cones(y), w1_samples(x, y), []
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)
    for _ in range(200):
        value = critic(real).mean() - critic(fake).mean()
        optimizer.zero_grad()
        (-value).backward()
        optimizer.step()
        shares.append(value.item() / w1)
    assert max(shares) <= 1 + ROUND and shares[-1] > 0.95


def test_slope_at_most_one_is_not_1_lipschitz_on_an_l_shape():
    """Around a slit a function of slope 1 everywhere may rise faster than distance.

    f = the length of the way within the domain: its gradient has norm 1, yet across
    the slit two points are near and their values far apart.
    """
    tip = np.array([0.0, 0.0])  # the slit runs from the tip along the negative axis
    start, above, below = np.array([[-1.0, 0.1], [-1.0, 0.1], [-1.0, -0.1]])
    f_above = np.linalg.norm(above - start)
    f_below = np.linalg.norm(tip - start) + np.linalg.norm(below - tip)
    assert lipschitz_constant([above, below], [f_above, f_below]) > 10


@families.examples
@given(
    st.integers(0, 10_000),
    st.integers(1, 3),
    st.integers(1, 5),
    st.floats(1, 9),
)
def test_sliding_down_a_cone_has_a_known_distance(seed, dim, k, power):
    """u(x) - u(y) = |x - y|, y in the box: so W1 = E u(x) - E u(y), also by POT."""
    rng = np.random.default_rng(seed)
    x, centres = rng.uniform(-2, 2, (12, dim)), rng.uniform(-2, 2, (k, dim))
    offsets = rng.normal(0, 1, k)
    y = slide_down(x, centres, offsets, half_width=2.0, power=power)
    u_x, u_y = (upper_extension(z, centres, offsets) for z in (x, y))
    assert_allclose(u_x - u_y, np.linalg.norm(x - y, axis=1), atol=1e-10)
    assert abs(y).max() <= 2 + ROUND
    assert_allclose(w1_samples(x, y), u_x.mean() - u_y.mean(), atol=1e-10)


def test_sliding_ends_where_the_next_cone_begins():
    """Power 1 moves nothing; between two equal cones the ray ends half way."""
    x = [[-0.5, 0.0], [0.25, 0.0]]
    centres, offsets = [[-1.0, 0.0], [1.0, 0.0]], [0.0, 0.0]
    stay = slide_down(x, centres, offsets, half_width=2.0, power=1.0)
    assert_allclose(stay, x, atol=ROUND)
    moved = slide_down(x, centres, offsets, half_width=2.0, power=2.0)
    assert_allclose(moved, [[-0.75, 0.0], [1 - 0.75**2, 0.0]], atol=ROUND)


# Gradients of W1


def differences(cost, y, step):
    """Central differences of a function of points y, coordinate by coordinate."""
    result = np.zeros_like(y)
    for place in np.ndindex(*y.shape):
        move = np.zeros_like(y)
        move[place] = step
        result[place] = (cost(y + move) - cost(y - move)) / (2 * step)
    return result


@pytest.mark.parametrize("dim", [2, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_theorem_3(seed, dim):
    """grad_{y_j} W1 = -b_j grad f*(y_j), by autograd through cones on the reals.

    Well posed: equal weights and counts, d >= 2, prices from the relative interior,
    f*(z) = max_i (u_i - |z - x_i|). Against differences of the exact cost.
    """
    rng = np.random.default_rng(seed)
    n, a, margin = 6, uniform(6), 0.0
    while margin <= 1e-3:
        x, y = rng.normal(size=(n, dim)), rng.normal(size=(n, dim)) + 1
        u, v, margin = interior_prices(a, a, cost_matrix(x, y))
    f = networks.cones(x, u, downward=True)
    at = torch.tensor(y, requires_grad=True)
    assert_allclose(f(at).detach(), -v, atol=CLOSE)
    (slope,) = torch.autograd.grad(f(at).mean(), at)
    exact = differences(lambda y: w1_samples(x, y), y, 1e-5)
    assert_allclose(-slope, exact, rtol=0, atol=1e-6)
    plan = optimal_plan(a, a, cost_matrix(x, y)).plan
    assert_allclose(envelope_gradient(plan, x, y), exact, rtol=0, atol=1e-6)


def test_cones_on_the_fakes_have_their_kink_where_the_gradient_is_asked():
    """The upper extension centred on y is at its apex at every y: autograd says 0."""
    rng = np.random.default_rng(0)
    x, y, a = rng.normal(size=(6, 2)), rng.normal(size=(6, 2)) + 1, uniform(6)
    _, v, _ = interior_prices(a, a, cost_matrix(x, y))
    at = torch.tensor(y, requires_grad=True)
    (slope,) = torch.autograd.grad(networks.cones(y, -v)(at).mean(), at)
    assert slope.abs().max() == 0


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_the_envelope_elsewhere(seed, dim):
    """With weights, and on the line: grad W1 = sum_i plan_ij (y_j - x_i)/|y_j - x_i|.

    Where two step sizes agree; elsewhere the plan changes between the two ends.
    """
    x, y, a, b = dirichlet(seed, dim=dim)

    def cost(moved):
        return optimal_plan(a, b, cost_matrix(x, moved)).cost

    wide, narrow = differences(cost, y, 1e-4), differences(cost, y, 1e-5)
    found = envelope_gradient(optimal_plan(a, b, cost_matrix(x, y)).plan, x, y)
    agree = abs(wide - narrow) < 1e-6
    assert agree.mean() > 0.8
    assert_allclose(found[agree], narrow[agree], rtol=0, atol=1e-5)


def test_the_envelope_counts_equal_points_as_zero():
    """A pair that does not move has a kink: the formula takes the subgradient 0."""
    assert envelope_gradient([[1.0]], [[2.0]], [[2.0]]).tolist() == [[0.0]]


# Theorem 1


@pytest.mark.parametrize("seed", range(6))
def test_theorem_1_inequality_on_random_generators(seed):
    """|W1(P, Q) - W1(P, Q')| <= mean |g(z) - g'(z)|; JS knows only log 2."""
    z = torch.randn(60, 3, generator=torch.Generator().manual_seed(seed))
    g = networks.mlp_generator(3, 2, width=16, seed=seed)
    real = np.random.default_rng(seed).normal(size=(60, 2))
    made = []
    with torch.no_grad():
        for step in (0.0, 1e-3, 0.1, 1.0):
            for p, q in zip(
                g.parameters(),
                networks.mlp_generator(3, 2, width=16, seed=seed).parameters(),
                strict=True,
            ):
                p.copy_(q + step * torch.sin(torch.arange(q.numel()).view_as(q) + 1.0))
            made.append(g(z).double().numpy())
    start, *others = made
    for other in others:
        change = abs(w1_samples(real, start) - w1_samples(real, other))
        assert change <= np.linalg.norm(start - other, axis=1).mean() + ROUND
        # The atoms of two clouds without a common point, as one histogram each.
        assert not set(map(tuple, start)) & set(map(tuple, other))
        p = np.repeat([1.0, 0.0], len(start)) / len(start)
        assert_allclose(jensenshannon(p, p[::-1]) ** 2, np.log(2), rtol=1e-12)


@pytest.mark.parametrize("theta", [0.4, 0.1, 1e-2, 1e-3])
def test_the_tent_continuous_for_each_z_and_yet_a_jump(theta):
    """Theorem 1, part 1, needs more than continuity of theta -> g_theta(z).

    A tent of height 1/theta over (0, 2 theta): E |g_theta| = 1 for every theta > 0, so
    W1 to a point mass at 0 is 1, and 0 at theta = 0; yet g_theta(z) = 0 once
    theta < z / 2.
    """

    def g(z):
        return max(0.0, 1 - abs(z - theta) / theta) / theta

    w1 = quad(g, 0, 1, points=[theta, 2 * theta])[0]
    assert w1 == pytest.approx(1, abs=1e-9)
    assert g(2.01 * theta) == g(1.0) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dual_program([1], [0.5], [[1]]), "b must sum to 1; got 0.5"),
        (lambda: interior_prices([1], [1], [[1, 2]]), "b must hold one weight"),
        (lambda: c_transform([1, 2], [[1]]), "u must hold one number a point; got 2"),
        (lambda: upper_extension([0], [0, 1], [0]), "values must hold one number"),
        (lambda: lower_extension([[0]], [[0, 1]], [0]), "2 dimension|1 dimension"),
        (lambda: middle_extension([0], [0], [np.nan]), "values must be finite"),
        (lambda: lipschitz_constant([0, 1], [0]), "values must hold one number"),
        (lambda: support_constant([0], [0], [1], [1, 2]), "fy must hold one number"),
        (lambda: slackness([[1]], [0], [0], [[1, 2]]), "plan must hold one entry a"),
        (lambda: slackness([[1]], [0], [0, 1], [[1]]), "v must hold one number"),
        (lambda: envelope_gradient([[1]], [0, 1], [0]), "plan must hold one entry"),
        (
            lambda: slide_down([[0]], [[0]], [0], half_width=0),
            "half_width must be a finite number above 0",
        ),
        (
            lambda: slide_down([[0]], [[0]], [0], half_width=1, power=0.5),
            "power must be a finite number at least 1",
        ),
    ],
)
def test_bad_input(call, message):
    """What cannot be priced is refused, with what came."""
    with pytest.raises(ValueError, match=message):
        call()
