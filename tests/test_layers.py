"""The package's layers: a module imports only from those above it in LAYERS."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import wgan_lessons

PACKAGE = Path(wgan_lessons.__file__).parent

# Top to bottom. A new module gets its place here; one that does not exist yet is fine.
BASE = ("__init__", "_checks", "_packing", "files")
PART_I = (
    "boxes",
    "transport",
    "duality",
    "densities",
    "divergences",
    "_sequences",
    "examples",
)
PART_II = (
    "distributions",
    "images",
    "_blocks",
    "networks",
    "losses",
    "fdivergences",
    "penalties",
    "projections",
    "fast",
    "recipes",
    "training",
    "checkpoints",
    "infogan",
    "unrolled",
    "vae",
    "theory",
    "signals",
    "evaluation",
)
DRAWING = (
    "_drawing",
    "_transport_figures",
    "_distance_figures",
    "_duality_figures",
    "_proof_figures",
    "_clipping_figures",
    "figures",
)
COMMANDS = ("_runs", "_grading_commands", "__main__")
PART_III = (*DRAWING, "widgets", "reading", "studies", "grading", *COMMANDS)
LAYERS = (*BASE, *PART_I, *PART_II, *PART_III)
MAY_DRAW = {"figures", "widgets", "studies", "_runs", "__main__"}
LINES = 300


def module_of(path):
    """Return the module that a file belongs to; a subpackage is one module."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(PACKAGE.rglob("*.py"))
EXISTING = [name for name in LAYERS if name in set(map(module_of, FILES))]
NAMES = [str(path.relative_to(PACKAGE)) for path in FILES]


def imported(tree, package="wgan_lessons"):
    """Yield every module that a tree imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(filter(None, [package if node.level else "", node.module]))
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def ours(path):
    """Return the modules of the package that a file imports."""
    names = (name.split(".") for name in imported(ast.parse(path.read_text("utf-8"))))
    found = {
        n[1] if len(n) > 1 else "__init__" for n in names if n[0] == "wgan_lessons"
    }
    return {name if name in LAYERS else "__init__" for name in found}


def test_every_module_has_a_layer():
    """A module that is missing in LAYERS belongs nowhere: give it a place."""
    assert set(map(module_of, FILES)) - set(LAYERS) == set()
    assert len(set(LAYERS)) == len(LAYERS)


def test_the_package_lists_its_modules_in_this_order():
    """`wgan_lessons.MODULES` names public modules from the top to the bottom."""
    places = [LAYERS.index(name) for name in wgan_lessons.MODULES]
    assert places == sorted(places)
    public = {name for name in EXISTING if not name.startswith("_")}
    helpers = {"files", "grading"}
    assert public - helpers <= set(wgan_lessons.MODULES)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_module_imports_only_from_above(path):
    """Imports point up, so that each module can be read after those before it."""
    own = LAYERS.index(module_of(path))
    below = {name for name in ours(path) if LAYERS.index(name) > own}
    same = {module_of(path)} if path.parent != PACKAGE else set()
    assert not below - same


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_only_those_who_draw_import_figures(path):
    """Results never depend on pictures: figures are for notebooks and commands."""
    if module_of(path) not in MAY_DRAW | set(DRAWING):
        assert not ours(path) & {*DRAWING, "widgets"}


@pytest.mark.parametrize("name", DRAWING)
def test_figures_import_nothing_of_ours(name):
    """A figure takes numbers: it knows no other part of the package."""
    path = PACKAGE / f"{name}.py"
    if path.exists():
        assert ours(path) - {"__init__"} <= set(DRAWING)


@pytest.mark.parametrize("name", [*BASE, *PART_I, *DRAWING, "reading"])
def test_part_one_names_no_torch(name):
    """Distances need no networks; no import of torch stands there, not even later."""
    path = PACKAGE / f"{name}.py"
    if path.exists():
        roots = {i.split(".")[0] for i in imported(ast.parse(path.read_text("utf-8")))}
        assert not roots & {"torch", "torchvision"}


def test_part_one_loads_no_torch():
    """Importing part I, and what chapter 1 shows it with, leaves torch unloaded."""
    wanted = (*BASE[1:], *PART_I, *DRAWING, "reading")
    modules = [f"wgan_lessons.{name}" for name in wanted if name in EXISTING]
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent)
    assert done.returncode == 0


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_module_can_be_read_in_one_go(path):
    """No module is longer than 300 lines; most stay below 250."""
    assert len(path.read_text("utf-8").splitlines()) <= LINES


@pytest.mark.parametrize(
    "source, expected",
    [
        ("import wgan_lessons.boxes", {"wgan_lessons.boxes"}),
        ("from wgan_lessons import fast", {"wgan_lessons", "wgan_lessons.fast"}),
        ("from . import fast", {"wgan_lessons", "wgan_lessons.fast"}),
        ("from .fast import a", {"wgan_lessons.fast", "wgan_lessons.fast.a"}),
        ("def f():\n    import torch.nn", {"torch.nn"}),
    ],
)
def test_every_kind_of_import_is_seen(source, expected):
    """The test itself misses no way of writing an import."""
    assert set(imported(ast.parse(source))) == expected
