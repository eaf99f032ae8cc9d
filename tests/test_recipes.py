"""Recipes hold the papers' settings, and differ in what the papers changed."""

import math
from dataclasses import FrozenInstanceError, fields, replace
from functools import partial

import pytest
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import Adam, RMSprop

from wgan_lessons import losses, training
from wgan_lessons.networks import mlp_critic, mlp_generator
from wgan_lessons.penalties import gradient_penalty, one_sided_penalty
from wgan_lessons.projections import clip_weights
from wgan_lessons.recipes import (
    GAN,
    GAN_MINIMAX,
    NAMES,
    WGAN,
    WGAN_GP,
    Difference,
    Recipe,
    describe,
    differences,
    falling,
)


def one_round(recipe, **settings):
    G, D = mlp_generator(2, 2, width=8), mlp_critic(2, width=8)
    data = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    state = training.start(G, D, recipe, steps=1, batch_size=8, **settings)
    return state, training.record(training.train(state, data))


def test_wgan_is_the_papers():
    """WGAN: alpha = 5e-5, c = 0.01, m free, n_critic = 5, RMSProp without momentum."""
    assert WGAN.losses is losses.wasserstein
    for make in (WGAN.critic_optimizer, WGAN.generator_optimizer):
        optimizer = make([torch.zeros(1, requires_grad=True)])
        assert type(optimizer) is RMSprop
        assert optimizer.defaults["lr"] == 5e-5 and optimizer.defaults["momentum"] == 0
    assert WGAN.critic_steps == 5 and WGAN.penalty is None
    assert WGAN.project.func is clip_weights
    assert WGAN.project.keywords == {"bound": 0.01}


def test_wgan_gp_is_the_papers():
    """WGAN-GP: lambda = 10, n_critic = 5, Adam(1e-4, 0, 0.9), no projection."""
    assert WGAN_GP.losses is losses.wasserstein
    for make in (WGAN_GP.critic_optimizer, WGAN_GP.generator_optimizer):
        optimizer = make([torch.zeros(1, requires_grad=True)])
        assert type(optimizer) is Adam
        assert optimizer.defaults["lr"] == 1e-4
        assert optimizer.defaults["betas"] == (0.0, 0.9)
    assert WGAN_GP.critic_steps == 5 and WGAN_GP.project is None
    assert WGAN_GP.penalty.func is gradient_penalty
    assert WGAN_GP.penalty.keywords == {"weight": 10.0}


def test_gan_is_dcgans():
    """GAN: one critic step, Adam(2e-4, 0.5, 0.999); minimax differs in the loss."""
    for recipe in (GAN, GAN_MINIMAX):
        assert recipe.critic_steps == 1
        assert recipe.penalty is None and recipe.project is None
        assert recipe.critic_optimizer.keywords == {"lr": 2e-4, "betas": (0.5, 0.999)}
    assert [row.field for row in differences(GAN, GAN_MINIMAX)] == ["losses"]


def test_wgan_and_wgan_gp_differ_in_four_fields():
    """The penalty replaces the projection, Adam replaces RMSProp; nothing else."""
    assert differences(WGAN, WGAN_GP) == [
        Difference(
            "critic_optimizer",
            "RMSprop(lr=5e-05)",
            "Adam(lr=0.0001, betas=(0.0, 0.9))",
        ),
        Difference(
            "generator_optimizer",
            "RMSprop(lr=5e-05)",
            "Adam(lr=0.0001, betas=(0.0, 0.9))",
        ),
        Difference("penalty", "None", "gradient_penalty(weight=10.0)"),
        Difference("project", "clip_weights(bound=0.01)", "None"),
    ]


@examples
@given(st.sampled_from(sorted(NAMES)), st.sampled_from(sorted(NAMES)))
def test_differences_are_symmetric_and_zero_on_the_diagonal(a, b):
    """differences(a, b) is differences(b, a) with sides swapped; (a, a) is empty."""
    rows = differences(NAMES[a], NAMES[b])
    swapped = [Difference(f, y, x) for f, x, y in differences(NAMES[b], NAMES[a])]
    assert rows == swapped
    assert (rows == []) == (a == b)
    changed = {row.field for row in rows}
    for f in fields(Recipe):
        same = getattr(NAMES[a], f.name) is getattr(NAMES[b], f.name)
        assert not (same and f.name in changed)


