"""The penalised critic of two points: what it gains with each slope."""

import numpy as np

from wgan_lessons import figures
from wgan_lessons.widgets.live import Live, say

WEIGHTS = (0.5, 1, 2, 3, 5, 10)
DISTANCES = tuple(k / 4 for k in range(17))
START = {"distance": 1.0, "weight": 1}
SAYS = {
    "two": "With λ = {weight} and d = {d} the best slope is {slope} and the critic's "
    "value {value}, where W₁ is {d}. A second maximum lies at slope {second}.",
    "one": "With λ = {weight} and d = {d} the best slope is {slope} and the critic's "
    "value {value}, where W₁ is {d}. There is no other maximum.",
    "two at 0": "At d = 0 there is nothing to tell apart, and still the two-sided "
    "penalty wants slope 1 or −1.",
    "one at 0": "At d = 0 there is nothing to tell apart, and the one-sided penalty "
    "leaves every slope from −1 to 1 alone.",
}


class TwoDiracCritic(Live):
    """Slide lambda and the distance d of two points: the best slope (chapter 13).

    It maximises d s - lambda (|s| - 1)^2, or max(|s| - 1, 0)^2 with a one-sided
    penalty.
    """

    script = "two_dirac_critic.js"
    alt = (
        "Objective against slope for lambda = 1 and d = 1: two hills that meet in a "
        "kink at slope 0. The higher one peaks at slope 1.5, the other at -0.5."
    )
    size = (5.6, 3.2)

    def data(self):
        """Return the numbers and texts that the script needs."""
        return {
            "says": SAYS,
            "weights": WEIGHTS,
            "distances": DISTANCES,
            "start": [
                DISTANCES.index(START["distance"]),
                WEIGHTS.index(START["weight"]),
            ],
            "laws": [[self.laws(d, weight) for weight in WEIGHTS] for d in DISTANCES],
        }

    def laws(self, distance, weight):
        """Return the best critics, `theory.TwoDiracs`: two-sided, one-sided."""
        # Chapters without networks show other figures, and load no torch for them.
        from wgan_lessons import theory

        found = (theory.two_diracs, theory.two_diracs_one_sided)
        return [law(distance, weight=weight) for law in found]

    def sentence(self):
        """Return what the figure says at the start."""
        law = self.laws(**START)[0]
        return SAYS["two"].format(
            weight=say(START["weight"]),
            d=say(START["distance"], 2),
            slope=say(law.slope, 3),
            value=say(law.value, 3),
            second=say(law.second, 3),
        )

    def still(self, figure):
        """Draw the start into a matplotlib Figure."""
        from wgan_lessons import theory

        slopes = np.linspace(-2, 3, 201)
        gains = theory.dirac_objective(slopes, **START)
        names = {"xlabel": "slope s", "ylabel": "objective"}
        ax = figures.curve(slopes, gains, ax=figure.subplots(), **names)
        law = self.laws(**START)[0]
        ax.plot(law.slope, law.objective, "o", color=figures.REAL)
