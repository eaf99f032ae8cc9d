"""Generators, critics and a small classifier.

A generator maps latents (N, latent) to samples; it carries its latent size as
`.latent`. A critic maps samples (N, ...) to scores (N,). A discriminator is the same
network: its sigmoid stands in the loss, which takes logits.

Initial weights come from `seed` alone; PyTorch's global generator is left as it was.
"""

import math

import torch
from torch import nn

from wgan_lessons import _checks
from wgan_lessons._blocks import (
    Cones,
    Generator,
    MaskLeakyReLU,
    MaskReLU,
    Residual,
    check_image,
    check_sizes,
    count_doublings,
    hidden_layers,
    seeded,
)

__all__ = [
    "Cones", "Generator", "MaskLeakyReLU", "MaskReLU", "Residual", "classifier",
    "cones", "dcgan_critic", "dcgan_generator", "has_batch_statistics", "mlp_critic",
    "mlp_generator", "parameter_count", "resnet_critic", "resnet_generator", "seeded",
]  # fmt: skip


def mlp_generator(latent, shape, *, width=512, depth=3, seed=0):
    """Return a ReLU network: latent -> depth x width -> shape.

    shape: a sample's shape, (2,) for points or (1, 8, 8) for images, whose values a
    final tanh keeps in [-1, 1]. Raises ValueError for sizes below 1.
    """
    shape = check_sizes(shape, latent=latent, width=width, depth=depth)

    def build():
        layers = [
            *hidden_layers(latent, width, depth),
            nn.Linear(width, math.prod(shape)),
        ]
        if len(shape) > 1:
            layers += [nn.Tanh(), nn.Unflatten(1, shape)]
        return Generator(latent, *layers)

    return seeded(build, seed)


def mlp_critic(shape, *, width=512, depth=3, seed=0):
    """Return a ReLU network: shape -> depth x width -> one score, (N, ...) to (N,).

    No sigmoid at its end and no normalisation inside. Raises ValueError for sizes
    below 1.
    """
    shape = check_sizes(shape, width=width, depth=depth)

    def build():
        first = [nn.Flatten()] if len(shape) > 1 else []
        inner = hidden_layers(math.prod(shape), width, depth)
        return nn.Sequential(*first, *inner, nn.Linear(width, 1), nn.Flatten(0))

    return seeded(build, seed)


def dcgan_generator(latent, shape=(1, 28, 28), *, width=64, batch_norm=True, seed=0):
    """Return a DCGAN generator: dense, then two fractional-strided convolutions.

    2 width x side/4 x side/4 -> width x side/2 x side/2 -> shape, ReLU inside, tanh at
    the end, no BatchNorm on the output. Raises ValueError for a side not divisible by
    4. Source: Radford, Metz and Chintala 2016.
    """
    channels, side, _ = check_image(shape)
    check_sizes(shape, latent=latent, width=width)
    small = side // 4

    def norm(features):
        return [nn.BatchNorm2d(features)] if batch_norm else []

    def build():
        return Generator(
            latent,
            nn.Linear(latent, 2 * width * small * small, bias=not batch_norm),
            nn.Unflatten(1, (2 * width, small, small)),
            *norm(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=not batch_norm),
            *norm(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),
            nn.Tanh(),
        )

    return seeded(build, seed)


def dcgan_critic(shape=(1, 28, 28), *, width=64, batch_norm=False, seed=0):
    """Return a DCGAN critic: two strided convolutions, then one score a sample.

    shape -> width x side/2 x side/2 -> 2 width x side/4 x side/4 -> (N,), LeakyReLU
    0.2, no BatchNorm on the input. BatchNorm is off unless asked for: with a gradient
    penalty each sample must be scored on its own. Source: Radford et al. 2016.
    """
    channels, side, _ = check_image(shape)
    check_sizes(shape, width=width)
    small = side // 4

    def build():
        norm = [nn.BatchNorm2d(2 * width)] if batch_norm else []
        return nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            MaskLeakyReLU(),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=not batch_norm),
            *norm,
            MaskLeakyReLU(),
            nn.Flatten(),
            nn.Linear(2 * width * small * small, 1),
            nn.Flatten(0),
        )

    return seeded(build, seed)


def resnet_generator(latent, shape=(3, 32, 32), *, width=128, seed=0):
    """Return a residual generator: a dense start of 4x4, doubled up to the shape.

    BatchNorm inside, tanh at the end. Raises ValueError unless the side is 4 times a
    power of 2. Source: the CIFAR-10 networks of Gulrajani et al. 2017.
    """
    channels, side, _ = check_image(shape)
    check_sizes(shape, latent=latent, width=width)
    doublings = count_doublings(side)

    def build():
        double = nn.Upsample(scale_factor=2)
        return Generator(
            latent,
            nn.Linear(latent, width * 16),
            nn.Unflatten(1, (width, 4, 4)),
            *[Residual(width, width, double, norm=True) for _ in range(doublings)],
            *[nn.BatchNorm2d(width), nn.ReLU()],
            *[nn.Conv2d(width, channels, 3, padding=1), nn.Tanh()],
        )

    return seeded(build, seed)


def resnet_critic(shape=(3, 32, 32), *, width=128, seed=0):
    """Return a residual critic without normalisation, (N, ...) to (N,).

    The side is halved down to 8, two more blocks follow, then the mean over places.
    Raises ValueError unless the side is 4 times a power of 2. Source: the CIFAR-10
    networks of Gulrajani et al. 2017.
    """
    channels, side, _ = check_image(shape)
    check_sizes(shape, width=width)
    halvings = max(count_doublings(side) - 1, 1)

    def build():
        halve, keep = nn.AvgPool2d(2), nn.Identity()
        sizes = [channels] + [width] * (halvings - 1)
        return nn.Sequential(
            *[Residual(n, width, halve, norm=False) for n in sizes],
            *[Residual(width, width, keep, norm=False) for _ in range(2)],
            *[MaskReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()],
            *[nn.Linear(width, 1), nn.Flatten(0)],
        )

    return seeded(build, seed)


def cones(centres, offsets=None, *, downward=False):
    """Return the critic f(x) = min_j (|x - c_j| + b_j), a `Cones` module (chapter 3).

    centres: (k, ...) tensor or array of points c_j; offsets: (k,) numbers b_j, zeros
    if None; both are learned. downward=True: max_j (b_j - |x - c_j|). The torch twin
    of `duality.upper_extension` and `lower_extension`. (N, ...) to (N,). Raises
    ValueError for another number of offsets.
    """
    centres = torch.as_tensor(centres)
    kind = centres.dtype if centres.is_floating_point() else torch.get_default_dtype()
    centres = centres.to(kind).flatten(1)
    if offsets is None:
        offsets = torch.zeros(len(centres))
    offsets = torch.as_tensor(offsets).to(centres)
    _checks.prices("offsets", offsets.detach().cpu(), size=len(centres))
    return Cones(centres, offsets, downward=downward)


def classifier(classes=10, *, seed=0):
    """Return a classifier of 8x8 images: (N, 1, 8, 8) to logits (N, classes).

    Two convolutions, then 64 features, then the logits; `net[:-1]` gives the features
    that the Frechet distance is measured on (chapter 14).
    """
    _checks.integer("classes", classes, minimum=2)

    def build():
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )

    return seeded(build, seed)


def has_batch_statistics(network):
    """Return whether `network` mixes the samples of a batch (BatchNorm in training)."""
    norms = (
        m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)
    )
    return any(m.training or m.running_mean is None for m in norms)


def parameter_count(network):
    """Return how many numbers `network` learns."""
    return sum(p.numel() for p in network.parameters())
