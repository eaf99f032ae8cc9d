"""The critic's gradient by hand is autograd's; anything unknown is left to autograd."""

import pickle
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations

from wgan_lessons import fast, losses, training
from wgan_lessons.fast import fast_matmul, gradient_by_hand, plain_layers
from wgan_lessons.networks import (
    MaskLeakyReLU,
    MaskReLU,
    dcgan_critic,
    mlp_critic,
    mlp_generator,
)
from wgan_lessons.penalties import gradient_penalty, one_sided_penalty
from wgan_lessons.recipes import GAN, WGAN, WGAN_GP

ACTIVATIONS = {
    "relu": nn.ReLU,
    "relu in place": lambda: nn.ReLU(inplace=True),
    "mask": MaskReLU,
    "leaky": nn.LeakyReLU,
    "leaky 0.5": lambda: nn.LeakyReLU(0.5),
    "leaky 0": lambda: nn.LeakyReLU(0.0),
    "leaky 1": lambda: nn.LeakyReLU(1.0),
    "mask leaky": MaskLeakyReLU,
}
SIZES = st.integers(1, 6)


def normal(*size, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=rng, dtype=torch.float64)


def mlp(sizes, activation=nn.ReLU, *, seed=0):
    """A critic with layers of the given sizes: float64, large random weights."""
    layers = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    critic = nn.Sequential(*layers[:-1], nn.Flatten(0)).double()
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in critic.parameters():
            noise = torch.randn(parameter.shape, generator=rng, dtype=torch.float64)
            parameter.copy_(noise)
    return critic


def by_autograd(critic, real, fake, penalty, seed=0):
    """Value, penalty and gradients as `training.critic_gradient` fills them."""
    state = SimpleNamespace(
        critic=critic,
        recipe=SimpleNamespace(losses=losses.wasserstein, penalty=penalty),
        critic_optimizer=torch.optim.SGD(critic.parameters(), lr=0.1),
        rng=torch.Generator().manual_seed(seed),
    )
    numbers = training.critic_gradient(state, real, fake)
    return *numbers, [p.grad for p in critic.parameters()], state.rng.get_state()


def by_hand(critic, real, fake, penalty, seed=0):
    fill = gradient_by_hand(critic, losses.wasserstein, penalty)
    rng = torch.Generator().manual_seed(seed)
    for parameter in critic.parameters():
        parameter.grad = torch.full_like(parameter, torch.nan)  # must not be added to
    numbers = fill(real, fake, rng)
    return *numbers, [p.grad for p in critic.parameters()], rng.get_state()


def assert_equal_gradients(critic, real, fake, penalty):
    value, cost, gradients, after = by_autograd(critic, real, fake, penalty)
    mine = by_hand(critic, real, fake, penalty)
    assert torch.equal(after, mine[3]), "the same random numbers must be drawn"
    torch.testing.assert_close(mine[0], value, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(mine[1], cost, rtol=1e-12, atol=0)
    for ours, theirs in zip(mine[2], gradients, strict=True):
        theirs = torch.zeros_like(ours) if theirs is None else theirs
        assert ours.shape == theirs.shape
        # Relative to the size of the layer's gradient.
        scale = max(1.0, float(theirs.abs().max()))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * scale)


@examples
@given(
    st.lists(SIZES, min_size=1, max_size=5),
    st.sampled_from(sorted(ACTIVATIONS)),
    st.integers(1, 7),
    st.sampled_from([None, 0.0, 0.1, 10.0]),
    st.integers(0, 100),
)
def test_gradient_by_hand_is_autograds(sizes, activation, n, weight, seed):
    """Value, penalty and every gradient agree to 1e-12 for every depth and width,
    from a single Linear on; both draw the same random numbers.
    """
    critic = mlp([*sizes, 1], ACTIVATIONS[activation], seed=seed)
    real, fake = normal(2, n, sizes[0], seed=seed + 1)
    penalty = None if weight is None else partial(gradient_penalty, weight=weight)
    assert_equal_gradients(critic, real, fake, penalty)


