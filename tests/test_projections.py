"""Clipping projects onto a box of weights; what projections prove of the critic."""

import math

import numpy as np
import pytest
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wgan_lessons import projections
from wgan_lessons.networks import dcgan_critic, mlp_critic, resnet_critic
from wgan_lessons.projections import clip_layers, clip_weights, spectral

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


# Layer by layer: 1-Lipschitz by theorem.


def matrix_of(layer, shape):
    """The matrix of a layer's linear part, column by column, from its own output."""
    basis = torch.eye(math.prod(shape), dtype=torch.float64).reshape(-1, *shape)
    with torch.no_grad():
        return (layer(basis) - layer(torch.zeros_like(basis))).flatten(1).T.numpy()


def rises(critic, shape, seed, size=3.0):
    """|f(x) - f(y)| and x - y for 40 random pairs."""
    rng = torch.Generator().manual_seed(seed)
    x, y = size * torch.randn(2, 40, *shape, generator=rng, dtype=torch.float64)
    with torch.no_grad():
        return (critic(x) - critic(y)).abs().numpy(), (x - y).flatten(1).numpy()


def grown(critic, seed):
    """The critic with weights far out of every bound, in float64."""
    rng = torch.Generator().manual_seed(seed)
    critic = critic.double()
    with torch.no_grad():
        for weight in critic.parameters():
            weight += 5 * torch.randn(weight.shape, generator=rng, dtype=torch.float64)
    return critic


@examples
@given(st.sampled_from(["l2", "linf", "l1"]), st.integers(0, 50), st.integers(1, 4))
def test_layers_clipped_by_their_fan_are_one_lipschitz(norm, seed, depth):
    """|f(x) - f(y)| <= |x - y| in the norm asked for; 1/fan_in gives l2 and l_inf."""
    critic = grown(mlp_critic(3, width=6, depth=depth, seed=seed), seed)
    clip_layers(critic, norm=norm)
    rise, way = rises(critic, (3,), seed)
    orders = [1] if norm == "l1" else [2, np.inf]
    for order in orders:
        assert (rise <= np.linalg.norm(way, order, axis=1) + 1e-12).all()


@pytest.mark.parametrize("norm", ["l2", "linf", "l1"])
def test_convolutions_are_clipped_by_their_fan_too(norm):
    """A convolution is a sparse matrix: its fans count the entries a row or column."""
    critic = grown(dcgan_critic((1, 8, 8), width=2), 0)
    clip_layers(critic, norm=norm)
    rise, way = rises(critic, (1, 8, 8), 0)
    order = {"l2": 2, "linf": np.inf, "l1": 1}[norm]
    assert (rise <= np.linalg.norm(way, order, axis=1) + 1e-12).all()
    matrix = matrix_of(critic[0], (1, 8, 8))
    axis = 0 if norm == "l1" else 1
    assert np.abs(matrix).sum(axis).max() <= 1 + 1e-12


@pytest.mark.parametrize(("norm", "order"), [("linf", np.inf), ("l1", 1)])
def test_the_bounds_are_reached(norm, order):
    """All weights at their bound and one direction: the rise is the way, no less."""
    critic = mlp_critic(3, width=4, depth=2).double()
    with torch.no_grad():
        for weight in critic.parameters():
            weight.fill_(9.0)
    clip_layers(critic, norm=norm)
    x = torch.ones(1, 3, dtype=torch.float64)
    rise = float((critic(2 * x) - critic(x)).detach())
    assert rise == pytest.approx(np.linalg.norm(x.numpy()[0], order))


@examples
@given(st.integers(0, 50), st.sampled_from(["l1", "linf"]))
def test_clip_layers_is_the_projection(seed, norm):
    """Each weight goes to the nearest number of its layer's interval; biases stay."""
    critic = grown(mlp_critic(3, width=4, depth=2, seed=seed), seed)
    before = {name: p.detach().clone() for name, p in critic.named_parameters()}
    clip_layers(critic, norm=norm)
    for name, after in critic.named_parameters():
        nearest = before[name].numpy()
        if name.endswith("weight"):
            fan = nearest.shape[0 if norm == "l1" else 1]
            nearest = np.clip(nearest, -1 / fan, 1 / fan)
        np.testing.assert_array_equal(after.detach(), nearest)


