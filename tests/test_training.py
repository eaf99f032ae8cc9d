"""The loop is Algorithm 1; looking at it or breaking it off never changes it."""

import math
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from wgan_lessons import fast, losses, training
from wgan_lessons.distributions import ring
from wgan_lessons.networks import (
    dcgan_critic,
    dcgan_generator,
    mlp_critic,
    mlp_generator,
)
from wgan_lessons.penalties import gradient_penalty
from wgan_lessons.projections import clip_weights
from wgan_lessons.recipes import GAN, NAMES, WGAN, WGAN_GP, falling
from wgan_lessons.training import progress, record, sample, start, train

LOUD = dict(lr=1e-2)
QUICK = replace(
    WGAN_GP,
    critic_steps=2,
    critic_optimizer=partial(torch.optim.Adam, lr=1e-3, betas=(0.0, 0.9)),
    generator_optimizer=partial(torch.optim.Adam, lr=1e-3, betas=(0.0, 0.9)),
)
RECIPES = {**NAMES, "quick, falling": replace(QUICK, rate=falling())}


def points(n=60, dtype=torch.float32, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, 2, generator=rng, dtype=dtype)


def begin(recipe=QUICK, *, steps=7, batch_size=8, dtype=torch.float32, seed=0):
    G = mlp_generator(3, 2, width=8, depth=2).to(dtype)
    D = mlp_critic(2, width=8, depth=2).to(dtype)
    return start(G, D, recipe, steps=steps, batch_size=batch_size, seed=seed)


def images_pair(batch_norm=True):
    G = dcgan_generator(4, (1, 8, 8), width=2, batch_norm=batch_norm)
    return G, dcgan_critic((1, 8, 8), width=2)


def weights(state):
    return [*state.generator.state_dict().values(), *state.critic.state_dict().values()]


def assert_same_weights(one, other):
    for a, b in zip(weights(one), weights(other), strict=True):
        assert torch.equal(a, b)


