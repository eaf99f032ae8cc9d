"""Measures against closed forms and against other people's implementations."""

import importlib.util
import itertools

import numpy as np
import ot
import pytest
import scipy.linalg
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2
from sklearn.neighbors import NearestNeighbors

from wgan_lessons import evaluation, networks
from wgan_lessons.distributions import Mixture, grid, ring
from wgan_lessons.files import HERE, committed
from wgan_lessons.images import digits, split

PARTS = split(digits(), 1400, seed=0)
TRAIN, HELD_OUT = PARTS.train, PARTS.held_out


def gaussians(d, *, seed=0):
    """The means and covariances of two laws in d dimensions."""
    rng = np.random.default_rng([seed, d])
    for _ in range(2):
        root = rng.normal(size=(d, d))
        yield rng.normal(size=d), root @ root.T


# Modes.


def test_modes_of_samples_made_by_hand():
    """Two centres, sigma 1: what is counted, what not, and the spread by hand."""
    mixture = Mixture(torch.tensor([[0.0, 0.0], [10.0, 0.0]]), sigma=1.0)
    x = [[1, 0], [-1, 0], [10, 2], [10, -2], [3.001, 0], [5, 0], [10, 3], [0, 400]]
    report = evaluation.mode_report(x, mixture)
    assert report.covered == 2
    assert report.high_quality == 5 / 8
    assert report.counts.tolist() == [2, 3]
    # Means (0, 0) and (10, 1): squares 1 + 1 + 1 + 9 + 4, with (2 - 1 + 3 - 1) x 2
    # degrees of freedom.
    cut = chi2.cdf(9, 4) / chi2.cdf(9, 2)
    assert report.spread == pytest.approx(np.sqrt(16 / 6 / cut), rel=1e-12)


@pytest.mark.parametrize(("lonely", "covered"), [(4, 1), (5, 2), (6, 2)])
def test_a_mode_is_covered_from_a_tenth_of_its_fair_share(lonely, covered):
    """100 samples, 2 modes: the fair share is 50, a tenth of it 5."""
    mixture = Mixture(torch.tensor([[0.0], [9.0]]), sigma=1.0)
    x = np.repeat([[0.0], [9.0]], [100 - lonely, lonely], axis=0)
    assert evaluation.mode_report(x, mixture).covered == covered


def test_the_fair_share_counts_all_samples_not_only_the_good_ones():
    mixture = Mixture(torch.tensor([[0.0], [9.0]]), sigma=0.1)
    x = np.r_[np.zeros(4), np.full(96, 4.0)][:, None]
    report = evaluation.mode_report(x, mixture)
    assert report.covered == 0
    assert report.high_quality == 0.04


@pytest.mark.parametrize("d", [1, 2, 3, 10])
def test_the_data_itself_has_spread_one(d):
    """Inside 3 sigma the variance of a coordinate is sigma^2 F_{d+2}(9)/F_d(9)."""
    centres = 50 * torch.eye(max(d, 2))[:, :d]
    mixture = Mixture(centres, sigma=2.0)
    report = evaluation.mode_report(mixture.sample(200_000, seed=1), mixture)
    assert report.spread == pytest.approx(1, abs=0.005)
    assert report.high_quality == pytest.approx(chi2.cdf(9, d), abs=0.005)
    assert report.covered == len(centres)


