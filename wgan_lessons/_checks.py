"""Every argument check and its message, once.

A check returns the value in the form that the caller works with, or raises a
`ValueError` that says what is wrong, what came, and what to do.
"""

import math
import numbers
from collections.abc import Mapping

import numpy as np


def integer(name, value, *, minimum=1):
    """Return `value` as an int of at least `minimum`."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < minimum:
        raise ValueError(
            f"{name} must be a whole number of at least {minimum}; got {value!r}. "
            f"Pass {name}={minimum} or more."
        )
    return int(value)


def number(name, value, *, minimum=-math.inf, above=-math.inf, below=math.inf):
    """Return `value` as a finite float with minimum <= value, above < value < below."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if real and math.isfinite(value) and value >= minimum and above < value < below:
        return float(value)
    limits = [f"at least {minimum:g}"] if minimum > -math.inf else []
    limits += [f"above {above:g}"] if above > -math.inf else []
    limits += [f"below {below:g}"] if below < math.inf else []
    wanted = " ".join(["a finite number", " and ".join(limits)]).strip()
    raise ValueError(f"{name} must be {wanted}; got {value!r}. Change {name}.")


def one_of(name, value, options):
    """Return `value` if it is among `options`, whose names the error lists."""
    if value not in options:
        listed = ", ".join(sorted(map(str, options)))
        raise ValueError(f"unknown {name} {value!r}. Choose one of: {listed}.")
    return value


def array(name, values, *, ndim=None):
    """Return `values` as a finite, non-empty float64 array of `ndim` dimensions."""
    try:
        result = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be numbers in a rectangular array; got {values!r}. "
            "Pass a list or array of floats."
        ) from error
    if ndim is not None and result.ndim != ndim:
        raise ValueError(
            f"{name} must have {ndim} dimension(s); got shape {result.shape}. "
            "Reshape it first."
        )
    if result.size == 0:
        raise ValueError(f"{name} is empty; got shape {result.shape}. Pass values.")
    if not np.isfinite(result).all():
        bad = int((~np.isfinite(result)).sum())
        raise ValueError(
            f"{name} must be finite; got {bad} NaN or infinite value(s). Remove them."
        )
    return result


def weights(name, values, *, size=None, tolerance=1e-9):
    """Return `values` as nonnegative weights that sum to 1."""
    result = array(name, values, ndim=1)
    if size is not None and len(result) != size:
        raise ValueError(
            f"{name} must hold one weight a point; got {len(result)} for {size} "
            "points. Pass as many weights as points."
        )
    if result.min() < 0:
        raise ValueError(
            f"{name} must not be negative; got {result.min():g}. Mass cannot be owed."
        )
    total = result.sum()
    if abs(total - 1) > tolerance:
        raise ValueError(
            f"{name} must sum to 1; got {total:.10g}. Divide by {name}.sum()."
        )
    return result


def points(name, values, *, dim=None):
    """Return `values` as an (n, d) array of points."""
    result = array(name, values, ndim=2)
    if dim is not None and result.shape[1] != dim:
        raise ValueError(
            f"{name} must hold points in {dim} dimension(s); got shape "
            f"{result.shape}. Pass points of the same space."
        )
    return result


def same_shape(first_name, first, second_name, second):
    """Refuse two tensors or arrays of different shapes."""
    if tuple(first.shape) != tuple(second.shape):
        raise ValueError(
            f"{first_name} and {second_name} must have the same shape; got "
            f"{tuple(first.shape)} and {tuple(second.shape)}. "
            "Draw equally many samples of equal size."
        )


def first_weight(name, network):
    """Return a network's first weight, whose device and dtype are the network's."""
    weight = next(iter(getattr(network, "parameters", tuple)()), None)
    if weight is None:
        raise ValueError(
            f"{name} must be a torch.nn.Module with weights; got "
            f"{type(network).__name__}. See networks.mlp_generator and mlp_critic."
        )
    return weight


def one_device(**tensors):
    """Refuse named tensors that differ in their device, or in their dtype."""
    for what, method in (("device", ".to(device)"), ("dtype", ".to(dtype)")):
        found = {name: str(getattr(value, what)) for name, value in tensors.items()}
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{name} {value}" for name, value in found.items())
            raise ValueError(
                f"everything must have one {what}; got {listed}. "
                f"Convert with {method} before the call."
            )


def scores(name, values, count):
    """Refuse critic scores that are not one number a sample, shape (count,)."""
    if tuple(values.shape) != (count,):
        raise ValueError(
            f"{name} must return one score a sample, shape ({count},); got "
            f"{tuple(values.shape)}. End the network with torch.nn.Flatten(0)."
        )


def latent_size(G):
    """Refuse a generator that does not carry its latent size."""
    if not isinstance(getattr(G, "latent", None), int):
        raise ValueError(
            "G does not say its latent size. Set G.latent = (columns of its input)."
        )


def training_data(data, critic, batch_size):
    """Refuse data that a run cannot draw batches from."""
    if callable(getattr(data, "sample", None)):
        return
    if not hasattr(data, "requires_grad"):
        raise ValueError(
            "data must be a tensor (N, ...) or have .sample(n, generator); got "
            f"{type(data).__name__}. Use torch.as_tensor."
        )
    one_device(data=data, D=first_weight("D", critic))
    if len(data) < batch_size:
        raise ValueError(
            f"data must hold at least one batch; got {len(data)} samples for "
            f"batch_size={batch_size}. Lower batch_size."
        )