def assert_same_history(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


# Algorithm 1 by hand: one sample after the other, explicit formulas, float64.


def f(W, x):
    """The network with weights W = [W_1, b_1, W_2, b_2, ...] at one point x."""
    for k in range(0, len(W), 2):
        x = W[k] @ x + W[k + 1]
        if k + 2 < len(W):
            x = torch.where(x > 0, x, torch.zeros_like(x))
    return x


def rmsprop(W, gradients, memory, *, rate):
    for k, (w, g) in enumerate(zip(W, gradients, strict=True)):
        memory[k] = 0.99 * memory.get(k, 0.0) + 0.01 * g**2
        W[k] = w - rate * g / (memory[k] ** 0.5 + 1e-8)


def adam(W, gradients, memory, *, rate, beta_1, beta_2):
    memory["t"] = memory.get("t", 0) + 1
    for k, (w, g) in enumerate(zip(W, gradients, strict=True)):
        m, v = memory.get(k, (0.0, 0.0))
        memory[k] = m, v = (
            beta_1 * m + (1 - beta_1) * g,
            beta_2 * v + (1 - beta_2) * g**2,
        )
        m, v = m / (1 - beta_1 ** memory["t"]), v / (1 - beta_2 ** memory["t"])
        W[k] = w - rate * m / (v**0.5 + 1e-8)


def gradients_of(loss, W):
    """d loss(W) / d W, for weights that carry no gradient otherwise."""
    W = [w.clone().requires_grad_() for w in W]
    value = loss(W)
    found = torch.autograd.grad(value, W, allow_unused=True)
    zeros = [
        torch.zeros_like(w) if g is None else g for w, g in zip(W, found, strict=True)
    ]
    return value.item(), zeros


def algorithm_1(state, data, *, rounds, penalised):
    """(value, penalty, generator's loss) by round, then G's and D's weights."""
    theta = [p.detach().clone() for p in state.generator.parameters()]
    w = [p.detach().clone() for p in state.critic.parameters()]
    rng = torch.Generator()
    rng.set_state(state.rng.get_state())  # a copy: the same draws
    m, n_critic, latent = state.batch_size, 5, state.generator.latent
    step = rmsprop if not penalised else partial(adam, beta_1=0.0, beta_2=0.9)
    rate, memory_w, memory_theta, history = (1e-4 if penalised else 5e-5), {}, {}, []

    def normal(n):
        return torch.randn(n, latent, generator=rng, dtype=torch.float64)

    for _ in range(rounds):
        rows = torch.randint(len(data), (m * n_critic,), generator=rng)
        latents = normal(m * n_critic)
        for t in range(n_critic):
            batch = range(t * m, (t + 1) * m)
            xs = [data[rows[i]] for i in batch]
            ys = [f(theta, latents[i]) for i in batch]
            shares = torch.zeros(m)
            if penalised:
                shares = torch.rand(m, generator=rng, dtype=torch.float64)

            def negative_value(w, xs=xs, ys=ys):
                return (
                    sum(f(w, y) - f(w, x) for x, y in zip(xs, ys, strict=True))[0] / m
                )

            def penalty(w, xs=xs, ys=ys, shares=shares):
                total = 0.0
                for x, y, share in zip(xs, ys, shares, strict=True):
                    point = ((1 - share) * x + share * y).requires_grad_()
                    (g,) = torch.autograd.grad(f(w, point)[0], point, create_graph=True)
                    total = total + 10 * ((g**2).sum() ** 0.5 - 1) ** 2 / m
                return total

            value, gradient = gradients_of(negative_value, w)
            cost = 0.0
            if penalised:
                cost, more = gradients_of(penalty, w)
                gradient = [a + b for a, b in zip(gradient, more, strict=True)]
            step(w, gradient, memory_w, rate=rate)
            if not penalised:
                w = [layer.clip(-0.01, 0.01) for layer in w]
        latents = normal(m)
        loss, gradient = gradients_of(
            lambda theta, latents=latents, w=w: (
                sum(-f(w, f(theta, z))[0] for z in latents) / m
            ),
            theta,
        )
        step(theta, gradient, memory_theta, rate=rate)
        history.append((-value, cost, loss))
    return np.array(history), theta, w


@pytest.mark.parametrize("fast_path", [True, False], ids=["by hand", "autograd"])
@pytest.mark.parametrize("name", ["wgan", "wgan-gp"])
def test_a_round_is_algorithm_1(monkeypatch, name, fast_path):
    """Rounds of WGAN and WGAN-GP equal the algorithms of the papers, written out one
    sample at a time with explicit RMSProp and Adam, in float64 to 1e-12.
    """
    if not fast_path:
        monkeypatch.setattr(fast, "gradient_by_hand", lambda *_: None)
    state = begin(NAMES[name], steps=3, batch_size=4, dtype=torch.float64)
    data = points(dtype=torch.float64)
    history, theta, w = algorithm_1(state, data, rounds=3, penalised=name == "wgan-gp")
    found = record(train(state, data), every=1)
    for column, key in enumerate(("value", "penalty", "generator_loss")):
        np.testing.assert_allclose(found[key], history[:, column], rtol=0, atol=1e-12)
    for network, by_hand in ((state.generator, theta), (state.critic, w)):
        for ours, theirs in zip(network.parameters(), by_hand, strict=True):
            torch.testing.assert_close(ours.data, theirs, rtol=0, atol=1e-12)


# The order of things within a round.


class Noted(torch.optim.SGD):
    """Gradient descent that notes each of its steps."""

    def __init__(self, parameters, *, name, log, lr=0.05):
        super().__init__(parameters, lr=lr)
        self.name, self.log = name, log

    def step(self, closure=None):
        super().step(closure)
        self.log.append(self.name)


def noted(log, **changes):
    def project(critic):
        clip_weights(critic, bound=0.01)
        log.append("project")

    recipe = replace(
        WGAN,
        critic_steps=3,
        critic_optimizer=partial(Noted, name="critic", log=log),
        generator_optimizer=partial(Noted, name="generator", log=log),
        project=project,
    )
    return replace(recipe, **changes)


def test_order_of_a_round():
    """n_critic times step, then projection; then one generator step, outside the loop;
    a penalty is no step of its own.
    """
    for penalty in (None, gradient_penalty):
        log = []
        state = begin(noted(log, penalty=penalty), steps=2)
        record(train(state, points()))
        assert log == 2 * [*3 * ["critic", "project"], "generator"]


def largest(network):
    return max(float(p.detach().abs().max()) for p in network.parameters())


def test_the_bound_holds_when_the_generator_looks(monkeypatch):
    """Projected after the optimiser's step: |w| <= c in each generator step and after
    each round. Projected before it, the bound is broken when G looks.
    """
    for right in (True, False):
        seen = []

        def look(state, seen=seen):
            seen.append(largest(state.critic))
            return training.generator_step(state)

        def clip_then_step(state, real, fake, by_hand=None):
            state.recipe.project(state.critic)
            numbers = training.critic_gradient(state, real, fake)
            state.critic_optimizer.step()
            return numbers

        if not right:
            monkeypatch.setattr(training, "critic_step", clip_then_step)
        state = begin(noted([], generator_step=look), steps=3)
        for _ in train(state, points()):
            seen.append(largest(state.critic))
        assert len(seen) == 6
        assert (max(seen) <= 0.01) == right


def test_fakes_are_detached_and_fresh():
    """The critic's fakes carry no gradient, and each critic step has its own batch."""
    seen = []

    def spy(critic, real, fake, rng):
        seen.append((real.clone(), fake.clone()))
        assert not fake.requires_grad and not real.requires_grad
        return gradient_penalty(critic, real, fake, rng)

    state = begin(replace(QUICK, penalty=spy), steps=1)
    before = deepcopy(state.generator)
    for batch in training._batches(state, points()):
        training.critic_step(state, *batch)
    assert all(p.grad is None for p in state.generator.parameters())
    for ours, theirs in zip(
        state.generator.parameters(), before.parameters(), strict=True
    ):
        assert torch.equal(ours, theirs)
    (x1, y1), (x2, y2) = seen
    assert not torch.equal(x1, x2) and not torch.equal(y1, y2)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_batches_have_their_sizes(batch_norm):
    """n_critic batches of m real and m fakes, with and without batch statistics."""
    G, D = images_pair(batch_norm)
    state = start(G, D, WGAN_GP, steps=1, batch_size=6)
    batches = list(training._batches(state, torch.zeros(9, 1, 8, 8)))
    assert len(batches) == 5
    for real, fake in batches:
        assert real.shape == fake.shape == (6, 1, 8, 8)


def test_batch_statistics_are_those_of_one_batch():
    """A generator with BatchNorm makes one batch at a time, as a plain loop does."""
    G, D = images_pair()
    state = start(G, D, WGAN_GP, steps=1, batch_size=6)
    again, rng = deepcopy(G), torch.Generator()
    rng.set_state(state.rng.get_state())
    data = torch.arange(9.0).view(9, 1, 1, 1).expand(9, 1, 8, 8)
    with torch.no_grad():
        for real, fake in training._batches(state, data):
            assert torch.equal(fake, again(torch.randn(6, 4, generator=rng)))
            assert torch.equal(real, data[torch.randint(9, (6,), generator=rng)])


def test_a_critic_with_batch_norm_sees_real_and_fake_apart():
    """Real and fake share a forward pass only where samples are scored on their own."""
    G, _ = images_pair()
    D, sizes = dcgan_critic((1, 8, 8), width=2, batch_norm=True), []
    D.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    record(train(start(G, D, GAN, steps=1, batch_size=6), torch.zeros(9, 1, 8, 8)))
    assert sizes == [6, 6, 6]
    G, D = images_pair()
    sizes.clear()
    D.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    record(train(start(G, D, GAN, steps=1, batch_size=6), torch.zeros(9, 1, 8, 8)))
    assert sizes == [12, 6]


def test_each_player_improves_its_own_loss():
    """One sign convention: small critic steps raise the value (less penalty), small
    generator steps raise E f(G(z)).
    """
    small = partial(torch.optim.SGD, lr=1e-3)
    recipe = replace(
        QUICK, critic_optimizer=small, generator_optimizer=small, penalty=None
    )
    state = begin(recipe, steps=1, dtype=torch.float64)
    real, fake = points(200, torch.float64), 3 + points(200, torch.float64, seed=1)
    values = [training.critic_step(state, real, fake)[0].item() for _ in range(5)]
    assert sorted(values) == values and values[-1] > values[0]
    scores = []
    for _ in range(5):
        scores.append(state.critic(sample(state.generator, 500)).mean().item())
        training.generator_step(state)
    assert scores[-1] > scores[0]


def test_the_penalty_is_in_the_optimised_loss():
    """The critic's .grad is that of loss + penalty: neither term is missing."""
    real, fake = points(20, torch.float64), points(20, torch.float64, seed=1)
    gradients = {}
    for name, pair, penalty in (
        ("both", losses.wasserstein, gradient_penalty),
        ("value", losses.wasserstein, None),
        (
            "penalty",
            losses.Losses(lambda x, y: 0 * (x + y).sum(), None),
            gradient_penalty,
        ),
    ):
        recipe = replace(WGAN_GP, losses=pair, penalty=penalty)
        state = begin(recipe, dtype=torch.float64)
        training.critic_gradient(state, real, fake)
        gradients[name] = [p.grad.clone() for p in state.critic.parameters()]
        assert sum(float(g.abs().sum()) for g in gradients[name]) > 1e-3
    for both, value, penalty in zip(*gradients.values(), strict=True):
        torch.testing.assert_close(both, value + penalty, rtol=1e-12, atol=1e-14)


def test_a_generator_step_of_ones_own():
    """`generator_step` in the recipe replaces the plain one; its loss is recorded."""

    def still(state):
        return torch.tensor(float(state.round))

    state = begin(replace(QUICK, generator_step=still))
    before = deepcopy(state.generator.state_dict())
    history = record(train(state, points()), every=1)
    assert history["generator_loss"].tolist() == list(range(7))
    for name, value in state.generator.state_dict().items():
        assert torch.equal(value, before[name])


def test_rates_follow_the_recipe():
    """The learning rates are factor times the first ones, by the rounds done so far."""
    state, seen = begin(replace(QUICK, rate=lambda part: 1 - part), steps=4), []
    for _ in train(state, points()):
        optimizers = state.critic_optimizer, state.generator_optimizer
        seen.append([group["lr"] for o in optimizers for group in o.param_groups])
    np.testing.assert_allclose(seen, [[1e-3 * k / 4] * 2 for k in (4, 3, 2, 1)])


# Looking changes nothing.


@pytest.mark.parametrize("name", RECIPES)
def test_looking_never_changes_a_run(name):
    """Recorded each round or once, with samples drawn, global generators used, a
    progress bar and scores computed in between: the same history, bit for bit.
    """
    quiet = begin(RECIPES[name])
    sparse = record(train(quiet, points()), every=7)
    busy, rows = begin(RECIPES[name]), []
    for step in progress(train(busy, points()), every=1):
        sample(busy.generator, 5, seed=step.round)
        torch.rand(3)
        np.random.default_rng().random()
        busy.critic(points(5)).sum()
        rows.append(step)
    assert_same_weights(quiet, busy)
    dense = begin(RECIPES[name])
    history = record(train(dense, points()), every=1)
    assert_same_weights(quiet, dense)
    assert history["round"].tolist() == list(range(1, 8))
    for key in ("value", "penalty", "generator_loss"):
        assert history[key].tolist() == [float(getattr(row, key)) for row in rows]
        assert history[key][-1] == sparse[key][-1]


def test_sampling_does_not_touch_batch_norm():
    """`sample` uses running statistics, leaves them and every module's mode alone."""
    G, D = images_pair()
    G[2].eval()  # one layer that the user froze
    state = start(G, D, WGAN_GP, steps=2, batch_size=6)
    record(train(state, torch.zeros(9, 1, 8, 8)))
    before, judge = deepcopy(G.state_dict()), deepcopy(G).eval()
    latents = torch.randn(5, 4, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(sample(G, 5, seed=3), judge(latents).detach())
    assert [m.training for m in G] == [True, True, False, *[True] * (len(G) - 3)]
    assert all(
        torch.equal(before[name], value) for name, value in G.state_dict().items()
    )


def test_samples_are_a_function_of_the_seed():
    """n samples, the same for the same seed, a tensor without gradient."""
    G = mlp_generator(3, 2, width=8)
    assert sample(G, 5).shape == (5, 2) and not sample(G, 5).requires_grad
    assert torch.equal(sample(G, 5, seed=1), sample(G, 5, seed=1))
    assert not torch.equal(sample(G, 5, seed=1), sample(G, 5, seed=2))
    assert sample(G.double(), 5).dtype == torch.float64


@pytest.mark.parametrize("name", RECIPES)
def test_global_random_state_is_untouched(name):
    """A whole run, and looking at it, leaves torch's and numpy's state as it was."""
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    state = begin(RECIPES[name], steps=2)
    record(progress(train(state, ring())))
    sample(state.generator, 3)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_the_seed_decides():
    """Equal seeds, equal runs; another seed, another run."""
    histories = [
        record(train(begin(seed=seed), points()), every=1) for seed in (1, 1, 2)
    ]
    assert_same_history(*histories[:2])
    assert histories[0]["value"].tolist() != histories[2]["value"].tolist()


def test_train_alone_does_nothing():
    """Before the first `next` no weight, no random number and no round has changed."""
    state = begin()
    before, draws = deepcopy(weights(state)), state.rng.get_state()
    run = train(state, points())
    assert state.round == 0 and torch.equal(state.rng.get_state(), draws)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(state), strict=True))
    assert next(run).round == 1 == state.round


