"""Optimal transport between weighted points: plan, cost, prices (chapter 1).

P has weights a on points x, Q has weights b on points y; M holds the price of moving
one unit from x_i to y_j. Every function here is exact but the last two, which stand
for contrast.
"""

import warnings
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment, linprog
from scipy.spatial.distance import cdist

from wgan_lessons import _checks

# POT is imported where it is used: it imports torch wherever that is installed, and
# part I does without. Its own limit of 100,000 steps is too low for 2,000 images.
MAX_STEPS = 100_000_000
MAX_SWEEPS = 10_000


class Transport(NamedTuple):
    """An optimal plan (n, m), its cost, and potentials u (n,), v (m,).

    u_i + v_j <= M_ij everywhere, with equality where the plan has mass; the sum of
    a u plus the sum of b v is the cost (chapter 3).
    """

    cost: float
    plan: np.ndarray
    u: np.ndarray
    v: np.ndarray


class Matching(NamedTuple):
    """The mean distance between partners, and y's index for each x, shape (n,)."""

    cost: float
    partners: np.ndarray


class Blurred(NamedTuple):
    """The plan (n, m) of the entropic problem, and what it costs by M."""

    cost: float
    plan: np.ndarray


def cost_matrix(x, y, *, power=1):
    """Return M_ij = |x_i - y_j|^power, shape (n, m), Euclidean (chapter 1).

    x: (n, d), y: (m, d); shape (n,) is n numbers on the line. power: above 0.

    >>> cost_matrix([0, 1], [3]).tolist()
    [[3.0], [2.0]]
    """
    x = _checks.samples("x", x)
    y = _checks.samples("y", y)
    _checks.points("y", y, dim=x.shape[1])
    return cdist(x, y) ** _checks.number("power", power, above=0.0)


def optimal_plan(a, b, M):
    """Return the `Transport` between weights a and b: min <gamma, M>, chapter 1.

    a: (n,), b: (m,), M: (n, m). POT's network simplex: exact, up to a few thousand
    points. Points of weight 0 get potentials too, by c-transform. Raises ValueError for
    weights that are negative or do not sum to 1, RuntimeError if POT gives up.

    >>> round(optimal_plan([0.5, 0.5], [1.0], [[1.0], [3.0]]).cost, 12)
    2.0
    """
    a, b, M = _checks.transport(a, b, M)
    rows, columns = np.flatnonzero(a), np.flatnonzero(b)
    heavy = np.ix_(rows, columns)
    plan, u, v = np.zeros_like(M), np.empty(len(a)), np.empty(len(b))
    plan[heavy], u[rows], v[columns] = _network_simplex(a[rows], b[columns], M[heavy])
    # POT's prices are wrong where no mass is: take the highest that are allowed.
    v[b == 0] = (M[rows] - u[rows, None]).min(axis=0)[b == 0]
    u[a == 0] = (M - v).min(axis=1)[a == 0]
    return Transport(float((plan * M).sum()), plan, u, v)


def _network_simplex(a, b, M):
    import ot

    with warnings.catch_warnings():
        # The same text is in the log, where it cannot be overlooked.
        warnings.simplefilter("ignore")
        plan, log = ot.emd(a, b, M, numItermax=MAX_STEPS, log=True)
    if log["warning"]:
        raise RuntimeError(
            f"POT did not reach the optimum: {log['warning']} Use fewer points, or "
            "raise transport.MAX_STEPS."
        )
    return plan, log["u"], log["v"]


def linear_program(a, b, M):
    """Return the same `Transport` from the linear program as it is written.

    min sum M gamma over gamma >= 0 with row sums a and column sums b (chapter 1), by
    scipy's HiGHS: n m unknowns, so for some hundred points at most.

    >>> round(linear_program([0.5, 0.5], [1.0], [[1.0], [3.0]]).cost, 12)
    2.0
    """
    a, b, M = _checks.transport(a, b, M)
    n, m = M.shape
    row_sums = sparse.kron(sparse.eye(n), np.ones((1, m)))
    column_sums = sparse.kron(np.ones((1, n)), sparse.eye(m))
    found = linprog(
        M.ravel(),
        A_eq=sparse.vstack([row_sums, column_sums]),
        b_eq=np.concatenate([a, b]),
        bounds=(0, None),
        method="highs",
    )
    if not found.success:
        raise RuntimeError(f"HiGHS did not reach the optimum: {found.message}")
    u, v = np.split(found.eqlin.marginals, [n])
    return Transport(float(found.fun), found.x.reshape(n, m), u, v)


