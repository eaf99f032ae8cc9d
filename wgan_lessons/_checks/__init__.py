"""Every argument check and its message, once.

A check returns the value in the form that the caller works with, or raises a
`ValueError` that says what is wrong, what came, and what to do.
"""

from wgan_lessons._checks.games import (
    digit_images,
    finite_run,
    first_weight,
    latent_size,
    modes,
    one_device,
    same_shape,
    scores,
    training_data,
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
    puzzle,
    transport,
)

__all__ = [
    "array",
    "covariance",
    "digit_images",
    "enough",
    "finite_run",
    "first_weight",
    "integer",
    "latent_size",
    "modes",
    "number",
    "one_device",
    "one_of",
    "pile",
    "plan",
    "points",
    "puzzle",
    "same_count",
    "same_shape",
    "samples",
    "scores",
    "training_data",
    "transport",
    "weighted",
    "weights",
]
