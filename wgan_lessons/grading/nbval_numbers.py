"""nbval compares numbers as far as the reference notebook writes them.

A pytest plugin: `pytest --nbval-lax -p wgan_lessons.grading.nbval_numbers`.

A float in the reference stands for itself give or take one unit in its last written
place, as in pytest's doctest option NUMBER: 0.93 accepts 0.9312, 0.92 and 0.94, and
refuses 0.95. Whole numbers (7, and NumPy's 7.) and all other text must be the same;
only the spaces around floats, which align columns, are free. Progress bars (whatever
goes to standard error, widgets) are no results, and images inside html are not
compared, since their bytes differ between versions of matplotlib.
"""

import re
from collections import defaultdict
from copy import deepcopy
from decimal import Decimal, InvalidOperation

from nbval.plugin import IPyNbCell

WIDGET = "application/vnd.jupyter.widget-view+json"
IMAGE = r"base64,[A-Za-z0-9+/=]+"
# Not inside words (names, hashes) and not in versions such as 1.26.4. Python writes the
# sign of every exponent, which hashes such as 12e5 have not.
NUMBER = re.compile(
    r"[ ]*(?<![\w.])([+-]?(?:\d+\.\d*|\.\d+|\d+(?=e[+-]))(?:e[+-]\d+)?)(?!\.?\d)[ ]*",
    re.IGNORECASE,
)


def close(reference, run):
    """Whether the number `run` is what `reference` writes, both of them text."""
    want, got = Decimal(reference), Decimal(run)
    if reference.endswith("."):
        return want == got
    unit = Decimal(1).scaleb(want.as_tuple().exponent)
    return abs(got - want) <= unit


def settle(reference, run):
    """Return `reference` with those of its numbers exchanged that `run` has otherwise.

    So the result equals `reference` exactly if `run` agrees with it, and an error
    shows only what differs. If more than numbers differs, `run` comes back.
    """
    want, got = NUMBER.split(reference), NUMBER.split(run)
    if want[::2] != got[::2]:
        return run
    numbers = iter(got[1::2])

    def exchange(match):
        want, got = match[1], next(numbers)
        return match[0] if close(want, got) else match[0].replace(want, got)

    return NUMBER.sub(exchange, reference)


def agree(reference, run):
    """Whether the text `run` says what the text `reference` says."""
    try:
        return reference == run or settle(reference, run) == reference
    except InvalidOperation:  # a number that nobody can compute with
        return False


def results(outputs):
    """Return a copy of the outputs without progress bars."""
    return [
        deepcopy(output)
        for output in outputs
        if output.get("name") != "stderr" and WIDGET not in output.get("data", {})
    ]


def places(outputs):
    """Return {stream or MIME type: [(dict, key) of each text]}, the pairs of nbval."""
    found = defaultdict(list)
    for output in outputs:
        if output["output_type"] == "stream":
            found[output["name"]].append((output, "text"))
        for kind, value in output.get("data", {}).items():
            if isinstance(value, str):
                found[kind].append((output["data"], kind))
    return found


def settled(item, test, ref):
    """Return the outputs `test` with every text settled by its reference in `ref`."""
    test = results(test)
    references = places(ref)
    for kind, texts in places(test).items():
        for (holder, key), (source, name) in zip(texts, references[kind], strict=False):
            want, got = item.sanitize(source[name]), item.sanitize(holder[key])
            holder[key] = settle(want, got)
    return test


def compare(item, test, ref, skip_compare=None):
    """Settle the numbers, then let nbval compare; note for reports that it did."""
    item.user_properties.append(("compared", True))
    ref = results(ref)
    return IPyNbCell.compare_outputs(item, settled(item, test, ref), ref, skip_compare)


def pytest_itemcollected(item):
    """Put `compare` in the place of nbval's own comparison, cell by cell."""
    if isinstance(item, IPyNbCell):
        item.parent.sanitize_patterns.setdefault(IMAGE, "base64,...")
        item.compare_outputs = compare.__get__(item)
