"""Rows of runs: written as one CSV, whole or not at all, and summed up."""

import csv
import io
from typing import NamedTuple

import numpy as np

from wgan_lessons.files import replace_file


def cell(value):
    """Return a value as a table holds it: floats with 5 digits, None empty."""
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def write_table(path, columns, rows):
    """Write rows of cells (dicts) to a CSV file, which appears once it is whole."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace_file(path, lambda file: file.write(text.getvalue().encode()))


def read_runs(path, columns, known):
    """Return {(setting, seed): rows} of a table: the runs of settings as they are now.

    known: {label: {column: value}}; a run with another value is left out, and so is a
    table with other columns.
    """
    if not path.exists():
        return {}
    runs = {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        for row in reader if reader.fieldnames == list(columns) else ():
            wanted = known.get(row["setting"])
            if wanted and all(row.get(k) == cell(v) for k, v in wanted.items()):
                runs.setdefault((row["setting"], int(row["seed"])), []).append(row)
    return runs


class Summary(NamedTuple):
    """Smallest, median and largest of one column over the seeds."""

    low: float
    median: float
    high: float


def summary(rows, column):
    """Return {setting: Summary} of a column in the last row of each run."""
    last = {(row["setting"], row["seed"]): row[column] for row in rows}
    groups = {}
    for (label, _), value in last.items():
        groups.setdefault(label, []).append(value)
    return {k: Summary(min(v), float(np.median(v)), max(v)) for k, v in groups.items()}


def reached(rows, column, threshold):
    """Return {(setting, seed): its first row with column <= threshold, or None}."""
    first = {(row["setting"], row["seed"]): None for row in rows}
    for row in rows:
        key = row["setting"], row["seed"]
        if first[key] is None and row[column] <= threshold:
            first[key] = row
    return first
