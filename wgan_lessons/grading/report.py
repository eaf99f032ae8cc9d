"""What students and their teacher read: a page a submission, and one on the class.

A student's page holds their code, the visible checks with what their code showed, and
of hidden checks only whether they passed: nothing else of those is in a Result.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from urllib.parse import quote

from wgan_lessons import files
from wgan_lessons.grading import _pages, formats
from wgan_lessons.grading._pages import text

BARS = 12  # at most so many bars in the histogram
STOPPED = {
    "timed out": "Something took longer than allowed and was stopped.",
    "crashed": "Something ended the program before all checks had run.",
}


def write(out, key, rows):
    """Write reports/*.html and summary.html for rows of (file, Result)."""
    for name, result in rows:
        content = student(key, name, result)
        place = out / "reports" / file_name(name)
        files.replace_file(place, lambda file, content=content: file.write(content))
    content = summary(key, rows)
    files.replace_file(out / "summary.html", lambda file: file.write(content))


def file_name(name):
    """Return a file name for a submission's report: plain, and its own.

    The same submission always gets the same: a hash of its name stands at the end.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem = re.sub(r"\.ipynb$", "", plain, flags=re.IGNORECASE)
    stem = re.sub(r"[^A-Za-z0-9-]+", "_", stem).strip("_-")[:60] or "submission"
    return f"{stem}-{hashlib.sha256(name.encode()).hexdigest()[:20]}.html"


def student(key, name, result):
    """Return the page of one submission."""
    found = formats.exercises(key)
    title = f"{key.name}: {name}"
    if not result.marks:
        said = f"<p><strong>Not graded ({text(result.status)}).</strong></p>"
        return _pages.page(title, [said, f"<p>{text(result.note)}</p>"])
    most = sum(exercise.points for exercise in found)
    parts = [
        f"<p><strong>{result.total} of {most} points.</strong> An exercise gives its "
        "points if all of its checks pass, hidden ones too.</p>",
        "<p>Below a check stands what your answer showed there. Other data was drawn "
        "than in your notebook, so the numbers are others, too.</p>",
        f"<p>{STOPPED[result.status]}</p>" if result.status in STOPPED else "",
        overview(found, result),
    ]
    parts += [section(exercise, result.marks[exercise.name]) for exercise in found]
    return _pages.page(title, parts)


def overview(found, result):
    """Return the table of a student's exercises."""
    rows = [
        (
            f'<a href="#{text(e.name)}">{text(heading(e))}</a>',
            f"{result.marks[e.name].points} of {e.points}",
            passed(result.marks[e.name].outcomes),
        )
        for e in found
    ]
    columns = [("Exercise", "long"), ("Points", "number"), ("Checks passed", "number")]
    return _pages.table("Points by exercise", columns, rows)


def heading(exercise):
    """Return an exercise's title without marks of Markdown."""
    return re.sub(r"[*`$\\]|(?<!\w)_|_(?!\w)", "", exercise.title)


def passed(outcomes):
    """Return how many checks passed, such as "2 of 3"."""
    return f"{sum(o.passed is True for o in outcomes)} of {len(outcomes)}"


def section(exercise, mark):
    """Return what a student reads about one exercise."""
    name = exercise.name
    parts = [
        f'<section aria-labelledby="{text(name)}">',
        f'<h2 id="{text(name)}">{text(heading(exercise))}</h2>',
        f"<p>{mark.points} of {exercise.points} points</p>",
    ]
    if mark.notes:
        parts.append(f"<p>Note: {text('; '.join(mark.notes))}.</p>")
    parts += ["<h3>Your answer</h3>"]
    if mark.code.strip():
        parts.append(_pages.code(mark.code, f"your answer to {name}"))
    else:
        parts.append("<p>There is none.</p>")
    if mark.error:
        parts.append(f"<p>It stops with: <code>{text(mark.error)}</code></p>")
    parts.append("<h3>Checks</h3>")
    visible = [outcome for outcome in mark.outcomes if not outcome.hidden]
    sources = [check.source for check in exercise.checks]
    for number, (outcome, source) in enumerate(zip(visible, sources), start=1):
        parts.append(check(number, outcome, source, name))
    hidden = [outcome for outcome in mark.outcomes if outcome.hidden]
    if hidden:
        rows = [(f"Hidden check {n}", word(o)) for n, o in enumerate(hidden, start=1)]
        columns = [("Check", ""), ("Result", "")]
        parts.append(_pages.table("Hidden checks", columns, rows))
    return "\n".join([*parts, "</section>"])


def check(number, outcome, source, name):
    """Return what a student reads about one visible check."""
    label = f"check {number} of {name}"
    said = f"; {text(outcome.error)}" if outcome.error else ""
    parts = [f"<p>Check {number}: {word(outcome)}{said}</p>"]
    if outcome.text:
        parts.append(_pages.code(outcome.text, f"output of {label}"))
    shown = _pages.code(source, f"code of {label}")
    return "\n".join([*parts, f"<details><summary>Its code</summary>{shown}</details>"])


def word(outcome):
    """Return the result of a check in a word, coloured."""
    if outcome.passed is None:
        return '<span class="failed">not run</span>'
    result = "passed" if outcome.passed else "failed"
    return f'<span class="{result}">{result}</span>'


def summary(key, rows):
    """Return the page on the class."""
    found = formats.exercises(key)
    judged = [result for _, result in rows if result.marks]
    states = Counter(result.status for _, result in rows)
    counts = ", ".join(f"{n} {text(status)}" for status, n in states.items())
    parts = [f"<p>{len(rows)} submissions: {counts}.</p>"]
    if judged:
        parts += ["<h2>Totals</h2>", histogram(found, judged)]
        parts += ["<h2>Exercises</h2>", difficulty(found, judged)]
    parts += ["<h2>Submissions</h2>", listing(found, rows)]
    return _pages.page(f"{key.name}: summary of the class", parts)


def histogram(found, judged):
    """Return the totals as a table with bars."""
    most = sum(exercise.points for exercise in found)
    width = -(-(most + 1) // BARS)
    counts = Counter(result.total // width for result in judged)
    tallest, rows = max(counts.values()), []
    for step in range(most // width + 1):
        low, high = step * width, min(step * width + width - 1, most)
        share = 100 * counts[step] / tallest
        bar = (
            f'<span class="bar" style="width: {share:.0f}%" aria-hidden="true"></span>'
        )
        label = f"{low}" if low == high else f"{low} to {high}"
        rows.append(
            (
                label,
                f"{counts[step]}",
                f'<div class="scale" aria-hidden="true">{bar}</div>',
            )
        )
    mean = sum(result.total for result in judged) / len(judged)
    columns = [("Points", "number"), ("Submissions", "number"), ("", "")]
    # A column of bars needs no name: the numbers stand beside them.
    drawn = _pages.table(f"How many reached how many of {most} points", columns, rows)
    drawn = drawn.replace('<th scope="col" class=""></th>', "<td></td>")
    return f"<p>Mean: {mean:.1f} of {most} points.</p>{drawn}"


def difficulty(found, judged):
    """Return how many solved each exercise, and which one was the hardest."""
    solved = {
        e.name: sum(result.marks[e.name].points > 0 for result in judged) for e in found
    }
    fewest = min(solved.values())
    hardest = [text(heading(e)) for e in found if solved[e.name] == fewest]
    rows = [
        (
            f"{text(heading(e))} <code>({text(e.name)})</code>",
            f"{e.points}",
            f"{solved[e.name]} of {len(judged)}",
            f"{100 * solved[e.name] / len(judged):.0f}%",
        )
        for e in found
    ]
    columns = [("Exercise", "long"), *((n, "number") for n in ("Points", "Solved by"))]
    columns += [("Share", "number")]
    which = "Hardest exercise" if len(hardest) == 1 else "Hardest exercises"
    said = f"<p>{which}: <strong>{'; '.join(hardest)}</strong>.</p>"
    if len(hardest) == len(found) > 1:
        said = "<p>All exercises were solved equally often.</p>"
    return said + _pages.table("How many solved each exercise", columns, rows)


def listing(found, rows):
    """Return all submissions with links to their reports."""
    columns = [("File", "long"), *((e.name, "number") for e in found)]
    columns += [("Total", "number"), ("Status", ""), ("Note", "long")]
    lines = []
    for name, result in rows:
        link = f'<a href="reports/{quote(file_name(name))}">{_pages.label(name)}</a>'
        points = [result.marks[e.name].points if result.marks else "" for e in found]
        total = "" if result.total is None else result.total
        cells = [*points, total, text(result.status), text(result.note)]
        lines.append((link, *map(str, cells)))
    return _pages.table("All submissions", columns, lines)
