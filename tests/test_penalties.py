"""The gradient penalty against double loops, and against the mistakes of real code."""

import math
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import pytest
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from wgan_lessons.networks import MaskLeakyReLU, dcgan_critic, mlp_critic
from wgan_lessons.penalties import between, gradient_penalty, one_sided_penalty, slopes

SEEDS = st.integers(0, 1000)


def normal(*size, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=rng, dtype=torch.float64)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def smooth_critic(shape, seed=0):
    """A critic with a second derivative everywhere: tanh in place of ReLU."""
    size = math.prod(shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Flatten(), nn.Linear(size, 7), nn.Tanh(), nn.Linear(7, 5)]
        return nn.Sequential(
            *layers, nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0)
        ).double()


@torch.no_grad()
def slopes_by_loops(critic, points, h=1e-5):
    """|grad f| of each sample by central differences, coordinate by coordinate."""
    norms = []
    for i in range(len(points)):
        squares = 0.0
        for j in range(points[i].numel()):
            up, down = points[i].clone(), points[i].clone()
            up.view(-1)[j] += h
            down.view(-1)[j] -= h
            rise = critic(up[None]).item() - critic(down[None]).item()
            squares += (rise / (2 * h)) ** 2
        norms.append(math.sqrt(squares))
    return np.array(norms)


class Spy(nn.Module):
    """A critic that remembers the points at which it is asked."""

    def __init__(self, critic):
        super().__init__()
        self.critic = critic
        self.asked = []

    def forward(self, points):
        self.asked.append(points.detach().clone())
        return self.critic(points)


# The mistakes of the bug hunt, written from their description.


def at_real_points(critic, real, fake, rng):
    return 10 * (slopes(critic, real) - 1).square().mean()


def normal_epsilon(critic, real, fake, rng):
    t = torch.randn(len(real), 1, 1, 1, generator=rng, dtype=real.dtype)
    return 10 * (slopes(critic, (1 - t) * real + t * fake) - 1).square().mean()


def one_epsilon_a_batch(critic, real, fake, rng):
    t = torch.rand(1, generator=rng, dtype=real.dtype)
    return 10 * (slopes(critic, (1 - t) * real + t * fake) - 1).square().mean()


def one_epsilon_a_pixel(critic, real, fake, rng):
    t = torch.rand(real.shape, generator=rng, dtype=real.dtype)
    return 10 * (slopes(critic, (1 - t) * real + t * fake) - 1).square().mean()


def input_gradient(critic, points):
    points = points.detach().requires_grad_()
    return torch.autograd.grad(critic(points).sum(), points, create_graph=True)[0]


def norm_over_the_batch(critic, real, fake, rng):
    norm = input_gradient(critic, between(real, fake, rng)).norm()
    return 10 * (norm - 1).square()


def norm_over_channels(critic, real, fake, rng):
    norm = input_gradient(critic, between(real, fake, rng)).norm(dim=1)
    return 10 * (norm - 1).square().mean()


def root_of_a_sum(critic, real, fake, rng):
    gradient = input_gradient(critic, between(real, fake, rng))
    norm = gradient.flatten(1).square().sum(1).sqrt()
    return 10 * (norm - 1).square().mean()


# What a penalty must do; each property catches the mistakes that are named with it.


def shares(penalty, shape=(2, 2, 2), n=200):
    """The t of each coordinate of each sample that the penalty asked for: (n, d)."""
    real, fake = normal(n, *shape, seed=1), normal(n, *shape, seed=2)
    spy = Spy(smooth_critic(shape))
    penalty(spy, real, fake, rng(3))
    (points,) = spy.asked
    return ((points - real) / (fake - real)).flatten(1).numpy()


def one_t_a_sample(penalty):
    """All coordinates of a sample share t, and the samples do not."""
    t = shares(penalty)
    return np.ptp(t, axis=1).max() < 1e-6 and len(np.unique(t[:, 0].round(6))) > 190


def never_outside(penalty):
    """x_t lies on the segment between x and y."""
    t = shares(penalty)
    return t.min() > -1e-6 and t.max() < 1 + 1e-6


