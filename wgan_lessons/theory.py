"""Theorems as functions: what they claim, and how far a computed case is from it.

The proof that an optimal critic has slope one, step by step, and the penalised critic
of two Diracs (chapter 13). Pairs x, y have shape (k, d), x is real; x_t lies on the
way from x to y, and e = (x - y)/|x - y| points back. A critic f maps (k, d) to (k,).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from wgan_lessons import _checks, duality, networks, transport

TOUCHING = 1e-6  # pairs that are closer have no direction that rounding would leave


class Solved(NamedTuple):
    """The k pairs that an optimal plan joins, and three critics that attain W1.

    x, y: (k, d), at some distance; mass: (k,); stays: the mass that has x = y.
    upper and lower: the highest and the lowest 1-Lipschitz critic with the optimal
    prices; middle: their mean, 1-Lipschitz and optimal, too.
    """

    x: torch.Tensor
    y: torch.Tensor
    mass: torch.Tensor
    stays: float
    cost: float
    upper: Callable
    lower: Callable
    middle: Callable


def solve(x, y, a=None, b=None):
    """Return exact pairs and critics of weighted points: a `Solved` (chapter 13).

    x: (n, d), y: (m, d); a, b: their weights, equal ones if None. In float64.
    """
    x, y = _checks.samples("x", x), _checks.samples("y", y)
    a = transport.uniform(len(x)) if a is None else np.asarray(a)
    b = transport.uniform(len(y)) if b is None else np.asarray(b)
    M = transport.cost_matrix(x, y)
    cost, plan, u, v = transport.optimal_plan(a, b, M)
    upper = networks.cones(y[b > 0], -v[b > 0])
    lower = networks.cones(x[a > 0], u[a > 0], downward=True)

    def middle(z):
        return (upper(z) + lower(z)) / 2

    mass = plan > duality.NO_MASS
    stays = float(plan[mass & (M <= TOUCHING)].sum())
    i, j = np.nonzero(mass & (M > TOUCHING))
    pairs = map(torch.as_tensor, (x[i], y[j], plan[i, j]))
    return Solved(*pairs, stays, cost, upper, lower, middle)


class Claim(NamedTuple):
    """left = right, or left <= right, up to the largest excess `residual`."""

    left: torch.Tensor
    right: torch.Tensor
    residual: float


def _equal(left, right):
    left, right = left.detach(), right.detach()
    return Claim(left, right, float((left - right).abs().max()))


def _at_most(left, right):
    left, right = left.detach(), right.detach()
    return Claim(left, right, float((left - right).clamp(min=0).max()))


def way(x, y):
    """Return the length |x - y|, (k,), and the direction e = (x - y)/|x - y|, (k, d).

    Raises ValueError where x = y, since 0/0 is no direction.
    """
    length = torch.linalg.vector_norm(x - y, dim=1, keepdim=True)
    _checks.apart(length[:, 0])
    return length[:, 0], (x - y) / length


def at(x, y, t):
    """Return x_t = (1 - t) x + t y; t: (k,)."""
    return torch.lerp(x, y, t[:, None])


def gradient(f, points):
    """Return grad f at each point, (k, d), by automatic differentiation."""
    points = points.detach().requires_grad_()
    return torch.autograd.grad(f(points).sum(), points)[0]


def coupling(f, x, y):
    """Step 1: f(x) - f(y) = |x - y|."""
    length, _ = way(x, y)
    return _equal(f(x) - f(y), length)


def psi(f, x, y, t):
    """Return psi(t) = f(x_t) - f(x), the critic's change on the way to y."""
    return f(at(x, y, t)) - f(x)


def no_shortcut(f, x, y, s, t):
    """Step 2: |psi(t) - psi(s)| <= |t - s| |x - y|."""
    length, _ = way(x, y)
    change = psi(f, x, y, t) - psi(f, x, y, s)
    return _at_most(change.abs(), (t - s).abs() * length)


def straight(f, x, y, t):
    """Step 3: psi(t) = -t |x - y|."""
    length, _ = way(x, y)
    return _equal(psi(f, x, y, t), -t * length)


def directional(f, x, y, t):
    """Step 4: at h = 0 the derivative of f(x_t + h e) by h is 1."""
    _, e = way(x, y)
    h = torch.zeros_like(t, requires_grad=True)
    ahead = f(at(x, y, t) + h[:, None] * e)
    (derivative,) = torch.autograd.grad(ahead.sum(), h)
    return _equal(derivative, torch.ones_like(t))


def squeeze(f, x, y, t, w):
    """Step 5: |f(x_t + w) - f(x_t) - <e, w>| <= |w|^2 / (2 r).

    r = min(t, 1 - t) |x - y| is how far the nearer end is. w: (k, d), of any size. So
    f is differentiable at x_t, with gradient e.
    """
    length, e = way(x, y)
    x_t, r = at(x, y, t), torch.minimum(t, 1 - t) * length
    error = f(x_t + w) - f(x_t) - (e * w).sum(dim=1)
    return _at_most(error.abs(), w.square().sum(dim=1) / (2 * r))


def pythagoras(f, x, y, t):
    """Step 6: grad f(x_t) = e, because |grad f| <= 1 leaves nothing across."""
    _, e = way(x, y)
    return _equal(gradient(f, at(x, y, t)), e)


class TwoDiracs(NamedTuple):
    """The best penalised critic of two Diracs: its slope towards the real one.

    value: E_P f - E_Q f; objective: value - penalty, its largest possible amount.
    second: the slope of the other local maximum, None where there is none.
    """

    slope: float
    value: float
    penalty: float
    objective: float
    second: float | None


def two_diracs(distance, *, weight=10.0):
    """Return the best critic under the two-sided penalty (chapter 13).

    P and Q are points at this distance d >= 0. Of all critics the best has slope
    1 + d / (2 lambda) between them; at d = 0 slope -1 is as good as 1.
    Among slopes on the line a second local maximum, -1 + d / (2 lambda), exists exactly
    if d < 2 lambda; in R^d, d > 1, it is a saddle.
    """
    d = _checks.number("distance", distance, minimum=0.0)
    weight = _checks.number("weight", weight, above=0.0)
    slope = 1 + d / (2 * weight)
    second = slope - 2 if slope < 2 else None
    value, penalty = d * slope, weight * (slope - 1) ** 2
    return TwoDiracs(slope, value, penalty, value - penalty, second)


def two_diracs_one_sided(distance, *, weight=10.0):
    """Return the best critic under the one-sided penalty: the same, and no second one.

    At distance 0 every slope from -1 to 1 is as good (chapter 13).
    """
    return two_diracs(distance, weight=weight)._replace(second=None)


def dirac_objective(slope, distance, *, weight=10.0):
    """Return J(s) = d s - lambda (|s| - 1)^2, what a critic of slope s gains.

    slope: a number or an array, positive towards the real point (chapter 13).
    """
    slope = np.asarray(slope, dtype=float)
    return distance * slope - weight * (abs(slope) - 1) ** 2


def dirac_objective_one_sided(slope, distance, *, weight=10.0):
    """Return J(s) = d s - lambda max(|s| - 1, 0)^2 (chapter 13)."""
    slope = np.asarray(slope, dtype=float)
    return distance * slope - weight * np.maximum(abs(slope) - 1, 0) ** 2
