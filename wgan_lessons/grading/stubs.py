"""The stub that students get where no other is written: the answer without its code."""

import ast
from itertools import takewhile


def stub(answer):
    """Return an answer's source with `...` in the place of what students write.

    The first line and the comments right below it stay, and so do imports. A function
    keeps its signature and docstring, an assignment its names; other statements and
    names that begin with _ go. Raises ValueError where nothing would be left.
    """
    lines = answer.splitlines()
    opening = list(takewhile(lambda line: line.startswith("#"), lines))
    code = answer.encode()
    kept = [_statement(node, code) for node in ast.parse(answer).body]
    imports = [text for kind, text in kept if kind == "import"]
    others = [(kind, text) for kind, text in kept if kind not in ("import", None)]
    if not others:
        raise ValueError(
            f"the answer {lines[0]!r} defines no function and no name that a stub "
            "could keep. Write a stub cell below it"
        )
    blocks = ["\n".join(imports)] if imports else []
    for number, (kind, text) in enumerate(others):
        together = number and "function" not in (kind, others[number - 1][0])
        if together:
            blocks[-1] += f"\n{text}"
        else:
            blocks.append(text)
    gap = "\n\n\n" if any(kind == "function" for kind, _ in others) else "\n\n"
    return "\n".join(opening) + "\n" + gap.join(blocks)


def _statement(node, code):
    """Return (kind, what stays of a statement); (None, "") if nothing does."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return "import", ast.get_source_segment(code.decode(), node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return (
            ("function", _function(node, code)) if node.name[0] != "_" else (None, "")
        )
    if isinstance(node, ast.ClassDef):
        raise ValueError(
            f"no stub can be made of the class {node.name}. Write a stub cell below "
            "the answer"
        )
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return None, ""
    leaves = [leaf for target in targets for leaf in _leaves(target)]
    names = [leaf.id for leaf in leaves if isinstance(leaf, ast.Name)]
    lines = [f"{name} = ..." for name in names if name[0] != "_"]
    return ("names", "\n".join(lines)) if lines else (None, "")


def _leaves(target):
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _leaves(part)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def _function(node, code):
    """Return a function's head and docstring, as they are written, and `...`."""
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    body = node.body[0]
    head = _until(code, first, body.lineno, body.col_offset).rstrip()
    head = "\n".join(_without_comments(head.splitlines()))
    parts = [head]
    if ast.get_docstring(node) is not None:
        parts.append(" " * 4 + ast.get_source_segment(code.decode(), body))
    return "\n".join([*parts, " " * 4 + "..."])


def _without_comments(lines):
    """Drop the comments between a head and the first statement."""
    while lines and lines[-1].lstrip().startswith("#"):
        lines.pop()
    return [line.rstrip() for line in lines]


def _until(code, first, line, column):
    """Return the text from the start of a line to a place, counted as `ast` does."""
    lines = code.split(b"\n")
    wanted = [*lines[first - 1 : line - 1], lines[line - 1][:column]]
    return b"\n".join(wanted).decode()