def test_steps_are_numbers_and_not_networks():
    """A Step holds detached scalars that later rounds do not change."""
    kept, floats = [], []
    for step in train(begin(), points()):
        kept.append(step)
        floats.append(
            [float(step.value), float(step.penalty), float(step.generator_loss)]
        )
        assert step.steps == 7
        for scalar in (step.value, step.penalty, step.generator_loss, step.first_bad):
            assert scalar.shape == () and not scalar.requires_grad
    for step, row in zip(kept, floats, strict=True):
        assert [
            float(step.value),
            float(step.penalty),
            float(step.generator_loss),
        ] == row


# Stopping and going on.


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("stop", [1, 4])
def test_broken_and_taken_up_is_unbroken(name, stop):
    """`break`, then `train(state, data)` again: the same history, bit for bit."""
    whole = begin(RECIPES[name])
    wanted = record(train(whole, points()), every=1)
    broken, rows = begin(RECIPES[name]), []
    for step in train(broken, points()):
        rows.append(step)
        if step.round == stop:
            break
    rest = record(train(broken, points()), every=1)
    for key, values in wanted.items():
        first = [float(getattr(row, key)) for row in rows]
        np.testing.assert_array_equal(values, [*first, *rest[key]])
    assert_same_weights(whole, broken)


def test_broken_run_with_batch_norm_is_unbroken():
    """The same with a DCGAN pair, whose generator has running statistics."""
    data, histories = torch.rand(9, 1, 8, 8), []
    for stop in (0, 2):
        state = start(*images_pair(), WGAN_GP, steps=4, batch_size=6)
        for _ in islice(train(state, data), stop):
            sample(state.generator, 3)
        histories.append(record(train(state, data), every=4))
        histories.append(state)
    assert_same_history(histories[0], histories[2])
    assert_same_weights(histories[1], histories[3])


