"""Pairs of losses: closed forms, gradients and the values that theory gives."""

import math

import numpy as np
import pytest
import sympy
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits

from wgan_lessons import losses
from wgan_lessons.losses import minimax, non_saturating, wasserstein

PAIRS = {"wasserstein": wasserstein, "minimax": minimax, "saturating": non_saturating}
SCORES = st.lists(st.floats(-20, 20), min_size=1, max_size=8)
COUNTS = st.lists(st.integers(1, 9), min_size=2, max_size=5)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def derivative(loss, scores):
    scores = tensor(scores).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(scores), scores)
    return gradient.numpy()


@examples
@given(SCORES, SCORES)
def test_value_is_the_difference_of_means(real, fake):
    """The Wasserstein critic minimises E f(y) - E f(x), the generator -E f(y)."""
    loss = wasserstein.critic(tensor(real), tensor(fake))
    assert loss.item() == pytest.approx(np.mean(fake) - np.mean(real), abs=1e-12)
    assert wasserstein.generator(tensor(fake)).item() == pytest.approx(-np.mean(fake))


@examples
@given(
    st.integers(1, 8).flatmap(
        lambda m: st.tuples(*[st.lists(st.floats(-20, 20), min_size=m, max_size=m)] * 2)
    )
)
def test_label_trick(batch):
    """The mean of label times score over both batches is half the critic's loss."""
    real, fake = map(tensor, batch)
    labels = torch.cat([-torch.ones_like(real), torch.ones_like(fake)])
    trick = (labels * torch.cat([real, fake])).mean()
    assert trick.item() == pytest.approx(wasserstein.critic(real, fake).item() / 2)


@examples
@given(SCORES, SCORES, st.floats(-100, 100))
def test_a_potential_counts_up_to_a_constant(real, fake, shift):
    """f and f + c have the same Wasserstein loss; a discriminator's logits do not."""
    real, fake = tensor(real), tensor(fake)
    before = wasserstein.critic(real, fake)
    assert wasserstein.critic(real + shift, fake + shift).item() == pytest.approx(
        before.item(), abs=1e-10
    )
    if abs(shift) > 1:
        moved = losses.gan_critic(real * 0 + shift, fake * 0 + shift)
        assert moved > losses.gan_critic(real * 0, fake * 0)


@examples
@given(SCORES, SCORES)
def test_gan_critic_is_cross_entropy(real, fake):
    """-E log D(x) - E log(1 - D(y)) is the sum of two cross-entropies with labels."""
    real, fake = tensor(real), tensor(fake)
    entropy = binary_cross_entropy_with_logits
    wanted = entropy(real, torch.ones_like(real))
    wanted += entropy(fake, torch.zeros_like(fake))
    assert losses.gan_critic(real, fake).item() == pytest.approx(wanted.item())


def test_value_of_a_blind_discriminator():
    """With D = 1/2 everywhere the value is -log 4, and both generator losses log 2."""
    scores = torch.zeros(5, dtype=torch.float64)
    assert -losses.gan_critic(scores, scores).item() == pytest.approx(-math.log(4))
    assert minimax.generator(scores).item() == pytest.approx(-math.log(2))
    assert non_saturating.generator(scores).item() == pytest.approx(math.log(2))


@examples
@given(
    COUNTS.flatmap(
        lambda p: st.tuples(
            st.just(p), st.lists(st.integers(1, 9), min_size=len(p), max_size=len(p))
        )
    )
)
def test_best_discriminator_and_its_value(counts):
    """The loss is stationary at D = p/(p + q), and its value there is 2 JS - log 4."""
    p, q = (np.array(side, dtype=float) / sum(side) for side in counts)
    points = torch.log(tensor(p / q)).requires_grad_()
    real, fake = (torch.repeat_interleave(points, torch.tensor(c)) for c in counts)
    loss = losses.gan_critic(real, fake)
    (gradient,) = torch.autograd.grad(loss, points)
    np.testing.assert_allclose(gradient, 0, atol=1e-15)
    middle = (p + q) / 2
    double_js = np.sum(p * np.log(p / middle)) + np.sum(q * np.log(q / middle))
    assert -loss.item() == pytest.approx(double_js - math.log(4), abs=1e-12)


@pytest.mark.parametrize(
    ("loss", "formula"),
    [
        (minimax.generator, "log(1 - 1/(1 + exp(-s)))"),
        (non_saturating.generator, "-log(1/(1 + exp(-s)))"),
        (wasserstein.generator, "-s"),
        (lambda s: losses.gan_critic(s, s), "-log(1/(1+exp(-s)))-log(1-1/(1+exp(-s)))"),
    ],
    ids=["minimax", "non-saturating", "wasserstein", "critic"],
)
def test_losses_and_gradients_are_the_formulas(loss, formula):
    """Loss and d loss/d score are those of log D and log(1 - D), D = 1/(1 + e^-s)."""
    s = sympy.symbols("s")
    scores = np.linspace(-8, 8, 33)
    exact = sympy.sympify(formula)
    values = np.vectorize(lambda x: float(exact.subs(s, sympy.Rational(x))))(scores)
    slopes = [float(exact.diff(s).subs(s, sympy.Rational(x)).evalf(30)) for x in scores]
    assert loss(tensor(scores)).item() == pytest.approx(values.mean(), rel=1e-12)
    np.testing.assert_allclose(
        derivative(loss, scores) * len(scores), slopes, rtol=1e-12
    )


@examples
@given(st.floats(-30, 30))
def test_generators_gradients_in_closed_form(s):
    """d/ds: minimax -D, non-saturating D - 1. Where D is near 0 the first one dies."""
    D = 1 / (1 + math.exp(-s))
    # PyTorch's softplus is linear beyond 20, which is off by 2e-9.
    died = derivative(minimax.generator, [s])[0]
    alive = derivative(non_saturating.generator, [s])[0]
    assert died == pytest.approx(-D, rel=1e-12, abs=3e-9)
    assert alive == pytest.approx(D - 1, rel=1e-12, abs=3e-9)


@examples
@given(SCORES, SCORES, SCORES)
def test_zero_sum_or_not(real, fake, other):
    """Critic's plus generator's loss is free of the fakes, but for the usual one."""
    real, fake, other = map(tensor, (real, fake, other))
    for pair in (wasserstein, minimax):
        sums = [float(pair.critic(real, y) + pair.generator(y)) for y in (fake, other)]
        assert sums[0] == pytest.approx(sums[1], abs=1e-10)
    usual = [
        float(non_saturating.critic(real, y) + non_saturating.generator(y))
        for y in (torch.zeros(1), torch.full((1,), 3.0))
    ]
    assert abs(usual[0] - usual[1]) > 0.1


@examples
@given(SCORES)
def test_every_generator_raises_the_scores_of_its_samples(fake):
    """All three generator losses fall as a fake's score rises: one sign convention."""
    for pair in PAIRS.values():
        assert (derivative(pair.generator, fake) < 0).all()
        assert (
            derivative(lambda y, p=pair: p.critic(torch.zeros(1), y), fake) > 0
        ).all()
        assert (
            derivative(lambda x, p=pair: p.critic(x, torch.zeros(1)), fake) < 0
        ).all()


@pytest.mark.parametrize("score", [1e4, -1e4])
def test_large_scores_never_overflow(score):
    """Losses and gradients stay finite at scores of 10,000 in float32."""
    for pair in PAIRS.values():
        scores = torch.full((3,), score, requires_grad=True)
        loss = pair.critic(scores, scores) + pair.generator(scores)
        loss.backward()
        assert torch.isfinite(loss) and torch.isfinite(scores.grad).all()
