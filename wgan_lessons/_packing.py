"""Numbers as short text, for tables and pages: base-64 digits, the highest first.

A page's script reads them with `indexOf` in the same `DIGITS`.
"""

import numpy as np

from wgan_lessons import _checks

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def pack(values, *, low, high, width):
    """Return numbers as text, `width` characters each, in their flat order.

    low..high becomes 0..64^width - 1, rounded; what lies outside is moved to the end.
    Raises ValueError for NaN, infinite values and high < low.
    """
    values = _checks.array("values", values).ravel()
    size = _checks.number("high - low", high - low, minimum=0.0) or 1.0
    top = len(DIGITS) ** width - 1
    whole = np.rint(((values - low) / size).clip(0, 1) * top).astype(int)
    powers = len(DIGITS) ** np.arange(width)[::-1]
    return "".join(DIGITS[d] for d in (whole[:, None] // powers % len(DIGITS)).ravel())


def unpack(text, *, low, high, width):
    """Return what `pack` was given, to half a step, as a flat array."""
    digits = np.array([DIGITS.index(letter) for letter in text]).reshape(-1, width)
    powers = len(DIGITS) ** np.arange(width)[::-1]
    return low + (high - low) * (digits @ powers) / (len(DIGITS) ** width - 1)
