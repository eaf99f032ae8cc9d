"""The proof of slope one on exact problems, and the penalised critic of two Diracs."""

import math
from typing import NamedTuple

import numpy as np
import pytest
import sympy
import torch
from families import examples, priced
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from wgan_lessons import duality, penalties, theory, transport
from wgan_lessons.losses import wasserstein

CRITICS = ("upper", "lower", "middle")
DISTANCES = st.floats(0, 5)
WEIGHTS = st.floats(0.05, 20)


class Problem(NamedTuple):
    """Random weighted clouds, their solution, and what the claims are tried at."""

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    found: theory.Solved
    tolerance: float
    s: torch.Tensor
    t: torch.Tensor
    w: torch.Tensor


def problem(seed, dim, n=12, m=9):
    """Coordinates of size 1, Dirichlet weights, t in (0.05, 0.95), steps w of any size.

    Outside of this rounding takes over: at the ends e is 0/0, and x_t = y_j is a kink.
    """
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, dim)), rng.normal(size=(m, dim))
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    found = theory.solve(x, y, a, b)
    k = len(found.x)
    s, t = torch.as_tensor(rng.uniform(0.05, 0.95, size=(2, k)))
    w = torch.as_tensor(rng.normal(size=(k, dim)) * 10.0 ** rng.uniform(-6, 1, (k, 1)))
    largest = transport.cost_matrix(x, y).max()
    return Problem(x, y, a, b, found, 1e-8 * max(1, largest), s, t, w)


PROBLEMS = st.builds(
    problem,
    st.integers(0, 10_000),
    st.sampled_from([1, 2, 10]),
    st.integers(1, 12),
    st.integers(1, 12),
)


def claims(f, x, y, s, t, w):
    """Return the six steps of the proof, in order."""
    return {
        "coupling": theory.coupling(f, x, y),
        "no_shortcut": theory.no_shortcut(f, x, y, s, t),
        "straight": theory.straight(f, x, y, t),
        "directional": theory.directional(f, x, y, t),
        "squeeze": theory.squeeze(f, x, y, t, w),
        "pythagoras": theory.pythagoras(f, x, y, t),
    }


def holding(f, x, y, s, t, w, tolerance=1e-8):
    """Return the names of the steps that f passes; NaN passes none."""
    steps = claims(f, x, y, s, t, w).items()
    return {name for name, claim in steps if claim.residual < tolerance}


# The proof


@examples
@given(PROBLEMS)
def test_every_step_of_the_proof(case):
    """On pairs of an optimal plan every optimal 1-Lipschitz critic f satisfies
    f(x) - f(y) = |x - y|; psi is |x - y|-Lipschitz, and straight; <grad f, e> = 1;
    f leaves its tangent by at most |w|^2 / 2r; grad f(x_t) = e. For 0 < t < 1.
    """
    x, y = case.found.x, case.found.y
    for name in CRITICS:
        f = getattr(case.found, name)
        for step, claim in claims(f, x, y, case.s, case.t, case.w).items():
            assert math.isfinite(claim.residual), (name, step)
            assert claim.residual < case.tolerance, (name, step)
        # Step 3 makes step 2 an equality.
        bound = theory.no_shortcut(f, x, y, case.s, case.t)
        torch.testing.assert_close(bound.left, bound.right, rtol=0, atol=1e-9)


@examples
@given(PROBLEMS)
def test_strangers_keep_only_what_needs_no_plan(case):
    """For pairs outside of the plan f(x) - f(y) < |x - y| may be strict; no shortcut
    exists for any pair, since every best critic is 1-Lipschitz.
    """
    _, plan, u, v = transport.optimal_plan(
        case.a, case.b, M := transport.cost_matrix(case.x, case.y)
    )
    slack = M - u[:, None] - v
    i, j = np.nonzero(slack > 1e-6)
    if len(i) == 0:
        return
    assert plan[i, j].max() == 0
    x, y = torch.as_tensor(case.x[i]), torch.as_tensor(case.y[j])
    s, t = torch.as_tensor(np.random.default_rng(0).uniform(0, 1, (2, len(i))))
    for name in CRITICS:
        f = getattr(case.found, name)
        claim = theory.coupling(f, x, y)
        gap = (claim.right - claim.left).numpy()
        np.testing.assert_allclose(gap, slack[i, j], rtol=0, atol=1e-9)
        assert theory.no_shortcut(f, x, y, s, t).residual < case.tolerance


