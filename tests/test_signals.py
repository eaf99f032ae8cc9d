"""The gradient's way back: chain rule, singular values, what random signs predict."""

import copy

import numpy as np
import pytest
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wgan_lessons import penalties, signals
from wgan_lessons.networks import dcgan_critic, mlp_critic, seeded
from wgan_lessons.projections import clip_weights

SEEDS = st.integers(0, 100)
SMALL = st.integers(1, 6)


def points(n, dim, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, dim, generator=rng, dtype=torch.float64)


def leaky(width, seed):
    def build():
        layers = [nn.Linear(3, width), nn.LeakyReLU(0.3), nn.Linear(width, 1)]
        return nn.Sequential(*layers, nn.Flatten(0)).double()

    return seeded(build, seed)


def by_hand(critic, x):
    """g_L = 1 and g_{l-1} = W_l^T D_l g_l for one sample, in a loop of NumPy."""
    layers = [m for m in critic if isinstance(m, nn.Linear)]
    slopes = [getattr(m, "negative_slope", 0.0) for m in critic if not _linear(m)]
    Ws = [m.weight.detach().numpy() for m in layers]
    bs = [m.bias.detach().numpy() for m in layers]
    h, masks = x.numpy(), []
    for W, b, slope in zip(Ws, bs, slopes, strict=True):
        z = W @ h + b
        masks.append(np.ones(1) if W is Ws[-1] else np.where(z > 0, 1.0, slope))
        h = masks[-1] * z
    g, delta = [np.ones(1)], []
    for W, mask in zip(Ws[::-1], masks[::-1], strict=True):
        delta.insert(0, mask * g[0])
        g.insert(0, W.T @ delta[0])
    return g, delta, Ws


def _linear(module):
    return isinstance(module, nn.Linear)


