"""Checks of densities, kernels, counts, and of what integrals return."""

from itertools import pairwise

import numpy as np

from wgan_lessons._checks.numbers import array, covariance, number, weights


def intervals(name, pairs):
    """Refuse what is no tuple of disjoint, rising intervals (low, high)."""
    ends = [end for low_high in pairs for end in low_high]
    if not ends or not all(low < high for low, high in pairwise(ends)):
        raise ValueError(
            f"{name} must be disjoint intervals (low, high) in rising order; got "
            f"{pairs!r}. Pass for example ((0.0, 1.0), (2.0, 3.0))."
        )


def peaks(name, pairs):
    """Refuse what is no tuple of pairs (centre, scale) with scales above 0."""
    if not len(pairs):
        raise ValueError(
            f"{name} must hold at least one pair (centre, scale); got {pairs!r}. "
            "Say where the density has its peak, and how wide it is."
        )
    for centre, scale in pairs:
        number(f"a centre of {name}", centre)
        number(f"a scale of {name}", scale, above=0.0)


def known_tail(side, tail):
    """Return the tail of a density, or refuse to guess it."""
    if tail is None:
        raise ValueError(
            f"infinite or not depends on the {side} tail, which this density does not "
            f"state; got {side}=None. Pass {side}=Tail(square, slope, power)."
        )
    return tail


def within_floats(name, values):
    """Return finite values, or refuse those beyond the largest float."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} is finite in theory and beyond the largest float, 1.8e308; got "
            "inf or NaN. Compare laws that are less far apart."
        )
    return values


def shrinking(last, previous):
    """Return last/previous of two pieces far out, refused unless well below 1."""
    # 1/x gives pieces of equal size, up to rounding.
    if last > 0.99 * previous:
        raise ValueError(
            "an integral over an infinite support must settle far out; got pieces "
            f"{previous:.3g} and then {last:.3g}. Check that it is finite."
        )
    return last / previous


def positive_definite(name, values, *, size):
    """Return the lower Cholesky factor of a covariance matrix that has a density."""
    values = array(name, values, ndim=2)
    covariance(name, values, size=size)
    try:
        return np.linalg.cholesky(values)
    except np.linalg.LinAlgError as error:
        lowest = np.linalg.eigvalsh(values).min()
        raise ValueError(
            f"{name} must be positive definite; got the lowest eigenvalue "
            f"{lowest:.3g}. A singular law has no density: drop dependent axes."
        ) from error


def kernel(name, values, *, size):
    """Return a table (size, m) of chances: each row is a law."""
    values = array(name, values, ndim=2)
    if len(values) != size:
        raise ValueError(
            f"{name} must have one row for each of {size} boxes; got shape "
            f"{values.shape}. Transpose it, or add rows."
        )
    return np.array([weights(f"a row of {name}", row) for row in values])


def counts(name, values):
    """Return whole numbers >= 0, not all of them 0, as floats (n,)."""
    values = array(name, values, ndim=1)
    if values.min() < 0 or (values != np.rint(values)).any() or not values.any():
        raise ValueError(
            f"{name} must be whole numbers, none negative, some positive; got "
            f"{values.tolist()}. Pass how many samples fell into each box."
        )
    return values


def no_repeats(name, distances):
    """Refuse distances of 0 between samples: a law with a density repeats no point."""
    repeated = int(np.sum(np.min(distances, axis=-1) == 0))
    if repeated:
        raise ValueError(
            f"{name} must hold no repeated points; got {repeated} with a distance of "
            "0. Laws with atoms have no density: use kl_plug_in on counts."
        )
