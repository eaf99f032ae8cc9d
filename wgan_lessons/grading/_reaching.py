"""What an answer exchanges that is not its own, as far as its text says so.

A check may measure an answer with functions of the package. An answer that puts its own
in their place (`divergences.tv = ...`) can pass without being right, and no comparison
of outputs sees that. So a teacher is told to look. This is no wall: who hides it well
is not found.
"""

import ast

from wgan_lessons.grading._answers import PARSING

MOST = 3  # names in one note
SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
SETTERS = {"setattr", "delattr"}


def exchanged(source):
    """Return the names, such as "divergences.tv", that an answer puts others into.

    They are attributes of what the answer has imported or found in the notebook; what
    it has made itself, or was given as an argument, is its own.
    """
    try:
        with PARSING:
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    nodes = list(ast.walk(tree))
    own = set(bound(nodes))
    found = []
    for node in nodes:
        for target in targets(node):
            root, name = target, []
            while isinstance(root, ast.Attribute):
                name.append(root.attr)
                root = root.value
            if name and isinstance(root, ast.Name) and root.id not in own:
                found.append(".".join([root.id, *name[::-1]]))
    return tuple(dict.fromkeys(found))


def bound(nodes):
    """Yield the names that a program makes itself; imports are others' work."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, SCOPES) and not isinstance(node, ast.Lambda):
            yield node.name


def targets(node):
    """Yield the attributes that a node writes or deletes."""
    if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        yield node
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        named = node.args[1:2] and isinstance(node.args[1], ast.Constant)
        if node.func.id in SETTERS and named:
            yield ast.Attribute(node.args[0], str(node.args[1].value), ast.Store())


def note(source):
    """Return the note for a teacher, or ""."""
    names = exchanged(source)
    more = ", ..." if len(names) > MOST else ""
    said = ", ".join(name[:60] for name in names[:MOST]) + more
    return f"changes what is not its own: {said}" if names else ""