def finite_run(first_bad):
    """Raise if a run remembers a round in which a loss was not finite."""
    if first_bad >= 0:
        raise ValueError(
            f"a loss became NaN or infinite in round {int(first_bad)}. Try a smaller "
            "learning rate, data scaled to about 1, or a bound on the critic."
        )


def pile(name, boxes):
    """Return a pile {position: boxes} as its sorted positions and their counts."""
    if not isinstance(boxes, Mapping) or not boxes:
        raise ValueError(
            f"{name} must be a dict {{position: boxes}}, not empty; got {boxes!r}. "
            "Pass for example {1: 3, 2: 2}."
        )
    for position, count in boxes.items():
        number(f"a position of {name}", position)
        integer(f"{name}[{position}]", count)
    positions = sorted(boxes)
    return positions, [int(boxes[position]) for position in positions]


def puzzle(pair):
    """Return positions and counts of the sources, then of the targets."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise ValueError(
            f"a puzzle is a pair of dicts; got {pair!r}. "
            "Pass boxes.Puzzle(sources, targets)."
        )
    xs, supply = pile("sources", pair[0])
    ys, demand = pile("targets", pair[1])
    if sum(supply) != sum(demand):
        raise ValueError(
            f"sources and targets must hold equally many boxes; got {sum(supply)} "
            f"and {sum(demand)}. Add boxes to the smaller pile."
        )
    return xs, supply, ys, demand


def plan(table, supply, demand):
    """Return a table of whole boxes whose row and column sums are the piles."""
    result = array("plan", table, ndim=2)
    if result.shape != (len(supply), len(demand)):
        raise ValueError(
            f"plan must have a row a source and a column a target, shape "
            f"{(len(supply), len(demand))}; got {result.shape}. Transpose or extend it."
        )
    if result.min() < 0 or (result != np.rint(result)).any():
        raise ValueError(
            f"plan must hold whole numbers of boxes, none negative; got "
            f"{result.tolist()}. Move whole boxes."
        )
    rows, columns = result.sum(1).tolist(), result.sum(0).tolist()
    if rows != list(supply) or columns != list(demand):
        raise ValueError(
            f"plan must have row sums {list(supply)} and column sums {list(demand)}; "
            f"got {[int(n) for n in rows]} and {[int(n) for n in columns]}. "
            "Move every box once."
        )
    return result.astype(int)


def transport(a, b, costs):
    """Return weights a (n,), b (m,) and a cost matrix (n, m), all checked."""
    costs = array("M", costs, ndim=2)
    a = weights("a", a, size=costs.shape[0])
    b = weights("b", b, size=costs.shape[1])
    return a, b * (a.sum() / b.sum()), costs


def weighted(name, values, weights_name, given):
    """Return numbers (n,) on the line and their weights, equal ones if None."""
    values = array(name, values, ndim=1)
    if given is None:
        return values, np.full(len(values), 1 / len(values))
    return values, weights(weights_name, given, size=len(values))


def samples(name, values):
    """Return points (n, d); numbers on the line, shape (n,), become (n, 1)."""
    if np.ndim(values) == 1:
        return array(name, values, ndim=1)[:, None]
    return points(name, values)


def same_count(first_name, first, second_name, second):
    """Refuse two clouds with different numbers of points."""
    if len(first) != len(second):
        raise ValueError(
            f"{first_name} and {second_name} must hold equally many points; got "
            f"{len(first)} and {len(second)}. Use transport.w1_line or w1_samples."
        )


def enough(name, values, count):
    """Refuse fewer than `count` samples."""
    if len(values) < count:
        raise ValueError(
            f"{name} must hold at least {count} samples; got {len(values)}. "
            "Draw more, or ask for less."
        )


def modes(mixture):
    """Return the centres (k, d) and the sigma > 0 of a mixture."""
    if not hasattr(mixture, "centres"):
        raise ValueError(f"mixture must have centres; got {mixture!r}. Pass ring().")
    sigma = number("sigma of the mixture", mixture.sigma, above=0.0)
    return points("centres", mixture.centres.cpu()), sigma


def digit_images(shape, pixels):
    """Refuse pixels of images that the classifier of digits was not trained on."""
    if len(shape) != 4 or tuple(shape[1:]) != (1, 8, 8) or abs(pixels).max() > 1.001:
        raise ValueError(
            "images must be digits of shape (N, 1, 8, 8) in [-1, 1]; got "
            f"{tuple(shape)} from {pixels.min():g} to {pixels.max():g}. Convert them."
        )


def covariance(name, values, *, size):
    """Refuse what is no covariance matrix (size, size), up to rounding."""
    fault = f"shape {values.shape}"
    if values.shape == (size, size):
        skew = abs(values - values.T).max()
        lowest = np.linalg.eigvalsh(values).min()
        if max(skew, -lowest) <= 1e-8 * abs(values).max():
            return
        fault = f"entries that differ by {skew:.3g} and the eigenvalue {lowest:.3g}"
    raise ValueError(
        f"{name} must be symmetric, {size} x {size}, with no negative eigenvalue; got "
        f"{fault}. Check that it is a covariance."
    )
