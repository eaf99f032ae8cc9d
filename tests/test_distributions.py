"""Laws in the plane: their modes, moments and densities, and how they are drawn."""

import math

import numpy as np
import pytest
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import make_swiss_roll

from wgan_lessons import distributions
from wgan_lessons.distributions import (
    NAMES,
    Mixture,
    SwissRoll,
    grid,
    ring,
    swiss_roll,
    two_humps,
)


def distinct(centres, tolerance=1e-3):
    """How many of the centres are different points."""
    gaps = torch.cdist(centres.double(), centres.double())
    return int(((gaps < tolerance).double().sum(1) ** -1).sum().round())


@examples
@given(st.integers(2, 40))
def test_ring_has_distinct_modes(modes):
    """The k-th centre is 2/1.414 times the k-th root of unity: `modes` points."""
    centres = ring(modes).centres
    roots = np.exp(2j * np.pi * np.arange(modes) / modes) * 2 / 1.414
    np.testing.assert_allclose(centres[:, 0], roots.real, atol=1e-6)
    np.testing.assert_allclose(centres[:, 1], roots.imag, atol=1e-6)
    assert distinct(centres) == modes


def test_both_ends_of_linspace_lose_a_mode():
    """A ring drawn with both ends of linspace has 7 modes, ours has 8."""
    angle = torch.linspace(0, 2 * math.pi, 8)
    wrong = 2 * torch.stack([angle.cos(), angle.sin()], dim=1) / 1.414
    assert distinct(wrong) == 7
    assert distinct(ring().centres) == 8


def test_grid_is_the_papers():
    """25 centres 2 (i, j) / 2.828, i and j in -2..2, noise 0.05 / 2.828."""
    wanted = {
        (2 * i / 2.828, 2 * j / 2.828) for i in range(-2, 3) for j in range(-2, 3)
    }
    law = grid()
    gaps = torch.cdist(law.centres.double(), torch.tensor(sorted(wanted)).double())
    assert law.centres.shape == (25, 2) and distinct(law.centres) == 25
    assert float(gaps.min(1).values.max()) < 1e-6
    assert law.sigma == pytest.approx(0.05 / 2.828)
    assert ring().sigma == pytest.approx(0.02 / 1.414)


@examples
@given(st.integers(2, 7))
def test_grid_is_centred(side):
    """A grid has side^2 distinct centres whose mean is 0."""
    centres = grid(side).centres
    assert distinct(centres) == side**2
    np.testing.assert_allclose(centres.mean(0), 0, atol=1e-5)


@examples
@given(st.floats(0, 10), st.floats(0, 2))
def test_two_humps_stand_at_their_distance(distance, sigma):
    """Centres -d/2 and d/2 on the line, shape (2, 1)."""
    law = two_humps(distance, sigma)
    np.testing.assert_allclose(
        law.centres[:, 0], [-distance / 2, distance / 2], atol=1e-6
    )
    assert law.sample(5).shape == (5, 1)


@pytest.mark.parametrize(
    "law", [ring(), grid(), two_humps()], ids=["ring", "grid", "line"]
)
def test_mixture_has_its_moments(law):
    """Mean = mean of the centres, covariance = that of the centres + sigma^2 I."""
    points = law.sample(40_000, seed=1).double().numpy()
    centres = law.centres.double().numpy()
    covariance = np.cov(centres.T, bias=True) + law.sigma**2 * np.eye(points.shape[1])
    error = 5 * np.sqrt(np.trace(np.atleast_2d(covariance)) / len(points))
    np.testing.assert_allclose(points.mean(0), centres.mean(0), atol=error)
    np.testing.assert_allclose(np.cov(points.T), covariance.squeeze(), atol=0.05)


def test_mixture_takes_centres_uniformly_and_adds_gaussian_noise():
    """Each mode gets its share (chi-square), residuals are N(0, sigma^2) (KS)."""
    law = ring()
    points = law.sample(8_000, seed=2)
    nearest = torch.cdist(points, law.centres).argmin(1)
    counts = np.bincount(nearest.numpy(), minlength=8)
    assert stats.chisquare(counts).pvalue > 1e-3
    residuals = ((points - law.centres[nearest]) / law.sigma).flatten().numpy()
    assert stats.kstest(residuals, "norm").pvalue > 1e-3


def test_no_noise_gives_the_centres():
    """With sigma = 0 every sample is a centre."""
    law = Mixture(ring().centres, sigma=0.0)
    assert float(torch.cdist(law.sample(100), law.centres).min(1).values.max()) < 1e-6