def test_more_rounds_by_raising_steps():
    """A finished run goes on when state.steps is raised."""
    state = begin(steps=3)
    record(train(state, points()))
    state.steps = 5
    assert record(train(state, points()), every=1)["round"].tolist() == [4, 5]


def test_exhausted_run():
    """A run without rounds says so instead of giving an empty history."""
    state = begin(steps=2)
    run = train(state, points())
    record(run)
    for empty in (run, train(state, points())):
        with pytest.raises(ValueError, match="no rounds left. Raise state.steps"):
            record(empty)


@pytest.mark.parametrize(("every", "rounds"), [(1, 7), (3, 3), (7, 1), (50, 1)])
def test_record_keeps_every_nth_and_the_last(every, rounds):
    """Round k is kept iff `every` divides k or k is the last one."""
    history = record(train(begin(), points()), every=every)
    kept = [k for k in range(1, 8) if k % every == 0 or k == 7]
    assert history["round"].tolist() == kept and len(kept) == rounds
    assert set(history) == {"round", "value", "penalty", "generator_loss"}
    assert {len(column) for column in history.values()} == {rounds}


# Bad numbers.


def explosive(lr=1e30):
    return replace(
        QUICK,
        critic_optimizer=partial(torch.optim.SGD, lr=lr),
        generator_optimizer=partial(torch.optim.SGD, lr=lr),
    )