@examples
@given(st.integers(2, 100))
def test_replace_changes_one_row(critic_steps):
    """replace(recipe, x=...) differs in x alone, and leaves the recipe as it was."""
    rows = differences(GAN, replace(GAN, critic_steps=critic_steps))
    assert rows == [Difference("critic_steps", "1", str(critic_steps))]
    assert GAN.critic_steps == 1


def test_a_recipe_is_frozen_and_small():
    """A named recipe cannot be changed by accident; it has at most 8 fields."""
    with pytest.raises(FrozenInstanceError):
        WGAN.critic_steps = 1
    assert len(fields(Recipe)) <= 8


@pytest.mark.parametrize("name", NAMES)
def test_every_named_recipe_trains(name):
    """One round moves both networks and gives finite numbers."""
    state, history = one_round(NAMES[name])
    fresh = mlp_generator(2, 2, width=8), mlp_critic(2, width=8)
    for network, before in zip((state.generator, state.critic), fresh, strict=True):
        assert not torch.equal(network[0].weight, before[0].weight)
    assert all(len(values) == 1 for values in history.values())
    assert (history["penalty"][0] > 0) == (NAMES[name].penalty is not None)


def test_a_new_penalty_is_one_replace_away():
    """A variant is what differs: another penalty, both bounds at once, another rate."""
    both = replace(WGAN_GP, project=partial(clip_weights, bound=0.5))
    state, _ = one_round(both)
    assert max(p.abs().max() for p in state.critic.parameters()) <= 0.5
    one_round(replace(WGAN_GP, penalty=one_sided_penalty, rate=falling()))


def test_describe_reads_like_code():
    """Functions by name, partials as calls, None as None, losses by both names."""
    assert describe(partial(clip_weights, bound=0.5)) == "clip_weights(bound=0.5)"
    assert describe(partial(max, 1, key=abs)).startswith("max(1, key=")
    assert describe(gradient_penalty) == "gradient_penalty"
    assert describe(None) == "None" and describe(5) == "5"
    assert describe(losses.minimax) == "gan_critic, minimax_generator"


@examples
@given(st.floats(0, 0.99), st.floats(0.001, 1), st.floats(0, 1, exclude_max=True))
def test_falling_is_one_and_then_a_line(start, end, fraction):
    """1 up to `start`, then the line from (start, 1) to (1, end); it never rises."""
    rate = falling(start, end)
    line = 1 + (end - 1) * (fraction - start) / (1 - start)
    wanted = 1.0 if fraction <= start else line
    assert rate(fraction) == pytest.approx(wanted, rel=1e-9)
    assert end - 1e-9 <= rate(fraction) <= 1
    assert rate(1.0) == pytest.approx(end)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: replace(WGAN, critic_steps=0), "critic_steps must be a whole number"),
        (lambda: replace(WGAN, penalty=10.0), "penalty must be a function or None"),
        (lambda: replace(WGAN, project="clip"), "project must be a function or None"),
        (lambda: replace(WGAN, rate=0.5), "rate must be a function or None; got 0.5"),
        (lambda: replace(WGAN, generator_step=3), "generator_step must be a function"),
        (
            lambda: replace(WGAN, critic_optimizer="adam"),
            "critic_optimizer must be a function of parameters; got 'adam'",
        ),
        (
            lambda: replace(WGAN, generator_optimizer=None),
            "generator_optimizer must be a function of parameters; got None",
        ),
        (
            lambda: replace(WGAN, losses=losses.wasserstein_critic),
            "losses must be a pair of functions, losses.Losses; got",
        ),
        (lambda: differences(WGAN, "wgan-gp"), "compares recipes; got 'wgan-gp'"),
        (lambda: falling(start=1.0), "start must be a finite number"),
        (lambda: falling(end=0.0), "end must be a finite number above 0; got 0.0"),
        (lambda: falling(end=math.nan), "end must be a finite number above 0; got nan"),
    ],
)
def test_bad_input(call, message):
    """A field that cannot work is refused when the recipe is made, not in round 1."""
    with pytest.raises(ValueError, match=message):
        call()
