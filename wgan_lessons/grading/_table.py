"""grades.csv: one row a submission, and no cell that a spreadsheet would execute."""

import csv
import io
import re
import unicodedata

from wgan_lessons import files

AROUND = ("file",), ("total", "status", "note")
# The last four are how East Asian keyboards write the others; Excel takes them too.
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
# Control characters, halves of characters, line ends of other kinds.
REPLACED = {"Cc", "Cs", "Zl", "Zp"}
TURNING = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
LONGEST = 1000


# Where cells end at semicolons, a formula can stand behind one.
WITHIN = re.compile(rf";[\s\"]*(?=[{re.escape(''.join(FORMULA))}])")


def safe(text):
    """Return text for a cell: one line, and never a formula.

    What begins like one, even after spaces, gets an apostrophe in front; so does what
    would where cells end at a semicolon, as in the Excel of many countries.
    """
    text = "".join(
        "\ufffd" if c in TURNING or unicodedata.category(c) in REPLACED else c
        for c in str(text)
    )
    if len(text) > LONGEST:
        text = text[:LONGEST] + "..."
    text = WITHIN.sub(r"\g<0>'", text)
    seen = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return f"'{text}" if seen.lstrip().startswith(FORMULA) else text


def header(names):
    """Return the names of the columns; ValueError if an exercise is called like one."""
    taken = set(names) & {*AROUND[0], *AROUND[1]}
    if taken:
        raise ValueError(
            f"an exercise is named {min(taken)!r}, like a column of grades.csv. "
            "Rename the exercise."
        )
    return [*AROUND[0], *names, *AROUND[1]]


def row(name, result, names):
    """Return the cells of one submission; points stay empty if nothing was judged."""
    points = [result.marks[n].points if n in result.marks else "" for n in names]
    total = "" if result.total is None else result.total
    return [safe(name), *points, total, result.status, safe(result.note)]


def lost(path, rows):
    """Return the files of the table at `path` that are not among the new rows."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError):
        return ()
    new = {safe(name) for name, _ in rows}
    old = csv.DictReader(io.StringIO(text, newline=""))
    return tuple(row["file"] for row in old if row.get("file") not in {*new, None})


def write(path, rows, names):
    """Write the table whole: UTF-8 with a mark, without which Excel guesses wrong."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(header(names))
    table.writerows(row(name, result, names) for name, result in rows)
    data = text.getvalue().encode("utf-8-sig")
    files.replace_file(path, lambda file: file.write(data))
