"""The settings of every stored study, in one place: edit here, then `make studies`.

`SETTINGS[study][name]` is one run's `Setting`. A chapter runs one of them live, and
shorter: `replace(SETTINGS["ring"]["WGAN-GP"], rounds=500)`.
"""

from dataclasses import dataclass, replace
from functools import partial

from torch.optim import SGD, Adam, RMSprop

from wgan_lessons.networks import (
    dcgan_critic,
    dcgan_generator,
    mlp_critic,
    mlp_generator,
)
from wgan_lessons.penalties import gradient_penalty
from wgan_lessons.projections import clip_weights
from wgan_lessons.recipes import GAN, GAN_MINIMAX, WGAN, WGAN_GP, Recipe, falling


@dataclass(frozen=True)
class Setting:
    """All that makes a run, but its seed.

    generator, critic: called with seed=. data: a name of `measures.DATA`. rounds:
    generator steps. every: rounds between two measurements, 0 for the last only.
    average: decay of the generator's averaged weights, a round.
    """

    recipe: Recipe
    generator: partial
    critic: partial
    data: str
    batch_size: int
    rounds: int
    every: int = 0
    average: float = 0.99


def adam(rate, beta1, beta2):
    """Return what makes an Adam of this learning rate from parameters."""
    return partial(Adam, lr=rate, betas=(beta1, beta2))


def both(recipe, optimizer, **changes):
    """Return `recipe` with one optimiser for both players, and other changes."""
    players = {"critic_optimizer": optimizer, "generator_optimizer": optimizer}
    return replace(recipe, **players, **changes)


def clipped(bound, optimizer, **changes):
    """Return the WGAN recipe with another bound and another optimiser."""
    project = partial(clip_weights, bound=bound)
    return both(WGAN, optimizer, project=project, **changes)


def penalised(weight, steps, optimizer, **changes):
    """Return the WGAN-GP recipe with another weight, critic steps and optimiser."""
    penalty = partial(gradient_penalty, weight=weight)
    return both(WGAN_GP, optimizer, penalty=penalty, critic_steps=steps, **changes)


FALLING = falling(start=0.5, end=0.02)

RING = Setting(
    recipe=penalised(0.1, 5, adam(2e-3, 0.5, 0.9), rate=FALLING),
    generator=partial(mlp_generator, 16, 2, width=128),
    critic=partial(mlp_critic, 2, width=128),
    data="ring",
    batch_size=256,
    rounds=3000,
)
GRID = replace(
    RING,
    recipe=penalised(0.1, 2, adam(2e-3, 0.5, 0.9), rate=FALLING),
    data="grid",
    rounds=3000,
)
DIGITS = Setting(
    recipe=penalised(10.0, 3, adam(1e-3, 0.0, 0.9), rate=FALLING),
    generator=partial(mlp_generator, 16, (1, 8, 8), width=256),
    critic=partial(mlp_critic, (1, 8, 8), width=256),
    data="digits",
    batch_size=128,
    rounds=3000,
)

SMALL_DIGITS = replace(
    DIGITS,
    generator=partial(mlp_generator, 16, (1, 8, 8), width=256, depth=2),
    critic=partial(mlp_critic, (1, 8, 8), width=256, depth=2),
)

# At a constant rate, so that any two moments of a race can be compared. 6,000 gradient
# evaluations each: 2 a round for a GAN, 6 for a WGAN.
GAN_RACE = replace(SMALL_DIGITS, rounds=3000, every=200)
CLIPPED = replace(
    SMALL_DIGITS, recipe=clipped(0.03, partial(RMSprop, lr=5e-4)), rounds=1000
)
RACE = {
    "GAN, 2e-4": replace(GAN_RACE, recipe=both(GAN, adam(2e-4, 0.5, 0.999))),
    "GAN, 1e-3": replace(GAN_RACE, recipe=both(GAN, adam(1e-3, 0.5, 0.999))),
    "GAN minimax, 1e-3": replace(
        GAN_RACE, recipe=both(GAN_MINIMAX, adam(1e-3, 0.5, 0.999))
    ),
    "WGAN": replace(CLIPPED, every=100),
}

