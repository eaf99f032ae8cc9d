"""Answers as they stand in a student's notebook, and what of them is not Python.

Magics and shell lines are left out, with a note, and the lines after them keep their
numbers: %matplotlib, %run, !ls and the like become `pass`; `x = !ls` gives None; %time
and %%time, %%timeit, %%capture, %%prun leave the statements that they stand before. An
answer in another language (%%bash, %%writefile...) becomes an error that says so, and
nbval's comments lose their meaning. What is no Python otherwise stays as it is: running
it shows the student's own SyntaxError. This is for fair results, not for safety: what
a kernel may do, the judge limits.
"""

import ast
import re
import threading
import warnings
from typing import NamedTuple

LONGEST = 30_000  # characters of an answer
ROUNDS = 25  # lines left out of one answer
ABOVE = 10  # magics and comments above one
UNTOUCHED = "nothing was changed"
PRINTS = "it prints, and what it prints is compared, too: take the prints out"
MARK = re.compile(r"\s*#+\s*answer\s*[:\uff1a]\s*(\w+)\b.*", re.IGNORECASE)
UNSEEN = "\ufeff\u200b\u200c\u200d\u2060"  # signs without width
# Filters of warnings belong to the whole process; submissions are read in threads.
PARSING = threading.Lock()
TIMERS = ("time", "timeit", "capture", "prun")
CELL_MAGIC = re.compile(r"%%\s*([\w!?-]*)")
TIMED = re.compile(r"(\s*)%time[ \t]+(\S.*)")
ASSIGNED = re.compile(r"(\s*)([A-Za-z_][\w.,\[\] \t]*=)[ \t]*([%!].*)")
LINE = re.compile(r"(\s*)((?:[%!?]|[,;/]\w).*|[\w.*]+\?{1,2})\s*")


class Answer(NamedTuple):
    """One exercise's answer: its code ("" if there is none), and notes for people."""

    source: str
    notes: tuple = ()


def answers(notebook, names, stubs=None):
    """Return {name: Answer} for every name, wherever in the notebook they stand.

    An answer is a code cell whose first line, but for magics and comments, says
    `# answer: name`. Of different answers to an exercise the last counts, where cells
    equal to `stubs` ({name: source}), which were never touched, replace no other.
    """
    found, elsewhere, unknown = {name: [] for name in names}, {}, []
    for cell in notebook.cells:
        name, code, notes = opened(cell.source)
        if name is None:
            continue
        if name not in found:
            unknown.append(name)
        elif cell.cell_type == "code":
            found[name].append(Answer(code, notes))
        else:
            elsewhere[name] = "its answer stands in a text cell, which never runs"
    return {
        name: chosen(name, cells, elsewhere.get(name), unknown, (stubs or {}).get(name))
        for name, cells in found.items()
    }


def opened(source):
    """Return (name or None, code from the line `# answer:` on, notes) of a cell."""
    rest, notes, language = source.lstrip(UNSEEN).lstrip(), (), ""
    for _ in range(ABOVE):
        first, _, body = rest.partition("\n")
        if MARK.fullmatch(first) or not first.startswith(("%", "!", "#")):
            break
        if not first.startswith("#"):
            notes = (*notes, left_out(first))
        if first.startswith("%%"):
            magic = CELL_MAGIC.match(first)[1]
            language = language or ("" if magic in TIMERS else f"%%{magic[:20]}")
        rest = body.lstrip()
    match = MARK.fullmatch(first)
    if not match:
        return None, source, ()
    name = match[1].lower()
    if language:
        said = f"this answer begins with {language}; only Python is run"
        body = f"raise RuntimeError({said!r})"
    return name, f"# answer: {name}\n{body}", notes


