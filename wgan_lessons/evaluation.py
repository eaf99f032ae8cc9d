"""How good are the samples? Each measure is read beside its floor.

The floor is what the measure says of two fresh samples of the data: no generator can
be expected below it, and a number means nothing without it. Measures depend on the
number of samples, so compare equal sizes only. Tensors may lie on any device; all
sums are taken in float64 on the CPU.
"""

import copy
import functools
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.distance import cdist, pdist
from scipy.special import softmax
from scipy.stats import chi2

from wgan_lessons import _checks
from wgan_lessons.distributions import random_generator
from wgan_lessons.files import committed
from wgan_lessons.networks import classifier
from wgan_lessons.penalties import slopes
from wgan_lessons.projections import has_known_layers, layer_norms
from wgan_lessons.transport import w1_samples

BLOCK = 2**22  # distances that `nearest` holds at a time: 32 MB


class ModeReport(NamedTuple):
    """What `mode_report` counts; `counts` holds high-quality samples a mode, (k,)."""

    covered: int
    high_quality: float
    spread: float
    counts: np.ndarray


class Classified(NamedTuple):
    """The likeliest class of each image (N,) and its probability (N,)."""

    labels: np.ndarray
    confidence: np.ndarray


class Nearest(NamedTuple):
    """The nearest points of the data: indices (n, k), distances (n, k), sorted."""

    indices: np.ndarray
    distances: np.ndarray


class Lipschitz(NamedTuple):
    """Bounds of a Lipschitz constant: pairs <= K, gradient <= K <= upper."""

    pairs: float
    gradient: float
    upper: float


class Floor(NamedTuple):
    """A measure between samples of the data: median, smallest, largest, all values."""

    median: float
    low: float
    high: float
    values: np.ndarray


def mode_report(samples, mixture):
    """Count modes and measure them (chapter 11): (n, d) points against a `Mixture`.

    A sample has high quality within 3 sigma of a centre: 98.9% of a plane mixture's
    own. A mode is covered if at least n/(10 k) such samples are nearest to it.
    `spread` is their standard deviation around their mode's own mean, over all modes,
    divided by that of a Gaussian cut at 3 sigma: 1 for the data, 0 for modes that are
    points, NaN if no mode has two samples. Centres should lie 6 sigma apart.
    """
    centres, sigma = _checks.modes(mixture)
    x = _checks.points("samples", _rows("samples", samples), dim=centres.shape[1])
    (n, d), k = x.shape, len(centres)
    distances = cdist(x, centres)
    near = distances.min(axis=1) <= 3 * sigma
    own, inside = distances.argmin(axis=1)[near], x[near]
    counts = np.bincount(own, minlength=k)
    means = np.stack([np.bincount(own, c, k) for c in inside.T], 1)
    means = means / np.maximum(counts, 1)[:, None]
    squares = ((inside - means[own]) ** 2).sum()
    freedom = d * (counts.sum() - (counts > 0).sum())
    # The variance of one coordinate of a d-dimensional Gaussian cut at radius 3 sigma.
    variance = sigma**2 * chi2.cdf(9, d + 2) / chi2.cdf(9, d)
    spread = np.sqrt(squares / freedom / variance) if freedom else np.nan
    covered = int((counts >= n / (10 * k)).sum())
    return ModeReport(covered, float(near.mean()), float(spread), counts)


def exact_w1(x, y):
    """Return the exact W1 between two equally large samples (N, ...), flattened.

    Two samples of one law have W1 > 0, more so the fewer they are (chapter 11): hence
    equal sizes, and `floor`. Raises ValueError for different shapes.
    """
    x, y = _rows("x", x), _rows("y", y)
    _checks.same_shape("x", x, "y", y)
    return w1_samples(x, y)


def features(images):
    """Return the 64 features of digits (N, 1, 8, 8) in [-1, 1]: array (N, 64).

    They are the last hidden layer of the small classifier, whose weights
    data/make_classifier.py makes. Raises ValueError for other shapes or ranges.
    """
    return _outputs(_digit_classifier()[:-1], images)


def classify(images):
    """Return the classes of digits (N, 1, 8, 8), and how sure the classifier is."""
    probabilities = softmax(_outputs(_digit_classifier(), images), axis=1)
    return Classified(probabilities.argmax(axis=1), probabilities.max(axis=1))


def class_counts(images):
    """Return how many of the images are classified as 0, ..., 9: array (10,)."""
    return np.bincount(classify(images).labels, minlength=10)


def confidence(images):
    """Return the mean probability of the likeliest class, in [0.1, 1]."""
    return float(classify(images).confidence.mean())


def frechet(x, y):
    """Return the Frechet distance between the features of two samples (chapter 14).

    W2^2 between Gaussians with the samples' means and covariances. x, y: digits
    (N, 1, 8, 8), or features (N, d) of any network. It falls with N even for the data
    against itself: about (2 d + d (d + 1) / 2) / N for white features. Raises
    ValueError for fewer than d + 1 samples. Source: Heusel et al. 2017.
    """
    x, y = (features(z) if np.ndim(z) == 4 else _rows("features", z) for z in (x, y))
    _checks.points("y", y, dim=x.shape[1])
    moments = []
    for name, sample in (("x", x), ("y", y)):
        _checks.enough(name, sample, sample.shape[1] + 1)
        moments += [sample.mean(axis=0), np.cov(sample, rowvar=False)]
    return frechet_gaussians(*moments)


