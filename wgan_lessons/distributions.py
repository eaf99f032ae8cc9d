"""Laws in the plane and on the line that can be sampled without end.

Settings are those of the papers' own toy experiments: a mixture is centres with one
Gaussian noise; everything is divided by a scale, so that samples have size about 1.
"""

import math
from dataclasses import dataclass, field

import torch

from wgan_lessons import _checks


def random_generator(seed):
    """Return `seed` if it is a `torch.Generator`, else a new one on the CPU from it."""
    if isinstance(seed, torch.Generator):
        return seed
    return torch.Generator().manual_seed(_checks.integer("seed", seed, minimum=0))


@dataclass(frozen=True, eq=False)
class Mixture:
    """Equal parts of N(centre, sigma^2 I), one for each centre (chapter 11).

    centres: tensor (k, d). sigma: standard deviation, at least 0. A sample takes a
    centre uniformly, then adds the noise.
    """

    centres: torch.Tensor = field(repr=False)
    sigma: float

    def __post_init__(self):
        centres = torch.as_tensor(self.centres)
        _checks.points("centres", centres.cpu())
        object.__setattr__(self, "centres", centres)  # the class is frozen
        _checks.number("sigma", self.sigma, minimum=0.0)

    def sample(self, n, seed=0):
        """Draw n points, tensor (n, d); `seed` is an int or a `torch.Generator`.

        The points lie on the generator's device.
        """
        rng = random_generator(seed)
        _checks.integer("n", n)
        centres = self.centres.to(rng.device, non_blocking=True)
        which = torch.randint(len(centres), (n,), generator=rng, device=rng.device)
        noise = torch.randn(n, centres.shape[1], generator=rng, device=rng.device)
        return centres[which] + self.sigma * noise


@dataclass(frozen=True)
class SwissRoll:
    """A rolled-up strip in the plane, with Gaussian noise (chapter 12).

    (a cos a, a sin a) with a = 3 pi/2 (1 + 2 U), U uniform on [0, 1], plus
    N(0, noise^2 I), all divided by `scale`.
    """

    noise: float = 0.25
    scale: float = 7.5

    def __post_init__(self):
        _checks.number("noise", self.noise, minimum=0.0)
        _checks.number("scale", self.scale, above=0.0)

    def sample(self, n, seed=0):
        """Draw n points, tensor (n, 2); `seed` is an int or a `torch.Generator`."""
        rng = random_generator(seed)
        _checks.integer("n", n)
        angle = torch.rand(n, generator=rng, device=rng.device)
        angle = 1.5 * math.pi * (1 + 2 * angle)
        noise = torch.randn(n, 2, generator=rng, device=rng.device)
        roll = torch.stack([angle * angle.cos(), angle * angle.sin()], dim=1)
        return (roll + self.noise * noise) / self.scale


def ring(modes=8):
    """Return `modes` Gaussians on a circle: radius 2, noise 0.02, divided by 1.414.

    Raises ValueError for fewer than 2 modes. Source: WGAN-GP's toy experiments.
    """
    _checks.integer("modes", modes, minimum=2)
    # `modes` angles without the last end: 0 and 2 pi are one and the same mode.
    angle = 2 * math.pi * torch.arange(modes) / modes
    centres = 2 * torch.stack([angle.cos(), angle.sin()], dim=1)
    return Mixture(centres / 1.414, sigma=0.02 / 1.414)


def grid(side=5):
    """Return side x side Gaussians: spacing 2, noise 0.05, divided by 2.828.

    Raises ValueError for a side below 2. Source: WGAN-GP's toy experiments.
    """
    _checks.integer("side", side, minimum=2)
    steps = 2 * (torch.arange(side) - (side - 1) / 2)
    centres = torch.cartesian_prod(steps, steps)
    return Mixture(centres / 2.828, sigma=0.05 / 2.828)


def swiss_roll():
    """Return the Swiss roll: noise 0.25, divided by 7.5.

    Source: WGAN-GP's toy experiments.
    """
    return SwissRoll()


def two_humps(distance=4.0, sigma=0.5):
    """Return two Gaussians on the line, `distance` apart (chapter 11).

    Raises ValueError unless distance and sigma are finite and sigma >= 0.
    """
    half = _checks.number("distance", distance) / 2
    return Mixture(torch.tensor([[-half], [half]]), sigma=sigma)


NAMES = {"ring": ring, "grid": grid, "swiss_roll": swiss_roll}