@examples
@given(SEEDS, SMALL, SMALL)
def test_gradients_are_the_chain_rule(seed, width, depth):
    """g_{l-1} = W_l^T D_l g_l with g_L = 1, for every sample and layer."""
    critic = mlp_critic(3, width=width, depth=depth, seed=seed).double()
    x = points(4, 3, seed)
    found = signals.gradients(critic, x)
    for sample in range(4):
        g, delta, _ = by_hand(critic, x[sample])
        for ours, theirs in zip(found.g, g, strict=True):
            np.testing.assert_allclose(ours[sample], theirs, atol=1e-12)
        for ours, theirs in zip(found.delta, delta, strict=True):
            np.testing.assert_allclose(ours[sample].detach(), theirs, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_leaky_units_pass_a_part(seed):
    """A LeakyReLU of slope 0.3 multiplies the gradient of negative units by 0.3."""
    critic, x = leaky(5, seed), points(6, 3, seed)
    found = signals.gradients(critic, x)
    for sample in range(6):
        g, _, _ = by_hand(critic, x[sample])
        np.testing.assert_allclose(found.g[0][sample], g[0], atol=1e-12)


@examples
@given(SEEDS, SMALL)
def test_the_first_norm_is_the_slope(seed, depth):
    """g_0 is grad f(x): its size is what the penalty measures."""
    critic = mlp_critic(3, width=7, depth=depth, seed=seed).double()
    x = points(20, 3, seed)
    slope = penalties.slopes(critic, x).detach()
    signal = signals.signal(critic, x)
    assert signal.norms[0] == pytest.approx(float(slope.square().mean().sqrt()))
    assert signal.norms[-1] == 1
    assert signal.norms.shape == (depth + 2,)
    assert {x.shape for x in signal[1:]} == {(depth + 1,)}


@examples
@given(SEEDS, st.integers(2, 12))
def test_factors_by_singular_values(seed, width):
    """factor^2 = sum_k s_k^2 cos_k^2, so s_1 aligned <= factor <= s_1 sqrt(a)."""
    critic = mlp_critic(3, width=width, depth=3, seed=seed).double()
    x = points(15, 3, seed)
    signal = signals.signal(critic, x)
    found = signals.gradients(critic, x)
    Ws = by_hand(critic, x[0])[2]
    for layer, W in enumerate(Ws):
        P, s, _ = np.linalg.svd(W, full_matrices=False)
        Dg, g = found.delta[layer].detach().numpy(), found.g[layer + 1].numpy()
        squares = (s * (Dg @ P)) ** 2
        size = (g**2).sum()
        if size == 0:  # every unit of the layer is dead
            assert np.isnan(signal.factors[layer])
            continue
        factor = signal.factors[layer]
        assert factor**2 == pytest.approx(squares.sum() / size, rel=1e-9, abs=1e-24)
        assert signal.singular[layer] == pytest.approx(s[0], rel=1e-7)
        rest = s[1] if len(s) > 1 else 0
        assert signal.second[layer] == pytest.approx(rest, rel=1e-7, abs=1e-7)
        assert signal.active[layer] == pytest.approx((Dg**2).sum() / size)
        assert s[0] * signal.aligned[layer] <= factor * (1 + 1e-7) + 1e-12
        assert factor <= s[0] * np.sqrt(signal.active[layer]) * (1 + 1e-7) + 1e-12


@examples
@given(SEEDS, st.integers(1, 40), st.integers(1, 40), st.floats(0.01, 3))
def test_random_signs_by_hand(seed, n_out, n_in, c):
    """rms(W) sqrt(n_in a): with all weights at +-c and a = 1/2 it is c sqrt(n_in/2)."""
    signs = np.random.default_rng(seed).choice([-c, c], size=(n_out, n_in))
    assert signals.random_signs(signs) == pytest.approx(c * np.sqrt(n_in / 2))
    assert signals.random_signs(signs, active=1) == pytest.approx(c * np.sqrt(n_in))


def test_random_signs_hold_in_the_mean_square():
    """E |W^T v|^2 = n_in sigma^2 |v|^2 for signs of mean zero; 4,000 draws, 5 errors.

    The variance of |W^T v|^2 is 2 n_in sigma^4 (|v|^4 - sum v^4), by hand.
    """
    rng, n_out, n_in, c, draws = np.random.default_rng(0), 9, 16, 0.3, 4000
    v = rng.normal(size=n_out)
    W = rng.choice([-c, c], size=(draws, n_out, n_in))
    found = ((v @ W) ** 2).sum(1).mean()
    exact = signals.random_signs(W[0], active=1) ** 2 * (v @ v)
    spread = np.sqrt(2 * n_in * c**4 * ((v @ v) ** 2 - (v**4).sum()) / draws)
    assert abs(found - exact) < 5 * spread
    biased = c * (2 * (rng.random((draws, n_out, n_in)) < 0.6) - 1)
    found = ((np.ones(n_out) @ biased) ** 2).sum(1).mean()
    assert found > 1.2 * n_in * c**2 * n_out  # 60% plus signs already break it


@examples
@given(SEEDS, st.integers(2, 20), st.floats(0.01, 1))
def test_rank_one_alone_explodes_nothing(seed, n, c):
    """W = c s r^T multiplies by c sqrt(n) |<s, v>|/|v|: c n only if v agrees with s."""
    rng = np.random.default_rng(seed)
    s, r = rng.choice([-1.0, 1.0], size=(2, n))
    W, v = c * np.outer(s, r), rng.normal(size=n)
    factor = np.linalg.norm(W.T @ v) / np.linalg.norm(v)
    assert factor == pytest.approx(c * np.sqrt(n) * abs(s @ v) / np.linalg.norm(v))
    agreeing = np.abs(v) * s
    top = np.linalg.norm(W.T @ agreeing) / np.linalg.norm(agreeing)
    assert top <= c * n * (1 + 1e-12)
    assert np.linalg.norm(W.T @ s) / np.linalg.norm(s) == pytest.approx(c * n)
    across = np.r_[s[1], -s[0], np.zeros(n - 2)]  # orthogonal to s: nothing comes back
    assert np.linalg.norm(W.T @ across) < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_a_clipped_deep_critic_obeys_the_law(seed):
    """Clipped initial weights have random signs: c sqrt(n/2) within 15%, 10 layers."""
    critic = mlp_critic(2, width=128, depth=11, seed=seed)
    clip_weights(critic, bound=0.001)
    signal = signals.signal(critic, points(200, 2))
    inner = slice(1, -1)
    mean = np.exp(np.log(signal.factors[inner]).mean())
    assert mean == pytest.approx(0.001 * np.sqrt(64), rel=0.15)
    np.testing.assert_allclose(signal.law[inner], signal.factors[inner], rtol=0.3)
    assert signal.norms[0] < 1e-20  # far below what float32 could square


def test_the_law_in_signal_is_the_function():
    """`law` is `random_signs` with the share that was measured."""
    critic = mlp_critic(2, width=9, depth=2).double()
    signal = signals.signal(critic, points(30, 2))
    matrices = [m.weight.detach() for m in critic if _linear(m)]
    for W, active, law in zip(matrices, signal.active, signal.law, strict=True):
        assert law == pytest.approx(signals.random_signs(W, active=active))


def test_looking_changes_nothing():
    """The critic keeps its dtype, its weights and its lack of gradients."""
    critic = mlp_critic(2, width=5, depth=2)
    before = copy.deepcopy(critic.state_dict())
    critic.requires_grad_(False)  # a frozen critic can be looked at, too
    signals.signal(critic, points(5, 2).float())
    for name, weight in critic.named_parameters():
        assert weight.grad is None and not weight.requires_grad
        assert torch.equal(weight, before[name]) and weight.dtype == torch.float32


def test_dead_layers_give_nan_and_no_warning():
    """Where no gradient arrives, 0/0 is NaN: no factor is claimed."""
    critic = mlp_critic(2, width=4, depth=3).double()
    with torch.no_grad():
        critic[2].weight.zero_()
        critic[2].bias.fill_(-1)
    signal = signals.signal(critic, points(5, 2))
    assert np.isnan(signal.factors[0]) and signal.factors[1] == 0
    assert signal.norms[:2].tolist() == [0, 0]


def test_images_are_flattened():
    """A critic of images has its pixels as layer 0."""
    critic = mlp_critic((1, 4, 4), width=6, depth=2)
    images = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    assert signals.gradients(critic, images).g[0].shape == (3, 16)


@examples
@given(SEEDS, st.floats(1e-3, 0.5))
def test_shares_by_hand(seed, bound):
    """The share of weights that clipping has put at +-c; biases do not count."""
    critic = mlp_critic(2, width=8, depth=2, seed=seed)
    flat = np.concatenate(
        [p.detach().ravel() for p in critic.parameters() if p.ndim > 1]
    )
    expected = (np.abs(flat) >= np.float32(bound)).mean()
    clip_weights(critic, bound=bound)
    assert signals.share_at_bound(critic, bound=bound) == pytest.approx(expected)
    np.testing.assert_array_equal(signals.weights(critic), np.clip(flat, -bound, bound))


@pytest.mark.parametrize("critic", [dcgan_critic((1, 8, 8), width=2), len, 3])
def test_other_critics_are_refused(critic):
    with pytest.raises(ValueError, match="critic must be Linear layers with"):
        signals.signal(critic, points(2, 64))


def test_bad_bounds_and_critics():
    with pytest.raises(ValueError, match="bound must be a finite number above 0"):
        signals.share_at_bound(mlp_critic(2, width=3), bound=0)
    with pytest.raises(ValueError, match="critic must be a torch"):
        signals.weights("critic")