@examples
@given(st.integers(0, 50), st.integers(1, 4), st.floats(0.2, 3))
def test_spectral_takes_the_nearest_matrix_of_norm_one(seed, depth, size):
    """U min(S, 1) V^T; no other matrix of norm <= 1 is nearer (first-order test).

    W' is nearest iff <W - W', Z - W'> <= 0 for all Z with singular values <= 1. The
    left side is largest at Z = U V^T of W - W', where <W - W', Z> is its nuclear norm.
    """
    critic = mlp_critic(3, width=6, depth=depth, seed=seed).double()
    with torch.no_grad():
        for weight in critic.parameters():
            weight *= 4 * size
    layers = projections.weight_layers(critic)
    before = [layer.weight.detach().clone().numpy() for layer in layers]
    spectral(critic)
    for layer, W in zip(layers, before, strict=True):
        after = layer.weight.detach().numpy()
        assert np.linalg.norm(after, 2) <= 1 + 1e-12
        rest = W - after
        gap = np.linalg.norm(rest, "nuc") - (rest * after).sum()
        assert abs(gap) <= 1e-9 * max(1, np.linalg.norm(W) ** 2)
        if np.linalg.norm(W, 2) <= 1:
            np.testing.assert_array_equal(after, W)
    rise, way = rises(critic, (3,), seed)
    assert (rise <= np.linalg.norm(way, axis=1) + 1e-12).all()


@examples
@given(st.integers(0, 50), st.integers(1, 5))
def test_norms_of_linear_layers(seed, depth):
    """A Linear layer stretches by its largest singular value, NumPy's 2-norm."""
    critic = mlp_critic(4, width=5, depth=depth, seed=seed).double()
    expected = [
        np.linalg.norm(layer.weight.detach().numpy(), 2)
        for layer in projections.weight_layers(critic)
    ]
    np.testing.assert_allclose(projections.layer_norms(critic), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("groups", [1, 2])
def test_norms_of_convolutions_are_upper_bounds(seed, groups):
    """sqrt(|A|_1 |A|_inf) is at least the 2-norm of the convolution's own matrix A."""
    layer = grown(nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=groups), seed)
    exact = np.linalg.norm(matrix_of(layer, (2, 6, 6)), 2)
    bound = projections.layer_norms(nn.Sequential(layer))[0]
    assert exact <= bound * (1 + 1e-12)
    assert bound <= 20 * exact


def test_only_weights_change_and_in_place():
    """The optimiser's tensors stay; biases are no matter of slopes."""
    for project in (clip_layers, spectral):
        critic = mlp_critic(2, width=8, depth=2)
        with torch.no_grad():
            for weight in critic.parameters():
                weight.fill_(7.0)
        places = [w.data_ptr() for w in critic.parameters()]
        project(critic)
        assert [w.data_ptr() for w in critic.parameters()] == places
        assert all((m.bias == 7).all() for m in projections.weight_layers(critic))
        assert all(w.grad_fn is None and w.requires_grad for w in critic.parameters())


@pytest.mark.parametrize(
    "critic",
    [
        resnet_critic((1, 8, 8), width=4),
        dcgan_critic((1, 8, 8), width=2, batch_norm=True),
        nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 1), nn.Flatten(0)),
        nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(2.0), nn.Linear(3, 1)),
        nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")),
        "no network",
    ],
    ids=["resnet", "BatchNorm", "GELU", "steep", "circular", "text"],
)
@pytest.mark.parametrize("project", [clip_layers, spectral, projections.layer_norms])
def test_nothing_is_claimed_of_unknown_parts(critic, project):
    """A proof covers the layers it names; BatchNorm, say, divides by a data's scale."""
    assert not projections.has_known_layers(critic)
    with pytest.raises(ValueError, match="critic must be a torch.nn.Sequential of"):
        project(critic)


def test_bad_norm_and_convolutions_for_spectral():
    with pytest.raises(ValueError, match="unknown norm 'l3'. Choose one of: l1, l2"):
        clip_layers(mlp_critic(2, width=3), norm="l3")
    with pytest.raises(ValueError, match="Linear layers only; got Conv2d. Use"):
        spectral(dcgan_critic((1, 8, 8), width=2))


def test_clipping_to_the_letter_clips_batch_norm_scales():
    """Every parameter is put into [-c, c], a BatchNorm's scale of 1 as well."""
    critic = dcgan_critic((1, 8, 8), width=2, batch_norm=True)
    (norm,) = (m for m in critic if isinstance(m, nn.BatchNorm2d))
    assert (norm.weight == 1).all()
    clip_weights(critic)
    np.testing.assert_array_equal(norm.weight.detach(), np.float32(0.01))