@pytest.mark.parametrize("penalty", [None, gradient_penalty])
@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 2, 2), (6,)])
def test_gradient_by_hand_on_images(shape, penalty):
    """Images are flattened as the critic's own first layer flattens them."""
    critic = mlp_critic(shape, width=16, depth=2, seed=1).double()
    real, fake = normal(2, 9, *shape)
    assert_equal_gradients(critic, real, fake, penalty)


def test_a_sample_without_slope_has_gradient_zero():
    """Where grad f = 0 the penalty is (0 - 1)^2 and its gradient is 0, not NaN."""
    critic = mlp([2, 3, 1])
    with torch.no_grad():
        critic[0].bias.fill_(-1e6)  # every unit asleep
    real, fake = normal(2, 5, 2)
    value, cost, gradients, _ = by_hand(critic, real, fake, gradient_penalty)
    assert value.item() == 0 and cost.item() == 10
    assert all(torch.isfinite(g).all() for g in gradients)
    assert_equal_gradients(critic, real, fake, gradient_penalty)
    with torch.no_grad():
        critic[0].bias[0] = 0.0  # asleep on one half of the plane only
    slopes = training.fast.penalties.slopes(critic, normal(50, 2)).detach()
    assert (slopes == 0).any() and (slopes > 0).any()
    assert_equal_gradients(critic, *normal(2, 50, 2), gradient_penalty)


def test_rows_are_not_changed():
    """The batch that was passed is the same afterwards, and carries no gradient."""
    critic, (real, fake) = mlp([2, 3, 1]), normal(2, 5, 2)
    copies = real.clone(), fake.clone()
    value, cost, gradients, _ = by_hand(critic, real, fake, gradient_penalty)
    assert torch.equal(real, copies[0]) and torch.equal(fake, copies[1])
    assert not any(t.requires_grad for t in (value, cost, *gradients))


@pytest.mark.parametrize("penalty", [None, partial(gradient_penalty, weight=2.0)])
def test_histories_agree(monkeypatch, penalty):
    """A run by hand and a run by autograd have the same history in float64."""
    histories = []
    for hand in (True, False):
        if not hand:
            monkeypatch.setattr(fast, "gradient_by_hand", lambda *_: None)
        G = mlp_generator(2, 2, width=16, depth=2).double()
        D = mlp_critic(2, width=16, depth=2).double()
        recipe = WGAN_GP if penalty else WGAN
        state = training.start(G, D, recipe, steps=25, batch_size=8)
        run = training.train(state, normal(100, 2))
        histories.append(training.record(run, every=1))
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-9, atol=1e-12)


def test_known_layers():
    """(linear, slope) pairs: the slope on negative numbers, 1 behind the last one."""
    critic = mlp([2, 3, 4, 5, 1], nn.LeakyReLU)
    pairs = plain_layers(critic)
    assert [slope for _, slope in pairs] == [0.01, 0.01, 0.01, 1.0]
    assert [linear for linear, _ in pairs] == list(critic)[:-1:2]
    assert [s for _, s in plain_layers(mlp([2, 3, 1]))] == [0.0, 1.0]
    assert [s for _, s in plain_layers(mlp([2, 3, 1], MaskLeakyReLU))] == [0.2, 1.0]


def test_a_changed_slope_is_seen():
    """The slope is read from the layer, not from its type."""
    critic = mlp([2, 3, 1], MaskLeakyReLU)
    critic[1].slope = 0.7
    assert_equal_gradients(critic, *normal(2, 9, 2), gradient_penalty)


class Loud(nn.Linear):
    """A subclass may do anything in its forward pass."""

    def forward(self, x):
        return super().forward(x) ** 3


class Wrapped(nn.Sequential):
    def forward(self, x):
        return super().forward(x) ** 3


def shared():
    layer = nn.Linear(2, 2)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(2, 1))


def tied():
    critic = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2), nn.ReLU())
    critic[2].weight = critic[0].weight
    return critic.append(nn.Linear(2, 1))


def hooked_whole():
    critic = mlp([2, 3, 1])
    critic.register_forward_hook(lambda module, inputs, out: out * 2)
    return critic


def changed(change):
    """A plain body, changed by `change(critic)`."""
    critic = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    change(critic)
    return critic


