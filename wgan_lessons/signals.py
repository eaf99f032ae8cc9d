"""What happens to a critic's gradient on its way back through the layers (chapter 12).

With z_l = W_l h_{l-1} + b_l, h_l = D_l z_l and h_0 = x, the gradient by the
activations h_l is g_l, and g_{l-1} = W_l^T D_l g_l. (Gradients by *weights* multiply it
by what came forward, and hide what happens.) All is computed on the CPU in float64: a
gradient of 1e-26 is a number there, and so is its square.
"""

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import leaky_relu

from wgan_lessons import _checks, fast


class Gradients(NamedTuple):
    """g: gradients by h_0, ..., h_L, each (N, n_l); delta: by z_1, ..., z_L."""

    g: list
    delta: list


class Signal(NamedTuple):
    """The gradient in each layer, as root mean squares over points.

    norms (L + 1,): |g_0|, ..., |g_L|; the last is 1. For layers 1 to L, each (L,):
    factors |g_{l-1}|/|g_l|; active, the share a of |g_l|^2 that D_l lets pass; law,
    what `random_signs` predicts; singular, the largest singular value s_1; second, the
    next one (0 for a row); aligned |<p_1, D_l g_l>|/|g_l|, p_1 the left singular
    vector. s_1 aligned <= factor <= s_1 sqrt(a). NaN where no gradient arrives.
    """

    norms: np.ndarray
    factors: np.ndarray
    active: np.ndarray
    law: np.ndarray
    singular: np.ndarray
    second: np.ndarray
    aligned: np.ndarray


def gradients(critic, points):
    """Return the gradients of the scores by all activations, sample by sample.

    points: (N, ...). Raises ValueError unless the critic is a plain one: Linear layers
    with (Leaky)ReLUs between them, as `networks.mlp_critic` makes it.
    """
    layers = _layers(critic)
    hs = [points.detach().to("cpu", torch.float64).flatten(1).requires_grad_()]
    zs = []
    for linear, slope in layers:
        zs.append(linear(hs[-1]))
        hs.append(leaky_relu(zs[-1], slope))
    score = hs[-1].sum()
    g = torch.autograd.grad(score, hs, retain_graph=True)
    return Gradients(list(g), list(torch.autograd.grad(score, zs)))


def random_signs(weight, *, active=0.5):
    """Return rms(W) sqrt(n_in a), a layer's factor if its signs are random.

    Exact in the mean square for independent weights of mean zero and one variance that
    know nothing of g. weight: (n_out, n_in), so n_in is the width at which the gradient
    arrives; a: the share of |g|^2 on active units. With all weights at +-c and a = 1/2:
    c sqrt(n/2).
    """
    weight = _checks.array("weight", weight, ndim=2)
    active = _checks.number("active", active, minimum=0.0)
    return float(np.sqrt((weight**2).mean() * weight.shape[1] * active))


@torch.no_grad()
def signal(critic, points):
    """Return a `Signal`: the gradient's size in each layer, and why it is that.

    points: (N, ...), the samples that are averaged over. Raises as `gradients`.
    """
    with torch.enable_grad():
        g, delta = gradients(critic, points)
    matrices = [linear.weight for linear, _ in _layers(critic)]
    tops = [_leading(matrix) for matrix in matrices]
    norms, passed = _rms(g), _rms(delta)
    along = _rms([d @ top.direction for d, top in zip(delta, tops, strict=True)])
    with np.errstate(invalid="ignore"):
        factors, active, aligned = np.array([norms[:-1], passed, along]) / norms[1:]
    law = active * [random_signs(matrix, active=1.0) for matrix in matrices]
    singular, second = np.array([(top.first, top.second) for top in tops]).T
    return Signal(norms, factors, active**2, law, singular, second, aligned)


def weights(critic):
    """Return all entries of the critic's weight matrices, without biases, in a row."""
    _checks.first_weight("critic", critic)
    matrices = [p.detach().flatten() for p in critic.parameters() if p.dim() > 1]
    return torch.cat(matrices)


def share_at_bound(critic, *, bound):
    """Return the share of the weights (biases aside) that lie at +-bound, in [0, 1].

    What is beyond the bound counts too. Raises ValueError unless bound > 0.
    """
    bound = _checks.number("bound", bound, above=0.0)
    # The bound is rounded to the weights' precision when they are clipped.
    return float((weights(critic).abs() >= bound * (1 - 1e-6)).double().mean())


def _layers(critic):
    double = critic
    if isinstance(critic, torch.nn.Module):
        double = copy.deepcopy(critic).to("cpu", torch.float64).requires_grad_()
    layers = fast.plain_layers(double)
    _checks.plain_critic("critic", critic, layers)
    return layers


class _Leading(NamedTuple):
    first: float
    second: float
    direction: torch.Tensor


def _leading(matrix):
    # s_1, s_2 and p_1 (n, 1): of W W^T, which is quicker than a full decomposition.
    squares, directions = torch.linalg.eigh(matrix @ matrix.T)
    second, first = [0.0, *squares.clamp(min=0).sqrt().tolist()][-2:]
    return _Leading(first, second, directions[:, -1:])


def _rms(tensors):
    # For each layer the root mean square over samples of the Euclidean norm.
    squares = [float(x.square().sum() / len(x)) for x in tensors]
    return np.sqrt(squares)
