"""Losses learning the ring, played back from a stored study."""

from wgan_lessons import _checks, _packing, figures
from wgan_lessons.widgets.live import Live, say

SHOWN = ("modes", "high_quality", "w1", "value", "points", "scores")
SHARED = ("gradient_evaluations", "w1_floor", "view")
EACH = "{name} covers {modes} of 8 modes and has W₁ {w1}"
SAYS = (
    "After {work} gradient evaluations: {each}. "
    "Two samples of the data have W₁ {floor}."
)


class TrainingPlayer(Live):
    """Play trainings on the ring: samples and critic, frame by frame (chapter 14).

    rows: the study "playback" as `reading.read_results` returns it; the settings' k-th
    frames are compared, so they come after equal work. Raises ValueError for others.
    """

    script = "training_player.js"
    alt = (
        "Orange samples at the end of each training, one panel a loss, over the eight "
        "blue modes of the ring."
    )
    size = (6.4, 2.7)

    def __init__(self, rows):
        self.runs = _checks.frames(rows, (*SHOWN, *SHARED))

    def data(self):
        """Return the numbers and texts that the script needs."""
        first = next(iter(self.runs.values()))
        runs = [
            {"name": name, **{key: [row[key] for row in rows] for key in SHOWN}}
            for name, rows in self.runs.items()
        ]
        return {
            "says": [SAYS, EACH],
            "digits": _packing.DIGITS,
            "view": first[0]["view"],
            "floor": first[0]["w1_floor"],
            "work": [row["gradient_evaluations"] for row in first],
            "modes": ring().centres.numpy(),
            "runs": runs,
        }

    def sentence(self):
        """Return what the figure says at the start."""
        last = {name: rows[-1] for name, rows in self.runs.items()}
        each = [
            EACH.format(name=name, modes=say(row["modes"]), w1=say(row["w1"], 3))
            for name, row in last.items()
        ]
        row = next(iter(last.values()))
        work, floor = say(row["gradient_evaluations"]), say(row["w1_floor"], 3)
        return SAYS.format(work=work, each=", ".join(each), floor=floor)

    def still(self, figure):
        """Draw the start into a matplotlib Figure."""
        panels = {name: samples(rows[-1]) for name, rows in self.runs.items()}
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        figures.clouds(panels, ring().sample(400), size=10, ax=axes)


def samples(row):
    """Return the points of a frame, shape (n, 2)."""
    view = row["view"]
    return _packing.unpack(row["points"], low=-view, high=view, width=2).reshape(-1, 2)


def ring():
    """Return the ring of eight Gaussians."""
    # Chapters without networks show other figures, and load no torch for them.
    from wgan_lessons import distributions

    return distributions.ring()
