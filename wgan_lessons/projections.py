"""Projections: what is done to the critic's weights after its step."""

import torch

from wgan_lessons import _checks


@torch.no_grad()
def clip_weights(critic, *, bound=0.01):
    """Put every weight back into [-bound, bound] (chapter 11, Algorithm 1, line 7).

    It bounds the Lipschitz constant by a product over layers that nobody knows
    exactly: f is K-Lipschitz for some K, not 1-Lipschitz. Raises ValueError unless
    bound > 0. Source: Arjovsky, Chintala and Bottou 2017.
    """
    _checks.number("bound", bound, above=0.0)
    torch._foreach_clamp_min_(list(critic.parameters()), -bound)
    torch._foreach_clamp_max_(list(critic.parameters()), bound)