def frechet_gaussians(m1, c1, m2, c2):
    """Return |m1 - m2|^2 + tr(c1 + c2 - 2 (c1^1/2 c2 c1^1/2)^1/2), chapter 14.

    It is W2^2 between N(m1, c1) and N(m2, c2). m: (d,), c: (d, d); numbers on the line.
    Raises ValueError unless the covariances are symmetric and positive semidefinite.
    Source: Dowson and Landau 1982.
    """
    (m1, root1), (m2, root2) = _gaussian("1", m1, c1), _gaussian("2", m2, c2)
    _checks.same_shape("m1", m1, "m2", m2)
    # The last trace is the sum of the singular values of c1^1/2 c2^1/2: the product's
    # eigenvalues, whose roots would magnify their rounding errors, are not needed.
    overlap = np.linalg.svd(root1 @ root2, compute_uv=False).sum()
    traces = (root1**2).sum() + (root2**2).sum()
    return max(0.0, float(((m1 - m2) ** 2).sum() + traces - 2 * overlap))


def nearest(samples, data, k=1):
    """Return the k points of `data` nearest to each sample, Euclidean (chapter 14).

    samples (n, ...) and data (N, ...) of one shape: images for pixel distances, or
    their `features`. Equal distances come in the data's order.
    """
    samples, data = _rows("samples", samples), _rows("data", data)
    _checks.points("data", data, dim=samples.shape[1])
    _checks.enough("data", data, _checks.integer("k", k))
    indices, distances = [], []
    rows = max(1, BLOCK // len(data))
    for start in range(0, len(samples), rows):
        table = cdist(samples[start : start + rows], data)
        indices.append(np.argsort(table, axis=1, kind="stable")[:, :k])
        distances.append(np.take_along_axis(table, indices[-1], axis=1))
    return Nearest(np.concatenate(indices), np.concatenate(distances))


def floor(measure, data, *, size, repeats=20, seed=0):
    """Return measure(x, y) for pairs of samples of the data itself, `size` each.

    data: something with .sample(n, generator), then x and y are fresh; or a tensor
    (N, ...), then they are disjoint random parts. Raises ValueError for 2 size > N.
    """
    _checks.integer("size", size)
    _checks.integer("repeats", repeats)
    rng = random_generator(seed)
    values = []
    for _ in range(repeats):
        if callable(getattr(data, "sample", None)):
            x, y = data.sample(size, rng), data.sample(size, rng)
        else:
            _checks.enough("data", data, 2 * size)
            order = torch.randperm(len(data), generator=rng, device=rng.device).cpu()
            x, y = data[order[:size]], data[order[size : 2 * size]]
        values.append(float(measure(x, y)))
    values = np.array(values)
    low, high = float(values.min()), float(values.max())
    return Floor(float(np.median(values)), low, high, values)


def lipschitz(critic, points):
    """Bound the l2 Lipschitz constant K of a critic, on both sides (chapter 12).

    Lower bounds: `pairs`, the largest |f(x) - f(y)|/|x - y| among all pairs of points;
    `gradient`, the largest |grad f| at a point. Upper bound: `upper`, the product of
    `projections.layer_norms`, inf where these are not known. points: (N, ...), on any
    device; their number is what the lower bounds cost and what they are worth. Pairs
    closer than a millionth of the largest distance are left out: rounding is all they
    measure. critic: a module, copied in float64 and eval(), or a function of tensors.
    """
    known = has_known_layers(critic)
    if isinstance(critic, torch.nn.Module):
        critic = copy.deepcopy(critic).to("cpu", torch.float64).eval()
    points = torch.as_tensor(points).detach().to("cpu", torch.float64)
    _checks.enough("points", points, 2)
    distances = pdist(_rows("points", points))
    with torch.no_grad():
        rises = pdist(_rows("scores", critic(points)))
    apart = distances > 1e-6 * distances.max()
    pairs = (rises[apart] / distances[apart]).max(initial=0.0)
    gradient = slopes(critic, points).max().item()
    upper = layer_norms(critic).prod() if known else np.inf
    return Lipschitz(float(pairs), gradient, float(upper))


def _rows(name, values):
    # (N, ...) on any device as an array (N, d) of finite float64.
    if isinstance(values, torch.Tensor):
        values = values.detach().to("cpu", torch.float64).numpy()
    values = np.atleast_1d(_checks.array(name, values))
    return values.reshape(len(values), -1)


@functools.lru_cache(maxsize=1)
def _digit_classifier():
    net = classifier().double().eval().requires_grad_(False)
    with np.load(committed("classifier.npz")) as weights:
        net.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    return net


def _outputs(network, images):
    pixels = _rows("images", images)
    _checks.digit_images(np.shape(images), pixels)
    pixels = torch.from_numpy(pixels).reshape(-1, 1, 8, 8)
    with torch.inference_mode():
        return torch.cat([network(part) for part in pixels.split(1000)]).numpy()


def _gaussian(which, mean, covariance):
    mean = np.atleast_1d(_checks.array(f"m{which}", mean))
    covariance = np.atleast_2d(_checks.array(f"c{which}", covariance))
    _checks.covariance(f"c{which}", covariance, size=len(mean))
    values, vectors = np.linalg.eigh(covariance)
    return mean, (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
