"""The blocks that `networks` builds with, which passes them on under its own name."""

import torch
from torch import nn

from wgan_lessons import _checks


class MaskReLU(nn.Module):
    """max(x, 0) as x times (x > 0), for networks that are differentiated twice.

    Value and gradients are those of ReLU. The difference is work: PyTorch gives ReLU's
    backward a second derivative of zeros, and the gradient penalty would push these
    zeros through the whole network. A constant mask has none (chapter 14).
    """

    def forward(self, x):
        """Return max(x, 0)."""
        return x * (x > 0)


class MaskLeakyReLU(nn.Module):
    """LeakyReLU with slope 0.2 written as a constant mask, like `MaskReLU`."""

    slope = 0.2

    def forward(self, x):
        """Return x where x > 0, else 0.2 x."""
        return x * torch.full_like(x, self.slope).masked_fill_(x > 0, 1.0)


class Generator(nn.Sequential):
    """Layers in a row that remember the size of their input, `latent`."""

    def __init__(self, latent, *layers):
        super().__init__(*layers)
        self.latent = latent


def seeded(build, seed):
    """Call `build()` with PyTorch's CPU generator at `seed`; put it back afterwards."""
    _checks.integer("seed", seed, minimum=0)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed seeds GPUs too
        return build()


class Residual(nn.Module):
    """x + two convolutions of x, resized on both ways by `resize`; norm before each."""

    def __init__(self, inputs, outputs, resize, *, norm):
        super().__init__()
        norms = [
            nn.BatchNorm2d(n) if norm else nn.Identity() for n in (inputs, outputs)
        ]
        self.straight = nn.Sequential(resize, nn.Conv2d(inputs, outputs, 1))
        self.bent = nn.Sequential(
            *[norms[0], MaskReLU(), resize if norm else nn.Identity()],
            *[nn.Conv2d(inputs, outputs, 3, padding=1), norms[1], MaskReLU()],
            *[nn.Conv2d(outputs, outputs, 3, padding=1)],
            *[nn.Identity() if norm else resize],
        )

    def forward(self, x):
        """Return the sum of the two ways."""
        return self.straight(x) + self.bent(x)


class Cones(nn.Module):
    """f(x) = min_j (|x - c_j| + b_j), or upside down max_j (b_j - |x - c_j|).

    1-Lipschitz whatever the centres c and offsets b, with slope 1 almost everywhere:
    a critic that needs neither clipping nor penalty (chapter 3).
    """

    def __init__(self, centres, offsets, *, downward=False):
        super().__init__()
        self.centres = nn.Parameter(centres.detach().clone())
        self.offsets = nn.Parameter(offsets.detach().clone())
        self.downward = downward

    def forward(self, x):
        """Return f(x), (N, ...) to (N,)."""
        ways = x.flatten(1)[:, None] - self.centres
        far = torch.linalg.vector_norm(ways, dim=2)
        if self.downward:
            return (self.offsets - far).max(dim=1).values
        return (far + self.offsets).min(dim=1).values


def check_sizes(shape, **sizes):
    """Return a shape as a tuple of sizes; refuse sizes below 1."""
    for name, value in sizes.items():
        _checks.integer(name, value)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    for size in shape:
        _checks.integer("every size in shape", size)
    return shape


def hidden_layers(inputs, width, depth):
    """Return `depth` pairs of Linear and ReLU, all of one width."""
    layers = []
    for fan_in in [inputs] + [width] * (depth - 1):
        layers += [nn.Linear(fan_in, width), nn.ReLU()]
    return layers


def check_image(shape):
    """Return (channels, side, side); refuse a side not divisible by 4."""
    shape = check_sizes(shape)
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] % 4:
        raise ValueError(
            "shape must be (channels, side, side) with a side divisible by 4; got "
            f"{shape}. Resize the images first."
        )
    return shape


def count_doublings(side):
    """Return k for a side of 4 * 2^k; refuse any other."""
    doublings = side.bit_length() - 3
    if side != 4 << doublings:
        raise ValueError(
            f"the side must be 4 times a power of 2; got {side}. Resize the images."
        )
    return doublings