def uniform_t(penalty):
    """The samples' t are uniform on [0, 1] (Kolmogorov-Smirnov)."""
    return stats.kstest(shares(penalty)[:, 0], "uniform").pvalue > 1e-3


def double_loop(penalty):
    """10 E (|grad f| - 1)^2 at the points asked for, by central differences."""
    shape = (2, 3, 3)
    real, fake = normal(4, *shape, seed=4), normal(4, *shape, seed=5)
    spy = Spy(smooth_critic(shape))
    value = penalty(spy, real, fake, rng(6)).item()
    norms = slopes_by_loops(spy.critic, spy.asked[0])
    return abs(value - 10 * np.mean((norms - 1) ** 2)) < 1e-7


def finite_at_zero_slope(penalty):
    """A critic without slope gets a finite gradient, not NaN."""
    critic = smooth_critic((2, 2, 2))
    with torch.no_grad():
        critic[-2].weight.zero_()
    batch = normal(5, 2, 2, 2)
    penalty(critic, batch, batch + 1, rng()).backward()
    return all(
        torch.isfinite(p.grad).all() for p in critic.parameters() if p.grad is not None
    )


class Mistake(NamedTuple):
    """A wrong penalty, and the properties that it must fail."""

    penalty: object
    caught_by: tuple


PROPERTIES = (
    one_t_a_sample,
    never_outside,
    uniform_t,
    double_loop,
    finite_at_zero_slope,
)
MISTAKES = {
    "at real points only": Mistake(at_real_points, (one_t_a_sample, uniform_t)),
    "epsilon from a normal": Mistake(normal_epsilon, (never_outside, uniform_t)),
    "one epsilon a batch": Mistake(one_epsilon_a_batch, (one_t_a_sample, uniform_t)),
    "one epsilon a pixel": Mistake(one_epsilon_a_pixel, (one_t_a_sample,)),
    "norm over the batch": Mistake(norm_over_the_batch, (double_loop,)),
    "norm over channels": Mistake(norm_over_channels, (double_loop,)),
    "square root of a sum": Mistake(root_of_a_sum, (finite_at_zero_slope,)),
}


@pytest.mark.parametrize("property_", PROPERTIES)
def test_gradient_penalty_has_the_property(property_):
    """Ours passes every property of a right penalty."""
    assert property_(gradient_penalty)


@pytest.mark.parametrize("name", MISTAKES)
def test_the_properties_catch_the_mistake(name):
    """A wrong variant fails exactly the properties that are named with it."""
    penalty, caught_by = MISTAKES[name]
    failed = tuple(p for p in PROPERTIES if not p(penalty))
    assert failed == caught_by


@pytest.mark.parametrize("weight", [0.1, 10.0])
@pytest.mark.parametrize("shape", [(2,), (1, 3, 3), (3, 2, 2)])
def test_penalties_equal_the_double_loop(shape, weight):
    """lambda E (|grad f(x_t)| - 1)^2, and its one-sided form, by double loops."""
    real, fake = normal(5, *shape, seed=1), 2 + normal(5, *shape, seed=2)
    critic = smooth_critic(shape, seed=3)
    with torch.no_grad():
        norms = slopes_by_loops(critic, between(real, fake, rng(4)))
        factor = 1 / np.median(norms)  # so that slopes lie on both sides of 1
        critic[-2].weight *= factor
    norms *= factor
    assert norms.min() < 1 < norms.max()
    two_sided = gradient_penalty(critic, real, fake, rng(4), weight=weight)
    one_sided = one_sided_penalty(critic, real, fake, rng(4), weight=weight)
    assert two_sided.item() == pytest.approx(
        weight * np.mean((norms - 1) ** 2), rel=1e-7
    )
    excess = np.maximum(norms - 1, 0)
    assert one_sided.item() == pytest.approx(weight * np.mean(excess**2), rel=1e-7)