@pytest.mark.parametrize("factor", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_a_collapse_within_modes_shows_in_the_spread(factor, offset):
    """Modes narrower by a factor have that spread, wherever their middle lies."""
    mixture = ring()
    moved = mixture.centres + offset * mixture.sigma / 2**0.5
    narrow = Mixture(moved, sigma=factor * mixture.sigma)
    report = evaluation.mode_report(narrow.sample(40_000, seed=2), mixture)
    # Little is cut off a narrow mode, so that it comes out up to 2% too wide.
    assert report.spread == pytest.approx(factor, rel=0.06, abs=1e-3)
    assert report.covered == 8


def test_nothing_near_any_centre_has_no_spread():
    report = evaluation.mode_report(torch.zeros(10, 2), ring())
    assert report.covered == 0
    assert report.high_quality == 0
    assert np.isnan(report.spread)
    assert report.counts.tolist() == [0] * 8


def test_single_samples_have_no_spread():
    assert np.isnan(evaluation.mode_report(ring().centres, ring()).spread)


def test_modes_of_the_grid_are_counted_where_they_are():
    few = Mixture(grid().centres[[0, 3, 24]], sigma=grid().sigma)
    report = evaluation.mode_report(few.sample(3000), grid())
    assert np.flatnonzero(report.counts).tolist() == [0, 3, 24]
    assert report.covered == 3


# Exact W1.


@pytest.mark.parametrize("shape", [(1, 2), (6, 2), (5, 1), (7,), (4, 1, 3, 3)])
def test_exact_w1_is_the_cheapest_permutation(shape):
    rng = np.random.default_rng(0)
    x, y = torch.tensor(rng.normal(size=(2, *shape)))
    far = torch.cdist(x.reshape(len(x), -1), y.reshape(len(y), -1)).numpy()
    orders = itertools.permutations(range(len(x)))
    cheapest = min(far[range(len(x)), order].mean() for order in orders)
    assert evaluation.exact_w1(x, y) == pytest.approx(cheapest, abs=1e-7)


# The Frechet distance.


def textbook(m1, c1, m2, c2):
    root = scipy.linalg.sqrtm(c1 @ c2)
    return ((m1 - m2) ** 2).sum() + np.trace(c1 + c2 - 2 * root.real)


@pytest.mark.parametrize("d", [1, 2, 5, 20, 64])
def test_frechet_is_w2_squared_between_gaussians(d):
    """|m1 - m2|^2 + tr(c1 + c2 - 2 (c1 c2)^1/2) = W2^2(N(m1, c1), N(m2, c2))."""
    for seed in range(3):
        (m1, c1), (m2, c2) = gaussians(d, seed=seed)
        found = evaluation.frechet_gaussians(m1, c1, m2, c2)
        assert found == pytest.approx(textbook(m1, c1, m2, c2), rel=1e-8)
        theirs = ot.gaussian.bures_wasserstein_distance(m1, m2, c1, c2) ** 2
        assert found == pytest.approx(theirs, rel=1e-7)


numbers = st.floats(-100, 100)
scales = st.floats(0, 100)


@examples
@given(numbers, scales, numbers, scales)
def test_frechet_on_the_line(m1, s1, m2, s2):
    """On the line it is (m1 - m2)^2 + (s1 - s2)^2."""
    found = evaluation.frechet_gaussians(m1, s1**2, m2, s2**2)
    assert found == pytest.approx((m1 - m2) ** 2 + (s1 - s2) ** 2, abs=1e-10)


@examples
@given(arrays(float, (2, 4), elements=scales), arrays(float, (2, 4), elements=numbers))
def test_frechet_of_independent_coordinates(s, m):
    """For commuting covariances it is the sum over the coordinates."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4))).Q
    c1, c2 = (turn @ np.diag(row**2) @ turn.T for row in s)
    c1, c2 = (c1 + c1.T) / 2, (c2 + c2.T) / 2
    found = evaluation.frechet_gaussians(m[0], c1, m[1], c2)
    expected = ((m[0] - m[1]) ** 2).sum() + ((s[0] - s[1]) ** 2).sum()
    # A standard deviation of 0 is known to the root of the rounding error only: about
    # 1.5e-8 of the largest one, times another one, for each of four coordinates.
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 + 1e-6 * s.max() ** 2)


def test_frechet_of_singular_covariances():
    """For c1 = A A^T, c2 = B B^T the last trace is the nuclear norm of A^T B."""
    rng = np.random.default_rng(0)
    zero, (a, b) = np.zeros(20), rng.normal(size=(2, 20, 3))
    traces = (a**2).sum() + (b**2).sum()
    expected = traces - 2 * np.linalg.norm(a.T @ b, "nuc")
    found = evaluation.frechet_gaussians(zero, a @ a.T, zero, b @ b.T)
    assert found == pytest.approx(expected, rel=1e-5)
    assert evaluation.frechet_gaussians(zero, a @ a.T, zero, a @ a.T) < 1e-9
    flat, steep = np.diag([4.0, 0.0]), np.diag([0.0, 9.0])
    found = evaluation.frechet_gaussians(zero[:2], flat, zero[:2], steep)
    assert found == pytest.approx(13, rel=1e-12)


def test_frechet_is_symmetric_and_a_translation_adds_its_square():
    (m1, c1), (m2, c2) = gaussians(6)
    forth = evaluation.frechet_gaussians(m1, c1, m2, c2)
    assert forth == pytest.approx(evaluation.frechet_gaussians(m2, c2, m1, c1))
    step = np.arange(6.0)
    moved = evaluation.frechet_gaussians(m1 + step, c1, m1, c1)
    assert moved == pytest.approx(step @ step, rel=1e-9)


def test_frechet_of_samples_uses_their_means_and_covariances():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 3)), rng.normal(1, 2, size=(40, 3))
    moments = [
        f(z) for z in (x, y) for f in (lambda z: z.mean(0), lambda z: np.cov(z.T))
    ]
    assert evaluation.frechet(x, y) == pytest.approx(textbook(*moments), rel=1e-9)
    assert evaluation.frechet(torch.tensor(x), torch.tensor(y)) == pytest.approx(
        textbook(*moments), rel=1e-9
    )


def test_frechet_falls_with_the_number_of_samples():
    """Of N(0, I_d) against itself it is about (2 d + d (d + 1) / 2) / n, not 0."""
    d, n = 8, 1000
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(60, 2, n, d))
    mean = np.mean([evaluation.frechet(x, y) for x, y in pairs])
    assert mean == pytest.approx((2 * d + d * (d + 1) / 2) / n, rel=0.1)


def test_frechet_of_digits_is_that_of_their_features():
    x, y = TRAIN.images[:200], TRAIN.images[200:400]
    by_features = evaluation.frechet(evaluation.features(x), evaluation.features(y))
    assert evaluation.frechet(x, y) == pytest.approx(by_features, rel=1e-12)


def test_frechet_orders_digits_as_the_eye_does():
    """Held out digits, then blurred, then one class only, then noise."""
    blurred = torch.nn.functional.avg_pool2d(TRAIN.images, 2, 1, padding=1)[..., 1:, 1:]
    ones = TRAIN.images[TRAIN.labels == 1]
    noise = torch.rand(1400, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    samples = [HELD_OUT.images, blurred, ones, 2 * noise - 1]
    found = [evaluation.frechet(TRAIN.images, sample) for sample in samples]
    assert found[0] < 6
    assert found[0] * 5 < min(found[1:])


# The classifier.


def test_the_classifier_knows_digits_that_it_has_not_seen():
    guesses = evaluation.classify(HELD_OUT.images)
    right = (guesses.labels == HELD_OUT.labels.numpy()).mean()
    assert 0.96 <= right <= 0.995
    assert 0.95 <= evaluation.confidence(HELD_OUT.images) <= 0.995
    assert guesses.confidence.mean() == evaluation.confidence(HELD_OUT.images)
    assert guesses.confidence.min() >= 0.1
    seen = evaluation.classify(TRAIN.images).labels == TRAIN.labels.numpy()
    assert seen.mean() >= right


def test_class_counts_are_those_of_the_labels_up_to_errors():
    counts = evaluation.class_counts(HELD_OUT.images)
    true = np.bincount(HELD_OUT.labels.numpy(), minlength=10)
    assert counts.shape == (10,)
    assert counts.sum() == 397
    assert np.abs(counts - true).sum() <= 2 * 0.04 * 397
    threes = TRAIN.images[TRAIN.labels == 3]
    assert evaluation.class_counts(threes).argmax() == 3


def test_features_are_the_layer_before_the_logits():
    x = HELD_OUT.images[:5]
    found = evaluation.features(x)
    assert found.shape == (5, 64)
    assert found.dtype == np.float64
    assert found.min() >= 0
    with np.load(committed("classifier.npz")) as file:
        stored = {name: file[name].astype(float) for name in file.files}
    logits = found @ stored["7.weight"].T + stored["7.bias"]
    guesses = evaluation.classify(x)
    assert np.array_equal(logits.argmax(1), guesses.labels)
    probabilities = np.exp(logits - scipy.special.logsumexp(logits, 1, keepdims=True))
    assert np.allclose(probabilities.max(1), guesses.confidence, rtol=1e-12)


def test_features_by_hand():
    """Two convolutions, ReLU, a dense layer: written out with plain sums."""
    with np.load(committed("classifier.npz")) as file:
        w = {name: file[name].astype(float) for name in file.files}
    h = HELD_OUT.images[3].double().numpy()
    for layer, step in (("0", 1), ("2", 2)):
        weight, bias = w[f"{layer}.weight"], w[f"{layer}.bias"]
        padded = np.pad(h, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        h = np.einsum("ihwab,oiab->ohw", windows[:, ::step, ::step], weight)
        h = np.maximum(h + bias[:, None, None], 0)
    h = np.maximum(w["5.weight"] @ h.ravel() + w["5.bias"], 0)
    found = evaluation.features(HELD_OUT.images[3:4])[0]
    assert np.allclose(found, h, rtol=1e-10, atol=1e-12)


def test_measuring_images_in_parts_changes_nothing():
    x = torch.cat([TRAIN.images, HELD_OUT.images])
    whole = evaluation.features(x)
    some = [0, 999, 1000, 1796]
    assert np.allclose(whole[some], evaluation.features(x[some]), rtol=1e-12)


def test_the_weights_are_small_and_as_documented():
    path = committed("classifier.npz")
    assert path.stat().st_size < 150_000
    with np.load(path) as file:
        assert {file[name].dtype for name in file.files} == {np.dtype(np.float16)}
    readme = path.with_name("README.md").read_text(encoding="utf-8")
    right = evaluation.classify(HELD_OUT.images).labels == HELD_OUT.labels.numpy()
    assert f"{right.mean():.4f}" in readme


@pytest.fixture(scope="module")
def make_classifier():
    path = HERE.parent / "data" / "make_classifier.py"
    spec = importlib.util.spec_from_file_location("make_classifier", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_classifiers_script_learns_and_writes_whole_files(
    make_classifier, tmp_path, monkeypatch
):
    few = type(TRAIN)(TRAIN.images[:300], TRAIN.labels[:300])
    before = torch.random.get_rng_state()
    net, again = (make_classifier.train(few, epochs=3) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert make_classifier.accuracy(net, few) > 0.25
    path = tmp_path / "classifier.npz"
    make_classifier.write(net, path)
    first = path.read_bytes()
    make_classifier.write(again, path)
    assert path.read_bytes() == first
    with np.load(path) as file:
        for name, weight in net.state_dict().items():
            assert np.array_equal(file[name], weight.numpy())

    def full(file, **weights):
        file.write(first[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space"):
        make_classifier.write(net, path)
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["classifier.npz"]


# Nearest points.


@pytest.mark.parametrize("k", [1, 3])
def test_nearest_against_scikit_learn(k):
    samples, data = HELD_OUT.images[:50], TRAIN.images
    found = evaluation.nearest(samples, data, k)
    theirs = NearestNeighbors(n_neighbors=k, algorithm="brute")
    theirs.fit(data.flatten(1).double().numpy())
    distances, _ = theirs.kneighbors(samples.flatten(1).double().numpy())
    assert np.allclose(found.distances, distances, rtol=1e-9)
    away = (samples[:, None] - data[found.indices]).flatten(2).double().norm(dim=2)
    assert np.allclose(away, found.distances, rtol=1e-12)


def test_nearest_by_hand_with_ties_in_the_datas_order():
    data = torch.tensor([[0.0], [4.0], [1.0], [2.0]])
    found = evaluation.nearest(torch.tensor([[0.5], [3.0]]), data, 3)
    assert found.indices.tolist() == [[0, 2, 3], [1, 3, 2]]
    assert found.distances.tolist() == [[0.5, 0.5, 1.5], [1, 1, 2]]


def test_nearest_finds_each_training_image_in_the_training_images():
    found = evaluation.nearest(TRAIN.images, TRAIN.images)
    assert np.array_equal(found.distances, np.zeros((1400, 1)))
    same = TRAIN.images[found.indices[:, 0]] == TRAIN.images
    assert same.all()


def test_nearest_goes_through_many_samples_in_parts(monkeypatch):
    samples, data = np.random.default_rng(0).normal(size=(2, 50, 2))
    whole = evaluation.nearest(samples, data, 4)
    for block in (1, 100, 149, 150):  # one, two, two, three samples at a time
        monkeypatch.setattr(evaluation, "BLOCK", block)
        parts = evaluation.nearest(samples, data, 4)
        assert np.array_equal(whole.indices, parts.indices)
        assert np.array_equal(whole.distances, parts.distances)


# The floor.


class Counter:
    """A law whose samples say how many were drawn before."""

    def __init__(self):
        self.calls = []

    def sample(self, n, rng):
        self.calls.append(n)
        return torch.full((n, 1), float(len(self.calls)))


def test_the_floor_of_a_law_takes_two_fresh_samples():
    law = Counter()
    found = evaluation.floor(lambda x, y: y[0] - 2 * x[0], law, size=7, repeats=4)
    assert law.calls == [7] * 8
    assert found.values.tolist() == [0, -2, -4, -6]
    assert found[:3] == (-3, -6, 0)


def test_the_floor_of_a_tensor_takes_disjoint_random_parts():
    data, seen = torch.arange(10), []
    evaluation.floor(
        lambda x, y: seen.append((x.tolist(), y.tolist())) or 0,
        data,
        size=4,
        repeats=30,
    )
    assert all(len(x) == len(y) == 4 for x, y in seen)
    assert all(len({*x, *y}) == 8 for x, y in seen)
    assert len({tuple(x) for x, _ in seen}) > 25


def test_the_seed_alone_decides_the_floor():
    before = torch.random.get_rng_state()
    first, again, other = (
        evaluation.floor(evaluation.exact_w1, ring(), size=30, repeats=3, seed=seed)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_floor_of_w1_on_the_ring():
    """500 against 500 samples of the same law: about 0.1, never 0."""
    found = evaluation.floor(evaluation.exact_w1, ring(), size=500, repeats=6)
    assert 0.06 < found.median < 0.14
    assert found.low > 0.03


def test_the_floor_of_the_frechet_distance_on_digits():
    found = evaluation.floor(evaluation.frechet, TRAIN.images, size=700, repeats=5)
    assert 2 < found.median < 8
    assert found.low > 1.2


# Bad input.

NAN = torch.tensor([[float("nan"), 0.0]])
IMAGES = TRAIN.images[:3]
EYE, ZERO = np.eye(2), np.zeros(2)
BAD = {
    "mode_report, other dimension": (
        lambda: evaluation.mode_report(torch.zeros(5, 3), ring()),
        r"samples must hold points in 2 dimension.*\(5, 3\)",
    ),
    "mode_report, NaN": (
        lambda: evaluation.mode_report(NAN, ring()),
        "samples must be finite; got 1 NaN",
    ),
    "mode_report, empty": (
        lambda: evaluation.mode_report(torch.zeros(0, 2), ring()),
        "samples is empty",
    ),
    "mode_report, no mixture": (
        lambda: evaluation.mode_report(torch.zeros(5, 2), "ring"),
        r"mixture must have centres; got 'ring'. Pass ring\(\)",
    ),
    "mode_report, no width": (
        lambda: evaluation.mode_report(
            torch.zeros(5, 2), Mixture(torch.zeros(1, 2), sigma=0.0)
        ),
        "sigma of the mixture must be a finite number above 0; got 0.0",
    ),
    "exact_w1, other sizes": (
        lambda: evaluation.exact_w1(torch.zeros(5, 2), torch.zeros(4, 2)),
        r"same shape; got \(5, 2\) and \(4, 2\)",
    ),
    "exact_w1, NaN": (lambda: evaluation.exact_w1(NAN, NAN), "x must be finite"),
    "features, 28x28": (
        lambda: evaluation.features(torch.zeros(2, 1, 28, 28)),
        r"\(N, 1, 8, 8\).*; got \(2, 1, 28, 28\)",
    ),
    "features, no channel": (
        lambda: evaluation.features(torch.zeros(2, 8, 8)),
        r"\(N, 1, 8, 8\).*; got \(2, 8, 8\)",
    ),
    "features, empty": (
        lambda: evaluation.features(torch.zeros(0, 1, 8, 8)),
        r"images is empty; got shape \(0, 1, 8, 8\)",
    ),
    "features, a list": (lambda: evaluation.features([1, 2]), r"got \(2,\)"),
    "features, bytes": (
        lambda: evaluation.features(torch.full((2, 1, 8, 8), 255.0)),
        r"in \[-1, 1\]; got .* from 255 to 255",
    ),
    "features, NaN": (
        lambda: evaluation.features(torch.full((2, 1, 8, 8), float("nan"))),
        "images must be finite; got 128 NaN",
    ),
    "classify, 16x16": (
        lambda: evaluation.classify(torch.zeros(2, 1, 16, 16)),
        r"got \(2, 1, 16, 16\)",
    ),
    "frechet, too few": (
        lambda: evaluation.frechet(IMAGES, TRAIN.images),
        "x must hold at least 65 samples; got 3",
    ),
    "frechet, too few fakes": (
        lambda: evaluation.frechet(TRAIN.images, IMAGES),
        "y must hold at least 65 samples; got 3",
    ),
    "frechet, other features": (
        lambda: evaluation.frechet(TRAIN.images[:70], torch.zeros(70, 3)),
        r"y must hold points in 64 dimension.*\(70, 3\)",
    ),
    "gaussians, other dimension": (
        lambda: evaluation.frechet_gaussians(ZERO, EYE, np.zeros(3), np.eye(3)),
        r"m1 and m2 must have the same shape; got \(2,\) and \(3,\)",
    ),
    "gaussians, wrong covariance": (
        lambda: evaluation.frechet_gaussians(ZERO, EYE, ZERO, np.ones(2)),
        r"c2 must be symmetric, 2 x 2.*; got shape \(1, 2\)",
    ),
    "gaussians, not symmetric": (
        lambda: evaluation.frechet_gaussians(ZERO, [[1, 1], [0, 1]], ZERO, EYE),
        "c1 must be symmetric.*; got entries that differ by 1",
    ),
    "gaussians, negative": (
        lambda: evaluation.frechet_gaussians(ZERO, EYE, ZERO, np.diag([1.0, -0.5])),
        "c2 must .* no negative eigenvalue; got .* eigenvalue -0.5",
    ),
    "gaussians, NaN": (
        lambda: evaluation.frechet_gaussians([np.nan, 0], EYE, ZERO, EYE),
        "m1 must be finite",
    ),
    "nearest, other shape": (
        lambda: evaluation.nearest(torch.zeros(2, 3), torch.zeros(4, 2)),
        r"data must hold points in 3 dimension",
    ),
    "nearest, k too large": (
        lambda: evaluation.nearest(torch.zeros(2, 3), torch.zeros(4, 3), 5),
        "data must hold at least 5 samples; got 4",
    ),
    "nearest, k zero": (
        lambda: evaluation.nearest(torch.zeros(2, 3), torch.zeros(4, 3), 0),
        "k must be a whole number of at least 1; got 0",
    ),
    "floor, too few": (
        lambda: evaluation.floor(evaluation.frechet, TRAIN.images, size=701),
        "data must hold at least 1402 samples; got 1400",
    ),
    "floor, no repeats": (
        lambda: evaluation.floor(evaluation.exact_w1, ring(), size=5, repeats=0),
        "repeats must be a whole number of at least 1; got 0",
    ),
    "floor, no size": (
        lambda: evaluation.floor(evaluation.exact_w1, ring(), size=0),
        "size must be a whole number of at least 1; got 0",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_with_a_reason(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()


def test_tensors_in_training_and_of_other_types_are_measured():
    x = ring().sample(64).requires_grad_()
    y = ring().sample(64, seed=1).half()
    assert evaluation.exact_w1(x, y) == evaluation.exact_w1(
        x.detach().double(), y.double()
    )
    assert evaluation.mode_report(x, ring()).covered >= 1
    assert evaluation.confidence(IMAGES.clone().requires_grad_()) > 0.1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_tensors_on_a_gpu_are_measured_as_on_the_cpu():
    x, y = TRAIN.images[:100], TRAIN.images[100:200]
    assert evaluation.frechet(x.cuda(), y.cuda()) == evaluation.frechet(x, y)
    assert evaluation.exact_w1(x.cuda(), y) == evaluation.exact_w1(x, y)
    found = evaluation.nearest(x.cuda(), y.cuda()).indices
    assert np.array_equal(found, evaluation.nearest(x, y).indices)
    halves = evaluation.floor(
        evaluation.frechet, TRAIN.images.cuda(), size=70, repeats=2
    )
    again = evaluation.floor(evaluation.frechet, TRAIN.images, size=70, repeats=2)
    assert np.array_equal(halves.values, again.values)


# Lipschitz constants.


def linear_critic(direction):
    """f(x) = direction . x + 3, as a network."""
    layer = torch.nn.Linear(len(direction), 1).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(direction)[None])
        layer.bias.fill_(3)
    return torch.nn.Sequential(layer, torch.nn.Flatten(0))


@examples
@given(arrays(float, 3, elements=st.floats(-5, 5)), st.integers(0, 50))
def test_linear_critics_have_the_length_of_their_direction(direction, seed):
    """K = |w|: exactly by gradient and by layers; by pairs at most, and along w."""
    critic, K = linear_critic(direction), np.linalg.norm(direction)
    x = torch.randn(30, 3, generator=torch.Generator().manual_seed(seed)).double()
    found = evaluation.lipschitz(critic, x)
    assert found.gradient == pytest.approx(K, rel=1e-12)
    assert found.upper == pytest.approx(K, rel=1e-12)
    assert found.pairs <= K * (1 + 1e-12)
    if K > 1e-3:
        line = torch.from_numpy(np.array([np.zeros(3), direction]))
        assert evaluation.lipschitz(critic, line).pairs == pytest.approx(K, rel=1e-9)


@examples
@given(st.integers(0, 100), st.integers(1, 4), st.floats(0.1, 4))
def test_the_bounds_of_a_critic_are_ordered(seed, depth, size):
    """pairs <= K and gradient <= K <= upper; an exact K bounds both in 1-D.

    On the line a ReLU critic is piecewise linear: its K is the largest slope between
    its kinks, found on a grid that is finer than they are apart.
    """
    critic = networks.mlp_critic(1, width=4, depth=depth, seed=seed).double()
    with torch.no_grad():
        for weight in critic.parameters():
            weight *= size
    x = 3 * torch.randn(60, 1, generator=torch.Generator().manual_seed(seed)).double()
    found = evaluation.lipschitz(critic, x)
    grid = torch.linspace(float(x.min()), float(x.max()), 20_001).double()[:, None]
    with torch.no_grad():
        steps = critic(grid).diff().abs() / grid[:, 0].diff()
    slopes = torch.cat([steps, torch.tensor([found.gradient], dtype=torch.float64)])
    K = float(slopes.max())
    assert found.pairs <= K * (1 + 1e-9)
    assert found.gradient <= K
    assert found.upper * (1 + 1e-9) + 1e-12 >= K


@pytest.mark.parametrize(
    ("f", "K"),
    [
        (lambda x: x[:, 0].abs(), 1),
        (lambda x: torch.linalg.vector_norm(x, dim=1), 1),
        (lambda x: 3 * x.sum(1), 3 * np.sqrt(2)),
        (lambda x: torch.zeros_like(x[:, 0]) * x[:, 0], 0),
    ],
    ids=["|x_1|", "|x|", "3 (x_1 + x_2)", "0"],
)
def test_functions_with_a_known_constant(f, K):
    """Of a function without known layers only lower bounds are known: upper is inf."""
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    found = evaluation.lipschitz(f, torch.cat([x, 2 * x]))
    assert found.upper == np.inf
    assert found.gradient == pytest.approx(K, rel=1e-12)
    assert found.pairs <= K * (1 + 1e-12)
    assert found.pairs >= 0.99 * K


def test_a_bounded_function_can_be_steep():
    """sin(k x) stays in [-1, 1] and has K = k."""
    x = torch.linspace(-1, 1, 2001)[:, None]
    for k in (1, 10, 100):
        found = evaluation.lipschitz(lambda x, k=k: (k * x[:, 0]).sin(), x)
        assert found.gradient == pytest.approx(k, rel=1e-6)
        assert 0.95 * k < found.pairs <= k


def test_lipschitz_leaves_the_critic_and_uses_its_evaluation_mode():
    """Copies are measured: dtype, mode and weights stay; BatchNorm is in eval()."""
    critic = networks.dcgan_critic((1, 8, 8), width=2, batch_norm=True)
    x = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = evaluation.lipschitz(critic, x)
    assert found.upper == np.inf and 0 < found.pairs < np.inf
    assert critic.training
    assert all(p.dtype == torch.float32 for p in critic.parameters())
    assert all(p.grad is None for p in critic.parameters())
    means = [m.running_mean for m in critic if hasattr(m, "running_mean")]
    assert all((mean == 0).all() for mean in means)


def test_convolutional_critics_have_an_upper_bound():
    critic = networks.dcgan_critic((1, 8, 8), width=3)
    x = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = evaluation.lipschitz(critic, x)
    assert found.pairs > 0
    assert max(found[:2]) <= found.upper < np.inf


def test_pairs_that_are_one_point_measure_nothing():
    """Copies of a point, or points apart by rounding, give no quotient."""
    x = torch.ones(5, 2)
    assert evaluation.lipschitz(linear_critic([1.0, 1.0]), x).pairs == 0
    x = torch.tensor([[0.0], [1.0], [1.0 + 1e-12]], dtype=torch.float64)
    assert evaluation.lipschitz(lambda x: x[:, 0], x).pairs == pytest.approx(1)


def test_one_point_is_not_enough():
    with pytest.raises(ValueError, match="points must hold at least 2 samples; got 1"):
        evaluation.lipschitz(linear_critic([1.0]), torch.zeros(1, 1))