@examples
@given(PROBLEMS)
def test_pairs_and_critics_solve_the_problem(case):
    """The pairs carry all mass at cost W1, and each critic attains W1 (HiGHS)."""
    found, M = case.found, transport.cost_matrix(case.x, case.y)
    w1 = transport.linear_program(case.a, case.b, M).cost
    length, e = theory.way(found.x, found.y)
    assert found.cost == pytest.approx(w1, abs=1e-8)
    assert float(found.mass @ length) == pytest.approx(w1, abs=1e-8)
    assert float(found.mass.sum()) + found.stays == pytest.approx(1)
    torch.testing.assert_close(length[:, None] * e, found.x - found.y)
    for name in CRITICS:
        f = getattr(found, name)
        fx, fy = (f(torch.as_tensor(z)).detach().numpy() for z in (case.x, case.y))
        assert case.a @ fx - case.b @ fy == pytest.approx(w1, abs=1e-8)
        assert duality.support_constant(case.x, fx, case.y, fy) <= 1 + 1e-9


@examples
@given(PROBLEMS)
def test_critics_are_the_extensions(case):
    """upper, lower, middle = the extensions of the prices, over all points (numpy)."""
    M = transport.cost_matrix(case.x, case.y)
    _, _, u, v = transport.optimal_plan(case.a, case.b, M)
    points, values = np.concatenate([case.x, case.y]), np.concatenate([u, -v])
    z = np.random.default_rng(0).normal(size=(20, case.x.shape[1]))
    for name in CRITICS:
        known = getattr(duality, f"{name}_extension")(z, points, values)
        f = getattr(case.found, name)(torch.as_tensor(z))
        np.testing.assert_allclose(f.detach(), known, rtol=0, atol=1e-12)


@examples
@given(PROBLEMS)
def test_gradients_by_hand_and_by_autograd(case):
    """grad min_j (b_j + |z - y_j|) = (z - y_k)/|z - y_k| for the k that attains it."""
    x, y = (torch.as_tensor(points) for points in (case.x, case.y))
    x_t = theory.at(case.found.x, case.found.y, case.t)
    for name, centres, sign in (("upper", y, 1), ("lower", x, -1)):
        f = getattr(case.found, name)
        heights = sign * f(centres).detach()
        ways = x_t[:, None] - centres
        k = (ways.norm(dim=2) + heights).argmin(1)
        own = ways[torch.arange(len(k)), k]
        by_hand = sign * own / own.norm(dim=1, keepdim=True)
        torch.testing.assert_close(theory.gradient(f, x_t), by_hand, rtol=0, atol=1e-9)


@examples
@given(priced(), st.integers(0, 100))
def test_steps_without_a_gradient_hold_on_tied_and_repeated_points(instance, seed):
    """Ties, repeated points, mass that stays: steps 1, 2, 3 and 5 hold all the same."""
    found = theory.solve(*instance[:4])
    assert found.cost == pytest.approx(instance.cost)
    rng = np.random.default_rng(seed)
    if not len(found.x):
        assert found.cost == 0 and found.stays == pytest.approx(1)
        return
    s, t = torch.as_tensor(rng.uniform(0, 1, (2, len(found.x))))
    w = torch.as_tensor(rng.normal(size=found.x.shape))
    assert float(found.mass.sum()) + found.stays == pytest.approx(1)
    for name in CRITICS:
        f = getattr(found, name)
        steps = claims(f, found.x, found.y, s, t, w)
        for step in ("coupling", "no_shortcut", "straight", "squeeze"):
            assert steps[step].residual < 1e-8


def test_the_squeeze_is_sharp():
    """For one pair upper is |z - y| + b: across the way it leaves its tangent by
    |w|^2 / 2r for small w, with r = (1 - t)|x - y|; likewise lower, with t.
    """
    found = theory.solve([[0.0, 0.0]], [[2.0, 0.0]])
    w = torch.tensor([[0.0, 1e-3]], dtype=torch.float64)
    for f, t in ((found.upper, 0.75), (found.lower, 0.25)):
        bend = theory.squeeze(f, found.x, found.y, torch.tensor([t]).double(), w)
        assert float(bend.left / bend.right) == pytest.approx(1, abs=1e-5)
        assert bend.left <= bend.right