def w1_line(x, y, a=None, b=None):
    """Return W1 of weighted numbers: the area between two distribution functions.

    W1 = integral of |F - G| (chapter 1). x: (n,), y: (m,); a, b: their weights, equal
    ones if None.

    >>> w1_line([0.0, 1.0], [3.0], a=[0.5, 0.5])
    2.5
    """
    x, a = _checks.weighted("x", x, "a", a)
    y, b = _checks.weighted("y", y, "b", b)
    cuts = np.concatenate([x, y])
    order = np.argsort(cuts, kind="stable")
    surplus = np.cumsum(np.concatenate([a, -b])[order])  # F - G right of each cut
    return float(np.abs(surplus[:-1]) @ np.diff(cuts[order]))


def w1_quantiles(x, y):
    """Return W1 of two equally large samples on the line: sort, then mean |x - y|.

    W1 = integral of |F^-1 - G^-1| (chapter 1). x, y: (n,).

    >>> w1_quantiles([0.0, 5.0], [6.0, 1.0])
    1.0
    """
    x = _checks.array("x", x, ndim=1)
    y = _checks.array("y", y, ndim=1)
    _checks.same_count("x", x, "y", y)
    return float(np.mean(np.abs(np.sort(x) - np.sort(y))))


def w1_histograms(p, q, positions=None):
    """Return W1 of two histograms p, q (n,) over positions (n,), 0, 1, ... if None.

    >>> w1_histograms([1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    2.0
    """
    p = _checks.weights("p", p)
    q = _checks.weights("q", q, size=len(p))
    positions = np.arange(len(p)) if positions is None else positions
    return w1_line(positions, positions, p, q)


def assignment(x, y):
    """Return the `Matching` of two equally large clouds with the least mean distance.

    With equal weights some optimal plan is a permutation (chapter 1). x, y: (n, d) or
    (n,); by scipy's assignment solver.

    >>> assignment([[0.0, 0.0], [5.0, 0.0]], [[5.0, 1.0], [0.0, 1.0]]).partners.tolist()
    [1, 0]
    """
    M = cost_matrix(x, y)
    _checks.same_count("x", M, "y", M.T)
    rows, partners = linear_sum_assignment(M)
    return Matching(float(M[rows, partners].mean()), partners)


def w1_samples(x, y):
    """Return the exact W1 of two clouds with equal weights, whatever their sizes.

    x: (n, d), y: (m, d), or (n,) and (m,) on the line (chapter 1).

    >>> w1_samples([[0.0, 0.0]], [[3.0, 4.0]])
    5.0
    """
    M = cost_matrix(x, y)
    return optimal_plan(uniform(len(M)), uniform(len(M.T)), M).cost


def sinkhorn(a, b, M, *, blur):
    """Return the `Blurred` plan: min <gamma, M> - blur * entropy(gamma), by POT.

    A quick approximation, always dearer than the optimal plan (chapter 1). blur: in
    the units of M, above 0. Raises RuntimeError if it does not converge.
    """
    import ot

    a, b, M = _checks.transport(a, b, M)
    blur = _checks.number("blur", blur, above=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            plan = ot.sinkhorn(
                a,
                b,
                M,
                blur,
                method="sinkhorn_log",
                numItermax=MAX_SWEEPS,
                stopThr=1e-10,
            )
        except UserWarning as warning:
            raise RuntimeError(
                f"sinkhorn did not converge: {warning} Raise blur; got {blur:g}."
            ) from warning
    return Blurred(float((plan * M).sum()), plan)


def sliced(x, y, *, directions=100, seed=0):
    """Return the mean W1 of the clouds' shadows on random lines, by POT.

    Another number than W1, and never more (chapter 1). x: (n, d), y: (m, d).
    """
    import ot

    x = _checks.points("x", x)
    y = _checks.points("y", y, dim=x.shape[1])
    directions = _checks.integer("directions", directions)
    seed = _checks.integer("seed", seed, minimum=0)
    return float(
        ot.sliced_wasserstein_distance(x, y, None, None, directions, 1, seed=seed)
    )


def uniform(n):
    """Return n equal weights that sum to 1, shape (n,)."""
    return np.full(_checks.integer("n", n), 1 / n)
