"""Networks: shapes, seeds, what a critic may not do, and the mask activations."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wgan_lessons import networks, penalties
from wgan_lessons.duality import lower_extension, upper_extension
from wgan_lessons.networks import (
    MaskLeakyReLU,
    MaskReLU,
    classifier,
    cones,
    dcgan_critic,
    dcgan_generator,
    has_batch_statistics,
    mlp_critic,
    mlp_generator,
    parameter_count,
    resnet_critic,
    resnet_generator,
)

SMALL = st.integers(1, 5)
MAKERS = {
    "mlp_generator": lambda seed: mlp_generator(2, (1, 4, 4), width=4, seed=seed),
    "mlp_critic": lambda seed: mlp_critic((2,), width=4, seed=seed),
    "dcgan_generator": lambda seed: dcgan_generator(3, (1, 8, 8), width=2, seed=seed),
    "dcgan_critic": lambda seed: dcgan_critic((1, 8, 8), width=2, seed=seed),
    "resnet_generator": lambda seed: resnet_generator(3, (1, 8, 8), width=2, seed=seed),
    "resnet_critic": lambda seed: resnet_critic((1, 8, 8), width=2, seed=seed),
    "classifier": lambda seed: classifier(seed=seed),
}
CRITICS = {
    "points": (mlp_critic((2,), width=8), (2,)),
    "images": (mlp_critic((1, 4, 4), width=8), (1, 4, 4)),
    "dcgan": (dcgan_critic((1, 8, 8), width=4), (1, 8, 8)),
    "resnet": (resnet_critic((1, 8, 8), width=4), (1, 8, 8)),
}


def normal(*size, seed=0, dtype=torch.float32):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@examples
@given(
    latent=SMALL, width=SMALL, depth=SMALL, shape=st.lists(SMALL, max_size=3), n=SMALL
)
def test_mlp_shapes_and_sizes(latent, width, depth, shape, n):
    """G: (N, latent) to (N, *shape), D: (N, *shape) to (N,); layers as many as said."""
    shape = shape or [2]
    G = mlp_generator(latent, shape, width=width, depth=depth)
    D = mlp_critic(shape, width=width, depth=depth)
    fake = G(normal(n, latent))
    assert G.latent == latent and fake.shape == (n, *shape)
    assert D(fake).shape == (n,)
    for network, first, last in (
        (G, latent, math.prod(shape)),
        (D, math.prod(shape), 1),
    ):
        sizes = [first, *[width] * depth, last]
        wanted = sum((a + 1) * b for a, b in pairwise(sizes))
        assert parameter_count(network) == wanted
        assert sum(isinstance(m, nn.ReLU) for m in network) == depth


def test_shape_may_be_a_number():
    """shape=3 means points in 3 dimensions."""
    assert mlp_generator(2, 3, width=4)(normal(5, 2)).shape == (5, 3)
    assert mlp_critic(3, width=4)(normal(5, 3)).shape == (5,)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [8, 28, 32])
def test_dcgan_shapes(side, channels):
    """DCGAN: (N, latent) to images in [-1, 1], images to (N,), for sides of 4 k."""
    G = dcgan_generator(5, (channels, side, side), width=2)
    D = dcgan_critic((channels, side, side), width=2)
    images = G(10 * normal(3, 5))
    assert images.shape == (3, channels, side, side) and G.latent == 5
    assert images.abs().max() <= 1
    assert D(images).shape == (3,)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [4, 8, 16, 32])
def test_resnet_shapes(side, channels):
    """ResNet: (N, latent) to images in [-1, 1], images to (N,), for sides of 4 2^k."""
    G = resnet_generator(5, (channels, side, side), width=2)
    D = resnet_critic((channels, side, side), width=2)
    images = G(10 * normal(3, 5))
    assert images.shape == (3, channels, side, side) and G.latent == 5
    assert images.abs().max() <= 1
    assert D(images).shape == (3,)


def test_points_are_free_and_images_are_not():
    """tanh keeps images in [-1, 1]; points may lie anywhere."""
    latents = 1e4 * normal(50, 2)
    assert mlp_generator(2, (1, 4, 4), width=8)(latents).abs().max() <= 1
    assert mlp_generator(2, 2, width=8)(latents).abs().max() > 1


def test_dcgan_has_no_batch_norm_at_its_ends():
    """No BatchNorm on the generator's output, none on the critic's input."""
    G = dcgan_generator(5, width=2)
    D = dcgan_critic(width=2, batch_norm=True)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in G) == 2
    assert isinstance(G[-2], nn.ConvTranspose2d) and isinstance(G[-1], nn.Tanh)
    assert isinstance(D[0], nn.Conv2d) and isinstance(D[1], MaskLeakyReLU)
    plain = [dcgan_generator(5, width=2, batch_norm=False), dcgan_critic(width=2)]
    assert not any(isinstance(m, nn.BatchNorm2d) for net in plain for m in net)


def test_no_bias_stands_before_batch_norm():
    """A layer has a bias or a BatchNorm behind it, never both: one would be idle."""
    for batch_norm in (True, False):
        G = dcgan_generator(5, width=2, batch_norm=batch_norm)
        assert (G[0].bias is None) == batch_norm
        D = dcgan_critic(width=2, batch_norm=batch_norm)
        assert (D[2].bias is None) == batch_norm


@pytest.mark.parametrize("name", MAKERS)
def test_weights_come_from_the_seed_alone(name):
    """The same seed, the same weights; another, others; the global state untouched."""
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = MAKERS[name](3).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again, other = MAKERS[name](3).state_dict(), MAKERS[name](4).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_no_gpu_is_seeded(monkeypatch):
    """Weights are drawn on the CPU: the generators of GPUs are left alone, too."""
    calls = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", calls.append)
    MAKERS["mlp_critic"](3)
    assert calls == []


@pytest.mark.parametrize("name", CRITICS)
def test_a_critic_scores_each_sample_on_its_own(name):
    """Changing one sample changes no other sample's score."""
    critic, shape = CRITICS[name]
    batch = normal(6, *shape)
    scores = critic(batch)
    batch[2] += 10
    changed = critic(batch) != scores
    assert changed.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("name", CRITICS)
