"""The rules of an exercise set's source (formats.py), one by one.

Each raises ValueError with the rule and what came; the caller says in which cell.
"""

import ast
import re

CHECKED = "nbval-check-output"
ROLES = ("parameters", "answer", "stub", CHECKED, "wrong")  # at most one of them
LOOKS = {"hide-input", "hide-output", "hide-cell"}
LOOKS |= {"remove-input", "remove-output", "remove-cell"}
POINTS = re.compile(r"points-([1-9]\d*)")
NAME = re.compile(r"# answer: ([a-z][a-z0-9_]*)\s*")
MARK = re.compile(r"#\s*(answer|wrong)\s*:")
WRONG = re.compile(r"# wrong: (\S.*)\n# says: (\S.*)\n")


def tags_of(cell):
    """Return a cell's tags; ValueError if they are no list of words."""
    tags = cell.metadata.get("tags", [])
    if not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        raise ValueError(f"its tags must be a list of words; got {tags!r}")
    return tags


def kind_of(raw):
    """Return what a cell is for, as its tags say; ValueError if they disagree."""
    tags = tags_of(raw)
    roles = [tag for tag in tags if tag in ROLES]
    score = [tag for tag in tags if POINTS.fullmatch(tag)]
    unknown = set(tags) - {*ROLES, *score, *LOOKS, "hidden"}
    if raw.cell_type == "markdown" and roles == ["answer"] and len(tags) == 1:
        return "words"
    if raw.cell_type != "code":
        if roles or score or "hidden" in tags:
            raise ValueError(
                "only code cells have roles, but for Markdown with the one tag answer, "
                f"an answer in words; got the tags {tags}"
            )
        return "prose"
    if unknown:
        known = ", ".join([*ROLES, "points-N", "hidden"])
        raise ValueError(f"{sorted(unknown)} is no tag of exercises. There are {known}")
    if len(roles) > 1:
        raise ValueError(f"a cell has one role; got {roles}. Split the cell")
    role = roles[0] if roles else "shared"
    if (role == "answer") != (len(score) == 1):
        raise ValueError(f"answers, and only they, carry one tag points-N; got {tags}")
    if "hidden" in tags and role != CHECKED:
        raise ValueError(f"hidden says which checks are hidden: add {CHECKED} to it")
    if role == CHECKED:
        return "hidden" if "hidden" in tags else "check"
    return role


def answer_name(source):
    """Return the name in the first line of an answer; ValueError without one."""
    match = NAME.fullmatch(source.partition("\n")[0])
    if not match:
        raise ValueError(
            "its first line must be `# answer: name` with a name of small letters, "
            "digits and _"
        )
    return match[1]


def check_cell(cell, before):
    """Check what can be seen at the cell and the cells above it."""
    own = [c for c in before if cell.exercise and c.exercise == cell.exercise]
    if cell.kind in ("prose", "shared"):
        if cell.kind == "shared" and MARK.match(cell.source.lstrip()):
            raise ValueError("it looks like an answer: tag it answer, stub or wrong")
        return
    if cell.kind == "words":
        if not own:
            raise ValueError("an answer in words stands below the code of an answer")
        if not cell.source.strip():
            raise ValueError("an answer in words must not be empty")
        return
    body = _python(cell.source)
    if cell.kind == "parameters":
        if [ast.unparse(node) for node in body] != ["SEED = 0"]:
            raise ValueError("the cell tagged parameters must say SEED = 0 only")
        if before and "answer" in {c.kind for c in before}:
            raise ValueError("the cell tagged parameters stands before every answer")
    elif cell.kind == "answer" and own:
        raise ValueError(f"there is a second answer {cell.exercise!r}. Rename one")
    elif cell.kind == "stub" and not (own and own == before[-1:]):
        raise ValueError("a stub stands right after its answer and has the same name")
    elif cell.kind in ("check", "hidden"):
        if not cell.exercise:
            raise ValueError("a check stands below its answer")
        if not body or not isinstance(body[-1], ast.Expr) or _silent(cell.source):
            raise ValueError("a check ends in an expression that shows its numbers")
    elif cell.kind == "wrong":
        if not {"check", "hidden"} & {c.kind for c in own}:
            raise ValueError("a wrong answer stands below the checks of its exercise")
        if not WRONG.match(cell.source):
            raise ValueError(
                "its first two lines must be `# wrong: label` and `# says: message`"
            )


def _python(source):
    try:
        return ast.parse(source).body
    except SyntaxError as error:
        raise ValueError(f"it must be plain Python: {error.msg}") from error


def _silent(source):
    return source.rstrip().endswith(";")


def check_key(key, found):
    """Check what only the whole key shows."""
    seeds = sum(cell.kind == "parameters" for cell in key.cells)
    if seeds != 1:
        raise ValueError(f"one cell must be tagged parameters (SEED = 0); got {seeds}")
    if not found:
        raise ValueError("there is no cell tagged answer: nothing to do for students")
    titles = [exercise.title for exercise in found]
    for number, exercise in enumerate(found):
        if not exercise.title or exercise.title in titles[:number]:
            raise ValueError(
                f"the exercise {exercise.name!r} needs a heading of its own above its "
                "answer, such as ## 1. Compute: a distance"
            )
        if not exercise.checks:
            raise ValueError(
                f"the exercise {exercise.name!r} has no check that students see. Tag a "
                f"cell below its answer {CHECKED}"
            )