def chosen(name, cells, elsewhere, unknown, stub):
    """Return the answer that counts, made plain."""
    if stub is not None:
        worked = [cell for cell in cells if bare(cell.source) != bare(stub)]
        cells = worked or cells
    if not cells:
        if elsewhere:
            return Answer("", (elsewhere,))
        near = f" (but one with {unknown[0][:40]!r})" if unknown else ""
        return Answer("", (f"no cell begins with '# answer: {name}'{near}",))
    notes = ()
    if len({bare(cell.source) for cell in cells}) > 1:
        notes = (f"{len(cells)} different answers: the last one counts",)
    last = cells[-1]
    code, more = plain(last.source)
    if not bare(code):
        more += ("the answer is empty",)
    elif stub is not None and bare(code) == bare(stub):
        more += (UNTOUCHED,)
    return Answer(code, (*notes, *last.notes, *more))


def bare(source):
    """Return the code below the first line without spaces at line ends."""
    lines = [line.rstrip() for line in source.split("\n")[1:]]
    return "\n".join(lines).strip()


def plain(source):
    """Return (source without magics and nbval's comments, notes on what is gone)."""
    if len(source) > LONGEST:
        said = f"this answer has {len(source)} characters, more than {LONGEST}"
        first = source.split("\n", 1)[0][:80]
        return f"{first}\nraise RuntimeError({said!r})", (said,)
    lines, notes = source.split("\n"), []
    while (number := mistake("\n".join(lines))) is not None:
        if not 0 < number <= len(lines):
            break
        replaced = harmless(lines[number - 1])
        if replaced is None:
            break
        if len(notes) == ROUNDS:
            said = f"this answer has more than {ROUNDS} lines that are not Python"
            return f"{lines[0]}\nraise RuntimeError({said!r})", (said,)
        notes.append(left_out(lines[number - 1].strip()))
        # A shell line may go on: its rest goes with it.
        while lines[number - 1].endswith("\\") and number < len(lines):
            number += 1
            replaced += "\n# (left out)"
        lines[number - 1 - replaced.count("\n") : number] = replaced.split("\n")
    return silent("\n".join(lines)), tuple(notes)


def parsed(source):
    """Return the tree of a program, without warnings about what stands in it."""
    with PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def tree_of(source):
    """Return the tree of a program, an empty one for what is none."""
    try:
        return parsed(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def prints(source):
    """Whether a function of an answer calls print, as far as its text says so."""
    nodes = ast.walk(tree_of(source))
    functions = (n for n in nodes if isinstance(n, ast.FunctionDef))
    calls = (n.func for f in functions for n in ast.walk(f) if isinstance(n, ast.Call))
    return any(isinstance(name, ast.Name) and name.id == "print" for name in calls)


def mistake(source):
    """Return the line of the first syntax error, 0 if unknown, None if all is well.

    Nothing is compiled or run: the text is only parsed.
    """
    try:
        parsed(source)
    except SyntaxError as error:
        return error.lineno or 0
    except (ValueError, RecursionError, MemoryError):
        return 0  # the kernel will say what is wrong
    return None


def harmless(line):
    """Return what replaces a line of IPython's own, or None for any other line."""
    if match := TIMED.fullmatch(line):
        return match[1] + match[2]
    if match := ASSIGNED.fullmatch(line):
        return f"{match[1]}{match[2]} None  # left out: {short(match[3])}"
    if match := LINE.fullmatch(line):
        return f"{match[1]}pass  # left out: {short(match[2])}"
    return None


def short(text):
    """Return a line's beginning, as it is quoted in a note."""
    text = text.rstrip("\\ ")
    return text if len(text) <= 50 else text[:50] + "..."


def left_out(line):
    """Return the note about a line that is not run."""
    return f"left out: {short(line)}"


def silent(source):
    """Return the source with nbval's comments turned into ordinary ones."""
    # nbval splits lines at every character that str.splitlines knows.
    lines = source.splitlines(keepends=True)
    return "".join(
        re.sub("(NBVAL|PYTEST_VALIDATE)_", r"\1-", line)
        if line.strip().startswith("#")
        else line
        for line in lines
    )