def test_a_critic_ends_without_a_sigmoid(name):
    """The score is linear in the last layer: doubled weights, doubled score."""
    critic, shape = CRITICS[name]
    batch = normal(6, *shape)
    before = critic(batch)
    with torch.no_grad():
        for parameter in critic[-2].parameters():
            parameter *= 2
        after = critic(batch)
        for parameter in critic[-2].parameters():
            parameter /= 2
    np.testing.assert_allclose(after, 2 * before.detach(), rtol=1e-5)


def test_batch_statistics_are_seen_where_they_are():
    """`has_batch_statistics` is true iff the scores depend on the rest of the batch."""
    batch = normal(6, 1, 8, 8)
    for batch_norm in (True, False):
        for training in (True, False):
            critic = dcgan_critic((1, 8, 8), width=4, batch_norm=batch_norm)
            critic.train(training)
            alone, beside = critic(batch[:3]), critic(batch)[:3]
            mixed = not torch.allclose(alone, beside)
            assert has_batch_statistics(critic) == mixed == (batch_norm and training)
    # Without running statistics BatchNorm mixes the batch in evaluation, too.
    for running in (True, False):
        norm = nn.BatchNorm2d(1, track_running_stats=running).eval()
        mixed = not torch.allclose(norm(batch[:3]), norm(batch)[:3])
        assert has_batch_statistics(norm) == mixed == (not running)


@pytest.mark.parametrize(
    ("mask", "builtin"),
    [(MaskReLU(), nn.ReLU()), (MaskLeakyReLU(), nn.LeakyReLU(0.2))],
    ids=["relu", "leaky"],
)
def test_mask_activations_are_pytorchs(mask, builtin):
    """Value, gradient and the penalty's gradient are those of (Leaky)ReLU, at 0 too."""
    x = torch.cat([torch.zeros(3), normal(20)]).double()
    torch.testing.assert_close(mask(x), builtin(x), rtol=0, atol=0)
    results = []
    for activation in (mask, builtin):
        layer = mlp_critic(3, width=16, depth=1, seed=1).double()
        critic = nn.Sequential(layer[0], activation, layer[2], nn.Flatten(0))
        points = normal(9, 3, dtype=torch.float64).requires_grad_()
        (slope,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
        (slope.norm(dim=1) - 1).square().mean().backward()
        results.append([slope.detach(), layer[0].weight.grad, layer[2].weight.grad])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-14, atol=1e-15)


def test_a_mask_keeps_the_dtype():
    """float64 stays float64, float32 stays float32."""
    for dtype in (torch.float32, torch.float64):
        x = torch.ones(2, dtype=dtype)
        assert MaskReLU()(x).dtype == MaskLeakyReLU()(x).dtype == dtype


