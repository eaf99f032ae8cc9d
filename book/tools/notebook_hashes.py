"""What a page was made from: the hashes that a stored notebook carries.

`source` is the code of the cells (prose may change without a new run); `package` is
the part of wgan_lessons that this code can reach, and the committed data that either
of them names.
"""

import ast
import hashlib
import re
from pathlib import Path

from notebook_pairs import code_cells

PACKAGE = "wgan_lessons"
NEVER_USED = {"grading", "__main__", "__pycache__", "_data"}
MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)


def digest(parts):
    """Return the SHA-256 of (name, bytes) pairs, 16 hex digits of it."""
    total = hashlib.sha256()
    for name, content in parts:
        total.update(f"{name}\n{len(content)}\n".encode() + content)
    return total.hexdigest()[:16]


def modules(root):
    """Return {module: its files}; what is no module belongs to `__init__`."""
    package = Path(root) / PACKAGE
    found = {"__init__": []}
    for path in sorted(path for path in package.rglob("*") if path.is_file()):
        parts = path.relative_to(package).parts
        name = parts[0].removesuffix(".py")
        if NEVER_USED & {name, *parts}:
            continue
        module = name != parts[0] or (package / name / "__init__.py").exists()
        found.setdefault(name if module else "__init__", []).append(path)
    return found


def imported(code, known):
    """Return the modules of the package, out of `known`, that some code can import.

    All of them where that cannot be seen, as after `import wgan_lessons`.
    """
    try:
        nodes = list(ast.walk(ast.parse(MAGIC.sub("", code))))
    except SyntaxError:
        return set(known)
    names = set()
    for node in nodes:
        origin = ""
        if isinstance(node, ast.ImportFrom):
            above = f"{PACKAGE}." if node.level else ""
            origin = f"{above}{node.module or ''}".rstrip(".") + "."
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {origin + alias.name for alias in node.names}
    if PACKAGE in names or "import_module" in code:
        return set(known)
    inside = [name.split(".") for name in names if name.startswith(f"{PACKAGE}.")]
    return {parts[1] for parts in inside} & set(known)


def reached(code, files):
    """Return the modules that `code` imports, and what these import, and so on."""
    found, waiting = set(), {"__init__"} | imported(code, files)
    if "wgan-lessons" in code:  # the command line can do everything
        waiting |= set(files)
    while waiting:
        module = waiting.pop()
        found.add(module)
        for path in files[module]:
            if path.suffix == ".py":
                inside = imported(path.read_text("utf-8"), files)
                waiting |= inside - found
    return sorted(found)


def data_named(texts, root):
    """Return the committed data files whose name, or its first word, stands in texts.

    The first word is enough, because code also writes f"ring_{seed}.csv".
    """
    data = Path(root) / "data"
    return [
        path
        for path in sorted(data.rglob("*"))
        if path.is_file()
        and "downloads" not in path.relative_to(data).parts
        and not path.name.startswith((".", "README"))
        and any(path.stem.split("_")[0] in text for text in texts)
    ]


def fingerprint(notebook, root):
    """Return the hashes of what makes the outputs of a notebook."""
    cells = [cell.source for cell in code_cells(notebook)]
    files = modules(root)
    names = reached("\n".join(cells), files)
    used = [path for name in names for path in files[name]]
    texts = cells + [p.read_text("utf-8") for p in used if p.suffix == ".py"]
    parts = [
        (path.relative_to(root).as_posix(), path.read_bytes())
        for path in used + data_named(texts, root)
    ]
    return {
        "source": digest(("cell", source.encode()) for source in cells),
        "package": digest(parts),
    }
