"""The training loop: one generator function for every recipe.

    state = start(G, D, WGAN_GP, steps=1000, batch_size=64, seed=0)
    history = record(train(state, data), every=20)

Line numbers in the comments are those of Algorithm 1 (WGAN, chapter 11). All
randomness comes from the state's own generator, so looking at a run never changes it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from tqdm.auto import tqdm

from wgan_lessons import _checks, fast
from wgan_lessons.networks import has_batch_statistics
from wgan_lessons.recipes import Recipe


@dataclass
class State:
    """All that a run is: networks, optimisers, the random generator, the round."""

    generator: torch.nn.Module
    critic: torch.nn.Module
    recipe: Recipe
    generator_optimizer: torch.optim.Optimizer
    critic_optimizer: torch.optim.Optimizer
    rng: torch.Generator
    steps: int
    batch_size: int
    round: int
    first_bad: torch.Tensor


class Step(NamedTuple):
    """What one round says: detached scalars on the device, never a live network.

    value: what the critic maximises, without the penalty (for a WGAN, its estimate of
    W1). first_bad: the first round whose losses were NaN or infinite, or -1.
    """

    round: int
    steps: int
    value: torch.Tensor
    penalty: torch.Tensor
    generator_loss: torch.Tensor
    first_bad: torch.Tensor


def start(G, D, recipe, *, steps, batch_size=64, seed=0):
    """Return the State before the first round; G must carry its latent size, `.latent`.

    steps: rounds, that is generator steps. Networks stay on their device, which must
    be one. Raises ValueError for numbers below 1 or networks that do not fit.
    """
    if not isinstance(recipe, Recipe):
        raise ValueError(f"recipe must be a Recipe; got {recipe!r}. See recipes.NAMES.")
    _checks.latent_size(G)
    first = _checks.first_weight("G", G)
    _checks.one_device(G=first, D=_checks.first_weight("D", D))
    seed = _checks.integer("seed", seed, minimum=0)
    return State(
        generator=G,
        critic=D,
        recipe=recipe,
        generator_optimizer=_optimizer(recipe.generator_optimizer, G),
        critic_optimizer=_optimizer(recipe.critic_optimizer, D),
        rng=torch.Generator(first.device).manual_seed(seed),
        steps=_checks.integer("steps", steps),
        batch_size=_checks.integer("batch_size", batch_size),
        round=0,
        first_bad=torch.tensor(-1, device=first.device),
    )


def train(state, data):
    """Return an iterator over the rounds still to do; it yields a Step after each.

    data: a tensor (N, ...) on the networks' device, N >= batch_size, or an object with
    `.sample(n, generator)`. Nothing happens before the first `next`. After a `break`,
    call `train(state, data)` again: it goes on. Raises ValueError for data that do not
    fit, and at the end if a loss was not finite.
    """
    _checks.training_data(data, state.critic, state.batch_size)
    return _rounds(state, data)


def _rounds(state, data):
    by_hand = fast.gradient_by_hand(
        state.critic, state.recipe.losses, state.recipe.penalty
    )
    generator_step_ = state.recipe.generator_step or generator_step
    while state.round < state.steps:  # line 1
        _set_rates(state)
        for real, fake in _batches(state, data):  # lines 2-4
            _checks.same_shape("data", real, "samples of G", fake)
            value, penalty = critic_step(state, real, fake, by_hand)  # lines 5-7
        generator_loss = generator_step_(state)  # lines 9-11
        state.round += 1
        bad = ~torch.isfinite(value + penalty + generator_loss) & (state.first_bad < 0)
        state.first_bad = torch.where(bad, state.round, state.first_bad)
        yield Step(
            state.round, state.steps, value, penalty, generator_loss, state.first_bad
        )
    _checks.finite_run(state.first_bad)


def critic_step(state, real, fake, by_hand=None):
    """Take one critic step and return (value, penalty), detached (lines 5-7).

    by_hand: what `fast.gradient_by_hand` returns, or None for autograd.
    """
    if by_hand is not None:
        value, penalty = by_hand(real, fake, state.rng)  # line 5
    else:
        value, penalty = critic_gradient(state, real, fake)  # line 5
    state.critic_optimizer.step()  # line 6
    if state.recipe.project is not None:
        state.recipe.project(state.critic)  # line 7: after the step, before G looks
    return value, penalty


def critic_gradient(state, real, fake):
    """Fill the critic's .grad with that of loss + penalty; return (value, penalty)."""
    D, recipe = state.critic, state.recipe
    state.critic_optimizer.zero_grad()
    if has_batch_statistics(D):
        scores = torch.cat([D(real), D(fake)])
    else:
        scores = D(torch.cat([real, fake]))
    _checks.scores("the critic", scores, 2 * len(real))
    loss = recipe.losses.critic(*scores.split(len(real)))
    penalty = loss.new_zeros(())
    if recipe.penalty is not None:
        penalty = recipe.penalty(D, real, fake, state.rng)
    (loss + penalty).backward()
    return -loss.detach(), penalty.detach()


