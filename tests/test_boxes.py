"""Box puzzles: theorems of chapter 1 on drawn instances, and bad input."""

from fractions import Fraction
from itertools import permutations
from math import factorial

import families
import numpy as np
import pytest
from hypothesis import given
from scipy.stats import wasserstein_distance

from wgan_lessons import boxes
from wgan_lessons.boxes import CROSSING, SIX_BOXES, Puzzle


def unpacked(pile):
    return [position for position in sorted(pile) for _ in range(pile[position])]


def test_six_boxes_have_24_plans_that_all_cost_42():
    """Six boxes: 24 integer plans, each costs 42; gamma(1, 10) = 2 in 7 of them."""
    plans = boxes.plans(SIX_BOXES)
    assert len(plans) == 24
    assert {boxes.cost(SIX_BOXES, plan) for plan in plans} == {42}
    assert sum(plan[0, -1] == 2 for plan in plans) == 7


def test_crossing_costs():
    """The crossing puzzle's plans cost 2, 4, 4, 6, 8, 8: the distance is 2."""
    costs = sorted(boxes.cost(CROSSING, plan) for plan in boxes.plans(CROSSING))
    assert costs == [2, 4, 4, 6, 8, 8]
    assert boxes.cheapest(CROSSING).cost == boxes.least_cost(CROSSING) == 2


def test_golden_piles():
    """Piles (3, 2, 1, 4) to (1, 2, 4, 3), a published example: 5."""
    puzzle = Puzzle(dict(enumerate([3, 2, 1, 4])), dict(enumerate([1, 2, 4, 3])))
    assert boxes.cheapest(puzzle).cost == boxes.least_cost(puzzle) == 5


GOLDEN = [
    ([5, 3, 2, 1, 8, 7, 5, 9, 2, 1], [4, 10, 1, 1, 4, 6, 3, 2, 0, 1], (469, 344)),
    ([12, 7, 4, 1, 19, 14, 9, 6, 3, 2], [1, 5, 11, 17, 13, 9, 6, 4, 3, 2], (351, 497)),
]


@pytest.mark.parametrize(("p", "q", "value"), GOLDEN)
def test_golden_histograms_exactly(p, q, value):
    """Normalised histograms, published examples: 469/344 and 351/497, as fractions."""
    common = sum(p) * sum(q)
    puzzle = Puzzle(
        {i: n * sum(q) for i, n in enumerate(p) if n},
        {j: n * sum(p) for j, n in enumerate(q) if n},
    )
    assert Fraction(boxes.least_cost(puzzle), common) == Fraction(*value)
    ninths = Puzzle(*({Fraction(i, 9): n for i, n in pile.items()} for pile in puzzle))
    assert Fraction(boxes.least_cost(ninths), common) == Fraction(*value) / 9


@families.examples
@given(families.puzzles(largest=4))
def test_plans_are_all_tables_with_these_sums(puzzle):
    """The plans are the distinct tables that permutations of the boxes make."""
    starts, ends = unpacked(puzzle.sources), unpacked(puzzle.targets)
    rows, columns = sorted(puzzle.sources), sorted(puzzle.targets)
    tables = set()
    for order in permutations(ends):
        table = [[0] * len(columns) for _ in rows]
        for x, y in zip(starts, order, strict=True):
            table[rows.index(x)][columns.index(y)] += 1
        tables.add(str(table))
    listed = [str(plan.tolist()) for plan in boxes.plans(puzzle)]
    assert len(listed) == len(set(listed))
    assert set(listed) == tables


@families.examples
@given(families.one_way_puzzles())
def test_one_way_plans_cost_the_same(drawn):
    """If every box moves right, each plan costs sum of targets - sum of sources."""
    puzzle, value = drawn
    assert {boxes.cost(puzzle, plan) for plan in boxes.plans(puzzle)} == {value}
    assert boxes.greedy(puzzle).cost == boxes.least_cost(puzzle) == value


@families.examples
@given(families.puzzles())
def test_cost_is_counted_at_the_gaps(puzzle):
    """cost = sum of length * (right + left), and right - left = surplus, every plan."""
    lengths = [right - left for left, right in boxes.gaps(puzzle)]
    for plan in boxes.plans(puzzle):
        counts = boxes.crossings(puzzle, plan)
        assert [right - left for right, left in counts] == boxes.surplus(puzzle)
        passed = sum(n * sum(c) for n, c in zip(lengths, counts, strict=True))
        assert passed == boxes.cost(puzzle, plan)


@families.examples
@given(families.puzzles())
def test_the_plan_in_order_is_cheapest(puzzle):
    """The plan in order costs sum of length * |surplus|; no plan costs less."""
    least = boxes.least_cost(puzzle)
    plan, cost = boxes.in_order(puzzle)
    assert cost == least == boxes.cheapest(puzzle).cost
    assert all(0 in pair for pair in boxes.crossings(puzzle, plan))
    assert boxes.greedy(puzzle).cost >= least


