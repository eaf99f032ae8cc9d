"""Boxes to be moved by hand: what the plan costs, and what a price list is worth."""

import numpy as np

from wgan_lessons import _checks, boxes, figures
from wgan_lessons.widgets.live import Live, say

PUZZLES = {"six boxes": boxes.SIX_BOXES, "crossing": boxes.CROSSING}
COSTS = {"distance": abs, "distance squared": np.square}
PLAN_SAYS = {
    "open": "{moved} of {boxes} boxes are moved, at a cost of {cost}. "
    "The cheapest plan for all of them costs {best}.",
    "dear": "Your plan costs {cost}. The cheapest one costs {best}.",
    "best": "Your plan costs {cost}, and no plan costs less.",
}
PRICES_SAY = {
    "open": "{moved} of {boxes} boxes are moved, at a cost of {cost}. "
    "The price list adds up to {dual}: no plan can cost less.",
    "dear": "Your plan costs {cost} and the price list adds up to {dual}, "
    "a gap of {gap}.",
    "best": "Your plan costs {cost} and the price list adds up to as much: "
    "neither can be improved.",
    "broken": "The prices of the move from {x} to {y} add up to {sum}, more than its "
    "cost {M}: such a list bounds nothing.",
}


class MoveBoxes(Live):
    """Drag boxes to their places; see the plan's cost beside the least (chapter 1).

    prices: show a price list too, u_i for a box picked up at x_i and v_j for one put
    down at y_j, its sum beside the cost, and each move's slack M_ij - u_i - v_j
    (chapter 3). puzzle: the first one shown, "six boxes" or "crossing"; a move costs
    its distance, or the square of it.
    """

    script = "move_boxes.js"
    size = (5.0, 2.9)

    def __init__(self, prices=False, *, puzzle="six boxes"):
        self.prices = bool(prices)
        self.puzzle = _checks.one_of("puzzle", puzzle, PUZZLES)
        boxes_at, places_at = map(piles, PUZZLES[puzzle])
        self.alt = (
            f"Blue boxes stand on a line: {boxes_at}. "
            f"Empty places hang below it: {places_at}."
        )

    def data(self):
        """Return the numbers and texts that the script needs."""
        says = PRICES_SAY if self.prices else PLAN_SAYS
        puzzles = [problem(name) for name in PUZZLES]
        start = list(PUZZLES).index(self.puzzle)
        return {"prices": self.prices, "says": says, "start": start, "puzzles": puzzles}

    def sentence(self):
        """Return what the figure says at the start."""
        says = self.data()["says"]["open"]
        puzzle = PUZZLES[self.puzzle]
        start = {
            "moved": 0,
            "boxes": sum(puzzle.sources.values()),
            "cost": 0,
            "dual": 0,
        }
        return says.format(best=say(boxes.cheapest(puzzle).cost), **start)

    def still(self, figure):
        """Draw the start into a matplotlib Figure."""
        figures.piles(*PUZZLES[self.puzzle], ax=figure.subplots())


def piles(pile):
    """Return a pile in words: "3 at 1, 2 at 2"."""
    return ", ".join(f"{count} at {x}" for x, count in sorted(pile.items()))


def problem(name):
    """Return what the page needs to know of a puzzle, under both costs."""
    (xs, supply), (ys, demand) = (zip(*sorted(p.items())) for p in PUZZLES[name])
    costs = [solution(PUZZLES[name], title) for title in COSTS]
    piles = {"xs": xs, "supply": supply, "ys": ys, "demand": demand}
    return {"name": name, **piles, "costs": costs}


def solution(puzzle, title):
    """Return the costs M, the first of the cheapest plans, and the best prices."""
    distance = COSTS[title]
    plan, cost = boxes.cheapest(puzzle, distance=distance)
    ways = np.subtract.outer(sorted(puzzle.targets), sorted(puzzle.sources)).T
    M = distance(ways)
    u, v = best_prices(M, plan)
    return {"name": title, "M": M, "plan": plan, "best": int(cost), "u": u, "v": v}


def best_prices(M, plan):
    """Return optimal prices u, v: the middle of the highest and the lowest ones.

    Half of an integer at worst, the same with any cheapest plan, and the least u is 0.
    Where u_i + v_j = M_ij for these prices, some cheapest plan makes that move (tested
    for our puzzles; the highest and the lowest prices alone touch at more moves).
    """
    n, m = M.shape
    # u_i - w_j <= M_ij for w = -v, and no less where the plan has a box: the length of
    # the shortest way from the first price bounds each one from above.
    way = np.full((n + m, n + m), np.inf)
    np.fill_diagonal(way, 0)
    way[n:, :n] = M.T
    way[:n, n:] = np.where(plan > 0, -M, np.inf)
    for stop in range(n + m):
        way = np.minimum(way, way[:, [stop]] + way[[stop]])
    middle = (way[0] - way[:, 0]) / 2
    u, v = middle[:n], -middle[n:]
    return u - u.min(), v + u.min()