BODIES = {
    "a subclass of Linear": lambda: nn.Sequential(Loud(2, 3), nn.ReLU(), Loud(3, 1)),
    "no bias": lambda: nn.Sequential(nn.Linear(2, 1, bias=False)),
    "BatchNorm": lambda: nn.Sequential(
        nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1)
    ),
    "LayerNorm": lambda: nn.Sequential(
        nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 1)
    ),
    "Tanh": lambda: nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)),
    "PReLU": lambda: nn.Sequential(nn.Linear(2, 3), nn.PReLU(), nn.Linear(3, 1)),
    "a falling slope": lambda: nn.Sequential(
        nn.Linear(2, 3), nn.LeakyReLU(-0.1), nn.Linear(3, 1)
    ),
    "Dropout": lambda: nn.Sequential(nn.Linear(2, 3), nn.Dropout(), nn.Linear(3, 1)),
    "two linears": lambda: nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)),
    "a last activation": lambda: nn.Sequential(nn.Linear(2, 1), nn.ReLU()),
    "a shared layer": shared,
    "a tied weight": tied,
    "a frozen weight": lambda: changed(lambda c: c[0].weight.requires_grad_(False)),
    "a forward hook": lambda: changed(
        lambda c: c[1].register_forward_hook(lambda m, i, out: out * 2)
    ),
    "a pre-hook": lambda: changed(
        lambda c: c[2].register_forward_pre_hook(lambda m, i: (i[0] * 2,))
    ),
    "a backward hook": lambda: changed(
        lambda c: c[1].register_full_backward_hook(lambda m, i, o: None)
    ),
    "a weight's hook": lambda: changed(
        lambda c: c[0].weight.register_hook(lambda g: g.clamp(-1e-3, 1e-3))
    ),
    "a hook after the gradient": lambda: changed(
        lambda c: c[0].weight.register_post_accumulate_grad_hook(lambda w: None)
    ),
    "spectral norm": lambda: changed(lambda c: parametrizations.spectral_norm(c[0])),
    "weight norm": lambda: changed(lambda c: parametrizations.weight_norm(c[0])),
}
CRITICS = {
    **{
        name: lambda make=make: make().append(nn.Flatten(0))
        for name, make in BODIES.items()
    },
    "no end": lambda: nn.Sequential(nn.Linear(2, 1)),
    "an end that keeps a column": lambda: nn.Sequential(nn.Linear(2, 1), nn.Flatten()),
    "an end that flattens nothing": lambda: nn.Sequential(
        nn.Linear(2, 1), nn.Flatten(0, 0)
    ),
    "a squeeze": lambda: nn.Sequential(nn.Linear(2, 1), nn.Unflatten(1, (1, 1))),
    "two scores": lambda: nn.Sequential(nn.Linear(2, 2), nn.Flatten(0)),
    "nothing": nn.Sequential,
    "only a flatten": lambda: nn.Sequential(nn.Flatten()),
    "two flattens": lambda: nn.Sequential(nn.Flatten(), nn.Flatten(0)),
    "a half flatten": lambda: nn.Sequential(
        nn.Flatten(1, 2), nn.Linear(4, 1), nn.Flatten(0)
    ),
    "a subclass of Sequential": lambda: Wrapped(nn.Linear(2, 1), nn.Flatten(0)),
    "a hook on the whole": hooked_whole,
    "a convolution": lambda: dcgan_critic((1, 8, 8), width=2),
    "no Sequential": lambda: nn.Linear(2, 1),
}


@pytest.mark.parametrize("name", CRITICS)
def test_everything_else_is_left_to_autograd(name):
    """`plain_layers` is None for whatever may have another gradient."""
    critic = CRITICS[name]()
    assert plain_layers(critic) is None
    assert gradient_by_hand(critic, losses.wasserstein, gradient_penalty) is None


def unlike(critic, real, fake, rng):
    return gradient_penalty(critic, real, fake, rng)


def test_a_copied_recipe_is_still_done_by_hand():
    """Losses are compared by value: workers that unpickle a recipe stay fast."""
    pair = pickle.loads(pickle.dumps(losses.wasserstein))
    assert gradient_by_hand(mlp([2, 3, 1]), pair, gradient_penalty) is not None


