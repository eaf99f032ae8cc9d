"""What an answer exchanges that is not its own, as far as its text says so.

A check may measure an answer with functions of the package. An answer that puts its own
in their place (`divergences.tv = ...`, or `divergences = ...` and `round = ...` for the
whole notebook) can pass without being right, and no comparison of outputs sees that. So
a teacher is told to look. This is no wall: who hides it well is not found.
"""

import ast
import builtins
from collections import deque
from functools import cache

from wgan_lessons.grading._answers import tree_of

MOST = 3  # names in one note
PYTHONS = {name for name in dir(builtins) if not name.startswith("_")}
SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
SETTERS = {"setattr", "delattr"}


def exchanged(source, taken=frozenset()):
    """Return the names, such as "divergences.tv", that an answer puts others into.

    They are attributes of what the answer has imported or found in the notebook; what
    it has made itself, or was given as an argument, is its own. Names of Python and
    those `taken` are nobody's to make anew for the whole notebook.
    """
    tree = tree_of(source)
    nodes = list(ast.walk(tree))
    lost = [name for name in made(tree) if name in PYTHONS or name in taken]
    own = set(bound(nodes)) - set(lost)
    found = lost
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


def made(tree):
    """Yield the names that a program makes or deletes for the whole notebook."""
    waiting = deque([tree])  # no recursion, for a tree may be deeper than that goes
    while waiting:
        for node in ast.iter_child_nodes(waiting.popleft()):
            if isinstance(node, SCOPES):
                if not isinstance(node, ast.Lambda):
                    yield node.name
                yield from of_the_notebook(node)
                continue
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                yield node.id
            # The variable of a comprehension stays inside.
            waiting.append(node.iter if isinstance(node, ast.comprehension) else node)


def of_the_notebook(scope):
    """Yield the names that a function makes and declares global."""
    inside = list(ast.walk(scope))
    world = {n for node in inside if isinstance(node, ast.Global) for n in node.names}
    yield from (name for name in bound(inside) if name in world)


@cache
def names_of(sources):
    """Return the names that programs import or define, such as a key's set-up."""
    found = set()
    for node in (node for source in sources for node in ast.walk(tree_of(source))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, SCOPES) and not isinstance(node, ast.Lambda):
            found.add(node.name)
    return frozenset(found)


def targets(node):
    """Yield the attributes that a node writes or deletes."""
    if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        yield node
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        named = node.args[1:2] and isinstance(node.args[1], ast.Constant)
        if node.func.id in SETTERS and named:
            yield ast.Attribute(node.args[0], str(node.args[1].value), ast.Store())


def note(source, taken=frozenset()):
    """Return the note for a teacher, or ""; `taken` as in `exchanged`."""
    names = exchanged(source, taken)
    more = ", ..." if len(names) > MOST else ""
    said = ", ".join(name[:60] for name in names[:MOST]) + more
    return f"changes what is not its own: {said}" if names else ""