@pytest.mark.parametrize("penalty", [gradient_penalty, one_sided_penalty])
def test_gradient_in_the_weights_equals_differences(penalty):
    """d penalty / d weight is the central difference, for every weight and bias."""
    real, fake = normal(4, 3, seed=1), normal(4, 3, seed=2)
    critic = smooth_critic((3,), seed=5)
    with torch.no_grad():
        critic[-2].weight *= 20  # so that slopes lie on both sides of 1
    penalty(critic, real, fake, rng(2)).backward()
    for parameter in critic.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        flat, h = parameter.data.view(-1), 1e-6
        for k in range(parameter.numel()):
            values = []
            for step in (h, -h):
                flat[k] += step
                values.append(penalty(critic, real, fake, rng(2)).item())
                flat[k] -= step
            difference = (values[0] - values[1]) / (2 * h)
            gradient = parameter.grad.view(-1)[k].item()
            assert gradient == pytest.approx(difference, rel=1e-6, abs=1e-7)


def test_slopes_of_a_piecewise_linear_critic():
    """ReLU and LeakyReLU critics: exact slopes, images included."""
    for critic, shape in (
        (mlp_critic((1, 3, 3), width=8, seed=1), (1, 3, 3)),
        (dcgan_critic((1, 4, 4), width=2, seed=1), (1, 4, 4)),
        (
            nn.Sequential(
                nn.Linear(3, 4), MaskLeakyReLU(), nn.Linear(4, 1), nn.Flatten(0)
            ),
            (3,),
        ),
    ):
        points = normal(3, *shape, seed=2)
        found = slopes(critic.double(), points).detach()
        np.testing.assert_allclose(found, slopes_by_loops(critic, points), rtol=1e-7)


@examples
@given(st.floats(0, 3), SEEDS, st.integers(1, 4))
def test_linear_critic(slope, seed, dim):
    """f(x) = s <w, x>, |w| = 1: lambda (s - 1)^2, one-sided lambda max(s - 1, 0)^2."""
    direction = normal(dim, seed=seed)
    w = slope * direction / direction.norm()
    real, fake = normal(6, dim, seed=seed + 1), normal(6, dim, seed=seed + 2)
    found = gradient_penalty(lambda x: x @ w, real, fake, rng(seed))
    assert found.item() == pytest.approx(10 * (slope - 1) ** 2, abs=1e-12)
    found = one_sided_penalty(lambda x: x @ w, real, fake, rng(seed))
    assert found.item() == pytest.approx(10 * max(slope - 1, 0) ** 2, abs=1e-12)


@examples
@given(SEEDS, st.integers(1, 5), st.integers(1, 4))
def test_cones_have_slope_one(seed, cones, dim):
    """f(x) = min_n (|x - c_n| + b_n) has penalty 0: slope 1 almost everywhere."""
    centres, offsets = normal(cones, dim, seed=seed), normal(cones, seed=seed + 1)

    def critic(x):
        return (torch.cdist(x, centres) + offsets).min(1).values

    batch = normal(2, 8, dim, seed=seed + 2)
    assert gradient_penalty(critic, *batch, rng(seed)).item() < 1e-25
    assert one_sided_penalty(critic, *batch, rng(seed)).item() < 1e-25


@examples
@given(st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0]), min_size=1, max_size=6), SEEDS)
def test_zero_iff_every_slope_is_one(radii, seed):
    """f(x) = |x|^2 / 2 has slope |x|: the penalty is 0 iff every |x| = 1, the
    one-sided one iff every |x| <= 1; one wrong sample is enough.
    """
    points = normal(len(radii), 3, seed=seed)
    points *= torch.tensor(radii)[:, None] / points.norm(dim=1, keepdim=True)

    def critic(x):
        return x.square().sum(1) / 2

    # With fake = real the points x_t are known, whatever t is.
    two_sided = gradient_penalty(critic, points, points, rng()).item()
    one_sided = one_sided_penalty(critic, points, points, rng()).item()
    assert (two_sided < 1e-20) == all(radius == 1 for radius in radii)
    assert (one_sided < 1e-20) == all(radius <= 1 for radius in radii)
    wanted = 10 * np.mean([(radius - 1) ** 2 for radius in radii])
    assert two_sided == pytest.approx(wanted, abs=1e-12)


