"""The base of every live figure: one piece of html that needs no kernel and no network.

A notebook stores the html, and every page shows it: Jupyter, Colab, the built book. It
begins as a still picture with a sentence; where scripts run, one takes their place.
"""

import base64
import hashlib
import html
import io
import json
import math
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HERE = Path(__file__).parent
MOST_BYTES = 120_000
# The same as in helpers.js: at least 3.8:1 on white and on #121212.
INKS = {
    "real": "#0a7abf",
    "fake": "#c45300",
    "green": "#0a8262",
    "purple": "#a952b4",
    "grey": "#757575",
}


class Live:
    """A figure with controls: subclasses say what it shows, a script how it reacts.

    script: a file beside this one, `(live, data) => redraw` (see helpers.js).
    alt: what a picture of it shows, for those who cannot see it.
    size: of the still picture, in inches.
    data() returns what the script needs, sentence() what the figure says at the start,
    still(figure) draws the start into a matplotlib Figure.
    """

    script = None
    alt = None
    size = (6.4, 3.6)

    def data(self):
        """Return the numbers and texts that the script needs."""
        raise NotImplementedError

    def sentence(self):
        """Return what the figure says at the start."""
        raise NotImplementedError

    def still(self, figure):
        """Draw the start into a matplotlib Figure."""
        raise NotImplementedError

    def __repr__(self):
        return self.sentence()

    def _repr_mimebundle_(self, include=None, exclude=None):
        picture = self.picture()
        return {
            "text/html": self.page(picture),
            "image/png": picture,
            "text/plain": self.sentence(),
        }

    def picture(self):
        """Return the still as PNG in base64: the same bytes whenever it is drawn."""
        # The reader's own settings of matplotlib change nothing.
        with matplotlib.style.context("default"):
            figure = Figure(self.size, dpi=100, layout="constrained")
            FigureCanvasAgg(figure)
            self.still(figure)
            content = io.BytesIO()
            figure.savefig(content, format="png", metadata={"Software": None})
        return base64.b64encode(content.getvalue()).decode()

    def page(self, picture):
        """Return the html: the still and the sentence, then the script and its data."""
        parts = [read("helpers.js"), read(self.script), encode(self.data())]
        code = "({})({},\n{},\n{})".format(*parts, json.dumps(name(*parts)))
        width, height = (round(100 * inches) for inches in self.size)
        shown = (
            f'<figure data-live="{name(*parts)}" style="margin: 0">'
            f'<img src="data:image/png;base64,{picture}" alt="{html.escape(self.alt)}" '
            f'width="{width}" height="{height}" style="max-width: 100%; height: auto">'
            f"<figcaption>{html.escape(self.sentence())}</figcaption></figure>\n"
            f"<script>\n{code};\n</script>"
        )
        if len(shown) > MOST_BYTES:
            raise ValueError(
                f"a live figure has at most {MOST_BYTES:,} bytes; got {len(shown):,}. "
                "Give its data fewer numbers or fewer digits."
            )
        return shown


def name(*parts):
    """Return 16 letters and digits that stand for the script and its data.

    A page finds its figures by them. The still is left out, since its bytes differ
    between versions of matplotlib.
    """
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def read(script):
    """Return a script of this folder; it is an expression, so no `;` ends it."""
    return (HERE / script).read_text("utf-8").strip()


def encode(data):
    """Return data as JSON that may stand in a script: infinity is the text "∞".

    Arrays become lists, and floats keep 9 digits. Raises ValueError for NaN.
    """
    text = json.dumps(plain(data), allow_nan=False, separators=(",", ":"))
    # Neither "</script" nor "<!--" may end or open anything.
    return text.replace("<", "\\u003c")


def plain(data):
    """Return data as dicts, lists, text and rounded numbers."""
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, np.ndarray | np.generic):
        return plain(data.tolist())
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    if isinstance(data, float):
        return rounded(data)
    return data


def rounded(value):
    """Return a float with 9 digits, as an int where it is one, infinity as text."""
    if math.isnan(value):
        raise ValueError("the data of a live figure hold NaN. Leave such numbers out.")
    if math.isinf(value):
        return say(value)
    value = float(f"{value:.9g}")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def say(value, digits=None):
    """Return a number as the page writes it: `live.say` gives the same text.

    digits: behind the point; None writes up to 6 digits, as few as it takes.
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    # As in the data: what is written does not hang on the last bits of a result.
    value = rounded(value)
    text = f"{value:.6g}" if digits is None else f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")