def generator_step(state):
    """Take one generator step and return its loss, detached (lines 9-11)."""
    weights = [p for p in state.generator.parameters() if p.requires_grad]
    fake = state.generator(_latents(state, state.batch_size))  # line 9
    loss = state.recipe.losses.generator(state.critic(fake))
    # Only G's weights: the critic's need no gradient here.
    for weight, gradient in zip(
        weights, torch.autograd.grad(loss, weights), strict=True
    ):
        weight.grad = gradient  # line 10
    state.generator_optimizer.step()  # line 11
    return loss.detach()


def _batches(state, data):
    """Yield the round's (real, fake) pairs; fakes carry no gradient (lines 3-4)."""
    m, n_critic = state.batch_size, state.recipe.critic_steps
    if has_batch_statistics(state.generator):
        for _ in range(n_critic):
            with torch.no_grad():
                fake = state.generator(_latents(state, m))
            yield _real(state, data, m), fake
        return
    real = _real(state, data, m * n_critic)
    with torch.no_grad():
        fake = state.generator(_latents(state, m * n_critic))
    yield from zip(real.split(m), fake.split(m), strict=True)


def _latents(state, n):
    like = next(state.generator.parameters())
    size = (n, state.generator.latent)
    return torch.randn(size, generator=state.rng, device=like.device, dtype=like.dtype)


def _real(state, data, n):
    if not isinstance(data, torch.Tensor):
        return data.sample(n, state.rng).to(next(state.critic.parameters()).dtype)
    rows = torch.randint(len(data), (n,), generator=state.rng, device=data.device)
    return data[rows]


def _optimizer(make, network):
    parameters = [p for p in network.parameters() if p.requires_grad]
    # PyTorch's fused kernel is the same step in one call; not every optimiser has it.
    chosen = {"fused", "foreach", "differentiable"} & {*getattr(make, "keywords", ())}
    if getattr(make, "func", make) is torch.optim.Adam and not chosen:
        return make(parameters, fused=True)
    return make(parameters)


def _set_rates(state):
    if state.recipe.rate is None:
        return
    factor = state.recipe.rate(state.round / state.steps)
    for optimizer in (state.critic_optimizer, state.generator_optimizer):
        for group in optimizer.param_groups:
            group["lr"] = factor * group.setdefault("initial_lr", group["lr"])


def record(run, every=20):
    """Run to the end and return {name: array}: each `every`-th round and the last.

    Names: round, value, penalty, generator_loss. Only here do numbers leave the
    device. Raises ValueError if the run has no round left, or a loss was not finite.
    """
    _checks.integer("every", every)
    step, rows = None, []
    for step in run:
        if step.round % every == 0 or step.round == step.steps:
            _checks.finite_run(step.first_bad)
            rows.append(step)
    if step is None:
        raise ValueError(
            "this run has no rounds left. Raise state.steps, or start(...) a new one."
        )
    names = ("round", "value", "penalty", "generator_loss")
    return {name: np.array([float(getattr(r, name)) for r in rows]) for name in names}


def progress(run, *, every=20):
    """Yield the steps of `run` beside a progress bar with value and penalty."""
    bar = None
    try:
        for step in run:
            bar = bar or tqdm(total=step.steps, initial=step.round - 1, unit="round")
            bar.update()
            if step.round % every == 0 or step.round == step.steps:
                value, penalty = float(step.value), float(step.penalty)
                bar.set_postfix(value=f"{value:.3g}", penalty=f"{penalty:.2g}")
            yield step
    finally:
        if bar is not None:
            bar.close()


@torch.no_grad()
def sample(G, n, seed=0):
    """Return n samples of G as a tensor on its device; G is put back as it was.

    Latents are drawn on the CPU from `seed`, so every device sees the same ones.
    BatchNorm uses its running statistics.
    """
    _checks.integer("n", n)
    _checks.latent_size(G)
    like = _checks.first_weight("G", G)
    rng = torch.Generator().manual_seed(_checks.integer("seed", seed, minimum=0))
    latents = torch.randn(n, G.latent, generator=rng).to(like)
    modes = [(module, module.training) for module in G.modules()]
    samples = G.eval()(latents)
    for module, training in modes:
        module.training = training
    return samples


def device():
    """Return the GPU if PyTorch sees one, else the CPU, as a `torch.device`."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def budget(*, cpu, gpu):
    """Return `gpu` where a GPU is at hand, else `cpu`: the size of an experiment."""
    return gpu if device().type == "cuda" else cpu
