"""Checks of boxes, plans and costs."""

from collections.abc import Mapping

import numpy as np

from wgan_lessons._checks.numbers import array, integer, number, weights


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


def prices(name, values, *, size):
    """Return one finite number a point, shape (size,)."""
    result = array(name, values, ndim=1)
    if len(result) != size:
        raise ValueError(
            f"{name} must hold one number a point; got {len(result)} for {size} "
            "points. Pass as many numbers as points."
        )
    return result


def table(name, values, *, shape):
    """Return a table with one finite entry for each pair of points."""
    result = array(name, values, ndim=2)
    if result.shape != shape:
        raise ValueError(
            f"{name} must hold one entry a pair, shape {shape}; got {result.shape}. "
            "Transpose or extend it."
        )
    return result
