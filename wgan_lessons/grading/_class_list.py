"""Which of the files that were found are submissions, in which order, by which name."""

import re
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import PurePosixPath

NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)


def proper(found):
    """Return the submissions without what lies beside or below a student's only one."""
    parents = [PurePosixPath(s.name).parents for s in found]
    notebooks = Counter(
        above[0] for above, s in zip(parents, found) if NOTEBOOK.search(s.name)
    )
    # A single folder around all is a class, not a student.
    top = {above[-2] if len(above) > 1 else None for above in parents}
    skip = -2 if len(top) == 1 and None not in top else -1
    return [
        s
        for above, s in zip(parents, found)
        if NOTEBOOK.search(s.name) or all(notebooks[p] != 1 for p in above[:skip])
    ]


def alphabetical(submission):
    """Return a submission's place in a list of people: é stands by e, b behind A."""
    parts = unicodedata.normalize("NFKD", submission.name)
    letters = "".join(c for c in parts if not unicodedata.combining(c))
    return letters.casefold(), submission.name


def unique(found):
    """Return the submissions with a number behind a name that came before."""
    seen, done = set(), []
    for submission in found:
        name, number = submission.name, 1
        while name in seen:
            number += 1
            name = f"{submission.name} ({number})"
        seen.add(name)
        done.append(replace(submission, name=name))
    return done