def first_bad_round(recipe, data):
    """The first round whose numbers are not finite, found by looking at each."""
    run = train(begin(recipe), data)
    for step in run:
        numbers = (step.value, step.penalty, step.generator_loss)
        if not all(math.isfinite(float(x)) for x in numbers):
            return step.round
    return None


BAD = {
    "a rate of 1e30": (explosive(), points()),
    "NaN in the data": (QUICK, torch.full((60, 2), math.nan)),
    "infinity in the data": (QUICK, torch.full((60, 2), math.inf)),
    "a loss that turns NaN in round 4": (
        replace(QUICK, rate=lambda part: math.nan if part > 0.4 else 1.0),
        points(),
    ),
}


@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize("name", BAD)
def test_record_raises_with_the_round(name, every):
    """A loss that is NaN or infinite is remembered and raised with its round."""
    recipe, data = BAD[name]
    bad = first_bad_round(recipe, data)
    message = f"a loss became NaN or infinite in round {bad}. Try a smaller"
    state = begin(recipe)
    with pytest.raises(ValueError, match=message):
        record(train(state, data), every=every)
    assert state.round == min(every * math.ceil(bad / every), 7)


@pytest.mark.parametrize("name", BAD)
def test_a_bare_loop_raises_at_its_end(name):
    """`for step in train(...)` raises after the last round, progress or not."""
    recipe, data = BAD[name]
    for look in (lambda run: run, progress):
        state = begin(recipe)
        with pytest.raises(ValueError, match="a loss became NaN or infinite in round"):
            for _ in look(train(state, data)):
                pass
        assert state.round == 7


