"""Two parallel lines and the distances between them, by the place of the second."""

import math

from wgan_lessons import examples, figures
from wgan_lessons.widgets.live import Live, say

STEP, FARTHEST, START = 0.05, 2, 1.0
SAYS = {
    "apart": "At θ = {theta}, W₁ is {w1} and has slope {slope}. JS is {js} and TV is "
    "{tv}, wherever the lines are apart: slope 0. KL is infinite, both ways.",
    "together": "At θ = 0 the lines are one and every distance is 0. Here W₁ has a "
    "kink, and the others jump.",
}


class ParallelLines(Live):
    """Slide one of two parallel lines: W1, JS, KL and TV, and their slopes (chapter 2).

    P = (0, U[0, 1]) stays, and Q = (theta, U[0, 1]) moves.
    """

    script = "parallel_lines.js"
    alt = (
        "Against theta, W1 is a V with its tip at 0. JS and TV are flat lines that "
        "drop to 0 at theta = 0 only."
    )
    size = (5.6, 3.2)

    def data(self):
        """Return the numbers and texts that the script needs."""
        steps = round(FARTHEST / STEP)
        thetas = [k * STEP for k in range(-steps, steps + 1)]
        values = [examples.parallel_lines(theta) for theta in thetas]
        slopes = [examples.parallel_lines_gradients(theta) for theta in thetas]
        return {
            "says": SAYS,
            "step": STEP,
            "start": START,
            "thetas": thetas,
            "values": columns(values),
            "slopes": columns(slopes),
        }

    def sentence(self):
        """Return what the figure says at the start."""
        now, slope = (
            examples.parallel_lines(START),
            examples.parallel_lines_gradients(START),
        )
        return SAYS["apart"].format(
            theta=say(START, 2),
            w1=say(now.w1, 2),
            slope=say(slope.w1),
            js=say(now.js, 4),
            tv=say(now.tv),
        )

    def still(self, figure):
        """Draw the start into a matplotlib Figure."""
        ax = figure.subplots()
        thetas = self.data()["thetas"]
        for name, label in (("w1", "W1"), ("js", "JS"), ("tv", "TV")):
            values = [getattr(examples.parallel_lines(t), name) for t in thetas]
            # What jumps is cut open at 0, and a dot shows its value there.
            if name != "w1":
                values[thetas.index(0)] = math.nan
            figures.curve(thetas, values, label=label, ax=ax, xlabel="θ")
        ax.plot(0, 0, "o", color="black")


def columns(rows):
    """Return {field: its values, row by row}; what does not exist (NaN) is None."""
    return {
        name: [
            None if math.isnan(getattr(row, name)) else getattr(row, name)
            for row in rows
        ]
        for name in rows[0]._fields
    }