def test_swiss_roll_is_a_spiral_with_a_uniform_angle():
    """Without noise 7.5 |x| is the angle, uniform on [3 pi/2, 9 pi/2]."""
    points = SwissRoll(noise=0.0).sample(5_000, seed=3).double()
    angle = 7.5 * points.norm(dim=1)
    spiral = torch.stack([angle * angle.cos(), angle * angle.sin()], dim=1) / 7.5
    np.testing.assert_allclose(points, spiral, atol=1e-4)
    uniform = stats.uniform(1.5 * math.pi, 3 * math.pi)
    assert stats.kstest(angle.numpy(), uniform.cdf).pvalue > 1e-3


def test_swiss_roll_has_the_law_of_scikit_learns():
    """Columns 0 and 2 of make_swiss_roll(noise=0.25), divided by 7.5: the same law."""
    ours = swiss_roll().sample(6_000, seed=4).numpy()
    theirs, _ = make_swiss_roll(6_000, noise=0.25, random_state=0)
    theirs = theirs[:, [0, 2]] / 7.5
    for direction in ([1, 0], [0, 1], [0.6, 0.8], [-0.8, 0.6]):
        test = stats.ks_2samp(ours @ direction, theirs @ direction)
        assert test.pvalue > 1e-3
    radii = [np.linalg.norm(points, axis=1) for points in (ours, theirs)]
    assert stats.ks_2samp(*radii).pvalue > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_sample_is_a_function_of_n_and_seed(name):
    """(n, 2) float32; the same seed, the same points; the global state untouched."""
    law = NAMES[name]()
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    points = law.sample(50, seed=7)
    assert points.shape == (50, 2) and points.dtype == torch.float32
    assert torch.equal(points, law.sample(50, seed=7))
    assert not torch.equal(points, law.sample(50, seed=8))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


@pytest.mark.parametrize("name", NAMES)
def test_sample_continues_a_generator(name):
    """A `torch.Generator` is moved on: two draws differ, a copy repeats both."""
    law = NAMES[name]()
    draws = []
    for _ in range(2):
        rng = torch.Generator().manual_seed(5)
        draws.append(torch.stack([law.sample(10, rng), law.sample(10, rng)]))
    assert torch.equal(*draws)
    assert not torch.equal(draws[0][0], draws[0][1])


def test_sample_lies_on_the_generators_device():
    """A mixture that was built on the CPU samples where its generator is."""
    if not torch.cuda.is_available():
        pytest.skip("no GPU: only one device to draw on")
    for make in NAMES.values():
        assert make().sample(3, torch.Generator("cuda")).is_cuda


def test_float64_centres_give_float64_samples():
    """The dtype of a sample is the dtype of the centres."""
    law = Mixture(ring().centres.double(), sigma=0.1)
    assert law.sample(4).dtype == torch.float64


def test_a_law_can_be_compared_and_printed():
    """`==` says whether it is the same object; the repr does not print every centre."""
    law = ring()
    assert law in [grid(), ring(), law]
    assert law not in [grid(), ring()]
    assert "tensor" not in repr(law)


def test_centres_may_be_a_list():
    """A mixture takes its centres as a list of points, too."""
    points = Mixture([[0, 0], [3, 4]], sigma=0.0).sample(50, seed=0)
    assert {tuple(point) for point in points.tolist()} == {(0.0, 0.0), (3.0, 4.0)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ring(1), "modes must be a whole number of at least 2; got 1"),
        (lambda: ring(8.0), "modes must be a whole number"),
        (lambda: grid(0), "side must be a whole number of at least 2; got 0"),
        (lambda: ring().sample(0), "n must be a whole number of at least 1; got 0"),
        (lambda: swiss_roll().sample(-1), "n must be a whole number"),
        (lambda: ring().sample(3, seed=-1), "seed must be a whole number"),
        (lambda: ring().sample(3, seed="a"), "seed must be a whole number"),
        (lambda: two_humps(math.nan), "distance must be a finite number; got nan"),
        (lambda: two_humps(1.0, -1.0), "sigma must be a finite number at least 0"),
        (lambda: SwissRoll(scale=0.0), "scale must be a finite number above 0; got 0"),
        (lambda: SwissRoll(noise=-1.0), "noise must be a finite number at least 0"),
        (lambda: Mixture(torch.zeros(3), 1.0), "centres must have 2 dimension"),
        (lambda: Mixture(torch.zeros(0, 2), 1.0), "centres is empty"),
        (lambda: Mixture([[math.inf]], 1.0), "centres must be finite"),
        (lambda: Mixture(torch.full((1, 2), math.nan), 1.0), "centres must be finite"),
    ],
)
def test_bad_input(call, message):
    """A wrong size, scale or seed is refused with what came and what to do."""
    with pytest.raises(ValueError, match=message):
        call()


def test_random_generator_keeps_generators():
    """`random_generator` makes a CPU generator from an int, and keeps one as it is."""
    rng = torch.Generator()
    assert distributions.random_generator(rng) is rng
    assert distributions.random_generator(3).initial_seed() == 3
