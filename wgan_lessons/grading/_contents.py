"""The bytes of a file that somebody handed in, turned into a notebook or a reason.

Only what grading needs is taken over: kinds of cells and their text. Ids, tags,
metadata and saved outputs stay behind, so that it does not matter what is in them.
"""

import codecs
import json
import re
from typing import NamedTuple

from wgan_lessons.grading.formats import need

CELLS = 5000
AGAIN = "Hand in the .ipynb again."
DOWNLOAD = "In Colab: File, Download, Download .ipynb."
# What people hand in for a notebook, by how it begins.
BEGINNINGS = {
    b"PK\x03\x04": "a zip or a document of an office program",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"Rar!": "an archive",
    b"7z\xbc\xaf": "an archive",
    b"{\\rtf": "a document of an office program",
    b"<": "a web page",
}
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# No program needs these, and reports cannot show them.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]")


class Unreadable(NamedTuple):
    """Why a file is no notebook that can be graded."""

    reason: str


class _Refused(ValueError):
    pass


def notebook(data):
    """Return the notebook (nbformat 4) that the bytes hold, or Unreadable."""
    try:
        found = cells(parsed(decoded(data)))
    except _Refused as error:
        return Unreadable(str(error))
    v4 = need("nbformat").v4
    makers = {"code": v4.new_code_cell, "raw": v4.new_raw_cell}
    made = [
        makers.get(kind, v4.new_markdown_cell)(text, id=f"cell-{number}")
        for number, (kind, text) in enumerate(found)
    ]
    return v4.new_notebook(cells=made)


def decoded(data):
    """Return the text; a byte order mark is taken at its word."""
    if not data.strip():
        raise _Refused(f"The file is empty. {AGAIN}")
    start = data.lstrip()[:8]
    for beginning, kind in BEGINNINGS.items():
        if start.startswith(beginning):
            raise _Refused(f"The file is {kind}, not a notebook. {DOWNLOAD}")
    encoding = next((e for mark, e in MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        binary = encoding != "utf-16" and b"\0" in data
        kind = "binary" if binary else "not UTF-8 text"
        raise _Refused(
            f"The file is {kind} (byte {error.start}). Save it in Jupyter or Colab."
        ) from error
    if "\0" in text:
        raise _Refused(f"The file is binary. {DOWNLOAD}")
    return text


def parsed(text):
    """Return what the JSON says, which must be a notebook's dict."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise _Refused(f"The file is nested too deeply. {AGAIN}") from error
    except json.JSONDecodeError as error:
        whole = len(text.rstrip())
        if error.pos >= whole - 1 or error.msg.startswith("Unterminated string"):
            raise _Refused(f"The file breaks off in the middle. {AGAIN}") from error
        place = f"line {error.lineno}, column {error.colno}"
        raise _Refused(
            f"The file is damaged: no JSON at {place}. Save it in Jupyter or Colab."
        ) from error
    except ValueError as error:
        raise _Refused(f"The file is damaged: {str(error)[:80]}. {AGAIN}") from error
    if not isinstance(found, dict):
        raise _Refused(f"The file is JSON, but no notebook. {DOWNLOAD}")
    return found


def cells(found):
    """Return [(kind, text)] of the dict's cells, in nbformat 2, 3, 4 or nearly so."""
    pages = found.get("worksheets")
    listed = found.get("cells")
    if not isinstance(listed, list) and isinstance(pages, list):
        pages = [page for page in pages if isinstance(page, dict)]
        listed = [c for page in pages for c in several(page.get("cells"))]
    if not isinstance(listed, list):
        raise _Refused(f"The file has no cells, so it is no notebook. {DOWNLOAD}")
    listed = [cell for cell in listed if isinstance(cell, dict)]
    if len(listed) > CELLS:
        raise _Refused(
            f"The notebook has {len(listed)} cells, more than {CELLS}. "
            "Hand in the exercise notebook itself."
        )
    return [(str(cell.get("cell_type")), source(cell)) for cell in listed]


def several(value):
    """Return a list, an empty one for anything else."""
    return value if isinstance(value, list) else []


def source(cell):
    """Return a cell's text, stored whole or line by line, with \\n at line ends."""
    text = cell.get("source", cell.get("input", ""))
    if isinstance(text, list):
        lines = [line for line in text if isinstance(line, str)]
        open_ends = not any(line.endswith(("\n", "\r")) for line in lines[:-1])
        text = ("\n" if open_ends else "").join(lines)
    if not isinstance(text, str):
        return ""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return UNPRINTABLE.sub("\ufffd", text.removeprefix("\ufeff"))
