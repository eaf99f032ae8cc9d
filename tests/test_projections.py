"""Clipping is the projection onto a box of weights."""

import math

import numpy as np
import pytest
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st

from wgan_lessons.networks import dcgan_critic, mlp_critic
from wgan_lessons.projections import clip_weights

BOUNDS = st.floats(1e-3, 2.0)


def flat(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@examples
@given(BOUNDS, st.integers(0, 50))
def test_clipping_is_the_projection(bound, seed):
    """Every weight and bias goes to the nearest number in [-c, c]; twice is once."""
    critic = mlp_critic(2, width=8, seed=seed).double()
    before = flat(critic)
    clip_weights(critic, bound=bound)
    nearest = np.clip(before.numpy(), -bound, bound)
    np.testing.assert_array_equal(flat(critic), nearest)
    once = flat(critic)
    clip_weights(critic, bound=bound)
    assert torch.equal(once, flat(critic))


@examples
@given(BOUNDS, st.integers(0, 50))
def test_clipped_critic_is_lipschitz(bound, seed):
    """|f(x) - f(y)| <= c n_0 (c n)^depth max |x - y|: some K, seldom 1."""
    width, depth = 6, 2
    critic = mlp_critic(3, width=width, depth=depth, seed=seed).double()
    clip_weights(critic, bound=bound)
    points = torch.randn(
        2, 20, 3, generator=torch.Generator().manual_seed(seed)
    ).double()
    rise = (critic(points[0]) - critic(points[1])).abs()
    way = (points[0] - points[1]).abs().max(1).values
    assert (rise <= bound * 3 * (bound * width) ** depth * way + 1e-12).all()


def test_clipping_is_in_place_and_without_gradient():
    """The optimiser's tensors stay the same; autograd records nothing."""
    critic = dcgan_critic((1, 8, 8), width=2)
    weights = list(critic.parameters())
    places = [w.data_ptr() for w in weights]
    clip_weights(critic)
    assert all(a is b for a, b in zip(weights, critic.parameters(), strict=True))
    assert [w.data_ptr() for w in weights] == places
    assert all(w.grad_fn is None and w.requires_grad for w in weights)
    assert flat(critic).abs().max() <= 0.01


@pytest.mark.parametrize("bound", [0, -0.01, math.nan, math.inf, "0.01", None, True])
def test_bad_bound(bound):
    """A bound must be a finite number above 0."""
    with pytest.raises(ValueError, match="bound must be a finite number above 0; got"):
        clip_weights(mlp_critic(2, width=4), bound=bound)
