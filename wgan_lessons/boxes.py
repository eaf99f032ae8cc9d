"""Box-moving puzzles: all plans, what each costs, and the cheapest (chapter 1).

Piles of boxes stand on a line. A plan is a table that says how many boxes go from each
source (a row) to each target (a column); rows and columns are in the order of position.
Moving one box costs the distance that it travels.
"""

from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np

from wgan_lessons import _checks


class Puzzle(NamedTuple):
    """Two dicts {position: number of boxes}: where boxes are, where they must go."""

    sources: dict
    targets: dict


class Choice(NamedTuple):
    """A plan and its cost."""

    plan: np.ndarray
    cost: float


SIX_BOXES = Puzzle({1: 3, 2: 2, 3: 1}, {7: 1, 8: 2, 9: 1, 10: 2})
CROSSING = Puzzle({1: 1, 3: 1, 5: 1}, {2: 1, 4: 1, 5: 1})


def plans(puzzle, *, at_most=100_000):
    """Return every plan with whole boxes: the tables with the piles as their sums.

    A list of integer arrays (sources, targets). Raises ValueError if there are more
    than `at_most`: their number explodes (chapter 1).

    >>> [plan.tolist() for plan in plans(Puzzle({0: 2}, {1: 1, 4: 1}))]
    [[[1, 1]]]
    >>> len(plans(SIX_BOXES))
    24
    """
    _, supply, _, demand = _checks.puzzle(puzzle)
    limit = _checks.integer("at_most", at_most)
    found = [np.array(table) for table in islice(_tables(supply, demand), limit + 1)]
    if len(found) > limit:
        raise ValueError(
            f"the puzzle has more than {limit} plans. Move fewer boxes, or let "
            "transport.optimal_plan search without a list."
        )
    return found


def _tables(supply, room):
    if not supply:
        yield []
        return
    for row in _rows(supply[0], room):
        left = [free - boxes for free, boxes in zip(room, row, strict=True)]
        for rest in _tables(supply[1:], left):
            yield [row, *rest]


def _rows(boxes, room):
    if len(room) == 1:
        if boxes <= room[0]:
            yield [boxes]
        return
    for here in range(min(boxes, room[0]) + 1):
        for rest in _rows(boxes - here, room[1:]):
            yield [here, *rest]


def cost(puzzle, plan, *, distance=abs):
    """Return the cost of a plan: sum of gamma(x, y) d(y - x), chapter 1.

    `distance` maps the signed way y - x to the price of one box; abs is the earth
    mover's. Exact for integer or Fraction positions.

    >>> cost(Puzzle({1: 1}, {7: 1}), [[1]])
    6
    """
    xs, supply, ys, demand = _checks.puzzle(puzzle)
    plan = _checks.plan(plan, supply, demand)
    return sum(
        int(plan[i, j]) * distance(y - x)
        for i, x in enumerate(xs)
        for j, y in enumerate(ys)
    )


def cheapest(puzzle, *, distance=abs):
    """Return the first of the cheapest plans, and its cost: min over all plans.

    >>> cheapest(CROSSING).cost
    2
    """
    choices = [Choice(p, cost(puzzle, p, distance=distance)) for p in plans(puzzle)]
    return min(choices, key=lambda choice: choice.cost)


def greedy(puzzle, *, distance=abs):
    """Take the shortest move that is left, as often as it can be made, until done.

    Tempting, and not always cheapest (chapter 1).

    >>> greedy(Puzzle({1: 1, 4: 1}, {3: 1, 6: 1})).cost
    6
    """
    xs, supply, ys, demand = _checks.puzzle(puzzle)
    plan = np.zeros((len(xs), len(ys)), dtype=int)
    moves = [(i, j) for i in range(len(xs)) for j in range(len(ys))]
    for i, j in sorted(moves, key=lambda move: distance(ys[move[1]] - xs[move[0]])):
        plan[i, j] = min(supply[i] - plan[i].sum(), demand[j] - plan[:, j].sum())
    return Choice(plan, cost(puzzle, plan, distance=distance))


def in_order(puzzle, *, distance=abs):
    """Send the k-th box from the left to the k-th place from the left.

    On a line with distance=abs no plan is cheaper (chapter 1).

    >>> in_order(Puzzle({1: 1, 4: 1}, {3: 1, 6: 1})).cost
    4
    """
    _, supply, _, demand = _checks.puzzle(puzzle)
    plan = np.zeros((len(supply), len(demand)), dtype=int)
    rows = np.repeat(np.arange(len(supply)), supply)
    columns = np.repeat(np.arange(len(demand)), demand)
    np.add.at(plan, (rows, columns), 1)
    return Choice(plan, cost(puzzle, plan, distance=distance))


def gaps(puzzle):
    """Return the gaps (left, right) between neighbouring positions of the puzzle.

    >>> gaps(CROSSING)
    [(1, 2), (2, 3), (3, 4), (4, 5)]
    """
    xs, _, ys, _ = _checks.puzzle(puzzle)
    cuts = sorted({*xs, *ys})
    return list(pairwise(cuts))


def crossings(puzzle, plan):
    """Return for each gap how many boxes cross it to the right, and to the left.

    >>> crossings(CROSSING, [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    [(1, 0), (0, 0), (1, 0), (0, 0)]
    """
    xs, supply, ys, demand = _checks.puzzle(puzzle)
    plan = _checks.plan(plan, supply, demand)
    counts = []
    for left, _ in gaps(puzzle):
        start_left = np.array([x <= left for x in xs])
        end_left = np.array([y <= left for y in ys])
        to_right = plan[start_left][:, ~end_left].sum()
        to_left = plan[~start_left][:, end_left].sum()
        counts.append((int(to_right), int(to_left)))
    return counts


def surplus(puzzle):
    """Return for each gap the boxes that start left of it minus those that end there.

    >>> surplus(CROSSING)
    [1, 0, 1, 0]
    """
    xs, supply, ys, demand = _checks.puzzle(puzzle)
    return [
        sum(n for x, n in zip(xs, supply, strict=True) if x <= left)
        - sum(n for y, n in zip(ys, demand, strict=True) if y <= left)
        for left, _ in gaps(puzzle)
    ]


def least_cost(puzzle):
    """Return the cost of the cheapest plan without looking at any plan.

    Sum over gaps of length times |surplus| (chapter 1): linear in the number of piles.

    >>> least_cost(SIX_BOXES)
    42
    """
    return sum(
        (right - left) * abs(boxes)
        for (left, right), boxes in zip(gaps(puzzle), surplus(puzzle), strict=True)
    )