ON_A_LINE = (
    torch.tensor([[0.0, 1.0]]).double(),
    torch.tensor([[0.0, 0.0]]).double(),
    torch.tensor([0.05]).double(),
    torch.tensor([0.2]).double(),
    torch.tensor([[0.01, 0.005]]).double(),
)
STEPS = set(claims(lambda z: z[:, 1], *ON_A_LINE))


@pytest.mark.parametrize(
    ("f", "broken"),
    [
        (lambda z: z[:, 1] + 7, set()),
        (lambda z: z[:, 1] * torch.nan, STEPS),
        # Not optimal: it gains too little.
        (lambda z: 0.9 * z[:, 1], STEPS - {"no_shortcut"}),
        # Optimal at the ends, too steep between them.
        (
            lambda z: z[:, 1] + 0.3 * torch.sin(2 * torch.pi * z[:, 1]),
            STEPS - {"coupling"},
        ),
        # Too steep across: nothing along the way notices.
        (lambda z: z[:, 1] + z[:, 0], {"squeeze", "pythagoras"}),
        # Optimal for l1 cost. At its kink autograd invents a gradient that fits.
        (lambda z: z[:, 1] + z[:, 0].abs() / 2, {"squeeze"}),
    ],
    ids=["exact", "NaN", "lazy", "wavy", "tilted", "l1"],
)
def test_a_wrong_critic_breaks_exactly_these_steps(f, broken):
    """Each hypothesis is needed: without it a named step fails."""
    assert STEPS - holding(f, *ON_A_LINE) == broken


@pytest.mark.parametrize("slope", [3.0, torch.nan])
def test_the_worst_pair_counts(slope):
    """A residual is the largest over all pairs: one bad pair among good ones fails."""
    good, bad = torch.tensor([[0.0, 1.0]]).double(), torch.tensor([[5.0, 1.0]]).double()
    x = torch.cat([good, bad, good])
    y = x - torch.tensor([0.0, 1.0]).double()
    s, t = torch.tensor([[0.3, 0.3, 0.3], [0.6, 0.6, 0.6]]).double()

    def f(z):
        return torch.where(z[:, 0] > 4, slope * z[:, 1], z[:, 1])

    assert holding(f, x, y, s, t, torch.full((3, 2), 1e-2).double()) == set()


def test_a_kink_at_the_end_only():
    """P = half on -1 and on 1, Q = at 0: f* = |z| on [-1, 1], with a kink at t = 1."""
    found = theory.solve([-1.0, 1.0], [0.0])
    z = torch.linspace(-1, 1, 21).double()[:, None]
    for name in CRITICS:
        f = getattr(found, name)
        values = f(z).detach() - f(torch.zeros(1, 1).double()).detach()
        torch.testing.assert_close(values, z[:, 0].abs())
        t = torch.full((2,), 1 - 1e-6).double()
        assert theory.pythagoras(f, found.x, found.y, t).residual < 1e-8


def test_mass_that_stays_has_no_direction():
    """Where x = y, e is 0/0: such mass is set aside, and refused if asked for."""
    found = theory.solve([[0.0], [1.0]], [[0.0], [3.0]])
    assert found.stays == 0.5 and found.cost == 1 and found.x.tolist() == [[1.0]]
    still = torch.zeros(2, 1)
    for x, y in ((still, still), (still[:0], still[:0])):
        with pytest.raises(ValueError, match="x and y must hold pairs at a distance"):
            theory.coupling(lambda z: z[:, 0], x, y)


def test_points_without_mass_change_nothing():
    """Points of weight 0 are left out of the pairs and of the critics' cones."""
    x, y = np.random.default_rng(0).normal(size=(2, 6, 2))
    a, b = np.array([0, 0.2, 0.3, 0, 0.4, 0.1]), np.array([0.5, 0, 0.1, 0.2, 0.2, 0])
    found = theory.solve(x, y, a, b)
    least = theory.solve(x[a > 0], y[b > 0], a[a > 0], b[b > 0])
    assert found.cost == pytest.approx(least.cost)
    z = torch.randn(9, 2, dtype=torch.float64, generator=torch.Generator())
    gap = found.upper(z) - least.upper(z)
    torch.testing.assert_close(gap, gap[:1].expand(9))


