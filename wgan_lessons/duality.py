"""Prices instead of plans: the dual of optimal transport (chapter 3).

P has weights a on points x and carries the plus sign, Q has weights b on points y. A
shipper pays u_i for a unit taken at x_i and v_j for one brought to y_j; a critic f
reads the same prices as f(x_i) = u_i and f(y_j) = -v_j.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from wgan_lessons import _checks
from wgan_lessons.transport import cost_matrix, optimal_plan

NO_MASS = 1e-12  # plan entries up to here are rounding, not mass


class Prices(NamedTuple):
    """The dual value sum a u + sum b v, and the prices u (n,), v (m,)."""

    value: float
    u: np.ndarray
    v: np.ndarray


class Interior(NamedTuple):
    """Optimal prices u (n,), v (m,), and how far below M the other pairs stay."""

    u: np.ndarray
    v: np.ndarray
    margin: float


class Slackness(NamedTuple):
    """What a move costs beyond its prices: slack_ij = M_ij - u_i - v_j, shape (n, m).

    violation: how far a price is too high, 0 if none is. on_plan: the largest |slack|
    where the plan has mass. gap: cost of the plan minus dual value, sum plan * slack.
    Plan and prices are both optimal iff violation and gap are 0.
    """

    slack: np.ndarray
    violation: float
    on_plan: float
    gap: float


def dual_program(a, b, M):
    """Return the best `Prices` from the dual linear program as it is written.

    max sum a u + sum b v with u_i + v_j <= M_ij (chapter 3), by scipy's HiGHS. Prices
    are never unique: u + c, v - c do as well. a: (n,), b: (m,), M: (n, m).

    >>> round(dual_program([0.5, 0.5], [1.0], [[1.0], [3.0]]).value, 12)
    2.0
    """
    a, b, M = _checks.transport(a, b, M)
    found = _highs(-np.concatenate([a, b]), A_ub=_pair_sums(M), b_ub=M.ravel())
    u, v = np.split(found.x, [len(a)])
    return Prices(float(-found.fun), u, v)


def _pair_sums(M):
    """Return the matrix that takes (u, v) to all u_i + v_j, row by row."""
    n, m = M.shape
    left = sparse.kron(sparse.eye(n), np.ones((m, 1)))
    return sparse.hstack([left, sparse.kron(np.ones((n, 1)), sparse.eye(m))]).tocsr()


def _highs(costs, *, bounds=(None, None), **constraints):
    exact = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(costs, bounds=bounds, method="highs", options=exact, **constraints)
    if not found.success:
        raise RuntimeError(f"HiGHS did not reach the optimum: {found.message}")
    return found


def interior_prices(a, b, M):
    """Return optimal prices in the relative interior: an `Interior` (chapter 3).

    max s with u_i + v_j = M_ij where POT's optimal plan has mass and <= M_ij - s
    elsewhere; s is the margin, at most max M. It is 0 iff another optimal plan moves
    mass elsewhere. The prices of a solver are a corner, where it is 0 more often.

    >>> round(interior_prices([0.5, 0.5], [0.5, 0.5], [[0, 1], [1, 0]]).margin, 12)
    1.0
    """
    a, b, M = _checks.transport(a, b, M)
    mass = optimal_plan(a, b, M).plan.ravel() > NO_MASS
    sums = _pair_sums(M)
    sums = sparse.hstack([sums, np.ones((len(mass), 1)) * ~mass[:, None]]).tocsr()
    free = [(None, None)] * (len(a) + len(b))
    found = _highs(
        np.append(np.zeros(len(free)), -1.0),
        A_eq=sums[mass],
        b_eq=M.ravel()[mass],
        A_ub=sums[~mass] if not mass.all() else None,
        b_ub=M.ravel()[~mass] if not mass.all() else None,
        bounds=[*free, (0, M.max())],
    )
    u, v, margin = np.split(found.x, [len(a), len(a) + len(b)])
    return Interior(u, v, float(margin[0]))


def c_transform(u, M):
    """Return u^c_j = min_i (M_ij - u_i): the highest v that u leaves room for.

    u: (n,), M: (n, m). `c_transform(v, M.T)` is the other way. Where M holds the
    distances of points to themselves, u^c = -u iff u is 1-Lipschitz (chapter 3).

    >>> c_transform([1.0, 2.0], [[3.0, 5.0], [3.0, 9.0]]).tolist()
    [1.0, 4.0]
    """
    M = _checks.array("M", M, ndim=2)
    u = _checks.prices("u", u, size=len(M))
    return (M - u[:, None]).min(axis=0)


def upper_extension(z, points, values):
    """Return min_i (values_i + |z - p_i|), the highest 1-Lipschitz extension.

    z: (k, d), points: (n, d), values: (n,); (k,) and (n,) on the line. Equal to the
    values at the points iff these are 1-Lipschitz there. Source: McShane 1934.

    >>> upper_extension([0.0, 1.0], [0.0, 4.0], [0.0, 2.0]).tolist()
    [0.0, 1.0]
    """
    values = _checks.prices("values", values, size=len(points))
    return (cost_matrix(z, points) + values).min(axis=1)


def lower_extension(z, points, values):
    """Return max_i (values_i - |z - p_i|), the lowest 1-Lipschitz extension.

    Shapes as in `upper_extension`, of which it is the mirror image.

    >>> lower_extension([0.0, 1.0], [0.0, 4.0], [0.0, 2.0]).tolist()
    [0.0, -1.0]
    """
    values = _checks.prices("values", values, size=len(points))
    return (values - cost_matrix(z, points)).max(axis=1)


def middle_extension(z, points, values):
    """Return the mean of upper and lower extension: 1-Lipschitz, never steeper.

    >>> middle_extension([0.0, 1.0], [0.0, 4.0], [0.0, 2.0]).tolist()
    [0.0, 0.0]
    """
    upper = upper_extension(z, points, values)
    return (upper + lower_extension(z, points, values)) / 2


def lipschitz_constant(points, values):
    """Return max |values_i - values_j| / |p_i - p_j| over all pairs of points.

    Infinite if one point has two values, 0 for a single point. For the points of both
    laws it bounds `support_constant` (chapter 3).

    >>> lipschitz_constant([0.0, 1.0, 3.0], [0.0, 2.0, 1.0])
    2.0
    """
    values = _checks.prices("values", values, size=len(points))
    return support_constant(points, values, points, values)


def support_constant(x, fx, y, fy):
    """Return K = max |f(x_i) - f(y_j)| / |x_i - y_j| over pairs of the two supports.

    The only K that a lower bound needs: (E_P f - E_Q f) / K <= W1 for every f
    (chapter 3). x: (n, d), fx: (n,), y: (m, d), fy: (m,).

    >>> support_constant([0.0, 1.0], [0.0, 5.0], [2.0], [4.0])
    2.0
    """
    apart = cost_matrix(x, y)
    fx = _checks.prices("fx", fx, size=len(apart))
    fy = _checks.prices("fy", fy, size=len(apart.T))
    rise = np.abs(fx[:, None] - fy)
    ratios = np.divide(rise, apart, out=np.zeros_like(rise), where=apart > 0)
    ratios[(apart == 0) & (rise > 0)] = np.inf
    return float(ratios.max())


def slackness(plan, u, v, M):
    """Return the `Slackness` of prices u, v beside a plan (chapter 3).

    plan, M: (n, m), u: (n,), v: (m,). Entries of the plan up to 1e-12 are no mass.

    >>> slackness([[1.0]], [2.0], [0.5], [[3.0]]).gap
    0.5
    """
    M = _checks.array("M", M, ndim=2)
    plan = _checks.table("plan", plan, shape=M.shape)
    u = _checks.prices("u", u, size=len(M))
    slack = M - u[:, None] - _checks.prices("v", v, size=len(M.T))
    on_plan = np.abs(slack[plan > NO_MASS]).max(initial=0.0)
    violation = max(0.0, -slack.min())
    return Slackness(
        slack, float(violation), float(on_plan), float((plan * slack).sum())
    )


def envelope_gradient(plan, x, y):
    """Return grad_{y_j} W1 = sum_i plan_ij (y_j - x_i) / |y_j - x_i|, shape (m, d).

    The plan may be held still, since it is optimal (chapter 3). Exact where the
    optimal plan is unique and moves no mass between equal points; such a pair counts
    as 0 here, one of its subgradients. plan: (n, m), x: (n, d), y: (m, d).

    >>> envelope_gradient([[1.0]], [[0.0, 0.0]], [[3.0, 4.0]]).tolist()
    [[0.6, 0.8]]
    """
    x, y, apart = _checks.samples("x", x), _checks.samples("y", y), cost_matrix(x, y)
    plan = _checks.table("plan", plan, shape=apart.shape)
    pull = np.divide(plan, apart, out=np.zeros_like(plan), where=apart > 0)
    return pull.sum(axis=0)[:, None] * y - pull.T @ x


def slide_down(x, centres, offsets, *, half_width, power=8.0):
    """Move points down their cone of u(x) = min_k (|x - c_k| + b_k): t -> t^power.

    t in [0, 1] is the place on the ray from the cone's centre through x, which ends
    where another cone takes over or at the box [-half_width, half_width]^d. From
    these pairs u(x) - u(y) = |x - y|, so u is optimal and W1 is E u(x) - E u(y).
    x: (n, d) and centres: (k, d), in the box. Source: Korotin et al. 2022.

    >>> slide_down([[0.5]], [[0.0]], [0.0], half_width=1.0, power=2).tolist()
    [[0.25]]
    """
    x, centres = _checks.points("x", x), _checks.points("centres", centres)
    offsets = _checks.prices("offsets", offsets, size=len(centres))
    half_width = _checks.number("half_width", half_width, above=0.0)
    power = _checks.number("power", power, minimum=1.0)
    cone = (cost_matrix(x, centres) + offsets).argmin(axis=1)
    apex = centres[cone]
    reach = np.linalg.norm(x - apex, axis=1)
    ray = (x - apex) / np.where(reach > 0, reach, 1.0)[:, None]
    end = _ray_ends(apex, ray, offsets[cone], centres, offsets, half_width)
    t = np.divide(reach, end, out=np.zeros_like(reach), where=reach > 0).clip(0, 1)
    return apex + (end * t**power)[:, None] * ray


def _ray_ends(apex, ray, height, centres, offsets, half_width):
    """Return how far each ray runs on its own cone and inside the box, (n,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        walls = (half_width * np.sign(ray) - apex) / ray
        walls = np.where(ray != 0, walls, np.inf).min(axis=1)
        # |d + r e| = r + k, where d leads from another centre to the apex, e along the
        # ray, and k is the apex's height over that centre.
        d = apex[:, None] - centres
        k = height[:, None] - offsets
        room = (d**2).sum(axis=2) - k**2
        closing = k - np.einsum("nkd,nd->nk", d, ray)
        meets = np.where((room > 0) & (closing > 0), room / (2 * closing), np.inf)
    return np.minimum(walls, meets.min(axis=1))
