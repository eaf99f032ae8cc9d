"""What became of a submission, and where finished results wait for the next start."""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from wgan_lessons import __version__, files

FORMAT = 2  # a number to count up when results change their meaning
STATUS = ("graded", "unreadable", "timed out", "crashed")


@dataclass(frozen=True)
class Outcome:
    """What became of one check; of a hidden one nothing but `passed` is kept.

    `passed` is None for a check that never ran; `text` is what the student's code
    showed, `error` one line about what went wrong.
    """

    passed: bool | None
    hidden: bool = False
    text: str = ""
    error: str = ""


@dataclass(frozen=True)
class Mark:
    """One exercise of one submission: points, the student's code, its checks."""

    points: int
    code: str
    outcomes: tuple
    notes: tuple = ()
    error: str = ""


@dataclass(frozen=True)
class Result:
    """One submission: `status` is one of STATUS, `marks` {exercise: Mark}.

    `final` is False where the grader itself failed; such results are not kept.
    """

    status: str
    note: str = ""
    marks: dict = field(default_factory=dict)
    final: bool = True

    @property
    def total(self):
        """The sum of the points, None where nothing was judged."""
        return sum(m.points for m in self.marks.values()) if self.marks else None


def packed(result):
    """Return a result as bytes of JSON."""
    return json.dumps(asdict(result)).encode()


def unpacked(data):
    """Return the result that `packed` made these bytes of; ValueError if it did not."""
    try:
        found = json.loads(data)
        marks = {
            name: Mark(
                mark["points"],
                mark["code"],
                tuple(Outcome(**outcome) for outcome in mark["outcomes"]),
                tuple(mark["notes"]),
                mark["error"],
            )
            for name, mark in found.pop("marks").items()
        }
        return Result(**found, marks=marks)
    except (TypeError, KeyError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"no result: {error}") from error


class Store:
    """The folder OUT/.results: one file a submission that is done.

    A file's name is the hash of all that decides about the result: the submission's
    bytes, and `about`, which names key, seed, limits, kernel.
    """

    def __init__(self, folder, about):
        self.folder = folder
        settings = json.dumps([FORMAT, __version__, about], sort_keys=True)
        self.start = hashlib.sha256(settings.encode())

    def place(self, data):
        """Return the path of the result for a submission's bytes."""
        whole = self.start.copy()
        whole.update(data)
        return self.folder / f"{whole.hexdigest()}.json"

    def find(self, place):
        """Return the result that is kept at a path, or None."""
        try:
            return unpacked(place.read_bytes())
        except (OSError, ValueError):
            return None

    def keep(self, place, result):
        """Keep a result, unless the grader itself was at fault."""
        if result.final:
            content = packed(result)
            files.replace_file(place, lambda file: file.write(content))