def test_a_bad_round_stays_remembered():
    """Taken up again, a bad run still raises, with the first bad round."""
    state = begin(*BAD["a rate of 1e30"][:1])
    bad = first_bad_round(*BAD["a rate of 1e30"])
    for _ in islice(train(state, points()), 6):
        pass
    with pytest.raises(ValueError, match=f"in round {bad}[.]"):
        record(train(state, points()))


# Kinds of networks and data.


@pytest.mark.parametrize("name", NAMES)
def test_a_dcgan_pair_trains(name):
    """One round on images moves the convolutions of both networks."""
    G, D = images_pair()
    before = deepcopy([G.state_dict(), D.state_dict()])
    state = start(G, D, NAMES[name], steps=1, batch_size=6)
    history = record(train(state, torch.rand(9, 1, 8, 8)))
    assert np.isfinite([history["value"], history["generator_loss"]]).all()
    for network, old in ((G, before[0]), (D, before[1])):
        for key, parameter in network.named_parameters():
            moved = not torch.equal(parameter, old[key])
            # The Wasserstein loss does not see a constant added to all scores.
            assert moved or key == [*old][-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_float64_pair_trains(name):
    """float64 networks train on float64 tensors, and on samplers of float32."""
    for data in (points(dtype=torch.float64), ring()):
        state = begin(NAMES[name], steps=1, dtype=torch.float64)
        history = record(train(state, data))
        assert np.isfinite(history["value"]).all()
        assert {p.dtype for p in state.critic.parameters()} == {torch.float64}


def test_a_sampler_is_drawn_from_the_runs_own_generator():
    """Data with .sample(n, generator): n = m n_critic, from state.rng."""

    class Sampler:
        def sample(self, n, generator):
            assert generator is state.rng
            sizes.append(n)
            return torch.randn(n, 2, generator=generator)

    sizes, state = [], begin(steps=2)
    record(train(state, Sampler()))
    assert sizes == [16, 16]


def test_frozen_weights_stay():
    """A weight with requires_grad=False is trained in neither network."""
    state = begin()
    for network in (state.generator, state.critic):
        network[0].weight.requires_grad_(False)
    state = start(state.generator, state.critic, QUICK, steps=2, batch_size=8)
    before = deepcopy([state.generator[0].weight, state.critic[0].weight])
    record(train(state, points()))
    assert torch.equal(before[0], state.generator[0].weight)
    assert torch.equal(before[1], state.critic[0].weight)


@pytest.mark.parametrize(
    "settings", [{}, {"foreach": True}, {"fused": False}, {"amsgrad": True}]
)
def test_adam_in_all_its_forms(settings):
    """The fused kernel is only taken where the recipe asks for nothing else."""
    make = partial(torch.optim.Adam, lr=1e-3, **settings)
    recipe = replace(QUICK, critic_optimizer=make, generator_optimizer=torch.optim.Adam)
    state = begin(recipe, steps=1)
    record(train(state, points()))
    chosen = state.critic_optimizer.defaults
    assert chosen["fused"] == settings.get(
        "fused", None if settings.get("foreach") else True
    )
    assert all(chosen[name] == value for name, value in settings.items())


# Bad input.


def cut_off(G):
    del G.latent
    return G


G, D = partial(mlp_generator, 3, 2, width=4), partial(mlp_critic, 2, width=4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: start(G(), D(), QUICK, steps=0), "steps must be a whole number"),
        (lambda: start(G(), D(), QUICK, steps=2.5), "steps must be a whole number"),
        (
            lambda: start(G(), D(), QUICK, steps=1, batch_size=0),
            "batch_size must be a whole number of at least 1; got 0",
        ),
        (
            lambda: start(G(), D(), QUICK, steps=1, seed=-1),
            "seed must be a whole number",
        ),
        (
            lambda: start(G(), D(), "wgan", steps=1),
            "recipe must be a Recipe; got 'wgan'",
        ),
        (lambda: start(cut_off(G()), D(), QUICK, steps=1), "Set G.latent = "),
        (
            lambda: start(nn.Linear(3, 2), D(), QUICK, steps=1),
            "G does not say its latent size",
        ),
        (
            lambda: start(G(), lambda x: x.sum(1), QUICK, steps=1),
            "D must be a torch.nn.Module with weights; got function",
        ),
        (
            lambda: start(G(), nn.Flatten(0), QUICK, steps=1),
            "D must be a torch.nn.Module with weights; got Flatten",
        ),
        (
            lambda: start(G().to("meta"), D(), QUICK, steps=1),
            "must have one device; got G meta, D cpu. Convert with .to.device.",
        ),
        (
            lambda: start(G().double(), D(), QUICK, steps=1),
            "must have one dtype; got G torch.float64, D torch.float32",
        ),
        (lambda: train(begin(), points(7)), "got 7 samples for batch_size=8"),
        (lambda: train(begin(), points(0)), "got 0 samples for batch_size=8"),
        (
            lambda: train(begin(), points().to("meta")),
            "must have one device; got data meta, D cpu",
        ),
        (
            lambda: train(begin(), points().double()),
            "must have one dtype; got data torch.float64, D torch.float32",
        ),
        (
            lambda: train(begin(), torch.zeros(60, 2, dtype=torch.int64)),
            "must have one dtype; got data torch.int64",
        ),
        (lambda: train(begin(), points().tolist()), "data must be a tensor.*got list"),
        (
            lambda: train(begin(), points().numpy()),
            "data must be a tensor.*got ndarray. Use torch.as_tensor",
        ),
        (lambda: train(begin(), None), "data must be a tensor.*got NoneType"),
        (
            lambda: next(train(begin(), torch.zeros(60, 3))),
            r"data and samples of G must have the same shape; got \(8, 3\) and",
        ),
        (
            lambda: next(train(begin(), torch.zeros(60))),
            r"data and samples of G must have the same shape; got \(8,\) and \(8, 2\)",
        ),
        (
            lambda: next(train(start(G(), D()[:-1], WGAN, steps=1), points(70))),
            r"the critic must return one score a sample, .*; got \(128, 1\)",
        ),
        (
            lambda: next(train(start(G(), D()[:-2], WGAN, steps=1), points(70))),
            r"the critic must return one score a sample, .*; got \(128, 4\)",
        ),
        (lambda: record(train(begin(), points()), every=0), "every must be a whole"),
        (lambda: sample(G(), 0), "n must be a whole number of at least 1; got 0"),
        (lambda: sample(G(), 3, seed=0.5), "seed must be a whole number"),
        (lambda: sample(nn.Linear(3, 2), 3), "G does not say its latent size"),
    ],
)
def test_bad_input(call, message):
    """What cannot train is refused before it trains, with what came and what to do."""
    with pytest.raises(ValueError, match=message):
        call()


