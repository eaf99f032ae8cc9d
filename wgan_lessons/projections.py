"""Projections: what is done to the critic's weights after its step."""

import numpy as np
import torch
from torch import nn

from wgan_lessons import _checks
from wgan_lessons.networks import MaskLeakyReLU, MaskReLU

# Parts of a critic that enlarge no difference, in l1, l2 and l_inf alike.
_STRETCH_NOTHING = (
    *(nn.Flatten, nn.Identity, nn.ReLU, nn.Tanh, nn.Unflatten),
    *(MaskLeakyReLU, MaskReLU),
)


@torch.no_grad()
def clip_weights(critic, *, bound=0.01):
    """Put every weight back into [-bound, bound] (chapter 11, Algorithm 1, line 7).

    It bounds the Lipschitz constant by a product over layers that nobody knows
    exactly: f is K-Lipschitz for some K, not 1-Lipschitz. Raises ValueError unless
    bound > 0. Source: Arjovsky, Chintala and Bottou 2017.
    """
    _checks.number("bound", bound, above=0.0)
    torch._foreach_clamp_min_(list(critic.parameters()), -bound)
    torch._foreach_clamp_max_(list(critic.parameters()), bound)


@torch.no_grad()
def clip_layers(critic, *, norm="l2"):
    """Clip each layer at 1/m, so that the critic is 1-Lipschitz (chapter 12).

    norm "l2" or "linf": m = fan_in. An output is then a sum of m inputs with weights
    up to 1/m and changes by at most the largest change of an input, so |f(x) - f(y)|
    <= |x - y|_inf <= |x - y|_2. norm "l1": m = fan_out. An input then adds at most its
    own change to the sum of all outputs' changes: |f(x) - f(y)| <= |x - y|_1. Biases
    stay. Raises ValueError for other norms, or a critic that `weight_layers` refuses.
    """
    _checks.one_of("norm", norm, ("l1", "l2", "linf"))
    for layer in weight_layers(critic):
        weight = layer.weight
        fan = weight[:, 0].numel() if norm == "l1" else weight[0].numel()
        weight.clamp_(-1 / fan, 1 / fan)


@torch.no_grad()
def spectral(critic):
    """Put each matrix W = U S V^T at U min(S, 1) V^T: no singular value above 1.

    It is the nearest such matrix, found by an exact decomposition (no power
    iteration), and makes the critic 1-Lipschitz in l2 (chapter 12). Spectral
    normalisation divides W by its largest singular value instead, and so shrinks every
    direction. Raises ValueError for convolutions, whose norm is not their kernel's,
    and as `weight_layers`. Source of the idea: Miyato et al. 2018.
    """
    layers = weight_layers(critic)
    _checks.only_linear("critic", [type(layer).__name__ for layer in layers])
    for layer in layers:
        U, S, Vh = torch.linalg.svd(layer.weight, full_matrices=False)
        # Only the excess goes, so that a matrix inside stays as it is, bit for bit.
        layer.weight -= (U * (S - 1).clamp(min=0)) @ Vh


@torch.no_grad()
def layer_norms(critic):
    """Return how much each layer stretches in l2 at most, an array (layers,).

    Linear: its largest singular value. Conv2d: sqrt(its l1 norm times its l_inf norm),
    which is above its l2 norm. Their product is an upper bound of the critic's
    Lipschitz constant (chapter 12). Raises ValueError as `weight_layers`.
    """
    norms = []
    for layer in weight_layers(critic):
        weight = layer.weight.double()
        if type(layer) is nn.Linear:
            norms.append(float(torch.linalg.matrix_norm(weight, ord=2)))
        else:
            sizes = weight.abs()
            rows = sizes.flatten(1).sum(1).max()
            columns = sizes.transpose(0, 1).flatten(1).sum(1).max()
            norms.append(float((rows * columns).sqrt()))
    return np.array(norms)


def weight_layers(critic):
    """Return a critic's Linear and Conv2d layers, if its other parts stretch nothing.

    Those are Flatten, Unflatten, Identity, Tanh and (Leaky)ReLUs, all in one
    `torch.nn.Sequential`. Raises ValueError for anything else: nothing would be proven.
    """
    _checks.known_layers("critic", {type(p).__name__ for p in _unknown(critic)})
    return [part for part in _parts(critic) if type(part) in (nn.Linear, nn.Conv2d)]


def has_known_layers(critic):
    """Return whether `weight_layers` takes this critic."""
    return not _unknown(critic)


def _parts(critic):
    return list(critic) if type(critic) is nn.Sequential else [critic]


def _unknown(critic):
    return [part for part in _parts(critic) if not _is_known(part)]


def _is_known(part):
    if type(part) is nn.Conv2d:
        return part.padding_mode == "zeros"
    if type(part) is nn.LeakyReLU:
        return abs(part.negative_slope) <= 1
    return type(part) in (nn.Linear, *_STRETCH_NOTHING)
