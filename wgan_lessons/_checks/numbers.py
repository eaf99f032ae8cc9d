"""Checks of plain values: numbers, arrays, weights, clouds of points."""

import math
import numbers

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


def samples(name, values):
    """Return points (n, d); numbers on the line, shape (n,), become (n, 1)."""
    if np.ndim(values) == 1:
        return array(name, values, ndim=1)[:, None]
    return points(name, values)


def weighted(name, values, weights_name, given):
    """Return numbers (n,) on the line and their weights, equal ones if None."""
    values = array(name, values, ndim=1)
    if given is None:
        return values, np.full(len(values), 1 / len(values))
    return values, weights(weights_name, given, size=len(values))


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