# Progress, devices.


def test_progress_passes_every_step_on(capsys):
    """The bar shows rounds, value and penalty, and changes nothing."""
    rounds = [step.round for step in progress(train(begin(), points()), every=1)]
    assert rounds == list(range(1, 8))
    shown = capsys.readouterr().err
    assert "7/7" in shown and "value=" in shown and "penalty=" in shown


@pytest.mark.parametrize("stop", ["break", "error", "end", "bad"])
def test_progress_closes_its_bar(monkeypatch, stop):
    """Broken off, failed or done: the bar is closed, once."""
    closed = []

    class Bar(training.tqdm):
        def close(self):
            closed.append(self.n)
            super().close()

        def __del__(self):  # tqdm's own would close what we forgot
            pass

    monkeypatch.setattr(training, "tqdm", Bar)
    recipe = explosive() if stop == "bad" else QUICK
    run = progress(train(begin(recipe), points()))
    try:
        for step in run:
            if stop == "break" and step.round == 3:
                break
            if stop == "error" and step.round == 3:
                raise KeyError
    except (KeyError, ValueError):
        assert stop in ("error", "bad")
    run.close()
    assert closed == [7 if stop in ("end", "bad") else 3]


def test_progress_of_a_run_without_rounds():
    """No round, no bar."""
    state = begin(steps=1)
    record(train(state, points()))
    assert list(progress(train(state, points()))) == []


def test_progress_begins_where_the_run_is(capsys):
    """A run taken up in round 4 of 7 shows 4/7 at first."""
    state = begin()
    for _ in islice(train(state, points()), 3):
        pass
    list(progress(train(state, points()), every=1))
    shown = capsys.readouterr().err
    assert "4/7" in shown and "1/7" not in shown


def test_budget_follows_the_device(monkeypatch):
    """`budget` is `gpu` where PyTorch sees one, else `cpu`."""
    for seen, wanted in ((True, "large"), (False, "small")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda seen=seen: seen)
        assert training.device().type == ("cuda" if seen else "cpu")
        assert training.budget(cpu="small", gpu="large") == wanted


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: nothing to wait for")
@pytest.mark.parametrize("name", RECIPES)
def test_no_host_synchronisation(name):
    """On a GPU a round never waits for the device: numbers leave it when recorded."""
    for data in (points().cuda(), ring()):
        state = start(G().cuda(), D().cuda(), RECIPES[name], steps=8, batch_size=8)
        run = train(state, data)
        next(run)  # the first round may set kernels up
        torch.cuda.set_sync_debug_mode("error")
        try:
            steps = list(islice(run, 5))
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert all(math.isfinite(float(step.value)) for step in steps)