@examples
@given(st.permutations(range(6)), SEEDS)
def test_the_order_of_the_batch_does_not_matter(order, seed):
    """Permuting real, fake and t alike changes neither the penalty nor its gradient."""
    real, fake = normal(2, 6, 1, 2, 2, seed=seed)
    t = torch.rand(6, generator=rng(seed), dtype=torch.float64)
    critic = smooth_critic((1, 2, 2), seed=seed)
    results = []
    for rows in (list(range(6)), list(order)):
        critic.zero_grad()
        with patch.object(torch, "rand", return_value=t[rows]):
            value = gradient_penalty(critic, real[rows], fake[rows], None)
        value.backward()
        results.append([value.detach(), critic[1].weight.grad.clone()])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_the_penalty_is_the_mean_over_samples():
    """A batch's penalty is the mean of the penalties of its samples, one at a time."""
    real, fake = normal(2, 6, 1, 2, 2, seed=3)
    t = torch.rand(6, generator=rng(), dtype=torch.float64)
    critic, single = smooth_critic((1, 2, 2)), []
    for i in range(6):
        with patch.object(torch, "rand", return_value=t[i : i + 1]):
            row = slice(i, i + 1)
            single.append(gradient_penalty(critic, real[row], fake[row], None).item())
    with patch.object(torch, "rand", return_value=t):
        whole = gradient_penalty(critic, real, fake, None).item()
    assert whole == pytest.approx(np.mean(single), rel=1e-12)


def test_batch_norm_makes_the_slope_another_thing():
    """With BatchNorm in the critic "slope at a sample" depends on the other samples:
    the double loop over single samples and autograd no longer agree.
    """
    torch_critic = dcgan_critic((1, 8, 8), width=2, batch_norm=True).double()
    points = normal(4, 1, 8, 8)
    found = slopes(torch_critic, points).detach()
    alone = slopes(torch_critic.eval(), points).detach()
    assert not torch.allclose(found, alone, rtol=0.01)


@examples
@given(SEEDS)
def test_between_is_on_the_segment(seed):
    """x_t = (1 - t) x + t y with one t a sample: |x - x_t| + |x_t - y| = |x - y|."""
    real, fake = normal(2, 7, 1, 2, 2, seed=seed)
    x_t = between(real, fake, rng(seed))
    way = (real - x_t).flatten(1).norm(dim=1) + (x_t - fake).flatten(1).norm(dim=1)
    torch.testing.assert_close(way, (real - fake).flatten(1).norm(dim=1))
    t = torch.rand(7, generator=rng(seed), dtype=torch.float64).view(-1, 1, 1, 1)
    torch.testing.assert_close(x_t, (1 - t) * real + t * fake)


def test_the_penalty_leaves_its_inputs_alone():
    """No gradient flows into real or fake samples, and none is asked of them."""
    real, fake = normal(2, 5, 2)
    fake.requires_grad_()
    gradient_penalty(smooth_critic((2,)), real, fake, rng()).backward()
    assert fake.grad is None and not real.requires_grad


def test_global_random_state_is_untouched():
    """All randomness comes from the generator that is passed."""
    before = torch.get_rng_state()
    gradient_penalty(smooth_critic((2,)), normal(5, 2), normal(5, 2), rng())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "critic",
    [
        lambda x: x.sum(1, keepdim=True),
        lambda x: x.sum(),
        lambda x: torch.stack([x, x], dim=2).sum(1),
    ],
    ids=["(N, 1)", "()", "(N, 2)"],
)
def test_scores_must_be_one_number_a_sample(critic):
    """(N, 1) minus (N,) would be (N, N): such a critic is refused where it is asked."""
    assert (torch.zeros(5, 1) - torch.zeros(5)).shape == (5, 5)
    with pytest.raises(ValueError, match=r"one score a sample, shape \(5,\); got"):
        gradient_penalty(critic, normal(5, 2), normal(5, 2), rng())


@pytest.mark.parametrize("other", [(4, 2), (5, 3), (5, 2, 1), (5, 1)])
def test_real_and_fake_must_fit(other):
    """Broadcasting between batches of different shapes is refused."""
    with pytest.raises(ValueError, match="real and fake must have the same shape; got"):
        gradient_penalty(smooth_critic((2,)), normal(5, 2), normal(*other), rng())