@pytest.mark.parametrize(("dim", "least"), [(2, 0.85), (10, 0.7)])
def test_independent_pairs_have_slopes_below_one(dim, least):
    """Unit norm is not implied on segments between independent x ~ P and y ~ Q: the
    middle critic is less steep on most of them; the upper one is a cone everywhere.
    """
    case = problem(0, dim, 60, 60)
    rng = np.random.default_rng(1)
    x = torch.as_tensor(rng.choice(case.x, 1000, p=case.a))
    y = torch.as_tensor(rng.choice(case.y, 1000, p=case.b))
    t = torch.as_tensor(rng.uniform(0.05, 0.95, 1000))
    slopes = {
        name: theory.gradient(getattr(case.found, name), theory.at(x, y, t)).norm(dim=1)
        for name in CRITICS
    }
    assert (slopes["middle"] < 1 - 1e-6).double().mean() > least
    assert (slopes["upper"] - 1).abs().max() < 1e-12
    along = theory.directional(case.found.upper, x, y, t).left
    assert (along < 1 - 1e-6).double().mean() > least - 0.4


def test_on_the_line_independent_pairs_show_nothing():
    """In 1-D, wherever some mass must pass (F is not G), |f'| = 1 for every optimal f:
    independent pairs pass over the same ground.
    """
    case = problem(0, 1, 60, 60)
    low, high = (np.percentile(np.concatenate([case.x, case.y]), q) for q in (0, 100))
    z = torch.linspace(float(low) + 1e-3, float(high) - 1e-3, 501).double()[:, None]
    slopes = theory.gradient(case.found.middle, z).norm(dim=1)
    assert (slopes - 1).abs().max() < 1e-12


# Two Diracs


def test_two_diracs_by_algebra():
    """J(s) = d s - l (|s| - 1)^2: on s > 0 the top is s = 1 + d/2l with value
    d + d^2/2l and J = d + d^2/4l; on s < 0 it is s = -1 + d/2l, where that is negative.
    """
    s, d, weight = sympy.symbols("s d lambda", positive=True)
    right = d * s - weight * (s - 1) ** 2
    (slope,) = sympy.solve(sympy.diff(right, s), s)
    top = right.subs(s, slope)
    assert sympy.diff(right, s, 2).is_negative
    assert sympy.simplify(slope - (1 + d / (2 * weight))) == 0
    assert sympy.simplify(d * slope - (d + d**2 / (2 * weight))) == 0
    assert sympy.simplify(top - (d + d**2 / (4 * weight))) == 0
    r = sympy.symbols("r", real=True)
    left = d * r - weight * (-r - 1) ** 2
    (second,) = sympy.solve(sympy.diff(left, r), r)
    assert sympy.simplify(second - (-1 + d / (2 * weight))) == 0
    assert sympy.simplify(top - left.subs(r, second) - 2 * d) == 0
    for point in ((0.5, 2.0), (3, 0.7), (1, 0.5)):
        law = theory.two_diracs(point[0], weight=point[1])
        at = dict(zip((d, weight), point, strict=True))
        exact = [float(e.subs(at)) for e in (slope, d * slope, top, second)]
        assert law.slope == pytest.approx(exact[0])
        assert law.value == pytest.approx(exact[1])
        assert law.objective == pytest.approx(exact[2])
        assert law.value - law.penalty == pytest.approx(law.objective)
        assert (law.second is None) == (exact[3] >= 0)
        assert law.second is None or law.second == pytest.approx(exact[3])


@examples
@given(DISTANCES, WEIGHTS, st.floats(-4, 4))
def test_the_objective_is_value_minus_penalty(d, weight, slope):
    """J(s) is what the course's loss and penalty make of f(z) = s z, for any s."""
    real, fake = torch.full((3, 1), d).double(), torch.zeros(3, 1).double()
    for penalty, objective in (
        (penalties.gradient_penalty, theory.dirac_objective),
        (penalties.one_sided_penalty, theory.dirac_objective_one_sided),
    ):
        rng = torch.Generator().manual_seed(0)
        found = penalty(lambda z: slope * z[:, 0], real, fake, rng, weight=weight)
        gain = d * slope - found.item()
        assert float(objective(slope, d, weight=weight)) == pytest.approx(gain)


