"""Penalties on the critic's slope, added to its loss.

A penalty is called as penalty(critic, real, fake, rng) and returns a scalar tensor.
"""

import torch

from wgan_lessons import _checks


def between(real, fake, rng):
    """Return x_t = (1 - t) x + t y, one uniform t a sample (chapter 13).

    real, fake: (N, ...) of the same shape; rng: `torch.Generator` on their device.
    Raises ValueError where the shapes differ.
    """
    _checks.same_shape("real", real, "fake", fake)
    t = torch.rand(len(real), generator=rng, device=real.device, dtype=real.dtype)
    return torch.lerp(real, fake, t.view(-1, *[1] * (real.dim() - 1)))


def slopes(critic, points):
    """Return |grad f| at each point, (N,): the norm over all axes of one sample.

    Exact where each sample is scored on its own (no BatchNorm). The result can be
    differentiated once more, with gradient 0 where the norm is 0.
    """
    points = points.detach().requires_grad_()
    scores = critic(points)
    _checks.scores("the critic", scores, len(points))
    (gradient,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1)


def gradient_penalty(critic, real, fake, rng, *, weight=10.0):
    """Return weight * E (|grad f(x_t)| - 1)^2 on segments between real and fake.

    0 if and only if every sampled slope is 1. Source: Gulrajani et al. 2017,
    Algorithm 1; chapter 14.
    """
    return weight * (slopes(critic, between(real, fake, rng)) - 1).square().mean()


def one_sided_penalty(critic, real, fake, rng, *, weight=10.0):
    """Return weight * E max(|grad f(x_t)| - 1, 0)^2: only slopes above 1 are punished.

    Source: the variant that Gulrajani et al. 2017 discuss in section 4.
    """
    excess = (slopes(critic, between(real, fake, rng)) - 1).clamp(min=0)
    return weight * excess.square().mean()