@families.examples
@given(families.puzzles())
def test_one_way_gaps_iff_cheapest(puzzle):
    """A plan is cheapest iff no gap is crossed both ways."""
    least = boxes.least_cost(puzzle)
    for plan in boxes.plans(puzzle):
        one_way = all(0 in pair for pair in boxes.crossings(puzzle, plan))
        assert one_way == (boxes.cost(puzzle, plan) == least)


@families.examples
@given(families.puzzles(largest=8))
def test_least_cost_is_scipy(puzzle):
    """The least cost over the number of boxes is scipy's wasserstein_distance."""
    starts, ends = unpacked(puzzle.sources), unpacked(puzzle.targets)
    theirs = wasserstein_distance(starts, ends)
    assert boxes.least_cost(puzzle) / len(starts) == pytest.approx(theirs, abs=1e-12)


@families.examples
@given(families.puzzles(largest=4))
def test_squares_still_prefer_order(puzzle):
    """The plan in order is cheapest for the squared distance too."""

    def square(way):
        return way**2

    assert (
        boxes.in_order(puzzle, distance=square).cost
        == boxes.cheapest(puzzle, distance=square).cost
    )


def test_greedy_can_lose():
    """The shortest move first costs 6 where 4 would do."""
    puzzle = Puzzle({1: 1, 4: 1}, {3: 1, 6: 1})
    assert boxes.greedy(puzzle).cost == 6
    assert boxes.cheapest(puzzle).cost == 4


def test_singles_have_n_factorial_plans():
    """n single boxes and n single places: n! plans."""
    for n in range(1, 6):
        singles = Puzzle(dict.fromkeys(range(n), 1), dict.fromkeys(range(n), 1))
        assert len(boxes.plans(singles)) == factorial(n)


def test_order_of_the_dict_does_not_matter():
    """Rows and columns are in the order of position, not of the dict."""
    turned = Puzzle({3: 1, 2: 2, 1: 3}, {10: 2, 9: 1, 8: 2, 7: 1})
    ours, theirs = boxes.plans(turned), boxes.plans(SIX_BOXES)
    assert all(np.array_equal(p, q) for p, q in zip(ours, theirs, strict=True))
    assert np.array_equal(boxes.in_order(turned).plan, boxes.in_order(SIX_BOXES).plan)
    assert boxes.surplus(turned) == boxes.surplus(SIX_BOXES)


def test_too_many_plans():
    """A puzzle with more plans than at_most is refused, and says what to do."""
    assert len(boxes.plans(SIX_BOXES, at_most=24)) == 24
    with pytest.raises(ValueError, match="more than 23 plans.*Move fewer"):
        boxes.plans(SIX_BOXES, at_most=23)


@pytest.mark.parametrize(
    ("puzzle", "message"),
    [
        (Puzzle({}, {}), r"sources must be a dict.*got \{\}.*Pass for example"),
        (Puzzle({1: 1}, {}), "targets must be a dict"),
        (Puzzle([1, 2], {1: 2}), "sources must be a dict"),
        (Puzzle({1: 2}, {2: 3}), "equally many boxes; got 2 and 3. Add boxes"),
        (Puzzle({1: -1}, {2: 1}), r"sources\[1\] must be a whole number.*got -1"),
        (Puzzle({1: 0}, {2: 0}), r"sources\[1\] must be a whole number.*got 0"),
        (Puzzle({1: 0.5}, {2: 0.5}), "whole number of at least 1; got 0.5"),
        (Puzzle({float("nan"): 1}, {2: 1}), "a position of sources must be a finite"),
        (Puzzle({"a": 1}, {2: 1}), "a position of sources must be a finite"),
        ({1: 1}, "a puzzle is a pair of dicts"),
    ],
)
def test_bad_puzzles(puzzle, message):
    """Each wrong puzzle is a ValueError that says what, what came, what to do."""
    for function in (
        boxes.plans,
        boxes.cheapest,
        boxes.greedy,
        boxes.in_order,
        boxes.gaps,
        boxes.surplus,
        boxes.least_cost,
    ):
        with pytest.raises(ValueError, match=message):
            function(puzzle)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ([[1, 0], [0, 1]], r"shape \(3, 3\); got \(2, 2\)"),
        (-np.eye(3), "none negative"),
        (np.full((3, 3), 1 / 3), "whole numbers of boxes"),
        (
            np.ones((3, 3)),
            r"row sums \[1, 1, 1\].*got \[3, 3, 3\].*Move every box once",
        ),
        (np.full((3, 3), np.nan), "plan must be finite"),
        ([1, 1, 1], "2 dimension"),
    ],
)
def test_bad_plans(plan, message):
    """A table that is no plan of the puzzle is refused."""
    for function in (boxes.cost, boxes.crossings):
        with pytest.raises(ValueError, match=message):
            function(CROSSING, plan)