@pytest.mark.parametrize(
    ("pair", "penalty"),
    [
        (losses.minimax, None),
        (losses.non_saturating, gradient_penalty),
        (losses.Losses(losses.wasserstein.critic, unlike), gradient_penalty),
        (losses.wasserstein, one_sided_penalty),
        (losses.wasserstein, partial(one_sided_penalty, weight=1.0)),
        (losses.wasserstein, unlike),
        (losses.wasserstein, partial(gradient_penalty, None)),
    ],
)
def test_other_losses_are_left_to_autograd(pair, penalty):
    """Only the Wasserstein loss, alone or with `gradient_penalty`, is done by hand."""
    assert gradient_by_hand(mlp([2, 3, 1]), pair, penalty) is None


def test_a_copied_recipe_is_known():
    """A recipe that was pickled for another process is still done by hand."""
    recipe = pickle.loads(pickle.dumps(WGAN_GP))
    assert recipe is not WGAN_GP
    assert gradient_by_hand(mlp([2, 3, 1]), recipe.losses, recipe.penalty) is not None


def test_named_recipes():
    """By hand: WGAN and WGAN-GP on the course's MLP critics. Autograd: GAN."""
    for shape in ((2,), (1, 8, 8)):
        critic = mlp_critic(shape, width=4)
        for recipe, known in ((WGAN, True), (WGAN_GP, True), (GAN, False)):
            found = gradient_by_hand(critic, recipe.losses, recipe.penalty)
            assert (found is not None) == known


def setting():
    return torch.backends.mkldnn.matmul.fp32_precision


needs_switch = pytest.mark.skipif(
    not hasattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision"),
    reason="torch < 2.9 has no switch for matrix products",
)


@needs_switch
def test_fast_matmul_comes_and_goes():
    """Inside, the switch is set and products stay float32-exact; then it is back."""
    before = setting()
    a, b = normal(2, 64, 64)
    with fast_matmul():
        assert setting() == "bf16"
        error = (a.float() @ b.float()).double() - a @ b
    assert setting() == before
    assert error.norm() < 1e-5 * (a @ b).norm()


@needs_switch
def test_fast_matmul_is_undone_after_an_error():
    """An exception inside leaves the old setting."""
    before = setting()
    with pytest.raises(KeyError), fast_matmul():
        raise KeyError
    assert setting() == before


@needs_switch
def test_fast_matmul_keeps_what_was_set_before():
    """Nested, or set by the user: the value that comes back is the one that was."""
    before = setting()
    torch.backends.mkldnn.matmul.fp32_precision = "ieee"
    try:
        with fast_matmul():
            with fast_matmul():
                assert setting() == "bf16"
            assert setting() == "bf16"
        assert setting() == "ieee"
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = before


@needs_switch
@pytest.mark.parametrize("error", [2e-5, 4e-3, float("nan")])
def test_fast_matmul_refuses_when_digits_are_lost(monkeypatch, error):
    """A probe with a relative error above 1e-5 raises, and the body never runs."""
    before = setting()
    monkeypatch.setattr(fast, "_probe_error", lambda: error)
    message = "would lose digits here: relative error"
    with pytest.raises(ValueError, match=message), fast_matmul():
        pytest.fail("the body must not run")
    assert setting() == before


@needs_switch
def test_the_probe_sees_low_precision(monkeypatch):
    """The probe is small for float32 products, large for bfloat16 ones."""
    assert fast._probe_error() < 1e-5

    def rounded(a, b):
        return torch.mm(a.bfloat16(), b.bfloat16()).float()

    product = torch.Tensor.__matmul__

    def matmul(a, b):
        return rounded(a, b) if a.dtype is torch.float32 else product(a, b)

    monkeypatch.setattr(torch.Tensor, "__matmul__", matmul)
    assert fast._probe_error() > 1e-4


def test_fast_matmul_needs_a_new_torch(monkeypatch):
    """On a PyTorch without the switch: a ValueError that names the version."""
    monkeypatch.setattr(torch.backends, "mkldnn", SimpleNamespace())
    with pytest.raises(ValueError, match=r"needs torch >= 2.9; got 2"), fast_matmul():
        pytest.fail("the body must not run")