SHORT_RING = replace(
    RING,
    generator=partial(mlp_generator, 16, 2, width=64),
    critic=partial(mlp_critic, 2, width=64),
    rounds=2000,
)
RING_LOSSES = {
    "GAN": replace(SHORT_RING, recipe=both(GAN, adam(1e-3, 0.5, 0.999))),
    "GAN minimax": replace(
        SHORT_RING, recipe=both(GAN_MINIMAX, adam(1e-3, 0.5, 0.999))
    ),
    # The work of 2,000 WGAN rounds, and the falling rate that WGAN-GP has.
    "GAN, equal work": replace(
        SHORT_RING,
        recipe=both(GAN, adam(1e-3, 0.5, 0.999), rate=FALLING),
        rounds=6000,
    ),
    "GAN minimax, equal work": replace(
        SHORT_RING,
        recipe=both(GAN_MINIMAX, adam(1e-3, 0.5, 0.999), rate=FALLING),
        rounds=6000,
    ),
    "WGAN, c 0.01": replace(SHORT_RING, recipe=WGAN),
    "WGAN, c 0.1": replace(SHORT_RING, recipe=clipped(0.1, partial(RMSprop, lr=1e-3))),
    "WGAN-GP": SHORT_RING,
}

# The runs of seed 0 in RING_LOSSES again, looked at every 600 gradient evaluations.
PLAYBACK = {
    "GAN": replace(RING_LOSSES["GAN, equal work"], every=300),
    "WGAN": replace(RING_LOSSES["WGAN, c 0.1"], every=100),
    "WGAN-GP": replace(RING_LOSSES["WGAN-GP"], every=100),
}

OPTIMIZERS = {
    "RMSProp": partial(RMSprop, lr=5e-4),
    "SGD": partial(SGD, lr=0.05),
    "Adam, beta1 0.5": adam(5e-4, 0.5, 0.9),
    "Adam, beta1 0": adam(5e-4, 0.0, 0.9),
}
CLIPPED_OPTIMIZERS = {
    name: replace(CLIPPED, recipe=clipped(0.03, optimizer))
    for name, optimizer in OPTIMIZERS.items()
}


def _critic_steps(steps, evaluations=3000):
    rounds = round(evaluations / (steps + 1))
    recipe = replace(CLIPPED.recipe, critic_steps=steps)
    return replace(CLIPPED, recipe=recipe, rounds=rounds, every=max(1, rounds // 5))


CRITIC_STEPS = {
    f"{steps} critic steps": _critic_steps(steps) for steps in (1, 5, 25, 100)
}

GENERATORS = {
    "MLP": partial(mlp_generator, 16, (1, 8, 8), width=256, depth=3),
    "DCGAN": partial(dcgan_generator, 16, (1, 8, 8), width=16),
    "DCGAN without BatchNorm": partial(
        dcgan_generator, 16, (1, 8, 8), width=16, batch_norm=False
    ),
}
ARCHITECTURE_RECIPES = {
    "GAN": both(GAN, adam(1e-3, 0.5, 0.999)),
    "WGAN": clipped(0.03, partial(RMSprop, lr=5e-4)),
    "WGAN-GP": penalised(10.0, 3, adam(1e-3, 0.0, 0.9)),
}
ARCHITECTURES = {
    f"{loss}, {network}": Setting(
        recipe=recipe,
        generator=generator,
        critic=partial(dcgan_critic, (1, 8, 8), width=16),
        data="digits",
        batch_size=64,
        rounds=500,
    )
    for network, generator in GENERATORS.items()
    for loss, recipe in ARCHITECTURE_RECIPES.items()
}

PENALTY_WEIGHT = {
    f"weight {weight:g}, {steps} critic steps": replace(
        SMALL_DIGITS,
        recipe=penalised(weight, steps, adam(1e-3, 0.0, 0.9), rate=FALLING),
        rounds=500,
    )
    for weight in (0.1, 1.0, 10.0, 100.0)
    for steps in (1, 5)
}

SETTINGS = {
    "ring": {"WGAN-GP": RING},
    "grid": {"WGAN-GP": GRID},
    "digits": {"WGAN-GP": DIGITS},
    "digits_race": RACE,
    "ring_losses": RING_LOSSES,
    "playback": PLAYBACK,
    "clipped_optimizers": CLIPPED_OPTIMIZERS,
    "critic_steps": CRITIC_STEPS,
    "architectures": ARCHITECTURES,
    "penalty_weight": PENALTY_WEIGHT,
    "overfitting": {
        "WGAN-GP": replace(SMALL_DIGITS, data="digits-1000", rounds=1500, every=100)
    },
}
