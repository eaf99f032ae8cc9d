"""The hints in the checks of a set, as readers of a solution see them."""

import ast
import re

MARKUP = re.compile(r"[\\`*_$<\[]")


def whole(says, exercise):
    """Return the whole hint that a visible check prints with `says` in it, as Markdown.

    Dots stand for what the check fills in, and around what no check prints as text.
    """
    lines = (line for check in exercise.checks for line in printed(check.source))
    line = next((line for line in lines if says in line), f"… {says} …")
    return MARKUP.sub(r"\\\g<0>", line)


def printed(source):
    """Yield the texts that a check may print, with dots for what it fills in."""
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "print":
            for text in call.args:
                parts = text.values if isinstance(text, ast.JoinedStr) else [text]
                fixed = (isinstance(part, ast.Constant) for part in parts)
                yield "".join(str(p.value) if f else "…" for p, f in zip(parts, fixed))