@examples
@given(DISTANCES, WEIGHTS)
def test_two_diracs_by_search(d, weight):
    """The laws are the maxima of both objectives, on a grid and by scipy."""
    slopes = np.linspace(-60, 60, 4001)
    for law, objective in (
        (theory.two_diracs, theory.dirac_objective),
        (theory.two_diracs_one_sided, theory.dirac_objective_one_sided),
    ):
        best = law(d, weight=weight)
        assert float(objective(best.slope, d, weight=weight)) == pytest.approx(
            best.objective
        )
        assert objective(slopes, d, weight=weight).max() <= best.objective + 1e-9
        if best.second is not None:
            around = best.second + np.array([-1e-3, 0, 1e-3])
            left, middle, right = objective(around, d, weight=weight)
            assert middle > left
            assert middle > right or best.second > -1e-3
    found = minimize_scalar(
        lambda s: -theory.dirac_objective(s, d, weight=weight), bounds=(0, 60)
    )
    assert found.x == pytest.approx(theory.two_diracs(d, weight=weight).slope, abs=1e-3)


@examples
@given(
    DISTANCES, WEIGHTS, st.lists(st.floats(-9, 9), min_size=2, max_size=8), st.data()
)
def test_no_bent_critic_gains_more(d, weight, slopes, data):
    """Of all critics, in any dimension: a mean over t of d s - l (|g| - 1)^2 with
    s <= |g| is at most its largest value, d + d^2/4l, which a straight critic has.
    """
    across = data.draw(
        st.lists(st.floats(-9, 9), min_size=len(slopes), max_size=len(slopes))
    )
    s, norm = np.array(slopes), np.hypot(slopes, across)
    gain = np.mean(d * s - weight * (norm - 1) ** 2)
    assert gain <= theory.two_diracs(d, weight=weight).objective + 1e-9


def train(d, weight, penalty, start, steps=300):
    """Climb with f(z) = s z on P = at d, Q = at 0, and the course's own losses."""
    slope = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    real, fake = torch.full((4, 1), d).double(), torch.zeros(4, 1).double()
    rng = torch.Generator().manual_seed(0)

    def critic(z):
        return slope * z[:, 0]

    for _ in range(steps):
        loss = wasserstein.critic(critic(real), critic(fake))
        loss = loss + penalty(critic, real, fake, rng, weight=weight)
        (g,) = torch.autograd.grad(loss, slope)
        with torch.no_grad():
            slope -= 0.1 / weight * g
    return slope.item()


@pytest.mark.parametrize(("d", "weight"), [(1, 10), (1, 0.1), (4, 1), (0.5, 0.3)])
def test_a_trained_critic_finds_the_law(d, weight):
    """Descent on the loss ends at the slope of the law; from a negative start at the
    second maximum, if there is one and the penalty is two-sided.
    """
    law = theory.two_diracs(d, weight=weight)
    for penalty in (penalties.gradient_penalty, penalties.one_sided_penalty):
        assert train(d, weight, penalty, 0.5) == pytest.approx(law.slope, abs=1e-6)
    trapped = train(d, weight, penalties.gradient_penalty, -0.5)
    wanted = law.slope if law.second is None else law.second
    assert trapped == pytest.approx(wanted, abs=1e-6)


def test_at_distance_zero_only_the_two_sided_penalty_pulls():
    """P = Q: two-sided ends at slope 1 or -1, one-sided leaves any |slope| <= 1."""
    for start in (0.3, -0.3):
        ends = math.copysign(1, start)
        found = train(0, 1, penalties.gradient_penalty, start)
        assert found == pytest.approx(ends, abs=1e-6)
        assert train(0, 1, penalties.one_sided_penalty, start) == start
        assert train(0, 1, penalties.one_sided_penalty, 4 * start) == pytest.approx(
            ends, abs=1e-6
        )


@pytest.mark.parametrize("law", [theory.two_diracs, theory.two_diracs_one_sided])
def test_impossible_settings_are_refused(law):
    """A distance below 0 and a weight of 0 have no best critic."""
    with pytest.raises(ValueError, match="distance must be a finite number at least 0"):
        law(-1)
    with pytest.raises(ValueError, match="weight must be a finite number above 0"):
        law(1, weight=0)
