"""Every argument check and its message, once.

A check returns the value in the form that the caller works with, or raises a
`ValueError` that says what is wrong, what came, and what to do.
"""

from wgan_lessons._checks.critics import (
    known_layers,
    only_linear,
    plain_critic,
)
from wgan_lessons._checks.games import (
    apart,
    digit_images,
    finite_run,
    first_weight,
    frames,
    latent_size,
    modes,
    one_device,
    same_shape,
    scores,
    training_data,
)
from wgan_lessons._checks.laws import (
    counts,
    intervals,
    kernel,
    known_tail,
    no_repeats,
    peaks,
    positive_definite,
    shrinking,
    within_floats,
)
from wgan_lessons._checks.numbers import (
    array,
    covariance,
    enough,
    integer,
    number,
    one_of,
    points,
    same_count,
    samples,
    weighted,
    weights,
)
from wgan_lessons._checks.puzzles import (
    pile,
    plan,
    prices,
    puzzle,
    table,
    transport,
)

__all__ = [
    "apart",
    "array",
    "counts",
    "covariance",
    "digit_images",
    "enough",
    "finite_run",
    "first_weight",
    "frames",
    "integer",
    "intervals",
    "kernel",
    "known_layers",
    "known_tail",
    "latent_size",
    "modes",
    "no_repeats",
    "number",
    "one_device",
    "one_of",
    "only_linear",
    "peaks",
    "pile",
    "plain_critic",
    "plan",
    "points",
    "positive_definite",
    "prices",
    "puzzle",
    "same_count",
    "same_shape",
    "samples",
    "scores",
    "shrinking",
    "table",
    "training_data",
    "transport",
    "weighted",
    "weights",
    "within_floats",
]
