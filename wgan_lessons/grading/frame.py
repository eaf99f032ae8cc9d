"""What every notebook has: set-up cell, kernel, ids, a seal, and its address."""

import hashlib
import importlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
SETUP = """\
# On Colab this installs the course's package. Anywhere else it does nothing.
import importlib.util
import subprocess
import sys

if "google.colab" in sys.modules:
    wanted = {{
        "wgan_lessons": "git+{url}",
        "ot": "POT",
        "pooch": "pooch",
    }}
    missing = [wanted[name] for name in wanted if not importlib.util.find_spec(name)]
    if missing:  # without dependencies, so that Colab keeps its own PyTorch
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run(pip + missing, check=True)
        importlib.invalidate_caches()"""
COUNTED = ("execution_count", "metadata")
COLAB = "https://colab.research.google.com/github/{}/blob/{}/{}"


class Course(NamedTuple):
    """Where the course lives: its repository, and a notebook's Colab link or None."""

    repository: str
    colab: str | None = None


def need(module):
    """Import a module of the `grade` extra; ValueError says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"exercises need {module.partition('.')[0]}; got {error}. "
            "Install it: pip install 'wgan-lessons[grade]'."
        ) from error


def own_kernel():
    """Return the kernelspec of this very Python, whatever else is called python3."""
    kernelspec = need("ipykernel.kernelspec")
    made = need("jupyter_client.kernelspec").KernelSpec
    return made(resource_dir=kernelspec.RESOURCES, **kernelspec.get_kernel_dict())


def setup_cell(url):
    """Return the first code cell of every notebook."""
    metadata = {"tags": ["remove-cell"]}
    return need("nbformat").v4.new_code_cell(SETUP.format(url=url), metadata=metadata)


def is_setup(source):
    """Whether a code cell is that generated one."""
    return source.startswith(SETUP.partition("\n")[0])


def content_ids(contents):
    """Yield an id for each (cell type, source): the same text, the same id."""
    seen = Counter()
    for kind, source in contents:
        content = f"{kind}\n{source}"
        seen[content] += 1
        digest = hashlib.sha256(f"{seen[content]}\n{content}".encode())
        yield digest.hexdigest()[:8]


def name_cells(notebook):
    """Give every cell an id made of its content."""
    contents = [(cell.cell_type, cell.source) for cell in notebook.cells]
    for cell, name in zip(notebook.cells, content_ids(contents), strict=True):
        cell.id = name


def sealed(notebook):
    """Return the notebook with a hash of its sources and outputs in its metadata."""
    notebook.metadata.setdefault("wgan_lessons", {})["seal"] = seal(notebook)
    return notebook


def seal(notebook):
    """Return a hash of the sources and outputs that saving and counting leave alone."""
    kept = [
        (cell.source, [{k: v for k, v in o.items() if k not in COUNTED} for o in shown])
        for cell in notebook.cells
        for shown in [cell.get("outputs", [])]
    ]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def changed(notebook):
    """Whether a notebook was changed since it was sealed."""
    given = notebook.metadata.get("wgan_lessons", {}).get("seal")
    return given not in (None, seal(notebook))


def settings_above(path):
    """Return the nearest `_config.yml` at or above a folder, or None."""
    folders = [Path(path).resolve(), *Path(path).resolve().parents]
    return next(
        (f / "_config.yml" for f in folders if (f / "_config.yml").exists()), None
    )


def course_of(settings, notebook=None):
    """Return the `Course` of a `_config.yml`, with a notebook's Colab link."""
    root = Path(settings).parent
    config = need("yaml").safe_load(Path(settings).read_text("utf-8"))
    try:
        url = config["repository"]["url"].rstrip("/")
        branch = config["repository"].get("branch", "main")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            "_config.yml must name the repository, from which Colab installs the "
            "package. Add repository: url: https://github.com/OWNER/NAME."
        ) from error
    project = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", url)
    if notebook is None or not project:
        return Course(url)
    place = Path(notebook).resolve().relative_to(root.resolve()).as_posix()
    return Course(url, COLAB.format(project[1], branch, place))
