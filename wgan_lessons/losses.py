"""Pairs of losses: what the critic minimises, and what the generator minimises.

A critic loss takes the scores of real samples first, of fakes second; a generator
loss takes the scores of fakes. Scores have shape (N,); a GAN's are logits, so that
D = sigmoid(score).
"""

from typing import NamedTuple

from torch.nn.functional import softplus


class Losses(NamedTuple):
    """The two players' losses, each a function of scores that returns a scalar."""

    critic: object
    generator: object


def wasserstein_critic(real, fake):
    """Return E f(y) - E f(x), minus the Wasserstein estimate (chapter 11)."""
    return fake.mean() - real.mean()


def wasserstein_generator(fake):
    """Return -E f(y): the generator raises the critic's score of its samples."""
    return -fake.mean()


def gan_critic(real, fake):
    """Return -E log D(x) - E log(1 - D(y)), D = sigmoid(score).

    Since -log sigmoid(s) = softplus(-s), large scores never overflow.
    Source: Goodfellow et al. 2014.
    """
    return softplus(-real).mean() + softplus(fake).mean()


def minimax_generator(fake):
    """Return E log(1 - D(y)): the zero-sum loss, whose gradient dies with a good D."""
    return -softplus(fake).mean()


def non_saturating_generator(fake):
    """Return -E log D(y): the loss that is used in practice."""
    return softplus(-fake).mean()


wasserstein = Losses(wasserstein_critic, wasserstein_generator)
minimax = Losses(gan_critic, minimax_generator)
non_saturating = Losses(gan_critic, non_saturating_generator)
