"""Recipes: what the GAN variants differ in, one field each.

The loop in `training.py` is the same for all. A variant is `replace(recipe, ...)`; the
named recipes hold the papers' settings.
"""

from dataclasses import dataclass, fields, replace
from functools import partial
from typing import NamedTuple

from torch.optim import Adam, RMSprop

from wgan_lessons import _checks, losses
from wgan_lessons.penalties import gradient_penalty
from wgan_lessons.projections import clip_weights


@dataclass(frozen=True)
class Recipe:
    """How to train: the players' losses and optimisers, and what bounds the critic.

    losses: a pair (critic, generator). critic_optimizer, generator_optimizer: called
    with parameters. critic_steps: critic steps a round. penalty(critic, real, fake,
    rng): added to the critic's loss. project(critic): called after each critic step.
    rate(fraction): factor on both learning rates, fraction of the rounds done in
    [0, 1). generator_step(state): replaces the plain generator step.
    """

    losses: losses.Losses
    critic_optimizer: object
    generator_optimizer: object
    critic_steps: int = 1
    penalty: object = None
    project: object = None
    rate: object = None
    generator_step: object = None

    def __post_init__(self):
        _checks.integer("critic_steps", self.critic_steps)
        if not isinstance(self.losses, losses.Losses):
            raise ValueError(
                "losses must be a pair of functions, losses.Losses; got "
                f"{self.losses!r}. See losses.wasserstein."
            )
        for name in ("critic_optimizer", "generator_optimizer"):
            if not callable(getattr(self, name)):
                raise ValueError(
                    f"{name} must be a function of parameters; got "
                    f"{getattr(self, name)!r}. Pass partial(Adam, lr=1e-4)."
                )
        for name in ("penalty", "project", "rate", "generator_step"):
            value = getattr(self, name)
            if value is not None and not callable(value):
                raise ValueError(
                    f"{name} must be a function or None; got {value!r}. "
                    "Wrap settings with functools.partial."
                )


GAN = Recipe(
    losses=losses.non_saturating,
    critic_optimizer=partial(Adam, lr=2e-4, betas=(0.5, 0.999)),
    generator_optimizer=partial(Adam, lr=2e-4, betas=(0.5, 0.999)),
)

GAN_MINIMAX = replace(GAN, losses=losses.minimax)

WGAN = Recipe(
    losses=losses.wasserstein,
    critic_optimizer=partial(RMSprop, lr=5e-5),
    generator_optimizer=partial(RMSprop, lr=5e-5),
    critic_steps=5,
    project=partial(clip_weights, bound=0.01),
)

WGAN_GP = replace(
    WGAN,
    critic_optimizer=partial(Adam, lr=1e-4, betas=(0.0, 0.9)),
    generator_optimizer=partial(Adam, lr=1e-4, betas=(0.0, 0.9)),
    penalty=partial(gradient_penalty, weight=10.0),
    project=None,
)

NAMES = {"gan": GAN, "gan-minimax": GAN_MINIMAX, "wgan": WGAN, "wgan-gp": WGAN_GP}


class Difference(NamedTuple):
    """One row of the comparison of two recipes: a field and its two values as code."""

    field: str
    first: str
    second: str


def describe(value):
    """Return a recipe's field as the code that makes it, e.g. "Adam(lr=0.0001)"."""
    if isinstance(value, partial):
        settings = [repr(a) for a in value.args]
        settings += [f"{k}={v!r}" for k, v in value.keywords.items()]
        return f"{value.func.__name__}({', '.join(settings)})"
    if isinstance(value, losses.Losses):
        return f"{value.critic.__name__}, {value.generator.__name__}"
    return getattr(value, "__name__", repr(value))


def differences(first, second):
    """Return the rows in which two recipes differ, a list of `Difference`.

    Raises ValueError if one of them is no Recipe.
    """
    for recipe in (first, second):
        if not isinstance(recipe, Recipe):
            raise ValueError(f"differences compares recipes; got {recipe!r}.")
    rows = (
        (f.name, describe(getattr(first, f.name)), describe(getattr(second, f.name)))
        for f in fields(Recipe)
    )
    return [Difference(*row) for row in rows if row[1] != row[2]]


def _fall(fraction, *, start, end):
    if fraction <= start:
        return 1.0
    return 1.0 - (1.0 - end) * (fraction - start) / (1.0 - start)


# Tables and checkpoints name a rate by the call that makes it.
_fall.__name__ = "falling"


def falling(start=0.5, end=0.02):
    """Return a rate that is 1 up to the fraction `start`, then falls linearly to `end`.

    Raises ValueError unless 0 <= start < 1 and end > 0.
    """
    _checks.number("start", start, minimum=0.0, below=1.0)
    _checks.number("end", end, above=0.0)
    return partial(_fall, start=start, end=end)