@examples
@given(seed=st.integers(0, 999), n=SMALL, k=SMALL, dim=SMALL, downward=st.booleans())
def test_cones_are_the_torch_twin_of_the_extension(seed, n, k, dim, downward):
    """min_j (|x - c_j| + b_j) = upper_extension(x, c, b), max_j = lower_extension."""
    rng = np.random.default_rng(seed)
    x, c, b = rng.normal(size=(n, dim)), rng.normal(size=(k, dim)), rng.normal(size=k)
    f = cones(c, b, downward=downward)
    twin = lower_extension if downward else upper_extension
    found = f(torch.tensor(x)).detach()
    np.testing.assert_allclose(found, twin(x, c, b), rtol=0, atol=1e-14)
    assert f.centres.dtype == torch.float64 and f.centres.requires_grad


@examples
@given(seed=st.integers(0, 999), downward=st.booleans())
def test_cones_have_slope_one_and_are_1_lipschitz(seed, downward):
    """|grad f| = 1 away from the centres, |f(x) - f(y)| <= |x - y|, for any c and b."""
    f = cones(normal(4, 3, seed=seed), 5 * normal(4, seed=1), downward=downward)
    f, points = f.double(), normal(20, 3, seed=seed + 1, dtype=torch.float64)
    slopes = penalties.slopes(f, points)
    torch.testing.assert_close(slopes, torch.ones_like(slopes), rtol=0, atol=1e-12)
    scores = f(points)
    rise = (scores[:, None] - scores).abs()
    assert (rise <= torch.cdist(points, points) + 1e-12).all()


def test_cones_learn_both_and_score_images():
    """Centres and offsets are parameters; images are flattened; offsets start at 0."""
    f = cones(normal(5, 1, 4, 4))
    assert f(normal(3, 1, 4, 4)).shape == (3,)
    assert parameter_count(f) == 5 * 16 + 5 and f.offsets.abs().sum() == 0
    assert {name for name, _ in f.named_parameters()} == {"centres", "offsets"}
    points = torch.tensor([[1, 2]])
    assert cones(points).centres.dtype == torch.get_default_dtype()
    assert cones(points)(points.float()).tolist() == [0.0]


def test_cones_do_not_share_their_memory():
    """Training changes the module's own copy, never the arrays it was built from."""
    centres, offsets = np.zeros((2, 2)), torch.zeros(2, dtype=torch.float64)
    f = cones(centres, offsets)
    with torch.no_grad():
        f.centres += 1
        f.offsets += 1
    assert not centres.any() and not offsets.any()


def test_the_blocks_are_passed_on():
    """Every name in `networks.__all__` is there, whichever file it stands in."""
    assert all(hasattr(networks, name) for name in networks.__all__)


def test_classifier_has_64_features():
    """(N, 1, 8, 8) to logits (N, classes); all but the last layer gives 64 features."""
    network = classifier(classes=7)
    images = normal(4, 1, 8, 8)
    assert network(images).shape == (4, 7)
    assert network[:-1](images).shape == (4, 64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mlp_generator(0, 2), "latent must be a whole number of at least 1"),
        (lambda: mlp_generator(2, (0,)), "every size in shape must be a whole number"),
        (lambda: mlp_generator(2, 2, width=0), "width must be a whole number"),
        (lambda: mlp_critic(2, depth=0), "depth must be a whole number"),
        (lambda: mlp_critic(2, width=3.5), "width must be a whole number.*got 3.5"),
        (lambda: mlp_critic(2, seed=-1), "seed must be a whole number"),
        (
            lambda: dcgan_generator(5, (1, 30, 30)),
            "side divisible by 4; got .1, 30, 30",
        ),
        (lambda: dcgan_critic((1, 8, 12)), "side divisible by 4; got .1, 8, 12"),
        (lambda: dcgan_critic((8, 8)), "shape must be .channels, side, side."),
        (lambda: dcgan_critic(28), "shape must be .channels, side, side."),
        (lambda: resnet_generator(5, (3, 12, 12)), "4 times a power of 2; got 12"),
        (lambda: resnet_critic((1, 28, 28)), "4 times a power of 2; got 28"),
        (lambda: cones([[0.0]], [1.0, 2.0]), "offsets must hold one number a point"),
        (lambda: classifier(1), "classes must be a whole number of at least 2"),
    ],
)
def test_bad_input(call, message):
    """A size that no network can have is refused, with what came."""
    with pytest.raises(ValueError, match=message):
        call()
